"""The engine takes turns by lane and survives its jobs; the clock ticks until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

import pytest

from listener.schedule.clock import Clock
from listener.schedule.engine import Job, ThreadEngine

_SOON = 5.0
"""Seconds that nothing here needs: a test that waits so long has failed."""


@pytest.fixture
def engine() -> Iterator[ThreadEngine]:
    engine = ThreadEngine(3)
    yield engine
    engine.stop(_SOON)


class Held:
    """A job that says when it has begun and ends when it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self) -> None:
        self.began.set()
        assert self.let_go.wait(_SOON)


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work


def test_every_job_is_done(engine: ThreadEngine) -> None:
    done: list[int] = []
    for number in range(50):
        assert engine.submit(Job(str(number), f"lane {number % 7}", partial(done.append, number)))
    assert engine.wait(_SOON)
    assert sorted(done) == list(range(50))


def test_jobs_of_a_lane_run_one_at_a_time_in_the_order_given(engine: ThreadEngine) -> None:
    running: list[int] = []
    seen: list[tuple[int, int]] = []

    def work(number: int) -> None:
        running.append(number)
        seen.append((number, len(running)))
        running.remove(number)

    for number in range(30):
        engine.submit(Job(str(number), "one host", partial(work, number)))
    assert engine.wait(_SOON)
    assert seen == [(number, 1) for number in range(30)]


def test_a_lane_that_hangs_holds_one_thread_and_the_others_go_on(engine: ThreadEngine) -> None:
    held, behind, elsewhere = Held(), threading.Event(), threading.Event()
    engine.submit(Job("slow", "slow host", held))
    assert held.began.wait(_SOON)
    for number in range(5):
        engine.submit(Job(f"behind {number}", "slow host", behind.set))
    engine.submit(Job("other", "other host", elsewhere.set))
    assert elsewhere.wait(_SOON)
    assert not behind.is_set()
    held.let_go.set()
    assert engine.wait(_SOON)
    assert behind.is_set()


def test_a_name_is_refused_while_it_runs_or_waits_and_taken_again_afterwards(engine: ThreadEngine) -> None:
    held = Held()
    assert engine.submit(Job("a", "lane", held))
    assert held.began.wait(_SOON)
    assert engine.submit(Job("b", "lane", lambda: None))
    assert not engine.submit(Job("a", "other lane", lambda: None))
    assert not engine.submit(Job("b", "lane", lambda: None))
    held.let_go.set()
    assert engine.wait(_SOON)
    assert engine.submit(Job("a", "lane", lambda: None))


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_job_that_raises_costs_no_worker_and_its_lane_goes_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    engine, done = ThreadEngine(1), threading.Event()
    with caplog.at_level(logging.ERROR):
        for number in range(3):
            engine.submit(Job(f"bad {number}", "lane", _raising(error)))
        engine.submit(Job("good", "lane", done.set))
        assert engine.wait(_SOON)
    assert done.is_set()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["bad 0", "bad 1", "bad 2"]
    assert engine.stop(_SOON)


def test_stop_drops_what_waits_and_lets_what_runs_end(engine: ThreadEngine) -> None:
    held, dropped = Held(), threading.Event()
    engine.submit(Job("runs", "lane", held))
    assert held.began.wait(_SOON)
    engine.submit(Job("waits", "lane", dropped.set))
    assert not engine.stop(0)
    held.let_go.set()
    assert engine.wait(_SOON)
    assert not dropped.is_set()
    assert not engine.submit(Job("late", "lane", dropped.set))


def test_wait_says_when_the_time_is_up(engine: ThreadEngine) -> None:
    held = Held()
    engine.submit(Job("runs", "lane", held))
    assert not engine.wait(0.01)
    held.let_go.set()
    assert engine.wait(_SOON)


def test_an_idle_engine_has_nothing_to_wait_for(engine: ThreadEngine) -> None:
    assert engine.wait(0)
    assert engine.stop(0)


def test_a_job_may_submit_another(engine: ThreadEngine) -> None:
    done = threading.Event()
    engine.submit(Job("first", "lane", lambda: engine.submit(Job("second", "lane", done.set))))
    assert engine.wait(_SOON)
    assert done.is_set()


def test_jobs_come_from_many_threads_and_each_name_runs_once_at_a_time(engine: ThreadEngine) -> None:
    guard = threading.Lock()
    active: set[str] = set()
    clashes: list[str] = []
    accepted = threading.Semaphore(0)

    def work(name: str) -> None:
        with guard:
            if name in active:
                clashes.append(name)
            active.add(name)
        with guard:
            active.discard(name)

    def offer() -> None:
        for number in range(200):
            name = str(number % 10)
            if engine.submit(Job(name, f"lane {name}", partial(work, name))):
                accepted.release()

    threads = [threading.Thread(target=offer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_SOON)
    assert engine.wait(_SOON)
    assert clashes == []
    assert accepted.acquire(timeout=0)


def test_the_clock_ticks_until_it_is_stopped() -> None:
    third = threading.Event()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(len(ticks))
        if len(ticks) == 3:
            third.set()

    clock = Clock(tick, 0.02)
    clock.start()
    assert third.wait(_SOON)
    clock.stop()
    stopped_at = len(ticks)
    assert not threading.Event().wait(0.06)
    assert len(ticks) == stopped_at


def test_a_tick_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    second = threading.Event()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) > 1:
            second.set()
        raise ValueError("the database is locked")

    clock = Clock(tick, 0.02)
    with caplog.at_level(logging.CRITICAL, logger="apscheduler"):
        clock.start()
        assert second.wait(_SOON)
        clock.stop()


def test_a_slow_tick_is_never_run_twice_at_once(caplog: pytest.LogCaptureFixture) -> None:
    running = threading.Semaphore(1)
    overlaps: list[bool] = []
    third = threading.Event()
    ticks: list[int] = []

    def tick() -> None:
        overlaps.append(not running.acquire(blocking=False))
        threading.Event().wait(0.05)
        running.release()
        ticks.append(1)
        if len(ticks) == 3:
            third.set()

    clock = Clock(tick, 0.02)
    with caplog.at_level(logging.CRITICAL, logger="apscheduler"):
        clock.start()
        assert third.wait(_SOON)
        clock.stop()
    assert not any(overlaps)
