"""The `listener` command without a process: for tests of what it says, which need many calls and no isolation."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from listener.cli.main import _run

ACME = '[[brands]]\nname = "Acme"\nquery = "acme"\n'


class Ended(NamedTuple):
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """A folder with listener.toml (`config`: its text, None: no such file) in which `listener` is called."""

    def __init__(self, folder: Path, config: str | None = ACME) -> None:
        self.folder = folder
        self.config = folder / "listener.toml"
        self.database = folder / "listener.db"
        if config is not None:
            self.config.write_text(config, encoding="utf-8")
            self.config.chmod(0o600)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        return listener("--config", str(self.config), *arguments, stdin=stdin)

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return str(path)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(statement).fetchall()


def listener(*arguments: str, stdin: bytes = b"") -> Ended:
    """Call it as a shell would, without --config."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    argv = mock.patch.object(sys, "argv", ["listener", *arguments])
    with argv, mock.patch.object(sys, "stdin", given), redirect_stdout(out), redirect_stderr(err):
        code = _run()
    ended = Ended(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))
    assert "Traceback" not in ended.out + ended.err, ended.err
    return ended
