"""Advocates, helpers and those an answer turned, at the desk, as files and on the command line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import sql_people
from storage.records import stamp
from storage.sqlite import SqliteStore
from tests.command import Command
from tests.contracts.store_desk import answer, flagged
from tests.contracts.store_people import note, twice
from tests.desk import DeskAt
from tests.made import AT, ago, arrival, author

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path) as made:
        yield made


def listed(text: str) -> list[str]:
    return re.findall(r'<tr id="a-(\w+)"', text)


@pytest.mark.parametrize(
    ("statement", "by"), [(sql_people.PRAISERS, "voice>?"), (sql_people.PRAISE, "voice=? AND at>? AND at<?")]
)
def test_praise_is_found_on_an_index_alone(desk: DeskAt, statement: str, by: str) -> None:
    """A million mentions take seconds where SQLite prefers another of its indexes."""
    assert isinstance(desk.store, SqliteStore)
    with desk.store._read() as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("",) * statement.count("?")).fetchall()
    assert f"SEARCH m USING COVERING INDEX mentions_of_praise (brand=? AND {by})" in [step[-1] for step in plan]


def act(desk: DeskAt, action: str, handle: str = "ann", **fields: str) -> int:
    form = {"author": author(handle).id, "brand": "Acme", "action": action, **fields}
    return desk.client().post("/advocates/act", data=form).status_code


def test_advocates_are_listed_noted_and_undone(desk: DeskAt) -> None:
    desk.store.add_page(twice("ann"), AT)
    assert listed(desk.client("viewer").get("/advocates").text) == [author("ann").id]
    assert act(desk, "thanked") == 303
    (kept,) = desk.store.notes([author("ann").id], "Acme")
    assert (kept.what, kept.who, kept.happened_at) == ("thanked", "reviewer", stamp(desk.now))
    assert "thanked" in desk.client().get("/advocates").text
    assert act(desk, "undo", value=kept.id) == 303
    assert desk.store.notes([author("ann").id], "Acme")[0].undone_by == "reviewer"


def test_viewers_look_and_change_nothing(desk: DeskAt) -> None:
    desk.store.add_page(twice("ann"), AT)
    viewer = desk.client("viewer")
    assert "/advocates/act" not in viewer.get("/advocates").text
    refused = viewer.post("/advocates/act", data={"author": author("ann").id, "brand": "Acme", "action": "thanked"})
    assert refused.status_code == 403 and desk.store.notes([author("ann").id], "Acme") == []


def test_what_cannot_be_noted_is_refused(desk: DeskAt) -> None:
    desk.store.add_page(twice("ann"), AT)
    assert [act(desk, "married"), act(desk, "thanked", "nobody"), act(desk, "thanked", brand="Other")] == [
        400,
        404,
        400,
    ]
    assert desk.client().get("/advocates?brand=Other").status_code == 400
    assert desk.client().get("/advocates?after=garbled").status_code == 200


def test_who_opted_out_is_last_and_in_no_file(desk: DeskAt) -> None:
    desk.store.add_page([*twice("ann"), *twice("bob", hours=5)], AT)
    assert act(desk, "opted_out") == 303
    client = desk.client("viewer")
    assert listed(client.get("/advocates").text) == [author("bob").id, author("ann").id]
    assert [row["handle"] for row in csv.DictReader(io.StringIO(client.get("/advocates.csv").text))] == ["bob"]
    assert [row["handle"] for row in client.get("/advocates.json").json()] == ["bob"]


def test_hostile_names_are_text_and_no_formula(desk: DeskAt) -> None:
    desk.store.add_page([*twice(HOSTILE), *twice("=1+1")], AT)
    client = desk.client()
    assert "<script>alert" not in client.get("/advocates").text
    cells = [row["author"] for row in csv.DictReader(io.StringIO(client.get("/advocates.csv").text))]
    assert "'=1+1" in cells


def test_pages_go_on_by_key(desk: DeskAt) -> None:
    for number in range(60):
        desk.store.add_page(twice(f"u{number}"), AT)
    client = desk.client()
    first = client.get("/advocates").text
    more = re.search(r'class="further"><a href="([^"]+)"', first)
    assert more and len(listed(first)) == 50
    rest = listed(client.get(more[1].replace("&amp;", "&")).text)
    assert len(rest) == 10 and not set(rest) & set(listed(first))


def test_helpers_and_turned_have_pages(desk: DeskAt) -> None:
    complaint = flagged("1", handle="ann", at=ago(hours=9))
    desk.store.add_page([complaint, arrival("a", handle="bob", thread="q", genre="answer")], AT)
    answer(desk.store, complaint)
    desk.store.add_page([arrival("2", handle="ann", at=ago(hours=-2))], AT)
    desk.later(hours=5)
    client = desk.client("viewer")
    assert listed(client.get("/advocates?show=helpers").text) == [author("bob").id]
    assert "none of them bad" not in client.get("/turned").text and ">ann<" in client.get("/turned").text


def test_a_desk_without_brands_says_so(tmp_path: Path) -> None:
    with DeskAt(tmp_path, "") as empty:
        for path in ("/advocates", "/turned", "/questions", "/praise", "/advocates.csv", "/praise.json"):
            assert empty.client("viewer").get(path).status_code == 200, path


def test_the_command_prints_and_exports(tmp_path: Path) -> None:
    command = Command(tmp_path)
    with DeskAt(tmp_path) as desk:
        desk.store.add_page([*twice("ann"), *twice("bob")], AT)
        desk.store.add_note(note(what="opted_out"))
    window = ("--since", "2026-05-01", "--until", "2026-11-23")
    shown = command("advocates", *window)
    assert shown.code == 0 and "ann, blogs, opted out" in shown.out and "bob" in shown.out
    assert [row["handle"] for row in command("advocates", *window, "--json").json] == ["bob"]
    assert command("advocates", *window, "--csv").out.count("\n") == 2
    assert "nobody known by name helps others" in command("advocates", *window, "--helpers").out
    assert command("advocates", "--brand", "Other").code == 2
