"""PostgreSQL keeps the Store contract, alone and in a crowd, and what goes wrong with it is said in sentences."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice, product
from typing import Any

import psycopg
import pytest

from storage import postgres as store_module
from storage import postgres_dialect, postgres_search
from storage.errors import NewerSchema
from storage.postgres import PostgresStore
from tests import postgres
from tests.contracts.whole import WholeContract
from tests.made import AT, arrival

_SPAWN = multiprocessing.get_context("spawn")
_CANARY = "canary-7f3a"


@pytest.fixture
def store(postgres_store: PostgresStore) -> PostgresStore:
    return postgres_store


class TestPostgres(WholeContract):
    pass


@pytest.fixture
def url() -> Iterator[str]:
    """Of an empty database."""
    with postgres.database(postgres.server()) as url:
        yield url


def _opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    store.migrate()
    return store


def _until(holds: Callable[[], bool], patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it has not come to pass"
        time.sleep(0.02)


def test_a_text_with_more_words_than_postgresql_holds_keeps_no_other_from_being_found(store: PostgresStore) -> None:
    """200,000 characters that are a million when they are read as SQLite reads them."""
    words = ("".join(word) for word in islice(product("㍿㍻㍼㍽㍾", repeat=6), 15_600))
    text = " ".join(f"{'㍿' * 6}{word}" for word in words)
    store.add_page([arrival("long", text=f"Acme {text}"), arrival("next", text="Acme zebra " + "again " * 300)], AT)
    assert store.index_posts() == 2
    assert [post.source_id for post in store.search("zebra again")] == ["next"]
    assert [post.source_id for post in store.search("㍿" * 6 + "㍿" * 6)] == ["long"]


def test_long_posts_are_made_searchable_in_shorter_slices(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_search, "_PIECE", 2)
    monkeypatch.setattr(postgres_search, "_LONG", 250)
    store.add_page([arrival(str(number), text=f"zebra {'x' * 94}") for number in range(7)], AT)
    slices = []
    while indexed := store.index_posts():
        slices.append(indexed)
    assert slices == [4, 3]
    assert len(store.search("zebra")) == 7


def test_a_percent_sign_is_one_with_and_without_values(store: PostgresStore) -> None:
    with store.side.read() as connection:
        assert connection.execute("SELECT 5 % 3, '%'").fetchone() == (2, "%")
        assert connection.execute("SELECT 5 % ?, '%'", (3,)).fetchone() == (2, "%")


# -- migrations


def _migrate(url: str) -> None:
    store = _opened(url)
    store.add_page([arrival(str(os.getpid()))], AT)
    store.close()


def test_four_processes_may_start_on_a_new_database_at_once(url: str) -> None:
    processes = [_SPAWN.Process(target=_migrate, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    with closing(_opened(url)) as store:
        assert store.counts()["posts"] == 4


def _schema(store: PostgresStore) -> list[tuple[Any, ...]]:
    of = "table_schema = 'public' AND table_name NOT LIKE 'procrastinate%'"
    with store.side.read() as connection:
        return [
            *connection.execute(
                "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity "
                f"FROM information_schema.columns WHERE {of} ORDER BY 1, 2"
            ),
            *connection.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
            *connection.execute(
                "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE "
                "connamespace = 'public'::regnamespace ORDER BY 1, 2"
            ),
            *connection.execute(
                "SELECT event_object_table, trigger_name FROM information_schema.triggers ORDER BY 1, 2"
            ),
            *connection.execute(
                "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
            ),
        ]


def test_a_fresh_schema_is_the_migrated_schema(store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating step by step, as those do who upgrade each time, ends where a new database starts."""
    every = store_module._ALL
    with closing(PostgresStore(url)) as stepped:
        for number in range(len(every) + 1):
            monkeypatch.setattr(store_module, "_ALL", every[:number])
            stepped.migrate()
        assert len(_schema(stepped)) > 300
        assert _schema(stepped) == _schema(store)


def test_a_database_of_a_newer_version_is_refused_with_what_to_do(url: str) -> None:
    with closing(_opened(url)) as store:
        with store.side.write() as connection:
            connection.execute("INSERT INTO listener_migrations (name) VALUES ('9999_x')")
        with pytest.raises(NewerSchema, match="upgrade Listener"):
            store.migrate()


def _migrate_half(url: str, halfway: threading.Event) -> None:
    whole, done = postgres_dialect.defined, []

    def half(statement: str) -> str:
        done.append(statement)
        if len(done) == 40:
            halfway.set()
            time.sleep(60)
        return whole(statement)

    postgres_dialect.defined = half
    PostgresStore(url).migrate()


def test_a_process_killed_while_it_migrates_leaves_nothing_half_done(url: str) -> None:
    halfway = _SPAWN.Event()
    process = _SPAWN.Process(target=_migrate_half, args=(url, halfway))
    process.start()
    assert halfway.wait(30)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    with psycopg.connect(url, autocommit=True) as connection:
        tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)
    with closing(_opened(url)) as store:
        assert store.add_page([arrival("1")], AT).new == 1


# -- claims


def _hold_claim(url: str, ready: threading.Event) -> None:
    with PostgresStore(url).claim("watch:1") as mine:
        assert mine
        ready.set()
        time.sleep(60)


def _is_free(store: PostgresStore, name: str) -> bool:
    with store.claim(name) as mine:
        return mine


def test_a_killed_process_holds_no_claim(url: str) -> None:
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=_hold_claim, args=(url, ready))
    process.start()
    assert ready.wait(30)
    with closing(PostgresStore(url)) as store:
        assert not _is_free(store, "watch:1")
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
        _until(lambda: _is_free(store, "watch:1"), 5)


def _cut_claims(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'listener claims' AND datname = current_database()"
        )


def test_claims_whose_connection_was_cut_are_held_again_as_soon_as_anything_is_claimed(url: str) -> None:
    with closing(PostgresStore(url)) as ours, closing(PostgresStore(url)) as theirs, ours.claim("watch:1") as mine:
        assert mine
        _cut_claims(url)
        assert _is_free(ours, "watch:2")
        assert not _is_free(theirs, "watch:1")


def test_a_claim_that_somebody_took_meanwhile_is_not_given_back_by_who_had_it(url: str) -> None:
    """Two owners for as long as the first needs to end, and no longer."""
    with (
        closing(PostgresStore(url)) as ours,
        closing(PostgresStore(url)) as theirs,
        closing(PostgresStore(url)) as third,
    ):
        with ours.claim("watch:1") as mine:
            assert mine
            _cut_claims(url)
            later = theirs.claim("watch:1")
            assert later.__enter__()
            assert _is_free(ours, "watch:2")
            assert not _is_free(ours, "watch:1")
        assert not _is_free(ours, "watch:1")
        assert not _is_free(third, "watch:1")
        later.__exit__(None, None, None)
        assert _is_free(ours, "watch:1")
