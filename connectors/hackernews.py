"""Hacker News through Algolia's search (https://hn.algolia.com/api): stories, comments and polls naming a term."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.fields import Fields
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
    facts: ClassVar[Facts] = Facts(
        hears="stories and comments that name a term, through Algolia's search",
        misses="deletions; the index is hours late at times, so each pull looks back",
    )
    options: ClassVar[type[Options]] = HackerNewsOptions

    def __init__(self, options: HackerNewsOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/search_by_date"
        self._tags = options.tags
        self._overlap = timedelta(days=options.overlap_days)

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return wanted

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
        return max(until - self._overlap, _OLDEST)  # however long nobody asked

    def _window(self, term: str, after: int, until: int, http: Http) -> tuple[list[Fields], int]:
        """The hits created in (after, until], and how many Algolia says there are."""
        hits: list[Fields] = []
        page = 0
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
            document = Fields(answer.json(), self._url)
            found = list(document.many("hits", "a hit"))
            total, pages = self._count(document, "nbHits", len(found)), self._count(document, "nbPages", 1)
            hits += found
            page += 1
            to_be_halved = total > _REACHABLE and until - after > 1
            if to_be_halved or page >= pages or not found or len(hits) >= _REACHABLE:
                return hits, total

    def _count(self, document: Fields, name: str, default: int) -> int:
        value = document.count(name) if name in document else default
        if value is None or value < 0:
            raise document.wrong(name, "is not a number")
        return value

    def _posts(self, hits: list[Fields]) -> list[Post]:
        by_id: dict[str, tuple[int, int, Post]] = {}  # paging shifts when items arrive meanwhile: one may come twice
        for hit in hits:
            created, post = self._post(hit)
            by_id[post.source_id] = (created, int(post.source_id), post)
        return [post for _, _, post in sorted(by_id.values(), key=lambda found: found[:2])]

    def _post(self, hit: Fields) -> tuple[int, Post]:
        item = hit.key("objectID")
        if not (item.isascii() and item.isdecimal() and len(item) < 19):
            raise hit.wrong("objectID", "is not a number")
        created = hit.count("created_at_i")
        if created is None or not 0 <= created < 2**40:
            raise hit.wrong("created_at_i", "is not a number")
        comment = hit.text("comment_text")
        tags = hit.texts("_tags")
        is_comment = bool(comment) or "comment" in tags
        title = "" if is_comment else hit.text("title") or hit.text("story_title")
        body = comment or hit.text("story_text") or hit.text("text")
        author = hit.text("author")
        return created, Post(
            kind=self.kind,
            source_id=item,
            url=_ITEM + item,
            # A story that is only a link: its address is all the text there is.
            body=body or ("" if is_comment else hit.text("url")),
            markup="html" if body else "plain",
            title=title,
            author=Author(id=author, name=author, url=_USER + author) if author else None,
            published_at=hit.time("created_at_i"),
            genre="comment" if is_comment else _genre(tags, title),
            thread=hit.key("story_id") if "story_id" in hit else item,
            reach=hit.reach(points="points", comments="num_comments"),
        )


def _phrase(term: str) -> str:
    """Algolia's advanced syntax: words in quotes stand next to each other."""
    bare = " ".join(term.replace('"', " ").split())
    return f'"{bare}"' if " " in bare else bare


def _genre(tags: Sequence[str], title: str) -> Genre:
    asks = "ask_hn" in tags or title.startswith("Ask HN")
    return "question" if asks and title.rstrip().endswith("?") else "post"
