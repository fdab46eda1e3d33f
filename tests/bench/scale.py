"""What more workers bring, and what PostgreSQL costs one of them.

First table: all watches are due at once, each on a host of its own that answers after 200 ms with posts nobody knows;
1, 2 and 4 real `listener worker` processes share them through the queue, the clock is a real `listener run`, and each
round has an empty database. A worker does few jobs at a time, so that it waits for answers and not for a processor:
only then do workers on one machine say anything about workers on several. How much of the machine was used stands
beside it; the last column counts whatever else ran on it. Every watch must be pulled once and every post stored once.

Second table: one process, as wide as `listener run`, pulls the same feeds from hosts that answer at once into SQLite
and into PostgreSQL, in turns; of each the best round counts. The search index and the stories are part of it. Commits
of PostgreSQL wait for the disk, those of SQLite do not (WAL, synchronous = NORMAL).

`python -m tests.bench scale [--quick] [watches=400] [concurrency=2] [feeds=100] [rounds=3]`
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median

import psycopg

from tests.bench.hosts import serving
from tests.bench.scale_processors import postmaster
from tests.bench.scale_pull import NEW, Pulled, measured, naming, warmed
from tests.bench.scale_workers import Crewed, Work, crewed
from tests.postgres import database, own_server

WORKERS = (1, 2, 4)
_FASTER, _RATIO, _MEMORY = 3.2, 0.6, 120
_HOSTS = 16


def run(*options: str) -> str:
    given = dict(option.split("=", 1) for option in options if option != "--quick")
    quick = "--quick" in options
    work = Work(int(given.get("watches", 100 if quick else 400)), 5, int(given.get("concurrency", 2)), 0.2)
    feeds, rounds = int(given.get("feeds", 40 if quick else 100)), int(given.get("rounds", 1 if quick else 3))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "postgres"
        server = own_server(data)
        url = server.get_uri()
        try:
            title = described(url)
            crews = [crewed(work, many, url, data, folder / f"crew-{many}") for many in WORKERS]
            sides = _sides(url, postmaster(data), feeds, rounds, folder)
        finally:
            server.cleanup()
    return "\n".join([title, "", *_crews(work, crews), "", *_compared(feeds, *sides)])


def described(url: str) -> str:
    """The database and the machine, and how long a commit waits for its disk."""
    with psycopg.connect(url) as connection:
        version, fsync = (
            (connection.execute(f"SHOW {name}").fetchone() or ("?",))[0] for name in ("server_version", "fsync")
        )
    said = f"PostgreSQL {version} (fsync {fsync}; who waits for the disk waits {1000 * _commit(url):.1f} ms, we do not)"
    return f"{said}, {os.cpu_count()} processors; load {os.getloadavg()[0]:.1f}"


def _commit(url: str) -> float:
    """Seconds, the median, of a transaction that writes next to nothing."""
    taken = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(50):
            began = time.perf_counter()
            connection.execute("SELECT pg_logical_emit_message(true, 'bench', '')")
            taken.append(time.perf_counter() - began)
    return median(taken)


def _crews(work: Work, crews: list[Crewed]) -> list[str]:
    lines = [
        f"{work.watches} watches on as many hosts, {1000 * work.answer:.0f} ms an answer, {work.entries} new posts each;"
        f" {work.concurrency} jobs at a time per worker",
        "",
        f"{'workers':<9}{'seconds':>9}{'posts/s':>9}{'ratio':>8}   processors used by: workers  PostgreSQL  hosts  clock"
        "   of the machine, by all",
    ]
    for one in crews:
        ratio = crews[0].seconds / one.seconds
        used = one.used
        whole = used["machine"] / (os.cpu_count() or 1)
        lines.append(
            f"{one.workers:<9}{one.seconds:>9.1f}{work.posts / one.seconds:>9.0f}{ratio:>7.2f}×   {used['workers']:>27.2f}"
            f"{used['PostgreSQL']:>12.2f}{used['hosts']:>7.2f}{used['clock']:>7.2f}{whole:>17.0%}"
        )
    return [*lines[:-1], f"{lines[-1]}   (mark ≥ {_FASTER}×)"]


def _sides(url: str, postmaster: int, feeds: int, rounds: int, folder: Path) -> tuple[Pulled, Pulled]:
    """The best of the rounds on SQLite, and on PostgreSQL."""
    here, there = [], []
    with serving(_HOSTS, 0.0, naming) as hosts:
        warmed(hosts, feeds)
        for turn in range(rounds):
            here.append(measured("", hosts, feeds, folder / f"sqlite-{turn}"))
            with database(url) as empty:
                there.append(measured(empty, hosts, feeds, folder / f"postgres-{turn}", postmaster))
    return best(here), best(there)


def best(rounds: list[Pulled]) -> Pulled:
    """Of each phase the fastest: a shared machine only ever adds."""
    names = rounds[0].phases
    phases = {name: min((one.phases[name] for one in rounds), key=lambda cost: cost.seconds) for name in names}
    return rounds[0]._replace(phases=phases, memory=max(one.memory for one in rounds))


def _compared(feeds: int, here: Pulled, there: Pulled) -> list[str]:
    lines = [
        f"{feeds} feeds × {NEW['first']} entries, one process; SQLite / PostgreSQL",
        "",
        f"{'':<16}{'a second':>20}{'ratio':>8}{'ms of processor a pull':>25}{'  of PostgreSQL':>15}"
        f"{'lock held, ms':>17}{'trips':>7}",
    ]
    for name, new in NEW.items():
        one, other = here.phases[name], there.phases[name]
        many, what = (feeds * new, "posts") if new else (feeds, "pulls")
        ratio = one.seconds / other.seconds
        speed = f"{many / one.seconds:,.0f} / {many / other.seconds:,.0f} {what}"
        cpu = f"{1000 * one.cpu / feeds:.1f} / {1000 * other.cpu / feeds:.1f}"
        locked = f"{1000 * one.locked / feeds:.1f} / {1000 * other.locked / feeds:.1f}"
        mark = f"   (mark ≥ {_RATIO}×)" if name == "first" else ""
        lines.append(
            f"{name:<16}{speed:>20}{ratio:>7.2f}×{cpu:>25}{1000 * other.database / feeds:>15.1f}{locked:>17}"
            f"{other.trips / feeds:>7.0f}{mark}"
        )
    memory = f"peak memory, MB {here.memory:.0f} / {there.memory:.0f}   (mark ≤ {_MEMORY})"
    same = f"stored {here.posts:,} / {there.posts:,} posts, {here.mentions:,} / {there.mentions:,} mentions"
    return [*lines, memory, same]
