"""`listener run`: the clock, the pool, the deliveries; until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import click

from listener.cli.main import opened
from listener.schedule.clock import Clock
from listener.schedule.engine import Engine, Job
from storage.records import Run, Watch, stamp

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_GRACE_SECONDS = 5.0


@click.command("run")
@click.pass_context
def run_command(ctx: click.Context) -> int:
    """Pull and deliver on schedule until stopped (Ctrl-C, SIGTERM)."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with opened(ctx, advise=True) as app:
        app.pause = stopping.wait
        watches = app.sync_watches()
        engine = app.engine()
        clock = Clock(lambda: tick(app, engine), _TICK_SECONDS)
        clock.start()
        click.echo(f"listening: {len(watches)} watches, database {app.store.place}", err=True)
        stopping.wait()
        clock.stop()
        if not engine.stop(_GRACE_SECONDS):
            app.http.close()  # cuts what is still being read; its page was not stored and will be asked for again
            app.alert_http.close()
            engine.wait(1.5)
    click.echo("stopped.", err=True)
    return 0


def tick(app: Any, engine: Engine) -> None:
    """Hand out everything that is due; the database knows what that is."""
    now = stamp(app.now())
    for watch in app.store.due_watches(now):
        engine.submit(app.pull_job(watch, _log_run))
    earliest = app.store.next_delivery()
    if earliest and earliest <= now:
        engine.submit(Job("deliver", "deliver", app.deliver))
    engine.submit(Job("index", "index", app.index))


def _log_run(watch: Watch, run: Run | None) -> None:
    if run is None:
        return
    level = logging.WARNING if run.outcome in ("failed", "partial") else logging.INFO
    log.log(level, "%s %s: %d new, %d edited. %s", watch.source, run.outcome, run.new, run.edited, run.error)
