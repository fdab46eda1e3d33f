"""Bluesky's search (https://docs.bsky.app/docs/api/app-bsky-feed-search-posts), signed in with an app password."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple

from pydantic import Field, SecretStr, field_validator

from connectors.bluesky_record import KIND, published
from connectors.bluesky_session import Session
from connectors.bluesky_view import GET_POSTS, posts_of, rechecked
from connectors.contract import Facts, Http, Options, ServiceAddress
from connectors.dates import parse
from connectors.fields import Fields
from connectors.post import Checked, Known, Page, Question

_PAGE = 100
_BATCH = 500
"""Posts that are put in order and handed on together."""
_REQUESTS = 30
"""Of one pull; the account has 3000 in five minutes for everything it does."""
_ROUGHLY_SORTED = 5
"""The search sorts by time but for strays, so that the last post alone does not tell how far it has come."""
_INSTANT = timedelta(milliseconds=1)
"""The search knows none shorter."""

_LONGEST_QUERY = 200
_EVER = datetime.max.replace(tzinfo=UTC)


class BlueskyOptions(Options):
    handle: str = Field(min_length=1, max_length=256)
    app_password: SecretStr
    base_url: ServiceAddress = "https://bsky.social"
    overlap_hours: float = Field(default=2.0, ge=0, le=720)
    """What comes with an earlier date than others already seen (a bridge, a slow index) is found within this."""

    @field_validator("handle")
    @classmethod
    def _bare(cls, handle: str) -> str:
        return handle.strip().removeprefix("@")


class _Window(NamedTuple):
    """Posts not read yet: from `after` (None: the first ever) until just before `until` (None: the newest).

    `offset` is the source's own mark of how much of that was given out, `reached` the time of that point.
    """

    after: datetime | None
    until: datetime | None = None
    offset: str = ""
    reached: datetime | None = None


class BlueskySearch:
    """Walks from the newest post back to the newest one known, at most 3,000 posts a pull, 500 to a page.

    The cursor is JSON: {"seen": when the newest known post was indexed, "rest": [after, until]}. `rest` is what walks
    that came to their limit have left unread; the next pull goes on there when it has read what is new.
    """

    kind: ClassVar[str] = KIND
    facts: ClassVar[Facts] = Facts(
        hears="posts and replies that name a term, through Bluesky's own search",
        misses="authors who want to be seen by signed-in people only; posts dated back further than the overlap",
        key="an app password of any free account",
        duty="quote and link; take away what its author takes away",
    )
    options: ClassVar[type[Options]] = BlueskyOptions

    def __init__(self, options: BlueskyOptions) -> None:
        self._url = options.base_url.rstrip("/")
        self._overlap = timedelta(hours=options.overlap_hours)
        self._session = Session(self._url, options.handle, options.app_password.get_secret_value())

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        spellings: dict[str, str] = {}
        for term in wanted:
            if query := _query(term):
                spellings.setdefault(query.casefold(), term)
        return list(spellings.values())

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        seen, rest = _read(question.cursor)
        windows = [_Window(seen - self._overlap if seen else question.since), *rest]
        for views, unread in self._walk(question, windows, http):
            # The newest post, not the time of asking: an index that stands still for hours is waited for.
            times = [min(moment, question.now) for view in views if (moment := view.time("indexedAt"))]
            seen = max([*times, seen] if seen else times, default=None)
            yield Page(posts_of(views), cursor=_written(seen, unread, question.now))
        if unread:
            until = unread[0].reached or question.now
            yield Page(
                gap=f"{self._url} has more than one pull reads: posts before {until:%Y-%m-%d %H:%M} come next time"
            )

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        return rechecked(known, lambda params: self._session.get(GET_POSTS, params, http))

    def _walk(
        self, question: Question, unread: list[_Window], http: Http
    ) -> Iterator[tuple[list[Fields], list[_Window]]]:
        """Batches of posts as the source views them, each with what is still unread after it."""
        views: list[Fields] = []
        for _ in range(_REQUESTS):
            window = unread[0]
            document = self._ask(question, window, http)
            found = list(document.many("posts", "a post"))
            views += found
            onward = _onward(window, found, document.text("cursor"))
            unread = [onward, *unread[1:]] if onward else unread[1:]
            if not unread:
                break
            if len(views) >= _BATCH:
                yield views, unread
                views = []
        yield views, unread

    def _ask(self, question: Question, window: _Window, http: Http) -> Fields:
        params: list[tuple[str, str | int]] = [("q", _query(question.term)), ("sort", "latest"), ("limit", _PAGE)]
        if window.after:
            params.append(("since", _iso(window.after)))
        if window.until:
            params.append(("until", _iso(window.until)))
        if window.offset:
            params.append(("cursor", window.offset))
        return self._session.get("app.bsky.feed.searchPosts", params, http, question.now)


def _onward(window: _Window, found: list[Fields], cursor: str) -> _Window | None:
    """What is left of `window` after a page of it, None when that was all.

    The offset may end before the posts do (a depth the source does not go beyond); time goes on from there.
    """
    reached = window.reached
    if times := [moment for view in found[-_ROUGHLY_SORTED:] if (moment := _sorted_at(view))]:
        reached = min(max(times) + _INSTANT, reached or _EVER)
    if cursor:
        return window._replace(offset=cursor, reached=reached)
    if len(found) >= _PAGE // 2 and reached and reached < (window.until or _EVER):
        return _Window(window.after, reached, reached=reached)
    return None


def _sorted_at(view: Fields) -> datetime | None:
    record = view.one("record")
    return published(record.time("createdAt") if record else None, view.time("indexedAt"))


def _query(term: str) -> str:
    """What is no plain word goes in quotes, so that none of it is an operator; "" for what cannot be asked."""
    bare = " ".join(term.replace('"', " ").split()).lstrip("#@")[:_LONGEST_QUERY]
    return bare if bare.isalnum() else f'"{bare}"' if bare else ""


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _written(seen: datetime | None, unread: list[_Window], now: datetime) -> str:
    """Of several unread windows one that holds them all: to read a post twice is harmless."""
    rest = None
    if unread:
        after = None if any(window.after is None for window in unread) else min(w.after for w in unread if w.after)
        rest = [after and _iso(after), _iso(max(window.reached or window.until or now for window in unread))]
    return json.dumps({"seen": seen and _iso(seen), "rest": rest}) if seen or rest else ""


def _read(cursor: str) -> tuple[datetime | None, list[_Window]]:
    """A cursor of another program or version is none: reading again loses nothing."""
    try:
        stored = json.loads(cursor)
        seen = parse(stored["seen"] or "")
        after, until = stored["rest"] or (None, None)
        return seen, [_Window(parse(after or ""), parse(until))] if until else []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, []
