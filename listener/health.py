"""How well each watch hears: the difference between a quiet source and one that has gone deaf.

A pure reading of what the runs left behind. Silence is measured as the time in which the source was heard and had
nothing new, so that hours in which nobody asked, or nobody answered, are not blamed on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from storage.records import Watch, Yield, moment

State = Literal["ok", "quiet", "degraded", "blocked", "dead"]
STATES: tuple[State, ...] = ("ok", "quiet", "degraded", "blocked", "dead")
"""The best first."""

HISTORY = timedelta(days=28)
"""How far back a source's own pace is read."""

_EXPECTED = 10
"""So many posts must have been expected before their absence means anything: at a steady pace, to miss ten by chance
happens once in 22,000 times (Poisson, e^-10)."""

_BEYOND = 1.5
"""Sources are bursty and sleep at night: silence counts only beyond so many times the longest one seen before."""

_WEEK = timedelta(days=7)
_UNSEEN = 48.0
"""Hours of silence that a source may have every week, as long as it was not watched for one."""

_LATE = timedelta(hours=1)
_LOST = timedelta(days=7)
_RECENT = timedelta(days=1)
_PATIENCE = 2
"""One throttled run is manners; so many in a row are a closed door."""


class Health(NamedTuple):
    state: State
    reason: str

    @property
    def failing(self) -> bool:
        """Whether what is said about the brand there may go unheard."""
        return self.state in ("degraded", "blocked", "dead")


def health(watch: Watch, past: Yield | None, now: datetime, interval: timedelta = timedelta()) -> Health:
    """`past` is what the watch has yielded in HISTORY, None when nothing; it is asked every `interval`, or listened to
    for as long."""
    if watch.closed:
        return Health("dead", watch.closed)
    overdue = moment(watch.next_due) + interval + _LATE < now
    if watch.last_run_at is None:
        return Health("degraded", "has never been asked: is `listener run` or cron at work?") if overdue else _NEW
    if watch.failures:
        return _failing(watch, now)
    if overdue:
        return Health("degraded", f"due for {_span(now - moment(watch.next_due))}, but nobody asks it.")
    if watch.last_outcome in ("partial", "failed"):
        return Health("degraded", watch.last_error)
    if silence := silent(watch, past):
        return Health("degraded", silence)
    if watch.news_at and now - moment(watch.news_at) <= _RECENT:
        return Health("ok", watch.last_error)
    return Health("quiet", watch.last_error)


_NEW = Health("quiet", "not asked yet")
UNASKED = Health("degraded", "is asked nothing: no brand's query holds a term that it can be asked for; set its terms.")
"""Of a source that has no watch at all."""


def worst(healths: Iterable[Health]) -> Health:
    """Of a source's watches the one that matters: its state and reason stand for the source."""
    return max(healths, key=lambda one: STATES.index(one.state), default=_NEW)


def silent(watch: Watch, past: Yield | None) -> str:
    """In a sentence that the silence is not the source's way, "" when it may be."""
    if past is None or not watch.news_at or not watch.heard_at:
        return ""
    silence = _hours(moment(watch.heard_at) - moment(watch.news_at))
    observed = _hours(moment(watch.news_at) - moment(f"{past.since_day}T00:00:00.000Z"))
    longest = past.longest_silence if observed >= _hours(_WEEK) else max(past.longest_silence, _UNSEEN)
    if observed <= 0 or silence <= _BEYOND * longest:
        return ""
    pace = past.posts / max(observed, 24.0)
    expected = pace * silence
    if expected < _EXPECTED:
        return ""
    return (
        f"answers but has had nothing new for {_span(timedelta(hours=silence))}, in which about {expected:.0f} posts "
        f"were expected ({pace * 24:.1f} a day, never silent for more than "
        f"{_span(timedelta(hours=past.longest_silence))})."
    )


def _failing(watch: Watch, now: datetime) -> Health:
    since = moment(watch.failing_since or watch.last_run_at or watch.next_due)
    if now - since >= _LOST:
        return Health("dead", f"has failed for {_span(now - since)}: {watch.last_error}")
    barred = watch.trouble in ("refused", "forbidden")
    throttled = watch.trouble == "throttled" and watch.failures >= _PATIENCE
    return Health("blocked" if barred or throttled else "degraded", watch.last_error)


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _span(span: timedelta) -> str:
    hours = _hours(span)
    if hours < 1:
        return f"{max(hours * 60, 0):.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
