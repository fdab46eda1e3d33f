"""Drifts: what changes slowly is told once, with since when; chance and single days are not."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.alerts.rules.drift import WARM_UP_DAYS, Day, Drift, What, changes, drift

_BEGIN = date(2026, 1, 5)
_MONTHS = 120


def _days(mean: float, share: float, days: int = _MONTHS, *, seed: int = 1, begin: int = 0) -> list[Day]:
    """Half as much is said at weekends."""
    chance = random.Random(seed)
    made = []
    for number in range(begin, begin + days):
        day = _BEGIN + timedelta(days=number)
        usual = mean * (0.5 if day.weekday() > 4 else 1)
        mentions = sum(chance.random() < usual / 100 for _ in range(100))
        opinions = sum(chance.random() < 0.7 for _ in range(mentions))
        made.append(Day(day, mentions, opinions, sum(chance.random() < share for _ in range(opinions))))
    return made


def _all(days: list[Day], what: What) -> list[Drift]:
    return list(changes(days, what))


def _changed(mean: float, share: float) -> list[Day]:
    return _days(10, 0.2) + _days(mean, share, 40, seed=2, begin=_MONTHS)


def test_more_is_said_since_when_and_how_much() -> None:
    found, *others = _all(_changed(18, 0.2), "volume")
    assert not others
    assert found.up
    changed = _BEGIN + timedelta(days=_MONTHS)
    assert abs((found.since - changed).days) <= 3
    assert (found.told - changed).days <= 14
    assert found.before == pytest.approx(8.6, rel=0.15)
    assert found.now == pytest.approx(15.4, rel=0.25)
    assert found.reasons[0].startswith(f"Slowly more is said: {found.now:.1f} mentions a day since ")


def test_less_is_said() -> None:
    found, *others = _all(_changed(4, 0.2), "volume")
    assert not others
    assert not found.up
    assert found.reasons[0].startswith("Slowly less is said: ")


def test_more_of_them_are_detractors_though_as_much_is_said() -> None:
    days = _changed(10, 0.5)
    found, *others = _all(days, "detractors")
    assert not others
    assert found.up
    assert found.before == pytest.approx(0.2, abs=0.05)
    assert found.now == pytest.approx(0.5, abs=0.12)
    assert _all(days, "volume") == []
    assert " of opinions since " in found.reasons[0]


@pytest.mark.parametrize("what", ["volume", "detractors"])
@pytest.mark.parametrize("mean", [0.5, 2.0, 10.0, 40.0])
def test_chance_alone_is_told_less_than_once_a_year(what: What, mean: float) -> None:
    years = 4
    assert sum(len(_all(_days(mean, 0.3, 300, seed=seed), what)) for seed in range(years)) <= years // 2


def test_who_asks_every_day_is_told_the_same_once() -> None:
    days = _changed(18, 0.2)
    asked = [drift(days[: upto + 1], "volume") for upto in range(_MONTHS, len(days))]
    assert [one for one in asked if one is not None] == _all(days, "volume")


def test_a_loud_day_is_no_drift() -> None:
    days = _days(10, 0.2)
    loud = days[100]._replace(mentions=90, opinions=80, detractors=80)
    days[100] = loud
    assert _all(days, "volume") == _all(days, "detractors") == []


def test_weekends_are_no_drift() -> None:
    assert _all(_days(60, 0.2), "volume") == []


def test_days_that_were_not_heard_count_for_nothing() -> None:
    days = _days(10, 0.2)
    for number in range(60, 80):
        days[number] = days[number]._replace(mentions=0, opinions=0, detractors=0, heard=0.3)
    assert _all(days, "volume") == []


def test_in_the_first_weeks_nothing_is_told() -> None:
    days = _days(2, 0.2, WARM_UP_DAYS // 2) + _days(30, 0.9, WARM_UP_DAYS // 2, begin=WARM_UP_DAYS // 2)
    assert _all(days, "volume") == _all(days, "detractors") == []


def test_a_little_change_of_much_is_not_worth_telling() -> None:
    even = [Day(_BEGIN + timedelta(days=n), 10_000, 9_000, 3_000) for n in range(100)]
    more = [one._replace(mentions=11_000, opinions=9_900, detractors=3_500) for one in even[60:]]
    assert _all(even[:60] + more, "volume") == _all(even[:60] + more, "detractors") == []


_DAY = st.tuples(st.integers(0, 200), st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))


@settings(max_examples=40, deadline=None)
@given(st.lists(_DAY, min_size=1, max_size=90), st.sampled_from(["volume", "detractors"]))
def test_whatever_the_days_were_they_are_judged_without_a_fault(
    said: list[tuple[int, float, float, float]], what: What
) -> None:
    days = []
    for number, (mentions, opinions, detractors, heard) in enumerate(said):
        spoken = int(mentions * opinions)
        days.append(Day(_BEGIN + timedelta(days=number), mentions, spoken, int(spoken * detractors), heard))
    for found in changes(days, what):
        assert found.since <= found.told
        assert found.before != found.now
