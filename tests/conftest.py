"""What every test stands on: no network beyond this machine, a clock that stands still, a database of its own."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.contract import Store
from storage.postgres import PostgresStore
from storage.sqlite import SqliteStore
from tests import postgres

GOLDEN = Path(__file__).parent / "data" / "golden"
Golden = Callable[[str, str], None]
"""(name, text): `text` is what tests/data/golden/NAME holds; `--update-golden` makes it so."""

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

_connect = socket.socket.connect


def _guarded(self: socket.socket, address: object) -> None:
    if self.family != socket.AF_UNIX:
        host = address[0] if isinstance(address, tuple) else ""
        if not (str(host).startswith("127.") or host in ("localhost", "::1")):
            pytest.fail(f"a test tried to reach {host}")
    _connect(self, address)  # type: ignore[arg-type]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares with tests/data/golden/NAME byte for byte: what people get to see changes on purpose or not at all."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        elif not path.exists():
            pytest.fail(f"there is no tests/data/golden/{name}: pytest --update-golden writes it", pytrace=False)
        elif (kept := path.read_bytes().decode()) != text:
            lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), name, "now", lineterm="")
            told = "\n".join(lines) or "only line ends differ"
            pytest.fail(f"{told}\n(pytest --update-golden, if that is meant)", pytrace=False)

    return check


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _guarded)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "listener.db")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def store(sqlite_store: SqliteStore) -> Store:
    return sqlite_store


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresStore]:
    """One database for all tests of a process."""
    with postgres.database(postgres.server()) as url:
        store = PostgresStore(url)
        store.migrate()
        yield store
        store.close()


@pytest.fixture
def postgres_store(shared_postgres: PostgresStore) -> PostgresStore:
    """As it was when it was made."""
    postgres.emptied(shared_postgres)
    return shared_postgres


@pytest.fixture(params=["sqlite", "postgres"])
def either_store(request: pytest.FixtureRequest) -> Store:
    """The one database, and then the other: what the pipeline promises it promises on both."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
