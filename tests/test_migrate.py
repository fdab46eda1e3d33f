"""`listener migrate`: what one database remembers, another remembers after it, and Listener goes on there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from storage import transfer
from storage.contract import Store
from storage.errors import StoreError
from storage.transfer import DERIVED, TABLES
from tests import postgres, remembered
from tests.command import ACME, Command
from tests.history import clock
from tests.made import AT, arrival
from tests.remembered import everything, indexes, opened, without_nul


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with postgres.database(postgres.server()) as url:
        yield url


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with everything in it; not to be written to."""
    path = tmp_path_factory.mktemp("full") / "listener.db"
    with opened(f"sqlite:///{path}") as store:
        remembered.fill(store)
    return path


# -- whole


def test_every_table_of_both_databases_is_copied_or_made_again(database: str, tmp_path: Path) -> None:
    for url in (database, f"sqlite:///{tmp_path}/listener.db"):
        with opened(url) as store, store.side.read() as connection:
            assert store.side.tables(connection) == {*TABLES, *DERIVED}


def test_each_table_comes_after_those_it_refers_to(database: str) -> None:
    order = list(TABLES)
    with opened(database) as store, store.side.read() as connection:
        pairs = connection.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        ).fetchall()
    assert len(pairs) > 10
    assert [pair for pair in pairs if order.index(pair[0]) <= order.index(pair[1])] == []


def test_the_database_to_test_with_has_something_in_every_table(full: Path) -> None:
    with opened(f"sqlite:///{full}") as store:
        assert [table for table, rows in everything(store).items() if not rows] == []


def test_what_goes_to_postgres_and_back_is_what_it_was(full: Path, database: str, tmp_path: Path) -> None:
    urls = f"sqlite:///{full}", database, f"sqlite:///{tmp_path}/back.db"
    command = Command(tmp_path)
    for old, new in pairwise(urls):
        ended = command("migrate", "--from", old, "--to", new)
        assert ended.code == 0, ended.err
        assert "rows copied, and every value compared: both hold the same." in ended.out
    with opened(urls[0]) as first, opened(urls[1]) as middle, opened(urls[2]) as last:
        was = without_nul(everything(first))
        assert sorted(was) == sorted(TABLES)
        assert everything(middle) == was
        assert everything(last) == was


def test_the_old_database_is_only_read(full: Path, tmp_path: Path) -> None:
    before = full.read_bytes()
    ended = Command(tmp_path)(
        "migrate", "--from", f"sqlite:///{full}", "--to", f"sqlite:///{tmp_path}/new.db", "--json"
    )
    assert ended.code == 0, ended.err
    assert ended.json["differences"] == []
    with opened(f"sqlite:///{full}") as store, store.side.read() as connection:
        assert ended.json["copied"] == transfer.rows(store.side)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert full.read_bytes() == before


# -- and then


CONFIG = ACME + '[[sources]]\ntype = "feed"\nname = "blogs"\nurl = "http://127.0.0.1:1/blogs"\n'


def test_figures_and_reports_are_the_same_on_the_new_database(full: Path, database: str, tmp_path: Path) -> None:
    shutil.copy(full, tmp_path / "listener.db")
    with opened(f"sqlite:///{tmp_path}/listener.db") as store, store.side.write() as connection:
        connection.execute("UPDATE posts SET title = '', text = 'without a NUL' WHERE source_id = 'h0'")
    with clock():
        old = Command(tmp_path, CONFIG)
        assert old("migrate", "--to", database).code == 0
        asked = [("report", "--json", "--since", "30d"), ("report", "--list"), ("nps", "--json"), ("audit", "list")]
        asked += [(name, "--json") for name in ("sources", "authors", "questions", "advocates")]
        asked += [("alerts", "list", "--json"), ("alerts", "rules", "--json"), ("users", "list"), ("rules", "list")]
        before = [old(*arguments) for arguments in asked]
        new = Command(tmp_path, CONFIG + f'[storage]\nurl = "{database}"\n')
        for arguments, was in zip(asked, before, strict=True):
            now = new(*arguments)
            assert (now.code, now.out) == (was.code, was.out), (arguments, was.err, now.err)
            assert was.code == 0, was.err
        assert before[0].json["reports"][0]["inps"]["value"] is not None


