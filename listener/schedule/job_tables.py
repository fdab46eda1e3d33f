"""The tables of Procrastinate's queue, in the database that stores everything: made, and brought up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout

from storage.errors import NewerSchema, StoreError
from storage.postgres_connections import CUT_OFF

_MAKERS = 7_255_003  # the key of the lock under which the queue's tables are made
_APPLIED = """
CREATE TABLE IF NOT EXISTS listener_queue_migrations (
    name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"""
_OURS = {
    # Whoever fetches asks of each job that waits whether another of its lane comes first. Procrastinate's own index for
    # that begins with the id, and is read from end to end.
    "listener_0001_lanes": """
        CREATE INDEX listener_jobs_lane ON procrastinate_jobs (lock, priority, id) WHERE status IN ('todo', 'doing')""",
}
"""What we add, after the package's own migrations."""

_NOTE = "INSERT INTO listener_queue_migrations (name) VALUES (%s)"

for _name in ("procrastinate", "psycopg.pool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what they have to say is said here, in a sentence


def prepare(url: str, migrations: Path | None = None) -> None:
    """Make the queue's tables, or run what the installed Procrastinate has added to them since; safe when several
    processes start at once, and after a kill. `migrations` are the package's own SQL files, in the order of their
    names. Raises NewerSchema when a newer Listener made the tables."""
    folder = migrations or Path(procrastinate.schema.SchemaManager.get_migrations_path())
    known = {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))} | _OURS
    with translated(), psycopg.connect(url, autocommit=True, **CUT_OFF) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_MAKERS,))  # until the connection ends
        if not _is_there(connection, "procrastinate_jobs"):
            _make(connection, known)
            return
        if not _is_there(connection, "listener_queue_migrations"):
            raise StoreError(
                "this database holds Procrastinate's jobs of another program: give Listener one of its own."
            )
        applied = {row[0] for row in connection.execute("SELECT name FROM listener_queue_migrations")}
        if newer := sorted(applied - known.keys()):
            raise NewerSchema(f"the queue was made by a newer Listener (it knows {newer[-1]}): upgrade Listener.")
        for name, script in known.items():
            if name not in applied:
                # Each by itself: a value that is added to an enumeration cannot be used before it is committed.
                with connection.transaction():
                    _run(connection, script)
                    connection.execute(_NOTE, (name,))


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreError for what the queue raises."""
    try:
        yield
    except (ConnectorException, psycopg.Error, PoolTimeout) as error:
        raise StoreError("the queue in the database cannot be reached: check that PostgreSQL runs.") from error


def _make(connection: psycopg.Connection[Any], known: Mapping[str, str]) -> None:
    with connection.transaction():
        for script in (procrastinate.schema.SchemaManager.get_schema(), *_OURS.values()):
            _run(connection, script)
        connection.execute(_APPLIED)
        connection.cursor().executemany(_NOTE, [(name,) for name in known])


def _run(connection: psycopg.Connection[Any], script: str) -> None:
    connection.execute(script.encode())  # as it is: several statements, and no % of ours


def _is_there(connection: psycopg.Connection[Any], table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    return row is not None and row[0] is not None
