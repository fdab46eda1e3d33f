"""Durations, sizes and points in time as people write them: "15m", "10MB", "90d", "2026-11-01"."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,12})?)\s*([smhdw])\s*")
_SIZES = {"": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_SIZE = re.compile(r"\s*(\d{1,12}(?:\.\d{1,12})?)\s*([KMG]?B?)\s*", re.IGNORECASE)
_LONGEST = timedelta(days=36500)


def parse_duration(value: object) -> timedelta:
    """'90s', '15m', '24h', '7d', '2w', or a number of seconds. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}s"
    found = _DURATION.fullmatch(str(value))
    if not found or float(found[1]) * _UNITS[found[2]] > _LONGEST.total_seconds():
        raise ValueError(f"'{value}' is not a duration: write a number and s, m, h, d or w, such as \"15m\"")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def parse_size(value: object) -> int:
    """Bytes of '10MB', '500kB' or a number. Raises ValueError."""
    found = _SIZE.fullmatch(str(value)[:50])
    if not found:
        raise ValueError(f"'{value}' is not a size: write a number and kB, MB or GB, such as \"10MB\"")
    return int(float(found[1]) * _SIZES[found[2].upper() if found[2].upper() in _SIZES else found[2].upper() + "B"])


def parse_when(text: str, zone: tzinfo, now: datetime) -> datetime:
    """A date (its first instant in `zone`), a time, or a duration before `now`; as aware UTC. Raises ValueError."""
    if _DURATION.fullmatch(text):
        return (now - parse_duration(text)).astimezone(UTC)
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is not a point in time: write a date (2026-11-01), a time (2026-11-01T09:30) "
            'or how long ago ("90d", "12h")'
        ) from None


def _duration(value: Any) -> timedelta:
    return parse_duration(value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
