"""What a stream of Bluesky's events says: events to posts, posts to pages, and how far it has been heard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.bluesky_record import KIND, body_of, genre_of, language_of, permalink, profile, published, thread_of
from connectors.errors import BadAnswer, FetchError
from connectors.fields import Fields
from connectors.post import Author, Page, Post, Question

COLLECTION = "app.bsky.feed.post"

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_TIME = 10**15  # in the year 2001; what is smaller is a sequence number
_AHEAD = 86_400 * _SECOND  # that a host's clock may be fast

_MOST_POSTS, _MOST_BYTES = 500, 4_000_000  # of one page
_MOST_EVENTS = 20_000  # that a kill may make us read again, while catching up
_FRESH, _STEADY = 2 * _SECOND, 30 * _SECOND  # live: how long a post, and how long a position, waits for its page

_SILENCE = 5.0  # seconds after which what was kept for us must have come
_FIRST_SILENCE = 15.0  # the same before the first event: the server looks for the place
_MOST_HEARD = 2_000_000  # events of one pull; more is a stream that is never caught up with
_MOST_WRONG = 100  # events that are none, before the first sound one

_CLAMPED_FROM = 3_600 * _SECOND  # no host keeps less than this
_CLAMPED_BY = 300 * _SECOND
_STALE = 3_600 * _SECOND


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


class Hearing:
    """One pull: what is heard, and held until its page is full or ripe.

    `position` and `host`: how far, in microseconds since 1970, and by whose clock. `alive`: some host kept a
    connection open, or brought something new. `done`: everything up to `question.now` is heard, and
    `question.stay` has passed by the times of the events and the seconds of silence.
    """

    def __init__(self, question: Question, position: int, host: str, idle: float) -> None:
        self.position = position
        self.host = self._where = host
        self.alive = self.done = False
        self._relevant = question.relevant
        self._resumed = position if host else 0
        self._idle = idle
        self._now = microseconds(question.now)
        self._until = self._now + question.stay // timedelta(microseconds=1)
        self._clock = position  # the stream's time; once it is caught up with, ours too
        self._held: dict[str, Post] = {}
        self._bytes = 0
        self._pages = self._paged_at = self._paged_events = 0
        self._paged_position = position
        self._newest = self._heard = self._wrong = 0
        self._problem: BadAnswer | None = None
        self._gap = ""

    @property
    def pending(self) -> bool:
        """Whether a page would say anything."""
        return bool(self._held or self._gap) or self.position != self._paged_position

    def page(self) -> Page:
        posts, gap = tuple(self._held.values()), self._gap
        self._held.clear()
        self._bytes, self._gap = 0, ""
        self._pages += 1
        self._paged_at, self._paged_events, self._paged_position = self._clock, self._heard, self.position
        cursor = json.dumps({"time_us": self.position, "host": self.host}) if self._newest else ""
        return Page(posts, cursor=cursor, gap=gap)

    def ends_with_something_to_say(self, failure: FetchError | None) -> bool:
        """Whether one more page is due. Silence is not calm: a network that says nothing any more is a gap."""
        if self._newest < self._now - _STALE and self._heard < _MOST_HEARD and not self._gap:
            since = f"since {moment(self._newest):%Y-%m-%d %H:%M} UTC" if self._newest else "at all"
            self._gap = str(failure or f"{self._where} gave nothing {since}: its stream may stand still.")
        return self.pending or not self._pages

    def pages(self, host: str, messages: Iterator[bytes | None]) -> Iterator[Page]:
        """Raises BadAnswer when what comes is no stream of events at all."""
        self._where, self._paged_at = host, self._paged_at or self._clock
        silent = 0.0
        began = self._heard
        for message in messages:
            if message is None:
                self.alive = True
                silent += self._idle
                self._wait(silent, _SILENCE if self._heard > began else _FIRST_SILENCE)
                ripe = self.pending
            else:
                silent = 0.0
                self._hear(message)
                ripe = self._is_ripe()
            if ripe:
                yield self.page()
            self.done = self._clock >= self._until or self._heard >= _MOST_HEARD
            if self.done:
                break
        if self._problem is not None and not self._newest:
            self.done = self.alive = False
            raise self._problem

    def _wait(self, silent: float, enough: float) -> None:
        if self._clock >= self._now:
            self._clock += int(self._idle * _SECOND)
        elif silent >= enough:
            self._clock = self._now

    def _is_ripe(self) -> bool:
        held = len(self._held)
        if held >= _MOST_POSTS or self._bytes >= _MOST_BYTES or self._heard - self._paged_events >= _MOST_EVENTS:
            return True
        if self._clock < self._now:
            return False
        return self._clock - self._paged_at >= (_FRESH if held else _STEADY)

    def _hear(self, message: bytes) -> None:
        """One strange event among sound ones must not hold up the rest for ever: it is left out, and told."""
        self._heard += 1
        try:
            self._take(_parsed(message, self._where), len(message))
        except BadAnswer as problem:
            self._problem = self._problem or problem
            self._wrong += 1
            if self._newest:
                self._gap = self._gap or str(self._problem)
            elif self._wrong >= _MOST_WRONG:
                raise self._problem from None

    def _take(self, event: Mapping[str, Any], size: int) -> None:
        time_us = event.get("time_us")
        if type(time_us) is not int or not _FIRST_TIME <= time_us <= self._until + _AHEAD:
            raise self._fields(event, "an event").wrong("time_us", "is not a time in microseconds")
        if not self._newest:
            self._check_clamped(time_us)
        if event.get("kind") == "commit":
            self._commit(event, time_us, size)
        self.alive = True
        self._newest = max(self._newest, time_us)
        # A server may begin earlier than it was asked to (bluesky-social/jetstream#343).
        if time_us >= self.position or not self.host:
            self.position, self.host = max(self.position, time_us), self._where
        self._clock = time_us if self._clock < self._now else max(self._clock, time_us)

    def _commit(self, event: Mapping[str, Any], time_us: int, size: int) -> None:
        commit = event.get("commit")
        if not isinstance(commit, dict):
            raise self._fields(event, "an event").wrong("commit", "is not an object")
        if commit.get("collection") != COLLECTION:
            return
        operation, did = commit.get("operation"), event.get("did")
        uri = f"at://{did}/{COLLECTION}/{commit.get('rkey')}"
        if operation == "delete":
            self._hold(Post(KIND, uri, permalink(uri), "", deleted=True), size, event)
        elif operation in ("create", "update"):
            post = self._post(commit.get("record"), uri, str(did), time_us, edited=operation == "update")
            if post is not None:
                self._hold(post, size, event)

    def _post(self, record: Any, uri: str, did: str, time_us: int, *, edited: bool) -> Post | None:
        """None when no brand can match it; but an edit may have taken the brand's name out of a stored post."""
        try:
            fields = self._fields(record, "a post")
            # Most posts are their text alone.
            body = body_of(fields) if "embed" in record or "facets" in record else fields.text("text")
            if not edited and not self._relevant(body):
                return None
            heard_at = moment(time_us)
            return Post(
                kind=KIND,
                source_id=uri,
                url=permalink(uri),
                body=body,
                author=Author(id=did, url=profile(did)),
                published_at=published(fields.time("createdAt"), heard_at),
                edited_at=heard_at if edited else None,
                genre=genre_of(fields),
                language=language_of(fields),
                thread=thread_of(fields, uri),
            )
        except BadAnswer:
            return None  # anybody can write a record that is no post: Bluesky does not show it either

    def _hold(self, post: Post, size: int, event: Mapping[str, Any]) -> None:
        if not post.url:
            raise self._fields(event, "an event").wrong("rkey", "or its did is no id")
        self._held.pop(post.source_id, None)  # the latest word on a post counts, in its own place
        self._held[post.source_id] = post
        self._bytes += size

    def _check_clamped(self, first: int) -> None:
        """A server that no longer keeps what it is asked for begins later, and says nothing."""
        if 0 < self._resumed < self._now - _CLAMPED_FROM and first - self._resumed > _CLAMPED_BY:
            span = f"{moment(self._resumed):%Y-%m-%d %H:%M:%S} to {moment(first):%Y-%m-%d %H:%M:%S} UTC"
            self._gap = f"{self._where} keeps nothing older any more: posts from {span} were not heard."

    def _fields(self, value: Any, what: str) -> Fields:
        return Fields(value, self._where, what)


def _parsed(message: bytes, where: str) -> Mapping[str, Any]:
    try:
        event = json.loads(message.decode())  # told the encoding, it need not guess
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise BadAnswer(f"{where} sent a message that is no event in JSON.")
    return event
