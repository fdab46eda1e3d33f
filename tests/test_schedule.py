"""The engine takes turns by lane and survives its jobs; the clock ticks until it is stopped; a tick hands out what is
due, at its time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
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
from listener.schedule.engine import Job, ThreadEngine, Troubles
from listener.schedule.tasks import Elsewhere, Tasks
from storage.errors import StoreError
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
    clock.stop(5)
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
        clock.stop(5)


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
        clock.stop(5)
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
        clock.stop(5)
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
        stopping = threading.Thread(target=clock.stop, args=(5,))
        stopping.start()
        assert not threading.Event().wait(0.02)
        let_go.set()
        stopping.join(_SOON)
    assert ticks == [1]


def test_a_tick_that_hangs_does_not_keep_the_service_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    let_go, running, ended = threading.Event(), threading.Event(), threading.Event()

    def tick() -> None:
        running.set()
        let_go.wait(_SOON)
        ended.set()
        raise ValueError("the database was closed")

    clock = Clock(tick, 0.02)
    clock.start()
    assert running.wait(_SOON)
    began = time.monotonic()
    clock.stop(0.1)
    assert time.monotonic() - began < 1
    let_go.set()
    assert ended.wait(_SOON)
    assert "the database was closed" not in caplog.text, "what it says then is of no use to anybody"


# -- what a tick hands out


class Recording:
    """An engine that does nothing but write down what it is given, and when."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.given: list[tuple[str, datetime]] = []

    def submit(self, job: Job) -> bool:
        self.given.append((job.name, self._now()))
        return True

    def submit_all(self, jobs: Sequence[Job]) -> int:
        return sum(map(self.submit, jobs))

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


def test_chores_that_the_queue_did_not_take_are_handed_out_at_the_next_tick(desk: Desk) -> None:
    with mock.patch.object(desk.engine, "submit", side_effect=StoreError("it is away")), pytest.raises(StoreError):
        desk.rota.tick()
    desk.now += timedelta(seconds=1)
    desk.rota.tick()
    assert {"settle", "tidy", "honest", "look"} <= {*desk.engine.take()}


def test_a_watch_of_a_newer_configuration_is_told_once_and_costs_the_others_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(desk.app.store.place)) as connection, connection:
        connection.execute("UPDATE watches SET source = 'stranger', next_due = '2000' WHERE source = 'feed-0'")
    with caplog.at_level(logging.WARNING):
        assert len(desk.tick()) == len(desk.tick()) == 2
    (told,) = [record.getMessage() for record in caplog.records]
    assert "stranger is not in the configuration" in told and "restart it" in told


@pytest.fixture
def crewed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Its work is left to workers, as on PostgreSQL."""
    monkeypatch.setattr("listener.schedule.crew.is_crewed", lambda _: True)
    desk.rota = Rota(desk.app, desk.engine)
    return desk


def test_of_two_clocks_one_keeps_house_and_the_other_follows(crewed: Desk) -> None:
    def chores(rota: Rota) -> bool:
        rota.tick()
        return "tidy" in crewed.engine.take()

    first, second = crewed.rota, Rota(crewed.app, crewed.engine)
    assert [chores(first), chores(second)] == [True, False]
    crewed.now += timedelta(hours=2)
    assert [chores(second), chores(first)] == [False, True]
    assert first._house is not None
    first._house.__exit__(None, None, None)  # as if it had been killed
    first._house = None
    assert chores(second)


def test_the_right_to_keep_house_is_made_sure_of_each_minute(crewed: Desk) -> None:
    claim, asked = crewed.app.store.claim, list[datetime]()

    def noted(name: str) -> AbstractContextManager[bool]:
        asked.append(crewed.now)
        return claim(name)

    with mock.patch.object(crewed.app.store, "claim", noted):
        for _ in range(300):
            crewed.rota.tick()
            crewed.now += timedelta(seconds=1)
    assert len(asked) == 5, "it does not outlive a restart of the database, which nobody need notice"


def test_a_clock_of_workers_waits_for_nothing_within_a_tick(crewed: Desk) -> None:
    names = [crewed.due(0, 0.7), crewed.due(1, 0), crewed.due(2, 3600)]
    assert crewed.tick() == names[1:2]
    assert crewed.now == NOW
    crewed.now += timedelta(seconds=1)
    assert names[0] in crewed.tick()


def test_a_worker_leaves_to_others_what_it_does_not_know(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks(desk.app)
    with closing(sqlite3.connect(desk.app.store.place)) as connection, connection:
        connection.execute("UPDATE watches SET source = 'stranger' WHERE source = 'feed-0'")
    for _ in range(2):
        with pytest.raises(Elsewhere):
            tasks.do("pull", {"watch": desk.watches[0].id})
        with pytest.raises(Elsewhere):
            tasks.do("dance", {"with": "me"})
    stranger, dance = [record.getMessage() for record in caplog.records]
    assert "stranger is not in the configuration" in stranger and "restart it" in stranger
    assert "does not know how to “dance”: upgrade it" in dance


def test_a_watch_at_which_workers_die_fails_and_other_jobs_are_left_to_the_clock(desk: Desk) -> None:
    tasks, watch = Tasks(desk.app), desk.watches[0].id
    tasks.give_up("tidy", {}, "they died.")
    tasks.give_up("pull", {"watch": "no such watch"}, "they died.")
    assert desk.app.store.watch(watch) == desk.watches[0]
    tasks.give_up("pull", {"watch": watch}, "they died.")
    found = desk.app.store.watch(watch)
    assert found is not None and (found.failures, found.next_due > stamp(desk.now)) == (1, True)


def test_a_worker_drops_what_nobody_wants_to_hear_any_more(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.app.store.place)) as connection, connection:
        connection.execute("UPDATE watches SET source = 'gone', active = 0 WHERE source = 'feed-0'")
    tasks = Tasks(desk.app)
    tasks.do("pull", {"watch": desk.watches[0].id})
    tasks.do("pull", {"watch": "no such watch"})


def test_a_job_that_keeps_failing_is_said_once_until_it_changes_or_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    troubles = Troubles(lambda name, error: told.append(f"{name} {error}"))
    for sentence in ("no", "no", "never", "", "never"):
        troubles.add("a", ValueError(sentence))
    troubles.add("b", ValueError("no"))
    troubles.ended("a")
    troubles.add("a", ValueError("never"))
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said == ["a: no", "a: never", "a: ValueError", "a: never", "b: no", "a: never"]
    assert len(told) == 7, "those who run it are told by their own count"


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
    desk.rota._heard(made.run(watch, started_at=stamp(NOW), finished_at=stamp(NOW), new=0))
    desk.rota.tick()
    assert "settle" not in desk.engine.take()
    desk.rota._heard(made.run(watch, started_at=stamp(NOW), finished_at=stamp(NOW), new=1))
    desk.rota.tick()
    assert desk.engine.take().count("settle") == 1


def test_everything_that_is_due_is_handed_out_in_one_tick_the_longest_waiting_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, feeds=200)
    names = [desk.due(number, -number) for number in range(200)]
    assert desk.tick() == names[::-1]
    desk.app.close()
