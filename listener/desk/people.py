"""People worth knowing: advocates, those who help others, those whose mind an answer changed; what we did with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connectors.post import short_id
from listener.desk.context import Desk, Entry, desk_of, page, user_of
from listener.desk.doing import matcher_of
from listener.desk.scope import PERIODS, Scope, download, known_brand, scope_of
from listener.desk.security import form_of, local_path, see_other
from listener.desk.shown import Row, When, link, reach, row, when, words
from listener.people_files import NOTED_AT, PERSON, everybody, person_row
from storage.records import Author, stamp
from storage.records_people import NOTED, AuthorNote, People, Person, Turned

_PERIOD = "180d"
_PAGE = 50
_SHOWS = ("helpers",)
_DONE = {"thanked": "Thanked", "contacted": "Contacted", "opted_out": "Opted out"}


class Who(NamedTuple):
    """An author as a list shows them; `url` is safe to open or ""."""

    id: str
    name: str
    kind: str
    url: str
    reach: str


class Noted(NamedTuple):
    """A line of what was done with somebody."""

    id: str
    did: str
    at: When
    who: str
    undone: bool


class Known(NamedTuple):
    """A person in the list, with the newest of what they wrote."""

    who: Who
    person: Person
    latest: When
    newest: Row
    notes: list[Noted]


class Change(NamedTuple):
    """What somebody wrote before and after an answer."""

    who: Who
    was: Row
    answered: When
    became: Row
    later: int


def advocates(request: Request) -> Response:
    scope = scope_of(request, _PERIOD, show=_SHOWS)
    found = _people(desk_of(request), scope, scope.after, _PAGE)
    known = [_known(request, one) for one in found.people]
    return page(
        request, "advocates.html", scope=scope, periods=PERIODS, known=known, after=found.after, back=_here(scope)
    )


def export_csv(request: Request) -> Response:
    return _export(request, "csv")


def export_json(request: Request) -> Response:
    return _export(request, "json")


def turned(request: Request) -> Response:
    scope, desk = scope_of(request, _PERIOD), desk_of(request)
    found = desk.store.turned(scope.brand, scope.since, scope.until, scope.after, _PAGE)
    changes = [_change(request, one) for one in found.people]
    return page(request, "turned.html", scope=scope, periods=PERIODS, changes=changes, after=found.after)


def act(request: Request) -> Response:
    """Form fields: author, brand, action (of NOTED, or undo with value, the note's id), back."""
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    action, back = str(form.get("action", "")), local_path(str(form.get("back", "")), "/advocates")
    now = stamp(desk.now())
    if action == "undo":
        undone = desk.store.undo_note(str(form.get("value", ""))[:60], user.name, now)
        return see_other(back, "Undone." if undone else "That was undone already.")
    brand, author_id = known_brand(desk, str(form.get("brand", ""))), str(form.get("author", ""))[:60]
    if action not in NOTED:
        raise HTTPException(400, "That cannot be noted of anybody.")
    note = AuthorNote(short_id(author_id, brand, action, now, user.name), author_id, brand, action, now, user.name)
    if not desk.store.add_note(note) and not desk.store.notes([author_id], brand):
        raise HTTPException(404, "There is no such author.")
    return see_other(back, f"{_DONE[action]}: noted.")


def who(author: Author) -> Who:
    return Who(author.id, author.name or author.handle or "unknown", author.kind, link(author.url), reach(author.reach))


def _people(desk: Desk, scope: Scope, after: str, limit: int) -> People:
    ask = desk.store.helpers if ("show", "helpers") in scope.given else desk.store.advocates
    return ask(scope.brand, scope.since, scope.until, after, limit)


def _export(request: Request, form: str) -> Response:
    scope, desk = scope_of(request, _PERIOD, show=_SHOWS), desk_of(request)
    people = everybody(lambda after: _people(desk, scope, after, 500))
    rows = [person_row(one, scope.brand) for one in people]
    return download(rows, (*PERSON, *NOTED_AT), "advocates", form)


def _known(request: Request, person: Person) -> Known:
    desk = desk_of(request)
    now, zone = desk.now(), desk.zone
    newest = row(person.newest, matcher_of(request), user_of(request).name, now, zone)
    latest = when(person.latest_at, now, zone)
    return Known(who(person.author), person, latest, newest, _notes(desk, person.notes))


def _notes(desk: Desk, notes: Sequence[AuthorNote]) -> list[Noted]:
    """The newest first, at most ten."""
    return [
        Noted(one.id, words(one.what), when(one.happened_at, desk.now(), desk.zone), one.who, one.undone_at is not None)
        for one in reversed(notes[-10:])
    ]


def _change(request: Request, one: Turned) -> Change:
    desk, user = desk_of(request), user_of(request).name
    now, zone, matcher = desk.now(), desk.zone, matcher_of(request)
    answered = when(one.case.answered_at or one.case.opened_at, now, zone)
    was, became = (row(item, matcher, user, now, zone) for item in (one.was, one.became))
    return Change(who(one.author), was, answered, became, one.later)


def _here(scope: Scope) -> str:
    return scope.link(after=scope.after)


ENTRIES = (
    Entry("/advocates", advocates),
    Entry("/advocates.csv", export_csv),
    Entry("/advocates.json", export_json),
    Entry("/advocates/act", act, "reviewer", ("POST",)),
    Entry("/turned", turned),
)
