"""Durations, sizes and points in time mean what people mean by them, or are refused in one sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.quantities import parse_duration, parse_size, parse_when
from tests.conftest import NOW

BERLIN = ZoneInfo("Europe/Berlin")
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        (" 24 h ", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("1.5h", timedelta(minutes=90)),
        (30, timedelta(seconds=30)),
        (0.5, timedelta(milliseconds=500)),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_a_duration_is_a_number_and_a_unit_or_seconds(written: object, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize("written", ["", "m", "15", "15M", "-1s", "1 year", True, None, -3, float("inf"), "36501d"])
def test_what_is_no_duration_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match='is not a duration: write a number .* such as "15m"'):
        parse_duration(written)


@given(_SCALARS)
def test_any_value_is_a_duration_or_a_value_error(value: object) -> None:
    try:
        assert parse_duration(value) >= timedelta(0)
    except ValueError as error:
        assert "is not a duration" in str(error)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10MB", 10_000_000),
        ("500 kB", 500_000),
        ("1k", 1000),
        ("2G", 2_000_000_000),
        ("7", 7),
        (7, 7),
        ("1.5mb", 1_500_000),
    ],
)
def test_a_size_is_a_number_of_bytes(written: object, meant: int) -> None:
    assert parse_size(written) == meant


@pytest.mark.parametrize("written", ["", "MB", "-1", "1KiB", "1e3", True, None])
def test_what_is_no_size_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match='is not a size: write .* such as "10MB"'):
        parse_size(written)


@pytest.mark.parametrize("written", [10**400, "9" * 400 + "MB"], ids=["integer", "text"])
def test_a_size_beyond_all_bounds_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(written)


@given(st.one_of(st.integers(max_value=10**200), st.text(max_size=20), st.floats(max_value=1e200), st.none()))
def test_any_value_is_a_size_or_a_value_error(value: object) -> None:
    try:
        assert parse_size(value) >= 0
    except ValueError as error:
        assert "is not a size" in str(error)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-01", datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, 0, tzinfo=UTC)),
        ("2026-11-01T09:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T09:30Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("2026-11-01T09:30-05:00", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ("90d", NOW - timedelta(days=90)),
        ("12h", NOW - timedelta(hours=12)),
    ],
)
def test_a_point_in_time_is_a_date_or_a_time_in_the_zone_or_how_long_ago(written: str, meant: datetime) -> None:
    at = parse_when(written, BERLIN, NOW)
    assert (at, at.tzinfo) == (meant, UTC)


def test_a_day_of_23_hours_begins_at_its_own_midnight() -> None:
    day, after = (parse_when(text, BERLIN, NOW) for text in ("2026-03-29", "2026-03-30"))
    assert after - day == timedelta(hours=23)


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2026-13-01", "2026-02-30", "0001-01-01", "9999-99-99", "\x00" * 10]
)
def test_what_is_no_point_in_time_is_refused_with_examples(written: str) -> None:
    with pytest.raises(ValueError, match="is not a point in time: write a date"):
        parse_when(written, BERLIN, NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_point_in_time_or_a_value_error(text: str) -> None:
    try:
        assert parse_when(text, BERLIN, NOW).tzinfo is UTC
    except ValueError:
        pass  # the one way to refuse
