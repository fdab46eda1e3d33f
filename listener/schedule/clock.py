"""The clock: APScheduler ticks, the database says what is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Clock:
    """Calls `tick` every `seconds` seconds until stopped: one call at a time, and one for any number missed while the
    machine slept."""

    def __init__(self, tick: Callable[[], object], seconds: float) -> None:
        # Without misfire_grace_time=None a tick that comes over a second late is dropped.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_job(tick, IntervalTrigger(seconds=seconds, timezone=UTC))

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """No further tick; the one under way ends."""
        self._scheduler.shutdown(wait=True)
