"""How soon people were answered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import NamedTuple

from storage.records import moment
from storage.records_figures import Answered

FEWEST = 5
"""Answers that a median needs: that of fewer is chance."""

_HOUR = timedelta(hours=1)
_UPTO = (
    ("up to 1 h", _HOUR),
    ("1–4 h", 4 * _HOUR),
    ("4–8 h", 8 * _HOUR),
    ("8–24 h", 24 * _HOUR),
    ("1–3 d", 72 * _HOUR),
)
_LATER = "longer"


class Responses(NamedTuple):
    """`answers` is how many, `median` the time that half of them took at most (None of fewer than FEWEST), `timely` how
    many of the `due` ones came in time, `spread` (how long, how many)."""

    answers: int
    median: timedelta | None
    timely: int
    due: int
    spread: tuple[tuple[str, int], ...]


def responses(found: Sequence[Answered]) -> Responses:
    taken = [max(moment(one.answered_at) - moment(one.published_at), timedelta()) for one in found]
    due = [(one.answered_at, one.due_at) for one in found if one.due_at is not None]
    counted = dict.fromkeys((*(name for name, _ in _UPTO), _LATER), 0)
    for time in taken:
        counted[next((name for name, most in _UPTO if time <= most), _LATER)] += 1
    return Responses(
        answers=len(found),
        median=timedelta(seconds=median(one.total_seconds() for one in taken)) if len(taken) >= FEWEST else None,
        timely=sum(answered <= until for answered, until in due),
        due=len(due),
        spread=tuple(counted.items()),
    )
