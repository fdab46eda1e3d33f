from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from listener.alerts.quiet import Quiet, parse_quiet

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(22), time(7))

_moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
# Hours around which clocks are shifted, too.
_shifts = st.sampled_from(
    [
        *(datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1), datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)),  # noqa: DTZ001
        *(datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30), datetime(2026, 4, 5, 3), datetime(2026, 9, 6, 4)),  # noqa: DTZ001
    ]
)
_near_shifts = st.builds(
    lambda at, minutes: at.replace(tzinfo=UTC) + timedelta(minutes=minutes), _shifts, st.integers(-600, 600)
)
_times = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@settings(deadline=None)
@given(_moments | _near_shifts, st.sampled_from(ZONES), _times, _times)
def test_quiet_ends_at_the_first_minute_at_which_the_wall_clock_says_so(
    now: datetime, zone_name: str, start: time, end: time
) -> None:
    assume(start != end)
    quiet, zone = Quiet(start, end), ZoneInfo(zone_name)
    until = quiet.until(now, zone)
    if not quiet.at(now, zone):
        assert until is None
        return
    assert until is not None
    assert now < until <= now + timedelta(hours=25)
    assert not quiet.at(until, zone)
    assert quiet.at(until - timedelta(microseconds=1), zone)
    step = (until - now) / 50
    assert all(quiet.at(now + n * step, zone) for n in range(50))


@settings(deadline=None)
@given(_moments | _near_shifts, st.sampled_from(ZONES), _times, _times)
def test_a_span_and_the_rest_of_the_day_share_every_moment_between_them(
    now: datetime, zone_name: str, start: time, end: time
) -> None:
    assume(start != end)
    zone = ZoneInfo(zone_name)
    assert Quiet(start, end).at(now, zone) != Quiet(end, start).at(now, zone)


@settings(deadline=None)
@given(_times, _times)
def test_what_is_written_is_read_back(start: time, end: time) -> None:
    assume(start != end)
    assert parse_quiet(str(Quiet(start, end))) == Quiet(start, end)


@pytest.mark.parametrize(
    "text", ["", "22:00", "22-07", "24:00-07:00", "22:60-07:00", "07:00-07:00", "-", "٢٢:00-07:00"]
)
def test_what_is_no_span_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"22:00-07:00|never be quiet"):
        parse_quiet(text)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),  # the night an hour is skipped
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)),  # an hour is repeated
        (datetime(2026, 7, 1, 12, tzinfo=UTC), None),
        (datetime(2026, 7, 1, 5, tzinfo=UTC), None),  # seven on the dot
    ],
)
def test_a_night_in_berlin_ends_at_seven_whatever_the_clocks_did(now: datetime, until: datetime | None) -> None:
    assert NIGHT.until(now, BERLIN) == until


def test_an_end_that_is_skipped_in_spring_comes_with_the_shift() -> None:
    quiet = parse_quiet("1:00-2:30")
    assert quiet.until(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)
