"""Reddit's Data API (https://www.reddit.com/dev/api), for whoever holds the keys of an approved script app."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from connectors.backlog import Batch, oldest_first
from connectors.contract import Facts, Http, Options, ServiceAddress
from connectors.errors import AuthError, FetchError
from connectors.fields import Fields
from connectors.post import Checked, Known, Page, Post, Question
from connectors.read_back import horizon
from connectors.reddit import DUTY, FULLNAME, Listing, Subreddit, author_of, is_emptied, phrase

_LIMIT = 100
_MOST_REQUESTS = 10
_AGENT = "python:listener:v1"  # <platform>:<app id>:<version>, as Reddit's API rules want it
_REACHABLE = {"search": 240, "new": 900, "comments": 900}
"""Listings end at about 1,000 things and searches at about 250, deleted ones included."""

_SPANS = (("day", timedelta(days=1)), ("week", timedelta(days=7)), ("month", timedelta(days=30)))
_REASONS = frozenset({"private", "banned", "quarantined", "gated", "gold_only"})


class RedditOAuthOptions(Options):
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    username: str = Field(pattern=r"^[A-Za-z0-9_-]{3,20}$")
    """Of the account that the app belongs to: Reddit wants it in the User-Agent."""
    subreddits: list[Subreddit] = Field(default=[], max_length=50)
    """Read whole. None: Reddit's search is asked for the brands' terms, and finds posts only."""
    listings: list[Listing] = Field(default=["new", "comments"], min_length=1)
    overlap_hours: float = Field(default=6.0, ge=0, le=720)
    """Moderators let posts through hours later, dated as they were written: this much is read again at every pull."""
    base_url: ServiceAddress = "https://oauth.reddit.com"
    token_url: ServiceAddress = "https://www.reddit.com/api/v1/access_token"


class RedditOAuth:
    """Reads a listing of the subreddits, or a search, back to `overlap_hours` before the newest post it knows.

    The cursor is that of read_back. The access token lives as long as the connector and is renewed when it is refused.
    """

    kind: ClassVar[str] = "reddit"
    facts: ClassVar[Facts] = Facts(
        hears="posts and comments of subreddits with their scores, or posts that a search finds",
        misses="comments that no chosen subreddit holds: the search finds posts only",
        key="id and secret of a script app; Reddit has to approve it first and seldom does",
        duty=DUTY,
    )
    options: ClassVar[type[Options]] = RedditOAuthOptions

    def __init__(self, options: RedditOAuthOptions) -> None:
        self._base = options.base_url.rstrip("/")
        self._token_url = options.token_url
        keys = f"{options.client_id}:{options.client_secret.get_secret_value()}".encode()
        self._basic = "Basic " + base64.b64encode(keys).decode()
        self._agent = f"{_AGENT} (by /u/{options.username})"
        self._subreddits = "+".join(options.subreddits)
        self._listings = list(dict.fromkeys(options.listings))
        self._overlap = timedelta(hours=options.overlap_hours)
        self._token = ""
        self._lock = threading.Lock()

    def address(self) -> str:
        return self._base

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return self._listings if self._subreddits else list(dict.fromkeys(filter(None, map(phrase, wanted))))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        params: dict[str, str | int] = {"limit": _LIMIT, "raw_json": 1}
        if self._subreddits:
            listing: str = question.term if question.term in self._listings else self._listings[0]
            path = f"/r/{self._subreddits}/{listing}"
        else:
            listing, path = "search", "/search"
            span = _span(horizon(question, self._overlap), question.now)
            params |= {"q": question.term, "sort": "new", "t": span, "type": "link"}
        batches = self._batches(path, params, _REACHABLE[listing], http)
        yield from oldest_first(batches, question, self._overlap, _MOST_REQUESTS)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        names = [one.source_id for one in known if FULLNAME.fullmatch(one.source_id)]
        for at in range(0, len(names), _LIMIT):
            asked = names[at : at + _LIMIT]
            listing = self._listing("/api/info", {"id": ",".join(asked), "raw_json": 1}, http)
            found = {post.source_id: post for post in self._posts(listing)}
            # Reddit empties what it deletes, and leaves out what has no public place any more. An answer without
            # anything is more likely its mistake than the end of all of them.
            for name in asked if found else ():
                post = found.get(name)
                yield Checked(name, None if post is None or post.deleted else post)

    def _batches(self, path: str, params: Mapping[str, str | int], reachable: int, http: Http) -> Iterator[Batch]:
        after, count = "", 0
        while True:
            listing = self._listing(path, {**params, "after": after} if after else params, http)
            posts = list(self._posts(listing))
            count += len(posts)
            before, after = after, listing.text("after")
            at_its_end = not after or after == before
            gap = f"{self._base}{path} gave {count:,} posts and ended: it does not reach back further"
            yield Batch(posts, _end(posts), gap if at_its_end and count >= reachable else "")
            if at_its_end:
                return

    def _listing(self, path: str, params: Mapping[str, str | int], http: Http) -> Fields:
        document = Fields(self._get(path, params, http), self._base + path)
        data = document.one("data", "a listing")
        if data is None:
            raise document.wrong("data", "is missing")
        return data

    def _get(self, path: str, params: Mapping[str, str | int], http: Http) -> Any:
        token = self._token_but("", http)
        try:
            return self._get_with(token, path, params, http)
        except AuthError as error:
            if error.status != 401:
                raise self._explained(error, path) from None
        except FetchError as error:
            raise self._explained(error, path) from None
        # A token lives for a day: this one has ended, and only a new one that is refused too means trouble.
        return self._get_with(self._token_but(token, http), path, params, http)

    def _get_with(self, token: str, path: str, params: Mapping[str, str | int], http: Http) -> Any:
        headers = {"Authorization": f"bearer {token}", "User-Agent": self._agent}
        return http.get(self._base + path, params=params, headers=headers).json()

    def _token_but(self, refused: str, http: Http) -> str:
        """The token that all threads share; a new one if it is still the one that was `refused`."""
        with self._lock:
            if self._token == refused:
                self._token = self._new_token(http)
            return self._token

    def _new_token(self, http: Http) -> str:
        headers = {
            "Authorization": self._basic,
            "User-Agent": self._agent,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            answer = http.post(
                self._token_url, content=b"grant_type=client_credentials", headers=headers, follow=False
            ).json()
        except AuthError as error:
            raise AuthError(
                f"{self._token_url} refuses client_id and client_secret (HTTP {error.status}): "
                "check them, and that the app is of the type script and approved.",
                status=error.status,
            ) from None
        said = Fields(answer, self._token_url, "a token")
        if "error" in said:
            raise AuthError(f"{self._token_url} gives no token: check client_id, client_secret and the app's type.")
        token = said.text("access_token")
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", token):
            raise said.wrong("access_token", "is no token")
        return token

    def _explained(self, error: FetchError, path: str) -> FetchError:
        """Reddit says in the body why a subreddit stays shut."""
        reason = _reason(error)
        if not reason:
            return error
        message = f"{self._base}{quote(path, safe='/+')} is {reason}: take it out of subreddits."
        kind = AuthError if error.status == 403 else FetchError
        return kind(message, status=error.status, answer=error.answer)

    def _posts(self, listing: Fields) -> Iterator[Post]:
        for child in listing.many("children", "a thing"):
            if child.text("kind") in ("t1", "t3"):
                data = child.one("data", "a post")
                if data is None:
                    raise child.wrong("data", "is missing")
                yield _post(data, is_comment=child.text("kind") == "t1")


def _post(data: Fields, *, is_comment: bool) -> Post:
    name = data.key("name")
    if not FULLNAME.fullmatch(name):
        raise data.wrong("name", "is no fullname")
    body = data.text("body" if is_comment else "selftext")
    author = author_of(data.text("author"))
    if data.text("removed_by_category") or (author is None and (is_emptied(body) or is_emptied(data.text("title")))):
        return Post(RedditOAuth.kind, name, "", "", deleted=True)
    is_link = not body and not is_comment and not data.flag("is_self")
    thread = data.text("link_id") if is_comment else name
    permalink = data.text("permalink").partition("?")[0]
    hidden = data.flag("score_hidden") or data.flag("hide_score")  # shown as 1 meanwhile
    return Post(
        kind=RedditOAuth.kind,
        source_id=name,
        url="https://www.reddit.com" + (permalink if permalink.startswith("/") else _permalink(name, thread)),
        # A post that is only a link: its address is all the text there is.
        body=data.text("url") if is_link else body,
        markup="plain" if is_link else "markdown",
        title="" if is_comment else data.text("title"),
        author=author,
        published_at=data.time("created_utc"),
        edited_at=data.time("edited"),
        genre="comment" if is_comment else "post",
        thread=thread,
        reach=data.reach(comments="num_comments") | ({} if hidden else data.reach(points="score")),
    )


def _permalink(name: str, thread: str) -> str:
    post, own = thread.removeprefix("t3_"), name[3:]
    return f"/comments/{post}/" if name == thread else f"/comments/{post}/_/{own}/"


def _end(posts: Sequence[Post]) -> datetime | None:
    return next((post.published_at for post in reversed(posts) if post.published_at), None)


def _span(bound: datetime | None, now: datetime) -> str:
    """The shortest of the times a search can be limited to that reaches back to `bound`, with an hour to spare."""
    age = now - bound + timedelta(hours=1) if bound else timedelta.max
    return next((name for name, length in _SPANS if age <= length), "year" if age < timedelta(days=365) else "all")


def _reason(error: FetchError) -> str:
    try:
        said = json.loads(error.answer)
    except (ValueError, RecursionError):
        return ""
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and reason in _REASONS else ""
