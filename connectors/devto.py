"""dev.to and other Forems (https://developers.forem.com/api/v1): articles with a tag and the comments below."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import BadAnswer, FetchError
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question

_PAGE = 100
_FULL = 30
"""What a Forem gives out at a time at least: an answer with fewer articles is the last one."""

_MOST_PAGES = 20
_MOST_DISCUSSIONS = 30
"""Requests of one pull for comments; each article is one."""

_LONGEST = timedelta(days=365)
_ACCEPT = {"Accept": "application/vnd.forem.api-v1+json"}
_DELETED = "<p>[deleted]</p>"
_NO_TAG = re.compile(r"[\W_]+")


def tag_of(text: str) -> str:
    """The tag people would write for `text`: acmecloud for "Acme Cloud". "" where none can be made of it."""
    tag = _NO_TAG.sub("", text.lower())
    return tag if len(tag) > 1 else ""


def _a_tag(text: str) -> str:
    if not (tag := tag_of(text)):
        raise ValueError("is no tag: write two letters or more")
    return tag


class DevToOptions(Options):
    base_url: WebAddress = "https://dev.to"
    tags: list[Annotated[str, AfterValidator(_a_tag)]] = Field(default=[])
    """In place of the tags that are made of the brands' terms."""
    comments: bool = True
    """Also what is said below the articles: one request for each article with new comments."""
    overlap_days: float = Field(default=3.0, ge=0, le=30)
    """Articles imported from blogs keep their date: this much is read again, and its comments are followed."""


