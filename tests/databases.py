"""Both databases, for tests of what holds on either."""

from __future__ import annotations

from pathlib import Path

from storage.contract import Store
from storage.postgres import PostgresStore
from storage.sqlite import SqliteStore


def url_of(store: Store) -> str:
    """What storage.url says."""
    return store._connections._url if isinstance(store, PostgresStore) else f"sqlite:///{store.place}"


def settings_of(store: Store) -> str:
    """A table for the end of a configuration."""
    return f'\n[storage]\nurl = "{url_of(store)}"\n'


def another(store: Store) -> Store:
    """The same database as another process sees it; to be closed."""
    return PostgresStore(url_of(store)) if isinstance(store, PostgresStore) else SqliteStore(Path(store.place))
