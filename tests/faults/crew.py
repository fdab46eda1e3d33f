"""Workers and clocks of one configuration, each in a process of its own, on one PostgreSQL.

They are forked from a process that has imported everything: importing it takes each of them a second of a processor.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from listener.schedule import rescue, working
from tests.program import LOVED, Program, Running, until
from tests.standins.feeds import Item, rss
from tests.standins.loopback import Asked, Loopback, Told

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "pytest",  # what this process was started with is looked at in each
        "feedparser",
        "connectors.http",
        "connectors.jetstream",
        "listener.app",
        "listener.cli.worker",
        "listener.cli.run",
        "listener.cli.rescore",
        "listener.schedule.working",
        "storage.postgres",
        "tests.faults.crew",
    ]
)


class Feeds(Loopback):
    """`/NUMBER` is a feed of `each` entries. `arrived` says when each request came; those for `held` wait."""

    def __init__(self, each: int = 1, body: str = LOVED) -> None:
        super().__init__()
        self.arrived: list[float] = []
        self.held: set[str] = set()
        self.waits, self.let_go = threading.Event(), threading.Event()
        self._each = each
        self._body = body
        self._at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def url(self, number: int) -> str:
        return f"{self.base}/{number}"

    def tell(self, asked: Asked) -> Told:
        self.arrived.append(time.monotonic())
        if asked.path in self.held:
            self.waits.set()
            self.lock.release()  # the others are answered meanwhile
            try:
                self.let_go.wait(60)
            finally:
                self.lock.acquire()
        return super().tell(asked)

    def answer(self, asked: Asked) -> Told:
        items = [
            Item(id=f"{self.base}{asked.path}/{n}", title=f"Acme {asked.path} {n}", body=self._body, published=self._at)
            for n in range(self._each)
        ]
        return Told(200, rss(items, self.base).encode(), {"Content-Type": "application/rss+xml"})


class _Process:
    """`multiprocessing.Process`, asked as `subprocess.Popen` is."""

    def __init__(self, *arguments: object) -> None:
        self._process = _FORKS.Process(target=_listen, args=arguments, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("listener", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _listen(folder: Path, out: Path, err: Path, arguments: Sequence[str], hasty: bool) -> None:
    """The `listener` command, in a forked process."""
    if hasty:
        for module in (rescue, working):
            module.BEAT, module.STALLED = 0.5, 3.0  # type: ignore[attr-defined]
    os.chdir(folder)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.pop("LISTENER_CONFIG", None)
    sys.argv = ["listener", *arguments]
    from listener.cli.main import main

    main()


class Forked(Running):
    """`hasty`: a worker that shows no sign of life is taken for dead after 3 s already."""

    def __init__(self, out: Path, arguments: Sequence[str], hasty: bool) -> None:
        self._out, self._err = out, out.with_suffix(".err")
        self.process: Any = _Process(out.parent, self._out, self._err, arguments, hasty)

    @property
    def said(self) -> str:
        """So far, on stderr."""
        return self._err.read_text(encoding="utf-8", errors="replace") if self._err.exists() else ""

    @property
    def pulled(self) -> int:
        """Watches that it has pulled, and that brought something."""
        return self.said.count(" ok: ")


class Crew(Program):
    """Workers and clocks of one configuration, each in a process of its own, on a database in PostgreSQL."""

    def __init__(
        self, folder: Path, url: str, sources: Sequence[Mapping[str, Any]], hasty: bool = True, **settings: Any
    ) -> None:
        self._url = url
        self._hasty = hasty
        self._forks = count(1)
        schedule = {"engine": "procrastinate", "interval": "1h", "threads": 4, **settings.pop("schedule", {})}
        super().__init__(folder, sources=sources, storage={"url": url}, schedule=schedule, **settings)

    def fork(self, *arguments: str) -> Forked:
        out = self.folder / f"forked-{next(self._forks)}.out"
        return Forked(out, ["--config", str(self.config), *arguments], self._hasty)

    def start(self, *arguments: str) -> Running:
        return self.fork(*arguments)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._url) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(statement, parameters or None).fetchall()
            return rows

    @contextmanager
    def at_work(self, *commands: str) -> Iterator[list[Forked]]:
        """`worker` and `run`, each until the block ends: then all of them end well, within their grace."""
        with ExitStack() as stack:
            all_of_them = [self.fork("-v", *command.split()) for command in commands]
            for one in all_of_them:
                stack.enter_context(one)
            yield all_of_them
            for one in all_of_them:
                if one.process.poll() is None:
                    one.signal(signal.SIGTERM)
            for one in all_of_them:
                ended = one.wait(20)
                assert ended.code in (0, -signal.SIGKILL), ended.said
                assert "Traceback" not in ended.said, ended.said

    def wait_for_workers(self, many: int) -> None:
        until(lambda: self.count("procrastinate_workers") == many, 30)

    def wait_for_runs(self, many: int, seconds: float = 30) -> None:
        """And until nobody does anything any more."""
        until(lambda: self.count("runs") >= many, seconds)
        until(lambda: self.count("procrastinate_jobs") == 0, 30)

    def empty(self, table: str) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(f"DELETE FROM {table}".encode())

    def make_due(self) -> None:
        """Every watch."""
        with psycopg.connect(self._url) as connection:
            connection.execute("UPDATE watches SET next_due = '2026-01-01T00:00:00.000Z'")

    def wait_for_posts(self, many: int, seconds: float) -> None:
        until(lambda: self.count("posts") >= many, seconds)

    def count(self, table: str) -> int:
        try:
            return int(self.value(f"SELECT COUNT(*) FROM {table}"))
        except psycopg.Error:
            return -1  # not made yet, or not there just now

    def runs_per_watch(self) -> Counter[int]:
        """So many watches have so many runs."""
        statement = "SELECT COUNT(r.id) FROM watches w LEFT JOIN runs r ON r.watch_id = w.id GROUP BY w.id"
        return Counter(runs for (runs,) in self.rows(statement))

    def check(self, posts: int) -> None:
        """Nothing is lost and nothing is there twice."""
        assert self.count("posts") == posts
        assert self.value("SELECT COUNT(*) FROM mentions") == posts
        assert self.value("SELECT COUNT(DISTINCT title) FROM posts") == posts
        assert self.value("SELECT SUM(new) FROM runs") == posts
