"""Stopping and freezing the service: gone in time, with exit code 0, and nothing lost or done twice."""

from __future__ import annotations

import signal
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from tests.program import HATED, LOVED, Program, Running, alert_of_detractors, feed, until
from tests.standins.chat import ChatServer
from tests.standins.feeds import FeedServer, Item
from tests.standins.loopback import Asked, Told


class SlowFeed(FeedServer):
    """Takes its time over the answer, until the test is over."""

    def __init__(self, items: list[Item], seconds: float) -> None:
        super().__init__(items)
        self._seconds = seconds
        self.asked = threading.Event()
        self.hurry = threading.Event()

    def answer(self, asked: Asked) -> Told:
        told = super().answer(asked)
        self.asked.set()
        self.hurry.wait(self._seconds)
        return told


def items(count: int, body: str = LOVED, scope: str = "a") -> list[Item]:
    now = datetime.now(UTC)
    return [Item(id=f"urn:{scope}:{n}", title=f"{n}", body=f"{body} {n}", published=now) for n in range(count)]


def stopped(service: Running, number: signal.Signals) -> float:
    """Seconds that it took; it must end well."""
    began = time.monotonic()
    service.signal(number)
    ended = service.wait(15)
    took = time.monotonic() - began
    assert ended.code == 0, ended.said
    assert "Traceback" not in ended.said, ended.said
    return took


def test_a_signal_in_the_middle_of_an_endless_answer_ends_the_service_within_ten_seconds(tmp_path: Path) -> None:
    with SlowFeed(items(50), 60) as first, SlowFeed(items(50), 60) as second:
        programs = [Program(tmp_path / f"{n}", sources=[feed("slow", s.url())]) for n, s in enumerate((first, second))]
        with programs[0].start("run") as one, programs[1].start("run") as other:
            assert first.asked.wait(10)
            assert second.asked.wait(10)
            began = time.monotonic()
            other.signal(signal.SIGINT)
            assert stopped(one, signal.SIGTERM) < 10
            assert other.wait(10).code == 0
            assert time.monotonic() - began < 10
        for server, program in zip((first, second), programs, strict=True):
            assert program.value("SELECT COUNT(*) FROM posts") == 0
            server.hurry.set()
            program.pull(code=0)
            assert program.value("SELECT COUNT(*) FROM posts") == 50
            program.check_database()


def test_an_answer_that_comes_a_moment_after_the_signal_is_stored(tmp_path: Path) -> None:
    with SlowFeed(items(50), 1.0) as server:
        program = Program(tmp_path, sources=[feed("slow", server.url())])
        with program.start("run") as service:
            assert server.asked.wait(10)
            assert stopped(service, signal.SIGINT) < 5
        assert program.value("SELECT COUNT(*) FROM posts") == 50
        assert program.rows("SELECT outcome FROM runs") == [("ok",)]
        server.hurry.set()
        program.pull(code=0)
        assert program.value("SELECT COUNT(*) FROM posts") == 50


def test_a_service_that_is_being_stopped_keeps_a_channels_pace(tmp_path: Path) -> None:
    with FeedServer(items(6, HATED)) as server, ChatServer() as chat:
        program = Program(
            tmp_path,
            sources=[feed("forum", server.url())],
            channels=[{"type": "webhook", "name": "chat", "url": chat.url, "per_second": 4}],
            alerts=[alert_of_detractors("chat")],
        )
        with program.start("run") as service:
            until(lambda: len(chat.heard) >= 2)
            assert stopped(service, signal.SIGTERM) < 10
        program.run("pull")
        assert sorted(message.json["data"]["title"] for message in chat.accepted) == [f"{n}" for n in range(6)]
        assert min(later.at - earlier.at for earlier, later in pairwise(chat.heard)) > 0.2


def test_after_a_freeze_each_source_is_asked_once_and_not_in_a_burst(tmp_path: Path) -> None:
    with FeedServer(items(3)) as first, FeedServer(items(3, scope="b")) as second:
        servers = (first, second)
        sources = [feed(f"feed-{n}", server.url(), interval="2s") for n, server in enumerate(servers)]
        program = Program(tmp_path, sources=sources)
        with program.start("run") as service:
            until(lambda: all(server.requests for server in servers))
            until(lambda: program.value("SELECT COUNT(*) FROM runs") >= len(servers))
            service.signal(signal.SIGSTOP)
            time.sleep(3)
            before = [len(server.requests) for server in servers]
            service.signal(signal.SIGCONT)
            until(lambda: all(len(s.requests) > n for s, n in zip(servers, before, strict=True)), 2)
            time.sleep(0.8)  # the interval is 2 s: what comes within it would be a burst
            assert [len(server.requests) - n for server, n in zip(servers, before, strict=True)] == [1, 1]
            assert stopped(service, signal.SIGTERM) < 10
        assert program.value("SELECT COUNT(*) FROM posts") == 6
