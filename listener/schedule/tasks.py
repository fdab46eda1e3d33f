"""What engines are asked to do, by name, so that a process on another machine understands it.

What is due is read from the database and every task is safe to be done twice: the second time there is nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from listener.rescore import Rescorer
from listener.schedule.engine import Job
from storage.records import Run, Watch

log = logging.getLogger(__name__)

QUEUES: Mapping[str, str] = {
    "pull": "pull",
    "sweep": "pull",
    "settle": "score",
    "honest": "score",
    "rules": "score",
    "tidy": "score",
    "rescore": "score",
    "deliver": "deliver",
    "remind": "deliver",
    "report": "deliver",
    "beat": "deliver",
    "look": "deliver",
}
"""Each task and the queue it waits in."""

PRIORITIES: Mapping[str, int] = {"pull": -1, "sweep": -1, "rescore": -2}
"""Where thousands wait. The others come first (0): there is one of each, and alerts wait for it."""


class Elsewhere(Exception):
    """This process cannot do it, and another one may: it runs another version, or another configuration."""


class Tasks:
    """`heard` gets the run of every pull that was one; `report` sends one of the timetable, by its name and day."""

    def __init__(
        self,
        app: Any,
        heard: Callable[[Run], object] = lambda _: None,
        report: Callable[[str, str], object] = lambda *_: None,
    ) -> None:
        self._app = app
        self._heard = heard
        self._warned: set[str] = set()
        self._does: dict[str, Callable[..., object]] = {
            "pull": self._pull,
            "sweep": self._sweep,
            "settle": app.settle,
            "honest": app.keep_honest,
            "rules": app.look_out,
            "tidy": app.tidy,
            "rescore": self._rescore,
            "deliver": app.deliver,
            "remind": app.remind,
            "report": report,
            "beat": app.beat,
            "look": app.operations.look,
        }

    def job(self, task: str, **arguments: str) -> Job:
        """One of its name at a time."""
        return Job(task, task, partial(self.do, task, arguments), task, arguments)

    def pull(self, watch: Watch) -> Job | None:
        """None for a watch of a source that is not in the configuration."""
        if watch.source in self._app.config.sources:
            job: Job = self._app.pull_job(watch, self._ended, staying=True)
            return job
        # Another process has read a newer configuration into the database.
        self._warn(f"the source {watch.source} is not in the configuration this service was started with: restart it.")
        return None

    def rescore(self, brand: str, after: int, upto: int) -> Job:
        """Each stretch has a lane of its own."""
        name, arguments = f"rescore {brand} {after}", {"brand": brand, "after": str(after), "upto": str(upto)}
        return Job(name, name, partial(self.do, "rescore", arguments), "rescore", arguments)

    def do(self, task: str, arguments: Mapping[str, str]) -> None:
        """Raises Elsewhere, and what the task raises."""
        if task not in self._does:
            self._warn(f"the clock is newer than this worker, which does not know how to “{task}”: upgrade it.")
            raise Elsewhere
        self._does[task](**arguments)

    def give_up(self, task: str, arguments: Mapping[str, str], why: str) -> None:
        """It has failed, as far as this process can say: a watch is left alone for a while."""
        watch = self._app.store.watch(arguments["watch"]) if task == "pull" else None
        if watch is not None and watch.source in self._app.config.sources:
            self._app.puller.give_up(watch.id, self._app.config.sources[watch.source], why)

    def _pull(self, watch: str) -> None:
        stored = self._app.store.watch(watch)
        if stored is None or not stored.active:
            return
        job = self.pull(stored)
        if job is None:
            raise Elsewhere
        job.work()

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            log.warning("%s", sentence)

    def _ended(self, watch: Watch, run: Run | None) -> None:
        if run is None:
            return
        self._heard(run)
        level = logging.WARNING if run.outcome in ("failed", "partial") else logging.INFO
        log.log(level, "%s %s: %d new, %d edited. %s", watch.source, run.outcome, run.new, run.edited, run.error)

    def _sweep(self, posts: str) -> None:
        for sentence in self._app.sweeper.step(int(posts)).trouble:
            log.warning("asking again: %s", sentence)

    def _rescore(self, brand: str, after: str, upto: str) -> None:
        # Built anew: word rules and calibrations may have changed since this process began.
        scorer = self._app.scorer_under(self._app.store.word_rules())
        Rescorer(self._app.store, scorer, self._app.now).stretch(brand, int(after), int(upto))
