"""The Store on PostgreSQL, for many machines."""

from __future__ import annotations

from contextlib import AbstractContextManager

from storage import postgres_dialect, postgres_search, postgres_tallies, transfer_postgres
from storage.errors import NewerSchema, StoreError
from storage.postgres_claims import Claims
from storage.postgres_connections import Connections
from storage.postgres_errors import place_of
from storage.schema import MIGRATIONS, Migration
from storage.sqlite_migrations import FIRST
from storage.store import SqlStore
from storage.transfer import Side

_OWN = (
    Migration("search_0001", postgres_search.TABLES),
    Migration("tallies_0001", postgres_tallies.TALLIES),
    Migration("indices_0001", postgres_dialect.INDICES),
)
_ALL = (*MIGRATIONS[:FIRST], *_OWN, *MIGRATIONS[FIRST:])
_MIGRATORS = 7_255_002
_KNOWN = """
CREATE TABLE IF NOT EXISTS listener_migrations (name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"""


class PostgresStore(SqlStore):
    def __init__(self, url: str) -> None:
        self._place = place_of(url)
        self._connections = Connections(url, self._place)
        self._claims = Claims(self._connections.keep, self._connections.translation)
        self._read = self._connections.read
        self._read_warm = self._connections.read
        self._write = self._connections.write
        self._write_many = self._connections.write_in_turn
        self._words = postgres_search

    @property
    def place(self) -> str:
        return self._place

    def migrate(self) -> None:
        with self._connections.alone() as raw, raw.transaction():
            if (encoding := raw.info.parameter_status("server_encoding")) != "UTF8":
                how = "createdb --encoding=UTF8 --template=template0"
                raise StoreError(f"{self._place} is encoded in {encoding}: make one with {how}.")
            raw.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATORS,))
            raw.execute(_KNOWN)
            applied = {row[0] for row in raw.execute("SELECT name FROM listener_migrations")}
            newer = sorted(applied - {one.name for one in _ALL})
            if newer:
                raise NewerSchema(
                    f"{self._place} was written by a newer Listener (it knows {newer[-1]}): upgrade Listener."
                )
            for migration in _ALL:
                if migration.name not in applied:
                    for statement in migration.statements:
                        raw.execute(postgres_dialect.defined(statement))
                    raw.execute("INSERT INTO listener_migrations (name) VALUES (%s)", (migration.name,))

    def claim(self, name: str) -> AbstractContextManager[bool]:
        return self._claims.claim(name)

    def size(self) -> int:
        with self._read() as connection:
            return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])

    def close(self) -> None:
        self._claims.close()
        self._connections.close()

    @property
    def side(self) -> Side:
        return Side(self.place, self._read, self._write_many, transfer_postgres.tables, transfer_postgres.put)

    def make_way(self) -> None:
        with self._write_many() as connection:
            transfer_postgres.put_indexes_away(connection)

    def settle_in(self) -> None:
        with self._write_many() as connection:
            transfer_postgres.put_indexes_back(connection)
        with self._read() as connection:
            transfer_postgres.know(connection)
