"""Dates as the world writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dates import parse, plausible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue, 10 Sep 2024 12:00:00 GMT", "2024-09-10T12:00"),
        ("Tue, 10 Sep 2024 12:00:00 +0230", "2024-09-10T09:30"),
        ("Sun, 10 Sep 2024 12:00:00 -0500", "2024-09-10T17:00"),  # the wrong day of the week
        ("10 Sep 24 12:00 CEST", "2024-09-10T10:00"),
        ("Tuesday, 10 September 2024 12:00:00 PDT (Pacific)", "2024-09-10T19:00"),
        ("Tue, 10 Sep 99 12:00 EST", "1999-09-10T17:00"),
        ("Tue, 10 Sep 2024 12:00:00 BST", "2024-09-10T11:00"),
        ("Tue, 10 Sep 2024 12:00:00 AEST", "2024-09-10T02:00"),
        ("Tue, 10 Sep 2024 12:00:00 GMT+02:00", "2024-09-10T10:00"),
        ("Tue, 10 Sep 2024 12:00:00", "2024-09-10T12:00"),
        ("Tue, 10 Sep 2024", "2024-09-10T00:00"),
        ("Tue, 10 Sep 2024 24:00:00 GMT", "2024-09-11T00:00"),
        ("Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00"),
        ("2024-09-10T12:00:00Z", "2024-09-10T12:00"),
        ("2024-09-10t12:00:00z", "2024-09-10T12:00"),
        ("2024-09-10T12:00:00.0000001+02:00", "2024-09-10T10:00"),
        ("2024-09-10T12:00+0200", "2024-09-10T10:00"),
        ("2024-09-10 12:00:00 EST", "2024-09-10T17:00"),
        ("2024-09-10 12:00:00", "2024-09-10T12:00"),
        ("20240910T120000Z", "2024-09-10T12:00"),
        ("2024-09-10", "2024-09-10T00:00"),
        ("2024-9-1", "2024-09-01T00:00"),
        ("2024-09", "2024-09-01T00:00"),
        ("Tue Sep 10 12:00:00 2024", "2024-09-10T12:00"),
        ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00"),
    ],
)
def test_a_date_is_read_as_utc(text: str, expected: str) -> None:
    assert parse(f" {text}\n") == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0000-00-00", "2024-13-01", "Mon, 32 Sep 2024 12:00:00 GMT", "1725962400", "1725962400000",
     "10/09/2024", "Thu, 01 Jan 2004 19:48:21 IST", "Thu, 01 Jan 2004 19:48:21 QQQ", "2024-09-10T12:00:00+99:00",
     "x" * 5000, "9" * 5000],
)  # fmt: skip
def test_what_is_not_certain_is_no_date(text: str) -> None:
    assert parse(text) is None


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_what_python_writes_is_read_back(naive: datetime, minutes: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse(format_datetime(moment)) == parse(moment.isoformat()) == moment


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,4} \d\d:\d\d:\d\d [A-Z+\-0-9]{1,5}")
)
def test_no_text_raises(text: str) -> None:
    moment = parse(text)
    assert moment is None or moment.utcoffset() == timedelta()


def test_no_public_post_is_older_than_1990_or_from_the_future() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert plausible(now + timedelta(hours=24), now)
    assert not plausible(now + timedelta(hours=25), now)
    assert not plausible(datetime(1989, 12, 31, tzinfo=UTC), now)
