"""Reddit's feeds (https://www.reddit.com/wiki/rss): new posts and comments of subreddits, or a search, without a key.

Fragile: Reddit lets an address ask about once a minute, refuses most data centres, and may end its feeds any day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.contract import Answer, Facts, Http, Options, ServiceAddress
from connectors.errors import AuthError, BadAnswer, FetchError
from connectors.feed import Feed, FeedOptions
from connectors.post import Author, Markup, Page, Post, Question, Validators
from connectors.text import plain

FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,13}")
"""Reddit's global id: t3_ is a post, t1_ a comment."""

DELETED = "[deleted]"
DUTY = "delete what Reddit deletes; never tie a user to a person elsewhere; commercial use needs a contract"
_EMPTIED = frozenset({DELETED, "[removed]", "[ Removed by Reddit ]", "[deleted by user]"})

_LONGEST_QUERY = 500  # characters; Reddit cuts or refuses more than 512
_PLACE = re.compile(r"/comments/([0-9a-z]{1,13})(?:/[^/?#]*(?:/([0-9a-z]{1,13}))?)?/?(?:[?#]|$)")
_OTHER_THING = re.compile(r"t[24-6]_[0-9a-z]{1,13}")  # a search finds users and subreddits too
_BEGINS, _ENDS = "<!-- SC_OFF -->", "<!-- SC_ON -->"
_LINK = re.compile(r'<a href="(https?://[^"<>]{1,2000})">\[link\]</a>')


def _subreddit(name: str) -> str:
    """Raises ValueError for what is no name; "r/acme" is one too."""
    name = name.strip().removeprefix("/").removeprefix("r/").rstrip("/")
    if not re.fullmatch(r"[A-Za-z0-9_]{2,24}", name):
        raise ValueError("must be the name of a subreddit: letters, digits and _")
    return name


Subreddit = Annotated[str, AfterValidator(_subreddit)]
Listing = Literal["new", "comments"]


class RedditFeedOptions(Options):
    subreddits: list[Subreddit] = Field(default=[], max_length=50)
    """Read whole, all in one request. None: Reddit's search is asked for the brands' terms, and finds posts only."""
    listings: list[Listing] = Field(default=["new"], min_length=1)
    user: str = ""
    feed_token: SecretStr | None = None
    """Of a private feed: the `feed` in the addresses of https://www.reddit.com/prefs/feeds, `user` is in them too."""
    base_url: ServiceAddress = "https://www.reddit.com"

    @model_validator(mode="after")
    def _whole(self) -> RedditFeedOptions:
        if bool(self.user) != bool(self.feed_token):
            raise ValueError("user and feed_token belong together: both are in the address of a private feed")
        return self


class RedditFeed:
    """Reads the feed at `question.term`: a listing of the subreddits, or a search. Cursor and pages are those of Feed.

    Feeds tell no scores, no edits that could be relied on, and show 100 entries.
    """

    kind: ClassVar[str] = "reddit"
    facts: ClassVar[Facts] = Facts(
        hears="posts and comments of subreddits, or posts that a search finds; fragile, may end any day",
        misses="scores, deletions, what fell out of the newest 100; one request a minute per IP address in total",
        key="none; a private feed's token is optional",
        duty=DUTY,
        every=timedelta(minutes=30),
    )
    options: ClassVar[type[Options]] = RedditFeedOptions

    def __init__(self, options: RedditFeedOptions) -> None:
        self._base = options.base_url.rstrip("/")
        self._subreddits = "+".join(options.subreddits)
        self._listings = list(dict.fromkeys(options.listings))
        self._private = (
            {"feed": options.feed_token.get_secret_value(), "user": options.user} if options.feed_token else {}
        )

    def address(self) -> str:
        return self._base

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        """The listings, or the terms joined with OR to as few searches as will hold them: each request counts."""
        return self._listings if self._subreddits else joined_with_or(wanted)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        params: dict[str, str | int] = {"limit": 100, **self._private}
        if self._subreddits:
            listing = question.term if question.term in self._listings else self._listings[0]
            url = f"{self._base}/r/{self._subreddits}/{listing}/.rss"
        else:
            url = f"{self._base}/search.rss"
            params |= {"q": question.term, "sort": "new", "t": "all", "type": "link"}
        feed = Feed(FeedOptions(url=url))
        try:
            # An address from a redirect would hold the token, and be stored with it.
            for page in feed.pull(replace(question, address=""), _Asking(http, params)):
                yield replace(page, posts=self._ours(page, url), moved_to="")
        except FetchError as error:
            raise self._explained(error) from None

    def _ours(self, page: Page, url: str) -> list[Post]:
        found = [(fullname_of(post), post) for post in page.posts]
        if found and not page.gap and not any(name for name, _ in found):
            raise BadAnswer(f"{url} answered a feed whose entries have no \"id\" of Reddit's: it is not Reddit's feed.")
        return [_post(name, post) for name, post in found if FULLNAME.fullmatch(name)]

    def _explained(self, error: FetchError) -> FetchError:
        if error.status == 403 and isinstance(error, AuthError) and b"<" in error.answer[:200]:
            return AuthError(
                f"{self._base} blocks this address (HTTP 403): it lets few servers read its feeds; a private feed's "
                "token, another address or the API (type reddit) may help.",
                status=403,
                answer=error.answer,
            )
        if error.status == 404 and self._subreddits:
            return FetchError(
                f"{self._base} has no subreddit of these names (HTTP 404): {self._subreddits[:200]} may be misspelt, "
                "private or banned.",
                status=404,
                answer=error.answer,
            )
        return error


