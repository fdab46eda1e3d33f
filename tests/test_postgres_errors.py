"""What can be wrong with a PostgreSQL, caused for real where that is possible: a sentence, and nothing half done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from storage import postgres_connections
from storage.errors import StoreBusy, StoreError, StoreFull
from storage.postgres import PostgresStore
from storage.postgres_errors import as_store_error, place_of
from tests import postgres
from tests.made import AT, arrival

_CANARY = "canary-7f3a"


def _said(url: str) -> StoreError:
    with closing(PostgresStore(url)) as store, pytest.raises(StoreError) as raised:
        store.migrate()
    assert _CANARY not in str(raised.value)
    assert str(raised.value).startswith("postgresql://") and str(raised.value).endswith(".")
    return raised.value


def _with(url: str, **parts: str) -> str:
    """The same server, asked otherwise."""
    at, _, rest = url.partition("?")
    given = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"{at}?{rest}&{given}" if rest else f"{at}?{given}"


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.database(postgres.server()) as url:
        yield url


@pytest.fixture
def guest(url: str) -> Iterator[str]:
    """Somebody who is not the server's owner."""
    name = f"guest_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{_CANARY}'")
        yield name
        connection.execute(f"DROP ROLE {name}")


def test_nobody_listens() -> None:
    assert "cannot be reached: check that PostgreSQL runs" in str(_said(f"postgresql://ann:{_CANARY}@127.0.0.1:1/x"))


def test_a_user_that_is_not_there(url: str) -> None:
    assert "check the user and the password" in str(_said(_with(url, user="nobody", password=_CANARY)))


def test_a_database_that_is_not_there(url: str) -> None:
    assert "CREATE DATABASE" in str(_said(_with(url, dbname="not_there", password=_CANARY)))


def test_a_database_that_cannot_hold_every_character(url: str) -> None:
    name = f"latin_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
        try:
            assert "is encoded in SQL_ASCII: make one with createdb --encoding=UTF8" in str(
                _said(_with(url, dbname=name))
            )
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_row_that_is_refused_is_not_repeated(url: str) -> None:
    with closing(PostgresStore(url)) as store:
        store.migrate()
        with pytest.raises(StoreError, match='null value in column "role"') as raised, store.side.write() as connection:
            connection.execute(
                "INSERT INTO users (name, password, added_at, folded) VALUES ('ann', ?, '', 'ann')", (_CANARY,)
            )
        assert _CANARY not in str(raised.value)


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_rows_that_no_database_can_hold(url: str, rows: int, text: str) -> None:
    with closing(PostgresStore(url)) as store:
        store.migrate()
        with pytest.raises(StoreError, match="NUL|characters that no database can"), store._write() as connection:
            connection.executemany(
                "INSERT INTO sweeps (name, position, began_at) VALUES (?, ?, ?)",
                [(f"{number}{text}", number, AT) for number in range(rows)],
            )


def test_too_many_connections(url: str, guest: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {guest} CONNECTION LIMIT 0")
    said = _said(_with(url, user=guest, password=_CANARY))
    assert isinstance(said, StoreBusy) and "raise its max_connections" in str(said)


def test_a_user_who_may_not_write(url: str, guest: str) -> None:
    assert "permission denied" in str(_said(_with(url, user=guest, password=_CANARY)))


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (psycopg.errors.DiskFull("no space"), StoreFull, "free some"),
        (psycopg.OperationalError("FATAL:  password authentication failed for user"), StoreError, "the password"),
        (psycopg.OperationalError("FATAL:  no pg_hba.conf entry for host"), StoreError, "does not let us in"),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), StoreBusy, "max_connections"),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), StoreBusy, "in a moment"),
        (psycopg.OperationalError(f"could not translate host name {_CANARY}"), StoreError, "cannot be reached"),
        (psycopg.errors.AdminShutdown("terminating connection"), StoreError, "has gone"),
        (psycopg.errors.ProgramLimitExceeded("string is too long"), StoreError, "host/name: string is too long."),
        (PoolTimeout("couldn't get a connection"), StoreError, "all our connections are in use"),
    ],
)
def test_what_cannot_be_caused_here_is_said_as_well(error: Exception, kind: type[StoreError], said: str) -> None:
    found = as_store_error("postgresql://host/name", error, 60.0)
    assert type(found) is kind and said in str(found) and _CANARY not in str(found)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            f"postgresql://ann:{_CANARY}@db.example:5433/mentions?sslmode=require",
            "postgresql://db.example:5433/mentions",
        ),
        (f"postgresql://ann@db.example/mentions?password={_CANARY}", "postgresql://db.example/mentions"),
        (f"postgresql:///mentions?host=/run/postgres&password={_CANARY}", "postgresql:///mentions"),
        (f"postgresql://ann:12/{_CANARY}@db.example/mentions", "postgresql://…"),
        (f"postgresql://ann:1@{_CANARY}@db.example/mentions", "postgresql://…"),
    ],
)
def test_the_place_holds_no_password_however_it_is_written(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("url", [f"postgresql://ann:{_CANARY}%zz@h/x", f"postgresql://ann:{_CANARY}@[h/x"])
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="storage.url is no PostgreSQL address") as raised:
        PostgresStore(url)
    assert _CANARY not in str(raised.value)


