"""The engine takes turns by lane and survives its jobs; the clock ticks until it is stopped; a tick hands out what is
due, at its time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn
from unittest import mock

import pytest

from listener.app import App
from listener.cli.run import Rota
from listener.config import read
from listener.schedule.clock import Clock
from listener.schedule.engine import Job, ThreadEngine
from storage.records import Watch, stamp
from tests import made
from tests.conftest import NOW

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


def test_a_tick_that_takes_a_little_too_long_does_not_cost_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    began: list[float] = []
    third = threading.Event()

    def tick() -> None:
        began.append(time.monotonic())
        if len(began) == 3:
            third.set()
        threading.Event().wait(0.22 if len(began) == 1 else 0)

    clock = Clock(tick, 0.2)
    with caplog.at_level(logging.CRITICAL, logger="apscheduler"):
        clock.start()
        assert third.wait(_SOON)
        clock.stop()
    assert began[2] - began[0] < 0.55  # 0.4 s, and 0.6 s if one were left out


def test_no_tick_begins_once_the_clock_is_being_stopped(caplog: pytest.LogCaptureFixture) -> None:
    let_go, running = threading.Event(), threading.Event()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        running.set()
        assert let_go.wait(_SOON)

    clock = Clock(tick, 0.02)
    with caplog.at_level(logging.CRITICAL, logger="apscheduler"):
        clock.start()
        assert running.wait(_SOON)
        assert not threading.Event().wait(0.06)  # by now the second waits for the first
        stopping = threading.Thread(target=clock.stop)
        stopping.start()
        assert not threading.Event().wait(0.02)
        let_go.set()
        stopping.join(_SOON)
    assert ticks == [1]


# -- what a tick hands out


class Recording:
    """An engine that does nothing but write down what it is given, and when."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.given: list[tuple[str, datetime]] = []

    def submit(self, job: Job) -> bool:
        self.given.append((job.name, self._now()))
        return True

    def wait(self, seconds: float | None = None) -> bool:
        return True

    def stop(self, seconds: float) -> bool:
        return True

    def take(self) -> list[str]:
        names = [name for name, _ in self.given]
        self.given.clear()
        return names


class Desk:
    """An app with one feed, a clock that moves only when somebody waits, and the rota of its service."""

    def __init__(self, folder: Path, feeds: int = 1) -> None:
        self.now = NOW
        sources = [{"type": "feed", "name": f"feed-{n}", "url": f"http://127.0.0.1:9/{n}"} for n in range(feeds)]
        self.app = App(read(folder / "listener.toml", {"sources": sources}, {}), lambda: self.now)
        self.app.pause = self.pause
        self.watches = self.app.sync_watches()
        self.engine = Recording(lambda: self.now)
        self.rota = Rota(self.app, self.engine)
        self.stopping = False

    def pause(self, seconds: float) -> bool:
        self.now += timedelta(seconds=seconds)
        return self.stopping

    def due(self, number: int, seconds: float) -> str:
        """Make a watch due so many seconds from now, as another process would; the name of its job."""
        watch = self.watches[number]
        with closing(sqlite3.connect(self.app.store.place)) as connection, connection:
            at = stamp(self.now + timedelta(seconds=seconds))
            connection.execute("UPDATE watches SET next_due = ? WHERE id = ?", (at, watch.id))
        return f"watch:{watch.id}"

    def tick(self) -> list[str]:
        """The names of the jobs that concern a watch."""
        self.rota.tick()
        return [name for name in self.engine.take() if name.startswith("watch:")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, feeds=3)
    yield desk
    desk.app.close()


def test_what_comes_due_before_the_next_tick_is_handed_out_at_its_time(desk: Desk) -> None:
    names = [desk.due(0, 0.7), desk.due(1, 0.25), desk.due(2, -5)]
    desk.rota.tick()
    given = {name: (at - NOW).total_seconds() for name, at in desk.engine.given if name.startswith("watch:")}
    assert given == {names[2]: 0.0, names[1]: 0.25, names[0]: 0.7}


