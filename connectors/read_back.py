"""Sources that list the newest first, read back as far as needed and handed on oldest first.

Their cursor is JSON: {"newest": the time of the newest post handed on}. A pull reads back to `overlap` before it, so
that what arrives late is seen, and hands on whole batches, so that recent edits are seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.dates import parse
from connectors.post import Page, Post, Question, Validators

PAGE = 500
"""Most posts of one Page."""


def memory(cursor: str) -> dict[str, Any]:
    """What a JSON cursor holds; nothing for one of another program or version: reading again loses nothing."""
    try:
        held = json.loads(cursor or "{}")
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def horizon(question: Question, overlap: timedelta) -> datetime | None:
    """How far to read back, None for to the end."""
    known = _known(question)
    try:
        return known - overlap if known else question.since
    except OverflowError:
        return question.since


def _known(question: Question) -> datetime | None:
    newest = memory(question.cursor).get("newest")
    return parse(newest) if isinstance(newest, str) else None


def read_back(
    batches: Iterable[Sequence[Post]], question: Question, overlap: timedelta, most: int
) -> tuple[list[Post], bool]:
    """The posts of at most `most` batches, newest first and each once, up to the batch that ends before the horizon;
    False with them when what was read before is not reached, so that some are missed."""
    back_to, known = horizon(question, overlap), _known(question)
    posts: dict[str, Post] = {}
    for number, batch in enumerate(batches, 1):
        before = len(posts)
        for post in batch:
            posts.setdefault(post.source_id, post)
        dates = [post.published_at for post in batch if post.published_at]
        # Nothing new: the list has shifted by a whole batch, or the server does not know about paging.
        if len(posts) == before or (back_to and dates and dates[-1] < back_to):
            break
        if number == most:
            return list(posts.values()), bool(known and dates and dates[-1] <= known)
    return list(posts.values()), True


def pages(
    posts: Iterable[Post],
    question: Question,
    *,
    gap: str = "",
    validators: Validators | None = None,
    remember: dict[str, Any] | None = None,
) -> Iterator[Page]:
    """`posts`, newest first, as pages; the last one carries the gap, the validators and what else to `remember`."""
    ordered = list(posts)[::-1]
    ordered.sort(key=lambda post: post.published_at or question.now)
    known = _known(question)
    cursor: dict[str, Any] = {"newest": known.isoformat()} if known else {}
    last = max(len(ordered) - 1, 0) // PAGE * PAGE
    for at in range(0, last, PAGE):
        cursor |= _newest(ordered[at : at + PAGE], question.now)
        yield Page(ordered[at : at + PAGE], cursor=_written(cursor))
    cursor |= {**_newest(ordered[last:], question.now), **(remember or {})}
    yield Page(ordered[last:], cursor=_written(cursor), gap=gap, validators=validators)


def _newest(posts: Sequence[Post], now: datetime) -> dict[str, str]:
    """A date in the future must not move the mark: what comes before it would be missed."""
    dates = [post.published_at for post in posts if post.published_at and post.published_at <= now]
    return {"newest": max(dates).isoformat()} if dates else {}


def _written(cursor: dict[str, Any]) -> str:
    return json.dumps(cursor, separators=(",", ":")) if cursor else ""