class DevTo:
    """Asks for the articles with the tag `question.term` of the last so many whole days; a Forem knows no finer bound,
    and sorts them by reactions, so that all are read before the first is handed on.

    The cursor is JSON: {"until": seconds since 1970 of the newest article, "comments": {article: comments read}}.
    """

    kind: ClassVar[str] = "devto"
    facts: ClassVar[Facts] = Facts(
        hears="articles with a tag, and the comments below new ones",
        misses="articles without the tag, the text beyond title and description, comments on old articles",
        duty="quote and link",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = DevToOptions

    def __init__(self, options: DevToOptions) -> None:
        self._base = options.base_url.rstrip("/")
        parts = urlsplit(self._base)
        self._host = parts.netloc.rpartition("@")[2]
        self._site = f"{parts.scheme}://{self._host}{parts.path}"
        self._tags = options.tags
        self._comments = options.comments
        self._overlap = timedelta(days=options.overlap_days)

    def address(self) -> str:
        return f"{self._site}/api/articles"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return list(dict.fromkeys(self._tags or [tag for term in wanted if (tag := tag_of(term))]))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        until, discussed = _cursor(question.cursor)
        since = until - self._overlap if until else question.since or question.now - _LONGEST
        articles, gap = self._articles(question.term, since, question.now, http)
        posts = sorted((self._article(one) for one in articles.values()), key=lambda one: _age(one, question.now))
        # Only of the articles at hand: the cursor must not grow.
        discussed = {number: discussed[number] for number in articles if number in discussed}
        for start in range(0, max(len(posts), 1), _PAGE):
            part = posts[start : start + _PAGE]
            until = min(_age(part[-1], question.now)[0], question.now) if part else until
            yield Page(part, _written(until, discussed), gap=gap)
        if self._comments:
            yield from self._discussions(articles, until, discussed, http)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        for one in known:
            place, _, number = one.source_id.rpartition("/")
            host, _, kind = place.rpartition("/")
            if host != self._host:
                continue  # of another Forem
            url = f"{self._site}/api/{'comments' if kind == 'c' else 'articles'}/{quote(number, safe='')}"
            try:
                found = Fields(self._json(url, {}, http), url)
            except FetchError as error:
                if not _says_there_is_none(error):
                    raise
                yield Checked(one.source_id)
                continue
            post = self._comment(found, one.ref) if kind == "c" else self._article(found)
            if post is not None and post.source_id == one.source_id:
                yield Checked(one.source_id, None if post.deleted else post)

    def _articles(self, tag: str, since: datetime, now: datetime, http: Http) -> tuple[dict[str, Fields], str]:
        """By their number, and in words what was not read."""
        url = f"{self._site}/api/articles"
        days = max(1, math.ceil((now - since) / timedelta(days=1)))
        found: dict[str, Fields] = {}
        for page in range(1, _MOST_PAGES + 1):
            params: dict[str, str | int] = {"tag": tag, "top": days, "per_page": _PAGE, "page": page}
            listed = _objects(self._json(url, params, http), url, "an article")
            # Tags that moderators guard are listed by date and without end, whatever "top" says.
            recent = [one for one in listed if (_published(one) or now) >= since - timedelta(days=1)]
            found |= {one.key("id"): one for one in recent}
            if len(listed) < _FULL or not recent:
                return found, ""
        return found, f"{url} has more than the {_MOST_PAGES * _PAGE:,} articles with the tag {tag} that one pull reads"

    def _discussions(
        self, articles: Mapping[str, Fields], until: datetime | None, discussed: dict[str, int], http: Http
    ) -> Iterator[Page]:
        """The comments below the articles that have more (or fewer) of them than when they were read."""
        counts = {number: one.count("comments_count") or 0 for number, one in articles.items()}
        waiting = [number for number, count in counts.items() if count != discussed.get(number, 0)]
        url = f"{self._site}/api/comments"
        for place, number in enumerate(waiting[:_MOST_DISCUSSIONS], start=1):
            tree = self._tree(url, number, http)
            discussed = {**discussed, number: counts[number]}
            gap = ""
            if place == _MOST_DISCUSSIONS < len(waiting):
                gap = f"{len(waiting) - place:,} more discussions on {self._site} are left for the next pull"
            yield Page(self._said(tree, number), _written(until, discussed), gap=gap)

    def _tree(self, url: str, article: str, http: Http) -> list[Fields]:
        """None below an article that has gone while the list still shows it: the others must not wait for it."""
        try:
            return _objects(self._json(url, {"a_id": article}, http), url, "a comment")
        except FetchError as error:
            if not _says_there_is_none(error):
                raise
            return []

    def _said(self, tree: Sequence[Fields], article: str) -> list[Post]:
        posts: dict[str, Post] = {}
        waiting = list(tree)
        while waiting:
            comment = waiting.pop()
            waiting += comment.many("children", "a comment", optional=True)
            if (post := self._comment(comment, article)) is not None:
                posts[post.source_id] = post
        earliest = datetime.min.replace(tzinfo=UTC)
        return sorted(posts.values(), key=lambda one: (one.published_at or earliest, one.source_id))

    def _article(self, article: Fields) -> Post:
        number, url = article.key("id"), article.text("url")
        # One article has its tags as a list under "tags", a list of articles under "tag_list"; the other is a text.
        tags = article.texts("tag_list") or article.texts("tags")
        return Post(
            kind=self.kind,
            source_id=f"{self._host}/a/{number}",
            url=url if url.startswith(("https://", "http://")) else "",
            body="\n".join(filter(None, (article.text("description"), " ".join(f"#{tag}" for tag in tags)))),
            title=article.text("title"),
            author=self._author(article.one("user")),
            published_at=_published(article),
            edited_at=article.time("edited_at"),
            language=article.text("language"),
            thread=f"{self._host}/a/{number}",
            reach=article.reach(likes="public_reactions_count", comments="comments_count"),
        )

    def _comment(self, comment: Fields, article: str) -> Post | None:
        """None for what the author of the article has hidden. `article` is its number, and `Post.ref`."""
        code = comment.key("id_code")
        author = self._author(comment.one("user"))
        post = Post(
            kind=self.kind,
            source_id=f"{self._host}/c/{code}",
            url="",
            body=comment.text("body_html"),
            markup="html",
            author=author,
            published_at=comment.time("created_at"),
            genre="comment",
            thread=f"{self._host}/a/{article}" if article else "",
            ref=article,
        )
        if author is not None:
            return post._replace(url=f"{author.url}/comment/{code}")
        return Post(self.kind, post.source_id, "", "", deleted=True) if post.body == _DELETED else None

    def _author(self, user: Fields | None) -> Author | None:
        if user is None or "username" not in user:
            return None  # of a deleted or hidden comment
        name = user.key("username")
        number = user.key("user_id") if "user_id" in user else name
        return Author(number, user.text("name") or name, f"{self._site}/{quote(name, safe='', errors='replace')}")

    def _json(self, url: str, params: Mapping[str, str | int], http: Http) -> Any:
        return http.get(url.replace(self._site, self._base, 1), params=params, headers=_ACCEPT).json()


def _objects(document: Any, where: str, what: str) -> list[Fields]:
    if not isinstance(document, list):
        raise BadAnswer(f"{where} gave something that is not a list.")
    return [Fields(one, where, what) for one in document]


def _published(article: Fields) -> datetime | None:
    return article.time("published_timestamp") or article.time("published_at")


def _age(post: Post, now: datetime) -> tuple[datetime, str]:
    return post.published_at or now, post.source_id


def _cursor(cursor: str) -> tuple[datetime | None, dict[str, int]]:
    try:
        said = json.loads(cursor)
        until = datetime.fromtimestamp(said["until"], UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None, {}  # none, or one of another program: reading again loses nothing
    comments = said.get("comments")
    counts = comments.items() if isinstance(comments, dict) else ()
    return until, {number: count for number, count in counts if isinstance(count, int)}


def _written(until: datetime | None, discussed: Mapping[str, int]) -> str:
    return json.dumps({"until": int(until.timestamp()), "comments": discussed}) if until else ""


def _says_there_is_none(error: FetchError) -> bool:
    """404 in the API's own shape: {"error": "not found", "status": 404}."""
    if error.status != 404:
        return False
    try:
        said = json.loads(error.answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("status") == 404 and "error" in said
