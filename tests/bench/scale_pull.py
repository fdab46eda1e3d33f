"""One process that pulls feeds into one database, SQLite or PostgreSQL, as `listener pull` does: three times, when all
entries are new, when nothing is, and when a tenth is.

`python -m tests.bench.scale_pull URL FEEDS POSTMASTER THREADS` prints its figures as JSON; before each pull it says on
its standard output that it is ready and waits for a line on its standard input. FEEDS is a file with their addresses.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from tests.bench.feeds import ENTRIES, NEW_SHARE, TERMS, body
from tests.bench.hosts import Hosts
from tests.bench.scale_processors import cpu_seconds_with_children

_TERMS_PER_BRAND = 10
PHASES = {"first": 0, "304": 0, "10 % new": 1}
"""What a pull finds, and the version of the feeds that it is shown."""
NEW = {"first": ENTRIES, "304": 0, "10 % new": ENTRIES * NEW_SHARE // 100}
"""New posts of each feed."""

naming = partial(body, naming=1.0)
"""Feeds of 50 entries, each of which names a brand."""


class Cost(NamedTuple):
    """Of one pull of all feeds, in seconds: by the clock, of the pulling process's processors, of PostgreSQL's, and
    for which the write lock was held. `trips` are the times that an answer of PostgreSQL was waited for."""

    seconds: float
    cpu: float
    database: float
    locked: float
    trips: int


class Pulled(NamedTuple):
    """`size` in bytes, of what is stored alone; `memory` in MB at its peak."""

    phases: dict[str, Cost]
    posts: int
    mentions: int
    size: int
    memory: float


def measured(url: str, server: Hosts, feeds: int, folder: Path, postmaster: int = 0, threads: int = 8) -> Pulled:
    """By a process of its own with so many threads; its `folder` is made; `url` "" is an SQLite file in it."""
    folder.mkdir()
    addresses = folder / "feeds.json"
    addresses.write_text(json.dumps([server.url(n) for n in range(feeds)]))
    command = [sys.executable, "-m", "tests.bench.scale_pull", url, str(addresses), str(postmaster), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for version in PHASES.values():
            if not process.stdout.readline():
                break  # it has failed, and said why
            server.show(version)
            print(version, file=process.stdin, flush=True)
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {process.returncode}")
    figures = json.loads(said)
    return Pulled({name: Cost(*cost) for name, cost in figures.pop("phases").items()}, **figures)


def warmed(server: Hosts, feeds: int) -> Hosts:
    """The server with all bodies made, which is nobody's work but its own."""
    for version in sorted(set(PHASES.values())):
        server.show(version)
        for feed in range(feeds):
            urlopen(server.url(feed)).read()
    return server


def tables(addresses: list[str], url: str) -> dict[str, Any]:
    """A configuration: 1,000 terms of 100 brands, a watch for each address."""
    groups = [TERMS[start : start + _TERMS_PER_BRAND] for start in range(0, len(TERMS), _TERMS_PER_BRAND)]
    return {
        "http": {"allow_private": ["127.0.0.1/32"]},
        "storage": {"url": url or "sqlite:///listener.db"},
        "brands": [{"name": group[0], "query": " OR ".join(group)} for group in groups],
        "sources": [{"type": "feed", "name": f"feed-{n}", "url": address} for n, address in enumerate(addresses)],
    }


def _pull_all(url: str, addresses: Path, postmaster: int, threads: int) -> dict[str, Any]:
    from listener.app import App
    from listener.cli.pull import pull_watches
    from listener.config import read

    settings = {**tables(json.loads(addresses.read_text()), url), "schedule": {"threads": threads}}
    app = App(read(addresses.parent / "listener.toml", settings, {}))
    _ = app.puller  # starting up is not pulling, for neither database
    watches = app.sync_watches()
    lock, trips = _Held(app.store), _trips() if url else [0]
    empty = _size(app.store, url)

    def pull() -> None:
        ended = pull_watches(app, watches, due_only=False)
        app.settle()
        failed = [run.error if run else "left out" for _, run in ended if run is None or run.outcome == "failed"]
        if failed or len(ended) != len(watches):
            raise SystemExit(f"{len(failed)} of {len(ended)} failed: {failed[:1]}")

    phases: dict[str, Cost] = {}
    stored: dict[str, int] = {}
    for phase in PHASES:
        print("ready", flush=True)
        sys.stdin.readline()
        phases[phase] = _cost(pull, lock, trips, postmaster)
        if not stored:
            stored = {**app.store.counts(), "size": _size(app.store, url) - empty}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    app.close()
    return {"phases": phases, "memory": memory} | {name: stored[name] for name in ("posts", "mentions", "size")}


def _cost(pull: Callable[[], None], lock: _Held, trips: list[int], postmaster: int) -> Cost:
    def now() -> tuple[float, ...]:
        database = cpu_seconds_with_children(postmaster) if postmaster else 0.0
        return (time.perf_counter(), time.process_time(), database, lock.seconds, trips[0])

    before = now()
    pull()
    seconds, cpu, database, locked, waited = (b - a for a, b in zip(before, now(), strict=True))
    return Cost(seconds, cpu, database, locked, int(waited))


class _Held:
    """Counts for how long the store's write lock is held: from when a writer has it to the end of its transaction."""

    def __init__(self, store: Any) -> None:
        self.seconds = 0.0  # one writer at a time: nobody else adds to it meanwhile
        self._write: Callable[[], AbstractContextManager[Any]] = store._write
        store._write = self._timed

    @contextmanager
    def _timed(self) -> Iterator[Any]:
        with self._write() as connection:
            began = time.perf_counter()
            yield connection
        self.seconds += time.perf_counter() - began


def _trips() -> list[int]:
    """Counts from now on; threads may lose one of many thousands."""
    import psycopg

    counted = [0]
    wait = psycopg.Connection.wait

    def waiting(self: Any, *arguments: Any, **options: Any) -> Any:
        counted[0] += 1
        return wait(self, *arguments, **options)

    psycopg.Connection.wait = waiting  # type: ignore[method-assign]
    return counted


def _size(store: Any, url: str) -> int:
    """Bytes of tables and indexes."""
    with store.side.read() as connection:
        if url:
            return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])
        pages, free, each = (
            int(connection.execute(f"PRAGMA {what}").fetchone()[0])
            for what in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * each


if __name__ == "__main__":
    url, addresses, postmaster, threads = sys.argv[1:]
    print(json.dumps(_pull_all(url, Path(addresses), int(postmaster), int(threads))))
