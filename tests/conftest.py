"""What every test stands on: no network beyond this machine, a clock that stands still, a database of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.sqlite import SqliteStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

_connect = socket.socket.connect


def _guarded(self: socket.socket, address: object) -> None:
    if self.family != socket.AF_UNIX:
        host = address[0] if isinstance(address, tuple) else ""
        if not (str(host).startswith("127.") or host in ("localhost", "::1")):
            pytest.fail(f"a test tried to reach {host}")
    _connect(self, address)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _guarded)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "listener.db")
    store.migrate()
    yield store
    store.close()
