"""A Discourse forum read whole: /posts.json shows the 50 newest posts below an id.

Ids only grow, so they are an exact bookmark. The cursor is JSON {"read": r, "top": t, "below": b}: all up to r has been
read, and, if b is not 0, all from b to t; what is between r and b comes next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from connectors.contract import Http
from connectors.discourse_api import DiscourseApi
from connectors.errors import FetchError
from connectors.fields import Fields
from connectors.post import Page, Post, Question

Reader = Callable[[Fields, str], Post | None]
"""(a post as the forum gives it, its topic's title) -> Post, or None for what is none."""

_SHOWN = 50
"""Posts in an answer of /posts.json. Old forums show those of the 50 ids up to `before` that are public: maybe none."""
_OVERLAP = 25
"""Ids read again at every pull: two posts may be committed in another order than they were numbered."""
_ASKED = 10
"""Answers that make one page."""
_ANSWERS = 40
"""Answers read in one pull."""


@dataclass(frozen=True, slots=True)
class _Walked:
    read: int = 0
    top: int = 0
    below: int = 0


def newest_first(api: DiscourseApi, reader: Reader, question: Question, http: Http) -> Iterator[Page]:
    """Each page is oldest first; what did not fit into one page is read downwards from the newest on."""
    walked, left = _walked(question.cursor), _ANSWERS
    behind = walked.below > 0  # the newest were read by an earlier pull: there are newer ones by now
    while True:
        descent = _Descent(api, reader, question, http, walked)
        trouble = descent.run(min(left, _ASKED))
        walked, left = descent.reached(), left - descent.asked
        gap = ""
        if walked.below and left <= 0:
            gap = f"{api.shown} has more posts than one pull reads; the next one goes on below {walked.below}"
        yield Page(descent.posts(), cursor=json.dumps(asdict(walked)), gap=gap)
        if trouble is not None:
            raise trouble
        if left <= 0 or not (walked.below or behind):
            return
        behind = behind and walked.below > 0


class _Descent:
    """From the newest post, or from where the last one came to, towards what has been read."""

    def __init__(self, api: DiscourseApi, reader: Reader, question: Question, http: Http, walked: _Walked) -> None:
        self._api, self._reader, self._question, self._http = api, reader, question, http
        self._walked = walked
        self._found: dict[int, Post | None] = {}
        self._top, self._before = walked.top, walked.below
        self._sparse: bool | None = None
        self._ended = False
        self.asked = 0

    def run(self, most: int) -> FetchError | None:
        """Reads up to `most` answers. Trouble with the first is raised; that with a later one is returned, since what
        was read before it is good."""
        try:
            while self.asked < most and not self._ended:
                self._step()
        except FetchError as error:
            if not self.asked:
                raise
            return error
        return None

    def posts(self) -> list[Post]:
        limit = self._walked.below
        return [post for number, post in sorted(self._found.items()) if post and (not limit or number < limit)]

    def reached(self) -> _Walked:
        if self._ended:
            return _Walked(max(self._top, self._walked.read))
        return _Walked(self._walked.read, self._top, self._before)

    def _step(self) -> None:
        posts = {number: self._reader(item, "") for number, item in self._latest(self._before)}
        self.asked += 1
        self._found |= posts
        self._top = max(self._top, *posts, 0)
        lower = min((number for number in posts if not self._before or number < self._before), default=0)
        if lower or self._is_sparse():
            self._before = lower or max(self._before - _SHOWN, 0)
            known = self._before <= max(self._walked.read - _OVERLAP, 0) + 1
            self._ended = known or (not self._walked.read and self._too_old(posts))
        else:
            self._ended = True  # there is nothing below

    def _latest(self, before: int) -> list[tuple[int, Fields]]:
        params = {"before": before} if before else None
        document = self._api.ask("/posts.json", self._http, self._question.now, params)
        items = []
        for item in document.many("latest_posts", "a post"):
            number = item.count("id")
            if number is None or number <= 0:
                raise item.wrong("id", "is no id")
            items.append((number, item))
        return items

    def _is_sparse(self) -> bool:
        """Whether an empty answer may have posts below it: old forums show none of the known ones 50 ids above."""
        if self._sparse is None and self._before:
            self._sparse = all(number > self._top for number, _ in self._latest(self._top + _SHOWN + 1))
            self.asked += 1
        return self._sparse is True

    def _too_old(self, posts: dict[int, Post | None]) -> bool:
        """Whether the first pull has come to the end of what it was asked for."""
        dates = [post.published_at for post in posts.values() if post and post.published_at]
        return self._question.since is not None and bool(dates) and max(dates) < self._question.since


def _walked(cursor: str) -> _Walked:
    kept = loaded(cursor)
    numbers = [kept.get(name) for name in ("read", "top", "below")]
    read, top, below = (number if type(number) is int and 0 <= number < 2**53 else -1 for number in numbers)
    return _Walked() if min(read, top, below) < 0 else _Walked(read, top, below)


def loaded(cursor: str) -> dict[str, Any]:
    """{} for none, or one of another program, version or mode: reading again loses nothing."""
    try:
        kept = json.loads(cursor)
    except (ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}
