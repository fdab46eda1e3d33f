"""What is to be done at a local time of day: once on each of its days, whatever the clocks do. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Period = Literal["day", "week"]

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LATE = timedelta(hours=24)
"""What could not be done for so long is not done any more: the next one is near."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_SECOND = timedelta(seconds=1)


class Timetable(NamedTuple):
    """`days` in any order; none are all."""

    at: time
    days: tuple[Weekday, ...] = ()


def parse_clock(text: object) -> time:
    """'08:00'. Raises ValueError."""
    if isinstance(text, time):
        return text
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f"'{text}' is not a time of day: write one such as \"08:00\"")
    return time(int(found[1]), int(found[2]))


def due(table: Timetable, zone: tzinfo, last: date | None, now: datetime) -> date | None:
    """The day whose turn has come: the newest within the last 24 hours that comes after `last`, the day that was done
    last. What was missed before it is left out."""
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=back) for back in range(3)):
        if table.days and WEEKDAYS[day.weekday()] not in table.days:
            continue
        began = moment_of(day, table.at, zone)
        if began <= now:
            return day if now - began < LATE and (last is None or day > last) else None
    return None


def moment_of(day: date, at: time, zone: tzinfo) -> datetime:
    """When the clocks of `zone` first show that day and time, or a later one if they leap over it; as aware UTC."""
    wall = datetime.combine(day, at)
    before, after = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _shown(before, zone) >= wall:
        return before
    while after - before > _SECOND:  # the clocks leap somewhere between the two
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        before, after = (before, middle) if _shown(middle, zone) >= wall else (middle, after)
    return after


def period_before(day: date, period: Period, zone: tzinfo) -> tuple[datetime, datetime]:
    """(since, until) of the last whole local day, or the last whole week from Monday to Monday, before `day`; UTC."""
    end = day if period == "day" else day - timedelta(days=day.weekday())
    begin = end - timedelta(days=1 if period == "day" else 7)
    return moment_of(begin, time(), zone), moment_of(end, time(), zone)


def _shown(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
