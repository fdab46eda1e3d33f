"""Local days of a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


def midnights(since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """Those of the zone inside a window, as UTC; each is made anew, for days with a clock change differ in length."""
    first, last = (edge.astimezone(zone).date() for edge in (since, until))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    begins = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in days)
    return [begin for begin in begins if since < begin < until]
