"""How `storage.transfer` puts rows into PostgreSQL: by COPY, with the indexes made afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage.transfer import TABLES, Row

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_am a ON a.oid = c.relam
WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ? AND a.amname = 'btree' AND NOT i.indisunique"""
_PUT_AWAY = "listener_indexes_put_away"


def tables(connection: Any) -> set[str]:
    """Those of the queue, what says how far the schema is, and ours are left out."""
    names = {row[0] for row in connection.execute(_TABLES)}
    return {name for name in names if not name.startswith(("procrastinate_", "listener_"))}


def put_indexes_away(connection: Any) -> None:
    """Many rows go in several times as fast without them. What they were is kept until they are back; nothing but a
    copy works on the database meanwhile. Unique ones stay."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {_PUT_AWAY} (definition TEXT NOT NULL)")
    for table in TABLES:
        for name, definition in connection.execute(_INDEXES, (table,)).fetchall():
            connection.execute(f"INSERT INTO {_PUT_AWAY} (definition) VALUES (?)", (definition,))
            connection.execute(f"DROP INDEX {name}")


def put_indexes_back(connection: Any) -> None:
    """All of them, or none."""
    if connection.execute("SELECT to_regclass(?)", (_PUT_AWAY,)).fetchone()[0] is None:
        return
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for (definition,) in connection.execute(f"SELECT definition FROM {_PUT_AWAY}").fetchall():
        connection.execute(definition)
    connection.execute(f"DROP TABLE {_PUT_AWAY}")


def put(connection: Any, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """The table's triggers rest for as long as the transaction takes."""
    raw = connection.raw
    raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    raw.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def know(connection: Any) -> None:
    """Numbers go on from the last, and the planner knows what is there. Not in a transaction."""
    for table, key in TABLES.items():
        if key == ("seq",):
            last = f"(SELECT COALESCE(MAX(seq), 0) + 1 FROM {table})"
            connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), {last}, false)")
    connection.execute(f"VACUUM (ANALYZE) {', '.join((*TABLES, 'posts_search'))}")
