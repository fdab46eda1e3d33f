"""Google News: headlines of articles that name a term, through the RSS feed of its search."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from connectors.contract import Answer, Facts, Http, Options, WebAddress
from connectors.errors import BadAnswer, FetchError, RateLimited
from connectors.feed import parse
from connectors.feed_entry import Channel, Entry, Origin, to_post
from connectors.post import Author, Page, Post, Question

_MOST = 100
"""Articles of one answer; there is no second page."""

_PAGE = 50
_SHORTEST_TERM = 2
_LONGEST_NAME = 80
_RETRY = timedelta(hours=1)
"""How long Google is left alone once it suspects a robot and does not say until when."""

_DAY = timedelta(days=1)
_LANGUAGES = {"pt-419": "pt-BR", "pt-150": "pt-PT", "zh-Hans": "zh-CN"}
"""What `hl` calls the languages of editions, where it is not the name in `ceid`."""

_LINKED = re.compile(r"<a\s", re.IGNORECASE)


class GoogleNewsOptions(Options):
    edition: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}:[a-z]{2}(?:-[A-Za-z0-9]{2,4})?$")] = "US:en"
    """As `ceid` in the address of news.google.com: US:en, GB:en, DE:de, BR:pt-419, TW:zh-Hant."""
    window_hours: int = Field(default=24, ge=1, le=8_760)
    """How far back each search looks; after a pause, as far as the pause."""
    base_url: WebAddress = "https://news.google.com"


class GoogleNews:
    """Searches for `question.term` in the last hours and yields all that is found, oldest first.

    The cursor is JSON: {"asked": seconds since 1970 of the last search}.

    An article is told by its headline (case, spaces and the publisher's name at its end set aside) and its publisher's
    host. Google's own guid is no identity: the same article has another one in each edition, and after it has been
    indexed again. Its date is none either, since that is what changes when it is indexed again. So a headline
    that a publisher prints twice is one post, and one that it rewords is two.
    """

    kind: ClassVar[str] = "googlenews"
    facts: ClassVar[Facts] = Facts(
        hears="headlines of news that name a term, at most 100 a search",
        misses="articles that name a term in their text alone, the text itself, the publisher's own address",
        duty="personal, non-commercial use; quote the headline and link",
        every=timedelta(minutes=15),
    )
    options: ClassVar[type[Options]] = GoogleNewsOptions

    def __init__(self, options: GoogleNewsOptions) -> None:
        country, _, language = options.edition.partition(":")
        self._url = f"{options.base_url.rstrip('/')}/rss/search"
        self._window = timedelta(hours=options.window_hours)
        self._edition = {"hl": _interface(language, country), "gl": country, "ceid": options.edition}

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        spelled = (" ".join(term.replace('"', " ").split()) for term in wanted)
        return list({term.casefold(): term for term in spelled if len(term) >= _SHORTEST_TERM}.values())

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        answer = self._search(question, http)
        cursor = json.dumps({"asked": int(question.now.timestamp())})
        if answer.unchanged:
            yield Page(cursor=cursor, unchanged=True, validators=answer.validators)
            return
        channel = self._parse(answer)
        posts = self._posts(channel, question.now, answer.url)
        gap = channel.gap
        if len(channel.entries) >= _MOST:
            gap = (
                f"{self._url} gave {_MOST} articles on {question.term!r}, as many as it ever does: "
                "a narrower term or a shorter window_hours shows whether there are more"
            )
        for at in range(0, len(posts) - _PAGE, _PAGE):
            yield Page(posts[at : at + _PAGE])
        yield Page(
            posts[max(len(posts) - 1, 0) // _PAGE * _PAGE :],
            cursor=cursor,
            validators=None if channel.malformed else answer.validators,
            gap=gap,
        )

    def _parse(self, answer: Answer) -> Channel:
        """Raises BadAnswer for what is no feed, and for one that breaks off: half a headline is another article's."""
        try:
            channel = parse(answer.body, "utf-8", answer.url)
        except BadAnswer as error:
            raise BadAnswer(f"{self._url} answered {error}.", status=answer.status) from None
        if channel.malformed and not answer.body.rstrip().endswith(b"</rss>"):
            raise BadAnswer(f"{self._url} answered a feed that breaks off.", status=answer.status)
        return channel

    def _search(self, question: Question, http: Http) -> Answer:
        params = {"q": f'"{question.term}" when:{self._span(question)}', **self._edition}
        try:
            answer = http.get(self._url, params=params, validators=question.validators)
        except RateLimited as error:
            if error.retry_after is not None:
                raise
            raise _suspected(self._url, error.status, question.now) from None
        except FetchError as error:
            if error.status != 503:
                raise
            raise _suspected(self._url, error.status, question.now) from None
        at = urlsplit(answer.url)
        if (at.hostname or "").startswith("consent."):
            raise BadAnswer(f"{self._url} asks for consent to cookies in place of the news, as it does in the EU.")
        if at.path.startswith("/sorry"):
            raise _suspected(self._url, answer.status, question.now)
        return answer

    def _span(self, question: Question) -> str:
        """The window as Google writes it: 6h, 3d."""
        asked = _asked(question.cursor) or question.since
        pause = question.now - asked if asked else timedelta()
        window = max(self._window, pause)
        return f"{-(-window // timedelta(hours=1))}h" if window < _DAY else f"{-(-window // _DAY)}d"

    def _posts(self, channel: Channel, now: datetime, url: str) -> list[Post]:
        origin = Origin(self.kind, "news.google.com", url, now, "news", channel.about)
        once: dict[str, Post] = {}
        for entry in channel.entries:
            post = _article(entry, origin)
            once.setdefault(post.source_id, post)
        posts = list(once.values())[::-1]
        posts.sort(key=lambda post: post.published_at or datetime.min.replace(tzinfo=UTC))
        return posts


def _article(entry: Entry, origin: Origin) -> Post:
    post = to_post(entry, origin)
    headline, name = _headline(post.title, entry.get("source", "")[:_LONGEST_NAME])
    site = entry.get("source_url", "")[:1_000]
    host = _host(site)
    return post._replace(
        source_id=_identity(headline, host or name),
        title=headline,
        # The description is the headline again, as a link, at times with those of other papers.
        body="" if _LINKED.search(post.body) else post.body,
        author=Author(host or name, name or host, site if host else "") if host or name else None,
    )


def _headline(title: str, publisher: str) -> tuple[str, str]:
    """ "Acme opens - The Paper" -> ("Acme opens", "The Paper"). Without a `publisher` what follows the last dash."""
    if publisher:
        return title.removesuffix(f" - {publisher}").rstrip() or title, publisher
    headline, dash, name = title.rpartition(" - ")
    return (headline, name) if dash and headline.strip() and len(name) <= _LONGEST_NAME else (title, "")


def _identity(headline: str, publisher: str) -> str:
    told = " ".join(unicodedata.normalize("NFKC", headline).casefold().split())
    seen = f"{told}\x1f{publisher.casefold()}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(seen, digest_size=16).hexdigest()


def _host(site: str) -> str:
    try:
        parts = urlsplit(site)
        return (parts.hostname or "").removeprefix("www.") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _interface(language: str, country: str) -> str:
    """The `hl` that goes with an edition; Google redirects, or answers for another country, where they disagree."""
    if language == "en":
        return f"en-{country}"
    if language == "zh-Hant":
        return f"zh-{country}"
    return _LANGUAGES.get(language, language)


def _asked(cursor: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(json.loads(cursor)["asked"], UTC) if cursor else None
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None  # a cursor of another program or version: the window is that of the first pull


def _suspected(where: str, status: int, now: datetime) -> RateLimited:
    return RateLimited(
        f"{where} turns this machine away (HTTP {status}), as it does with robots: it is left alone for an hour.",
        status=status,
        retry_after=now + _RETRY,
    )
