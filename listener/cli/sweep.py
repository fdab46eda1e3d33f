"""`listener sweep`: the deletion duty, for cron; `listener run` does it by itself."""

from __future__ import annotations

import json

import click

from listener.cli.main import PARTLY, opened
from listener.cli.progress import Progress
from listener.sweep import SweepReport

_STEP = 50


@click.command("sweep")
@click.option("--limit", type=click.IntRange(1, 100_000), help="Posts to ask about. Default: recheck.per_hour.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def sweep_command(ctx: click.Context, limit: int | None, as_json: bool) -> int:
    """Ask sources about stored posts again, the newest first: what is gone there loses its words here."""
    with opened(ctx) as app:
        left = limit or app.config.settings.recheck.per_hour
        asked, changed, trouble = 0, 0, dict[str, None]()
        with Progress("asking again", left) as progress:
            step = SweepReport()
            while left > 0 and not step.through:
                step = app.sweeper.step(min(_STEP, left))
                asked, changed, left = asked + step.asked, changed + step.changed, left - step.asked
                trouble |= dict.fromkeys(step.trouble)
                progress.step(steps=step.asked)
    if as_json:
        report = {"asked": asked, "changed": changed, "through": step.through, "trouble": list(trouble)}
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        rest = "nothing is left to ask about today" if step.through else "the rest follows next time"
        click.echo(
            f"{asked} {'post' if asked == 1 else 'posts'} asked about again, {changed} of them edited or taken away; "
            f"{rest}."
        )
        for sentence in trouble:
            click.echo(f"  {sentence}")
    return PARTLY if trouble else 0
