"""What is usual at an hour of the week: learned from the weeks before, for spikes to stand out from.

Counts are small, so every figure is drawn towards a steadier one: the hour of the week towards hour of day × day of
week, those towards a flat week. What is left over is dispersion, estimated for each length of window from windows of
the past, as busy hours and busy days come in runs. Hours that nobody listened in, and those of earlier spikes, teach
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from itertools import accumulate, pairwise
from math import sqrt
from typing import NamedTuple

from listener.alerts.rules.counts import chance_of_at_least

HOUR = timedelta(hours=1)
WARM_UP = timedelta(days=14)
HISTORY = timedelta(weeks=8)
HEARD = 0.8
"""An hour counts when at least this share of what is usually heard could be."""

SCALES = (1, 2, 4, 6, 9, 12, 24)
"""Lengths of windows, in hours."""

_HALF_LIFE = 14.0
"""Days after which an hour says half as much about how much is said at present."""

_DAILY, _WEEKLY, _CELL = 12.0, 24.0, 12.0
"""So many mentions is the steadier figure worth, beside those seen at an hour of the day, a day, a cell of both."""

_DISPERSION, _WORTH = 0.15, 40.0
"""What is expected of the dispersion, and of how many squared mentions that is worth: where some 0.05 come an hour the
past cannot tell it at all."""

_LEAST, _LEAST_DISPERSION = 0.5, 0.02
"""Nothing at all is taken for half a mention; nothing is as even as pure chance."""

_STRETCHES, _SURPRISING = (6, 24), 1e-3
"""Past stretches of so many hours whose chance is this or less are no guide."""

_WEEK = 168


class Hour(NamedTuple):
    """A past hour. `told` counts mentions that count and tell a story for the first time; `heard` is the share, 0..1,
    of what is usually heard that could be."""

    start: datetime
    told: int
    heard: float = 1.0


@dataclass(frozen=True)
class Usual:
    """`rates` are mentions an hour by hour of the week, Monday midnight first; `dispersions` by length in hours."""

    rates: tuple[float, ...]
    dispersions: Mapping[int, float]
    zone: tzinfo = UTC

    def expected(self, since: datetime, until: datetime) -> float:
        """Mentions between two times; hours count by their part."""
        begin = hour_of_week(since, self.zone) + (since.minute * 60 + since.second) / 3600
        return self._upto(begin + (until - since) / HOUR) - self._upto(begin)

    def _upto(self, hours: float) -> float:
        """Mentions expected in so many hours from Monday midnight on."""
        weeks, rest = divmod(hours, _WEEK)
        slot = int(rest)
        return weeks * self._sums[-1] + self._sums[slot] + (rest - slot) * self.rates[slot]

    @cached_property
    def _sums(self) -> list[float]:
        return list(accumulate(self.rates, initial=0.0))


def hour_of_week(at: datetime, zone: tzinfo = UTC) -> int:
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def learn(hours: Sequence[Hour], zone: tzinfo = UTC) -> Usual | None:
    """From past hours, each once and none left out, the oldest first. None as long as there is less than WARM_UP of
    them, or too few were heard."""
    hours = hours[-HISTORY // HOUR :]
    past = _Past(
        slots=[hour_of_week(hour.start, zone) for hour in hours],
        told=[hour.told for hour in hours],
        heard=[hour.heard if hour.heard >= HEARD else 0.0 for hour in hours],
    )
    if len(hours) * HOUR < WARM_UP or sum(past.heard) < WARM_UP / HOUR * HEARD:
        return None
    rates = _rates(past)
    if _forget_spikes(past, rates):
        rates = _rates(past)
    sums = _sums(past, rates)
    return Usual(tuple(rates), {scale: _dispersion(_blocks(sums, scale)) for scale in SCALES}, zone)


@dataclass(slots=True)
class _Past:
    """Hours in columns: hour of the week, what was told, and the share that was heard, 0 if it teaches nothing."""

    slots: list[int]
    told: list[int]
    heard: list[float]


def _rates(past: _Past) -> list[float]:
    """By hour of the week."""
    told, exposure = [0] * _WEEK, [0.0] * _WEEK
    for slot, count, share in zip(past.slots, past.told, past.heard, strict=True):
        if share:
            told[slot] += count
            exposure[slot] += share
    shape = _shape(told, exposure)
    level = _level(past, shape)
    return [level * one for one in shape]


def _shape(told: Sequence[int], exposure: Sequence[float]) -> list[float]:
    """Of each hour of the week, how many times as much as in a mean hour."""
    mean = max(sum(told), _LEAST) / sum(exposure)
    daily, weekly = [1.0] * 24, [1.0] * 7
    for _ in range(2):  # each is read beside the other: a past that is not whole weeks would mix them up
        seen, due = _by(told, _of_day), _by([mean * weekly[s // 24] * exposure[s] for s in range(_WEEK)], _of_day)
        daily = [_drawn(*pair, _DAILY) for pair in zip(seen, due, strict=True)]
        seen, due = _by(told, _of_week), _by([mean * daily[s % 24] * exposure[s] for s in range(_WEEK)], _of_week)
        weekly = [_drawn(*pair, _WEEKLY) for pair in zip(seen, due, strict=True)]
    steady = [daily[slot % 24] * weekly[slot // 24] for slot in range(_WEEK)]
    return [one * _drawn(told[s], mean * one * exposure[s], _CELL) for s, one in enumerate(steady)]


def _drawn(seen: float, expected: float, worth: float) -> float:
    """The ratio of the two, drawn towards 1: the mean of its posterior under a Gamma prior of that worth."""
    return (seen + worth) / (expected + worth)


def _of_day(slot: int) -> int:
    return slot % 24


def _of_week(slot: int) -> int:
    return slot // 24


def _by(values: Sequence[float], group: Callable[[int], int]) -> list[float]:
    sums = [0.0] * (group(_WEEK - 1) + 1)
    for slot, value in enumerate(values):
        sums[group(slot)] += value
    return sums


def _level(past: _Past, shape: Sequence[float]) -> float:
    """Mentions in a mean hour at present: old hours say less."""
    fading = 0.5 ** (1 / (24 * _HALF_LIFE))
    seen = due = 0.0
    for slot, count, share in zip(past.slots, past.told, past.heard, strict=True):
        seen, due = seen * fading, due * fading
        if share:
            seen += count
            due += shape[slot] * share
    return max(seen, _LEAST) / due


class _Block(NamedTuple):
    start: int
    told: float
    expected: float


def _sums(past: _Past, rates: Sequence[float]) -> tuple[list[float], ...]:
    """What was told, what was expected and how many hours were heard, up to each hour."""
    expected = [rates[slot] * share for slot, share in zip(past.slots, past.heard, strict=True)]
    columns = (past.told, expected, map(bool, past.heard))
    return tuple(list(accumulate(column, initial=0.0)) for column in columns)


def _blocks(sums: Sequence[Sequence[float]], scale: int) -> list[_Block]:
    """Windows of that many hours side by side, up to the last; those that were not wholly heard are left out."""
    starts = range((len(sums[0]) - 1) % scale, len(sums[0]), scale)
    told, expected, heard = (column[starts.start :: scale] for column in sums)
    edges = zip(starts, pairwise(told), pairwise(expected), pairwise(heard), strict=False)
    return [_Block(at, t1 - t0, e1 - e0) for at, (t0, t1), (e0, e1), (h0, h1) in edges if h1 - h0 == scale]


def _dispersion(blocks: Sequence[_Block]) -> float:
    """By moments: E (y − μ)² = μ + φμ², drawn towards what is expected."""
    beyond = sum((told - mean) ** 2 - mean for _, told, mean in blocks)
    squares = sum(mean * mean for _, _, mean in blocks)
    return max((beyond + _WORTH * _DISPERSION) / (squares + _WORTH), _LEAST_DISPERSION)


def _forget_spikes(past: _Past, rates: Sequence[float]) -> bool:
    """Hours of stretches that chance does not explain teach nothing. Whether there were any."""
    found = False
    for scale in _STRETCHES:
        blocks = sorted(_blocks(_sums(past, rates), scale), key=_excess)
        dispersion = _dispersion(blocks[: len(blocks) - len(blocks) // 50])
        for start, told, expected in reversed(blocks):
            if told < 3 * expected / 2 or chance_of_at_least(round(told), expected, dispersion) > _SURPRISING:
                break
            past.heard[start : start + scale] = [0.0] * scale
            found = True
    return found


def _excess(block: _Block) -> float:
    return (block.told - block.expected) / sqrt(block.expected + 1)
