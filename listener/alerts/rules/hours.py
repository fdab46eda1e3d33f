"""What the spike rule knows of a brand from the store: its hours, and in which of them anybody listened.

A source counts once it has been heard for WARM_UP, and the past begins when all that count were heard: before that,
less was said only because less was listened to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from listener.alerts.rules.listening import Ears, by_source, day_of, hour_of, number, patience, shares, time_of
from listener.alerts.rules.spike import OPTIONS, QUIET_BEFORE, Options, Said, Spike, spike
from listener.alerts.rules.usual import HEARD, HISTORY, HOUR, SCALES, WARM_UP, Hour, Usual, learn
from storage.contract_rules import Ruling
from storage.records import moment, stamp

_DAY = timedelta(days=1)
_GUARD = 2
"""What is usual is learned up to the end of the day before yesterday (UTC): so long may a mention take to be found, and
a rise that has begun must not be taken for usual."""


class Spikes:
    """Looks for spikes. What is usual is learned once a day for each brand, from counts that never change: to look
    again as of an earlier time gives what it gave then."""

    def __init__(self, store: Ruling, sources: Collection[str], zone: tzinfo = UTC, options: Options = OPTIONS) -> None:
        """`sources` are those that are asked at present."""
        self._store, self._sources, self._zone, self._options = store, sources, zone, options
        self._learned: dict[str, _Learned] = {}

    def look(self, brand: str, at: datetime, told_until: datetime | None = None) -> Spike | None:
        """Up to `at`, with what was known then; None also in the warm-up and after an outage. `told_until` is the end
        of the last spike that was told of."""
        learned = self._learn(brand, at)
        if learned.usual is None:
            return None
        span = max(SCALES) * HOUR
        rows = self._store.spoken(brand, stamp(at - span), stamp(at), stamp(at))
        recent = [
            Said(moment(row.at), moment(row.found_at), row.voice, row.story, bool(row.first))
            for row in rows
            if row.source in learned.ears.weights
        ]
        if len(recent) < self._options.mentions:
            return None
        lately = self._listened(at - span - QUIET_BEFORE - _DAY, at, learned)
        gap = next((hour.start + HOUR for hour in reversed(lately) if hour.heard < HEARD), lately[0].start)
        return spike(learned.usual, recent, at, gap, told_until, self._options)

    def _learn(self, brand: str, at: datetime) -> _Learned:
        """Also counts the days that nobody has counted yet."""
        today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if (known := self._learned.get(brand)) and known.today == today:
            return known
        until = today - (_GUARD - 1) * _DAY
        since = until - HISTORY
        self._count(brand, since, until)
        heard = by_source(self._store.heard_hours(hour_of(since), hour_of(today)), self._sources)
        settled = {source: hours for source, hours in heard.items() if hours[0] <= number(until - WARM_UP)}
        begin = max((hours[0] for hours in settled.values()), default=number(until))
        told: Counter[tuple[int, str]] = Counter()
        weights = dict.fromkeys(settled, 1.0)
        for row in self._store.hourly(brand, day_of(since), day_of(until)):
            if row.source in settled:
                told[number(moment(f"{row.hour}:00:00.000Z")), row.source] += row.told
                weights[row.source] += row.told
        ears = Ears(weights, {source: patience(hours) for source, hours in settled.items()})
        hours = [
            Hour(time_of(hour), sum(told[hour, source] for source in settled), share)
            for hour, share in enumerate(shares(settled, ears, begin, number(until)), begin)
        ]
        learned = self._learned[brand] = _Learned(today, ears, learn(hours, self._zone))
        return learned

    def _count(self, brand: str, since: datetime, until: datetime) -> None:
        counted = self._store.counted_days(brand, day_of(since), day_of(until))
        for days in range((until - since) // _DAY):
            if (day := day_of(since + days * _DAY)) not in counted:
                self._store.count_day(brand, day)

    def _listened(self, since: datetime, until: datetime, learned: _Learned) -> list[Hour]:
        """The hours of a short time, with nothing told in them."""
        longest = max(learned.ears.patience.values()) * HOUR
        heard = by_source(
            self._store.heard_hours(hour_of(since - longest), hour_of(until + HOUR)), learned.ears.weights
        )
        first, last = number(since), number(until)
        return [
            Hour(time_of(hour), 0, share)
            for hour, share in enumerate(shares(heard, learned.ears, first, last + 1), first)
        ]


class _Learned(NamedTuple):
    today: datetime
    ears: Ears
    usual: Usual | None
