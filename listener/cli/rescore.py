"""`listener rescore`: what is stored is scored again where another scorer, or other word rules, judged it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import click

from listener.cli.main import NOTHING_WORKED, PARTLY, opened, unknown
from listener.cli.progress import Progress
from listener.cli.relabelled import Tally
from listener.rescore import Rescorer, Step
from listener.schedule import crew
from listener.schedule.tasks import Tasks

_STEP = 200
"""Mentions in one go: the longest texts there are come to some tens of MB."""


@click.command("rescore")
@click.option("--brand", "brands", metavar="NAME", multiple=True, help="Only this brand; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what would change; store nothing.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def rescore_command(ctx: click.Context, brands: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Score stored mentions again that another scorer, or other word rules, judged; no alert is raised.

    May be stopped at any time: the next call goes on where this one was. A score that has not changed is left as it is.
    With schedule.engine = "procrastinate" it only hands the work out to the workers.
    """
    with opened(ctx) as app:
        for brand in brands:
            if brand not in app.config.queries:
                raise unknown("brand", brand, app.config.queries)
        rescorer = Rescorer(app.store, app.scorer, app.now)
        if crew.is_crewed(app) and not dry_run:
            return _hand_out(app, rescorer, dict.fromkeys(brands or app.config.queries), as_json)
        tally, alone = _walk(rescorer, dict.fromkeys(brands or app.config.queries), dry_run)
    if as_json:
        told = {"dry_run": dry_run, "finished": alone, "looked": tally.looked, "rescored": tally.rescored}
        click.echo(json.dumps(told | tally.as_json(), ensure_ascii=False, indent=2))
    elif alone or tally.looked:
        for line in _told(tally, dry_run):
            click.echo(line)
    if alone:
        return 0
    click.echo("another process is scoring again: the rest is left to it.", err=True)
    return PARTLY if tally.looked else NOTHING_WORKED


def _hand_out(app: Any, rescorer: Rescorer, brands: Collection[str], as_json: bool) -> int:
    """Workers do it, several stretches at a time."""
    tasks, engine = Tasks(app), crew.engine(app)
    jobs = [tasks.rescore(brand, *stretch) for brand in brands for stretch in rescorer.stretches(brand)]
    handed_out = engine.submit_all(jobs)
    engine.stop(0)
    if as_json:
        click.echo(json.dumps({"jobs": len(jobs), "handed_out": handed_out}))
    else:
        click.echo(f"{len(jobs):,} jobs for the workers, {handed_out:,} of them new; `listener worker` does them.")
    return 0


def _walk(rescorer: Rescorer, brands: Collection[str], dry_run: bool) -> tuple[Tally, bool]:
    """What changed, and whether it went to the end: False when somebody else turned out to be at it."""
    tally = Tally()
    with Progress("scoring again", sum(map(rescorer.left, brands))) as progress:
        for brand in brands:
            for step in _steps(rescorer, brand, dry_run):
                if step is None:
                    return tally, False
                tally.add(step)
                progress.step(steps=step.looked)
    return tally, True


def _steps(rescorer: Rescorer, brand: str, dry_run: bool) -> Iterator[Step | None]:
    step: Step | None = None
    while step is None or not step.through:
        after = 0 if step is None else step.position
        step = rescorer.preview(brand, after, _STEP) if dry_run else rescorer.step(brand, after, _STEP)
        yield step


def _told(tally: Tally, dry_run: bool) -> list[str]:
    if not tally.looked:
        return ["every score is of the scorer that holds now: there is nothing to do."]
    mentions = f"{tally.looked:,} {'mention' if tally.looked == 1 else 'mentions'}"
    counts = f"{tally.rescored:,} with another result, {tally.relabelled:,} of them with another label"
    if dry_run:
        return [f"{mentions} would be scored again, {counts}; nothing was stored.", *tally.table(), *_examples(tally)]
    return [f"{mentions} scored again, {counts}.", *tally.table()]


def _examples(tally: Tally) -> list[str]:
    return ["for example:", *tally.shown()] if tally.examples else []
