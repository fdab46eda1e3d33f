"""`listener authors`: who speaks loudest, and whose words do not count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from listener.cli.main import opened, unknown
from listener.cli.window import Window
from storage.records import stamp
from storage.records_nps import Speaker

_STANDINGS = ("staff", "quarantined")
_MOST = 20
_WIDEST = 40
_COLUMNS = "{:>8} {:>9} {:>8} {:>10}  {}  {}"


@click.group("authors", invoke_without_command=True)
@click.option("--brand", default="", metavar="NAME", help="Default: each brand.")
@click.option("--since", default="90d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
@click.option("--top", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def authors_command(ctx: click.Context, brand: str, since: str, until: str, top: int, as_json: bool) -> int:
    """The loudest authors with their mentions and standing. Whatever they write, each has one vote."""
    if ctx.invoked_subcommand is not None:
        return 0
    with opened(ctx) as app:
        if brand and brand not in app.config.queries:
            raise unknown("brand", brand, app.config.queries)
        window = Window(since, until).between(app.config.settings.zone, app.now())
        brands = [brand] if brand else list(app.config.queries)
        loudest = {name: app.store.speakers(name, *map(stamp, window), top) for name in brands}
    if as_json:
        told = [{"brand": name} | _as_json(one) for name, speakers in loudest.items() for one in speakers]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for name, speakers in loudest.items():
        click.echo(f"{name}: nobody known by name spoke of it." if not speakers else f"{name}:")
        for line in _table(speakers) if speakers else ():
            click.echo(line)
    return 0


@authors_command.command("mark")
@click.argument("name")
@click.argument("standing", type=click.Choice(_STANDINGS))
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def mark_command(ctx: click.Context, name: str, standing: str, as_json: bool) -> int:
    """Leave the mentions of author NAME (handle, name or id) out of every figure, those to come as well."""
    return _mark(ctx, name, standing, as_json)


@authors_command.command("unmark")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def unmark_command(ctx: click.Context, name: str, as_json: bool) -> int:
    """Let the mentions of author NAME (handle, name or id) count again."""
    return _mark(ctx, name, "", as_json)


def _mark(ctx: click.Context, name: str, standing: str, as_json: bool) -> int:
    with opened(ctx) as app:
        author = _meant(app, name).author
        mentions: int = app.store.set_standing(author.id, standing)
    if as_json:
        told = {"author": author._asdict() | {"standing": standing}, "before": author.standing, "mentions": mentions}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    click.echo(f"{author.name} ({author.kind}, {author.id}) {_outcome(author.standing, standing, mentions)}.")
    return 0


def _outcome(before: str, standing: str, mentions: int) -> str:
    many = "1 mention is" if mentions == 1 else f"{mentions:,} mentions are"
    if standing:
        return f"is {standing}{' still' * (before == standing)}: {many} left out of every figure, and all to come"
    return f"is no longer {before}: {many} left out no more, nor those to come" if before else "was not marked"


def _meant(app: Any, name: str) -> Speaker:
    found: list[Speaker] = app.store.authors_named(name, _MOST)
    exact = [one for one in found if one.author.id == name] or found
    if not exact:
        raise click.UsageError(f"there is no author '{name}'; `listener authors` shows the loudest.")
    if len(exact) > 1:
        lines = "\n".join(_table(exact))
        most = f"{_MOST} or more" if len(exact) == _MOST else str(len(exact))
        raise click.UsageError(f"{most} authors are called '{name}'; give the id of the one you mean:\n{lines}")
    return exact[0]


def _table(speakers: Sequence[Speaker]) -> list[str]:
    lines = [_COLUMNS.format("mentions", "promoters", "passives", "detractors", "id".ljust(20), "author")]
    for author, *counts in speakers:
        called = author.name if author.handle == author.name else f"{author.name} ({author.handle})"
        who = f"{_short(called)}, {author.kind}" + (f", {author.standing}" if author.standing else "")
        lines.append(_COLUMNS.format(*(f"{count:,}" for count in counts), author.id, who))
    return lines


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _as_json(one: Speaker) -> dict[str, Any]:
    return one.author._asdict() | {
        "mentions": one.mentions,
        "promoters": one.promoters,
        "passives": one.passives,
        "detractors": one.detractors,
    }
