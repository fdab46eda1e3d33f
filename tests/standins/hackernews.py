"""A server that answers like Algolia's Hacker News search, from a list of invented hits.

with HackerNewsServer() as news:
    news.publish(hit(1, "Acme is slow", created=1_700_000_000))
    connector = HackerNews(HackerNewsOptions(base_url=news.base_url))
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told

_CONDITION = re.compile(r"created_at_i(<=|>=|<|>|=)(\d+)")


def hit(
    number: int, text: str, *, created: int, tag: str = "comment", author: str = "ann", **more: Any
) -> dict[str, Any]:
    """A hit: `text` is the comment, or the title of anything else; `created` in epoch seconds."""
    field = "comment_text" if tag == "comment" else "title"
    return {
        "objectID": str(number),
        "author": author,
        field: text,
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "created_at_i": created,
        "_tags": [tag, f"author_{author}", f"story_{number}"],
        **more,
    }


class HackerNewsServer(Loopback):
    """Filters by numericFilters, tags and words, newest first; gives out `reachable` hits, `largest_page` at a time."""

    def __init__(
        self, hits: Iterable[dict[str, Any]] = (), *, reachable: int = 1_000, largest_page: int = 1_000
    ) -> None:
        super().__init__()
        self._hits = list(hits)
        self._reachable = reachable
        self._largest_page = largest_page

    @property
    def base_url(self) -> str:
        return f"{self.base}/api/v1"

    def publish(self, *hits: dict[str, Any]) -> None:
        with self.lock:
            self._hits.extend(hits)

    def answer(self, asked: Asked) -> Told:
        if asked.path != "/api/v1/search_by_date":
            return Told(404, b'{"message":"Not Found"}')
        params = asked.params
        found = [hit for hit in self._hits if _passes(hit, params)]
        found.sort(key=lambda hit: (hit["created_at_i"], int(hit["objectID"])), reverse=True)
        size = min(int(params.get("hitsPerPage", "20")), self._largest_page)
        page = int(params.get("page", "0"))
        within = found[: self._reachable]
        document = {
            "hits": within[page * size : (page + 1) * size],
            "nbHits": len(found),
            "page": page,
            "nbPages": -(-len(within) // size),
            "hitsPerPage": size,
            "query": params.get("query", ""),
        }
        return Told(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _passes(hit: dict[str, Any], params: dict[str, str]) -> bool:
    wanted = re.findall(r"\w+", params.get("tags", ""))
    return (
        (not wanted or any(tag in hit["_tags"] for tag in wanted))
        and all(_holds(hit["created_at_i"], *found) for found in _CONDITION.findall(params.get("numericFilters", "")))
        and _speaks_of(hit, params.get("query", ""))
    )


def _holds(created: int, sign: str, bound: str) -> bool:
    limit = int(bound)
    return {"<": created < limit, "<=": created <= limit, ">": created > limit, ">=": created >= limit}.get(
        sign, created == limit
    )


def _speaks_of(hit: dict[str, Any], query: str) -> bool:
    text = " ".join(str(hit.get(name) or "") for name in ("title", "story_text", "comment_text")).casefold()
    parts = [phrase or word for phrase, word in re.findall(r'"([^"]*)"|(\S+)', query.casefold())]
    return all(part in text for part in parts)
