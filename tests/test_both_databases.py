"""One world, heard by the same program on SQLite and on PostgreSQL: the same rows in every table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.post import Author, Page, Post
from listener.app import App
from listener.config import Source, load
from storage.records_desk import Filter
from storage.transfer import TABLES, differences
from tests import postgres
from tests.conftest import NOW
from tests.program import HATED, LOVED
from tests.standins.chat import ChatServer
from tests.standins.feeds import FeedServer, Item
from tests.test_pull import Scripted

_CONFIG = """
[http]
allow_private = ["127.0.0.1/32"]

[alerting]
allow_private = ["127.0.0.1/32"]

[storage]
url = "{url}"

[[brands]]
name = "Acme"
query = "acme"

[[brands]]
name = "Ünïcorn 漢字"
query = "unicorn OR 漢字"

[[sources]]
type = "feed"
name = "forum"
url = "{feed}"

[[sources]]
type = "feed"
name = "blog"
url = "{blog}"

[[channels]]
type = "webhook"
name = "chat"
url = "{chat}"
per_second = 100

[[alerts]]
name = "unhappy"
labels = ["detractor"]
channels = ["chat"]
"""

HOSTILE = {
    "nul": f"Acme\0 is \0great. {LOVED}",
    "surrogate": f"Acme \ud800 broke \udfff my \udc80 heart. {HATED}",
    "emoji": f"Acme 😀👩‍👩‍👧🏳️‍🌈 {LOVED}",
    "rtl": "Acme \u202eevil\u202c مرحبا بالعالم שלום עולם is fine",
    "long": f"Acme {'wörd ' * 20_000} {HATED}",
    "quotes": "Acme '; DROP TABLE posts; -- \\ \" % ? $1 :x %s {}",
    "controls": "Acme \x01\x1f\x7f\x85\u2028\ufeff\uffff says hello",
    "joined": "漢字 unicorn: e\u0301 ﬁ Ⅷ İstanbul ß",
}
_STORY = "Acme recalls every blender of last spring, because the lid comes off and the blade does not stop at all."


class World(NamedTuple):
    feed: FeedServer
    blog: FeedServer
    chat: ChatServer


@pytest.fixture
def world() -> Iterator[World]:
    with FeedServer() as feed, FeedServer(validators=False) as blog, ChatServer() as chat:
        yield World(feed, blog, chat)


def _posts(**changes: Any) -> Page:
    """Hostile texts as a source's own answer holds them: a feed's XML could not."""
    made = [
        Post("scripted", f"{name}\0\ud800", f"https://x.example/{name}\0", body=text, title=f"On \0{name}\udfff")
        for name, text in HOSTILE.items()
    ]
    made = [
        one._replace(
            author=Author(f"a\0{number}", f"Ann\ud800 {number}\0", f"https://x.example/\0{number}", number),
            published_at=NOW - timedelta(hours=number + 1),
            thread="t\0\udc00",
            ref="r\0",
            language="e\0n",
            reach={"likes\0": 3},
        )
        for number, one in enumerate(made)
    ]
    return Page([one._replace(**changes) for one in made], cursor="c\0")


def _live(app: App, world: World) -> None:
    """A day of the program's."""
    now = NOW
    app.now = lambda: now
    app.chance = random.Random(7)
    watches = {watch.source: watch for watch in app.sync_watches()}

    def pull(source: str, connector: Any = None) -> None:
        known = app.config.sources[source]
        asked = known if connector is None else Source(source, connector, known.settings, known.interval)
        run = app.puller.pull(watches[source].id, asked, due_only=False)
        assert run is not None

    for _ in range(2):
        pull("forum")
        pull("blog")
    pull("forum", Scripted(_posts()))
    app.settle()
    now += timedelta(hours=1)
    world.feed.publish(Item("again", f"{_STORY} Really.", HATED, "https://c.example/1", "eve", now))
    world.feed.edit("2", title="Acme edited", body=LOVED)
    pull("forum")
    pull("forum", Scripted(_posts(body=f"Edited. {HATED}")))
    pull("blog", Scripted(ValueError("broken \0 off")))
    now += timedelta(hours=1)
    gone = [Post("scripted", f"{name}\0\ud800", "", "", deleted=True) for name in ("nul", "emoji")]
    pull("forum", Scripted(Page(gone)))
    app.settle()
    app.deliver()
    app.remind()
    app.look_out()


def _world_as_it_was(world: World) -> None:
    for server, name in ((world.feed, "feed"), (world.blog, "blog")):
        items = [
            Item(str(n), f"{name} {n}", HATED if n % 3 else LOVED, f"https://{name}.example/{n}", f"ann{n % 4}", _at(n))
            for n in range(20)
        ]
        server._items[:] = [*items, Item("story", _STORY, "", f"https://{name}.example/story", name, _at(3))]


def _at(n: int) -> datetime:
    return NOW - timedelta(hours=n)


def _app(folder: Path, url: str, world: World) -> App:
    folder.mkdir()
    path = folder / "listener.toml"
    path.write_text(
        _CONFIG.format(url=url, feed=world.feed.url(), blog=world.blog.url("json"), chat=world.chat.url), "utf-8"
    )
    path.chmod(0o600)
    return App(load(path, {}), lambda: NOW)


def test_the_same_world_leaves_the_same_rows_on_both_databases(tmp_path: Path, world: World) -> None:
    with (
        postgres.database(postgres.server()) as url,
        closing(_app(tmp_path / "postgres", url, world)) as there,
        closing(_app(tmp_path / "sqlite", "sqlite:///listener.db", world)) as here,
    ):
        for app in (here, there):
            _world_as_it_was(world)
            _live(app, world)
        rows = []
        assert differences(here.store.side, there.store.side, rows.append) == []
        assert sum(rows) > 500 and here.store.counts() == there.store.counts()
        with here.store.side.read() as connection:
            filled = {table for table in TABLES if connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()}
        assert filled >= {"posts", "revisions", "mentions", "scores", "alerts", "deliveries", "cases", "case_events"}
        assert filled >= {"bands", "sketches", "yields", "coverage", "tallies", "authors", "heard_hours"}
        for text in ("acme", "漢字", "heart", "ﬁ", "wörd", "e\u0301", "blade does", "\ud800", "DROP TABLE"):
            found = [[post.id for post in app.store.search(text, 100)] for app in (here, there)]
            assert found[0] == found[1], text
            lists = [app.store.mentions(Filter(text=text)) for app in (here, there)]
            assert lists[0] == lists[1], text
        assert len(here.store.search("acme", 100)) > 20
