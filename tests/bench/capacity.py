"""How far this carries: what a watch, a post and an event cost, and what that comes to for 10,000, 100,000 and 1,000,000
watches and for all posts of Bluesky.

Measured, in this run and on this machine:

- pulls: one process, one job at a time, over feeds of 50 entries that answer at once and name a brand each, into SQLite
  and into PostgreSQL: when all entries are new, when nothing is (304), when a tenth is. Processor of the process,
  processor of PostgreSQL, and how long the write lock was held (commit and its wait for the disk included). A pull with
  n new posts costs a + n × b; the two pulls that brought some give both. Search index and stories are part of b.
- bytes: of tables and indexes after the first of these pulls, by mention: its post with text and original markup, author,
  scores with their explanations, case, search index, near-duplicate sketch. As found: PostgreSQL keeps rows that were
  replaced (each post once, when its story is told) until vacuum makes room of them for others.
- queue: jobs that do nothing, handed out by a clock from as many due watches, and done by one worker.
- stream: `tests.bench.jetstream`, one event in thirty stored.

Modelled (`tests.bench.capacity_model`): everything that follows. What is assumed stands in the table. It leaves out
the review desk, reports, alerts and sweeps; machines are taken to be like this one, but with four processors; a worker
process uses one of them at most; hosts are so many that their gaps delay nobody; the network to PostgreSQL is not in it
(here it is a socket on the same machine). Nothing is planned to be more than 70 % busy. "Bottleneck" is what gives out
first on the smallest installation (one worker, one machine for all workers, one PostgreSQL), "then" what workers on more
machines do not relieve; where that needs more than one PostgreSQL, `databases` says how many installations have to share
the watches. The lock is held for a whole commit, so it is the disk and a quiet machine that this figure stands on.

`python -m tests.bench capacity [--quick] [feeds=400] [posts=10] [interval=900] [answer=0.5] [threads=8]`
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.capacity_model import (
    CLOCK,
    DATABASE,
    DISK,
    LOCK,
    STREAM,
    WAITING,
    WORKERS,
    Costs,
    Load,
    Needs,
    Plan,
    Rates,
    heard,
    needs,
    reach,
    watched,
)
from tests.bench.hosts import serving
from tests.bench.jetstream import seconds_each
from tests.bench.scale import described
from tests.bench.scale_processors import postmaster
from tests.bench.scale_pull import NEW, Cost, Pulled, measured, naming, warmed
from tests.postgres import database, own_server

BLUESKY_A_DAY, BLUESKY_PEAK = 2_200_000, 36.0
"""Posts a day, and a second in the busiest hour: public counts of March 2026."""
_WATCHES = (10_000, 100_000, 1_000_000)
_STORED = 1 / 30  # of the measured stream
_UNITS = {
    WAITING: "of one worker's threads",
    WORKERS: "of one machine",
    LOCK: "of the time",
    DATABASE: "of one machine",
    CLOCK: "of one processor",
    DISK: "of one machine",
    STREAM: "of one processor",
}


class Measured(NamedTuple):
    """`clock` and `worker`: seconds by the clock, of the process's and of PostgreSQL's processors, for each job; `event`
    seconds of a processor."""

    sqlite: Pulled
    postgres: Pulled
    feeds: int
    clock: list[float]
    worker: list[float]
    jobs: int
    event: float


def run(*options: str) -> str:
    given = dict(option.split("=", 1) for option in options if option != "--quick")
    quick = "--quick" in options
    usual = Plan()
    plan = usual._replace(
        interval=float(given.get("interval", usual.interval)),
        posts_a_day=float(given.get("posts", usual.posts_a_day)),
        answer=float(given.get("answer", usual.answer)),
        threads=int(given.get("threads", usual.threads)),
    )
    feeds, jobs = int(given.get("feeds", 60 if quick else 400)), 500 if quick else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = own_server(folder / "postgres")
        try:
            title = described(server.get_uri())
            found = _measure(server.get_uri(), folder, feeds, jobs, 10_000 if quick else 50_000)
        finally:
            server.cleanup()
    return "\n".join([title, "", *_found(found, plan), "", *_projected(costs_of(found), plan)])


# -- measured


def _measure(url: str, folder: Path, feeds: int, jobs: int, events: int) -> Measured:
    pid = postmaster(folder / "postgres")
    with serving(1, 0.0, naming) as hosts:
        warmed(hosts, feeds)
        here = measured("", hosts, feeds, folder / "sqlite", threads=1)
        with database(url) as empty:
            there = measured(empty, hosts, feeds, folder / "pulled", pid, threads=1)
    with database(url) as empty:
        command = [
            sys.executable,
            "-m",
            "tests.bench.capacity_queue",
            empty,
            str(jobs),
            str(folder / "queue"),
            str(pid),
        ]
        queue = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    event = seconds_each(events, folder / "stream")
    return Measured(here, there, feeds, queue["clock"], queue["worker"], jobs, event)


def costs_of(found: Measured) -> Costs:
    """On PostgreSQL, whose cost for handing a job out and for having it done go together."""
    phases = found.postgres.phases
    unchanged, changed, many = (_load(phases[name], found.feeds) for name in ("304", "10 % new", "first"))
    few, most = NEW["10 % new"], NEW["first"]
    post = Load(*(max(b - a, 0.0) / (most - few) for a, b in zip(changed, many, strict=True)))
    rest = Load(*(max(all_of_it - few * each, 0.0) for all_of_it, each in zip(changed, post, strict=True)))
    job = Load(found.worker[1], found.worker[2] + found.clock[2], 0.0)
    return Costs(unchanged, rest, post, job, found.clock[1], found.event, found.postgres.size / found.postgres.mentions)


def _load(cost: Cost, feeds: int) -> Load:
    return Load(cost.cpu / feeds, cost.database / feeds, cost.locked / feeds)


def _found(found: Measured, plan: Plan) -> list[str]:
    here, there, feeds = found.sqlite, found.postgres, found.feeds
    posts = feeds * NEW["first"]
    costs = costs_of(found)

    def row(name: str, one: float, other: float, digits: int = 0) -> str:
        return f"{name:<52}{one:>12,.{digits}f}{other:>12,.{digits}f}"

    def both(name: str, of: Callable[[Pulled], float], digits: int = 0) -> str:
        return row(name, of(here), of(there), digits)

    return [
        f"measured: {feeds} feeds × {NEW['first']} entries, {here.mentions:,} mentions",
        "",
        f"{'':<52}{'SQLite':>12}{'PostgreSQL':>12}",
        both("posts/s of one processor", lambda one: posts / one.phases["first"].cpu),
        both("watches/min of one processor, 304", lambda one: 60 * feeds / one.phases["304"].cpu),
        both("watches/min of one processor, 10 % new", lambda one: 60 * feeds / one.phases["10 % new"].cpu),
        both("write lock held, ms a post", lambda one: 1000 * one.phases["first"].locked / posts, 2),
        both("write lock held, ms a pull answered 304", lambda one: 1000 * one.phases["304"].locked / feeds, 2),
        both(
            "write lock held, share of a first pull",
            lambda one: one.phases["first"].locked / one.phases["first"].seconds,
            2,
        ),
        row("PostgreSQL's processor, ms a post", 0, 1000 * costs.post.database, 2),
        row("PostgreSQL's processor, ms a pull answered 304", 0, 1000 * costs.unchanged.database, 2),
        both("bytes a mention", lambda one: one.size / one.mentions),
        both("mentions stored per GB", lambda one: 1e9 * one.mentions / one.size),
        *_queue_and_stream(found, costs, plan),
    ]


def _queue_and_stream(found: Measured, costs: Costs, plan: Plan) -> list[str]:
    clock, job = found.clock, found.worker
    alone = min(plan.threads / plan.answer, 1 / (costs.unchanged.worker + costs.job.worker))
    return [
        f"clock: {1 / clock[0]:,.0f} jobs/s handed out; {1e6 * clock[1]:.0f} µs each of its processor, "
        f"{1e6 * clock[2]:.0f} of PostgreSQL's",
        f"queue: {1 / job[0]:,.0f} jobs/s done by one worker, {found.jobs:,} waiting at first; {1000 * job[1]:.2f} ms "
        f"each of its processor, {1000 * job[2]:.2f} of PostgreSQL's",
        f"stream: {1 / found.event:,.0f} events/s of one processor",
        f"one worker of {plan.threads} threads, answers after {plan.answer:g} s: {60 * alone:,.0f} watches/min",
    ]


# -- projected


def _projected(costs: Costs, plan: Plan) -> list[str]:
    steps = {f"{many:,} watches": (watched(many, plan), watched(many, plan).posts) for many in _WATCHES}
    mean = BLUESKY_A_DAY / 86_400
    steps["Bluesky, 1 post in 30 kept"] = (heard(BLUESKY_PEAK, _STORED), mean * _STORED)
    steps["Bluesky, all kept"] = (heard(BLUESKY_PEAK, 1.0), mean)
    wanted = {name: needs(rates, stored, costs, plan) for name, (rates, stored) in steps.items()}
    lines = [
        f"projected: a watch every {plan.interval / 60:g} min, {plan.posts_a_day:g} new posts each a day, answers after "
        f"{plan.answer:g} s;",
        f"machines of {plan.processors} processors and {plan.disk / 1e12:g} TB, {plan.busy:.0%} busy; Bluesky: "
        f"{BLUESKY_A_DAY / 1e6:g} million posts a day, {BLUESKY_PEAK:g}/s at the peak",
        "",
        f"{'':<27}{'pulls/s':>8}{'posts/s':>8}{'workers':>8}{'databases':>10}{'machines':>9}{'TB/year':>8}"
        "  first bottleneck; then",
    ]
    for name, (rates, _) in steps.items():
        lines.append(_step(name, rates, wanted[name], plan))
    largest = f"{_WATCHES[-1]:,} watches"
    return [*lines, "", *_reaches(wanted[largest], _WATCHES[-1], plan)]


def _step(name: str, rates: Rates, need: Needs, plan: Plan) -> str:
    first, then = (f"{what} {need.uses[what]:.0%}" for what in (need.first, need.first_single))
    numbers = f"{rates.pulls:>8,.0f}{rates.posts:>8,.1f}{need.processes:>8,}{need.databases:>10,}{need.machines:>9,}"
    said = first if first == then else f"{first}; {then}"
    return f"{name:<27}{numbers}{need.disk_a_year / 1e12:>8,.2f}  {said}"


def _reaches(need: Needs, watches: float, plan: Plan) -> list[str]:
    """What each resource carries by itself, before there have to be two of it."""
    lines = [f"{plan.busy:.0%} of one of them is enough for so many watches:"]
    used = {name: use for name, use in need.uses.items() if use > 0}
    for name, use in sorted(used.items(), key=lambda item: -item[1]):
        lines.append(f"  {name + ', ' + _UNITS[name]:<50}{reach(use, watches, plan):>12,.0f}")
    return lines
