"""`listener check` tells what works: a page of each source that is not kept, a probe of each channel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.contract import Facts
from connectors.errors import BadAnswer
from connectors.http import HttpClient
from connectors.post import Page, Question
from listener.app import App
from listener.config import read
from listener.trial import try_source
from storage.sqlite import SqliteStore
from tests.command import ACME, Command, Ended
from tests.standins import jetstream
from tests.standins.chat import ChatServer, Say, as_slack
from tests.standins.feeds import FeedServer, Item
from tests.standins.hackernews import HackerNewsServer
from tests.standins.loopback import Asked, Loopback, Told

PRIVATE = '[http]\nallow_private = ["127.0.0.1/32"]\n[alerting]\nallow_private = ["127.0.0.1/32"]\n'
BERLIN = 'timezone = "Europe/Berlin"\n'
NEWEST = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture
def feeds() -> Iterator[FeedServer]:
    texts = ("acme is terrible", "acme is wonderful", "nothing to do with it")
    items = [
        Item(id=f"{n}", title=text, body=text, published=NEWEST - timedelta(hours=2 - n))
        for n, text in enumerate(texts)
    ]
    with FeedServer(items) as server:
        yield server


def source(name: str, url: str, kind: str = "feed", option: str = "url") -> str:
    return f'[[sources]]\ntype = "{kind}"\nname = "{name}"\n{option} = "{url}"\n'


def channel(name: str, url: str, kind: str = "slack") -> str:
    return f'[[channels]]\ntype = "{kind}"\nname = "{name}"\nurl = "{url}"\n'


def check(folder: Path, *tables: str, options: tuple[str, ...] = ()) -> Ended:
    return Command(folder, BERLIN + PRIVATE + ACME + "".join(tables))("check", *options)


def line(ended: Ended, name: str) -> str:
    trials = [line for line in ended.out.splitlines() if line.startswith(("source ", "channel "))]
    (found,) = [line for line in trials if line.split()[1].rstrip(":,") == name]
    return found


def test_a_source_that_works_is_told_by_its_posts_their_newest_date_and_its_mentions(
    tmp_path: Path, feeds: FeedServer
) -> None:
    ended = check(tmp_path, source("blog", feeds.url()))
    assert (ended.code, ended.err) == (0, "")
    assert line(ended, "blog") == "source         blog: ok: 3 posts, the newest of 2026-11-20 10:30, 2 of a brand."


def test_nothing_is_kept_of_what_was_read(tmp_path: Path, feeds: FeedServer) -> None:
    command = Command(tmp_path, PRIVATE + ACME + source("blog", feeds.url()))
    command("check")
    for table in ("watches", "posts", "mentions", "authors", "runs", "alerts", "deliveries", "coverage"):
        assert command.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
    assert "3 new" in command("pull").out


def test_a_source_that_is_searched_is_asked_for_its_first_term_which_is_said(tmp_path: Path) -> None:
    with HackerNewsServer() as server:
        ended = check(
            tmp_path, source("hn", server.base_url, "hackernews", "base_url") + 'terms = ["acme", "acmecorp"]\n'
        )
        assert [asked.params["query"] for asked in server.requests] == ["acme"]
    assert ended.code == 0
    assert line(ended, "hn").startswith("source         hn, asked for acme: ok: 0 posts, 0 of a brand.")


def test_a_stream_is_listened_to_from_a_minute_ago_and_hung_up_on(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    events = [jetstream.post(f"3k{n}", "acme is slow", at=now - timedelta(seconds=n)) for n in (3000, 30, 1)]
    with jetstream.JetstreamServer(events) as stream:
        stream.hum = now + timedelta(seconds=30)
        ended = check(tmp_path, f'[[sources]]\ntype = "jetstream"\nname = "sky"\nhosts = ["{stream.base}"]\n')
    assert ended.code == 0 and ": ok: 2 posts, " in line(ended, "sky")


def test_a_source_that_is_asked_nothing_is_not_taken_for_a_quiet_one(tmp_path: Path) -> None:
    command = Command(tmp_path, PRIVATE + source("hn", "http://127.0.0.1:9", "hackernews", "base_url"))
    ended = command("check")
    assert (ended.code, "hn: failed: is asked nothing" in ended.out) == (1, True)


@pytest.mark.parametrize(("paths", "code"), [(["rss"], 0), (["rss", "nope"], 3), (["nope", "none"], 1)])
def test_the_exit_code_says_whether_all_some_or_no_sources_answer(
    tmp_path: Path, feeds: FeedServer, paths: list[str], code: int
) -> None:
    ended = check(tmp_path, *(source(f"source-{n}", feeds.url(path)) for n, path in enumerate(paths)))
    assert ended.code == code
    failed = [line(ended, f"source-{n}") for n, path in enumerate(paths) if path != "rss"]
    assert all(": failed: http://127.0.0.1:" in one and "HTTP 404" in one for one in failed)


def test_a_channel_is_probed_or_said_to_be_beyond_probing(tmp_path: Path, feeds: FeedServer) -> None:
    with ChatServer(as_slack) as live, ChatServer([Say(404, body=b"no_service")]) as dead, ChatServer() as hook:
        ended = check(
            tmp_path,
            source("blog", feeds.url()),
            channel("live", live.url),
            channel("dead", dead.url),
            channel("hook", hook.url, "webhook"),
        )
        assert (len(live.accepted), hook.heard) == (0, [])
    assert ended.code == 3
    assert line(ended, "live") == "channel        live: is alive: it refused an empty message (no_text)."
    assert "channel        dead: failed: " in line(ended, "dead")
    assert line(ended, "dead").endswith("Slack calls it no_service.")
    assert line(ended, "hook") == "channel        hook: cannot be tried without sending: listener alerts test hook"
    assert "secret-token" not in ended.out + ended.err


def test_a_channel_that_was_stopped_is_not_said_to_be_well(tmp_path: Path, feeds: FeedServer) -> None:
    with ChatServer(as_slack) as live:
        command = Command(tmp_path, PRIVATE + source("blog", feeds.url()) + channel("live", live.url))
        assert command("check").code == 0
        with closing(SqliteStore(command.database)) as store:
            store.set_channel("live", stopped="Stopped: It is gone. Run `listener alerts replay --channel live`.")
        ended = command("check")
    assert ended.code == 3
    assert line(ended, "live") == (
        "channel        live: failed: nothing is sent to it since it refused: "
        "It is gone. Run `listener alerts replay --channel live`."
    )


def test_offline_asks_nobody(tmp_path: Path, feeds: FeedServer) -> None:
    with ChatServer() as chat:
        ended = check(tmp_path, source("blog", feeds.url("nope")), channel("chat", chat.url), options=("--offline",))
        assert (ended.code, chat.heard, feeds.requests) == (0, [], [])
    assert [line.split()[0] for line in ended.out.splitlines()] == [
        "configuration",
        "database",
        "brands",
        "watches",
        "channels",
    ]


def test_json_says_the_same(tmp_path: Path, feeds: FeedServer) -> None:
    tables = (source("blog", feeds.url()), source("gone", feeds.url("nope")))
    told = check(tmp_path, *tables, options=("--json",)).json
    assert (told["brands"], told["watches"], told["database"]["posts"]) == (["Acme"], 2, 0)
    blog, gone = told["sources"]
    assert (blog["source"], blog["posts"], blog["matching"], blog["error"]) == ("blog", 3, 2, "")
    assert datetime.fromisoformat(blog["newest"]) == NEWEST
    assert "404" in gone["error"]
    assert check(tmp_path, *tables, options=("--json", "--offline")).json["sources"] == []


class Rendezvous(Loopback):
    """Answers only when as many ask at the same time as are expected."""

    meeting = threading.Barrier(3)

    def answer(self, asked: Asked) -> Told:
        self.meeting.wait(5)
        return Told(200, b'<rss version="2.0"><channel><title>t</title></channel></rss>')


def test_hosts_are_asked_side_by_side(tmp_path: Path) -> None:
    with Rendezvous() as one, Rendezvous() as two, Rendezvous() as three:
        ended = check(tmp_path, *(source(f"s{n}", server.base) for n, server in enumerate((one, two, three))))
    assert ended.code == 0


class Odd:
    """A connector that gives out `pages`."""

    kind = "odd"
    facts = Facts(hears="nothing", misses="everything")

    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages

    def pull(self, question: Question, http: HttpClient) -> Iterator[Page]:
        return self._pages


def tried(tmp_path: Path, pages: Iterator[Page]) -> str:
    table = {"sources": [{"type": "feed", "name": "odd", "url": "http://127.0.0.1:9/"}]}
    app = App(read(tmp_path / "listener.toml", table, {}))
    odd = replace(app.config.sources["odd"], connector=Odd(pages))  # type: ignore[arg-type]
    with closing(app):
        return try_source(odd, "", app.http, app.intake(), NEWEST).error


def test_a_connectors_own_mistake_is_a_sentence(tmp_path: Path) -> None:
    def broken() -> Iterator[Page]:
        raise KeyError("items")
        yield Page()

    assert tried(tmp_path, broken()) == "the odd connector failed: KeyError: 'items'."


def test_only_the_first_page_is_asked_for_and_the_source_is_hung_up_on(tmp_path: Path) -> None:
    done: list[str] = []

    def endless() -> Iterator[Page]:
        try:
            yield Page()
            raise BadAnswer("a second page was asked for")
        finally:
            done.append("hung up")

    assert tried(tmp_path, endless()) == ""
    assert done == ["hung up"]
