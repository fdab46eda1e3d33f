"""The rule on "drift": `drift` on the days that the store knows of a brand.

A day is looked at when the next one is over: so long may a mention take to be found. As then for ever after, what was
found later counts for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from listener.alerts.rules.drift import WARM_UP_DAYS, Day, Drift, What, drift
from listener.alerts.rules.listening import Ears, by_source, number, patience, shares, time_of
from listener.alerts.rules.standing import Found, States
from storage.contract import Store
from storage.records import stamp
from storage.records_states import DayCount, RuleState

HISTORY = timedelta(days=112)
_DAY, _HOURS = timedelta(days=1), 24
_WAIT = 2
"""The last day that is looked at began so many days ago."""

_SETTLED = timedelta(days=WARM_UP_DAYS + 14)
"""A source counts once it has been heard for so long, and the past begins when all that count were: before that, less
was said only because less was listened to."""

_OPINIONS = ("promoter", "passive", "detractor")
_TITLES = {
    ("volume", True): "slowly more is said",
    ("volume", False): "slowly less is said",
    ("detractors", True): "slowly more detractors",
    ("detractors", False): "slowly fewer detractors",
}


class DriftRule:
    repeats = True
    cooldown = timedelta(days=14)

    def __init__(self, store: Store, sources: Collection[str]) -> None:
        """`sources` are those that are asked at present."""
        self._store = store
        self._sources = sources
        self._said: dict[str, dict[date, Mapping[str, _Said]]] = defaultdict(dict)

    def slot(self, at: datetime) -> datetime:
        return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        days = list(self._days(brand, at))
        kinds: tuple[What, ...] = ("volume", "detractors")
        found = (drift(days, what) for what in kinds) if days else ()
        return [_found(brand, one) for one in found if one]

    def over(self, state: RuleState, at: datetime) -> Found | None:
        return None

    def _days(self, brand: str, at: datetime) -> Iterator[Day]:
        """None as long as nobody has listened for long enough."""
        until = at.date() - (_WAIT - 1) * _DAY
        rows = self._store.heard_hours((until - HISTORY).isoformat(), until.isoformat())
        heard = by_source(rows, self._sources)
        settled = {source: hours for source, hours in heard.items() if time_of(hours[0]).date() <= until - _SETTLED}
        if not settled:
            return
        begin = max(time_of(hours[0]).date() for hours in settled.values()) + _DAY  # its first day was not whole
        self._read(brand, begin, until)
        said = self._said[brand]
        days = [begin + n * _DAY for n in range((until - begin).days)]
        weights = {source: sum(said[day].get(source, _NOTHING).mentions for day in days) + 1.0 for source in settled}
        ears = Ears(weights, {source: patience(hours) for source, hours in settled.items()})
        first = number(datetime(begin.year, begin.month, begin.day, tzinfo=UTC))
        hourly = list(shares(settled, ears, first, first + _HOURS * len(days)))
        for place, day in enumerate(days):
            share = sum(hourly[_HOURS * place : _HOURS * (place + 1)]) / _HOURS
            of_day = [said[day].get(source, _NOTHING) for source in settled]
            mentions, opinions, detractors = (sum(column) for column in zip(*of_day, strict=True))
            yield Day(day, mentions, opinions, detractors, share)

    def _read(self, brand: str, begin: date, until: date) -> None:
        """What of these days has not been read yet: what is known of a day does not change any more."""
        said = self._said[brand]
        first = next((begin + n * _DAY for n in range((until - begin).days) if begin + n * _DAY not in said), until)
        rows: dict[date, list[DayCount]] = defaultdict(list)
        for row in self._store.days_said(brand, first.isoformat(), until.isoformat()):
            rows[date.fromisoformat(row.day)].append(row)
        for later in range((until - first).days):
            day = first + later * _DAY
            said[day] = _by_source(rows[day], (day + (_WAIT - 1) * _DAY).isoformat())
        for day in [day for day in said if day < until - 2 * HISTORY]:
            del said[day]


class _Said(NamedTuple):
    mentions: int
    opinions: int
    detractors: int


_NOTHING = _Said(0, 0, 0)


def _by_source(rows: Iterable[DayCount], found_by: str) -> dict[str, _Said]:
    said: dict[str, _Said] = defaultdict(lambda: _NOTHING)
    for row in rows:
        if row.found_day <= found_by:
            opinions = row.mentions * (row.label in _OPINIONS)
            more = (row.mentions, opinions, row.mentions * (row.label == "detractor"))
            said[row.source] = _Said(*(a + b for a, b in zip(said[row.source], more, strict=True)))
    return dict(said)


def _found(brand: str, change: Drift) -> Found:
    volume = change.what == "volume"
    before, now = (f"{one:.1f} a day" if volume else f"{one:.0%}" for one in (change.before, change.now))
    until = datetime(change.told.year, change.told.month, change.told.day, tzinfo=UTC) + _DAY
    since = datetime(change.since.year, change.since.month, change.since.day, tzinfo=UTC)
    label = () if volume else (("label", "detractor"),)
    return Found(
        change.what,
        "brand.drift",
        f"{brand}: {_TITLES[change.what, change.up]}",
        reasons=change.reasons,
        facts=(("before", before), ("now", now)),
        query=(("brand", brand), *label, ("since", stamp(since)), ("until", stamp(until))),
        told_until=stamp(until),
    )
