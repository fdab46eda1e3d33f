"""YouTube channels and playlists through their feeds: titles and descriptions of new videos, without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import FetchError
from connectors.feed import Feed, FeedOptions
from connectors.post import Page, Post, Question

_LISTED = re.compile(r"(?:UC[\w-]{22}|(?:PL|UU|OL|FL)[\w-]{10,60})")


def _listed(name: str) -> str:
    if not _LISTED.fullmatch(name):
        raise ValueError("must be a channel's id (UC…, 24 characters) or a playlist's (PL…), not a name or @handle")
    return name


class YouTubeChannelOptions(Options):
    channels: list[Annotated[str, AfterValidator(_listed)]] = Field(min_length=1)
    base_url: WebAddress = "https://www.youtube.com"


class YouTubeChannel:
    """Reads one feed per channel or playlist. A post's id is the video's."""

    kind: ClassVar[str] = "youtube"
    facts: ClassVar[Facts] = Facts(
        hears="new videos of chosen channels and playlists: title and description",
        misses="comments; other channels; all but the newest 15; YouTube's feeds fail for days at times",
        every=timedelta(minutes=30),
    )
    options: ClassVar[type[Options]] = YouTubeChannelOptions

    def __init__(self, options: YouTubeChannelOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/feeds/videos.xml"
        self._channels = options.channels

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return tuple(dict.fromkeys(self._channels))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        parameter = "channel_id" if question.term.startswith("UC") else "playlist_id"
        feed = Feed(FeedOptions(url=f"{self._url}?{parameter}={question.term}"))
        try:
            for page in feed.pull(question, http):
                yield replace(page, posts=[self._post(post) for post in page.posts])
        except FetchError as error:
            # Waves of 404 and 410 for feeds that exist have lasted for days: never a reason to stop asking.
            if error.status not in (404, 410):
                raise
            raise FetchError(
                f"{self._url} has no feed of {question.term} now (HTTP {error.status}): YouTube's feeds vanish for "
                "days at times; check the id if it lasts.",
                status=error.status,
                retry_after=error.retry_after,
            ) from None

    def _post(self, post: Post) -> Post:
        _, known, video = post.source_id.rpartition("yt:video:")
        author = post.author
        if author and "/channel/" in author.url:
            author = author._replace(id=author.url.rpartition("/channel/")[2])
        return post._replace(
            kind=self.kind,
            source_id=video if known else post.source_id,
            author=author,
            # Its date moves with every view.
            edited_at=None,
            thread=video if known else "",
        )
