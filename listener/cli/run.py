"""`listener run`: the clock, the pool, the deliveries; until SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from listener.cli.main import opened
from listener.cli.report_sending import Timetabled
from listener.schedule import crew
from listener.schedule.clock import Clock
from listener.schedule.engine import GRACE_SECONDS, Engine, Job
from listener.schedule.tasks import Tasks
from storage.errors import StoreError
from storage.records import Run, moment, stamp

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_AHEAD = timedelta(seconds=0.9 * _TICK_SECONDS)
"""A tick hands out what comes due before the next one; the rest of the second is for its own work."""

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_RECHECKED = 50
"""Posts that are asked about again in one go: as many as sources take in one request."""


@click.command("run")
@click.pass_context
def run_command(ctx: click.Context) -> int:
    """Pull and deliver on schedule until stopped (Ctrl-C, SIGTERM).

    With schedule.engine = "procrastinate" this is the clock alone: `listener worker`, anywhere, does the work.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with opened(ctx, advise=True) as app:
        app.pause = stopping.wait
        watches = app.sync_watches()
        app.warm_up()
        engine = crew.engine(app)
        clock = Clock(Rota(app, engine).tick, _TICK_SECONDS)
        clock.start()
        click.echo(f"listening: {len(watches)} watches, database {app.store.place}", err=True)
        stopping.wait()
        clock.stop(GRACE_SECONDS)  # a tick that waits for a database which is away ends when that is closed
        app.http.stop_listening()  # streams end at once, and what they have brought is kept
        if not engine.stop(GRACE_SECONDS):
            app.http.close()  # cuts what is still being read; its page was not stored and will be asked for again
            app.alert_http.close()
            engine.wait(1.5)
    click.echo("stopped.", err=True)
    return 0


@dataclass
class _Chore:
    """What is done every so often, whatever the database says."""

    job: Job
    every: timedelta
    due: datetime


class Rota:
    """Who does what, when. What is due is read from the database each time, so that what other processes change in it
    counts at once."""

    def __init__(self, app: Any, engine: Engine) -> None:
        self._app = app
        self._engine = engine
        self._reports = Timetabled(app)
        self._crewed = crew.is_crewed(app)
        self._house: AbstractContextManager[bool] | None = None
        self._house_since = app.now()
        self._tasks = tasks = Tasks(app, self._heard)
        per_hour = app.config.settings.recheck.per_hour
        step = min(_RECHECKED, per_hour)
        now = app.now()
        self._settle = _Chore(tasks.job("settle"), _MINUTE, now)
        self._chores = (
            self._settle,
            _Chore(tasks.job("remind"), _MINUTE, now),
            _Chore(tasks.job("beat"), _MINUTE, now),
            _Chore(tasks.job("rules"), 5 * _MINUTE, now),
            _Chore(tasks.job("tidy"), _HOUR, now),
            _Chore(tasks.job("honest"), _HOUR, now),
            _Chore(tasks.job("look"), _HOUR, now),
            _Chore(tasks.job("sweep", posts=str(step)), _HOUR * step / per_hour, now),
        )

    def tick(self) -> None:
        """Hand out everything that is due by now, and at its time what comes due before the next tick."""
        now = self._app.now()
        for chore in self._chores if self._keeps_house(now) else ():
            if chore.due <= now or chore.due > now + chore.every:  # the machine's clock was set back
                due, chore.due = chore.due, now + chore.every
                try:
                    self._engine.submit(chore.job)
                except StoreError:
                    chore.due = due  # at the next tick: it may be an hour until the one after
                    raise
        for job in list(self._reports.due(now)):
            self._engine.submit(job)
        earliest = self._app.store.next_delivery()
        if earliest and earliest <= stamp(now):
            self._engine.submit(self._tasks.job("deliver"))
        self._hand_out_watches(now)

    def _keeps_house(self, now: datetime) -> bool:
        """Of several clocks one: two would do chores twice as often. The next one follows when it ends. A claim does
        not outlive a restart of PostgreSQL, so it is made anew each minute."""
        if self._house is not None and not timedelta() <= now - self._house_since <= _MINUTE:
            self._house.__exit__(None, None, None)
            self._house = None
        if self._house is None and self._crewed:
            claim = self._app.store.claim("chores")
            if not claim.__enter__():
                claim.__exit__(None, None, None)
                return False
            self._house, self._house_since = claim, now
        return True

    def _hand_out_watches(self, now: datetime) -> None:
        by_now = stamp(now)
        # Workers are on their way for longer than a tick takes: to them a second is nothing.
        ahead = timedelta() if self._crewed else _AHEAD
        due = self._app.store.due_watches(stamp(now + ahead))
        jobs = [(watch.next_due, job) for watch in due if (job := self._tasks.pull(watch))]
        self._engine.submit_all([job for next_due, job in jobs if next_due <= by_now])
        for next_due, job in jobs:
            if next_due > by_now:
                if self._is_stopped_before(moment(next_due)):
                    return
                self._engine.submit(job)

    def _is_stopped_before(self, time: datetime) -> bool:
        wait = time - self._app.now()
        # Longer only if somebody has set the machine's clock back: what is due then is for another tick to find.
        return wait > _AHEAD or (wait > timedelta() and bool(self._app.pause(wait.total_seconds())))

    def _heard(self, run: Run) -> None:
        if run.new:
            self._settle.due = moment(run.finished_at)  # at the next tick
