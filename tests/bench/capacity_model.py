"""The model behind `python -m tests.bench capacity`: what so many watches, or a stream, ask of whom. Pure arithmetic on
measured costs; every rate is per second, every cost in seconds.

Watches are asked once an interval. Posts come at random, so of `pulls` a second 1 - exp(-k) bring something, with k
posts expected a pull; the others are answered 304. Then

    use of a resource = unchanged × cost of such a pull + changed × cost of such a pull + posts × cost of a post,

for the workers' processors, PostgreSQL's processors and the write lock, which one transaction holds at a time however
many workers there are. A pull that waits for its answer holds a thread: pulls × answer of them wait on average (Little's
law). Nothing is planned to be busier than `busy`, so that a queue drains after an outage.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_DAY, _YEAR = 86_400.0, 365 * 86_400.0

WAITING = "waiting threads"
WORKERS = "workers' processors"
LOCK = "write lock"
DATABASE = "PostgreSQL's processors"
CLOCK = "clock"
DISK = "disk, a year"
STREAM = "stream's reader"


class Load(NamedTuple):
    """Seconds of a worker's processor, of PostgreSQL's processors, and of the write lock."""

    worker: float
    database: float
    lock: float


class Costs(NamedTuple):
    """What was measured. `unchanged` and `changed` are of a pull without its posts, `post` of each new one, `job` of
    what the queue does for a pull. `clock`: of the clock's processor for a pull that is handed out. `event`: of a
    processor for an event of a stream. `size`: bytes of a stored mention with its post, score, indexes and search."""

    unchanged: Load
    changed: Load
    post: Load
    job: Load
    clock: float
    event: float
    size: float


class Plan(NamedTuple):
    """What is assumed: seconds between two pulls of a watch, its new posts a day, seconds until a host has answered,
    threads of a worker, processors and disk (bytes) of a machine, and how busy anything may be."""

    interval: float = 900.0
    posts_a_day: float = 10.0
    answer: float = 0.5
    threads: int = 8
    processors: int = 4
    disk: float = 1e12
    busy: float = 0.7


class Rates(NamedTuple):
    """A second: pulls that bring nothing, pulls that bring something, posts stored, events of a stream."""

    unchanged: float = 0.0
    changed: float = 0.0
    posts: float = 0.0
    events: float = 0.0

    @property
    def pulls(self) -> float:
        return self.unchanged + self.changed


class Needs(NamedTuple):
    """`uses`: each resource's use as a share of one unit of it: a worker's threads, a machine's processors, the lock, a
    process, a machine's disk; those of `single` cannot be multiplied by adding workers. `machines` counts those of
    PostgreSQL, too: of which there are `databases`, each an installation with some of the watches."""

    uses: dict[str, float]
    processes: int
    databases: int
    machines: int
    disk_a_year: float

    @property
    def first(self) -> str:
        """What gives out first on the smallest installation."""
        return max(self.uses, key=lambda name: self.uses[name])

    @property
    def first_single(self) -> str:
        """What gives out first however many workers are added."""
        return max(_SINGLE, key=lambda name: self.uses[name])


_SINGLE = (LOCK, DATABASE, CLOCK, STREAM)


def watched(watches: float, plan: Plan) -> Rates:
    pulls = watches / plan.interval
    each = plan.posts_a_day * plan.interval / _DAY
    changed = pulls * -math.expm1(-each)
    return Rates(pulls - changed, changed, pulls * each)


def heard(events: float, stored: float) -> Rates:
    """A stream of so many events a second, of which this share is stored."""
    return Rates(posts=events * stored, events=events)


def needs(rates: Rates, mean_posts: float, costs: Costs, plan: Plan) -> Needs:
    """`mean_posts` a second fill the disk; `rates` may be those of the busiest hour."""
    load = _load(rates, costs)
    reading = rates.events * costs.event
    waiting = rates.pulls * plan.answer
    disk = mean_posts * _YEAR * costs.size
    uses = {
        WAITING: waiting / plan.threads,
        WORKERS: load.worker / plan.processors,
        LOCK: load.lock,
        DATABASE: load.database / plan.processors,
        CLOCK: rates.pulls * costs.clock,
        DISK: disk / plan.disk,
        STREAM: reading,
    }
    databases = _units(max(uses[name] for name in _SINGLE), plan)
    processes = max(_units(load.worker + reading, plan), _units(uses[WAITING], plan))
    return Needs(uses, processes, databases, _machines(load, reading, rates, databases, costs, plan), disk)


def reach(use: float, load: float, plan: Plan) -> float:
    """With `use` at `load` watches (or events): at how many the resource is as busy as it may be."""
    return math.inf if use <= 0 else load * plan.busy / use


def _load(rates: Rates, costs: Costs) -> Load:
    parts = ((rates.unchanged, costs.unchanged), (rates.changed, costs.changed), (rates.posts, costs.post))
    every = (*parts, (rates.pulls, costs.job))
    return Load(*(sum(rate * cost[at] for rate, cost in every) for at in range(len(Load._fields))))


def _machines(load: Load, reading: float, rates: Rates, databases: int, costs: Costs, plan: Plan) -> int:
    """One, while everything fits on it; else those of PostgreSQL apart from the workers'."""
    working = load.worker + reading + rates.pulls * costs.clock
    if databases == 1 and working + load.database <= plan.busy * plan.processors:
        return 1
    return databases + _units(working / plan.processors, plan)


def _units(use: float, plan: Plan) -> int:
    return max(1, math.ceil(round(use / plan.busy, 9)))