def test_who_waits_too_long_for_the_write_lock_is_told_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "PATIENCE", 0.2)
    with closing(PostgresStore(url)) as store, psycopg.connect(url) as other:
        store.migrate()
        other.execute("SELECT pg_advisory_xact_lock(%s)", (postgres_connections._WRITERS,))
        with pytest.raises(StoreBusy, match="locked for over"):
            store.add_page([arrival("1")], AT)
        assert store.counts()["posts"] == 0
        other.rollback()
        assert store.add_page([arrival("1")], AT).new == 1


def test_a_page_that_fails_halfway_is_not_there_and_the_next_one_is(url: str) -> None:
    with closing(PostgresStore(url)) as store:
        store.migrate()
        bad = arrival("2")
        bad = bad._replace(mentions=((bad.mentions[0][0]._replace(brand=None), bad.mentions[0][1]),))  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="brand"):
            store.add_page([arrival("1"), bad], AT)
        assert store.counts() == {"posts": 0, "mentions": 0, "alerts": 0}
        assert store.add_page([arrival("1"), arrival("2")], AT).new == 2


class _Restarted:
    """A server of its own, with a store on it."""

    def __init__(self, folder: Path) -> None:
        self.server = postgres.own_server(folder, postgres.QUICK)
        self.store = PostgresStore(self.server.get_uri())
        self.store.migrate()

    def restart(self) -> None:
        self.server.stop()
        self.server.start()


@pytest.fixture(scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Restarted]:
    postgres.server()  # skips where there is none
    made = _Restarted(tmp_path_factory.mktemp("restarted") / "own")
    yield made
    made.store.close()
    made.server.cleanup()


@pytest.fixture
def restarted(_own: _Restarted) -> _Restarted:
    postgres.emptied(_own.store)
    return _own


def test_a_restart_is_noticed_by_nobody_but_who_was_writing(restarted: _Restarted) -> None:
    store = restarted.store
    store.add_page([arrival("1")], AT)
    _in_the_pool(store, 4)
    with store.claim("watch:1") as mine, store.claim("watch:2") as other:
        assert mine and other
        with store._read() as connection:
            restarted.restart()
            assert connection.execute("SELECT COUNT(*) FROM posts").fetchone() == (1,), "in the middle of a read"
        assert store.add_page([arrival("2")], AT).new == 1, "between two writes"
        with pytest.raises(StoreError, match="gone|cannot be reached"), store._write() as connection:
            connection.execute("UPDATE posts SET title = 'half'")
            restarted.restart()
            assert connection.execute("UPDATE posts SET text = 'half'").rowcount == 0
        assert {post.title for _, post in store.posts(9)} == {""}, "in the middle of a write"
        assert store.add_page([arrival("3")], AT).new == 1
        with store.claim("watch:3") as third:
            assert third
        with closing(PostgresStore(restarted.server.get_uri())) as another, another.claim("watch:2") as theirs:
            assert not theirs
    with closing(PostgresStore(restarted.server.get_uri())) as another, another.claim("watch:2") as theirs:
        assert theirs


def _in_the_pool(store: Any, connections: int) -> None:
    """So many threads read at once."""
    together = threading.Barrier(connections)

    def read() -> None:
        with store._read() as connection:
            together.wait(20)
            connection.execute("SELECT 1")

    threads = [threading.Thread(target=read) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_a_server_that_is_away_is_said_to_be_and_used_again_when_it_is_back(
    restarted: _Restarted, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = restarted.store
    store.add_page([arrival("1")], AT)
    restarted.server.stop()
    store._connections._pool.timeout = 0.5
    began = time.monotonic()
    with pytest.raises(StoreError, match="gone|cannot be reached"):
        store.counts()
    with pytest.raises(StoreError, match="cannot be reached"), store.claim("watch:1"):
        pass
    assert time.monotonic() - began < 15
    restarted.server.start()
    store._connections._pool.timeout = 60
    assert store.counts()["posts"] == 1


def test_a_reader_gives_a_connection_that_was_cut_back_once(
    restarted: _Restarted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, and the pool makes two others for it: more than it counts."""
    store, pool = restarted.store, restarted.store._connections._pool
    put, given_back = pool.putconn, []

    def counted(raw: Any) -> None:
        given_back.append(raw)
        put(raw)

    monkeypatch.setattr(pool, "putconn", counted)
    monkeypatch.setattr(pool, "timeout", 0.2)
    with pytest.raises(StoreError, match="cannot be reached"), store._read() as connection:
        restarted.server.stop()
        connection.execute("SELECT 1")
    restarted.server.start()
    assert len(given_back) == 1
    monkeypatch.setattr(pool, "timeout", 60)
    assert store.counts()["posts"] == 0
