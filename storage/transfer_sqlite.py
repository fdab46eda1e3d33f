"""How `storage.transfer` puts rows into SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.transfer import OURS, Row

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"


def may_be_ours(file: Path) -> bool:
    """Looked at without a change: opening it as ours would already turn its log on. What cannot be read may be."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return tables(connection) >= OURS
    except sqlite3.Error:
        return True


def tables(connection: Any) -> set[str]:
    """Those of the search index, which SQLite keeps by itself, and what says how far the schema is are left out."""
    names = {row[0] for row in connection.execute(_TABLES)}
    return {name for name in names if not name.startswith(("posts_search_", "_sqlite_migrations"))}


def put(connection: Any, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """The table's triggers are gone for as long as the transaction takes."""
    triggers = connection.execute(_TRIGGERS, (table,)).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    for _, statement in triggers:
        connection.execute(statement)
