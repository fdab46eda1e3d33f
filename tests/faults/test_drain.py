"""kill -9 of a process that drains 500 alerts to three receivers: each arrives, and what arrives twice has the same key.

LISTENER_DRAIN_KILLS says how often, LISTENER_WAITING how many alerts wait in a flood; the seed is fixed, but the machine's
own pace moves the instants about.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.http import HttpClient
from listener.alerts.notice import Notice
from listener.alerts.outbox import drain
from listener.alerts.sender import ROW_LIMIT
from storage.records import Alert, Delivery, stamp
from storage.sqlite import SqliteStore
from tests.program import Program, Running
from tests.standins.chat import LOST, RESET, ChatServer, Say
from tests.test_outbox import START, Clock, client, hook

KILLS = int(os.environ.get("LISTENER_DRAIN_KILLS", "6"))
WAITING = int(os.environ.get("LISTENER_WAITING", "10000"))
ALERTS = 500
CHANNELS = ("a", "b", "c")
_NEVER_A_FLOOD = {"digest_above": 1_000}


class Receiver(ChatServer):
    """Takes everything; `reached` is set when all receivers together were asked `aim.wanted` times."""

    def __init__(self, aim: Aim) -> None:
        def take(path: str, body: bytes) -> Say:
            aim.one_more()
            return Say() if body.endswith(b"}}") else Say(400)  # cut off by the kill

        super().__init__(take)


class Aim:
    def __init__(self) -> None:
        self.reached = threading.Event()
        self._wanted = self._count = 0
        self._guard = threading.Lock()

    def at(self, wanted: int) -> None:
        with self._guard:
            self._count, self._wanted = 0, wanted
            self.reached.clear()

    def one_more(self) -> None:
        with self._guard:
            self._count += 1
            if self._count == self._wanted:
                self.reached.set()


def alerts(count: int, channels: Iterable[str], at: datetime) -> list[tuple[Alert, tuple[Delivery, ...]]]:
    """Titles are "post 0", "post 1", …, a millisecond apart."""
    raised = []
    for number in range(count):
        time = stamp(at + timedelta(milliseconds=number - count))
        title = f"post {number}"
        notice = Notice("mention.detractor", time, brand="Acme", label="detractor", title=title)
        alert = Alert(f"a{number}", "rule", "Acme", None, time, notice.to_json())
        made = tuple(
            Delivery(f"d-{number}-{channel}", alert.id, channel, "waiting", 0, time, "", None) for channel in channels
        )
        raised.append((alert, made))
    return raised


def kill(running: Running, aim: Aim, chance: random.Random) -> bool:
    """At a random instant; False if the process was done before it."""
    while not aim.reached.wait(0.01):
        if running.process.poll() is not None:
            return False
    try:
        running.process.wait(chance.choice((0.0, chance.uniform(0, 0.002), chance.uniform(0, 0.05))))
    except subprocess.TimeoutExpired:
        running.signal(signal.SIGKILL)
        return running.process.wait(10) == -signal.SIGKILL
    return False


def test_a_drain_that_is_killed_again_and_again_delivers_everything_and_repeats_only_under_the_same_key(
    tmp_path: Path,
) -> None:
    chance, aim, kills, began = random.Random(20261122), Aim(), 0, time.monotonic()
    with Receiver(aim) as first, Receiver(aim) as second, Receiver(aim) as third:
        receivers = dict(zip(CHANNELS, (first, second, third), strict=True))
        channels = [
            {"type": "webhook", "name": name, "url": chat.url, "per_second": 100} for name, chat in receivers.items()
        ]
        program = Program(tmp_path, channels=channels, alerting=_NEVER_A_FLOOD)
        with closing(SqliteStore(program.database)) as store:
            store.migrate()
            store.add_alerts(alerts(ALERTS, CHANNELS, START - timedelta(days=1)))
        while kills < KILLS:
            aim.at(chance.randint(1, max(2, 3 * ALERTS // (KILLS + 1))))
            with program.start("alerts", "replay", "--all") as running:
                if not kill(running, aim, chance):
                    break
            kills += 1
            program.check_database()
            sent = {key for (key,) in program.rows("SELECT id FROM deliveries WHERE state = 'sent'")}
            assert sent <= {message.key for chat in receivers.values() for message in chat.accepted}
        program.run("alerts", "replay", "--all")
        assert program.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]
        repeats = sum(check(name, chat, kills) for name, chat in receivers.items())
    assert kills == KILLS
    print(f"{kills} kills, {repeats} messages repeated, {time.monotonic() - began:.1f} s")


def check(channel: str, chat: ChatServer, kills: int) -> int:
    """Everything came, in order, and at most one message a kill came twice, under its own key; how many did."""
    keys = [message.key for message in chat.accepted]
    assert set(keys) == {f"d-{number}-{channel}" for number in range(ALERTS)}
    assert {m.key: m.json["data"]["title"] for m in chat.accepted} == {
        f"d-{number}-{channel}": f"post {number}" for number in range(ALERTS)
    }
    repeats = sum(many - 1 for many in Counter(keys).values())
    assert repeats <= kills
    assert list(dict.fromkeys(keys)) == [f"d-{number}-{channel}" for number in range(ALERTS)], "in order"
    return repeats


# -- a receiver in trouble


@pytest.fixture
def store(tmp_path: Path) -> Iterable[SqliteStore]:
    with closing(SqliteStore(tmp_path / "listener.db")) as opened:
        opened.migrate()
        yield opened


def test_a_receiver_in_every_trouble_at_once_gets_each_message_and_none_too_early(store: SqliteStore) -> None:
    clock, asked = Clock(), []
    plan = [Say(500), Say(500), Say(500), Say(429, {"Retry-After": "2"}), Say(delay=0.4, taken=False), RESET]

    class Planned(ChatServer):
        def take(self, path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> Say:
            say = super().take(path, headers, body, method)
            asked.append((headers["webhook-id"], clock.time, say))
            return say

    store.add_alerts(alerts(12, ("hook",), START))
    with (
        HttpClient(user_agent="x", now=clock, deadline=0.2, allow_private=["127.0.0.1/32"]) as http,
        Planned(plan) as chat,
    ):
        while (due := store.next_delivery()) is not None:
            clock.pause(max(0.0, (datetime.fromisoformat(due) - clock.time).total_seconds()))
            drain(store, {"hook": hook(chat)}, http, clock, random.Random(7), pause=clock.pause)
    assert {one.delivery.state for one in store.deliveries(limit=100)} == {"sent"}
    assert set(Counter(message.key for message in chat.accepted).values()) == {1}, "avoidable duplicates"
    early = [
        (after[1] - before[1]).total_seconds()
        for before, after in pairwise(asked)
        if before[2].status == 429 and (after[1] - before[1]).total_seconds() < 2
    ]
    assert early == []
    for key in {key for key, _, _ in asked}:
        times = [at for its_key, at, say in asked if its_key == key and say.status != 429]
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        assert gaps == sorted(gaps), "gaps grow"
        assert all(gap >= 4 for gap in gaps)


def test_answers_that_are_lost_repeat_once_each_under_the_same_key(store: SqliteStore) -> None:
    clock = Clock()
    store.add_alerts(alerts(5, ("hook",), START))
    with client(clock) as http, ChatServer([LOST, Say(), LOST]) as chat:
        drain(store, {"hook": hook(chat)}, http, clock, random.Random(7), pause=clock.pause)
    assert sorted(Counter(message.key for message in chat.accepted).values()) == [1, 1, 1, 2, 2]


def test_a_receiver_that_is_dead_for_ever_costs_no_more_each_day(store: SqliteStore) -> None:
    """Thirty alerts an hour for five days, to nobody: each is tried ten times at most, most of them in digests, and
    what waits stays within bounds."""
    clock, tries, most = Clock(), Counter[str](), 0

    def refuse(path: str, body: bytes) -> Say:
        return Say(500)

    with client(clock) as http, ChatServer(refuse) as chat:
        for hour in range(5 * 24):
            clock.time = START + timedelta(hours=hour)
            fresh = [
                (
                    alert._replace(id=f"{hour}-{alert.id}"),
                    tuple(one._replace(id=f"{hour}-{one.id}", alert_id=f"{hour}-{alert.id}") for one in its),
                )
                for alert, its in alerts(30, ("hook",), clock.time)
            ]
            store.add_alerts(fresh)
            drain(store, {"hook": hook(chat)}, http, clock, random.Random(7), patience=0, pause=clock.pause)
            most = max(most, store.delivery_counts("waiting").get(("hook", "waiting"), 0))
    tries.update(message.key for message in chat.heard)
    assert max(tries.values()) <= 10
    assert len(chat.heard) <= 5 * 24 * 4
    assert most < 2_000
    dead = store.deliveries("dead", 10)
    assert dead, "what is too old is given up, and listed"


def test_however_many_wait_they_are_one_summary_and_little_memory(store: SqliteStore) -> None:
    clock, many = Clock(), WAITING
    template, (its,) = alerts(1, ("hook",), START)[0]
    with closing(sqlite3.connect(store.place)) as connection, connection:
        times = [stamp(START - timedelta(milliseconds=many - number)) for number in range(many)]
        rows = [template._replace(id=f"a{n}", raised_at=at) for n, at in enumerate(times)]
        connection.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)", rows)
        waiting = [its._replace(id=f"d{n}", alert_id=f"a{n}", next_try_at=at) for n, at in enumerate(times)]
        connection.executemany("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", waiting)
    del rows, waiting, times
    tracemalloc.start()
    with client(clock) as http, ChatServer() as chat:
        report = drain(store, {"hook": hook(chat)}, http, clock, random.Random(7), pause=clock.pause)
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kinds = Counter(message.json["type"] for message in chat.accepted)
    assert kinds == {"mention.digest": 1}
    assert report.waiting == 0
    assert chat.accepted[0].json["data"]["total"] == many
    assert peak < 40_000_000, f"{ROW_LIMIT} at a time"
    print(f"{many} waiting, at most {peak / 1e6:.0f} MB at a time")
