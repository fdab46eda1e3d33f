"""Hacker News through Algolia's search (https://hn.algolia.com/api): stories, comments and polls naming a term."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from connectors.contract import Http, Options, WebAddress
from connectors.errors import BadAnswer
from connectors.post import Author, Genre, Page, Post, Question

_REACHABLE = 1_000
"""Hits that one query gives out, however it is paged; past them Algolia answers 200 with none."""

_ITEM = "https://news.ycombinator.com/item?id="
_USER = "https://news.ycombinator.com/user?id="
_OLDEST = datetime(2006, 10, 1, tzinfo=UTC)
"""Hacker News has nothing before."""


class HackerNewsOptions(Options):
    tags: list[Literal["story", "comment", "poll", "pollopt", "show_hn", "ask_hn", "front_page"]] = Field(
        default=["story", "comment"], min_length=1
    )
    base_url: WebAddress = "https://hn.algolia.com/api/v1"
    overlap_days: float = Field(default=3.0, ge=0, le=90)
    """The index stalls for a day or more and is filled afterwards: this much is read again at every pull."""


class HackerNews:
    """Asks for `question.term` in windows of creation time, the oldest first, each small enough to be read whole.

    The cursor is JSON: {"until": the last second that was read}. The next pull begins `overlap_days` before it.
    """

    kind: ClassVar[str] = "hackernews"
    searches: ClassVar[bool] = True
    options: ClassVar[type[Options]] = HackerNewsOptions

    def __init__(self, options: HackerNewsOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/search_by_date"
        self._tags = options.tags
        self._overlap = timedelta(days=options.overlap_days)

    def address(self) -> str:
        return self._url

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        end = int(question.now.timestamp())
        start = min(int(self._lower_bound(question).timestamp()), end)
        windows = [(start, end)]  # (after, up to and including); the last one is read next
        while windows:
            after, until = windows.pop()
            hits, total = self._window(question.term, after, until, http)
            if total > _REACHABLE and until - after > 1:
                middle = (after + until) // 2
                windows += [(middle, until), (after, middle)]
                continue
            gap = ""
            if total > len(hits):
                span = f"{datetime.fromtimestamp(after, UTC):%Y-%m-%d %H:%M:%S} .. {until - after:,} s later"
                gap = f"{self._url} says there are {total:,} hits in {span} and gave {len(hits):,}"
            yield Page(self._posts(hits), cursor=json.dumps({"until": until}), gap=gap)

    def _lower_bound(self, question: Question) -> datetime:
        since = max(question.since or _OLDEST, _OLDEST)
        if not question.cursor:
            return since
        try:
            until = datetime.fromtimestamp(json.loads(question.cursor)["until"], UTC)
        except (ValueError, KeyError, TypeError, OverflowError, OSError):
            return since  # a cursor of another program or version: reading again loses nothing
        return max(until - self._overlap, since)

    def _window(self, term: str, after: int, until: int, http: Http) -> tuple[list[Any], int]:
        """The hits created in (after, until], and how many Algolia says there are."""
        hits: list[Any] = []
        total = page = 0
        while True:
            answer = http.get(
                self._url,
                params={
                    "query": _phrase(term),
                    "tags": f"({','.join(self._tags)})",
                    "numericFilters": f"created_at_i>{after},created_at_i<={until}",
                    "hitsPerPage": _REACHABLE,
                    "page": page,
                    "typoTolerance": "false",
                },
            )
            found, total, pages = self._checked(answer.json())
            hits += found
            page += 1
            to_be_halved = total > _REACHABLE and until - after > 1
            if to_be_halved or page >= pages or not found or len(hits) >= _REACHABLE:
                return hits, total

    def _checked(self, answer: Any) -> tuple[list[Any], int, int]:
        if not isinstance(answer, dict):
            raise BadAnswer(f"{self._url} answered JSON that is not an object")
        hits = answer.get("hits")
        if not isinstance(hits, list):
            raise BadAnswer(f'{self._url} answered without a list "hits"')
        return hits, self._count(answer, "nbHits", len(hits)), self._count(answer, "nbPages", 1)

    def _count(self, answer: Mapping[str, Any], name: str, default: int) -> int:
        value = answer.get(name, default)
        if not isinstance(value, int) or value < 0:
            raise BadAnswer(f'{self._url} answered "{name}" that is not a number')
        return value

    def _posts(self, hits: list[Any]) -> list[Post]:
        by_id: dict[str, tuple[int, int, Post]] = {}  # paging shifts when items arrive meanwhile: one may come twice
        for hit in hits:
            created, post = self._post(hit)
            by_id[post.source_id] = (created, int(post.source_id), post)
        return [post for _, _, post in sorted(by_id.values(), key=lambda found: found[:2])]

    def _post(self, hit: Any) -> tuple[int, Post]:
        if not isinstance(hit, dict):
            raise BadAnswer(f'{self._url} answered a "hits" entry that is not an object')
        given = hit.get("objectID")
        item = str(given) if isinstance(given, (str, int)) else ""
        if not (item.isascii() and item.isdecimal() and len(item) < 19):
            raise BadAnswer(f'{self._url} answered a hit without a numeric "objectID"')
        created = hit.get("created_at_i")
        if not isinstance(created, int) or not 0 <= created < 2**40:
            raise BadAnswer(f'{self._url} answered a hit without a number "created_at_i" (item {item})')
        comment = _text(hit, "comment_text")
        is_comment = bool(comment) or "comment" in _names(hit)
        title = "" if is_comment else _text(hit, "title") or _text(hit, "story_title")
        body = comment or _text(hit, "story_text") or _text(hit, "text")
        author = _text(hit, "author")
        story = hit.get("story_id") or item
        return created, Post(
            kind=self.kind,
            source_id=item,
            url=_ITEM + item,
            # A story that is only a link: its address is all the text there is.
            body=body or ("" if is_comment else _text(hit, "url")),
            markup="html" if body else "plain",
            title=title,
            author=Author(id=author, name=author, url=_USER + author) if author else None,
            published_at=_moment(created),
            genre=_genre(hit, is_comment, title),
            thread=str(story) if isinstance(story, (str, int)) else item,
            reach=_reach(hit),
        )


def _phrase(term: str) -> str:
    """Algolia's advanced syntax: words in quotes stand next to each other."""
    bare = " ".join(term.replace('"', " ").split())
    return f'"{bare}"' if " " in bare else bare


def _names(hit: Mapping[str, Any]) -> list[Any]:
    tags = hit.get("_tags")
    return tags if isinstance(tags, list) else []


def _genre(hit: Mapping[str, Any], is_comment: bool, title: str) -> Genre:
    if is_comment:
        return "comment"
    asks = "ask_hn" in _names(hit) or title.startswith("Ask HN")
    return "question" if asks and title.rstrip().endswith("?") else "post"


def _reach(hit: Mapping[str, Any]) -> dict[str, int]:
    counts = (("points", hit.get("points")), ("comments", hit.get("num_comments")))
    return {name: count for name, count in counts if isinstance(count, int) and abs(count) < 2**40}


def _text(hit: Mapping[str, Any], name: str) -> str:
    value = hit.get(name)
    if value is not None and not isinstance(value, str):
        raise BadAnswer(
            f'Hacker News answered a hit whose "{name}" is not a text (item {str(hit.get("objectID"))[:20]})'
        )
    return value or ""


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
