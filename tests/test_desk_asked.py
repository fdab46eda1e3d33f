"""What people ask, grouped, with where it is answered; praise with permission: at the desk and as files."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from listener.questions import asked_of, question_of
from listener.sentiment.focus import Focus
from storage.records import Arrival
from tests.command import Command
from tests.contracts.store_desk import id_of
from tests.contracts.store_people import note
from tests.desk import DeskAt
from tests.made import AT, ago, arrival, audit, mention, post

LOVE = "Acme is the best tool I ever had"
WINDOW = (ago(days=90), ago(days=-1))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path) as made:
        yield made


def ask(name: str, text: str, handle: str = "", hours: float = 1) -> Arrival:
    return arrival(name, text=text, handle=handle, label="no_opinion", at=ago(hours=hours))


def sure(name: str, text: str = LOVE, confidence: float = 0.9, **others: str) -> Arrival:
    made = arrival(name, text=text, **others)
    its, score = made.mentions[0]
    return made._replace(mentions=((its._replace(confidence=confidence), score),))


EXPORTS = [
    ask("1", "How do I export my data from Acme?", "ann", 5),
    ask("2", "Love Acme! Can I export data?", "bob", 4),
    ask("3", "Is there any way to export the data of Acme?", "bob", 3),
    ask("4", "Is Acme down?", "cat", 2),
    ask("5", "Acme, really?", "dan", 1),
]


# -- questions


def test_equal_questions_are_one_by_how_many_ask(desk: DeskAt) -> None:
    desk.store.add_page(EXPORTS, AT)
    groups = asked_of(desk.store, "Acme", (), *WINDOW)
    assert [(group.first.text, group.askers, len(group.asked)) for group in groups] == [
        ("How do I export my data from Acme?", 2, 3),
        ("Is Acme down?", 1, 1),
    ]


@pytest.mark.parametrize(
    ("text", "genre", "question"),
    [
        ("Acme is fine. How do I log in? Why?", "post", "How do I log in?"),
        ("I need to export from Acme", "question", "I need to export from Acme"),
        ("See https://acme.example/?a=1 of Acme", "post", ""),
        ("Acme の 料金 は？ 教えて", "post", "Acme の 料金 は?"),
    ],
)
def test_the_question_is_found(text: str, genre: str, question: str) -> None:
    assert question_of(post(text=text, genre=genre), Focus("Acme")) == question


def test_where_it_is_answered_is_kept_beyond_the_window(desk: DeskAt) -> None:
    desk.store.add_page(EXPORTS, AT)
    client, form = desk.client(), {"mention": id_of(EXPORTS[0]), "brand": "Acme"}
    assert client.post("/questions/act", data=form | {"url": "https://help.example/export"}).status_code == 303
    linked = [group for group in asked_of(desk.store, "Acme", (), ago(hours=4.5), AT) if group.answer]
    assert [(group.answer and group.answer.url, group.askers) for group in linked] == [
        ("https://help.example/export", 1)
    ]
    page = html.unescape(client.get("/questions").text)
    assert "This is answered here: https://help.example/export" in page
    client.post("/questions/act", data=form | {"url": ""})
    assert desk.store.answered_at("Acme") == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "help.example", "https://a b", "https://" + "a" * 3000])
def test_what_is_no_link_is_refused(desk: DeskAt, url: str) -> None:
    desk.store.add_page(EXPORTS, AT)
    form = {"mention": id_of(EXPORTS[0]), "brand": "Acme", "url": url}
    assert desk.client().post("/questions/act", data=form).status_code == 400
    assert desk.store.answered_at("Acme") == []


def test_viewers_see_questions_and_set_nothing(desk: DeskAt) -> None:
    desk.store.add_page([*EXPORTS, ask("9", "Can Acme <img src=x onerror=alert(1)> this?")], AT)
    viewer = desk.client("viewer")
    page = viewer.get("/questions").text
    assert "/questions/act" not in page and "<img" not in page
    form = {"mention": id_of(EXPORTS[0]), "brand": "Acme", "url": "https://a.example"}
    assert viewer.post("/questions/act", data=form).status_code == 403
    assert viewer.post("/praise/act", data=form | {"action": "granted"}).status_code == 403


def test_the_command_prints_and_exports(tmp_path: Path) -> None:
    command = Command(tmp_path)
    with DeskAt(tmp_path) as desk:
        desk.store.add_page([*EXPORTS, ask("8", "=cmd|' /C calc'!A0 Acme why slow?", "eve", 9)], AT)
    window = ("--since", "2026-09-01", "--until", "2026-11-23")
    assert "How do I export my data from Acme?" in command("questions", *window).out
    assert command("questions", *window, "--json").json[0]["askers"] == 2
    cells = [row["question"] for row in csv.DictReader(io.StringIO(command("questions", *window, "--csv").out))]
    assert not [cell for cell in cells if cell.startswith("=")] and any(cell.startswith("'=") for cell in cells)


# -- praise


def quoted(text: str) -> list[str]:
    return re.findall(r'<tr id="m-([\w-]+)"', text)


def test_only_short_sure_praise_that_names_the_brand_is_quotable(desk: DeskAt) -> None:
    good = sure("good")
    bad = [
        sure("unsure", confidence=0.5),
        sure("link", "https://acme.example/a https://acme.example/b Acme"),
        sure("long", "Acme " + "is great " * 60),
        sure("unnamed", "They are the best tool I ever had"),
        sure("blind"),
        arrival("sad", label="detractor", text=LOVE),
    ]
    desk.store.add_page([good, *bad], AT)
    desk.store.add_audit(*audit(bad[4]))
    assert quoted(desk.client("viewer").get("/praise").text) == [id_of(good)]


def test_permission_is_kept_with_who_and_when_and_granted_ones_are_exported(desk: DeskAt) -> None:
    made = [sure("1", handle="ann"), sure("2", "=Acme is the best tool I had", handle="bob"), sure("3", handle="cat")]
    desk.store.add_page(made, AT)
    client = desk.client()
    for one, state in zip(made, ("granted", "granted", "refused"), strict=True):
        assert client.post("/praise/act", data={"mention": id_of(one), "action": state}).status_code == 303
    desk.store.add_note(note("ann", "opted_out"))
    rows = list(csv.DictReader(io.StringIO(client.get("/praise.csv").text)))
    assert [(row["author"], row["quote"], row["noted_by"]) for row in rows] == [
        ("bob", "'=Acme is the best tool I had", "reviewer")
    ]
    assert quoted(client.get("/praise?permission=refused").text) == [id_of(made[2])]
    assert id_of(made[0]) not in client.get("/praise").text
    assert client.post("/praise/act", data={"mention": id_of(made[0]), "action": "maybe"}).status_code == 400
    assert client.get("/praise?permission=maybe").status_code == 400


def test_permission_is_for_the_text_as_it_was(desk: DeskAt) -> None:
    made = sure("1")
    desk.store.add_page([made], AT)
    desk.client().post("/praise/act", data={"mention": id_of(made), "action": "granted"})
    changed = made.post._replace(text=f"{LOVE}!", fingerprint="f2", edited_at=ago(hours=-3))
    desk.store.add_page([Arrival(changed, None, (mention(changed, confidence=0.9),))], ago(hours=-3))
    desk.later(hours=4)
    assert desk.client().get("/praise.json").json() == []
    assert "has changed since" in desk.client().get("/praise?permission=granted").text