def test_what_is_due_later_is_left_to_a_later_tick(desk: Desk) -> None:
    names = [desk.due(number, seconds) for number, seconds in enumerate((0.95, 3600, 3600))]
    assert desk.tick() == []
    assert desk.now == NOW
    desk.now += timedelta(seconds=1)
    assert desk.tick() == names[:1]


def test_a_due_time_that_another_process_moves_counts_at_the_next_tick(desk: Desk) -> None:
    for number in range(3):
        desk.due(number, 3600)
    assert desk.tick() == []
    name = desk.due(1, 0)
    assert desk.tick() == [name]


def test_a_tick_that_waits_ends_when_the_service_is_stopped(desk: Desk) -> None:
    for number in range(3):
        desk.due(number, 0.5)
    desk.stopping = True
    assert desk.tick() == []


def test_a_clock_set_back_does_not_make_a_tick_wait_for_it(desk: Desk) -> None:
    desk.due(0, 0.5)
    for number in (1, 2):
        desk.due(number, 3600)
    due_watches = desk.app.store.due_watches

    def then_set_back(now: str) -> list[Watch]:
        found = due_watches(now)
        desk.now -= timedelta(hours=1)
        return found

    with mock.patch.object(desk.app.store, "due_watches", then_set_back):
        assert desk.tick() == []
    assert desk.now == NOW - timedelta(hours=1)


def test_chores_go_on_when_the_clock_is_set_back(desk: Desk) -> None:
    desk.rota.tick()
    desk.engine.take()
    desk.now -= timedelta(hours=2)
    desk.rota.tick()
    assert {"settle", "remind", "rules", "tidy"} <= {*desk.engine.take()}
    desk.rota.tick()
    assert desk.engine.take() == []


def test_a_watch_of_a_newer_configuration_is_told_once_and_costs_the_others_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(desk.app.store.place)) as connection, connection:
        connection.execute("UPDATE watches SET source = 'stranger', next_due = '2000' WHERE source = 'feed-0'")
    with caplog.at_level(logging.WARNING):
        assert len(desk.tick()) == len(desk.tick()) == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert "stranger is not in the configuration" in told and "restart it" in told


def test_a_delivery_is_handed_out_when_it_is_due(desk: Desk) -> None:
    def given() -> bool:
        desk.rota.tick()
        return "deliver" in desk.engine.take()

    assert not given()
    desk.app.store.add_alerts([made.alert()])
    assert given()
    desk.now -= timedelta(seconds=5)
    assert not given()


def test_chores_are_done_at_the_start_and_then_each_at_its_own_pace(desk: Desk) -> None:
    done: Counter[str] = Counter()
    for number in range(3):
        desk.due(number, 10_000)
    for _ in range(3_600):
        desk.rota.tick()
        done.update(desk.engine.take())
        desk.now += timedelta(seconds=1)
    chores = {"settle": 60, "remind": 60, "beat": 60, "rules": 12, "tidy": 1, "honest": 1, "look": 1, "sweep": 12}
    assert done == chores


def test_new_posts_are_made_searchable_at_the_next_tick(desk: Desk) -> None:
    desk.rota.tick()
    desk.engine.take()
    watch = desk.watches[0]
    desk.rota._ended(watch, made.run(watch, started_at=stamp(NOW), finished_at=stamp(NOW), new=0))
    desk.rota.tick()
    assert "settle" not in desk.engine.take()
    desk.rota._ended(watch, made.run(watch, started_at=stamp(NOW), finished_at=stamp(NOW), new=1))
    desk.rota.tick()
    assert desk.engine.take().count("settle") == 1


def test_everything_that_is_due_is_handed_out_in_one_tick_the_longest_waiting_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, feeds=200)
    names = [desk.due(number, -number) for number in range(200)]
    assert desk.tick() == names[::-1]
    desk.app.close()
