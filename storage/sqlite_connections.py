"""Connections to one file that several processes use: one writer per process, one reader per thread.

WAL lets readers go on while somebody writes; a writer takes its lock at once (BEGIN IMMEDIATE), because a
transaction that reads first and then wants to write is refused without waiting. Writes are short. The threads of a
process take turns at one writer: they queue in place of polling for SQLite's lock, and its page cache stays warm,
where every other connection has to drop its own after each commit. Processes take turns, too: who waits for SQLite's
lock looks for it at times, and beside one that writes page after page would not once in a minute look at the right one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from storage.claims import claims_beside
from storage.errors import StoreBusy, StoreError, StoreFull
from storage.texts import holdable

PATIENCE = 60.0
"""Seconds that anybody waits for the write lock."""
_TURN = 20.0
"""Seconds that anybody waits for their turn at it."""

# Pages go back into the file every 16 MB of log in place of 4: the same index pages are written over and over.
# What is deleted is overwritten: a post that was taken away must not be found in the file.
_PRAGMAS = (
    "foreign_keys = ON",
    "recursive_triggers = ON",
    "secure_delete = ON",
    "synchronous = NORMAL",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 4000",
)

_T = TypeVar("_T")


class _Connection(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except UnicodeEncodeError:
            return super().execute(sql, holdable(parameters))


class _Own:
    """A thread's connection: what ends with the thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection


class Connections:
    def __init__(self, path: Path, functions: Mapping[str, Callable[[str], str | int]]) -> None:
        self._path = path
        self._functions = functions
        self._local = threading.local()
        self._all: set[sqlite3.Connection] = set()
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._writer: _Own | None = None
        _make_private(path)
        self.claims = claims_beside(path)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; what goes wrong inside becomes a StoreError."""
        with self._translation():
            yield self._mine()

    @contextmanager
    def read_warm(self) -> Iterator[sqlite3.Connection]:
        """For the short look-ups of those who are about to write: on the writer, whose cache knows the pages."""
        with self._translation(), self._turn:
            yield self._the_writer()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._translation(), self._turn, self.claims.turn("write", _TURN):
            connection = self._the_writer()
            _patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # after a full disk SQLite has rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translation(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise _as_store_error(self._path, error) from error

    def close(self) -> None:
        with self._guard:
            for connection in tuple(self._all):
                connection.close()
            self._all.clear()
        self._local = threading.local()
        self._writer = None

    def _mine(self) -> sqlite3.Connection:
        own: _Own | None = getattr(self._local, "own", None)
        if own is None:
            own = self._local.own = self._open()
        return own.connection

    def _the_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = self._open()
            self._writer.connection.execute("PRAGMA cache_size = -16000")  # kB: new keys are random, all pages are hit
        return self._writer.connection

    def _open(self) -> _Own:
        connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        with self._guard:
            self._all.add(connection)
        own = _Own(connection)
        weakref.finalize(own, _forget, connection, self._all)  # when its thread ends: a server goes through many
        for name, function in self._functions.items():
            connection.create_function(name, 1, function, deterministic=True)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        return own


def _forget(connection: sqlite3.Connection, among: set[sqlite3.Connection]) -> None:
    among.discard(connection)
    connection.close()


def _patiently(attempt: Callable[[], _T]) -> _T:
    """SQLite's own busy timeout covers neither every step of opening nor a crowd of writers."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _as_store_error(path: Path, error: Exception) -> StoreError:
    text = str(error)
    if "disk is full" in text or "disk I/O" in text:
        return StoreFull(f"{path}: {text}: free some space; what was being written will be asked for again.")
    if "locked" in text:
        return StoreBusy(f"{path}: another process has kept it locked for over {PATIENCE:.0f} s.")
    if "not a database" in text or "malformed" in text:
        return StoreError(f"{path} is not a sound Listener database ({text}): restore a copy or name another file.")
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"{path} cannot be written ({text}): check the folder and its permissions.")
    return StoreError(f"{path}: {text}.")


def _make_private(path: Path) -> None:
    """Posts name people: a new database is for its owner only. SQLite gives its side files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be opened ({error.strerror}): check storage.url and the folder.") from error
