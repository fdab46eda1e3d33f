"""Where the marks of a chart go. Pure; `_chart.html` draws what comes out, and nothing else does.

Across, places are per cent of the width: a chart is as wide as there is room, and its letters stay the size they are.
Down, they are pixels. Every column is as wide as the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

_ABOVE = 8.0
_BELOW = 22.0
"""Room for what is written under the columns."""

_WRITTEN = 5
"""Columns that are named, at most: more would not stand beside each other on a phone."""

_STEPS = (5, 10, 20, 25, 50)

_T = TypeVar("_T")


class Mark(NamedTuple):
    """A rectangle; `kind` is its class in the style sheet."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Written(NamedTuple):
    x: float
    y: float
    text: str


class Level(NamedTuple):
    """A line across, with what stands beside it."""

    y: float
    text: str
    zero: bool


class Column(NamedTuple):
    """`hint` is what it says in words, `href` what is behind it ("" nothing)."""

    name: str
    hint: str
    href: str = ""


class Interval(NamedTuple):
    """An estimate with its interval, in points."""

    value: float
    low: float
    high: float


class Chart(NamedTuple):
    """`id` is unique on its page; `title` and `said` are what a screen reader says of it."""

    id: str
    title: str
    said: str
    height: float
    marks: tuple[Mark, ...]
    levels: tuple[Level, ...]
    written: tuple[Written, ...]
    columns: tuple[Column, ...]


def intervals(
    its_id: str, title: str, said: str, columns: Sequence[Column], found: Sequence[Interval | None]
) -> Chart | None:
    """Each interval as a box with its estimate across it; where there is none, a gap. None without any."""
    there = [one for one in found if one is not None]
    if not there:
        return None
    bottom, top, step = scale(min(one.low for one in there), max(one.high for one in there))
    inner = 180.0

    def y(points: float) -> float:
        return round(_ABOVE + inner * (top - points) / (top - bottom), 2)

    marks = []
    for left, width, one in _placed(found, 0.72):
        if one is None:
            marks.append(Mark("gap", left, _ABOVE, width, inner))
            continue
        marks.append(Mark("interval", left, y(one.high), width, round(max(y(one.low) - y(one.high), 2), 2)))
        marks.append(Mark("value", left, round(y(one.value) - 1.5, 2), width, 3))
    levels = tuple(
        Level(y(points), _signed(points), points == 0)
        for points in range(bottom, top + 1, step)  # both are multiples of it
    )
    height = _ABOVE + inner + _BELOW
    return Chart(its_id, title, said, height, tuple(marks), levels, _under(columns, height), tuple(columns))


def strip(
    its_id: str, title: str, said: str, columns: Sequence[Column], counts: Sequence[int], most: int, kind: str
) -> Chart:
    """A low row of bars, all the way up where `most` is reached; several under each other share their columns."""
    inner = 40.0
    marks = [
        Mark(kind, left, round(inner - _high(count, most, inner), 2), width, _high(count, most, inner))
        for left, width, count in _placed(counts, 0.8)
        if count
    ]
    return Chart(its_id, title, said, inner + 1, tuple(marks), (Level(inner + 0.5, "", True),), (), tuple(columns))


def bars(its_id: str, title: str, said: str, columns: Sequence[Column], counts: Sequence[int]) -> Chart:
    """Bars with what they count above them and their names below."""
    inner, above, most = 110.0, 18.0, max(counts, default=0)
    placed = _placed(counts, 0.7)
    marks = [
        Mark("bar", left, round(above + inner - _high(count, most, inner), 2), width, _high(count, most, inner))
        for left, width, count in placed
        if count
    ]
    counted = [
        Written(round(left + width / 2, 3), round(above + inner - _high(count, most, inner) - 5, 2), f"{count:,}")
        for left, width, count in placed
    ]
    height = above + inner + _BELOW
    names = [Written(x, height - 6, column.name) for x, column in zip(_middles(len(columns)), columns, strict=True)]
    level = Level(above + inner + 0.5, "", True)
    return Chart(its_id, title, said, height, tuple(marks), (level,), (*counted, *names), tuple(columns))


def scale(low: float, high: float) -> tuple[int, int, int]:
    """(bottom, top, step) in points: whole steps that hold both ends and 0, at most six of them."""
    low, high = min(low, 0.0), max(high, 0.0)
    for step in _STEPS:
        bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
        if top - bottom <= 6 * step:
            break
    return bottom, max(top, bottom + step), step


def named(count: int) -> list[int]:
    """Which of so many columns have their names written under them."""
    return list(range(0, count, max(math.ceil(count / _WRITTEN), 1)))


def _under(columns: Sequence[Column], height: float) -> tuple[Written, ...]:
    middles = _middles(len(columns))
    return tuple(Written(middles[at], height - 6, columns[at].name) for at in named(len(columns)))


def _middles(count: int) -> list[float]:
    return [round(100 * (at + 0.5) / count, 3) for at in range(count)]


def _placed(values: Sequence[_T], share: float) -> list[tuple[float, float, _T]]:
    """(left edge, width, value) of each; `share` of a column is filled."""
    wide = 100 / max(len(values), 1)
    return [
        (round(at * wide + wide * (1 - share) / 2, 3), round(wide * share, 3), value) for at, value in enumerate(values)
    ]


def _high(count: int, most: int, inner: float) -> float:
    """What is there at all can be seen."""
    return round(max(inner * count / most, 1.5), 2) if count and most else 0.0


def _signed(points: int) -> str:
    return f"+{points}" if points > 0 else f"−{-points}" if points < 0 else "0"
