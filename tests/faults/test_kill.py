"""kill -9 at any instant: in the end every post is stored once, every alert was sent, and no bookmark ran ahead.

LISTENER_KILLS says how often; the seed is fixed, but the machine's own pace moves the instants about.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.program import HATED, LOVED, Program, Running, alert_of_detractors, feed, hackernews
from tests.standins.chat import ChatServer, Say
from tests.standins.feeds import FeedServer, Item
from tests.standins.hackernews import HackerNewsServer, hit
from tests.standins.loopback import Asked, Told

KILLS = int(os.environ.get("LISTENER_KILLS", "8"))
ENTRIES, HITS, FRESH_COMPLAINTS = 800, 1_200, 15
_REQUESTS_TO_SOURCES, _REQUESTS = 9, 9 + FRESH_COMPLAINTS
"""Of a pull that nobody disturbs."""

_AT_STARTUP = 0.15
"""Share of the kills that come before the first request: while modules load and the schema is made."""


class Answers:
    """Counts what the stand-ins have answered, and calls `react` with the count."""

    def __init__(self) -> None:
        self.count = 0
        self.react = threading.Event()
        self.wanted = 0
        self._guard = threading.Lock()

    def aim(self, wanted: int) -> None:
        with self._guard:
            self.count, self.wanted = 0, wanted
            self.react.clear()

    def one_more(self) -> None:
        with self._guard:
            self.count += 1
            if self.count == self.wanted:
                self.react.set()


class CountedFeed(FeedServer):
    def __init__(self, items: list[Item], answers: Answers) -> None:
        super().__init__(items, window=2 * ENTRIES)
        self._answers = answers

    def answer(self, asked: Asked) -> Told:
        told = super().answer(asked)
        self._answers.one_more()
        return told


class CountedNews(HackerNewsServer):
    def __init__(self, answers: Answers) -> None:
        super().__init__(largest_page=200)
        self._answers = answers

    def answer(self, asked: Asked) -> Told:
        told = super().answer(asked)
        self._answers.one_more()
        return told


@dataclass(frozen=True)
class World:
    """What the sources hold. `created` is the second in which each item of Hacker News was written."""

    feed: CountedFeed
    news: CountedNews
    chat: ChatServer
    answers: Answers
    created: dict[str, int]


@contextmanager
def world() -> Iterator[World]:
    now = datetime.now(UTC).replace(microsecond=0)
    answers = Answers()
    items = [
        Item(
            id=f"urn:post:{number}",
            title=f"Post {number}",
            body=HATED if number < FRESH_COMPLAINTS else f"{LOVED} {number}",
            published=now - (timedelta(minutes=number) if number < FRESH_COMPLAINTS else timedelta(hours=30 + number)),
        )
        for number in range(ENTRIES)
    ]
    created = {str(n): int((now - timedelta(hours=30, minutes=3 * (n // 2))).timestamp()) for n in range(1, HITS + 1)}

    def take(path: str, body: bytes) -> Say:
        answers.one_more()
        return Say(delay=0.005) if body.endswith(b"}}") else Say(400)  # cut off by the kill

    chat = ChatServer(take)
    with CountedFeed(items, answers) as feeds, CountedNews(answers) as news, chat:
        news.publish(*(hit(int(n), f"{LOVED} {n}", created=second) for n, second in created.items()))
        yield World(feeds, news, chat, answers, created)


def listening_to(world: World, folder: Path) -> Program:
    return Program(
        folder,
        sources=[feed("forum", world.feed.url("atom")), hackernews("news", world.news.base_url)],
        channels=[{"type": "webhook", "name": "chat", "url": world.chat.url, "per_second": 100}],
        alerts=[alert_of_detractors("chat")],
    )


def kill(running: Running, world: World, chance: random.Random) -> bool:
    """At a random instant; False if the process was done before it."""
    try:
        if chance.random() < _AT_STARTUP:
            running.process.wait(chance.uniform(0, 0.4))
            return False
        while not world.answers.react.wait(0.01):
            if running.process.poll() is not None:
                return False
        running.process.wait(chance.choice((0.0, chance.uniform(0, 0.02), chance.uniform(0, 0.3))))
        return False
    except subprocess.TimeoutExpired:
        running.signal(signal.SIGKILL)
        return running.process.wait(10) == -signal.SIGKILL


def check_after_kill(program: Program, world: World) -> None:
    """Nothing half done, nothing invented, and nothing promised that is not there."""
    program.check_database()
    if ("watches",) not in program.rows("SELECT name FROM sqlite_master"):
        return  # killed before there was a schema
    entries, hits = stored(program, "feed"), stored(program, "hackernews")
    assert entries <= {f"urn:post:{number}" for number in range(ENTRIES)}
    assert hits <= world.created.keys()
    if program.rows("SELECT 1 FROM watches WHERE kind = 'feed' AND cursor || etag || last_modified || body_hash != ''"):
        assert len(entries) == ENTRIES, "the bookmark says that the whole feed was read"
    for (cursor,) in program.rows("SELECT cursor FROM watches WHERE kind = 'hackernews' AND cursor != ''"):
        until = json.loads(cursor)["until"]
        assert {n for n, second in world.created.items() if second <= until} <= hits, "the cursor is ahead"
    posts = len(entries) + len(hits)
    assert program.value("SELECT COUNT(*) FROM posts") == posts
    assert program.value("SELECT COUNT(DISTINCT post_id) FROM mentions") == posts
    assert program.value("SELECT COUNT(*) FROM mentions") == program.value("SELECT COUNT(*) FROM scores") == posts
    complaints = len(entries & {f"urn:post:{number}" for number in range(FRESH_COMPLAINTS)})
    assert program.value("SELECT COUNT(*) FROM alerts") == complaints
    assert program.value("SELECT COUNT(*) FROM deliveries") == complaints
    heard = {message.key for message in world.chat.accepted}
    assert {id for (id,) in program.rows("SELECT id FROM deliveries WHERE state = 'sent'")} <= heard


def stored(program: Program, kind: str) -> set[str]:
    ids = [source_id for (source_id,) in program.rows("SELECT source_id FROM posts WHERE kind = ?", kind)]
    assert len(ids) == len(set(ids))
    return set(ids)


def check_the_end(program: Program, world: World, heard_before: int) -> None:
    check_after_kill(program, world)
    assert program.value("SELECT COUNT(*) FROM posts") == ENTRIES + HITS
    assert program.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]
    keys: dict[str, set[str]] = {}
    for message in world.chat.accepted[heard_before:]:
        keys.setdefault(message.json["data"]["mention_id"], set()).add(message.key)
    assert len(keys) == FRESH_COMPLAINTS
    assert all(len(of_one_mention) == 1 for of_one_mention in keys.values()), "a repeat carries the same key"
    assert program.value("SELECT COUNT(*) FROM posts_search WHERE posts_search MATCH 'acme'") == ENTRIES + HITS


def test_a_pull_that_is_killed_again_and_again_ends_with_every_post_once(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    kills = rounds = repeats = 0
    began = time.monotonic()
    with world() as around:
        while kills < KILLS:
            rounds += 1
            program, heard_before, done = listening_to(around, tmp_path / str(rounds)), len(around.chat.accepted), False
            while kills < KILLS and not done:
                around.answers.aim(chance.randint(1, chance.choice((_REQUESTS_TO_SOURCES, _REQUESTS))))
                with program.start("pull") as running:
                    done = not kill(running, around, chance)
                    if done:
                        ended = running.wait()
                        assert ended.code == 0, ended.said
                        break
                kills += 1
                if program.database.exists():
                    check_after_kill(program, around)
            if not done:
                program.run("pull", code=0)
            check_the_end(program, around, heard_before)
            repeats += len(around.chat.accepted) - heard_before - FRESH_COMPLAINTS
    print(f"{kills} kills in {rounds} rounds, {repeats} messages repeated, {time.monotonic() - began:.0f} s")


def test_the_checks_see_a_bookmark_that_is_ahead(tmp_path: Path) -> None:
    with world() as around:
        program = listening_to(around, tmp_path)
        program.run("pull", code=0)
        check_the_end(program, around, 0)
        for kind, complaint in (("hackernews", "the cursor is ahead"), ("feed", "the whole feed was read")):
            with closing(sqlite3.connect(program.database)) as connection, connection:
                lost = f"(SELECT MAX(id) FROM posts WHERE kind = '{kind}' AND text LIKE '%wonderful%')"
                connection.execute(
                    f"DELETE FROM scores WHERE mention_id = (SELECT id FROM mentions WHERE post_id = {lost})"
                )
                connection.execute(f"DELETE FROM mentions WHERE post_id = {lost}")
                connection.execute(f"DELETE FROM posts WHERE id = {lost}")
            connection.close()
            with pytest.raises(AssertionError, match=complaint):
                check_after_kill(program, around)
