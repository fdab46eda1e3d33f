"""How often a feed wants to be read: ttl, skipHours, skipDays, sy:updatePeriod."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.feed_entry import Channel

LEAST, MOST = timedelta(minutes=5), timedelta(hours=24)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = timedelta(hours=1)


def poll_after(channel: Channel, now: datetime) -> timedelta | None:
    """The feed's own wish for the time until the next pull, 5 minutes .. 24 hours, None when it has none."""
    wish = _interval(channel)
    when = now + (wish or timedelta())
    hours, days = channel.skip_hours, channel.skip_days.intersection(_DAYS)
    if len(hours) < 24 and len(days) < 7:
        while when - now < MOST and (when.hour in hours or _DAYS[when.weekday()] in days):
            when = when.replace(minute=0, second=0, microsecond=0) + _HOUR
    if when == now:
        return None
    return min(max(when - now, LEAST), MOST)


def _interval(channel: Channel) -> timedelta | None:
    """The longest of the intervals the feed names, each cut to MOST."""
    about = channel.about
    wishes = []
    minutes = about.get("ttl", "")
    if minutes.isdecimal() and int(minutes[:6]) > 0:
        wishes.append(min(timedelta(minutes=int(minutes[:6])), MOST))
    if period := _PERIODS.get(about.get("period", "").lower()):
        often = about.get("frequency", "1")
        times = int(often) if often.isdecimal() and 0 < len(often) < 6 else 1
        wishes.append(min(period / max(times, 1), MOST))
    return max(wishes, default=None)
