"""What the tables hold for those who work at the review desk; see `storage.records`."""

from __future__ import annotations

from typing import Literal, NamedTuple

from storage.records import Alert, Author, Delivery, Mention, Post, Score
from storage.records_scoring import Review

State = Literal["new", "assigned", "waiting", "answered", "ignored", "not_us"]
OPEN: tuple[State, ...] = ("new", "assigned", "waiting")
"""States of cases that somebody still has to do something about. "waiting": for the author, or until a snooze ends."""

CLOSED: tuple[State, ...] = ("answered", "ignored", "not_us")

Role = Literal["viewer", "reviewer", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "reviewer", "admin")
"""Each may do what those before it may: look, work on mentions, manage accounts."""


class Case(NamedTuple):
    """The work on a mention. `due_at` is when an answer is due (its clock began when the post was published), None
    where none is; `urgent_at` is what the queue is sorted by, the least first: `due_at`, earlier for authors whom many
    read and for labels that are sure. `assignee` and `claimed_by` are user names, "" nobody; a claim ends by itself at
    `claimed_until`. `answered_at` is when it was first answered or thanked."""

    mention_id: str
    brand: str
    state: State
    assignee: str
    opened_at: str
    due_at: str | None
    urgent_at: str
    answered_at: str | None = None
    thanked_at: str | None = None
    snoozed_until: str | None = None
    claimed_by: str = ""
    claimed_until: str | None = None
    flagged: int = 1
    """1: the machine flagged it; 0: a person took it up."""


class CaseEvent(NamedTuple):
    """What somebody did, and when. `before` is what the case was, as JSON, so that it can be undone; `detail` is the
    note, the label, the assignee. An undone event stays, with the time of its undoing."""

    id: str
    mention_id: str
    happened_at: str
    who: str
    what: str
    detail: str
    before: str
    undone_at: str | None = None


class Filter(NamedTuple):
    """What a list is narrowed to; "" and () any. `states` are cases' ("none": no case). `label` is that of a person
    where there is one, else the machine's ("unscored" too). `text` is searched for in title, text and author."""

    brands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    assignee: str = ""
    rating_at_most: float | None = None
    since: str = ""
    until: str = ""
    text: str = ""


class Item(NamedTuple):
    """A mention as a list shows it. `review` is the label that holds, `case` the work on it, `audit_id` the newest
    audit that drew it and that no person has labelled it in ("" none): then whoever sees it must not see the machine's
    label."""

    mention: Mention
    post: Post
    case: Case | None
    review: Review | None
    reach: int | None
    audit_id: str


class Reminder(NamedTuple):
    """A case whose answer is overdue, with what is said of it to whom."""

    case: Case
    alerts: tuple[tuple[Alert, tuple[Delivery, ...]], ...]


class Page(NamedTuple):
    """`after` is what to ask the next page with, "" at the end."""

    items: list[Item]
    after: str


class Whole(NamedTuple):
    """Everything about a mention: earlier scores and revisions the oldest first, the author's other mentions and those
    of the same thread and story the newest first, at most 20 of each."""

    item: Item
    author: Author | None
    scores: list[Score]
    revisions: list[tuple[str, str, str]]
    events: list[CaseEvent]
    reviews: list[Review]
    by_author: list[Item]
    in_thread: list[Item]
    alike: list[Item]


class User(NamedTuple):
    """`password` is an argon2 hash, "" for those who come through a proxy only."""

    name: str
    role: Role
    password: str
    added_at: str
    disabled_at: str | None = None


class Session(NamedTuple):
    """`id` is the hash of the secret in the cookie."""

    id: str
    user: str
    began_at: str
    seen_at: str
    ends_at: str


class View(NamedTuple):
    """A saved filter: `query` as it stands in the URL. `owner` "" is everybody's."""

    name: str
    owner: str
    query: str
    saved_at: str
