"""The real `listener` command in a folder of its own: a configuration, processes, and looks into its database.

program = Program(tmp_path, sources=[feed("blog", server.url())])
runs = program.pull(code=0)["runs"]
assert program.value("SELECT COUNT(*) FROM posts") == 3
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

LISTENER = Path(sysconfig.get_path("scripts")) / "listener"
LOOPBACK = ["127.0.0.1/32"]
ACME = {"name": "Acme", "query": "acme"}
HATED = "Acme is terrible and useless, an awful waste of money, I hate it."
LOVED = "Acme is wonderful, I love it, the best choice I made."

# Measured by a process between the two: what the test process holds in memory at the fork would count as the child's.
_MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file)
sys.exit(code)
"""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Running:
    """A process at work; what it says goes to files, so that no pipe is ever full."""

    def __init__(self, command: Sequence[str], out: Path, environment: Mapping[str, str]) -> None:
        self._out, self._err = out, out.with_suffix(".err")
        with self._out.open("wb") as stdout, self._err.open("wb") as stderr:
            self.process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment, cwd=out.parent)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> Ended:
        """Killed, and subprocess.TimeoutExpired, if it takes longer."""
        try:
            code = self.process.wait(seconds)
        finally:
            if self.process.returncode is None:
                self.process.kill()
                self.process.wait()
        return Ended(code, *(path.read_text(encoding="utf-8", errors="replace") for path in (self._out, self._err)))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Program:
    """`settings` are further tables of the configuration, such as `schedule={"interval": "1s"}`."""

    def __init__(
        self,
        folder: Path,
        *,
        sources: Sequence[Mapping[str, Any]] = (),
        brands: Sequence[Mapping[str, Any]] = (ACME,),
        channels: Sequence[Mapping[str, Any]] = (),
        alerts: Sequence[Mapping[str, Any]] = (),
        **settings: Mapping[str, Any],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "listener.toml"
        self.database = folder / "listener.db"
        self._numbers = count(1)
        private = {name: {"allow_private": LOOPBACK, **settings.pop(name, {})} for name in ("http", "alerting")}
        self.write(
            {**private, **settings, "brands": brands, "sources": sources, "channels": channels, "alerts": alerts}
        )

    def write(self, tables: Mapping[str, Any]) -> None:
        self.config.write_text(_toml(tables), encoding="utf-8")
        self.config.chmod(0o600)

    # -- processes

    def start(self, *arguments: str) -> Running:
        return self._start(*self._command(arguments))

    def run(self, *arguments: str, code: int | None = 0) -> Ended:
        """Run to the end; `code` is the exit code to insist on."""
        return _checked(self.start(*arguments).wait(), code)

    def measured(self, *arguments: str, code: int | None = 0) -> tuple[Ended, int]:
        """As `run`, with the peak of its resident memory in bytes."""
        peak = self.folder / "peak"
        ended = self._start(sys.executable, "-I", "-S", "-c", _MEASURE, str(peak), *self._command(arguments)).wait()
        return _checked(ended, code), int(peak.read_text()) * _RSS_UNIT

    def pull(self, *options: str, code: int | None = 0) -> Any:
        """Pull everything, due or not; the JSON it prints."""
        return self.run("pull", "--all", "--json", *options, code=code).json

    def watches(self) -> dict[str, dict[str, Any]]:
        """What `sources --json` says, by source."""
        return {watch["source"]: watch for watch in self.run("sources", "--json", code=None).json}

    # -- the database

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return connection.execute(statement, parameters).fetchall()

    def value(self, statement: str, *parameters: object) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def titles(self) -> list[str]:
        return [title for (title,) in self.rows("SELECT title FROM posts ORDER BY title")]

    def check_database(self) -> None:
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        assert self.rows("PRAGMA foreign_key_check") == []

    # -- details

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(LISTENER), "--config", str(self.config), *arguments]

    def _start(self, *command: str) -> Running:
        environment = {key: value for key, value in os.environ.items() if key != "LISTENER_CONFIG"}
        return Running(command, self.folder / f"said-{next(self._numbers)}.out", environment)


def feed(name: str, url: str, **options: Any) -> dict[str, Any]:
    return {"type": "feed", "name": name, "url": url, **options}


def hackernews(name: str, base_url: str, **options: Any) -> dict[str, Any]:
    return {"type": "hackernews", "name": name, "base_url": base_url, **options}


def alert_of_detractors(*channels: str) -> dict[str, Any]:
    return {"name": "unhappy", "channels": list(channels), "labels": ["detractor"]}


def _checked(ended: Ended, code: int | None) -> Ended:
    assert "Traceback" not in ended.said, ended.said
    assert "mistake in Listener" not in ended.said, ended.said
    assert code is None or ended.code == code, f"exit code {ended.code}:\n{ended.said}"
    return ended


def _toml(tables: Mapping[str, Any]) -> str:
    """JSON's strings, numbers and lists are TOML's, too."""
    lines = []
    for name, content in tables.items():
        if isinstance(content, Mapping):
            lines += [f"[{name}]", *_pairs(content)]
        elif isinstance(content, str):
            lines.insert(0, f"{name} = {json.dumps(content, ensure_ascii=False)}")
        else:
            for table in content:
                lines += [f"[[{name}]]", *_pairs(table)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]


def until(true: Callable[[], object], seconds: float = 15) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)
