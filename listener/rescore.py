"""Stored mentions are scored again by the scorer that holds now, in steps, each as small as the caller likes.

A mention is stale when its scorer's id is another one than the scorer has for its brand: that is all the memory there
is, so a walk that is broken off anywhere goes on by being started again. Labels change, alerts are never raised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from listener.intake import probabilities, score_of, text_of
from listener.sentiment.contract import Scorer, Verdict
from storage.contract import Opening, Reading, Scoring
from storage.records import Mention, Post, stamp
from storage.records_scoring import Rescored, Stale

_ROUNDING = 0.0005
"""Differences of values and probabilities below that show nowhere, and are none."""

_STRETCH = 500
"""Mentions of one job."""


class Stored(Opening, Scoring, Reading, Protocol):
    """The part of the Store that rescoring needs."""


class Change(NamedTuple):
    """A mention that gets another label: its own words for "no label" are those of `label_of`."""

    mention: Mention
    post: Post
    before: str
    after: str


class Step(NamedTuple):
    """`looked` mentions were scored, `rescored` of them to another result, `changes` to another label. The next step
    begins after `position`; `through`: there is none."""

    position: int
    looked: int
    rescored: int
    changes: tuple[Change, ...]
    through: bool


class Rescorer:
    def __init__(self, store: Stored, scorer: Scorer, now: Callable[[], datetime]) -> None:
        self._store = store
        self._scorer = scorer
        self._now = now

    def left(self, brand: str) -> int:
        """How many of the brand's mentions are stale."""
        return self._store.count_stale(brand, self._scorer.id_for(brand))

    def step(self, brand: str, after: int = 0, limit: int = 500) -> Step | None:
        """Score up to `limit` stale mentions of the brand again, the first that arrived after `after` first, and store
        what came of it at once. What is edited meanwhile stays stale. None, and nothing done, while another thread or
        process is at it."""
        with self._store.claim("rescore") as mine:
            if not mine:
                return None
            step, rescored = self._judged(brand, after, limit)
            if rescored:
                self._store.rescore(rescored)
            return step

    def stretch(self, brand: str, after: int, upto: int) -> int:
        """Score the stale mentions of the brand with after < seq <= upto again, and store what came of it at once: how
        many there were. Stretches that do not overlap may be scored at the same time."""
        batch = [
            stale
            for stale in self._store.stale(brand, self._scorer.id_for(brand), after, _STRETCH)
            if stale.seq <= upto
        ]
        _, rescored = self._judge(batch, brand, after, _STRETCH)
        if rescored:
            self._store.rescore(rescored)
        return len(batch)

    def stretches(self, brand: str) -> Iterator[tuple[int, int]]:
        """(after, upto) that hold all stale mentions of the brand, at most 500 each."""
        after = 0
        while batch := self._store.stale(brand, self._scorer.id_for(brand), after, _STRETCH):
            yield after, batch[-1].seq
            after = batch[-1].seq

    def preview(self, brand: str, after: int = 0, limit: int = 500) -> Step:
        """What `step` would do; nothing is stored."""
        return self._judged(brand, after, limit)[0]

    def _judged(self, brand: str, after: int, limit: int) -> tuple[Step, list[Rescored]]:
        return self._judge(self._store.stale(brand, self._scorer.id_for(brand), after, limit), brand, after, limit)

    def _judge(self, batch: Sequence[Stale], brand: str, after: int, limit: int) -> tuple[Step, list[Rescored]]:
        verdicts = self._scorer.score_many([text_of(stale.post, brand) for stale in batch])
        at = stamp(self._now())
        judged = list(zip(batch, verdicts, strict=True))
        rescored = [
            Rescored(score_of(s.mention.id, at, v), self._differs(s.mention, v), s.post.fingerprint) for s, v in judged
        ]
        changes = tuple(_relabelled(stale, verdict) for stale, verdict in judged if _label_differs(stale, verdict))
        position = batch[-1].seq if batch else after
        changed = sum(one.changed for one in rescored)
        return Step(position, len(batch), changed, changes, len(batch) < limit), rescored

    def _differs(self, mention: Mention, verdict: Verdict) -> bool:
        """Does the verdict say anything else than the score that holds?"""
        said = (mention.label, mention.unscored, mention.language, mention.tags)
        if said != (verdict.label, verdict.unscored, verdict.language, " ".join(verdict.tags)):
            return True
        if _apart(mention.value, verdict.value) or _apart(mention.confidence, verdict.confidence):
            return True
        held = self._store.scores_of(mention.id)
        return not held or _unlike(json.loads(held[-1].probabilities), probabilities(verdict))


def label_of(judged: Mention | Verdict) -> str:
    """The label, or "unscored(reason)"."""
    return judged.label or f"unscored({judged.unscored})"


def _label_differs(stale: Stale, verdict: Verdict) -> bool:
    return label_of(stale.mention) != label_of(verdict)


def _relabelled(stale: Stale, verdict: Verdict) -> Change:
    return Change(stale.mention, stale.post, label_of(stale.mention), label_of(verdict))


def _apart(one: float, other: float) -> bool:
    return abs(one - other) > _ROUNDING


def _unlike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() != other.keys() or any(_apart(one[label], other[label]) for label in one)
