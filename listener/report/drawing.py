"""Where the marks of a report's drawings go. Pure; `templates/drawings.html` draws what comes out.

Across, places are per cent of the width, down they are pixels, as in `listener.desk.charts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from listener.desk.charts import Interval, Level, Mark, Written, named, scale
from listener.report.sections import Day, Strip

LABELS = ("detractor", "passive", "promoter", "no_opinion", "unscored")
"""From the foot of a column to its top."""

MOST_COLUMNS = 92
"""A column has so many days that there are no more columns than these: thinner ones could not be told apart."""

_ABOVE, _BELOW = 8.0, 22.0
_COURSE, _VOLUME = 160.0, 120.0
_FULL, _PARTLY = 14.0, 7.0


class Range(NamedTuple):
    """An interval between −100 and +100: where it begins, how wide it is, where its estimate stands."""

    left: float
    width: float
    value: float


class Stand(NamedTuple):
    """A week's estimate, and how far its interval reaches."""

    x: float
    y: float
    top: float
    bottom: float


class Course(NamedTuple):
    """Estimates over time. `areas` and `lines` are points of a drawing that is 100 wide and `inner` high, one for each
    run of weeks that have a number; `gaps` are weeks that have none."""

    id: str
    title: str
    said: str
    height: float
    inner: float
    levels: tuple[Level, ...]
    areas: tuple[str, ...]
    lines: tuple[str, ...]
    stands: tuple[Stand, ...]
    gaps: tuple[Mark, ...]
    written: tuple[Written, ...]


class Volume(NamedTuple):
    """Mentions over time, a column each, piled up by label."""

    id: str
    title: str
    said: str
    height: float
    levels: tuple[Level, ...]
    marks: tuple[Mark, ...]
    written: tuple[Written, ...]


class Ribbon(NamedTuple):
    """How one source was heard, day by day."""

    source: str
    said: str
    height: float
    marks: tuple[Mark, ...]


def placed(given: Interval) -> Range:
    low, high, value = (round((points + 100) / 2, 2) for points in (given.low, given.high, given.value))
    return Range(low, max(round(high - low, 2), 0.5), value)


def course(its_id: str, title: str, said: str, names: Sequence[str], found: Sequence[Interval | None]) -> Course | None:
    """None without any number."""
    there = [one for one in found if one is not None]
    if not there:
        return None
    bottom, top, step = scale(min(one.low for one in there), max(one.high for one in there))
    wide = 100 / len(found)

    def y(points: float) -> float:
        return round(_COURSE * (top - points) / (top - bottom), 2)

    stands = [
        None if one is None else Stand(round((at + 0.5) * wide, 3), y(one.value), y(one.high), y(one.low))
        for at, one in enumerate(found)
    ]
    runs = [[one for one in run if one] for is_there, run in groupby(stands, lambda one: one is not None) if is_there]
    long = [run for run in runs if len(run) > 1]
    gaps = [Mark("gap", round(at * wide, 3), 0, round(wide, 3), _COURSE) for at, one in enumerate(found) if one is None]
    return Course(
        id=its_id,
        title=title,
        said=said,
        height=_ABOVE + _COURSE + _BELOW,
        inner=_COURSE,
        levels=tuple(Level(y(points), _signed(points), points == 0) for points in range(bottom, top + 1, step)),
        areas=tuple(_points([(s.x, s.top) for s in run] + [(s.x, s.bottom) for s in reversed(run)]) for run in long),
        lines=tuple(_points([(stand.x, stand.y) for stand in run]) for run in long),
        stands=tuple(stand for stand in stands if stand),
        gaps=tuple(gaps),
        written=_under(names, _ABOVE + _COURSE),
    )


def volume(its_id: str, title: str, said: str, names: Sequence[str], counts: Sequence[Mapping[str, int]]) -> Volume:
    """As many names as counts; all counts by label."""
    most = nice(max((sum(one.values()) for one in counts), default=0))
    wide = 100 / max(len(counts), 1)
    marks = []
    for at, by_label in enumerate(counts):
        foot = 0
        for label in LABELS:
            if many := by_label.get(label, 0):
                high = round(_VOLUME * many / most, 2)
                y = round(_ABOVE + _VOLUME - _VOLUME * (foot + many) / most, 2)
                marks.append(Mark(label, round((at + 0.12) * wide, 3), y, round(0.76 * wide, 3), high))
                foot += many
    steps = (0, most // 2, most) if most % 2 == 0 else (0, most)
    levels = tuple(Level(_ABOVE + _VOLUME - round(_VOLUME * n / most, 2), f"{n:,}", n == 0) for n in steps)
    return Volume(its_id, title, said, _ABOVE + _VOLUME + _BELOW, levels, tuple(marks), _under(names, _ABOVE + _VOLUME))


def ribbon(strip: Strip) -> Ribbon:
    """Days that are alike are one mark; what is not heard is lower or hollow, for those who see no colour."""
    wide = 100 / max(len(strip.days), 1)
    marks, at = [], 0
    for how, run in groupby(how for _, how in strip.days):
        many = len(list(run))
        high = {"heard": _FULL, "partly": _PARTLY, "failed": _FULL, "not asked": _FULL}[how]
        kind = how.replace(" ", "_")
        marks.append(Mark(kind, round(at * wide, 3), _FULL - high, round(many * wide, 3), high))
        at += many
    states = [how for _, how in strip.days]
    said = ", ".join(f"{how} on {states.count(how)}" for how in dict.fromkeys(states))
    return Ribbon(strip.source, f"{said} of {len(states)} days", _FULL, tuple(marks))


def columns(days: Sequence[Day]) -> list[Day]:
    """At most MOST_COLUMNS, the last of them perhaps of fewer days."""
    size = -(-len(days) // MOST_COLUMNS) or 1
    return [_together(days[at : at + size]) for at in range(0, len(days), size)]


def nice(most: int) -> int:
    """1, 2, 5, 10, 20, 50 … that is no less."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if step * size >= most:
                return step * size
        size *= 10


def _together(days: Sequence[Day]) -> Day:
    counts = {label: sum(day.counts.get(label, 0) for day in days) for label in LABELS}
    return Day(days[0].since, days[-1].until, {label: many for label, many in counts.items() if many})


def _under(names: Sequence[str], above: float) -> tuple[Written, ...]:
    return tuple(Written(round(100 * (at + 0.5) / len(names), 3), above + 16, names[at]) for at in named(len(names)))


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _signed(points: int) -> str:
    return f"+{points}" if points > 0 else f"−{-points}" if points < 0 else "0"
