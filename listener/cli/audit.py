"""`listener audit`: a few mentions drawn at random, and what people say of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import click

from listener.audits import EVERY, Plan, draw, once
from listener.cli.audit_exchange import export_command, import_command
from listener.cli.audit_label import label_command
from listener.cli.main import NOTHING_WORKED, PARTLY, opened, unknown
from listener.cli.progress import Progress
from listener.cli.window import Window
from listener.intake import readable
from storage.records import stamp
from storage.records_nps import Audit, Drawn
from storage.records_nps import Progress as Audited

_SHOWN = 20
_WIDTH = 160
_NEXT = "`listener audit label` asks for labels one by one, `listener audit export` writes a sheet."
_NOTHING = "no mention of {} that counts is in the window, so there is nothing to draw."


@click.group("audit")
def audit_command() -> None:
    """Random mentions for people to label: what makes the reported figures honest."""


audit_command.add_command(label_command)
audit_command.add_command(export_command)
audit_command.add_command(import_command)


@audit_command.command("draw")
@click.option("--brand", "brands", metavar="NAME", multiple=True, help="Only this brand; may be repeated.")
@click.option("--n", "size", type=click.IntRange(1, 100_000), help="How many mentions of each brand.  [default: 100]")
@click.option("--per-label", type=click.IntRange(1, 10_000), metavar="K", help="In place of --n: K of each label.")
@click.option("--seed", help="The same seed draws the same of the same mentions. Default: by chance.")
@click.option("--since", default="90d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def draw_command(
    ctx: click.Context,
    brands: tuple[str, ...],
    size: int | None,
    per_label: int | None,
    seed: str | None,
    since: str,
    until: str,
    as_json: bool,
) -> int:
    """Draw mentions at random for people to label. Posts of loud authors and posts that the scorer is sure of are drawn
    less often, and count for more."""
    if size and per_label:
        raise click.UsageError("--n and --per-label exclude each other.")
    with opened(ctx) as app:
        named = _brands(app, brands)
        app.settle()  # what turns out to be told twice does not count, and is not drawn
        between = Window(since, until).between(app.config.settings.zone, app.now())
        seed = str(app.chance.randrange(1_000_000)) if seed is None else seed
        plan = Plan(stamp(between[0]), stamp(between[1]), per_label or size or 100, seed, per_label is not None)
        drawn = {}
        with Progress("drawing", len(named)) as progress:
            for brand in named:
                drawn[brand] = draw(app.store, brand, plan, app.now())
                progress.step(brand)
    audits = [one for one in drawn.values() if one]
    for brand in (brand for brand, one in drawn.items() if one is None):
        click.echo(_NOTHING.format(brand), err=True)
    if as_json:
        told = [audit._asdict() | {"new": new} for audit, new in audits]
        click.echo(json.dumps({"audits": told}, ensure_ascii=False, indent=2))
    elif audits:
        click.echo("\n".join([*(_drawn(audit, plan, new) for audit, new in audits), _NEXT]))
    return NOTHING_WORKED if not audits else PARTLY if len(audits) < len(drawn) else 0


@audit_command.command("list")
@click.option("--brand", default="", metavar="NAME", help="Default: every brand.")
@click.option("--all", "everything", is_flag=True, help="Audits that nothing waits for, too.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, brand: str, everything: bool, as_json: bool) -> int:
    """List the audits, the newest first, and the mentions that wait for a label; never what the scorer says of them."""
    with opened(ctx) as app:
        if brand:
            _brands(app, (brand,))
        audits = [one for one in app.store.audits(brand) if everything or _waiting(one)]
        waiting = once(app.store.drawn(brand, limit=EVERY))
    if as_json:
        told = {"audits": [_as_json(one) for one in audits], "waiting": [_mention_as_json(one) for one in waiting]}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for one in audits:
        click.echo(_sentence(one))
    if not waiting:
        click.echo("nothing waits for a label.")
        return 0
    click.echo(f"{len(waiting):,} {'mention waits' if len(waiting) == 1 else 'mentions wait'} for a label:")
    for drawn in waiting[:_SHOWN]:
        click.echo(_entry(drawn))
    if len(waiting) > _SHOWN:
        click.echo(f"  and {len(waiting) - _SHOWN:,} more.")
    click.echo(_NEXT)
    return 0


def _brands(app: Any, named: Collection[str]) -> list[str]:
    for name in named:
        if name not in app.config.queries:
            raise unknown("brand", name, app.config.queries)
    return list(dict.fromkeys(named or app.config.queries))


def _drawn(audit: Audit, plan: Plan, new: bool) -> str:
    asked = f" ({plan.size:,} were asked for)" if not plan.per_label and audit.size < plan.size else ""
    which = f"{plan.size:,} of each label, {audit.size:,}" if plan.per_label else f"{audit.size:,}"
    known = "" if new else "; the same was drawn before"
    return (
        f"{audit.brand}: {which} of {audit.population:,} mentions drawn with seed {audit.seed}{asked}, "
        f"audit {audit.id}{known}."
    )


def _waiting(one: Audited) -> int:
    return one.audit.size - one.labelled - one.gone


def _sentence(one: Audited) -> str:
    audit = one.audit
    of = f"of {audit.day}" if audit.day else f"with seed {audit.seed}"
    gone = f", {one.gone:,} taken away by their sources" if one.gone else ""
    drawn = f"{audit.size:,} of {audit.population:,} mentions, drawn {audit.drawn_at[:10]} {of}"
    return f"{audit.id}  {audit.brand}: {drawn}; {one.labelled:,} labelled{gone}, {_waiting(one):,} waiting"


def _entry(drawn: Drawn) -> str:
    mention, post = drawn.mention, drawn.post
    day = (post.at or post.first_seen_at)[:10]
    return f"  {mention.id}  {mention.brand}, {day} {post.source}  {post.url}".rstrip() + f"\n    {_short(drawn)}"


def _short(drawn: Drawn) -> str:
    text = " ".join(readable(drawn.post).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _as_json(one: Audited) -> dict[str, Any]:
    return one.audit._asdict() | {"labelled": one.labelled, "gone": one.gone, "waiting": _waiting(one)}


def _mention_as_json(drawn: Drawn) -> dict[str, Any]:
    mention, post = drawn.mention, drawn.post
    return {
        "mention_id": mention.id,
        "audit_id": drawn.draw.audit_id,
        "brand": mention.brand,
        "source": post.source,
        "at": post.at,
        "title": post.title,
        "text": _short(drawn),
        "url": post.url,
    }
