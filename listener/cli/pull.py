"""`listener pull`: what is due, now, once; for cron."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from listener.alerts.outbox import DrainReport
from listener.cli.main import NOTHING_WORKED, PARTLY, counted, opened, unknown
from listener.cli.progress import Progress
from storage.records import Run, Watch, moment, stamp

_WIDEST = 40


@click.command("pull")
@click.option("--all", "everything", is_flag=True, help="Also what is not due yet.")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Only this source, due or not; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="The runs as JSON.")
@click.pass_context
def pull_command(ctx: click.Context, everything: bool, sources: tuple[str, ...], as_json: bool) -> int:
    """Ask the sources that are due, store what is new, deliver alerts."""
    with opened(ctx) as app:
        for name in sources:
            if name not in app.config.sources:
                raise unknown("source", name, app.config.sources)
        watches = app.sync_watches()
        # A source that said it is gone is asked again when somebody names it.
        chosen = [w for w in watches if (w.source in sources if sources else not w.closed)]
        due = chosen if everything or sources else [w for w in chosen if w.next_due <= stamp(app.now())]
        ended = pull_watches(app, due, due_only=not (everything or sources))
        app.settle()
        app.keep_honest()
        app.remind()
        app.look_out()
        app.operations.look()
        delivered = app.deliver()
        app.tidy()
        code = _exit_code([run for _, run in ended if run], delivered, lost=len(due) - len(ended))
        if code != NOTHING_WORKED:
            app.beat()
        later = min((watch.next_due for watch in app.store.watches() if not watch.closed), default="")
    click.echo(_as_json(ended, delivered) if as_json else _as_text(ended, delivered, later, app))
    return code


def pull_watches(app: Any, watches: list[Watch], *, due_only: bool) -> list[tuple[Watch, Run | None]]:
    """Pull them side by side, one at a time per host; in the order given. No run: somebody else was at it. A watch is
    missing when the database failed under it, which the log has said."""
    ended: dict[str, Run | None] = {}
    with Progress("pulling", len(watches)) as progress:

        def done(watch: Watch, run: Run | None) -> None:
            ended[watch.id] = run
            progress.step(f"{watch.source} {run.outcome if run else 'left to another process'}")

        engine = app.engine()
        for watch in watches:
            engine.submit(app.pull_job(watch, done, due_only=due_only))
        engine.wait()
        engine.stop(0)
    return [(watch, ended[watch.id]) for watch in watches if watch.id in ended]


def _exit_code(runs: list[Run], delivered: DrainReport, lost: int) -> int:
    """`lost` counts runs that the database could not keep. What was left to another process is no failure."""
    outcomes = Counter(run.outcome for run in runs)
    failed = outcomes["failed"] + lost
    if failed and failed == len(runs) + lost:
        return NOTHING_WORKED
    return PARTLY if failed or outcomes["partial"] or delivered.errors else 0


def _as_text(ended: list[tuple[Watch, Run | None]], delivered: DrainReport, later: str, app: Any) -> str:
    if not ended:
        when = moment(later).astimezone(app.config.settings.zone).strftime("%Y-%m-%d %H:%M:%S") if later else ""
        return f"nothing is due{f' before {when}; --all asks anyway' if when else ': no source is configured'}."
    width = min(max(len(watch.name) for watch, _ in ended), _WIDEST)
    lines = [_line(watch.name.ljust(width), run) for watch, run in ended]
    runs = [run for _, run in ended if run]
    counts = Counter(run.outcome for run in runs)
    lines.append(
        f"{len(runs)} pulled ({', '.join(f'{outcome} {n}' for outcome, n in sorted(counts.items()))}): "
        f"{counted(sum(run.new for run in runs), 'new post')}, {sum(run.edited for run in runs)} edited, "
        f"{counted(sum(run.mentions for run in runs), 'new mention')}; {counted(delivered.sent, 'alert')} sent"
        + "".join(f"\nalerts: {error}" for error in delivered.errors)
    )
    return "\n".join(lines)


def _line(name: str, run: Run | None) -> str:
    if run is None:
        return f"{name} busy       another process is pulling it"
    counts = f"{run.new:>5} new {run.edited:>3} edited {run.mentions:>5} mentions"
    return f"{name} {run.outcome:<10}{counts}  {run.error}".rstrip()


def _as_json(ended: list[tuple[Watch, Run | None]], delivered: DrainReport) -> str:
    runs = [
        {"source": watch.source, "term": watch.term, **(run._asdict() if run else {"outcome": "busy"})}
        for watch, run in ended
    ]
    return json.dumps({"runs": runs, "alerts": delivered._asdict()}, ensure_ascii=False, indent=2)
