"""Real `listener worker` processes on one PostgreSQL, and hosts that take their time to answer."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.bench.feeds import body
from tests.bench.hosts import Hosts, Visit, serving
from tests.bench.scale_processors import (
    cpu_seconds,
    cpu_seconds_with_children,
    machine_seconds,
    postmaster,
    shares,
)
from tests.bench.scale_pull import tables
from tests.postgres import database
from tests.program import Program, Running

_PATIENCE = 60.0
_GAP = "0.05s"  # that hosts have one costs two questions to the database for each request; nobody has to wait for it


class Work(NamedTuple):
    """What there is to do, the same for any number of workers. `answer` in seconds."""

    watches: int
    entries: int
    concurrency: int
    answer: float

    @property
    def posts(self) -> int:
        return self.watches * self.entries


class Crewed(NamedTuple):
    """`seconds` from the first request to the end of the last run; `used`: of one processor, by whom."""

    workers: int
    seconds: float
    used: dict[str, float]


def crewed(work: Work, workers: int, server: str, data: Path, folder: Path) -> Crewed:
    """All watches are due when the clock starts; each brings posts that nobody knows. Raises SystemExit when not each
    was pulled once and each post stored once."""
    few = partial(body, entries=work.entries, naming=1.0)
    with database(server) as url, serving(work.watches, work.answer, few) as hosts, ExitStack() as stack:
        program = _program(folder, url, hosts, work)
        command = ("worker", "--concurrency", str(work.concurrency))
        crew = [stack.enter_context(program.start(*command)) for _ in range(workers)]
        _wait(url, "SELECT COUNT(*) FROM procrastinate_workers", workers)
        clock = stack.enter_context(program.start("run"))
        began = hosts.wait_for(1, _PATIENCE)
        parts = partial(_spent, crew, clock, postmaster(data), hosts.pid)
        before, since = parts(), time.monotonic()
        _wait(url, "SELECT COUNT(*) FROM runs", work.watches)
        used = shares(before, parts(), time.monotonic() - since)
        visits = began + hosts.wait_for(work.watches - len(began), 1.0)
        ended = _checked(url, work, visits)
        _end([clock, *crew])
    return Crewed(workers, ended - min(visit.at for visit in visits), used)


def _program(folder: Path, url: str, hosts: Hosts, work: Work) -> Program:
    settings = tables([hosts.url(n) for n in range(work.watches)], url)
    schedule = {"engine": "procrastinate", "interval": "1h"}
    settings["http"]["gap"] = _GAP
    return Program(folder, schedule=schedule, **settings)


def _spent(crew: list[Running], clock: Running, database: int, hosts: int) -> dict[str, float]:
    return {
        "workers": sum(cpu_seconds(one.process.pid) for one in crew),
        "clock": cpu_seconds(clock.process.pid),
        "PostgreSQL": cpu_seconds_with_children(database),
        "hosts": cpu_seconds(hosts),
        "machine": machine_seconds(),
    }


def _wait(url: str, statement: Any, many: int) -> None:
    """Until that is as many; asked rarely, since asking is work, too."""
    give_up = time.monotonic() + _PATIENCE + many
    while time.monotonic() < give_up:
        try:
            with psycopg.connect(url) as connection:
                row = connection.execute(statement).fetchone()
        except psycopg.Error:
            row = None  # its tables are not made yet
        if row and row[0] >= many:
            return
        time.sleep(0.25)
    raise SystemExit(f"{statement}: never {many}")


def _checked(url: str, work: Work, visits: list[Visit]) -> float:
    """When the last run ended, s since 1970."""
    with psycopg.connect(url) as connection:
        runs = connection.execute("SELECT COUNT(*), COUNT(DISTINCT watch_id), SUM(new), MAX(finished_at) FROM runs")
        count, watches, new, last = runs.fetchone() or (0, 0, 0, "")
        (posts,) = connection.execute("SELECT COUNT(*) FROM posts").fetchone() or (0,)
        failed = connection.execute("SELECT error FROM runs WHERE outcome <> 'ok' LIMIT 1").fetchone()
    found = (count, watches, new, posts, len(visits))
    if found != (work.watches, work.watches, work.posts, work.posts, work.watches):
        raise SystemExit(f"{work} came to (runs, watches, new, posts, requests) {found}: {failed}")
    return datetime.fromisoformat(last).timestamp()


def _end(processes: list[Running]) -> None:
    for one in processes:
        one.signal(signal.SIGTERM)
    for one in processes:
        ended = one.wait(30)
        if ended.code:
            raise SystemExit(ended.said)
