"""The Store on one SQLite file, through sqlite-utils."""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from storage import sqlite_search, tallies, transfer_sqlite
from storage.errors import StoreBusy
from storage.sqlite_connections import PATIENCE, Connections
from storage.sqlite_migrations import apply, pending
from storage.store import SqlStore
from storage.transfer import Side


class SqliteStore(SqlStore):
    """The whole `storage.contract.Store` on one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = Connections(path, {"segment": sqlite_search.segment, "voice_of": tallies.voice_of_row})
        self._read = self._connections.read
        self._read_warm = self._connections.read_warm
        self._write = self._write_many = self._connections.write
        self._words = sqlite_search

    # -- opening

    @property
    def place(self) -> str:
        return str(self._path)

    def migrate(self) -> None:
        give_up = time.monotonic() + PATIENCE
        with self._read() as connection:
            while pending(connection, self.place):
                with self.claim("migrate") as mine:
                    if mine:
                        apply(connection)
                        return
                if time.monotonic() > give_up:
                    raise StoreBusy(f"{self.place}: another process has been migrating it for over a minute.")
                time.sleep(0.05)

    def claim(self, name: str) -> AbstractContextManager[bool]:
        return self._connections.claims.claim(name)

    def size(self) -> int:
        size = 0
        for file in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            with suppress(OSError):  # the log goes when the last process does
                size += file.stat().st_size
        return size

    def close(self) -> None:
        self._connections.close()

    @property
    def side(self) -> Side:
        place = str(self._path.resolve())
        return Side(place, self._read, self._write, transfer_sqlite.tables, transfer_sqlite.put)

    def make_way(self) -> None:
        """What there is to gain is not worth a moment without its indexes."""

    def settle_in(self) -> None:
        """SQLite goes on from the last number by itself."""

    def _sorted(self, statement: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """In slices that fit the processor's cache it takes half the time of sorting all in memory. Where no file can
        be made, in memory."""
        connection: sqlite3.Connection
        with self._read() as connection:
            try:
                connection.execute("PRAGMA temp_store = FILE")
                return connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError:
                connection.execute("PRAGMA temp_store = MEMORY")
                return connection.execute(statement, values).fetchall()
            finally:
                connection.execute("PRAGMA temp_store = MEMORY")
