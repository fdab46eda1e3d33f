"""What the tables hold of the people behind mentions, and what the desk is told of them; see `storage.records`."""

from __future__ import annotations

from typing import Literal, NamedTuple

from storage.records import Author
from storage.records_desk import Case, Item

Noted = Literal["thanked", "contacted", "opted_out"]
NOTED: tuple[Noted, ...] = ("thanked", "contacted", "opted_out")
"""What is written down of an author and a brand. Who has opted out is neither written to nor exported."""

Permit = Literal["none", "asked", "granted", "refused"]
PERMITS: tuple[Permit, ...] = ("none", "asked", "granted", "refused")
"""Whether the author of a mention lets us quote it."""


class AuthorNote(NamedTuple):
    """What somebody did with an author for a brand, and when; an undone one stays, with who undid it and when."""

    id: str
    author_id: str
    brand: str
    what: str
    happened_at: str
    who: str
    undone_at: str | None = None
    undone_by: str = ""


class Person(NamedTuple):
    """An author whom a brand owes something, with what they did in a window: `praise` mentions in `threads` separate
    threads (a post without a thread is one by itself), and `helped`, the threads begun by others that they answered or
    commented in. `sources` is where, `latest_at` and `newest` the newest of what the list is about. `notes` are those
    of the brand, the oldest first, undone ones too."""

    author: Author
    praise: int
    threads: int
    helped: int
    sources: tuple[str, ...]
    latest_at: str
    newest: Item
    notes: tuple[AuthorNote, ...]

    @property
    def opted_out(self) -> bool:
        return any(note.what == "opted_out" and note.undone_at is None for note in self.notes)


class People(NamedTuple):
    """`after` is what to ask the next page with, "" at the end."""

    people: list[Person]
    after: str


class Turned(NamedTuple):
    """An author who complained (`was`, whose `case` was answered) and spoke better of the brand after that: `became` is
    the newest of `later` opinions, none of which is a detractor's."""

    author: Author
    case: Case
    was: Item
    became: Item
    later: int


class TurnedPage(NamedTuple):
    """A page may hold fewer than asked for, even none, and still go on."""

    people: list[Turned]
    after: str


class AnsweredAt(NamedTuple):
    """Where a question is answered, by the mention that asked it first; `url` "" takes it away. The last one holds."""

    id: str
    mention_id: str
    brand: str
    url: str
    set_at: str
    who: str


class Permission(NamedTuple):
    """Whether a mention may be quoted, as somebody wrote it down; the last one holds."""

    id: str
    mention_id: str
    state: str
    set_at: str
    who: str


class Permitted(NamedTuple):
    """Mentions in one state of permission, the last set first."""

    items: list[tuple[Permission, Item]]
    after: str