def test_listener_goes_on_from_the_last_numbers(full: Path, database: str, tmp_path: Path) -> None:
    command = Command(tmp_path)
    for new in (database, f"sqlite:///{tmp_path}/new.db"):
        assert command("migrate", "--from", f"sqlite:///{full}", "--to", new).code == 0
        with opened(new) as store:
            (last, newest) = store.posts(1)[0]
            store.add_page([arrival("new", text="Acme zebra crossing"), arrival("h3", text="known")], AT)
            assert [seq for seq, _ in store.posts(2)] == [last + 1, last]
            assert store.index_posts() == 1
            assert [post.source_id for post in store.search("zebra")] == ["new"]
            assert len(store.search("invoices export")) == 2
            tallied = sum(tally.mentions for tally in store.tallies("Acme", "", "~"))
            with store.side.read() as connection:
                (dated,) = connection.execute(
                    "SELECT COUNT(*) FROM mentions WHERE matched = 1 AND at IS NOT NULL AND brand = 'Acme'"
                ).fetchone()
            assert tallied == dated
            with store.side.write() as connection:
                connection.execute("UPDATE mentions SET matched = 0 WHERE post_id = ?", (newest.id,))
            assert sum(tally.mentions for tally in store.tallies("Acme", "", "~")) == dated - (newest.at is not None)


# -- in pieces


def sides(*stores: Store) -> list[transfer.Side]:
    return [store.side for store in stores]


