"""Quiet hours: when a channel is left in peace, by the clock on the wall of the configured zone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

_WRITTEN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")
_MINUTE = timedelta(minutes=1)
_LONGEST = 2 * 24 * 60
"""Minutes in which any quiet comes to its end, whatever is done to the clocks meanwhile."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to before `end`; over midnight when `end` is the earlier one.

    It is quiet whenever the wall clock says so: in an hour that is repeated in autumn twice, in one that is skipped in
    spring never.
    """

    start: time
    end: time

    def at(self, now: datetime, zone: tzinfo) -> bool:
        wall = now.astimezone(zone).time()
        if self.start < self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def until(self, now: datetime, zone: tzinfo) -> datetime | None:
        """The first whole minute at which it is no longer quiet (in the zone of `now`); None if it is not quiet now."""
        if not self.at(now, zone):
            return None
        minute = now.replace(second=0, microsecond=0)
        later = (minute + n * _MINUTE for n in range(1, _LONGEST))
        return next((time for time in later if not self.at(time, zone)), None)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def parse_quiet(text: str) -> Quiet:
    """ "22:00-07:00". Raises ValueError."""
    found = _WRITTEN.fullmatch(text.replace(" ", ""))
    if not found:
        raise ValueError(f"'{text[:40]}' is no span of hours: write one such as \"22:00-07:00\"")
    hours = [int(part) for part in found.groups()]
    start, end = time(hours[0], hours[1]), time(hours[2], hours[3])
    if start == end:
        raise ValueError("it begins when it ends, so it would never be quiet, or always")
    return Quiet(start, end)
