"""Bluesky live, through Jetstream (https://github.com/bluesky-social/jetstream): every public post of the network.

The stream knows no search: `Question.relevant` decides what becomes a Post. Deletions come through it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, Field

from connectors.bluesky_record import KIND
from connectors.bluesky_view import GET_POSTS, rechecked
from connectors.contract import Facts, Http, Options, ServiceAddress
from connectors.errors import FetchError
from connectors.fields import Fields
from connectors.jetstream_events import COLLECTION, Hearing, microseconds
from connectors.post import Checked, Known, Page, Question

IDLE = 1.0  # seconds without a message until the stream is looked after

_ELSEWHERE = 60.0  # seconds to go back on another host: it stamps events with its own clock, and one may lag
_MOST_CONNECTIONS = 20
_LARGEST_EVENT = 262_144
"""Bytes; the server leaves out what is larger. Below the largest message of a websocket, so that no event ends it."""


def _stream_address(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("ws", "wss", "http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be a wss:// or ws:// address without a query or a password")
    secure = parts.scheme in ("wss", "https")
    return f"{'wss' if secure else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}"


StreamAddress = Annotated[str, AfterValidator(_stream_address)]


class JetstreamOptions(Options):
    hosts: list[StreamAddress] = Field(
        default=[
            "wss://jetstream2.us-east.bsky.network",
            "wss://jetstream1.us-east.bsky.network",
            "wss://jetstream2.us-west.bsky.network",
            "wss://jetstream1.us-west.bsky.network",
        ],
        min_length=1,
        max_length=20,
    )
    """Asked in this order, but the one that was heard last comes first: the times of a stream are its host's own."""
    overlap_seconds: float = Field(default=10.0, ge=0, le=3_600)
    """Read again whenever a connection begins: events come only roughly in the order of their times."""
    lookback_hours: float = Field(default=1.0, ge=0, le=36)
    """How far back the first pull goes; an hour is about 100,000 posts to read through."""
    api_url: ServiceAddress = "https://public.api.bsky.app"
    """Where single posts are asked about again."""


class _Cursor(NamedTuple):
    time_us: int
    host: str


class Jetstream:
    """Listens to one host until all that had happened by `question.now` is read, and for `question.stay` longer.

    The cursor is JSON: {"time_us": the host's time of the last event, "host": its address}. Not heard are
    posts of a lexicon that Bluesky itself would refuse. The deletion of a whole account names none of its posts: it is
    for a recheck to find out.
    """

    kind: ClassVar[str] = KIND
    facts: ClassVar[Facts] = Facts(
        hears="every public post on Bluesky as it is written, its deletion too",
        misses="likes and names of authors; what was written long before the first pull",
        duty="delete what is deleted; respect labels",
        stream=True,
    )
    options: ClassVar[type[Options]] = JetstreamOptions

    def __init__(self, options: JetstreamOptions) -> None:
        self._hosts = options.hosts
        self._overlap = timedelta(seconds=options.overlap_seconds)
        self._lookback = timedelta(hours=options.lookback_hours)
        self._get_posts = f"{options.api_url.rstrip('/')}/xrpc/{GET_POSTS}"

    def address(self) -> str:
        return f"http{self._hosts[0].removeprefix('ws')}/subscribe"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return ("",)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        def ask(params: list[tuple[str, str | int]]) -> Fields:
            return Fields(http.get(f"{self._get_posts}?{urlencode(params)}").json(), self._get_posts)

        return rechecked(known, ask)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        cursor = _read(question.cursor)
        hearing = Hearing(question, self._begin(question, cursor), cursor.host if cursor else "", IDLE)
        hosts = [host for host in self._hosts if host == hearing.host]
        hosts += [host for host in self._hosts if host != hearing.host]
        failure: FetchError | None = None
        for _ in range(_MOST_CONNECTIONS):
            if hearing.done or not hosts:
                break
            before = hearing.position
            try:
                with http.listen(self._url(hosts[0], hearing), idle=IDLE) as messages:
                    yield from hearing.pages(hosts[0], messages)
            except FetchError as error:
                failure = error
            if hearing.pending:
                yield hearing.page()
            if hearing.position == before:
                hosts.pop(0)  # it brings nothing new, however often it is asked
        if not (hearing.done or hearing.alive):
            raise failure or FetchError(f"{self.address()} ended the stream before it gave anything.")
        if hearing.ends_with_something_to_say(failure):
            yield hearing.page()

    def _begin(self, question: Question, cursor: _Cursor | None) -> int:
        """The time that is read up to, in microseconds since 1970."""
        now = microseconds(question.now)
        if cursor is not None:
            return min(cursor.time_us, now)
        first = question.now - self._lookback
        return microseconds(max(first, question.since) if question.since else first)

    def _url(self, host: str, hearing: Hearing) -> str:
        back = self._overlap
        if hearing.host and host != hearing.host:
            back = max(back, timedelta(seconds=_ELSEWHERE))
        query = {
            "wantedCollections": COLLECTION,
            "maxMessageSizeBytes": _LARGEST_EVENT,
            "cursor": hearing.position - back // timedelta(microseconds=1),
        }
        return f"{host}/subscribe?{urlencode(query)}"


def _read(cursor: str) -> _Cursor | None:
    """None for a cursor of another program or version: reading again loses nothing."""
    try:
        found: Any = json.loads(cursor or "null")
        time_us, host = found["time_us"], found["host"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = type(time_us) is int and 0 <= time_us < 2**62 and isinstance(host, str)
    return _Cursor(time_us, host) if sound else None
