"""What PostgreSQL says is wrong, as sentences for a person.

None repeats what it says of addresses: where somebody wrote a password with an @ in it, half of it is taken for a host.
"""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from storage.errors import StoreBusy, StoreError, StoreFull

_GONE = ("08", "57P")
"""How the codes of a connection that was cut begin."""
_REFUSALS: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (
        ("too many clients", "too many connections", "connection slots"),
        StoreBusy,
        "has no connection left for us: raise its max_connections, or run fewer workers.",
    ),
    (
        ("password", "authentication", "pg_hba.conf", "role ", "permission denied for database"),
        StoreError,
        "does not let us in: check the user and the password in storage.url.",
    ),
    (("starting up", "shutting down", "recovery"), StoreBusy, "is starting or stopping: try again in a moment."),
    (("database ",), StoreError, "is not there: make it with CREATE DATABASE, or correct storage.url."),
)
"""What the server says to somebody who knocks. Such errors come without a code."""


def place_of(url: str) -> str:
    """How a database is called in sentences: without user, password and whatever else may be secret. Raises
    StoreError for an address that cannot be read."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        raise StoreError(
            "storage.url is no PostgreSQL address: write postgresql://user@host/database, and in a password %40 for @."
        ) from None
    host, port, name = (str(parts.get(part) or "") for part in ("host", "port", "dbname"))
    host = "" if host.startswith("/") else host
    shown = [part for part in (host, port, name) if "@" not in part]
    if len(shown) < 3:
        return "postgresql://…"
    return f"postgresql://{host}{f':{port}' if port and host else ''}/{name}"


def as_store_error(place: str, error: Exception, patience: float) -> StoreError:
    if isinstance(error, psycopg.errors.DiskFull):
        return StoreFull(f"{place}: no space is left: free some; what was being written will be asked for again.")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return StoreBusy(f"{place}: somebody has kept it locked for over {patience:.0f} s.")
    if isinstance(error, PoolTimeout):
        return StoreError(f"{place} cannot be reached, or all our connections are in use: check that PostgreSQL runs.")
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return _refused(place, str(error))
    if isinstance(error, psycopg.OperationalError) and str(error.sqlstate).startswith(_GONE):
        return StoreError(f"{place} has gone: what was being done will be done again once PostgreSQL runs.")
    if isinstance(error, (UnicodeEncodeError, psycopg.errors.UntranslatableCharacter)):
        return StoreError(f"{place}: a text holds characters that no database can.")
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None  # the rest may hold whole rows
    return StoreError(f"{place}: {' '.join((said or str(error)).split())}.")


def _refused(place: str, said: str) -> StoreError:
    reason = said.rpartition("FATAL:")[2] if "FATAL:" in said else ""
    for signs, kind, sentence in _REFUSALS:
        if any(sign in reason for sign in signs):
            return kind(f"{place} {sentence}")
    return StoreError(f"{place} cannot be reached: check that PostgreSQL runs and storage.url is right.")