@pytest.fixture(params=["to postgres", "to sqlite"])
def pair(request: pytest.FixtureRequest, full: Path, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """The full one and an empty one."""
    postgresql = request.param == "to postgres"
    empty = postgres.database(postgres.server()) if postgresql else nullcontext(f"sqlite:///{tmp_path}/n")
    with empty as url, opened(f"sqlite:///{full}") as source, opened(url) as target:
        yield source, target


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SLICE", 40)


def test_a_copy_that_stopped_anywhere_goes_on_and_copies_nothing_twice(pair: tuple[Store, Store], small: None) -> None:
    source, target = sides(*pair)
    all_of_it, copied = transfer.rows(source), 0
    for stop in (1, 3, 30, 60, 90, 1000):
        transfer.begin(source, target, AT)
        assert transfer.left(source, target) == all_of_it - copied
        for number, slice_ in enumerate(transfer.copy(source, target), 1):
            copied += slice_.rows
            if number == stop:
                break
    assert copied == all_of_it
    assert transfer.differences(source, target, lambda rows: None) == []


def test_however_long_texts_are_few_of_them_are_in_memory(
    pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "SLICE", 80)
    monkeypatch.setattr(transfer, "SLICE_CHARACTERS", 2_000)
    source, target = sides(*pair)
    transfer.begin(source, target, AT)
    posts = [slice_.rows for slice_ in transfer.copy(source, target) if slice_.table == "posts"]
    assert posts[0] == max(posts) == 10
    assert len(posts) > 12
    assert transfer.differences(source, target, lambda rows: None) == []


def test_a_part_of_a_database_is_no_database_to_work_on(full: Path, database: str, tmp_path: Path) -> None:
    with opened(f"sqlite:///{full}") as source, opened(database) as target:
        transfer.begin(source.side, target.side, AT)
        next(transfer.copy(source.side, target.side))
        with pytest.raises(StoreError, match="holds only a part of what is in"):
            transfer.check_whole(target.side)
    command = Command(tmp_path, CONFIG + f'[storage]\nurl = "{database}"\n')
    for arguments in (["pull"], ["run"], ["worker"], ["serve"], ["sources"], ["report"]):
        ended = command(*arguments)
        assert ended.code == 2
        assert "`listener migrate` has not ended" in ended.err
    with opened(database) as target:
        assert target.counts()["posts"] == 0
    assert command("migrate", "--from", f"sqlite:///{full}", "--to", database).code == 0
    assert command("users", "list").code == 0


def test_indexes_that_made_way_are_back_at_the_end_however_often_it_stopped(database: str) -> None:
    with opened(database) as target:
        before = indexes(target)
        target.make_way()
        target.make_way()
        assert indexes(target) < before
        target.migrate()
        target.settle_in()
        assert indexes(target) == before
        target.settle_in()
        assert indexes(target) == before
        with target.side.read() as connection:
            assert connection.execute("SELECT to_regclass('listener_indexes_put_away')").fetchone()[0] is None


# -- differences


WRONG = {
    "UPDATE posts SET text = 'other' WHERE source_id = 'h4'": r"posts: not the same in both; .* differs has seq \d+\.",
    "UPDATE mentions SET value = value + 1e-15 WHERE seq = 9": "mentions: not the same in both; .* differs has seq 9.",
    "UPDATE calibrations SET parameters = ''": "calibrations: not the same in both; the first .* has id c1.",
    "INSERT INTO snoozes (rule, brand, until) VALUES ('z', 'b', 'c')": (
        "snoozes: 1 in .*, 2 in .*; the first that differs has rule z, brand b."
    ),
    "DELETE FROM tokens": r"tokens: 1 in .*full.*, 0 in .*; the first that differs has id [0-9a-f]+\.",
}
"""What somebody does to the new database, and the sentence about it."""


def test_whatever_is_not_the_same_is_found(pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SLICE", 8)  # the first of a table has one row: what is beyond the last is found, too
    source, target = sides(*pair)
    for _ in transfer.copy(source, target):
        pass
    with target.write() as connection:
        for statement in WRONG:
            connection.execute(statement)
    found = {one.partition(":")[0]: one for one in transfer.differences(source, target, lambda rows: None)}
    for told in WRONG.values():
        assert re.fullmatch(told, found.pop(told.partition(":")[0]))
    assert {*found} == {"tallies"}  # which counted the mention anew


def test_long_texts_with_nuls_are_the_same_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SLICE", 80)
    monkeypatch.setattr(transfer, "SLICE_CHARACTERS", 8_000)  # slices are as long as their texts let them
    with opened(f"sqlite:///{tmp_path}/old.db") as source, opened(f"sqlite:///{tmp_path}/new.db") as target:
        source.add_page([arrival(str(number), text="a\0" * 500) for number in range(100)], AT)
        for _ in transfer.copy(source.side, target.side):
            pass
        assert transfer.differences(source.side, target.side, lambda rows: None) == []


def test_what_writes_meanwhile_is_found_as_a_difference(
    database: str, tmp_path: Path, writer: Callable[[], None]
) -> None:
    old = f"sqlite:///{tmp_path}/listener.db"
    ended = Command(tmp_path)("migrate", "--from", old, "--to", database)
    assert ended.code == 1
    assert "differ in " in ended.err
    assert re.search(r"  watches: not the same in both; the first that differs has id [0-9a-f]+\.", ended.err)
    assert "Was something still writing? Stop it, empty the new database, and copy again." in ended.err
    with opened(database) as target, pytest.raises(StoreError, match="has not ended"):
        transfer.check_whole(target.side)


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Somebody who changes a watch of tmp_path/listener.db when all watches are copied."""
    path = tmp_path / "listener.db"
    with opened(f"sqlite:///{path}") as store:
        remembered.fill(store)
    copy = transfer.copy

    def change() -> None:
        with opened(f"sqlite:///{path}") as store, store.side.write() as connection:
            connection.execute("UPDATE watches SET cursor = 'moved on'")

    def meanwhile(source: transfer.Side, target: transfer.Side) -> Iterator[transfer.Copied]:
        for number, slice_ in enumerate(copy(source, target)):
            yield slice_
            if number == 1:
                change()

    monkeypatch.setattr(transfer, "copy", meanwhile)
    return change
