"""Hacker News search as Algolia answers it: https://hn.algolia.com/api"""

from __future__ import annotations

import html
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from listener.demo.week import Entry

_REACHABLE = 1000  # hits of one query; pages beyond are empty and answer 200
_WORD = re.compile(r"\w+")
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_FILTER = re.compile(r"(created_at_i|points)(<=|>=|<|>|=)(\d+)")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip
_LINK = re.compile(r"https?:&#x2F;&#x2F;[^\s<]*[^\s<.,]")


class BadQuery(ValueError):
    """What Algolia says in `message` beside its status 400."""


def search_by_date(entries: Sequence[Entry], now: datetime, params: Mapping[str, str]) -> dict[str, Any]:
    """The answer to `query`, `tags`, `numericFilters`, `hitsPerPage` and `page`, newest first. Raises BadQuery."""
    per_page = min(_whole(params, "hitsPerPage", 20), _REACHABLE)
    page = _whole(params, "page", 0)
    stories = {entry.id: entry for entry in entries}
    hits = [_hit(entry, stories, now) for entry in entries]
    for wanted in (_worded(params.get("query", "")), _tagged(params.get("tags", "")), *_numeric(params)):
        hits = [hit for hit in hits if wanted(hit)]
    shown = hits[page * per_page : min((page + 1) * per_page, _REACHABLE)]
    return {
        "hits": shown,
        "nbHits": len(hits),
        "page": page,
        "nbPages": math.ceil(min(len(hits), _REACHABLE) / per_page) if per_page else 0,
        "hitsPerPage": per_page,
        "exhaustiveNbHits": True,
        "processingTimeMS": 3,
        "query": params.get("query", ""),
    }


def _hit(entry: Entry, stories: Mapping[str, Entry], now: datetime) -> dict[str, Any]:
    written = entry.written_at(now).astimezone(UTC)
    story = stories[entry.story or entry.id]
    hit: dict[str, Any] = {
        "objectID": entry.id,
        "author": entry.author,
        "created_at": written.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "created_at_i": int(written.timestamp()),
        "story_id": int(story.id),
    }
    if entry.story:
        hit |= {"comment_text": _marked_up(entry.body), "parent_id": int(story.id), "story_title": story.title}
        hit |= {"story_url": story.url} if story.url else {}
    else:
        hit |= {"title": entry.title, "points": entry.points, "num_comments": _replies(entry, stories)}
        hit |= {"url": entry.url} if entry.url else {}
        hit |= {"story_text": _marked_up(entry.body)} if entry.body else {}
    return hit | {"_tags": _tags(entry, story)}


def _replies(story: Entry, everything: Mapping[str, Entry]) -> int:
    return sum(entry.story == story.id for entry in everything.values())


def _tags(entry: Entry, story: Entry) -> list[str]:
    tags = ["comment" if entry.story else "story", f"author_{entry.author}", f"story_{story.id}"]
    special = {"Show HN": "show_hn", "Ask HN": "ask_hn"}.get(entry.title.partition(":")[0])
    return [*tags, special] if special else tags


def _marked_up(text: str) -> str:
    """HN's own habit: slashes and quotes as entities, paragraphs opened and never closed, links made clickable."""
    escaped = html.escape(text).replace("/", "&#x2F;")
    return _LINK.sub(r'<a href="\g<0>" rel="nofollow">\g<0></a>', escaped).replace("\n\n", "<p>")


def _worded(query: str) -> Callable[[Mapping[str, Any]], bool]:
    """Every word must occur, the last one as a beginning; words in quotes side by side."""
    terms = [" ".join(_words(quoted or bare)) for quoted, bare in _TERM.findall(query)]
    open_end = not query.endswith('"')

    def holds(hit: Mapping[str, Any]) -> bool:
        fields = ("title", "url", "story_text", "comment_text", "story_title", "story_url", "author")
        text = " ".join(["", *(word for name in fields for word in _words(hit.get(name, ""))), ""])
        last = len(terms) - 1
        return all(f" {term}" + " " * (n < last or not open_end) in text for n, term in enumerate(terms) if term)

    return holds


def _words(text: str) -> list[str]:
    return _WORD.findall(html.unescape(re.sub(r"<[^>]*>", " ", text)).casefold())


def _tagged(tags: str) -> Callable[[Mapping[str, Any]], bool]:
    """A comma means and; within parentheses it means or."""
    groups = [
        {tag.strip() for tag in (either or single).split(",")}
        for either, single in re.findall(r"\(([^)]*)\)|([^,()]+)", tags)
    ]
    return lambda hit: all(not group.isdisjoint(hit["_tags"]) for group in groups)


def _numeric(params: Mapping[str, str]) -> list[Callable[[Mapping[str, Any]], bool]]:
    return [_bound(part.strip()) for part in params.get("numericFilters", "").split(",") if part.strip()]


def _bound(text: str) -> Callable[[Mapping[str, Any]], bool]:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise BadQuery(f"invalid numeric filter: {text}")
    name, compare, limit = found[1], _COMPARE[found[2]], int(found[3])
    return lambda hit: compare(hit.get(name) or 0, limit)


def _whole(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, str(default))
    if not text.isdecimal():
        raise BadQuery(f"invalid value for '{name}': expected a non-negative integer")
    return int(text)
