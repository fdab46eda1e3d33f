"""Lemmy (https://join-lemmy.org): posts and comments naming a term, through the search of one instance.

Speaks API v3 (Lemmy 0.18 and 0.19) and v4 (1.0), whichever the instance says it has.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from connectors.backlog import Batch, oldest_first
from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import AuthError, FetchError, RateLimited
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question

_LIMIT = 50
"""Posts, and as many comments, of one answer; an instance refuses to be asked for more."""

_MOST_REQUESTS = 20

_QUOTA_RENEWED = timedelta(minutes=10)
"""Instances allow 60 searches in this time unless their admin says otherwise; they do not tell when to come back."""

_GONE = frozenset({"couldnt_find_post", "couldnt_find_comment", "couldnt_find_object", "not_found"})
_THROTTLED = frozenset({"rate_limit_error", "too_many_requests"})
_CLOSED = frozenset({"instance_is_private", "not_logged_in", "incorrect_login"})


class LemmyOptions(Options):
    instance: WebAddress
    overlap_days: float = Field(default=1.0, ge=0, le=90)
    """What other instances wrote arrives late, dated as it was written: this much is read again at every pull."""


class _Site(NamedTuple):
    """What the instance says of itself. `languages` are codes by `language_id`; 0 is "nobody said" and not in it."""

    version: Literal["v3", "v4"]
    languages: Mapping[int, str]


class Lemmy:
    """Asks for `question.term`, back to `overlap_days` before the newest post it knows; the cursor is read_back's.

    A post is known by its ActivityPub id wherever it was found; `ref` is its address on the instance that was asked.
    What an account marked as a bot writes is of the genre "news": kept, and no person's opinion.
    """

    kind: ClassVar[str] = "lemmy"
    facts: ClassVar[Facts] = Facts(
        hears="posts and comments that name a term, as far as one instance has received them",
        misses="communities nobody on the instance follows; private instances",
    )
    options: ClassVar[type[Options]] = LemmyOptions

    def __init__(self, options: LemmyOptions) -> None:
        self._home = options.instance.rstrip("/")
        parts = urlsplit(self._home)
        self._base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without credentials: to be shown
        self._overlap = timedelta(days=options.overlap_days)
        self._site: _Site | None = None
        self._lock = threading.Lock()

    def address(self) -> str:
        return self._base

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return list(dict.fromkeys(" ".join(term.split()) for term in wanted if term.strip()))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        site = self._known_site(http)
        batches = self._batches_v3 if site.version == "v3" else self._batches_v4
        try:
            yield from oldest_first(batches(question.term, site, http), question, self._overlap, _MOST_REQUESTS)
        except RateLimited as error:
            error.retry_after = error.retry_after or question.now + _QUOTA_RENEWED
            raise

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        for one in known:
            what, _, number = one.ref.removeprefix(f"{self._base}/").partition("/")
            if what not in ("post", "comment") or not number.isdecimal():
                continue  # found through another instance, whose numbers are others
            site = self._known_site(http)
            try:
                document = self._ask(what, {"id": number}, site, http)
            except FetchError as error:
                if error.status not in (400, 404) or _code(error) not in _GONE:
                    raise
                yield Checked(one.source_id)
                continue
            view = document.one(f"{what}_view")
            if view is None:
                raise document.wrong(f"{what}_view", "is missing")
            post = self._post(view, site)
            if post is not None and post.source_id == one.source_id:
                yield Checked(one.source_id, None if post.deleted else post)

    def _known_site(self, http: Http) -> _Site:
        with self._lock:
            if self._site is None:
                self._site = self._read_site(http)
            return self._site

    def _read_site(self, http: Http) -> _Site:
        try:
            document = self._get("/api/v3/site", {}, http)
        except FetchError as error:
            if error.status != 404:
                raise
            document = self._get("/api/v4/site", {}, http)
        version = document.key("version")
        view = document.one("site_view")
        local = view.one("local_site") if view else None
        if local is not None and local.flag("private_instance"):
            raise AuthError(f"{self._base} is a private instance: it shows its posts to members only.")
        languages = {
            number: code
            for one in document.many("all_languages", "a language", optional=True)
            if (number := one.count("id")) and (code := one.text("code"))
        }
        return _Site("v3" if version.startswith("0.") else "v4", languages)

    def _batches_v3(self, term: str, site: _Site, http: Http) -> Iterator[Batch]:
        page = 1
        asked: dict[str, str | int] = {"q": term, "type_": "All", "sort": "New", "listing_type": "All"}
        while True:
            document = self._ask("search", {**asked, "limit": _LIMIT, "page": page}, site, http)
            lists = [
                self._posts(document.many("posts", "a post"), site),
                self._posts(document.many("comments", "a comment"), site),
            ]
            # Two lists, each from the newest on: both are read down to where the one that goes on has come.
            going_on = [posts for posts in lists if len(posts) >= _LIMIT]
            ends = [end for posts in going_on if (end := _end(posts))]
            yield Batch([*lists[0], *lists[1]], max(ends, default=None))
            if not going_on:
                return
            page += 1

    def _batches_v4(self, term: str, site: _Site, http: Http) -> Iterator[Batch]:
        # The betas of 1.0 named the term and the list differently; "newest first" is the default of all.
        asked: dict[str, str | int] = {"q": term, "search_term": term, "limit": _LIMIT}
        while True:
            document = self._ask("search", asked, site, http)
            joined = next((name for name in ("search", "results") if name in document), "")
            if joined:
                views = list(document.many(joined, "a result"))
            else:
                views = [*document.many("posts", "a post"), *document.many("comments", "a comment")]
            posts = self._posts(iter(views), site)
            yield Batch(posts, min((post.published_at for post in posts if post.published_at), default=None))
            cursor = document.text("next_page")
            if not cursor or cursor == asked.get("page_cursor"):
                return
            asked["page_cursor"] = cursor

    def _ask(self, what: str, params: Mapping[str, str | int], site: _Site, http: Http) -> Fields:
        try:
            return self._get(f"/api/{site.version}/{what}", params, http)
        except FetchError as error:
            if error.status == 404 and _code(error) not in _GONE:
                with self._lock:
                    self._site = None  # upgraded meanwhile: look again which API it has
            raise

    def _get(self, path: str, params: Mapping[str, str | int], http: Http) -> Fields:
        try:
            return Fields(http.get(self._home + path, params=params).json(), self._base + path)
        except FetchError as error:
            raise self._explained(error) from None

    def _explained(self, error: FetchError) -> FetchError:
        """Lemmy says why in the body; the older the version, the more is HTTP 400."""
        code = _code(error)
        if code in _CLOSED:
            return AuthError(
                f"{self._base} shows its posts to members only ({code}).", status=error.status, answer=error.answer
            )
        if code in _THROTTLED and not isinstance(error, RateLimited):
            return RateLimited(
                f"{self._base} asks for fewer requests ({code}).",
                status=error.status,
                retry_after=error.retry_after,
                answer=error.answer,
            )
        return error

    def _posts(self, views: Iterator[Fields], site: _Site) -> list[Post]:
        return [post for view in views if (post := self._post(view, site)) is not None]

    def _post(self, view: Fields, site: _Site) -> Post | None:
        """None for what is neither post nor comment: a community, a person."""
        post, comment = view.one("post", "a post"), view.one("comment", "a comment")
        its = comment or post
        if its is None:
            return None
        key = its.key("ap_id")
        number = its.key("id")
        if its.flag("deleted") or its.flag("removed"):
            return Post(self.kind, key, "", "", deleted=True)
        ref = f"{self._base}/{'comment' if comment else 'post'}/{number}"
        body = its.text("content") if comment else its.text("body")
        author, is_bot = _author(view)
        counts = view.one("counts") or its
        return Post(
            kind=self.kind,
            source_id=key,
            url=key if key.startswith(("https://", "http://")) else ref,
            # A post that is only a link: its address is all the text there is.
            body=body or ("" if comment else its.text("url")),
            markup="markdown" if body else "plain",
            title="" if comment else its.text("name"),
            author=author,
            published_at=its.time("published_at") or its.time("published"),
            edited_at=its.time("updated_at") or its.time("updated"),
            genre="news" if is_bot else "comment" if comment else "post",
            language=site.languages.get(its.count("language_id") or 0, ""),
            thread=post.text("ap_id") if post else "",
            reach=counts.reach(
                points="score",
                likes="upvotes",
                dislikes="downvotes",
                comments="child_count" if comment else "comments",
            ),
            ref=ref,
        )


def _author(view: Fields) -> tuple[Author | None, bool]:
    """Who wrote it, and whether that is a bot."""
    creator = view.one("creator", "a creator")
    if creator is None:
        return None, False
    actor = creator.text("ap_id") or creator.text("actor_id")
    name = creator.text("name")
    is_bot = creator.flag("bot_account")
    if not (actor or name):
        return None, is_bot
    return Author(actor or name, name, actor if actor.startswith(("https://", "http://")) else ""), is_bot


def _end(posts: Sequence[Post]) -> datetime | None:
    return next((post.published_at for post in reversed(posts) if post.published_at), None)


def _code(error: FetchError) -> str:
    """What Lemmy calls the error, "" when it is not Lemmy that speaks."""
    try:
        said: Any = json.loads(error.answer)
    except (ValueError, RecursionError):
        return ""
    code = said.get("error") if isinstance(said, dict) else None
    return code if isinstance(code, str) and len(code) < 60 and code.isidentifier() else ""
