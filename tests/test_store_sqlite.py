"""SQLite keeps the Store contract, alone and in a crowd."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import threading
import time
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest
from sqlite_utils import Database

from storage import lists, sql_nps, sqlite_search
from storage.claims import claims_beside
from storage.errors import NewerSchema, StoreError, StoreFull
from storage.records import PageCount
from storage.records_desk import Filter
from storage.schema import MIGRATIONS
from storage.sqlite import SqliteStore
from tests.contracts.store_desk import all_of, flagged
from tests.contracts.whole import WholeContract
from tests.made import AT, ago, arrival, watch

_SPAWN = multiprocessing.get_context("spawn")


class TestSqlite(WholeContract):
    pass


def _opened(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    try:
        store.migrate()
    except StoreError:
        store.close()
        raise
    return store


def _migrate(path: Path) -> None:
    store = _opened(path)
    store.add_page([arrival(str(os.getpid()))], AT)
    store.close()


def test_four_processes_may_start_on_a_new_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    processes = [_SPAWN.Process(target=_migrate, args=(path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    store = _opened(path)
    assert store.counts()["posts"] == 4
    store.close()


def test_a_fresh_schema_is_the_migrated_schema(tmp_path: Path, store: SqliteStore) -> None:
    """Migrating step by step, with rows in between, ends where a new file starts."""
    stepped = Database(tmp_path / "stepped.db")
    for migration in MIGRATIONS:
        for statement in migration.statements:
            stepped.conn.execute(statement.replace("{serial}", "INTEGER PRIMARY KEY"))
    stepped.conn.commit()
    stepped.close()
    fresh = Database(tmp_path / "listener.db")
    again = Database(tmp_path / "stepped.db")
    ours = {name: fresh[name].schema for name in again.table_names()}
    assert ours == {name: again[name].schema for name in again.table_names()}
    fresh.close()
    again.close()


def test_every_record_is_its_tables_columns(store: SqliteStore, tmp_path: Path) -> None:
    from storage import records, records_desk

    db = Database(tmp_path / "listener.db")
    tables = {"watches": records.Watch, "runs": records.Run, "authors": records.Author, "alerts": records.Alert}
    tables |= {"posts": records.Post, "mentions": records.Mention, "scores": records.Score}
    tables |= {"deliveries": records.Delivery, "coverage": records.Coverage}
    tables |= {"cases": records_desk.Case, "case_events": records_desk.CaseEvent, "users": records_desk.User}
    tables |= {"views": records_desk.View}
    ours = {"cases": {"reminded_at", "voice"}, "users": {"folded"}}
    for table, record in tables.items():
        hidden = {"seq"} | ours.get(table, set())
        columns = [column.name for column in db[table].columns if column.name not in hidden]
        assert columns == list(record._fields), table
    db.close()


def test_a_database_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "listener.db"
    _opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('listener', '9999_x', '2030')"
    )
    connection.commit()
    connection.close()
    with pytest.raises(NewerSchema, match="upgrade Listener"):
        _opened(path)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "listener.db"
    path.write_text("this is a letter to my aunt, not a database " * 50)
    with pytest.raises(StoreError, match="not a sound Listener database"):
        _opened(path)
    assert path.read_text().startswith("this is a letter")


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"check storage\.url"):
        SqliteStore(tmp_path / "nowhere" / "listener.db")


def test_a_new_database_is_for_its_owner_only(store: SqliteStore, tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_reader_sees_the_last_whole_page_while_somebody_writes(store: SqliteStore) -> None:
    store.add_page([arrival("1")], AT)
    with store._write() as connection:
        connection.execute("DELETE FROM scores")
        seen = []
        reader = threading.Thread(target=lambda: seen.append(store.counts()["posts"]))
        reader.start()
        reader.join(5)
    assert seen == [1]


def test_a_writer_waits_for_a_foreign_lock_instead_of_failing(store: SqliteStore, tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "listener.db", isolation_level=None, check_same_thread=False)
    foreign.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.5, lambda: foreign.execute("COMMIT"))
    release.start()
    assert store.add_page([arrival("1")], AT) == PageCount(1, 0, 1)
    release.join()
    foreign.close()


def _write_without_a_pause(path: Path, wrote: Synchronized[int], over: threading.Event) -> None:
    store = _opened(path)

    def write() -> None:
        while not over.is_set():
            with store._write() as connection:
                connection.execute("UPDATE channels SET stopped = 'written'")
                over.wait(0.01)
                wrote.value += 1

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


def test_a_process_that_writes_without_a_pause_keeps_nobody_waiting(store: SqliteStore, tmp_path: Path) -> None:
    wrote, over = _SPAWN.Value("i", 0), _SPAWN.Event()
    busy = _SPAWN.Process(target=_write_without_a_pause, args=(tmp_path / "listener.db", wrote, over))
    busy.start()
    while wrote.value < 3:
        time.sleep(0.01)
    before = wrote.value
    for _ in range(10):
        store.set_channel("chat")
    theirs = wrote.value - before
    over.set()
    busy.join(20)
    assert busy.exitcode == 0
    assert theirs <= 40, "they took several turns to each of ours"


def test_somebody_who_stands_still_in_front_of_the_line_keeps_nobody_out(tmp_path: Path) -> None:
    claims = claims_beside(tmp_path / "listener.db")
    for held in ("write", "write: next"):
        with claims.claim(held) as mine, claims.turn("write", patience=0.05):
            assert mine
        with claims.claim(held) as mine:
            assert mine, "what was not taken is not given back, and what was is"


def test_a_full_disk_keeps_nothing_of_the_page_and_says_so(store: SqliteStore) -> None:
    store.sync_watches([watch("a")])
    with store._read_warm() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreFull, match="free some space"):
        store.add_page([arrival(str(n), text="Acme " * 500) for n in range(50)], AT)
    assert store.counts()["posts"] == 0
    with store._read_warm() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert store.add_page([arrival("1")], AT).new == 1


def _hold_claim(path: Path, ready: threading.Event) -> None:
    store = _opened(path)
    with store.claim("watch:1") as mine:
        assert mine
        ready.set()
        time.sleep(60)


def test_a_killed_process_holds_no_claim(store: SqliteStore, tmp_path: Path) -> None:
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=_hold_claim, args=(tmp_path / "listener.db", ready))
    process.start()
    assert ready.wait(30)
    with store.claim("watch:1") as mine:
        assert not mine
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    with store.claim("watch:1") as mine:
        assert mine


def test_many_threads_and_two_stores_add_the_same_posts_once(store: SqliteStore, tmp_path: Path) -> None:
    second = _opened(tmp_path / "listener.db")
    counts: list[PageCount] = []

    def add(to: SqliteStore) -> None:
        for start in range(0, 100, 10):
            counts.append(to.add_page([arrival(str(n)) for n in range(start, start + 10)], AT))

    threads = [threading.Thread(target=add, args=(to,)) for to in (store, second) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count.new for count in counts) == 100
    assert dict(store.counts()) == {"posts": 100, "mentions": 100, "alerts": 0}
    second.close()


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(brands=("Acme", "Other")),
        Filter(sources=("forum",)),
        Filter(states=("assigned",)),
        Filter(text="parcel"),
        Filter(text="parcel", sources=("forum",), brands=("Acme",)),
        Filter(text="parcel", since=ago(hours=20), until=ago(hours=3)),
        Filter(text="nowhere"),
    ],
    ids=lambda wanted: " ".join(f"{k}={v}" for k, v in wanted._asdict().items() if v),
)
def test_pages_that_may_read_few_rows_are_short_and_lose_nothing(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, wanted: Filter
) -> None:
    sources, brands, states = ("blogs", "forum", "chat"), ("Acme", "Other", "Third"), ("new", "assigned")
    page = [
        flagged(str(n), n, source=sources[n % 3], brand=brands[n % 5 % 3], state=states[n % 2], at=ago(hours=n))
        for n in range(30)
    ]
    words = [one._replace(post=one.post._replace(text="Acme parcel")) if n % 4 else one for n, one in enumerate(page)]
    store.add_page(words, AT)
    store.index_posts()
    asks = (
        lambda after, limit: store.mentions(wanted, after, limit),
        lambda after, limit: store.queue(wanted, AT, after, limit),
    )
    whole = [all_of(ask, 50) for ask in asks]
    for limits in ({"ROWS": 4, "JOINED_ROWS": 3, "RARE": 0}, {"_SLICE": 2, "_LOOK": 1}):
        monkeypatch.setattr(sqlite_search, "_GAP", 0)
        for name, few in limits.items():
            monkeypatch.setattr(lists, name, few)
        assert [all_of(ask, 2) for ask in asks] == whole == [all_of(ask, 50) for ask in asks]
    assert all(whole) or wanted.text == "nowhere"


@pytest.mark.parametrize("most", [True, False])
def test_voices_are_counted_on_an_index_alone(store: SqliteStore, most: bool) -> None:
    """A million mentions take seconds where SQLite prefers another of its indexes."""
    by = "SCAN mentions USING COVERING INDEX mentions_by_voice"
    if not most:
        by = "SEARCH mentions USING COVERING INDEX mentions_by_time (brand=? AND at>? AND at<?)"
    counted = sql_nps.counted({"", "news"}, voice_by_voice=most)[1]
    with store._read() as connection:
        for statement in (counted, sql_nps.ballots("", voice_by_voice=most)):
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("Acme", AT, AT)).fetchall()
            assert by in [step[-1] for step in plan]
