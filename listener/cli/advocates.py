"""`listener advocates`: who praises a brand again and again, or helps others with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from listener.cli.main import chosen, opened
from listener.cli.window import Window
from listener.people_files import NOTED_AT, PERSON, as_csv, as_json, everybody, person_row
from storage.records import stamp
from storage.records_people import Person

_COLUMNS = "{:>7} {:>6}  {:10}  {}"
_WIDEST = 40


@click.command("advocates")
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Default: every brand; may be repeated.")
@click.option("--since", default="180d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
@click.option("--helpers", is_flag=True, help="Who answers others, whatever they think of the brand.")
@click.option("--top", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many to print.")
@click.option("--csv", "form", flag_value="csv", help="All of them, for a spreadsheet; not who opted out.")
@click.option("--json", "form", flag_value="json", help="All of them; not who opted out.")
@click.pass_context
def advocates_command(
    ctx: click.Context, brands: tuple[str, ...], since: str, until: str, helpers: bool, top: int, form: str | None
) -> int:
    """People who praised in two or more separate threads, most threads first."""
    with opened(ctx) as app:
        start, end = map(stamp, Window(since, until).between(app.config.settings.zone, app.now()))
        ask = app.store.helpers if helpers else app.store.advocates
        names = chosen(app, brands)
        if form is None:
            for name in names:
                _print(name, ask(name, start, end, limit=top).people, "helps others" if helpers else "praised it twice")
            return 0
        rows = [person_row(one, name) for name in names for one in everybody(partial(ask, name, start, end))]
    click.echo(as_csv(rows, (*PERSON, *NOTED_AT)) if form == "csv" else as_json(rows), nl=False)
    return 0


def _print(brand: str, people: Sequence[Person], deed: str) -> None:
    if not people:
        click.echo(f"{brand}: nobody known by name {deed}.")
        return
    click.echo(f"{brand}:")
    click.echo(_COLUMNS.format("threads", "helped", "newest", "author"))
    for one in people:
        name = one.author.name or one.author.handle
        short = name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"
        who = f"{short}, {', '.join(one.sources)}" + (", opted out" if one.opted_out else "")
        click.echo(_COLUMNS.format(f"{one.threads:,}", f"{one.helped:,}", one.latest_at[:10], who))
