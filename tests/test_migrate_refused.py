"""What `listener migrate` does not do, in a sentence each, and nothing is written before it is said."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from storage import transfer
from tests import postgres
from tests.command import ACME, Command
from tests.made import AT, arrival, user
from tests.remembered import everything, opened

SECRET = "hunter2-canary"


@pytest.fixture
def database() -> Iterator[str]:
    with postgres.database(postgres.server()) as url:
        yield url


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """With a small database of its own."""
    command = Command(tmp_path)
    with opened(f"sqlite:///{command.database}") as store:
        store.add_page([arrival("1"), arrival("2")], AT)
    return command


def refused(command: Command, *arguments: str, code: int = 2) -> str:
    """The one line it says."""
    ended = command("migrate", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert "mistake in Listener" not in ended.err
    assert SECRET not in ended.err
    line: str = ended.err.strip().splitlines()[-1]
    return line


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# -- the old one


def test_a_file_that_is_not_there_is_not_made(command: Command, tmp_path: Path) -> None:
    before = files(tmp_path)
    line = refused(command, "--from", f"sqlite:///{tmp_path}/typo.db", "--to", f"sqlite:///{tmp_path}/new.db")
    assert line == f"Error: there is no database {tmp_path}/typo.db."
    line = refused(command, "--verify", "--to", f"sqlite:///{tmp_path}/new.db")
    assert line == f"Error: there is no database {tmp_path}/new.db."
    assert files(tmp_path) <= before | {"listener.db-wal", "listener.db-shm", "listener.db.lock"}


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is no database of Listener"), (b"not SQLite " * 500, "is not a sound Listener database")],
)
def test_a_file_that_is_no_database_is_left_as_it_is(
    command: Command, tmp_path: Path, content: bytes, told: str
) -> None:
    odd = Path(command.file("odd.db", content))
    assert told in refused(command, "--from", f"sqlite:///{odd}", "--to", f"sqlite:///{tmp_path}/new.db")
    assert odd.read_bytes() == content
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_another_programs_database_gets_no_tables_of_ours(command: Command, tmp_path: Path, option: str) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    before = (tmp_path / "other.db").read_bytes()
    other = {"--to": f"sqlite:///{tmp_path}/new.db"} | {option: f"sqlite:///{tmp_path}/other.db"}
    line = refused(command, *(word for pair in other.items() for word in pair))
    assert line.startswith(f"Error: {tmp_path}/other.db ")
    assert ("is no database of Listener" if option == "--from" else "tables of something else (songs)") in line
    if option == "--from":
        assert (tmp_path / "other.db").read_bytes() == before
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


def test_another_programs_postgres_gets_no_tables_of_ours(command: Command, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
        assert "holds tables of something else (songs)" in refused(command, "--to", database)
        assert "is no database of Listener" in refused(command, "--from", database, "--to", "sqlite:///new.db")
        assert "is no database of Listener" in refused(command, "--verify", "--to", database)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("songs",)]
    assert not (command.folder / "new.db").exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_is_itself_only_half_copied_is_not_copied_on(
    command: Command, request: pytest.FixtureRequest, kind: str
) -> None:
    half = request.getfixturevalue("database") if kind == "postgres" else f"sqlite:///{command.folder}/half.db"
    with opened(f"sqlite:///{command.database}") as source, opened(half) as target:
        transfer.begin(source.side, target.side, AT)
        line = refused(command, "--from", half, "--to", f"sqlite:///{command.folder}/new.db")
        assert f" holds only a part of what is in {command.database}: " in line
        for _ in transfer.copy(source.side, target.side):
            pass
        transfer.end(source.side, target.side, AT)
    assert command("migrate", "--from", half, "--to", f"sqlite:///{command.folder}/new.db").code == 0


# -- the new one


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_in_use_stays_as_it_is(command: Command, request: pytest.FixtureRequest, kind: str) -> None:
    new = request.getfixturevalue("database") if kind == "postgres" else f"sqlite:///{command.folder}/new.db"
    with opened(new) as target:
        target.add_user(user("somebody"))
        before = everything(target)
        line = refused(command, "--to", new)
        assert line.endswith(" holds data of its own: nothing was copied. Name an empty database.")
        assert everything(target) == before


def test_anothers_copy_stays_as_it_is(command: Command, tmp_path: Path, database: str) -> None:
    other = tmp_path / "other.db"
    with opened(f"sqlite:///{other}") as source, opened(database) as target:
        source.add_page([arrival("9")], AT)
        transfer.begin(source.side, target.side, AT)
        for _ in transfer.copy(source.side, target.side):
            pass
        before = everything(target)
        line = refused(command, "--to", database)
        assert f" holds what was copied from {other} ({AT[:10]}): nothing was copied." in line
        assert everything(target) == before


def test_what_was_copied_to_the_end_is_not_copied_once_more(command: Command, database: str) -> None:
    assert command("migrate", "--to", database).code == 0
    with opened(database) as target:
        target.add_page([arrival("new")], AT)
    with opened(f"sqlite:///{command.database}") as source:
        source.add_page([arrival("more")], AT)
    assert " already (" in refused(command, "--to", database)
    with opened(database) as target:
        assert [post.source_id for _, post in target.posts(9)] == ["new", "2", "1"]


def test_the_same_database_by_two_names_is_not_copied_into_itself(command: Command, database: str) -> None:
    (command.folder / "link.db").symlink_to(command.database)
    (command.folder / "folder").symlink_to(command.folder)
    for other in ("listener.db", "./listener.db", "link.db", "folder/listener.db"):
        line = refused(command, "--to", f"sqlite:///{other}")
        assert "are the same database, or another `listener migrate` is at work on one of them." in line
    assert command("migrate", "--to", database).code == 0
    named = f"{database}{'&' if '?' in database else '?'}application_name=other"
    assert "are the same database" in refused(command, "--from", database, "--to", named)


def test_two_migrations_do_not_get_in_each_others_way(command: Command, database: str) -> None:
    with opened(database) as target, target.claim("transfer") as mine:
        assert mine
        assert "another `listener migrate` is at work" in refused(command, "--to", database)
        with target.side.read() as connection:
            assert connection.execute("SELECT COUNT(*) FROM transfers").fetchone()[0] == 0


# -- what is around them


def test_a_server_that_is_not_there_or_lets_nobody_in_is_said_at_once(command: Command) -> None:
    for url in (
        f"postgresql://ann:{SECRET}@127.0.0.1:1/listener",
        f"postgresql://ann:{SECRET}@/listener?host={command.folder}",
    ):
        assert "cannot be reached" in refused(command, "--to", url)
    assert "write sqlite:///listener.db or postgresql://" in refused(command, "--to", f"mysql://ann:{SECRET}@host/x")
    assert "the environment has no NOT_SET" in refused(command, "--to", "env:NOT_SET")


def test_a_database_or_an_account_that_is_not_there_is_said(command: Command, database: str) -> None:
    parts = urlsplit(database)
    nobody = urlunsplit(parts._replace(netloc=f"nobody:{SECRET}@"))
    for url in (urlunsplit(parts._replace(path="/no_such_database")), nobody):
        line = refused(command, "--to", url)
        assert "postgresql://" in line
        assert line.startswith("listener: ")


def test_without_psycopg_it_says_what_to_install(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "storage.postgres", None)
    assert "pip install 'brand-listener[postgres]'" in refused(command, "--to", "postgresql://127.0.0.1/listener")


def test_a_password_may_come_from_the_environment(
    command: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(database)
    netloc = f"{parts.username or 'postgres'}:{SECRET}@{parts.netloc.rpartition('@')[2]}"
    monkeypatch.setenv("NEW_DATABASE", urlunsplit(parts._replace(netloc=netloc)))
    ended = command("migrate", "--to", "env:NEW_DATABASE")
    assert ended.code == 0, ended.err
    assert 'storage.url = "env:NEW_DATABASE"' in ended.out
    assert SECRET not in ended.out + ended.err


def test_a_full_disk_is_said_and_the_copy_goes_on_when_there_is_space(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = f"sqlite:///{tmp_path}/new.db"
    monkeypatch.setattr("storage.transfer_sqlite.put", full_disk)
    assert "free some space" in refused(command, "--to", new, code=1)
    monkeypatch.undo()
    assert command("migrate", "--to", new).code == 0
    with opened(new) as target:
        assert target.counts()["posts"] == 2


def full_disk(connection: sqlite3.Connection, table: str, columns: object, rows: object) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    connection.execute("CREATE TABLE filler AS SELECT zeroblob(1000000)")


# -- only looking


def test_verify_copies_nothing(command: Command, database: str) -> None:
    assert command("migrate", "--to", database).code == 0
    same = command("migrate", "--verify", "--to", database)
    assert (same.code, same.err) == (0, "")
    assert same.out.startswith(f"{command.database} and postgresql://")
    assert same.out.endswith(" hold the same.\n")
    with opened(f"sqlite:///{command.database}") as source:
        source.add_page([arrival("more")], AT)
    ended = command("migrate", "--verify", "--to", database, "--json")
    assert ended.code == 1
    assert ended.json["copied"] == 0
    assert [one.partition(":")[0] for one in ended.json["differences"]] == ["posts", "mentions", "tallies", "scores"]
    with opened(database) as target:
        assert target.counts()["posts"] == 2


def test_a_configuration_with_a_relative_file_is_found_from_its_folder(tmp_path: Path, database: str) -> None:
    command = Command(tmp_path, ACME + '[storage]\nurl = "sqlite:///data.db"\n')
    assert command("users", "list").code == 0
    assert command("migrate", "--to", database).code == 0
    assert " already (" in refused(command, "--from", f"sqlite:///{tmp_path}/data.db", "--to", database)
