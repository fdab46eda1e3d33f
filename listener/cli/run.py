"""`listener run`: the clock, the pool, the deliveries; until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from listener.cli.main import opened
from listener.cli.report_sending import Timetabled
from listener.schedule.clock import Clock
from listener.schedule.engine import Engine, Job
from storage.records import Run, Watch, moment, stamp

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_AHEAD = timedelta(seconds=0.9 * _TICK_SECONDS)
"""A tick hands out what comes due before the next one; the rest of the second is for its own work."""

_GRACE_SECONDS = 5.0
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_RECHECKED = 50
"""Posts that are asked about again in one go: as many as sources take in one request."""


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
        _ = app.puller, app.sweeper, app.alert_http  # built once: threads that met them unbuilt would build them twice
        engine = app.engine()
        clock = Clock(Rota(app, engine).tick, _TICK_SECONDS)
        clock.start()
        click.echo(f"listening: {len(watches)} watches, database {app.store.place}", err=True)
        stopping.wait()
        clock.stop()
        app.http.stop_listening()  # streams end at once, and what they have brought is kept
        if not engine.stop(_GRACE_SECONDS):
            app.http.close()  # cuts what is still being read; its page was not stored and will be asked for again
            app.alert_http.close()
            engine.wait(1.5)
    click.echo("stopped.", err=True)
    return 0


@dataclass
class _Chore:
    """What is done every so often, whatever the database says."""

    name: str
    every: timedelta
    work: Callable[[], object]
    due: datetime


class Rota:
    """Who does what, when. What is due is read from the database each time, so that what other processes change in it
    counts at once."""

    def __init__(self, app: Any, engine: Engine) -> None:
        self._app = app
        self._engine = engine
        self._strangers: set[str] = set()
        self._reports = Timetabled(app)
        per_hour = app.config.settings.recheck.per_hour
        step = min(_RECHECKED, per_hour)
        now = app.now()
        self._settle = _Chore("settle", _MINUTE, app.settle, now)
        self._chores = (
            self._settle,
            _Chore("remind", _MINUTE, app.remind, now),
            _Chore("beat", _MINUTE, app.beat, now),
            _Chore("rules", 5 * _MINUTE, app.look_out, now),
            _Chore("tidy", _HOUR, app.tidy, now),
            _Chore("honest", _HOUR, app.keep_honest, now),
            _Chore("look", _HOUR, app.operations.look, now),
            _Chore("sweep", _HOUR * step / per_hour, lambda: self._sweep(step), now),
        )

    def tick(self) -> None:
        """Hand out everything that is due by now, and at its time what comes due before the next tick."""
        now = self._app.now()
        for chore in self._chores:
            if chore.due <= now or chore.due > now + chore.every:  # the machine's clock was set back
                chore.due = now + chore.every
                self._engine.submit(Job(chore.name, chore.name, chore.work))
        for job in self._reports.due(now):
            self._engine.submit(job)
        earliest = self._app.store.next_delivery()
        if earliest and earliest <= stamp(now):
            self._engine.submit(Job("deliver", "deliver", self._app.deliver))
        self._hand_out_watches(now)

    def _hand_out_watches(self, now: datetime) -> None:
        by_now = stamp(now)
        for watch in self._app.store.due_watches(stamp(now + _AHEAD)):
            if watch.source not in self._app.config.sources:
                self._pass_over(watch)
                continue
            if watch.next_due > by_now and self._is_stopped_before(moment(watch.next_due)):
                return
            self._engine.submit(self._app.pull_job(watch, self._ended, staying=True))

    def _is_stopped_before(self, time: datetime) -> bool:
        wait = time - self._app.now()
        # Longer only if somebody has set the machine's clock back: what is due then is for another tick to find.
        return wait > _AHEAD or (wait > timedelta() and bool(self._app.pause(wait.total_seconds())))

    def _pass_over(self, watch: Watch) -> None:
        """Another process has read a newer configuration into the database."""
        if watch.source not in self._strangers:
            self._strangers.add(watch.source)
            log.warning(
                "the source %s is not in the configuration this service was started with: restart it.", watch.source
            )

    def _sweep(self, posts: int) -> None:
        for sentence in self._app.sweeper.step(posts).trouble:
            log.warning("asking again: %s", sentence)

    def _ended(self, watch: Watch, run: Run | None) -> None:
        if run is None:
            return
        if run.new:
            self._settle.due = moment(run.finished_at)  # at the next tick
        level = logging.WARNING if run.outcome in ("failed", "partial") else logging.INFO
        log.log(level, "%s %s: %d new, %d edited. %s", watch.source, run.outcome, run.new, run.edited, run.error)