@dataclass(frozen=True, slots=True)
class _Asking:
    """Adds `params` to whatever is asked; as parameters they are kept out of messages and of stored validators."""

    http: Http
    params: Mapping[str, str | int]

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        host_only: bool = False,
    ) -> Answer:
        accepted = {"Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"}
        return self.http.get(
            url,
            params={**self.params, **(params or {})},
            headers={**accepted, **(headers or {})},
            validators=validators,
            host_only=host_only,
        )

    def post(self, url: str, **options: Any) -> Answer:
        return self.http.post(url, **options)

    def listen(self, url: str, *, idle: float = 1.0) -> AbstractContextManager[Iterator[bytes | None]]:
        return self.http.listen(url, idle=idle)


def phrase(term: str) -> str:
    """The words of `term` next to each other, in the language of Reddit's search."""
    bare = " ".join(term.replace('"', " ").split())
    return bare if bare.isalnum() or not bare else f'"{bare}"'


def joined_with_or(terms: Sequence[str]) -> list[str]:
    """As few queries as hold all `terms`, none longer than Reddit takes."""
    queries: list[str] = []
    for one in dict.fromkeys(filter(None, map(phrase, terms))):
        if queries and len(queries[-1]) + len(one) + 4 <= _LONGEST_QUERY:
            queries[-1] += f" OR {one}"
        else:
            queries.append(one)
    return queries


def author_of(name: str) -> Author | None:
    """Names are unique on Reddit and never change, and both ways of reading it tell them."""
    name = name.removeprefix("/").removeprefix("u/")
    return Author(name, name, f"https://www.reddit.com/user/{name}") if name and name != DELETED else None


def is_emptied(text: str) -> bool:
    """Whether these are the words that Reddit puts where a text was."""
    return len(text) < 40 and text.strip() in _EMPTIED


def fullname_of(post: Post) -> str:
    """Of a feed's entry: its id, else what its address tells; "" when neither is Reddit's."""
    given = post.source_id.rpartition("|")[2]
    if FULLNAME.fullmatch(given) or _OTHER_THING.fullmatch(given):
        return given
    place = _PLACE.search(post.url)
    if place is None:
        return ""
    return f"t1_{place.group(2)}" if place.group(2) else f"t3_{place.group(1)}"


def _post(name: str, post: Post) -> Post:
    is_comment = name.startswith("t1_")
    body, markup = _words(post.body, post.markup)
    author = author_of(post.author.name) if post.author else None
    if author is None and (is_emptied(plain(body[:200], markup)) or is_emptied(post.title)):
        return Post(RedditFeed.kind, name, "", "", deleted=True)
    place = _PLACE.search(post.url)
    return post._replace(
        kind=RedditFeed.kind,
        source_id=name,
        body=body,
        markup=markup,
        title="" if is_comment else post.title,  # "/u/ann on" and the title of the post above it
        author=author,
        edited_at=None,  # `updated` moves for other reasons too
        genre="comment" if is_comment else "post",
        thread=f"t3_{place.group(1)}" if place else "",
    )


def _words(body: str, markup: Markup) -> tuple[str, Markup]:
    """What the author wrote; of a post that is only a link, its address."""
    begin, end = body.find(_BEGINS), body.rfind(_ENDS)
    if 0 <= begin < end:
        return body[begin + len(_BEGINS) : end].strip(), "html"
    tail = body.rfind("submitted by")
    if tail < 0 or "comments]" not in body[tail:]:
        return body, markup
    link = _LINK.search(body, tail)
    return (unescape(link.group(1)), "plain") if link and "/comments/" not in link.group(1) else ("", "plain")
