"""WordPress.org: the reviews of plugins, from the forum's feeds (https://wordpress.org/support/plugin/<slug>/reviews/)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import FetchError
from connectors.feed import Feed, FeedOptions
from connectors.post import Page, Post, Question

_REPLY = re.compile(r"\s*Reply To:\s*", re.I)
# "Replies: 3" and "Rating: 5 stars", each alone in a paragraph or a line, before the text.
_HEAD = re.compile(
    r"\s*(?:<p>\s*)?(?:<strong>\s*)?(Replies|Rating):\s*(?:</strong>\s*)?(\d{1,6})(?:\s*stars?)?\s*(?:</p>|<br\s*/?>|\n|$)",
    re.I,
)
_IN_WORDS = re.compile(r"\bRating:\s*([1-5])\s*stars?\b|\b([1-5])\s+out\s+of\s+5\s+stars\b", re.I)
_IN_SIGNS = re.compile(r"(?<![★☆])(?=[★☆]{5}(?![★☆]))(★{1,5})☆*")
_SEARCHED = 2_000
"""Characters of a body in which stars are looked for."""


class WordPressOptions(Options):
    plugins: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,199}$")]] = Field(min_length=1)
    """Slugs: the last part of the address of the plugin's page."""
    base_url: WebAddress = "https://wordpress.org"


class WordPress:
    """Reads one feed per plugin. Where the feed shows no stars, a review is unrated and its text decides."""

    kind: ClassVar[str] = "wordpress"
    facts: ClassVar[Facts] = Facts(
        hears="reviews of WordPress.org plugins, with their stars where the feed shows them",
        misses="what falls out of the feed's window (about 30) between two pulls; deletions",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = WordPressOptions

    def __init__(self, options: WordPressOptions) -> None:
        self._base = options.base_url.rstrip("/")
        self._plugins = options.plugins

    def address(self) -> str:
        return f"{self._base}/support/"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return tuple(dict.fromkeys(self._plugins))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        url = f"{self._base}/support/plugin/{question.term}/reviews/feed/"
        try:
            for page in Feed(FeedOptions(url=url, genre="review")).pull(question, http):
                yield replace(page, posts=[self._post(post) for post in page.posts])
        except FetchError as error:
            if error.status != 404:
                raise
            raise FetchError(
                f"{self.address()} has no reviews of a plugin '{question.term}' (HTTP 404): check its slug.", status=404
            ) from None

    def _post(self, post: Post) -> Post:
        if reply := _REPLY.match(post.title):
            return post._replace(kind=self.kind, title=post.title[reply.end() :], genre="comment")
        body, said = _without_head(post.body)
        stars = said.get("rating") or _stars(post.title) or _signs(body[:_SEARCHED])
        return post._replace(
            kind=self.kind,
            body=body,
            rating=float(stars) if 1 <= stars <= 5 else None,
            rating_scale=5.0,
            reach={"replies": said["replies"]} if "replies" in said else post.reach,
        )


def _without_head(body: str) -> tuple[str, dict[str, int]]:
    """The text alone (with the head, each reply would look like an edit), and what the head said."""
    said: dict[str, int] = {}
    while (found := _HEAD.match(body)) and found[1].lower() not in said:
        said[found[1].lower()] = int(found[2])
        body = body[found.end() :]
    return body.lstrip() if said else body, said


def _stars(title: str) -> int:
    """1 to 5, 0 where none are shown. What a text says of stars in words may be a wish."""
    if found := _IN_WORDS.search(title):
        return int(found[1] or found[2])
    return _signs(title)


def _signs(text: str) -> int:
    signs = _IN_SIGNS.search(text)
    return len(signs[1]) if signs else 0
