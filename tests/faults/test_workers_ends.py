"""Workers and clocks that come to an end, by a signal or by a kill: their work goes on elsewhere, whatever it was."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from listener.schedule.engine import GRACE_SECONDS
from tests import postgres
from tests.faults.crew import Crew, Feeds, Forked
from tests.program import HATED, alert_of_detractors, feed, until
from tests.standins.chat import ChatServer, Say
from tests.standins.jetstream import JetstreamServer, post


def stopped(worker: Forked, *signals: signal.Signals) -> float:
    """Seconds that it took; it must end well."""
    began = time.monotonic()
    for number in signals:
        worker.signal(number)
        time.sleep(0.1)  # two of the same at once would be one
    ended = worker.wait(20)
    assert ended.code == 0, ended.said
    assert "Traceback" not in ended.said, ended.said
    return time.monotonic() - began


def test_what_a_stopped_worker_was_at_is_done_by_another(tmp_path: Path, url: str, feeds: Feeds) -> None:
    with Feeds() as slow:
        crew = Crew(tmp_path, url, [feed("slow", slow.url(9)), *(feed(f"s{n}", feeds.url(n)) for n in range(3))])
        slow.held.add("/9")
        with crew.at_work("run", "worker") as (_, first):
            until(lambda: crew.count("runs") == 3 and slow.waits.is_set(), 30)
            slow.waits.clear()
            with crew.at_work("worker") as (second,):
                crew.wait_for_workers(2)
                assert stopped(first, signal.SIGTERM) < GRACE_SECONDS + 5
                assert slow.waits.wait(10), "it is asked again at once"
                assert crew.count("posts") == 3
                slow.waits.clear()
                with crew.at_work("worker"):
                    crew.wait_for_workers(2)
                    assert stopped(second, signal.SIGINT, signal.SIGTERM) < GRACE_SECONDS
                    assert slow.waits.wait(10)
                    slow.held.clear()
                    slow.let_go.set()
                    crew.wait_for_runs(4)
    crew.check(4)
    assert crew.runs_per_watch() == {1: 4}, "what was cut counts as no run, and as no failure"


def test_a_worker_does_what_its_queues_hold_and_an_alert_outlives_who_sends_it(tmp_path: Path, url: str) -> None:
    waits, let_go = threading.Event(), threading.Event()

    def answer(path: str, body: bytes) -> Say:
        if waits.is_set():
            return Say()
        waits.set()
        return Say(taken=True, delay=3.0)  # taken, and whoever sent it does not live to know

    with Feeds(body=HATED) as feeds, ChatServer(answer) as chat:
        crew = Crew(
            tmp_path,
            url,
            [feed(f"s{n}", feeds.url(n)) for n in range(3)],
            channels=[{"type": "webhook", "name": "chat", "url": chat.url}],
            alerts=[alert_of_detractors("chat")],
        )
        with crew.at_work("run", "worker --queues deliver", "worker --queues pull,score") as (_, sends, pulls):
            crew.wait_for_posts(3, 30)
            assert waits.wait(30)
            sends.signal(signal.SIGKILL)
            sends.wait(10)
            assert (sends.pulled, pulls.pulled) == (0, 3)
            with crew.at_work("worker --queues deliver"):
                until(lambda: crew.rows("SELECT state, COUNT(*) FROM deliveries GROUP BY 1") == [("sent", 3)], 60)
        keys = [heard.key for heard in chat.heard]
        assert len(set(keys)) == 3 and len(keys) == 4
        assert keys.count(keys[0]) == 2, "what may not have arrived is sent again, by its name"
    let_go.set()


def test_a_clock_ends_within_its_grace_while_the_database_is_away(tmp_path: Path) -> None:
    if os.environ.get("LISTENER_TEST_POSTGRES"):
        pytest.skip("a server that was given is not stopped")
    server = postgres.own_server(tmp_path / "own")
    with postgres.database(server.get_uri()) as url:
        crew = Crew(tmp_path / "crew", url, [])
        with crew.at_work("run") as (clock,):
            until(lambda: crew.count("procrastinate_jobs") > 0, 30)
            server.stop()
            time.sleep(1.5)  # a tick begins each second, and waits for the database
            assert stopped(clock, signal.SIGTERM) < GRACE_SECONDS + 3
        server.start()
    server.cleanup()


def test_when_the_clock_that_keeps_house_is_killed_another_follows(tmp_path: Path, url: str) -> None:
    crew = Crew(tmp_path, url, [])

    def chores() -> set[str]:
        rows = crew.rows("SELECT queueing_lock FROM procrastinate_jobs") if crew.count("procrastinate_jobs") > 0 else []
        return {name for (name,) in rows}

    with crew.at_work("run") as (first,):
        until(lambda: {"honest", "tidy", "settle", "sweep"} <= chores(), 30)
        with crew.at_work("run") as (second,):
            until(lambda: "listening:" in second.said, 30)
            crew.empty("procrastinate_jobs")
            tries = "SELECT MAX(query_start) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE %s"
            for _ in range(2):  # each second the second asks whether it is its turn
                last = crew.rows(tries, "SELECT pg_try_advisory_lock%")
                until(lambda last=last: crew.rows(tries, "SELECT pg_try_advisory_lock%") > last)  # type: ignore[misc]
            assert chores() == set(), "one of the two does it"
            first.signal(signal.SIGKILL)
            killed = time.monotonic()
            until(lambda: {"honest", "tidy", "settle", "sweep"} <= chores(), 10)
            assert time.monotonic() - killed < 10


# -- streams


class Stream(JetstreamServer):
    """Knows how many listen, and the most that ever did at a time."""

    def __init__(self, *events: Any) -> None:
        super().__init__(events)
        self.listening = self.most = 0
        self._count = threading.Lock()

    def _serve(self, connection: ServerConnection) -> None:
        with self._count:
            self.listening += 1
            self.most = max(self.most, self.listening)
        gone = threading.Event()
        threading.Thread(target=self._watch, args=(connection, gone), daemon=True).start()
        try:
            super()._serve(connection)
        finally:
            gone.wait(10)

    def _watch(self, connection: ServerConnection, gone: threading.Event) -> None:
        """Whoever listens says nothing: it goes, with or without a word."""
        try:
            for _ in connection:
                pass
        except Exception:
            pass
        with self._count:
            self.listening -= 1
        gone.set()


def wrote(number: int) -> Any:
    return post(f"3k{number}", f"Acme is wonderful {number}", at=datetime.now(UTC))


def test_a_stream_is_listened_to_by_one_worker_whoever_ends_and_keeps_no_other_job_waiting(
    tmp_path: Path, url: str, feeds: Feeds
) -> None:
    with Stream(wrote(0)) as stream:
        source = {"type": "jetstream", "name": "sky", "hosts": [stream.base], "interval": "1h"}
        crew = Crew(tmp_path, url, [source, *(feed(f"s{n}", feeds.url(n)) for n in range(3))])
        arrivals: list[int] = []

        def hears(number: int) -> None:
            """Whoever listens is heard to hear."""
            until(lambda: stream.listening == 1, 30)
            stream.publish(wrote(number))
            arrivals.append(number)
            until(lambda: crew.value(f"SELECT COUNT(*) FROM posts WHERE text LIKE '%wonderful {number}%'") == 1, 30)

        with crew.at_work("run", "worker --concurrency 1") as (_, first):
            crew.wait_for_posts(3, 30)
            hears(1)
            with crew.at_work("worker --concurrency 1") as (second,):
                crew.wait_for_workers(2)
                assert stopped(first, signal.SIGTERM) < GRACE_SECONDS + 2
                hears(2)
                with crew.at_work("worker --concurrency 1"):
                    crew.wait_for_workers(2)
                    second.signal(signal.SIGKILL)
                    second.wait(10)
                    hears(3)
        assert stream.most == 1


def test_after_a_restart_of_the_database_a_stream_is_listened_to_once(tmp_path: Path) -> None:
    if os.environ.get("LISTENER_TEST_POSTGRES"):
        pytest.skip("a server that was given is not restarted")
    server = postgres.own_server(tmp_path / "own")
    with postgres.database(server.get_uri()) as url, Stream() as stream:
        source = {"type": "jetstream", "name": "sky", "hosts": [stream.base], "interval": "1h"}
        crew = Crew(tmp_path / "crew", url, [source], hasty=False)
        with crew.at_work("worker", "worker", "run"):
            until(lambda: stream.listening == 1, 30)
            postgres.restart(server)
            stream.publish(wrote(1))
            crew.wait_for_posts(1, 40)
            until(lambda: stream.listening == 1, 30)
            stream.publish(wrote(2))
            crew.wait_for_posts(2, 30)
        assert stream.most == 1
    server.cleanup()
