"""What rules read that look at what is stored; see `storage.records`. Hours are UTC, as 2026-11-22T05."""

from __future__ import annotations

from typing import NamedTuple


class HourCount(NamedTuple):
    """What one source brought of a brand in an hour: mentions that count, and those of them that tell a story for the
    first time."""

    hour: str
    source: str
    mentions: int
    told: int


class HeardHour(NamedTuple):
    """An hour in which a run of the source ended that had not failed."""

    source: str
    hour: str


class Said(NamedTuple):
    """A mention that counts. `story` is the post that told its story first, its own if there is no other; `first` is 1
    where that is so."""

    at: str
    found_at: str
    source: str
    voice: int
    story: str
    first: int
