"""People, questions and quotes as files: CSV that a spreadsheet may open, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from listener.audit_files import harmless
from listener.questions import Group
from storage.contract_people import Befriending
from storage.records_desk import Item
from storage.records_people import People, Permission, Person

Cell = str | int
Row = Mapping[str, Cell]

PERSON = (
    "author",
    "handle",
    "kind",
    "url",
    "brand",
    "threads",
    "praise",
    "helped",
    "sources",
    "latest_at",
    "latest_url",
)
NOTED_AT = ("thanked_at", "contacted_at")
QUESTION = ("question", "brand", "askers", "times", "first_at", "latest_at", "answered_at", "example_url")
QUOTE = ("quote", "author", "source", "url", "published_at", "brand", "granted_at", "noted_by")

_MOST = 10_000


def everybody(ask: Callable[[str], People]) -> Iterator[Person]:
    """All of a list, page by page, but those who opted out; `ask` gets the place to go on from."""
    after, count = "", 0
    while count < _MOST:
        page = ask(after)
        for person in page.people:
            if person.opted_out:
                return  # they come last
            yield person
        count, after = count + len(page.people), page.after
        if not after:
            return


def person_row(person: Person, brand: str) -> Row:
    author, post = person.author, person.newest.post
    stands = {note.what: note.happened_at for note in person.notes if note.undone_at is None}
    cells: tuple[Cell, ...] = (
        *(author.name or author.handle, author.handle, author.kind, author.url, brand),
        *(person.threads, person.praise, person.helped, ", ".join(person.sources), person.latest_at, post.url),
        *(stands.get("thanked", ""), stands.get("contacted", "")),
    )
    return dict(zip((*PERSON, *NOTED_AT), cells, strict=True))


def question_row(group: Group, brand: str) -> Row:
    newest, oldest = group.asked[0], group.asked[-1]
    url = group.answer.url if group.answer else ""
    cells: tuple[Cell, ...] = (
        *(group.first.text or newest.text, brand, group.askers, len(group.asked)),
        *(oldest.at, newest.at, url, newest.item.post.url),
    )
    return dict(zip(QUESTION, cells, strict=True))


def quotes(store: Befriending, brand: str) -> Iterator[Row]:
    """What may be quoted: permission granted to the text as it stands, its author not opted out."""
    after, count = "", 0
    while count < _MOST:
        page = store.permitted(brand, "granted", after)
        authors = [item.mention.author_id for _, item in page.items if item.mention.author_id]
        away = {
            note.author_id
            for note in store.notes(authors, brand)
            if note.what == "opted_out" and note.undone_at is None
        }
        for permission, item in page.items:
            if item.mention.author_id not in away and item.mention.matched and not outdated(permission, item):
                yield _quote_row(permission, item, brand)
        count, after = count + len(page.items), page.after
        if not after:
            return


def outdated(permission: Permission, item: Item) -> bool:
    """Whether the author has changed the text since."""
    return (item.post.edited_at or "") > permission.set_at


def as_csv(rows: Iterable[Row], columns: Sequence[str]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(str(row[column])) for column in columns])
    return stream.getvalue()


def as_json(rows: Iterable[Row]) -> str:
    return json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n"


def _quote_row(permission: Permission, item: Item, brand: str) -> Row:
    post = item.post
    cells = (
        *(post.text or post.title, post.author, post.source, post.url, item.mention.at or "", brand),
        *(permission.set_at, permission.who),
    )
    return dict(zip(QUOTE, cells, strict=True))
