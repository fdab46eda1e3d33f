"""Who does the work. `threads`: a pool in this process; `procrastinate` (`listener.schedule.jobs`): workers on any
number of machines. The job functions know nothing of it.

Jobs of one lane (a host, a channel) take turns, so that a slow host holds one thread and no more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

log = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""In which jobs end that are under way when the program is stopped; then what they read is cut."""

_MOST_REMEMBERED = 10_000
"""Jobs whose trouble is known."""


class Job(NamedTuple):
    """`name` is unique among the jobs that wait or run; `lane` says which jobs must not run at the same time. `task`
    and `arguments` say to other processes what `work` is to this one: see `listener.schedule.tasks`."""

    name: str
    lane: str
    work: Callable[[], object]
    task: str = ""
    arguments: Mapping[str, str] = {}


class Engine(Protocol):
    def submit(self, job: Job) -> bool:
        """Do the job soon; False when one of that name is already waiting or running."""

    def submit_all(self, jobs: Sequence[Job]) -> int:
        """As `submit`; how many were taken. Others may be left for another time."""

    def wait(self, seconds: float | None = None) -> bool:
        """Until nothing waits or runs; False when the time is up."""

    def stop(self, seconds: float) -> bool:
        """Start nothing more, give what runs `seconds` to end; False when something still runs."""


class Troubles:
    """Says in the log which jobs raise: of each its trouble once, for as long as it stays the same. `failed` hears of
    it every time, and must raise nothing itself."""

    def __init__(self, failed: Callable[[str, Exception], object] | None = None) -> None:
        self._failed = failed
        self._said: dict[str, str] = {}
        self._guard = threading.Lock()

    def add(self, name: str, error: Exception) -> None:
        sentence = str(error) or type(error).__name__
        with self._guard:
            known = self._said.pop(name, "") == sentence
            self._said[name] = sentence
            if len(self._said) > _MOST_REMEMBERED:
                del self._said[next(iter(self._said))]
        if not known:
            log.error("%s: %s", name, sentence)
            log.debug("%s failed", name, exc_info=error)
        if self._failed:
            self._failed(name, error)

    def ended(self, name: str) -> None:
        """It went well."""
        with self._guard:
            self._said.pop(name, None)


class ThreadEngine:
    """`failed` gets the names of jobs that raised, with what they raised; it must raise nothing itself."""

    def __init__(self, threads: int, failed: Callable[[str, Exception], object] | None = None) -> None:
        self._troubles = Troubles(failed)
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

    def submit_all(self, jobs: Sequence[Job]) -> int:
        return sum(self.submit(job) for job in jobs)

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
                self._troubles.ended(job.name)
            except Exception as error:
                self._troubles.add(job.name, error)
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
