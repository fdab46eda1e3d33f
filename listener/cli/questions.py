"""`listener questions`: what people keep asking about a brand."""

from __future__ import annotations

from collections.abc import Sequence

import click

from listener.cli.main import chosen, opened
from listener.cli.window import Window
from listener.people_files import QUESTION, as_csv, as_json, question_row
from listener.questions import Group, asked_of
from storage.records import stamp

_COLUMNS = "{:>6}  {:10}  {}"


@click.command("questions")
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Default: every brand; may be repeated.")
@click.option("--since", default="90d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
@click.option("--top", type=click.IntRange(1, 2000), default=20, show_default=True, help="How many to print.")
@click.option("--csv", "form", flag_value="csv", help="All of them, for a spreadsheet.")
@click.option("--json", "form", flag_value="json", help="All of them.")
@click.pass_context
def questions_command(
    ctx: click.Context, brands: tuple[str, ...], since: str, until: str, top: int, form: str | None
) -> int:
    """What people ask, equal questions together, most askers first; of the newest 2,000 mentions."""
    with opened(ctx) as app:
        start, end = map(stamp, Window(since, until).between(app.config.settings.zone, app.now()))
        rivals = {brand.name: brand.rivals for brand in app.config.settings.brands}
        found = {name: asked_of(app.store, name, rivals[name], start, end) for name in chosen(app, brands)}
    if form is None:
        for name, groups in found.items():
            _print(name, groups[:top])
        return 0
    rows = [question_row(group, name) for name, groups in found.items() for group in groups]
    click.echo(as_csv(rows, QUESTION) if form == "csv" else as_json(rows), nl=False)
    return 0


def _print(brand: str, groups: Sequence[Group]) -> None:
    click.echo(f"{brand}:" if groups else f"{brand}: nobody asked anything.")
    if groups:
        click.echo(_COLUMNS.format("askers", "newest", "question"))
    for group in groups:
        where = f" (answered at {group.answer.url})" if group.answer else ""
        click.echo(
            _COLUMNS.format(
                f"{group.askers:,}", group.asked[0].at[:10], (group.first.text or group.asked[0].text) + where
            )
        )
