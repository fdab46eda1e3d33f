"""How this program itself is doing, in figures: what monitoring reads at the desk and `listener status` prints."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import NamedTuple, TypeVar, get_args

from listener.app import App
from listener.health import STATES
from listener.schedule import crew
from listener.schedule.tasks import QUEUES
from storage.records import DeliveryState, Outcome, Watch, moment, stamp
from storage.records_desk import OPEN

_SURVEY = timedelta(minutes=1)
_STALLED_AFTER = timedelta(minutes=10)
_DUE_FOR = timedelta(minutes=30)

_Named = TypeVar("_Named", bound=str)


class Metric(NamedTuple):
    """`samples` by the value of `label`; one without a label has the key ""."""

    name: str
    kind: str
    about: str
    samples: Mapping[str, float]
    label: str = ""


class Survey(NamedTuple):
    """What is learnt by looking at every watch: how many hear how well, how many are never asked again, how many are
    there, and when each kind was last heard."""

    at: datetime
    states: Mapping[str, float]
    closed: int
    watches: int
    heard: Mapping[str, float]


class Vitals:
    """Of one App. Takes some milliseconds whatever is stored, but for looking at every watch: that is done once a
    minute at most, and takes a second for 100,000."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._guard = threading.Lock()
        self._surveyed: Survey | None = None

    # -- figures

    def metrics(self) -> Iterator[Metric]:
        yield Metric("build_info", "gauge", "1, with the version.", {version("brand-listener"): 1}, "version")
        yield _one("database_bytes", "The database on its disk, indexes included.", self._app.store.size())
        yield from self._stored()
        yield from self._watches()
        yield from self._queue()

    def _stored(self) -> Iterator[Metric]:
        now, store = self._app.now(), self._app.store
        found, cases = store.figures(), store.open_counts(stamp(now))
        for name, number in (("posts", found.posts), ("mentions", found.mentions), ("alerts", found.alerts)):
            yield Metric(f"{name}_total", "counter", f"Stored {name}.", {"": number})
        yield _by("runs_total", "counter", "Runs that ended so.", "outcome", get_args(Outcome), found.runs)
        yield _by("deliveries", "gauge", "Deliveries of alerts.", "state", get_args(DeliveryState), found.deliveries)
        about = "How long ago the oldest alert that is not delivered yet was raised; 0: none waits."
        yield _one("oldest_delivery_seconds", about, _since(found.raised_at, now))
        open_cases: Counter[str] = Counter()
        for (_, state), number in cases.items():
            open_cases[state] += number
        yield _by("open_cases", "gauge", "Cases that somebody has to see to, none snoozed.", "state", OPEN, open_cases)
        yield _one("overdue_cases", "Those of them past their time.", cases.get(("", "overdue"), 0))

    def _watches(self) -> Iterator[Metric]:
        now = self._app.now()
        seen = self._survey(now)
        # A stream is due for as long as it is listened to.
        streams = {one.connector.kind for one in self._app.config.sources.values() if one.connector.facts.stream}
        late = [one for one in self._app.store.late_watches(stamp(now)) if one.kind not in streams]
        yield Metric("watches", "gauge", "Watches by how well they hear.", seen.states, "state")
        yield _one("closed_watches", "Watches that are never asked again: gone for good.", seen.closed)
        yield _one("due_watches", "Watches that are to be asked by now.", sum(one.watches for one in late))
        lag = max((_since(one.since, now) for one in late), default=0.0)
        yield _one("lag_seconds", "How long the latest of them has been due.", lag)
        about = "When a source of that type was last heard, in seconds since 1970; 0: never."
        yield Metric("last_heard_timestamp_seconds", "gauge", about, seen.heard, "type")

    def _queue(self) -> Iterator[Metric]:
        """Nothing where `listener run` does the work itself."""
        if not crew.is_crewed(self._app):
            return
        found, queues = crew.depths(self._app), sorted({*QUEUES.values()})
        jobs = {queue: depth.waiting for queue, depth in found.depths.items()}
        yield _by("queue_jobs", "gauge", "Jobs that wait for a worker.", "queue", queues, jobs)
        oldest = {queue: depth.oldest_seconds for queue, depth in found.depths.items()}
        yield _by("queue_oldest_seconds", "gauge", "How long the oldest of them has waited.", "queue", queues, oldest)
        yield _one("workers", "Workers that have just given a sign of life.", found.workers)

    def _survey(self, now: datetime) -> Survey:
        with self._guard:
            if self._surveyed is None or not timedelta() <= now - self._surveyed.at < _SURVEY:
                self._surveyed = self._look_at_all(now)
            return self._surveyed

    def _look_at_all(self, now: datetime) -> Survey:
        watches = self._app.store.watches()
        states = Counter(its.state for its in self._app.healths(watches))
        states["degraded"] += len(self._app.unasked())
        heard: dict[str, str] = {}
        for watch in watches:
            heard[watch.kind] = max(heard.get(watch.kind, ""), watch.heard_at or "")
        return Survey(
            now,
            {state: states[state] for state in STATES},
            sum(bool(watch.closed) for watch in watches),
            len(watches),
            {kind: moment(last).timestamp() if last else 0.0 for kind, last in sorted(heard.items())},
        )

    # -- alive

    def trouble(self) -> list[str]:
        """What keeps this program from its work, in sentences that name nothing; [] when all is well."""
        now = self._app.now()
        return [sentence for check in (self._stalled, self._undelivered, self._deserted) if (sentence := check(now))]

    def _stalled(self, now: datetime) -> str:
        """Watches that should have been asked long since."""
        late = [one for one in self._app.store.due_watches(stamp(now - _STALLED_AFTER)) if self._is_forgotten(one, now)]
        if not late:
            return ""
        seen = self._survey(now)
        asked = seen.watches - seen.closed
        return f"the clock has stalled: {len(late)} of {asked} watches are not asked, one since {late[0].next_due}."

    def _is_forgotten(self, watch: Watch, now: datetime) -> bool:
        source = self._app.config.sources.get(watch.source)
        return source is not None and now > moment(watch.next_due) + 2 * source.interval + _STALLED_AFTER

    def _undelivered(self, now: datetime) -> str:
        due = self._app.store.next_delivery()
        return f"a delivery has been due since {due}." if due and now > moment(due) + _DUE_FOR else ""

    def _deserted(self, _: datetime) -> str:
        if not crew.is_crewed(self._app):
            return ""
        found = crew.depths(self._app)
        waiting = sum(depth.waiting for depth in found.depths.values())
        deserted = waiting and not found.workers
        return f"no worker is alive: {waiting} jobs wait for `listener worker`." if deserted else ""


def _one(name: str, about: str, number: float) -> Metric:
    return Metric(name, "gauge", about, {"": number})


def _by(name: str, kind: str, about: str, label: str, known: Iterable[_Named], found: Mapping[_Named, float]) -> Metric:
    """None of them missing: a series that appears late hides its first increase."""
    return Metric(name, kind, about, {one: found.get(one, 0) for one in known}, label)


def _since(stamped: str | None, now: datetime) -> float:
    return max((now - moment(stamped)).total_seconds(), 0.0) if stamped else 0.0
