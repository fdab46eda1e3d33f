"""The databases that addresses name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from storage.contract import Store
from storage.errors import StoreError
from storage.sqlite import SqliteStore


def is_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def open_database(url: str, folder: Path) -> Store:
    """Not migrated. Relative files start at `folder`. Raises StoreError, which does not repeat the address: it may hold
    a password."""
    if not is_postgres(url):
        return SqliteStore(_file(url, folder))
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise _not_understood(url) from None
    try:
        from storage.postgres import PostgresStore
    except ImportError:
        raise StoreError("PostgreSQL needs psycopg: pip install 'brand-listener[postgres]'.") from None
    return PostgresStore(url)


def beside(url: str, config: Path) -> Path:
    """What files about the database are named after, and where they stand."""
    return config.with_suffix(".postgres") if is_postgres(url) else _file(url, config.parent)


def _file(url: str, folder: Path) -> Path:
    """`sqlite:///relative.db` starts at the folder, `sqlite:////absolute.db` at the root."""
    if not url.startswith("sqlite:///") or url == "sqlite:///":
        raise _not_understood(url)
    return folder / url.removeprefix("sqlite:///")


def _not_understood(url: str) -> StoreError:
    scheme = url.partition(":")[0]
    return StoreError(
        f"storage.url '{scheme}:…' is not understood: write sqlite:///listener.db or postgresql://user@host/database."
    )
