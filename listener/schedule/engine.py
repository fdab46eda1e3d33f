"""Who does the work. `threads`: a pool in this process. The job functions know nothing of it.

Jobs of one lane (a host, a channel) take turns, so that a slow host holds one thread and no more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """`name` is unique among the jobs that wait or run; `lane` says which jobs must not run at the same time."""

    name: str
    lane: str
    work: Callable[[], object]


class Engine(Protocol):
    def submit(self, job: Job) -> bool:
        """Do the job soon; False when one of that name is already waiting or running."""

    def wait(self, seconds: float | None = None) -> bool:
        """Until nothing waits or runs; False when the time is up."""

    def stop(self, seconds: float) -> bool:
        """Start nothing more, give what runs `seconds` to end; False when something still runs."""


class ThreadEngine:
    """`failed` gets the names of jobs that raised, with what they raised; it must raise nothing itself."""

    def __init__(self, threads: int, failed: Callable[[str, Exception], object] | None = None) -> None:
        self._failed = failed
        self._waiting: dict[str, deque[Job]] = {}
        self._ready: dict[str, None] = {}  # an ordered set of lanes that a worker may enter
        self._busy: set[str] = set()
        self._names: set[str] = set()
        self._stopped = False
        guard = threading.Lock()
        self._offered = threading.Condition(guard)
        self._idle = threading.Condition(guard)
        for number in range(threads):
            threading.Thread(target=self._work, name=f"listener-{number}", daemon=True).start()

    def submit(self, job: Job) -> bool:
        with self._offered:
            if self._stopped or job.name in self._names:
                return False
            self._names.add(job.name)
            self._waiting.setdefault(job.lane, deque()).append(job)
            self._offer(job.lane)
            return True

    def wait(self, seconds: float | None = None) -> bool:
        with self._idle:
            return self._idle.wait_for(lambda: not self._names, seconds)

    def stop(self, seconds: float) -> bool:
        with self._offered:
            self._stopped = True
            self._names -= {job.name for lane in self._waiting.values() for job in lane}
            self._waiting.clear()
            self._ready.clear()
            self._offered.notify_all()
        return self.wait(seconds)

    def _offer(self, lane: str) -> None:
        """Let a worker have the lane's next job, if the lane is free and not on offer already."""
        if lane in self._waiting and lane not in self._busy and lane not in self._ready:
            self._ready[lane] = None
            self._offered.notify()

    def _work(self) -> None:
        while True:
            with self._offered:
                self._offered.wait_for(lambda: self._ready or self._stopped)
                if self._stopped:
                    return
                job = self._take()
            try:
                job.work()
            except Exception as error:
                log.error("%s: %s", job.name, error)
                if self._failed:
                    self._failed(job.name, error)
            except BaseException:  # SystemExit out of a plugin must not cost a worker
                log.exception("%s", job.name)
            finally:
                self._leave(job)

    def _take(self) -> Job:
        lane = next(iter(self._ready))
        del self._ready[lane]
        self._busy.add(lane)
        job = self._waiting[lane].popleft()
        if not self._waiting[lane]:
            del self._waiting[lane]
        return job

    def _leave(self, job: Job) -> None:
        with self._offered:
            self._busy.discard(job.lane)
            self._names.discard(job.name)
            self._offer(job.lane)
            if not self._names:
                self._idle.notify_all()
