"""What the tables hold. Each record's fields are its table's columns, in order, so that a row is a record.

Times are ISO-8601 UTC text with milliseconds (`stamp`), which sorts as time does; None where there is none.
Ids are text, derived from what they stand for (`connectors.post.short_id`), so that writing the same thing
twice writes one row, on every machine.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from connectors.post import short_id

if TYPE_CHECKING:
    from storage.records_desk import Case

Outcome = Literal["ok", "empty", "unchanged", "partial", "failed"]
Trouble = Literal["", "unreachable", "throttled", "refused", "forbidden", "garbled", "gone"]
DeliveryState = Literal["waiting", "sent", "dead", "dropped", "withdrawn"]
Dated = Literal["stated", "first_seen", "implausible"]

ELIGIBLE = ("post", "comment", "review", "answer")
"""Genres that can hold an opinion of the brand; news scores the event."""


def stamp(moment: datetime) -> str:
    """`moment` (aware) as 2026-11-22T02:47:23.123Z: fixed width, so text order is time order."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def moment(text: str) -> datetime:
    """The aware UTC time of a `stamp`."""
    return datetime.fromisoformat(text)


def mention_id(post_id: str, brand: str) -> str:
    """Begins with the post's id, so that one index finds a mention and all mentions of a post (`mentions_of`)."""
    return f"{post_id}-{short_id(brand)[:12]}"


def mentions_of(post_id: str) -> tuple[str, str]:
    """The range of ids, half open, of a post's mentions."""
    return f"{post_id}-", f"{post_id}."


def voice_of(author_id: str | None, post_id: str) -> int:
    """Who speaks, as a number: the author, or, below 0, somebody unknown who is nobody but this post's author."""
    return -int(post_id[:15], 16) - 1 if author_id is None else int(author_id[:15], 16)


def left_out(standing: str, repeats: str, genre: str) -> str:
    """Why a mention does not count, "" if it does."""
    return standing or ("echo" if repeats else "") or ("" if genre in ELIGIBLE else genre)


class Watch(NamedTuple):
    """One question put to one source on a schedule.

    `failures` counts failed runs in a row. `heard_at` is when the source last proved to be alive, `news_at` when
    it last gave a new post. `closed` holds the reason why nobody asks any more (410), else "". `baseline` is 1 until
    the first run has ended: what that run brings is history, not news. `trouble` is the kind of the last failure, ""
    after a run that did not fail; `failing_since` when the failures in a row began. `moved_to` is where a permanent
    redirect said the source lives now.
    """

    id: str
    source: str
    kind: str
    term: str
    active: int
    baseline: int
    cursor: str
    validators_url: str
    etag: str
    last_modified: str
    body_hash: str
    next_due: str
    failures: int
    last_run_at: str | None
    last_outcome: str
    last_error: str
    heard_at: str | None
    news_at: str | None
    closed: str
    trouble: Trouble = ""
    failing_since: str | None = None
    moved_to: str = ""

    @property
    def name(self) -> str:
        """The source, and the term where there is one: what people know it by."""
        return f"{self.source} [{self.term}]" if self.term else self.source


class Bookmark(NamedTuple):
    """Where a watch goes on from, written together with the posts it stands behind. None keeps what is stored."""

    cursor: str | None = None
    validators_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None


class Run(NamedTuple):
    """One execution of a watch. Counts are of posts; `mentions` of new mentions."""

    id: str
    watch_id: str
    source: str
    started_at: str
    finished_at: str
    outcome: Outcome
    read: int
    new: int
    edited: int
    mentions: int
    error: str


class Yield(NamedTuple):
    """What a watch has given lately, its first run left out: new posts since `since_day` (UTC), and the longest time,
    in hours, that it was heard and had nothing new."""

    watch_id: str
    since_day: str
    posts: int
    longest_silence: float


class Author(NamedTuple):
    """The public identity behind posts of one kind of source. `standing`: "", "staff", "quarantined"."""

    id: str
    kind: str
    handle: str
    name: str
    url: str
    reach: int | None
    first_seen_at: str
    last_seen_at: str
    standing: str


class Post(NamedTuple):
    """A public text, once. `text` is plain, `raw` the original where it differs ("" otherwise). `at` is the time
    that counts for windows: published, or first seen where the source says nothing; None when the source's date is
    implausible (`dated`), which keeps the post out of every window. `ref` is how the source is asked for it again. Of
    a post whose source took it away (`deleted_at`) only ids and times are left."""

    id: str
    kind: str
    source_id: str
    source: str
    url: str
    title: str
    text: str
    raw: str
    markup: str
    author_id: str | None
    author: str
    at: str | None
    dated: Dated
    published_at: str | None
    first_seen_at: str
    edited_at: str | None
    deleted_at: str | None
    genre: str
    rating: float | None
    rating_scale: float | None
    language: str
    thread: str
    reach: str
    fingerprint: str
    ref: str = ""
    story: str = ""


class Mention(NamedTuple):
    """A post that speaks of a brand, with the score that holds at present.

    `label` None with `unscored` set means that nobody could read it. `backfill` marks what a first run or an import
    brought. `matched` turns 0 when an edit removed the brand: the row stays, no figure counts it. `voice` is who speaks
    (`voice_of`), `left_out` why it does not count (`left_out`), `repeats` the id of the mention in which the same voice
    told the same story before.
    """

    id: str
    post_id: str
    brand: str
    source: str
    author_id: str | None
    at: str | None
    found_at: str
    genre: str
    why: str
    label: str | None
    value: float
    confidence: float
    language: str
    unscored: str
    scorer: str
    backfill: int
    matched: int
    tags: str = ""
    voice: int = 0
    left_out: str = ""
    repeats: str = ""


class Score(NamedTuple):
    """What a scorer thought; never overwritten. `probabilities` and `explanation` are JSON."""

    mention_id: str
    scored_at: str
    scorer: str
    label: str | None
    value: float
    confidence: float
    language: str
    unscored: str
    probabilities: str
    explanation: str
    tags: str = ""


class Alert(NamedTuple):
    """Something worth saying. `notice` is JSON: all that a channel needs to render it, as it was then."""

    id: str
    rule: str
    brand: str
    mention_id: str | None
    raised_at: str
    notice: str


class Delivery(NamedTuple):
    """One alert on its way to one channel. Its id is the idempotency key of every attempt."""

    id: str
    alert_id: str
    channel: str
    state: DeliveryState
    attempts: int
    next_try_at: str
    last_error: str
    sent_at: str | None


class Arrival(NamedTuple):
    """One new or edited post with all that follows from it, stored together or not at all. A case that its mention has
    already stays as it is."""

    post: Post
    author: Author | None
    mentions: tuple[tuple[Mention, Score], ...] = ()
    alerts: tuple[tuple[Alert, tuple[Delivery, ...]], ...] = ()
    cases: tuple[Case, ...] = ()


class PageCount(NamedTuple):
    """How many posts a page really added or changed (or took away), and the new mentions among them."""

    new: int = 0
    edited: int = 0
    mentions: int = 0


class Coverage(NamedTuple):
    """How many runs of a source ended how on one UTC day."""

    source: str
    day: str
    outcome: Outcome
    runs: int


class Finding(NamedTuple):
    """A mention as people read it."""

    mention: Mention
    post: Post


class Outgoing(NamedTuple):
    """A delivery with the alert it carries."""

    delivery: Delivery
    alert: Alert
