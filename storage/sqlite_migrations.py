"""The migrations of storage.schema, and those of SQLite's own search tables, through sqlite-utils."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from storage import sqlite_search
from storage.errors import NewerSchema
from storage.schema import MIGRATIONS, Migration
from storage.tallies import TALLIES

_ALL = (*MIGRATIONS, Migration("search_0001", sqlite_search.TABLES), Migration("tallies_0001", TALLIES))


def migrations() -> Migrations:
    known = Migrations("listener")
    for migration in _ALL:

        def apply(db: Database, statements: tuple[str, ...] = migration.statements) -> None:
            for statement in statements:
                db.conn.execute(statement.replace("{serial}", "INTEGER PRIMARY KEY"))

        known(name=migration.name)(apply)
    return known


def refuse_newer(db: Database, place: str) -> None:
    """Raises NewerSchema for a database that knows a migration that we do not."""
    ours = {migration.name for migration in _ALL}
    newer = [applied.name for applied in migrations().applied(db) if applied.name not in ours]
    if newer:
        raise NewerSchema(
            f"{place} was written by a newer Listener (it knows {newer[-1]}): "
            "upgrade Listener, or point storage.url at another file."
        )
