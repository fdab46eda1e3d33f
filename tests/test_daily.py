"""What is to be done at a local time is done once a day: over both changes of the clocks, and after a standstill."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.schedule.daily import (
    LATE,
    WEEKDAYS,
    Timetable,
    Weekday,
    due,
    moment_of,
    parse_clock,
    period_before,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo"),
        *("Pacific/Apia", "Asia/Kathmandu", "America/St_Johns", "Asia/Beirut", "Pacific/Chatham"),
    )
]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

zones = st.sampled_from(ZONES)
times = st.times().map(lambda at: at.replace(microsecond=0, tzinfo=None))
dates = st.dates(date(1975, 1, 1), date(2037, 12, 1))


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("zone", "day", "clock", "moment"),
    [
        ("Europe/Berlin", "2026-11-22", "08:00", "2026-11-22T07:00Z"),
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00Z"),  # the clocks leap from 02:00 to 03:00
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30Z"),  # they show it twice
        ("America/New_York", "2026-03-08", "02:00", "2026-03-08T07:00Z"),
        ("America/New_York", "2026-11-01", "01:59", "2026-11-01T05:59Z"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30Z"),  # by half an hour
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45Z"),
        ("America/Santiago", "2026-09-06", "00:00", "2026-09-06T04:00Z"),  # this day has no midnight
        ("America/Santiago", "2026-04-04", "23:30", "2026-04-05T02:30Z"),
        ("Pacific/Apia", "2011-12-30", "08:00", "2011-12-30T10:00Z"),  # and this was no day at all
    ],
)
def test_a_local_time_is_one_moment(zone: str, day: str, clock: str, moment: str) -> None:
    found = moment_of(date.fromisoformat(day), parse_clock(clock), ZoneInfo(zone))
    assert found == datetime.fromisoformat(moment)


@given(dates, times, zones)
def test_it_is_the_first_moment_at_which_the_clocks_are_there(day: date, clock: time, zone: ZoneInfo) -> None:
    found, wall = moment_of(day, clock, zone), datetime.combine(day, clock)

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None)

    assert shown(found) >= wall
    assert all(shown(found - timedelta(minutes=5 * n, seconds=1)) < wall for n in range(36))


@given(
    dates,
    times,
    zones.filter(lambda zone: zone.key != "Pacific/Apia"),
    st.frozensets(st.sampled_from(WEEKDAYS)),
    st.lists(st.integers(1, 22 * 60), min_size=5, max_size=60),
)
def test_no_day_is_left_out_and_none_is_done_twice(
    first: date, clock: time, zone: ZoneInfo, days: frozenset[Weekday], pauses: list[int]
) -> None:
    """Whenever somebody looks, as long as they look before it is too late."""
    table, now = Timetable(clock, tuple(days)), moment_of(first, clock, zone)
    last, done = first - DAY, []
    for minutes in (0, *pauses):
        now += timedelta(minutes=minutes)
        while (day := due(table, zone, last, now)) is not None:
            done.append(day)
            last = day
    wanted = [first + n * DAY for n in range(65)]
    wanted = [one for one in wanted if not days or WEEKDAYS[one.weekday()] in days]
    passed = [one for one in wanted if moment_of(one, clock, zone) <= now]
    assert done == passed


def test_a_day_that_was_none_has_its_turn_when_the_next_begins() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    zone, table, begins = ZoneInfo("Pacific/Apia"), Timetable(time(8)), datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert due(table, zone, date(2011, 12, 29), begins - HOUR) is None
    assert due(table, zone, date(2011, 12, 29), begins) == date(2011, 12, 30)
    assert due(table, zone, date(2011, 12, 30), begins + 7 * HOUR) is None
    assert due(table, zone, date(2011, 12, 30), begins + 8 * HOUR) == date(2011, 12, 31)
    since, until = period_before(date(2011, 12, 31), "day", zone)
    assert since == until, "there is nothing to tell of it"


@given(dates, times, zones, st.integers(0, 40 * 24 * 60))
def test_after_a_standstill_only_the_newest_is_made_up_for(
    last: date, clock: time, zone: ZoneInfo, minutes: int
) -> None:
    now = moment_of(last, clock, zone) + timedelta(minutes=minutes)
    found = due(Timetable(clock), zone, last, now)
    if found is None:
        newest = moment_of(last + DAY, clock, zone)
        assert now < newest or now - newest >= LATE or minutes > 24 * 60
    else:
        assert found > last and timedelta() <= now - moment_of(found, clock, zone) < LATE
        assert now < moment_of(found + DAY, clock, zone)


def test_what_is_a_day_late_is_not_done_any_more() -> None:
    mondays = Timetable(time(8), ("mon",))
    monday = date(2026, 11, 16)
    assert due(mondays, BERLIN, None, at("2026-11-16T07:59")) is None
    assert due(mondays, BERLIN, None, at("2026-11-16T08:00")) == monday
    assert due(mondays, BERLIN, None, at("2026-11-17T07:59")) == monday
    assert due(mondays, BERLIN, None, at("2026-11-17T08:00")) is None
    assert due(mondays, BERLIN, monday, at("2026-11-16T09:00")) is None


@given(dates, zones)
def test_periods_join_without_gap_or_overlap(day: date, zone: ZoneInfo) -> None:
    since, until = period_before(day, "day", zone)
    assert period_before(day + DAY, "day", zone)[0] == until
    assert timedelta() <= until - since <= 25 * HOUR
    begin, end = period_before(day, "week", zone)
    assert begin < end <= until
    assert period_before(end.astimezone(zone).date() + timedelta(days=7), "week", zone)[0] == end


@pytest.mark.parametrize("text", ["8:00", "24:00", "08:60", "0800", "", "08:00:00", "morning", 8])
def test_what_is_no_time_of_day_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a time of day"):
        parse_clock(text)


def test_moments_are_in_utc() -> None:
    assert moment_of(date(2026, 1, 1), time(), BERLIN).tzinfo is UTC
