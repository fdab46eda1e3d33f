"""A fortnight with everything in it that a report has a section for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from connectors.post import short_id
from listener.nps.share import share_of_voice
from listener.report.gather import Known
from storage.records import Arrival
from storage.records_people import AnsweredAt, AuthorNote, Permission
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, ago, arrival, author, case, event, run, watch

DAYS = 7
SINCE = NOW - timedelta(days=DAYS)
TROUBLE = "登录失败 login broken since the update"
KNOWN = Known(
    rivals=("Globex",),
    names=("Acme",),
    share=share_of_voice(
        {"Acme": {"blogs": 30, "forum": 9}, "Globex": {"blogs": 10}},
        {"Acme": {"blogs", "forum"}, "Globex": {"blogs"}},
    ),
)


def fill(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs"), watch("forum")])
    for day, name in ((day, name) for day in range(DAYS) for name in ("blogs", "forum")):
        if (day, name) not in ((2, "forum"), (3, "forum")):
            outcome: Any = "failed" if (day, name) == (4, "blogs") else "ok"
            _ran(store, name, day, outcome)
    broken = [_broken(number) for number in range(12)]
    before = [_slow(number) for number in range(100)]
    asking, praising = list(_asking()), list(_praising())
    store.add_page([*before, *broken, *asking, *praising], AT)
    _work(store, broken, before)
    answer = AnsweredAt(short_id("a"), asking[0].mentions[0][0].id, "Acme", "https://acme.example/export", AT, "ann")
    assert store.set_answered_at(answer)
    granted = Permission(short_id("p"), praising[0].mentions[0][0].id, "granted", AT, "ann")
    assert store.set_permission(granted)
    assert store.add_note(AuthorNote(short_id("n"), author("away").id, "Acme", "opted_out", AT, "ann"))


def _ran(store: SqliteStore, name: str, day: int, outcome: Any) -> None:
    at = ago(days=day, hours=1)
    error = "blogs.example: HTTP 500." if outcome == "failed" else ""
    one = run(watch(name), day, started_at=at, finished_at=at, outcome=outcome, error=error)
    store.finish_run(one, AT)


def _broken(number: int) -> Arrival:
    text = f"Acme {TROUBLE} ({number})."
    return arrival(f"b{number}", handle=f"user{number}", label="detractor", text=text, at=ago(hours=3 * number + 1))


def _slow(number: int) -> Arrival:
    text = f"Acme support is slow since the summer, ticket {number}."
    return arrival(f"s{number}", handle=f"old{number}", label="detractor", text=text, at=ago(days=15 + number / 8))


def _asking() -> Iterator[Arrival]:
    for number, who in enumerate(("quinn", "ravi")):
        text = "How do I export my invoices from Acme?"
        yield arrival(f"q{number}", handle=who, label="no_opinion", text=text, at=ago(hours=5 + number))


def _praising() -> Iterator[Arrival]:
    for number in range(2):
        text = f"Acme saved me an hour again, lovely people, day {number}."
        yield arrival(
            f"p{number}", handle="ann", thread=f"t{number}", source="forum", text=text, at=ago(days=1 + number)
        )
    for number in range(2):
        text = f"I opted out but Acme is a fine product {number}."
        yield arrival(f"o{number}", handle="away", thread=f"u{number}", text=text, at=ago(days=2 + number))


def _work(store: SqliteStore, open_: list[Arrival], answered: list[Arrival]) -> None:
    """Two cases that wait, one of them too long; twelve that were answered within the window."""
    for number, one in enumerate(open_[:2]):
        due = ago(hours=2) if number == 0 else ago(hours=-4)
        assert store.open_case(case(one, due_at=due, urgent_at=due, assignee="ann" if number else ""))
    for number, one in enumerate(answered[:12]):
        due = ago(days=7 if number == 3 else 1)
        before = case(one, due_at=due, urgent_at=due)
        assert store.open_case(before)
        after = before._replace(state="answered", answered_at=ago(days=6, hours=number))
        assert store.act(event(before, "answered", minute=number), after)
