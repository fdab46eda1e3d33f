"""What the tables hold for programs that ask at the desk; see `storage.records`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from storage.records import DeliveryState, Outcome
from storage.records_scoring import Review


class Token(NamedTuple):
    """What a program shows in place of a password: it may do what `user` may. `id` is the hash of the secret, `about`
    what it is for, `used_on` the last UTC day it was shown ("" never)."""

    id: str
    user: str
    about: str
    made_at: str
    used_on: str = ""
    revoked_at: str | None = None


class ReviewPage(NamedTuple):
    """(brand, review); `after` is what to ask the next page with, "" at the end."""

    reviews: list[tuple[str, Review]]
    after: str


class Figures(NamedTuple):
    """How much there has been so far, for monitoring. `raised_at` is when the oldest alert that still waits to be
    delivered was raised. `posts` and `mentions` are the last numbers given: a little more than there are where
    PostgreSQL has undone something, and never less."""

    runs: Mapping[Outcome, int]
    deliveries: Mapping[DeliveryState, int]
    raised_at: str | None
    posts: int
    mentions: int
    alerts: int


class Late(NamedTuple):
    """Watches of a kind that are to be asked by now, the longest waiting of them `since` then."""

    kind: str
    watches: int
    since: str
