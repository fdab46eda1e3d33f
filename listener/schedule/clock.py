"""The clock: APScheduler ticks, the database says what is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger(__name__)


class Clock:
    """Calls `tick` every `seconds` seconds until stopped: one call at a time, and one for any number missed while the
    machine slept. A tick that raises is said in a sentence, once for as long as the trouble stays the same."""

    def __init__(self, tick: Callable[[], object], seconds: float) -> None:
        # Without misfire_grace_time=None a tick that comes over a second late is dropped, and with one instance that
        # which meets a longer one: the second waits for the first.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 2}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
        self._tick = tick
        self._trouble = ""
        self._guard = threading.Lock()
        self._stopped = False
        self._scheduler.add_job(self._turn, IntervalTrigger(seconds=seconds, timezone=UTC))

    def _turn(self) -> None:
        with self._guard:
            if self._stopped:
                return
            try:
                self._tick()
                self._trouble = ""
            except Exception as error:
                if self._trouble != str(error) and not self._stopped:
                    log.error("%s", error)
                    log.debug("the tick failed", exc_info=True)
                self._trouble = str(error)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self, seconds: float) -> None:
        """No further tick; the one under way has `seconds` to end."""
        self._stopped = True
        self._scheduler.shutdown(wait=False)
        if self._guard.acquire(timeout=seconds):
            self._guard.release()
