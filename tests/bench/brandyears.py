"""A year of what is said about a brand of which little is said, with the spikes known: worlds for `tests.bench.alerts`.

Nothing is even: hours and days of the week differ, busy hours and days come in runs (gamma mixed Poisson), the level
wanders, stories are copied around, sources have no dates or bring things late, and now and then nobody listens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import cos, exp, pi
from typing import NamedTuple

from listener.alerts.rules.spike import Said
from listener.alerts.rules.usual import HOUR, Hour

BEGIN = datetime(2025, 11, 3, tzinfo=UTC)
DAYS = 365
HOURS = DAYS * 24
FIRST_PLANT = 30
_LEAST, _MOST = 0.05, 5.0
"""Mentions an hour."""
_TIMES = 3.0
_APART = 96
_UNDATED, _LATE = 0.1, 0.03
DAY_SPREAD, HOUR_SPREAD = 0.03, 0.15
"""Squared coefficients of variation of a day's and an hour's own factor."""


class Plant(NamedTuple):
    """A spike: its first hour, the hour after its last, and what was usual in it."""

    first: int
    end: int
    usual: float


@dataclass
class Year:
    """`said` is in the order in which it was found; `hours` are what was told and heard as it is known two days on."""

    mean: float
    said: list[Said]
    hours: list[Hour]
    plants: list[Plant]
    outages: list[tuple[int, int]]

    def heard_since(self, at: datetime) -> datetime:
        hour = (at - BEGIN) / HOUR
        return at_hour(max((end for first, end in self.outages if first < hour), default=0))


def at_hour(hour: float) -> datetime:
    return BEGIN + timedelta(hours=hour)


def live(number: int, of: int, seed: int) -> Year:
    """One brand's year; brand `number` of `of` has its share of the range of volumes."""
    chance = random.Random(seed * 1000 + number)
    mean = _LEAST * (_MOST / _LEAST) ** ((number + chance.random()) / of)
    rates = _rates(mean, chance)
    outages = _outages(chance)
    plants = list(_plants(rates, outages, chance))
    times = [(at, "") for at in _ordinary(rates, plants, chance)]
    copied = sorted(chance.randrange(HOURS) for _ in range(24))
    for number, hour in enumerate(copied):
        times += [(hour + 8 * chance.random() ** 2, f"copied {number}") for _ in range(chance.randint(6, 40))]
    said = _found(sorted(times), outages, chance)
    return Year(mean, said, _hours(said, outages), plants, outages)


def _rates(mean: float, chance: random.Random) -> list[float]:
    """Mentions an hour, as they are expected by who knows all but the luck of the day and the hour."""
    depth, peak = chance.uniform(0.2, 0.9), chance.uniform(8, 20)
    weekdays = [exp(chance.gauss(0, 0.1)) * (chance.uniform(0.4, 1.1) if day > 4 else 1) for day in range(7)]
    level, rates = 0.0, []
    for hour in range(HOURS):
        if hour % 24 == 0:
            level = 0.99 * level + chance.gauss(0, 0.03)
        by_day = 1 + depth * cos(2 * pi * (hour % 24 - peak) / 24)
        rates.append(exp(level) * by_day * weekdays[hour // 24 % 7])
    scale = mean * HOURS / sum(rates)
    return [rate * scale for rate in rates]


def _outages(chance: random.Random) -> list[tuple[int, int]]:
    starts = (chance.randrange(24 * 20, HOURS - 100) for _ in range(5))
    return sorted((start, start + chance.randint(3, 36)) for start in starts)


def _plants(rates: list[float], outages: list[tuple[int, int]], chance: random.Random) -> Iterator[Plant]:
    taken = [(first - _APART, end + _APART) for first, end in outages]
    for _ in range(60):
        first = chance.randrange(FIRST_PLANT * 24, HOURS - 200)
        end = first + chance.randint(3, 12)
        if all(end < begin or first > until for begin, until in taken):
            taken.append((first - _APART, end + _APART))
            yield Plant(first, end, sum(rates[first:end]))
        if len(taken) == len(outages) + 12:
            return


def _ordinary(rates: list[float], plants: list[Plant], chance: random.Random) -> Iterator[float]:
    """Hours at which somebody said something of their own."""
    raised = {hour for plant in plants for hour in range(plant.first, plant.end)}
    day = 1.0
    for hour, rate in enumerate(rates):
        if hour % 24 == 0:
            day = chance.gammavariate(1 / DAY_SPREAD, DAY_SPREAD)
        own = chance.gammavariate(1 / HOUR_SPREAD, HOUR_SPREAD)
        at = hour + chance.expovariate(1.0) / (expected := rate * day * own * (_TIMES if hour in raised else 1))
        while at < hour + 1:
            yield at
            at += chance.expovariate(expected)


def _found(times: list[tuple[float, str]], outages: list[tuple[int, int]], chance: random.Random) -> list[Said]:
    said, known = [], set()
    for number, (hour, story) in enumerate(times):
        end = next((end for first, end in outages if first <= hour < end), hour)
        found = max(hour + chance.expovariate(4.0), end + chance.random() / 4)
        if chance.random() < _LATE:
            found += chance.expovariate(1 / 72)
        at = found if chance.random() < _UNDATED else hour
        loud = chance.random() < 0.2 and not story
        voice = chance.randrange(15) if loud else 1000 + number
        story = story or str(number)
        said.append((found, Said(at_hour(at), at_hour(found), voice, story, story not in known)))
        known.add(story)
    return [one for _, one in sorted(said, key=lambda pair: pair[0])]


def _hours(said: list[Said], outages: list[tuple[int, int]]) -> list[Hour]:
    """As the store counts them: without what was found after the end of the next day."""
    told = [0] * HOURS
    for one in said:
        hour = int((one.at - BEGIN) / HOUR)
        if hour < HOURS and one.first and (one.found_at.date() - one.at.date()).days <= 1:
            told[hour] += 1
    deaf = {hour for first, end in outages for hour in range(first, end)}
    return [Hour(at_hour(hour), count, 0.0 if hour in deaf else 1.0) for hour, count in enumerate(told)]
