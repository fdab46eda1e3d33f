"""What the dashboard and the report read; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple


class Answered(NamedTuple):
    """A case that was answered: when its clock began, when it was first answered, when an answer was due (None: none
    was)."""

    published_at: str
    answered_at: str
    due_at: str | None


class Saying(NamedTuple):
    """What somebody said of a brand: a mention's own words, and what tells it from its copies (`story` "" where it has
    none that is known)."""

    mention_id: str
    post_id: str
    voice: int
    language: str
    source: str
    thread: str
    story: str
    title: str
    text: str
