"""How many planted spikes the spike rule finds in years of little talk, how soon, and how often it cries for nothing.

Beside it stand the rule that is usual elsewhere (more in an hour than the mean and three standard deviations of the last
week's hours), and somebody who knows everything but whether there is a spike: the true rates and spreads, and which hours
to look at. What that one cannot tell from chance at the same risk of a false alert, no rule can: three times of next to
nothing is next to nothing. The years that are measured here are not those that the rule was tuned on (seeds 1 to 11).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from math import ceil, sqrt
from statistics import median
from typing import NamedTuple

from listener.alerts.rules.counts import chance_of_at_least
from listener.alerts.rules.spike import OPTIONS, Said, spike
from listener.alerts.rules.usual import HOUR, SCALES, WARM_UP, Usual, learn
from tests.bench.brandyears import BEGIN, DAY_SPREAD, DAYS, HOUR_SPREAD, Plant, Year, at_hour, live

BRANDS, SEED = 30, 12
COOLDOWN = timedelta(hours=6)
_ASKED = timedelta(minutes=5)
_LEARNT = timedelta(days=3)
"""The program learns every day, which takes twice as long here and changes little."""
_DAY = timedelta(days=1)
_SOON, _CAUSED = 6, 24
"""An alert within so many hours of its end has found a spike; within so many it is no false alert."""
_VOLUMES = ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 5.1))
_FALSE, _FOUND = 1.0, 0.9


class Tried(NamedTuple):
    """One spike and what came of it: whether it had the mentions, authors and stories that the rule asks for, whether
    it could be told from chance, and after how many hours it was found, None if it was not."""

    enough: bool
    knowable: bool
    delay: float | None


class Brand(NamedTuple):
    mean: float
    tried: tuple[Tried, ...]
    false: int
    usual_rule: tuple[Tried, ...]
    usual_false: int


def run(option: str = "") -> str:
    """The table; `--quick` for ten brands. Raises AssertionError when a mark is missed."""
    brands, started = 10 if option == "--quick" else BRANDS, time.perf_counter()
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        lived = list(pool.map(partial(_brand, of=brands), range(brands)))
    lines = [f"{brands} brands, a year each: {sum(len(one.tried) for one in lived)} spikes of 3× for 3 to 12 hours", ""]
    lines.append(
        f"{'mentions an hour':<20}{'planted':>8}{'found':>7}{'enough':>8}{'found':>7}{'knowable':>10}{'found':>7}"
        f"{'delay h':>9}{'false a month':>15}{'most':>6}"
    )
    for low, high in _VOLUMES:
        some = [one for one in lived if low <= one.mean < high]
        lines.append(_row(f"{low:.1f} to {high:.1f}", some, [(one.tried, one.false) for one in some]))
    every = [(one.tried, one.false) for one in lived]
    lines.append(_row("all", lived, every))
    lines.append(_row("mean + 3 sd, all", lived, [(one.usual_rule, one.usual_false) for one in lived]))
    knowable = [one.delay is not None for brand in lived for one in brand.tried if one.knowable]
    found, false = sum(knowable) / len(knowable), sum(one.false for one in lived) / len(lived) / _months()
    marks = (("found of what can be known", found, found >= _FOUND), ("false a month", false, false <= _FALSE))
    lines += ["", *(f"{name} {figure:.2f}: {'kept' if kept else 'MISSED'}" for name, figure, kept in marks)]
    lines.append(f"{time.perf_counter() - started:.0f} s")
    assert all(kept for *_, kept in marks), "\n".join(lines)
    return "\n".join(lines)


def _row(name: str, brands: Sequence[Brand], came: Sequence[tuple[tuple[Tried, ...], int]]) -> str:
    tried = [one for some, _ in came for one in some]
    false = [number / _months() for _, number in came]
    delays = [one.delay for one in tried if one.delay is not None]
    cells = ""
    for some, width in ((tried, 8), ([o for o in tried if o.enough], 8), ([o for o in tried if o.knowable], 10)):
        share = sum(one.delay is not None for one in some) / len(some) if some else 0.0
        cells += f"{len(some):>{width}}{share:>7.0%}"
    mean = sum(false) / len(false) if brands else 0.0
    late = f"{median(delays):.1f}" if delays else ""
    return f"{name:<20}{cells}{late:>9}{mean:>15.2f}{max(false, default=0):>6.2f}"


def _months() -> float:
    return (DAYS - (WARM_UP + 2 * _DAY).days) / 30.4


def _brand(number: int, of: int) -> Brand:
    year = live(number, of, SEED)
    facts = [(_enough(year, plant), _knowable(year, plant)) for plant in year.plants]
    ours, false = _judged(year, facts, list(spikes_of(year)))
    theirs, usual_false = _judged(year, facts, list(_three_deviations(year)))
    return Brand(year.mean, ours, false, theirs, usual_false)


def _judged(
    year: Year, facts: Sequence[tuple[bool, bool]], alerts: Sequence[datetime]
) -> tuple[tuple[Tried, ...], int]:
    tried, caused = [], set()
    for plant, (enough, knowable) in zip(year.plants, facts, strict=True):
        begin, end = at_hour(plant.first), at_hour(plant.end)
        its = [at for at in alerts if begin < at <= end + _CAUSED * HOUR]
        caused.update(its)
        delay = (its[0] - begin) / HOUR if its and its[0] <= end + _SOON * HOUR else None
        tried.append(Tried(enough, knowable, delay))
    return tuple(tried), len(alerts) - len(caused)


def _inside(year: Year, plant: Plant) -> list[Said]:
    begin, end = at_hour(plant.first), at_hour(plant.end)
    return [one for one in year.said if begin <= one.at < end]


def _enough(year: Year, plant: Plant) -> bool:
    inside = _inside(year, plant)
    voices, stories = {one.voice for one in inside}, {one.story for one in inside}
    floors = (OPTIONS.mentions, OPTIONS.authors, OPTIONS.stories)
    return all(has >= floor for has, floor in zip((len(inside), len(voices), len(stories)), floors, strict=True))


def _knowable(year: Year, plant: Plant) -> bool:
    hours = plant.end - plant.first
    told = sum(one.first for one in _inside(year, plant))
    chance = chance_of_at_least(told, plant.usual, DAY_SPREAD + HOUR_SPREAD / hours)
    return chance <= OPTIONS.chance * hours / max(SCALES) and _enough(year, plant)


def spikes_of(year: Year) -> Iterator[datetime]:
    """When the rule would have fired: asked whenever something new is there."""
    learned: tuple[datetime, Usual | None] = (BEGIN, None)
    recent: deque[Said] = deque()  # what was said in the last day was found in it
    quiet_until = BEGIN
    for at, found in _asked(year):
        recent.extend(found)
        while recent and recent[0].found_at < at - _DAY:
            recent.popleft()
        if len(recent) < OPTIONS.mentions or at < quiet_until:
            continue
        today = BEGIN + (at - BEGIN) // _LEARNT * _LEARNT
        if learned[0] != today:
            known = max((today - _DAY - BEGIN) // HOUR, 0)
            learned = (today, learn(year.hours[:known]) if known else None)
        if learned[1] and spike(learned[1], list(recent), at, year.heard_since(at), quiet_until - COOLDOWN):
            yield at
            quiet_until = at + COOLDOWN


def _asked(year: Year) -> Iterator[tuple[datetime, list[Said]]]:
    """Each time at which something new was there, with it."""
    at, found = BEGIN, list[Said]()
    for one in year.said:
        due = BEGIN + ceil((one.found_at - BEGIN) / _ASKED) * _ASKED
        if due != at and found:
            yield at, found
            found = []
        at = due
        found.append(one)
    if found:
        yield at, found


def _three_deviations(year: Year) -> Iterator[datetime]:
    """More found in an hour than the mean and three standard deviations of the last week's."""
    found = [0] * (DAYS * 24 + 1)
    for one in year.said:
        found[min((one.found_at - BEGIN) // HOUR, DAYS * 24)] += 1
    week = 7 * 24
    quiet_until = BEGIN
    total, squares = float(sum(found[:week])), float(sum(many * many for many in found[:week]))
    for hour in range(week, DAYS * 24):
        mean = total / week
        at = at_hour(hour + 1)
        if found[hour] > mean + 3 * sqrt(max(squares / week - mean * mean, 0)) and at >= quiet_until:
            yield at
            quiet_until = at + COOLDOWN
        total += found[hour] - found[hour - week]
        squares += found[hour] ** 2 - found[hour - week] ** 2
