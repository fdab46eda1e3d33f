"""Spikes: the arithmetic of small counts, what is usual, and what is told of."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.alerts.rules.counts import chance_of, chance_of_at_least, usual_range
from listener.alerts.rules.hours import Spikes
from listener.alerts.rules.spike import Said, Spike, spike
from listener.alerts.rules.usual import HOUR, SCALES, Hour, Usual, hour_of_week, learn
from storage.records import Arrival, stamp
from storage.sqlite import SqliteStore
from tests.made import arrival, mention, run, watch

_MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
_WEEKS = 8
_END = _MONDAY + timedelta(weeks=_WEEKS)
_AT = _END + timedelta(days=1, hours=14)
_LONG_AGO = _MONDAY

_MEANS = st.floats(0.01, 200)
_DISPERSIONS = st.sampled_from([0.0, 0.02, 0.3, 2.0])


# -- small counts


def test_the_tail_of_a_poisson_count_by_hand() -> None:
    assert chance_of_at_least(2, 1.0, 0.0) == pytest.approx(1 - 2 / math.e)
    assert chance_of_at_least(0, 3.0, 0.5) == 1.0
    assert chance_of_at_least(1, 0.0, 0.0) == 0.0


def test_the_tail_of_a_negative_binomial_count_by_hand() -> None:
    """φ = 1 is the geometric distribution: P(X ≥ k) = (μ / (1 + μ))^k."""
    for count in (1, 5, 60):
        assert chance_of_at_least(count, 3.0, 1.0) == pytest.approx(0.75**count, rel=1e-9)


@given(st.integers(1, 400), _MEANS, _DISPERSIONS)
def test_the_tail_is_what_the_counts_below_leave(count: int, mean: float, dispersion: float) -> None:
    below = math.fsum(chance_of(k, mean, dispersion) for k in range(count))
    assert chance_of_at_least(count, mean, dispersion) == pytest.approx(1 - below, abs=1e-9)


@given(st.integers(0, 300), _MEANS, _DISPERSIONS)
def test_more_is_less_likely_and_spread_makes_it_likelier(count: int, mean: float, dispersion: float) -> None:
    here = chance_of_at_least(count, mean, dispersion)
    assert 0 <= chance_of_at_least(count + 1, mean, dispersion) <= here <= 1
    if count > 3 * mean + 3:
        assert chance_of_at_least(count, mean, dispersion + 0.5) >= here


@given(_MEANS, _DISPERSIONS)
def test_the_usual_range_leaves_a_fortieth_on_either_side(mean: float, dispersion: float) -> None:
    low, high = usual_range(mean, dispersion)
    assert 0 <= low <= high
    assert chance_of_at_least(high + 1, mean, dispersion) <= 0.025 + 1e-9
    assert 1 - chance_of_at_least(low, mean, dispersion) <= 0.025 + 1e-9


# -- what is usual


def _past(rate: float, weeks: float = _WEEKS, *, seed: int = 1, night: float = 0.2, **others: Any) -> list[Hour]:
    """By day as often as by night 1 / `night`; `others` change hours by their number."""
    chance = random.Random(seed)
    changed = others.get("changed", {})
    hours = []
    for number in range(round(weeks * 168)):
        start = _END + (number - round(weeks * 168)) * HOUR
        usual = rate * (night if start.hour < 8 else 1)
        told = sum(chance.random() < usual / 50 for _ in range(50))
        hours.append(Hour(start, *changed.get(number, (told, 1.0))))
    return hours


@cache
def _usual(rate: float = 1.0) -> Usual:
    learned = learn(_past(rate))
    assert learned is not None
    return learned


def test_the_rate_of_an_hour_of_the_week_is_learned() -> None:
    usual = _usual(2.0)
    day, night = usual.expected(_AT - 4 * HOUR, _AT), usual.expected(_AT - 13 * HOUR, _AT - 9 * HOUR)
    assert day == pytest.approx(8, rel=0.25)
    assert night == pytest.approx(1.6, rel=0.35)


def test_parts_of_hours_count_by_their_part() -> None:
    usual, quarter = _usual(), timedelta(minutes=15)
    parts = [usual.expected(_AT + n * quarter, _AT + (n + 1) * quarter) for n in range(3, 11)]
    assert math.fsum(parts) == pytest.approx(usual.expected(_AT + 3 * quarter, _AT + 11 * quarter))


def test_of_next_to_nothing_no_hour_is_impossible() -> None:
    usual = learn([hour._replace(told=0) for hour in _past(1.0)])
    assert usual is not None
    assert all(0 < rate < 0.01 for rate in usual.rates)


@pytest.mark.parametrize("weeks", [0.1, 1.9])
def test_nothing_is_usual_before_two_weeks_are_known(weeks: float) -> None:
    assert learn(_past(1.0, weeks)) is None


def test_nothing_is_usual_where_hardly_anybody_listened() -> None:
    assert learn([hour._replace(heard=0.5) for hour in _past(1.0)]) is None
    assert learn([]) is None


def test_hours_that_were_not_heard_teach_nothing() -> None:
    deaf = learn(_past(1.0, changed=dict.fromkeys(range(600, 900), (0, 0.1))))
    assert deaf is not None
    assert sum(deaf.rates) == pytest.approx(sum(_usual().rates), rel=0.1)


def test_an_earlier_spike_is_not_taken_for_usual() -> None:
    spiked = learn(_past(1.0, changed=dict.fromkeys(range(1208, 1220), (12, 1.0))))
    assert spiked is not None
    assert sum(spiked.rates) == pytest.approx(sum(_usual().rates), rel=0.05)
    assert max(spiked.dispersions.values()) < 0.25


def test_days_that_come_in_runs_are_known_to_be_uneven() -> None:
    chance = random.Random(3)
    days = [chance.gammavariate(4, 1 / 4) for _ in range(56)]
    uneven = learn(
        [hour._replace(told=round(6 * days[number // 24] + chance.random())) for number, hour in enumerate(_past(1.0))]
    )
    assert uneven is not None
    assert uneven.dispersions[24] > 0.1


def test_hours_of_the_week_are_those_of_the_zone() -> None:
    assert hour_of_week(_MONDAY) == 0
    assert hour_of_week(_MONDAY, ZoneInfo("America/New_York")) == 6 * 24 + 20


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.5, 0.9, 1.0])), min_size=336, max_size=350))
def test_whatever_the_past_was_it_is_learned_without_a_fault(past: list[tuple[int, float]]) -> None:
    learned = learn([Hour(_MONDAY + number * HOUR, *hour) for number, hour in enumerate(past)])
    if learned is not None:
        assert len(learned.rates) == 168
        assert all(rate > 0 for rate in learned.rates)
        assert set(learned.dispersions) == set(SCALES)


# -- spikes


def _said(many: int, hours: float = 3, *, voices: int = 0, stories: int = 0, found: float = 0.1) -> list[Said]:
    """So many mentions spread over the last hours, each by its own voice and of its own story unless said otherwise."""
    made = []
    for number in range(many):
        at = _AT - hours * HOUR * (number + 0.5) / many
        story = number % (stories or many)
        first = number < (stories or many)
        made.append(Said(at, at + found * HOUR, number % (voices or many), f"story {story}", first))
    return made


def _look(said: list[Said], heard_since: datetime = _LONG_AGO, told_until: datetime | None = None) -> Spike | None:
    return spike(_usual(), said, _AT, heard_since, told_until)


def test_three_times_the_usual_by_many_is_a_spike_and_says_why() -> None:
    found = _look(_said(16, 4))
    assert found is not None
    assert (found.mentions, found.authors, found.stories, found.told) == (16, 16, 16, 16)
    assert found.until == _AT
    assert found.low < found.expected < found.high < 16
    assert found.reasons[0].startswith("16 mentions by 16 people in ")
    assert f"(95 %: {found.low}–{found.high})." in found.reasons[0]
    assert found.reasons[1] == "They tell 16 separate stories."


def test_the_usual_is_no_spike() -> None:
    assert _look(_said(5, 4)) is None
    assert _look([]) is None


def test_of_next_to_nothing_a_few_are_not_enough() -> None:
    silent = learn([hour._replace(told=0) for hour in _past(1.0)])
    assert silent is not None
    assert spike(silent, _said(4), _AT, _LONG_AGO) is None
    assert spike(silent, _said(5), _AT, _LONG_AGO) is not None


@pytest.mark.parametrize("said", [_said(30, voices=2), _said(30, voices=1), _said(30, stories=1)])
def test_few_people_or_one_story_are_no_spike_however_loud(said: list[Said]) -> None:
    assert _look(said) is None


def test_one_story_that_goes_around_among_the_usual_is_no_spike() -> None:
    copied = [one._replace(story="copied", first=number == 0) for number, one in enumerate(_said(40))]
    assert _look(copied + _said(4)) is None


def test_of_a_loud_voice_three_mentions_count() -> None:
    loud = [one._replace(voice=1) for one in _said(20)]
    assert _look(loud + [one._replace(voice=one.voice + 9) for one in _said(3)]) is None


def test_what_is_copied_is_said_to_be() -> None:
    copied = [one._replace(story="copied", first=False) for one in _said(6)]
    found = _look(_said(16, 4) + copied)
    assert found is not None
    assert (found.top_story, found.top_mentions, found.told) == ("copied", 6, 16)
    assert found.reasons[1] == (
        "They tell 17 separate stories, one of them 6 times. Copies and loud voices aside, 16 are counted."
    )


def test_what_was_not_known_yet_makes_no_spike() -> None:
    assert _look(_said(16, found=9)) is None


def test_after_an_outage_nothing_is_told_for_a_day() -> None:
    assert _look(_said(16), _AT - 20 * HOUR) is None
    assert _look(_said(16), _AT - 25 * HOUR) is None
    assert _look(_said(16), _AT - 29 * HOUR) is not None


def test_what_was_told_is_not_told_again() -> None:
    assert _look(_said(16), told_until=_AT - HOUR) is None
    assert _look(_said(16, 2), told_until=_AT - 4 * HOUR) is not None


# -- from the store


def _found(
    number: int, at: datetime, found: datetime | None = None, source: str = "blogs", backfill: int = 0
) -> Arrival:
    made = arrival(str(number), at=stamp(at), source=source, handle=f"person {number}")
    its, score = mention(made.post, "Acme", "detractor", found_at=stamp(found or at), backfill=backfill)
    return made._replace(mentions=((its, score),))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    """Nine weeks with a mention every other hour, heard every hour, and 14 mentions in the three hours before _AT."""
    store = SqliteStore(Path(tmp_path_factory.mktemp("spikes")) / "filled.db")
    store.migrate()
    times = [_MONDAY + number * HOUR for number in range(0, round((_AT - _MONDAY) / HOUR), 2)]
    times += [_AT - timedelta(minutes=12) * number for number in range(1, 15)]
    store.add_page([_found(number, at) for number, at in enumerate(times)], stamp(_AT))
    _hear(store, "blogs", _MONDAY, _AT)
    return store


def _hear(store: SqliteStore, source: str, since: datetime, until: datetime) -> None:
    of = watch(source)
    with store._write() as connection:
        hours = [stamp(since + number * HOUR) for number in range(round((until - since) / HOUR) + 1)]
        connection.executemany("INSERT INTO heard_hours VALUES (?, ?)", [(source, hour[:13]) for hour in hours])
    store.sync_watches([of])
    store.finish_run(run(of, finished_at=stamp(until)), stamp(until))


def test_a_spike_is_found_in_the_store_and_found_again_later(filled: SqliteStore) -> None:
    found = Spikes(filled, ["blogs"]).look("Acme", _AT)
    assert found is not None
    assert found.mentions >= 14
    assert found.until == _AT
    _hear(filled, "blogs", _AT + 2 * HOUR, _AT + 50 * HOUR)
    again = Spikes(filled, ["blogs"])
    assert again.look("Acme", _AT + 50 * HOUR) is None
    assert again.look("Acme", _AT) == found
    assert Spikes(filled, ["blogs"]).look("Acme", _AT - 4 * HOUR) is None


def test_sources_that_are_not_asked_and_brands_nobody_speaks_of_have_no_spikes(filled: SqliteStore) -> None:
    assert Spikes(filled, ["forum"]).look("Acme", _AT) is None
    assert Spikes(filled, ["blogs"]).look("Globex", _AT) is None


def test_a_source_that_is_new_makes_no_spike(filled: SqliteStore) -> None:
    at = _AT - 30 * HOUR
    new = [_found(9000 + number, at - number * timedelta(minutes=5), source="forum") for number in range(1, 30)]
    history = [_found(9100 + number, at - number * timedelta(minutes=5), backfill=1) for number in range(1, 30)]
    late = [_found(9200 + number, at - number * timedelta(minutes=5), _AT + 90 * HOUR) for number in range(1, 30)]
    filled.add_page([*new, *history, *late], stamp(_AT))
    _hear(filled, "forum", at - 100 * HOUR, at)
    assert Spikes(filled, ["blogs", "forum"]).look("Acme", at) is None


def test_after_a_gap_in_what_was_heard_nothing_is_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gap.db")
    store.migrate()
    burst = [_AT - timedelta(minutes=12) * number for number in range(1, 15)]
    store.add_page([_found(number, at) for number, at in enumerate(burst)], stamp(_AT))
    _hear(store, "blogs", _MONDAY, _AT - 20 * HOUR)
    _hear(store, "blogs", _AT - 8 * HOUR, _AT)
    assert Spikes(store, ["blogs"]).look("Acme", _AT) is None
    with store._write() as connection:
        gap = [("blogs", stamp(_AT - hours * HOUR)[:13]) for hours in range(9, 20)]
        connection.executemany("INSERT INTO heard_hours VALUES (?, ?)", gap)
    assert Spikes(store, ["blogs"]).look("Acme", _AT) is not None
    store.close()
