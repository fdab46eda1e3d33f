"""RSS 2.0/0.9x, RSS 1.0 (RDF), Atom and JSON Feed: anything a feed reader can subscribe to.

Google Alerts, Google News, YouTube channels, forums and status pages reduce to this.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

from connectors import feed_json, feed_safe, feed_xml
from connectors.contract import Answer, Facts, Http, Options, WebAddress
from connectors.errors import BadAnswer, FetchError
from connectors.feed_entry import Channel, Origin, hash_of, to_post
from connectors.feed_pace import poll_after
from connectors.feed_reader import MAX_ENTRIES
from connectors.post import Genre, Page, Post, Question, Validators
from connectors.redact import redact

PAGE = 500
"""Most posts of one Page."""

_MOST_PAGES = 10
_WEB_PAGE = re.compile(
    rb"(?:\s|<\?xml[^>]{0,300}\?>|<!--.{0,2000}?-->)*+<(?:!doctype\s+html|html|head|body|script)[\s>]", re.I | re.S
)
_FEED = re.compile(rb"<(?:\?xml|!DOCTYPE|rss|feed|channel|(?:rdf:)?RDF)[\s>]", re.I)
_LINK = re.compile(r"<link\b[^<>]{0,2000}>", re.I)
_ALTERNATE = re.compile(r"type\s*=\s*[\"']?application/(?:rss\+xml|atom\+xml|feed\+json)", re.I)
_HREF = re.compile(r"href\s*=\s*(?:\"([^\"]+)\"|'([^']+)'|([^\s>\"']+))", re.I)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
_LEADING = b" \t\r\n\xef\xbb\xbf"


class FeedOptions(Options):
    url: WebAddress
    genre: Genre = "post"


class Feed:
    """Reads one feed. The cursor holds the hashes of the entries of the last body: what stood there word for word is
    not looked at again, even if the feed has given it a new id. Without a cursor every pull gives all posts.

    The id of a post is its guid / id / rdf:about, else its link, else a hash of title and body; what is unique only
    within the feed is prefixed with the feed's host. Entries are yielded in reverse document order (feeds begin with
    the newest) unless their dates ascend.
    """

    kind: ClassVar[str] = "feed"
    facts: ClassVar[Facts] = Facts(
        hears="RSS 2.0, Atom, RDF and JSON Feed: blogs, forums, Google Alerts, release notes, reviews",
        misses="what has come and gone between two pulls",
    )
    options: ClassVar[type[Options]] = FeedOptions

    def __init__(self, options: FeedOptions) -> None:
        self._url = options.url
        self._genre: Genre = options.genre

    def address(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return ("",)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        answer = http.get(question.address or self._url, validators=question.validators)
        if answer.unchanged:
            yield Page(unchanged=True, validators=answer.validators, moved_to=answer.moved_to)
            return
        channel = self._parse(answer)
        hashes = [hash_of(entry) for entry in channel.entries]
        seen = frozenset(question.cursor.split())
        turnover = bool(seen) and seen.isdisjoint(hashes)
        channel.entries = [e for e, its in zip(channel.entries, hashes, strict=True) if its not in seen]
        posts = self._posts(channel, answer.url, question.now)
        validators: Validators | None = answer.validators
        if channel.malformed:
            validators = Validators(url=answer.validators.url, body_hash=answer.validators.body_hash)
        if channel.next_url:
            older, trouble = self._older(channel, answer.url, question.now, http)
            posts = _once([*posts, *older])
            if trouble:
                channel.gap, validators = trouble, None
        posts = posts if _ascends(posts) else posts[::-1]
        for at in range(0, len(posts) - PAGE, PAGE):
            yield Page(posts[at : at + PAGE], turnover=turnover)
        yield Page(
            posts[(len(posts) - 1) // PAGE * PAGE :],
            cursor=" ".join(hashes),
            validators=validators,
            gap=channel.gap,
            poll_after=poll_after(channel, question.now),
            moved_to=answer.moved_to,
            turnover=turnover,
        )

    def _parse(self, answer: Answer) -> Channel:
        charset = _CHARSET.search(answer.headers.get("content-type", ""))
        try:
            return parse(answer.body, charset.group(1) if charset else "", answer.url)
        except BadAnswer as error:
            raise BadAnswer(f"{redact(self._url)} answered {error}", status=answer.status) from None

    def _posts(self, channel: Channel, url: str, now: datetime) -> list[Post]:
        origin = Origin(
            kind=self.kind,
            host=urlsplit(self._url).hostname or "",
            url=url,
            now=now,
            genre=self._genre,
            about=channel.about,
        )
        return _once([to_post(entry, origin) for entry in channel.entries])

    def _older(self, channel: Channel, url: str, now: datetime, http: Http) -> tuple[list[Post], str]:
        """What JSON Feed's next_url leads to, on the same host only, and in a sentence what stopped it."""
        posts: list[Post] = []
        seen = {url}
        for _ in range(_MOST_PAGES - 1):
            following = feed_json.continuation(channel, url)
            if not following or following in seen:
                return posts, ""
            if urlsplit(following).netloc != urlsplit(url).netloc:
                return posts, ""
            seen.add(following)
            try:
                answer = http.get(following)
                channel, url = self._parse(answer), answer.url
            except FetchError as error:
                return posts, f"the older entries of the feed could not be read: {error}"
            posts += self._posts(channel, url, now)
            if len(posts) >= MAX_ENTRIES:
                break
        return posts, ""


def parse(body: bytes, charset: str, url: str) -> Channel:
    """Any feed format, told by the body and not by its headers. `charset` is the transport's, `url` the final one.

    Raises BadAnswer; its message continues the sentence "... answered".
    """
    if body[:1] not in (b"<", b"{"):
        body = body if body[:2] in (b"\xff\xfe", b"\xfe\xff", b"\0<") else body.lstrip(_LEADING)
    if not body:
        raise BadAnswer("nothing at all instead of a feed")
    if body[:1] in (b"{", b"["):
        return feed_json.read(body)
    if _WEB_PAGE.match(body[:8192]):
        raise BadAnswer("a web page instead of a feed" + _hint(body, url))
    junk = _FEED.search(body[:8192])
    malformed = junk is not None and junk.start() > 0 and not body.startswith(b"<?xml")
    if junk is not None and malformed:
        body = body[junk.start() :]
    try:
        channel = feed_xml.read(body, charset)
    except feed_xml.NotWellFormed:
        return feed_safe.read(body, charset, url)
    channel.malformed = malformed
    return channel


def _hint(body: bytes, url: str) -> str:
    """Where the page says that its feed is."""
    for link in _LINK.findall(body[:200_000].decode("utf-8", "replace")):
        if _ALTERNATE.search(link) and (href := _HREF.search(link)):
            try:
                address = urljoin(url, html.unescape(next(filter(None, href.groups()))))
            except ValueError:
                continue
            if address.startswith(("http://", "https://")):
                return f"; its feed is at {' '.join(address.split())[:500]}"
    return ""


def _once(posts: Sequence[Post]) -> list[Post]:
    """Without repetitions; of those with one id the first, which is the newest."""
    by_id: dict[str, Post] = {}
    for post in posts:
        by_id.setdefault(post.source_id, post)
    return list(by_id.values())


def _ascends(posts: Sequence[Post]) -> bool:
    dates = [post.published_at for post in posts if post.published_at is not None]
    if len(dates) < 2:
        return False
    return 2 * sum(earlier < later for earlier, later in pairwise(dates)) > sum(
        earlier != later for earlier, later in pairwise(dates)
    )
