"""Whether what is said about a brand has slowly become another: more or less of it, or more or fewer detractors.

A CUSUM on days (E. S. Page, "Continuous Inspection Schemes", Biometrika 41, 1954), self-starting (D. M. Hawkins,
"Self-Starting CUSUM Charts for Location and Scale", The Statistician 36, 1987): each day is compared with what the days
before it, since the last change, let expect, weekday by weekday. A single loud day is not a drift: each day's deviation
is cut off (J. M. Lucas and R. B. Crosier, "Robust CUSUM", Communications in Statistics 11, 1982).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

from listener.alerts.rules.counts import chance_of_at_least

What = Literal["volume", "detractors"]

WARM_UP_DAYS = 28
HEARD = 0.8

_SLACK = 0.5
"""Standard deviations that a day may deviate: a lasting change of twice that is found the soonest."""

_CUT, _MOST_SPREAD = 2.0, 9.0
_WEEKDAY = 6.0
"""So many days is the mean of all weekdays worth beside those of one."""

_MEMORY = 0.985
"""Days before this one count that much less each: half after six weeks. Whatever grows so slowly is not news."""

_SPREAD, _WORTH = 1.5, 14.0
"""What the variance of a day is expected to be, in times of pure chance's, and of how many days that is worth."""

_LEAST_RATIO, _LEAST_POINTS = 1.2, 0.05
"""Of much even a little change is certain: less than so many times, or of the share so much, is not worth telling."""

_BEFORE = 56
_NORMAL = NormalDist()


class Day(NamedTuple):
    """What was said in a day: mentions that count, those of them with an opinion, and the detractors among these."""

    day: date
    mentions: int
    opinions: int
    detractors: int
    heard: float = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The sums at which a drift is told of, so that either is told of for nothing about once a year at most."""

    volume: float = 5.5
    detractors: float = 5.5


LIMITS = Limits()


class Drift(NamedTuple):
    """`before` and `now` are mentions a day, or shares of detractors among opinions, 0..1, of the days before `since`
    and from then on. `score` is the sum that went over its limit on `told`."""

    what: What
    up: bool
    since: date
    told: date
    before: float
    now: float
    score: float

    @property
    def reasons(self) -> tuple[str, ...]:
        more = "more" if self.up else "less" if self.what == "volume" else "fewer"
        days, since = (self.told - self.since).days + 1, f"{self.since.day} {self.since:%B %Y}"
        if self.what == "volume":
            change = f"{self.now:.1f} mentions a day since {since}, {self.before:.1f} before"
            return (f"Slowly {more} is said: {change}.", _why(days))
        change = f"{self.now:.0%} of opinions since {since}, {self.before:.0%} before"
        return (f"Slowly {more} detractors: {change}.", _why(days))


def drift(days: Sequence[Day], what: What, limits: Limits = LIMITS) -> Drift | None:
    """The change that the last of the days made certain, None if it made none. `days` are each day once, the oldest
    first, some hundred of them at best; those that were not heard count for nothing."""
    return next((one for one in changes(days, what, limits) if one.told == days[-1].day), None)


def changes(days: Sequence[Day], what: What, limits: Limits = LIMITS) -> Iterator[Drift]:
    """All there were, the oldest first: after each, the days since it began are what the next are compared with."""
    limit = limits.volume if what == "volume" else limits.detractors
    past, above, below, begin = _Past(what), _Sum(1), _Sum(-1), 0
    for index, day in enumerate(days):
        if day.heard < HEARD or not _size(day, what):
            continue
        deviation = past.deviation(day)
        past.add(day)
        over = [one for one in (above, below) if one.add(deviation, index) > limit]
        for one in over:
            if change := _change(days[begin : one.since], days[one.since : index + 1], what, one):
                yield change
                past, above, below, begin = _Past(what), _Sum(1), _Sum(-1), one.since
                for earlier in days[begin : index + 1]:
                    past.add(earlier)
            else:
                one.value = 0.0


@dataclass(slots=True)
class _Sum:
    """How far the days from number `since` on have gone in one direction."""

    sign: int
    value: float = 0.0
    since: int = 0

    def add(self, deviation: float, index: int) -> float:
        if not self.value:
            self.since = index
        self.value = max(0.0, self.value + self.sign * deviation - _SLACK)
        return self.value


class _Past:
    """What the days so far let expect of a weekday; old ones fade."""

    def __init__(self, what: What) -> None:
        self._what = what
        self._days = 0
        self._seen, self._sizes = [0.0] * 7, [0.0] * 7
        self._spread, self._spreads = _SPREAD * _WORTH, _WORTH

    def deviation(self, day: Day) -> float:
        """In standard deviations, cut off; 0 as long as there are too few days."""
        if self._days < WARM_UP_DAYS:
            return 0.0
        size, expected = _size(day, self._what), self._expected(day)
        spread = max(self._spread / self._spreads, 1.0) * (1 + 1 / self._days)
        if self._what == "volume":
            upper = [chance_of_at_least(day.mentions + more, expected, (spread - 1) / expected) for more in (0, 1)]
            deviation = -_NORMAL.inv_cdf(min(max(sum(upper) / 2, 1e-9), 1 - 1e-9))
        else:
            share = expected / size
            deviation = (day.detractors - expected) / sqrt(expected * (1 - share) * spread)
        return max(-_CUT, min(_CUT, deviation))

    def add(self, day: Day) -> None:
        size, seen = _size(day, self._what), _seen(day, self._what)
        if day.heard < HEARD or not size:
            return
        if self._days >= WARM_UP_DAYS // 2:
            expected = self._expected(day)
            chance = expected * (1 - expected / size if self._what == "detractors" else 1)
            self._spread = _MEMORY * self._spread + min((seen - expected) ** 2 / chance, _MOST_SPREAD)
            self._spreads = _MEMORY * self._spreads + 1
        self._days += 1
        self._seen = [_MEMORY * value for value in self._seen]
        self._sizes = [_MEMORY * value for value in self._sizes]
        self._seen[day.day.weekday()] += seen
        self._sizes[day.day.weekday()] += size

    def _expected(self, day: Day) -> float:
        """The weekday's own rate is drawn towards that of all days; never nothing, never everything."""
        weekday, total = day.day.weekday(), sum(self._sizes)
        rate = (sum(self._seen) + 0.5) / (total + 1)
        worth = _WEEKDAY * total * (1 - _MEMORY) / (1 - _MEMORY**self._days)
        own = (self._seen[weekday] + worth * rate) / (self._sizes[weekday] + worth)
        return own * _size(day, self._what)


def _size(day: Day, what: What) -> float:
    return 1.0 if what == "volume" else day.opinions


def _seen(day: Day, what: What) -> int:
    return day.mentions if what == "volume" else day.detractors


def _change(before: Sequence[Day], since: Sequence[Day], what: What, one: _Sum) -> Drift | None:
    """None if it is too small to be worth telling."""
    then, now = _rate(before[-_BEFORE:], what), _rate(since, what)
    small, large = sorted((then, now))
    if large < _LEAST_RATIO * small if what == "volume" else large - small < _LEAST_POINTS:
        return None
    return Drift(what, one.sign > 0, since[0].day, since[-1].day, then, now, one.value)


def _rate(days: Sequence[Day], what: What) -> float:
    heard = [day for day in days if day.heard >= HEARD]
    total = sum(_size(day, what) for day in heard)
    return sum(_seen(day, what) for day in heard) / total if total else 0.0


def _why(days: int) -> str:
    return f"In {days} days this has added up to what chance alone does about once a year."
