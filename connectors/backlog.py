"""Listings that begin with the newest post, walked back request by request to what is known (see read_back).

What read_back reads in one piece, this reads with what goes wrong on the way: a walk that breaks off hands on what it
has and keeps its place, and what a source keeps out of reach is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.errors import FetchError
from connectors.post import Page, Post, Question
from connectors.read_back import PAGE, horizon, pages


class Batch(NamedTuple):
    """What one request brought.

    Everything newer than `down_to` has come with it and those before it; None where no post tells. `gap` says in a
    sentence what stays out of reach behind it, should more be wanted.
    """

    posts: Sequence[Post]
    down_to: datetime | None = None
    gap: str = ""


def oldest_first(batches: Iterator[Batch], question: Question, overlap: timedelta, most: int) -> Iterator[Page]:
    """Pages of what at most `most` batches bring, each asked for only when the one before did not reach back to
    `overlap` before the newest known post. `most` bounds what is held in memory and what is taken of a quota.

    Raises what `batches` raise, after the pages of what came before; those do not move the cursor.
    """
    back_to = horizon(question, overlap)
    found: dict[str, Post] = {}  # listings shift when something arrives meanwhile: a post may come twice
    gap = ""
    try:
        for number, batch in enumerate(batches, start=1):
            for post in batch.posts:
                found.setdefault(post.source_id, post)
            gap = batch.gap
            if back_to is not None and batch.down_to is not None and batch.down_to < back_to:
                gap = ""
                break
            if number == most:
                gap = gap or f"only the newest {len(found):,} posts were read, {_reached(batch.down_to)}"
                break
    except FetchError:
        posts = list(found.values())[::-1]
        for at in range(0, len(posts), PAGE):
            yield Page(posts[at : at + PAGE])
        raise
    if gap:  # first, so that a kill between two pages cannot hide it
        yield Page(gap=gap)
    yield from pages([post for post in found.values() if question.cursor or _is_since(post, back_to)], question)


def _is_since(post: Post, moment: datetime | None) -> bool:
    return moment is None or post.published_at is None or post.published_at >= moment


def _reached(moment: datetime | None) -> str:
    return f"back to {moment:%Y-%m-%d %H:%M} UTC" if moment else "and not as far back as was wanted"
