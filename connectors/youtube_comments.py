"""Comments under YouTube videos through the Data API v3 (https://developers.google.com/youtube/v3/docs/commentThreads)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import AuthError, FetchError, RateLimited
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question
from connectors.read_back import memory, pages, read_back

_SIZE = 100
_IDS = 50
_MOST_REQUESTS = 10
_MOST_FOR_REPLIES = 20
_OVERLAP = timedelta(days=3)
_WATCH = "https://www.youtube.com/watch"
_CHANNEL = "https://www.youtube.com/channel"

_CHANNEL_ID = re.compile(r"UC[\w-]{22}")
_VIDEO_ID = re.compile(r"[\w-]{11}")
_DAILY = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_HURRIED = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_BAD_KEY = frozenset({"keyInvalid", "keyExpired", "API_KEY_INVALID", "API_KEY_EXPIRED"})
_MISSING = frozenset({"videoNotFound", "channelNotFound"})


def _channel(name: str) -> str:
    if not _CHANNEL_ID.fullmatch(name):
        raise ValueError("must be a channel's id (UC…, 24 characters), not a name or @handle")
    return name


def _video(name: str) -> str:
    if not _VIDEO_ID.fullmatch(name):
        raise ValueError("must be a video's id: the 11 characters after watch?v=")
    return name


class YouTubeCommentsOptions(Options):
    key: SecretStr
    channels: list[Annotated[str, AfterValidator(_channel)]] = Field(default=[])
    """All comments under all videos of these."""
    videos: list[Annotated[str, AfterValidator(_video)]] = Field(default=[])
    base_url: WebAddress = "https://www.googleapis.com/youtube/v3"

    @model_validator(mode="after")
    def _something_to_read(self) -> YouTubeCommentsOptions:
        if not self.channels and not self.videos:
            raise ValueError("name channels or videos")
        return self


class _CommentsOff(FetchError):
    """A video (or channel) whose owner allows no comments: nothing is wrong, and nothing can be heard."""


@dataclass
class _Walk:
    """One pull. `counted`: replies per thread of which all were read, of those threads that hold more than come
    along."""

    place: str
    http: Http
    counted: dict[str, int]
    requests: int = 0
    unread: int = 0


class YouTubeComments:
    """Reads the threads of a channel or a video back from the newest: 1 unit of the daily 10,000 per request.

    The cursor is that of read_back, with {"replies": {thread: how many}} for threads with more replies than come
    along; these are asked for again only when their number has changed.
    """

    kind: ClassVar[str] = "youtube"
    facts: ClassVar[Facts] = Facts(
        hears="comments and replies under the videos of chosen channels, or under chosen videos",
        misses="new replies under comments that are older than three days",
        key="Data API key (free, 10,000 units a day)",
        duty="refresh or delete within 30 days; name YouTube as the source",
        every=timedelta(minutes=30),
    )
    options: ClassVar[type[Options]] = YouTubeCommentsOptions

    def __init__(self, options: YouTubeCommentsOptions) -> None:
        self._base = options.base_url.rstrip("/")
        self._headers = {"X-Goog-Api-Key": options.key.get_secret_value()}
        self._places = tuple(dict.fromkeys([*options.channels, *options.videos]))

    def address(self) -> str:
        return self._base

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return self._places

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        held = memory(question.cursor).get("replies")
        counted = {thread: n for thread, n in held.items() if isinstance(n, int)} if isinstance(held, dict) else {}
        walk = _Walk(question.term, http, counted)
        try:
            posts, whole = read_back(self._batches(walk, question.now), question, _OVERLAP, _MOST_REQUESTS)
        except _CommentsOff as error:
            yield Page(gap=str(error))
            return
        # A thread that was not met is older than what is read: nobody asks for its replies again.
        met = {post.source_id for post in posts}
        remember = {"replies": {thread: n for thread, n in walk.counted.items() if thread in met}}
        gap = "" if whole else f"{walk.place} has more comments than the {len(posts):,} that were read."
        if not gap and walk.unread:
            gap = f"the replies under {walk.unread:,} comments of {walk.place} were not all read."
        yield from pages(posts, question, gap=gap, remember=remember)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        """50 comments per request. Posts without `ref` are no comments (the videos of a channel's feed)."""
        places = {one.source_id: one.ref for one in known if one.ref}
        ids = list(places)
        for at in range(0, len(ids), _IDS):
            some = ids[at : at + _IDS]
            document = self._ask("comments", {"part": "snippet", "id": ",".join(some)}, http, None)
            found = [self._post(one, places.get(one.key("id"), "")) for one in document.many("items", "a comment")]
            standing = {post.source_id: post for post in found}
            yield from (Checked(number, standing.get(number)) for number in some)

    def _batches(self, walk: _Walk, now: datetime) -> Iterator[list[Post]]:
        """Each thread as its replies and then the comment itself: what a batch ends with tells how far back it goes."""
        by = "videoId" if _VIDEO_ID.fullmatch(walk.place) else "allThreadsRelatedToChannelId"
        params: dict[str, str | int] = {"part": "snippet,replies", by: walk.place, "order": "time", "maxResults": _SIZE}
        while True:
            document = self._ask("commentThreads", params, walk.http, now, walk.place)
            yield [post for thread in document.many("items", "a thread") for post in self._thread(thread, walk, now)]
            token = document.text("nextPageToken")
            if not token:
                return
            params["pageToken"] = token

    def _thread(self, thread: Fields, walk: _Walk, now: datetime) -> list[Post]:
        about = thread.one("snippet")
        top = about.one("topLevelComment", "a comment") if about else None
        if about is None or top is None:
            raise thread.wrong("snippet", "holds no comment")
        video = about.text("videoId")
        place = video or about.text("channelId") or walk.place
        total = about.count("totalReplyCount") or 0
        first = self._post(top, place, about.reach(replies="totalReplyCount"))
        along = thread.one("replies")
        replies = list(along.many("comments", "a reply", optional=True)) if along else []
        if total > len(replies) and walk.counted.get(first.source_id) != total:
            replies = self._replies(first.source_id, total, walk, now) or replies
        return [*(self._post(reply, place) for reply in replies), first]

    def _replies(self, parent: str, total: int, walk: _Walk, now: datetime) -> list[Fields]:
        """All replies of a thread; those that come along with it are the newest few."""
        params: dict[str, str | int] = {"part": "snippet", "parentId": parent, "maxResults": _SIZE}
        found: list[Fields] = []
        while walk.requests < _MOST_FOR_REPLIES:
            walk.requests += 1
            document = self._ask("comments", params, walk.http, now, walk.place)
            found += document.many("items", "a reply")
            params["pageToken"] = document.text("nextPageToken")
            if not params["pageToken"]:
                walk.counted[parent] = total
                return found
        walk.unread += 1
        return found

    def _ask(
        self, method: str, params: Mapping[str, str | int], http: Http, now: datetime | None, place: str = ""
    ) -> Fields:
        url = f"{self._base}/{method}"
        try:
            answer = http.get(url, params={**params, "textFormat": "plainText"}, headers=self._headers)
        except FetchError as error:
            raise _explained(error, url, now, place) from None
        return Fields(answer.json(), url)

    def _post(self, comment: Fields, place: str, reach: Mapping[str, int] | None = None) -> Post:
        number = comment.key("id")
        said = comment.one("snippet")
        if said is None:
            raise comment.wrong("snippet", "is missing")
        published, updated = said.time("publishedAt"), said.time("updatedAt")
        return Post(
            kind=self.kind,
            source_id=number,
            url=_permalink(place, number),
            body=said.text("textOriginal") or said.text("textDisplay"),
            author=_author(said),
            published_at=published,
            edited_at=updated if published and updated and updated > published else None,
            genre="comment",
            thread=place,
            reach={**said.reach(likes="likeCount"), **(reach or {})},
            ref=place,
        )


def _author(said: Fields) -> Author | None:
    name = said.text("authorDisplayName")
    channel = said.one("authorChannelId")
    account = channel.text("value") if channel else ""
    if not (account or name):
        return None
    return Author(account or name, name, f"{_CHANNEL}/{account}" if account else "")


def _permalink(place: str, comment: str) -> str:
    if _VIDEO_ID.fullmatch(place):
        return f"{_WATCH}?v={place}&lc={comment}"
    return f"{_CHANNEL}/{place}/community?lc={comment}" if place else ""


def _explained(error: FetchError, url: str, now: datetime | None, place: str) -> FetchError:
    """The same error with what the API's own reason adds to its status."""
    reasons = _reasons(error.answer)
    if reasons & _DAILY:
        until = _next_midnight(now) if now else None
        return RateLimited(
            f"{url} has no units left today; the quota begins anew at midnight Pacific time.",
            status=error.status,
            retry_after=until,
        )
    if reasons & _HURRIED:
        return RateLimited(
            f"{url} asks for fewer requests a minute.",
            status=error.status,
            retry_after=error.retry_after or (now + timedelta(minutes=2) if now else None),
        )
    if "commentsDisabled" in reasons:
        return _CommentsOff(f"comments are turned off for {place}.", status=error.status)
    if reasons & _BAD_KEY:
        return AuthError(f"{url} does not know the key: check `key`.", status=error.status)
    if reasons & _MISSING:
        return FetchError(f"YouTube knows no public {place}: check the id.", status=error.status)
    return error


def _reasons(body: bytes) -> frozenset[str]:
    """Google's words for what is wrong: error.errors[].reason and error.details[].reason."""
    try:
        error = json.loads(body)["error"]
        listed = [*(error.get("errors") or []), *(error.get("details") or [])]
        return frozenset(str(one.get("reason")) for one in listed)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


def _next_midnight(now: datetime) -> datetime:
    pacific = ZoneInfo("America/Los_Angeles")
    tomorrow = now.astimezone(pacific).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), pacific).astimezone(UTC)
