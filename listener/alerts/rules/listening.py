"""In which hours anybody listened, and how much of what is usually said could be heard in them.

An hour of a source is heard when a run of it ended well in that hour or shortly before: what one failed run missed, the
next brings. Hours are numbered from 1970 on (UTC).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from storage.records import moment, stamp
from storage.records_rules import HeardHour

_PATIENCE, _LATE = 3, 1.5
"""So many hours, or times its usual gap, a source may be silent before it is deaf."""


class Ears(NamedTuple):
    """By source: how much of what is told comes from it, and for how many hours it may be silent."""

    weights: Mapping[str, float]
    patience: Mapping[str, int]


def by_source(rows: Sequence[HeardHour], sources: Collection[str]) -> dict[str, list[int]]:
    """The numbers of the hours in which each was heard, in order."""
    heard: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.source in sources:
            heard[row.source].append(number(moment(f"{row.hour}:00:00.000Z")))
    return heard


def patience(hours: Sequence[int]) -> int:
    """For how many hours a source that was heard in these may be silent."""
    gaps = [later - earlier for earlier, later in pairwise(hours)]
    return max(_PATIENCE, round(_LATE * median(gaps))) if gaps else _PATIENCE


def shares(heard: Mapping[str, Sequence[int]], ears: Ears, first: int, end: int) -> Iterator[float]:
    """Of each hour from `first` to before `end`, the share of what is usually told whose source was heard."""
    total = sum(ears.weights.values())
    for hour in range(first, end):
        deaf = sum(
            weight
            for source, weight in ears.weights.items()
            if not _was_heard(heard.get(source, ()), hour, ears.patience[source])
        )
        yield 1 - deaf / total


def number(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def time_of(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, UTC)


def hour_of(at: datetime) -> str:
    return stamp(at)[:13]


def day_of(at: datetime) -> str:
    return stamp(at)[:10]


def _was_heard(hours: Sequence[int], hour: int, patience: int) -> bool:
    place = bisect_right(hours, hour)
    return place > 0 and hour - hours[place - 1] <= patience
