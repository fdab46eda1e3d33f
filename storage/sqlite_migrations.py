"""The migrations of storage.schema, and those of SQLite's own search tables, through sqlite-utils."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from storage import sqlite_search
from storage.errors import NewerSchema
from storage.schema import MIGRATIONS, Migration
from storage.tallies import TALLIES

if TYPE_CHECKING:
    from sqlite_utils import Database

_OWN = (Migration("search_0001", sqlite_search.TABLES), Migration("tallies_0001", TALLIES))
FIRST = 7
"""Those of MIGRATIONS that come before ours: the later ones change what ours made."""
_ALL = (*MIGRATIONS[:FIRST], *_OWN, *MIGRATIONS[FIRST:])

_SET = "listener"
_IS_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
_APPLIED = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid"


def pending(connection: sqlite3.Connection, place: str) -> bool:
    """Whether a migration is still to be applied; asked without sqlite-utils, which takes a tenth of a second to import
    and hardly ever has anything to do. Raises NewerSchema for a database that knows a migration that we do not."""
    is_there = connection.execute(_IS_THERE).fetchone()
    applied = [name for (name,) in connection.execute(_APPLIED, (_SET,))] if is_there else []
    ours = {migration.name for migration in _ALL}
    newer = [name for name in applied if name not in ours]
    if newer:
        raise NewerSchema(
            f"{place} was written by a newer Listener (it knows {newer[-1]}): "
            "upgrade Listener, or point storage.url at another file."
        )
    return len(applied) < len(ours)


def apply(connection: sqlite3.Connection) -> None:
    """All that are pending."""
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    known = Migrations(_SET)
    for migration in _ALL:

        def run(db: Database, statements: tuple[str, ...] = migration.statements) -> None:
            for statement in statements:
                db.conn.execute(statement.replace("{serial}", "INTEGER PRIMARY KEY"))

        known(name=migration.name)(run)
    known.apply(Database(connection))
