"""Turns at a host that processes share: when, for how long, and what becomes of trouble. What one process does by itself
is in tests/test_http.py."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import RateLimited, Stopped
from connectors.manners import Turns

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """Moves only when somebody waits, and knows for how long."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


class Stop(threading.Event):
    """`wait` takes no time but that of the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.waits.append(timeout or 0.0)
        self._clock.seconds += timeout or 0.0
        return self.is_set()


class Others:
    """What other processes say: `wait` and `closed` are the next answer."""

    def __init__(self) -> None:
        self.wait = self.closed = 0.0
        self.booked: list[tuple[str, float]] = []
        self.rested: list[tuple[str, float, float]] = []
        self.error: Exception | None = None

    def book(self, host: str, gap: float) -> tuple[float, float]:
        if self.error:
            raise self.error
        self.booked.append((host, gap))
        return self.wait, self.closed

    def rest(self, host: str, gap: float, closed: float) -> None:
        self.rested.append((host, gap, closed))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def others() -> Others:
    return Others()


def turns(clock: Clock, others: Others, gap: float | None = 2.0) -> Turns:
    return Turns(gap, clock.now, clock.monotonic, Stop(clock), others)


def test_a_turn_begins_when_all_the_others_have_had_theirs(clock: Clock, others: Others) -> None:
    others.wait = 3.5
    with turns(clock, others).take("blog.example", 443):
        assert clock.seconds == 3.5
        assert others.booked == [("blog.example:443", 2.0)]
        assert others.rested == [], "it has only begun"
    assert others.rested == [("blog.example:443", 2.0, 0.0)]


def test_the_longer_of_the_own_gap_and_what_the_others_say_counts(clock: Clock, others: Others) -> None:
    mine = turns(clock, others)
    for _ in range(2):
        with mine.take("blog.example", 443):
            pass
    assert clock.seconds == 2.0, "its own gap, though the others would let it in"
    others.wait = 5.0
    with mine.take("blog.example", 443):
        pass
    assert clock.seconds == 7.0, "theirs, and not both one after the other"


def test_what_a_host_told_others_holds_here_without_a_request(clock: Clock, others: Others) -> None:
    mine = turns(clock, others)
    others.closed = 600.0
    with pytest.raises(RateLimited) as told, mine.take("blog.example", 443):
        pytest.fail("it was asked")
    assert told.value.retry_after == NOW + timedelta(seconds=600)
    others.closed = 0.0
    with pytest.raises(RateLimited), mine.take("blog.example", 443):
        pytest.fail("it was asked")
    assert len(others.booked) == 1, "it is remembered: nobody is asked again"
    clock.seconds = 601
    with mine.take("blog.example", 443):
        pass


def test_what_a_host_says_here_is_told_to_others_with_the_time_that_is_left(clock: Clock, others: Others) -> None:
    with turns(clock, others).take("blog.example", 443) as turn:
        turn.closed_until = NOW + timedelta(seconds=90)
        clock.seconds = 30
    assert others.rested == [("blog.example:443", 2.0, 60.0)]
    with turns(clock, others).take("blog.example", 443) as turn:
        turn.closed_until = NOW - timedelta(seconds=5)
    assert others.rested[1] == ("blog.example:443", 2.0, 0.0), "a wish that is over is none"


def test_hosts_without_a_gap_are_nobody_elses_business(clock: Clock, others: Others) -> None:
    with turns(clock, others, 0.0).take("blog.example", 443):
        pass
    private = turns(clock, others, None)
    with private.take("intranet", 80) as turn:  # not known to be private before it was asked
        turn.private = True
    others.booked.clear()
    with private.take("intranet", 80):
        pass
    assert (others.booked, others.rested) == ([], [])


def test_ports_of_a_host_have_turns_of_their_own(clock: Clock, others: Others) -> None:
    mine = turns(clock, others)
    for port in (80, 443):
        with mine.take("blog.example", port):
            pass
    assert [host for host, _ in others.booked] == ["blog.example:80", "blog.example:443"]
    assert clock.seconds == 0


def test_others_that_cannot_be_asked_leave_the_turn_free_for_the_next(clock: Clock, others: Others) -> None:
    mine = turns(clock, others)
    others.error = OSError("the database is away")
    with pytest.raises(OSError), mine.take("blog.example", 443):
        pytest.fail("it was asked though nobody knows whether it may be")
    others.error = None
    with mine.take("blog.example", 443):
        pass


def test_a_request_that_fails_ends_its_turn_for_the_others_too(clock: Clock, others: Others) -> None:
    with pytest.raises(ValueError), turns(clock, others).take("blog.example", 443):
        raise ValueError
    assert others.rested == [("blog.example:443", 2.0, 0.0)]


def test_who_is_stopped_while_the_others_have_their_turns_does_not_begin(clock: Clock, others: Others) -> None:
    stopped = Stop(clock)
    mine = Turns(2.0, clock.now, clock.monotonic, stopped, others)
    others.wait = 3.0
    stopped.set()
    with pytest.raises(Stopped), mine.take("blog.example", 443):
        pytest.fail("it was asked")
