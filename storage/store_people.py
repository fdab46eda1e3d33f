"""The part of the store for those who look after people."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from typing import NamedTuple

from storage import pages, sql_people
from storage.lists import items_of
from storage.pages import Connection
from storage.records import Author
from storage.records_desk import Case, Item
from storage.records_people import (
    AnsweredAt,
    AuthorNote,
    People,
    Permission,
    Permitted,
    Person,
    Turned,
    TurnedPage,
)
from storage.sql_desk import CASE, marks

_Open = Callable[[], AbstractContextManager[Connection]]

_CANDIDATES, _DEEDS, _LATER = 400, 100, 50
_READ = 20_000
"""Mentions among which helpers are looked for."""

_ROWS = 1000
"""Answered cases that a page of people who turned may read."""

_LAST = 2**62
_BACKWARDS = str.maketrans("0123456789", "9876543210")


class _Deed(NamedTuple):
    mention_id: str
    author_id: str
    at: str
    source: str
    thread: str


class _Found(NamedTuple):
    """Somebody with their place in a list, as text that sorts as the list does."""

    place: str
    voice: int
    deeds: list[_Deed]


class _Asked(NamedTuple):
    brand: str
    since: str
    until: str


class PeopleStore:
    """`storage.contract_people.Befriending` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    # -- knowing

    def advocates(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> People:
        asked = _Asked(brand, since, until)
        with self._read() as connection:
            rows = connection.execute(sql_people.PRAISERS, (*asked, *asked, _CANDIDATES)).fetchall()
            deeds = _Deeds(connection, asked, dict(rows))
            return _people(connection, deeds, deeds.praise, 2, after, limit)

    def helpers(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> People:
        asked = _Asked(brand, since, until)
        with self._read() as connection:
            rows = connection.execute(sql_people.HELPERS, (*asked, _READ, _CANDIDATES)).fetchall()
            deeds = _Deeds(connection, asked, {voice: _DEEDS for (voice,) in rows})
            return _people(connection, deeds, deeds.help, 1, after, limit)

    def turned(self, brand: str, since: str, until: str, after: str = "", limit: int = 50) -> TurnedPage:
        answered_at, _, mention_id = after.partition("~")
        place = (answered_at, mention_id) if mention_id else ("~", "")
        with (
            self._read() as connection,
            closing(connection.execute(sql_people.ANSWERED, (brand, since, until, *place, _ROWS + 1))) as rows,
        ):
            return _turned(connection, brand, rows, limit)

    def add_note(self, note: AuthorNote) -> bool:
        with self._write() as connection:
            values = (*note, note.author_id, note.what, note.brand)
            return connection.execute(sql_people.ADD_NOTE, values).rowcount == 1

    def undo_note(self, note_id: str, who: str, now: str) -> bool:
        with self._write() as connection:
            return connection.execute(sql_people.UNDO_NOTE, (now, who, note_id)).rowcount == 1

    def notes(self, author_ids: Sequence[str], brand: str) -> list[AuthorNote]:
        with self._read() as connection:
            return [note for some in _slices(author_ids) for note in _notes(connection, some, brand)]

    # -- asking

    def asked(self, brand: str, since: str, until: str, limit: int = 2000) -> list[Item]:
        with self._read() as connection:
            rows = connection.execute(sql_people.ASKED, (brand, since, until, limit, *sql_people.MARKS * 2))
            items = _items(connection, [row[0] for row in rows])
        newest = sorted(items.values(), key=lambda item: item.mention.id)
        return sorted(newest, key=lambda item: item.mention.at or item.mention.found_at, reverse=True)

    def answered_at(self, brand: str, limit: int = 200) -> list[tuple[AnsweredAt, Item]]:
        with self._read() as connection:
            answers = [AnsweredAt._make(row) for row in connection.execute(sql_people.ANSWERS, (brand, limit))]
            items = _items(connection, [answer.mention_id for answer in answers])
        return [(answer, items[answer.mention_id]) for answer in answers if answer.mention_id in items]

    def set_answered_at(self, answer: AnsweredAt) -> bool:
        with self._write() as connection:
            values = (*answer, answer.mention_id, answer.brand)
            return connection.execute(sql_people.SET_ANSWER, values).rowcount == 1

    def permissions(self, mention_ids: Sequence[str]) -> Mapping[str, Permission]:
        found: dict[str, Permission] = {}
        with self._read() as connection:
            for some in _slices(mention_ids):
                rows = connection.execute(sql_people.PERMISSIONS.format(marks=marks(some)), some)
                found |= {one.mention_id: one for one in map(Permission._make, rows)}
        return found

    def set_permission(self, permission: Permission) -> bool:
        with self._write() as connection:
            if connection.execute(sql_people.IS_MENTION, (permission.mention_id,)).fetchone() is None:
                return False
            return connection.execute(sql_people.SET_PERMISSION, permission).rowcount == 1

    def permitted(self, brand: str, state: str, after: str = "", limit: int = 50) -> Permitted:
        before = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else _LAST
        with self._read() as connection:
            rows = connection.execute(sql_people.PERMITTED, (state, before, brand, limit + 1)).fetchall()
            kept = [(row[0], Permission._make(row[1:])) for row in rows[:limit]]
            items = _items(connection, [permission.mention_id for _, permission in kept])
        return Permitted(
            [(permission, items[permission.mention_id]) for _, permission in kept],
            str(kept[-1][0]) if len(rows) > limit else "",
        )


class _Deeds:
    """What `voices` did for a brand in a window, of each the newest, every one looked up once. Each has at most so many
    deeds; those with the most come first."""

    def __init__(self, connection: Connection, asked: _Asked, voices: Mapping[int, int]) -> None:
        self._connection = connection
        self.asked = asked
        self.voices = voices
        self._labelled: dict[int, set[int]] = {voice: set() for voice in voices}
        for voice, seq in connection.execute(sql_people.PRAISED_BY_LABEL, asked):
            if voice in self._labelled:
                self._labelled[voice].add(seq)
        self._praise: dict[int, list[_Deed]] = {}
        self._help: dict[int, list[_Deed]] = {}

    def praise(self, voice: int) -> list[_Deed]:
        if voice not in self._praise:
            found = self._read(sql_people.PRAISE, (voice, *self.asked, _DEEDS))
            if labelled := sorted(self._labelled[voice])[-_DEEDS:]:
                found += self._read(sql_people.PRAISE_BY_LABEL.format(marks=marks(labelled)), labelled)
                found.sort(key=lambda deed: deed.at, reverse=True)
            self._praise[voice] = found[:_DEEDS]
        return self._praise[voice]

    def help(self, voice: int) -> list[_Deed]:
        if voice not in self._help:
            self._help[voice] = self._read(sql_people.HELP, (voice, *self.asked, _DEEDS, voice))
        return self._help[voice]

    def _read(self, statement: str, values: Sequence[object]) -> list[_Deed]:
        return [_Deed._make(row) for row in self._connection.execute(statement, values)]


def _people(
    connection: Connection,
    deeds: _Deeds,
    of: Callable[[int], list[_Deed]],
    threads: int,
    after: str,
    limit: int,
) -> People:
    """Those whose deeds, as `of` finds them, are in at least so many threads. Nobody is looked at who has too few deeds
    to come before those that are found."""
    opted_out = {row[0] for row in connection.execute(sql_people.OPTED_OUT, (deeds.asked.brand,))}
    found: list[_Found] = []
    for voice, many in deeds.voices.items():
        if len(found) > limit and found[limit].place < _first_place(many):
            break
        did = of(voice)
        if len({deed.thread for deed in did}) >= threads:
            one = _Found(_place(did, did[0].author_id in opted_out), voice, did)
            if one.place > after:
                insort(found, one)
    shown = found[:limit]
    return People(_persons(connection, deeds, shown), shown[-1].place if len(found) > limit else "")


def _first_place(deeds: int) -> str:
    """Before the place of everybody who has no more deeds than these."""
    return f"0~{99_999 - min(deeds, _DEEDS):05}"


def _place(deeds: Sequence[_Deed], opted_out: bool) -> str:
    """Most threads first, then the newest; those who opted out last."""
    fewest = 99_999 - len({deed.thread for deed in deeds})
    return f"{opted_out:d}~{fewest:05}~{deeds[0].at.translate(_BACKWARDS)}~{deeds[0].author_id}"


def _persons(connection: Connection, deeds: _Deeds, found: Sequence[_Found]) -> list[Person]:
    authors = _authors(connection, [one.deeds[0].author_id for one in found])
    items = _items(connection, [one.deeds[0].mention_id for one in found])
    notes: dict[str, list[AuthorNote]] = defaultdict(list)
    for some in _slices(list(authors)):
        for note in _notes(connection, some, deeds.asked.brand):
            notes[note.author_id].append(note)
    people = []
    for _, voice, did in found:
        author, newest, praise = authors.get(did[0].author_id), did[0], deeds.praise(voice)
        if author is None or author.standing:
            continue
        people.append(
            Person(
                author,
                len(praise),
                len({deed.thread for deed in praise}),
                len({deed.thread for deed in deeds.help(voice)}),
                tuple(sorted({deed.source for deed in did})),
                newest.at,
                items[newest.mention_id],
                tuple(notes[author.id]),
            )
        )
    return people


def _turned(connection: Connection, brand: str, rows: Iterable[tuple[str, str, int]], limit: int) -> TurnedPage:
    found: list[Turned] = []
    place = ""
    for read, (answered_at, mention_id, voice) in enumerate(rows):
        if read == _ROWS or len(found) == limit:
            return TurnedPage(found, place)
        place = f"{answered_at}~{mention_id}"
        one = _turn(connection, brand, answered_at, mention_id, voice)
        if one is not None:
            found.append(one)
    return TurnedPage(found, "")


def _turn(connection: Connection, brand: str, answered_at: str, mention_id: str, voice: int) -> Turned | None:
    later = connection.execute(sql_people.LATER, (voice, brand, answered_at, _LATER)).fetchall()
    if not later or any(label == "detractor" for _, label in later):
        return None
    complaint = connection.execute(sql_people.COMPLAINT, (mention_id,)).fetchone()
    newer = (voice, answered_at, mention_id, brand)
    if complaint is None or connection.execute(sql_people.COMPLAINED_AFTER, newer).fetchone():
        return None
    author = _authors(connection, [complaint[0]]).get(complaint[0])
    if author is None or author.standing:
        return None
    items = _items(connection, [mention_id, later[0][0]])
    case = Case._make(connection.execute(CASE, (mention_id,)).fetchone())
    return Turned(author, case, items[mention_id], items[later[0][0]], len(later))


def _authors(connection: Connection, ids: Sequence[str]) -> dict[str, Author]:
    found: dict[str, Author] = {}
    for some in _slices(ids):
        rows = connection.execute(sql_people.AUTHORS.format(marks=marks(some)), some)
        found |= {author.id: author for author in map(Author._make, rows)}
    return found


def _notes(connection: Connection, author_ids: Sequence[str], brand: str) -> list[AuthorNote]:
    statement = sql_people.NOTES.format(marks=marks(author_ids))
    return [AuthorNote._make(row) for row in connection.execute(statement, (*author_ids, brand))]


def _items(connection: Connection, ids: Sequence[str]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for some in _slices(ids):
        found |= items_of(connection, some)
    return found


def _slices(values: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(values[start : start + pages.CHUNK]) for start in range(0, len(values), pages.CHUNK)]
