"""The whole program over real HTTP: what must arrive arrives, once, and secrets do not travel."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from tests.program import HATED, LOVED, Program, alert_of_detractors, feed
from tests.standins.chat import ChatServer, Heard, Say
from tests.standins.feeds import FeedServer, Item
from tests.standins.loopback import Asked, Loopback, Told


class RebuiltFeed(FeedServer):
    """Sends no validators, and a body that differs each time in nothing a reader would see."""

    def __init__(self) -> None:
        super().__init__(validators=False)
        self._builds = 0

    def answer(self, asked: Asked) -> Told:
        told = super().answer(asked)
        self._builds += 1
        built = f"<lastBuildDate>build {self._builds}</lastBuildDate></channel>".encode()
        return Told(told.status, told.body.replace(b"</channel>", built), told.headers)


def item(id: str, body: str = LOVED, *, age: timedelta | None = timedelta(hours=1), title: str = "") -> Item:
    """An entry of `age`; None leaves it undated."""
    published = None if age is None else datetime.now(UTC) - age
    return Item(id=id, title=title or id, body=body, link=f"https://forum.example/{id}", published=published)


def to_chat(chat: ChatServer, **options: Any) -> dict[str, Any]:
    return {"type": "webhook", "name": "chat", "url": chat.url, "per_second": 100, **options}


def alerting(folder: Path, url: str, chat: ChatServer, **settings: Any) -> Program:
    """One feed, and a chat that is told of detractors."""
    rules = [alert_of_detractors("chat")]
    return Program(folder, sources=[feed("forum", url)], channels=[to_chat(chat)], alerts=rules, **settings)


def titles(messages: list[Heard]) -> list[str]:
    return sorted(message.json["data"]["title"] for message in messages)


# ---- what arrives, and how often


def test_an_undated_item_of_a_feed_that_is_rebuilt_at_every_request_is_told_once(tmp_path: Path) -> None:
    with RebuiltFeed() as server, ChatServer() as chat:
        server.publish(item("old", age=None))
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)
        server.publish(item("news", HATED, age=None))
        outcomes = [program.pull(code=0)["runs"][0]["outcome"] for _ in range(3)]

        assert outcomes == ["ok", "empty", "empty"]
        assert program.titles() == ["news", "old"]
        assert titles(chat.accepted) == ["news"]


def test_an_item_dated_earlier_than_the_newest_seen_one_still_arrives(tmp_path: Path) -> None:
    with FeedServer([item("newest", age=timedelta(minutes=5))]) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)
        server.publish(item("late", HATED, age=timedelta(hours=9)))
        program.pull(code=0)

        assert program.titles() == ["late", "newest"]
        assert titles(chat.accepted) == ["late"]


def test_two_items_of_one_second_that_come_in_two_pulls_both_arrive(tmp_path: Path) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    first, second = (Item(id=id, title=id, body=HATED, published=moment) for id in ("first", "second"))
    with FeedServer([first]) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)
        server.publish(second)
        program.pull(code=0)

        assert program.titles() == ["first", "second"]
        assert titles(chat.accepted) == ["first", "second"]


def test_a_throttled_source_waits_as_asked_and_stops_no_other(tmp_path: Path) -> None:
    with FeedServer() as seconds, FeedServer() as date, FeedServer([item("fine")]) as other:
        throttled = [feed("a", seconds.url(), interval="60s"), feed("b", date.url(), interval="60s")]
        program = Program(tmp_path, sources=[*throttled, feed("other", other.url())])
        before = datetime.now(UTC)
        wish = before + timedelta(seconds=600)
        seconds.override = Told(429, b"slow down", {"Retry-After": "600"})
        date.override = Told(429, b"slow down", {"Retry-After": format_datetime(wish, usegmt=True)})
        runs = {run["source"]: run["outcome"] for run in program.pull(code=3)["runs"]}
        took = datetime.now(UTC) - before

        assert runs == {"a": "failed", "b": "failed", "other": "ok"}
        assert program.titles() == ["fine"]
        watches, slack = program.watches(), timedelta(seconds=1)  # an HTTP date has whole seconds
        for name in ("a", "b"):
            assert wish - slack <= datetime.fromisoformat(watches[name]["next_due"]) <= wish + took + slack

        assert "nothing is due" in program.run("pull").out
        assert (len(seconds.requests), len(date.requests)) == (1, 1)


def test_a_chat_that_throttles_in_mid_batch_gets_each_message_once(tmp_path: Path) -> None:
    names = [f"complaint {number}" for number in range(8)]
    script = [*[Say()] * 3, Say(429, {"Retry-After": "1"}), *[Say()] * 2, Say(429, {"Retry-After": "1"})]
    with FeedServer([item(name, HATED) for name in names]) as server, ChatServer(script) as chat:
        slack = {"type": "slack", "name": "chat", "url": chat.url, "per_second": 100}
        rules = [alert_of_detractors("chat")]
        program = Program(tmp_path, sources=[feed("forum", server.url())], channels=[slack], alerts=rules)
        answer = program.pull(code=0)

        assert answer["alerts"]["sent"] == len(names)
        told = sorted(message.json["blocks"][1]["text"]["text"] for message in chat.accepted)
        assert told == names
        assert len(chat.heard) == len(names) + 2
        assert program.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]
        waits = [chat.heard[n + 1].at - chat.heard[n].at for n in (3, 6)]
        assert min(waits) >= 0.9, "Retry-After is waited for"


def test_two_pulls_at_once_store_and_tell_everything_once(tmp_path: Path) -> None:
    feeds = [FeedServer([item(f"{name} {n}", HATED if n % 50 == 0 else LOVED) for n in range(100)]) for name in "abc"]
    with feeds[0], feeds[1], feeds[2], ChatServer() as chat:
        sources = [feed(f"feed-{n}", server.url("atom")) for n, server in enumerate(feeds)]
        rules = [alert_of_detractors("chat")]
        program = Program(tmp_path, sources=sources, channels=[to_chat(chat)], alerts=rules)
        both = [program.start("pull", "--all") for _ in range(2)]
        ended = [one.wait() for one in both]

        assert [one.code for one in ended] == [0, 0], ended
        assert not any("locked" in one.said or "Traceback" in one.said for one in ended)
        assert program.value("SELECT COUNT(*) FROM posts") == 300
        assert program.value("SELECT COUNT(*) FROM mentions") == 300
        assert program.value("SELECT COUNT(*) FROM scores") == 300
        assert titles(chat.accepted) == [f"{name} {n}" for name in "abc" for n in (0, 50)]
        program.check_database()


# ---- what is told


def test_the_first_pull_of_an_archive_tells_nothing_old(tmp_path: Path) -> None:
    archive = [item(f"old {n}", HATED, age=timedelta(days=2 + n)) for n in range(500)]
    with FeedServer(archive, window=1000) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        runs = program.pull(code=0)["runs"]

        assert (runs[0]["new"], runs[0]["mentions"]) == (500, 500)
        assert program.value("SELECT COUNT(*) FROM mentions WHERE label = 'detractor'") == 500
        assert program.value("SELECT COUNT(*) FROM alerts") == 0
        assert chat.heard == []


def test_a_hundred_fresh_complaints_are_one_message(tmp_path: Path) -> None:
    archive = [item(f"old {n}", HATED, age=timedelta(days=2 + n)) for n in range(500)]
    fresh = [item(f"fresh {n}", HATED, age=timedelta(minutes=100 - n)) for n in range(100)]
    with FeedServer([*archive, *fresh], window=1000) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)

        kinds = Counter(message.json["type"] for message in chat.accepted)
        assert kinds == {"mention.digest": 1}
        digest = next(message.json for message in chat.accepted if message.json["type"] == "mention.digest")
        assert digest["data"]["total"] == 100
        assert program.rows("SELECT DISTINCT state FROM deliveries") == [("sent",)]


def test_an_edit_upstream_is_one_row_scored_again_counted_once_and_not_told_again(tmp_path: Path) -> None:
    with FeedServer([item("p", HATED)]) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)
        server.edit("p", body=LOVED)
        loved = program.pull(code=0)["runs"][0]
        server.edit("p", body=HATED + " Still.")
        program.pull(code=0)

        assert (loved["new"], loved["edited"]) == (0, 1)
        assert program.rows("SELECT text FROM posts") == [(HATED + " Still.",)]
        labels = [label for (label,) in program.rows("SELECT label FROM scores ORDER BY seq")]
        assert labels == ["detractor", "promoter", "detractor"]
        report = program.run("report", "--json").json["reports"][0]
        assert report["labels"] == {"promoter": 0, "passive": 0, "detractor": 1, "no_opinion": 0}
        assert titles(chat.accepted) == ["p"]


def test_a_post_of_an_impossible_date_is_stored_flagged_and_in_no_window(tmp_path: Path) -> None:
    dates = {"future": "Fri, 31 Dec 9999 23:59:59 GMT", "past": "Mon, 01 Jan 0001 00:00:00 GMT"}

    class Misdated(FeedServer):
        def answer(self, asked: Asked) -> Told:
            body = super().answer(asked).body.decode()
            for id, date in dates.items():
                body = body.replace(f"{id}</guid>", f"{id}</guid><pubDate>{date}</pubDate>")
            return Told(200, body.encode(), {"Content-Type": "application/rss+xml"})

    with Misdated([item(id, HATED, age=None) for id in dates]) as server, ChatServer() as chat:
        program = alerting(tmp_path, server.url(), chat)
        program.pull(code=0)

        assert program.titles() == ["future", "past"]
        assert program.rows("SELECT DISTINCT dated, at FROM posts") == [("implausible", None)]
        for window in (("--since", "7d"), ("--since", "0001-01-02", "--until", "9999-12-31")):
            report = program.run("report", "--json", *window).json["reports"][0]
            assert report["waterfall"]["pool"] == 0
            assert report["waterfall"]["undated"] == 2
        assert chat.heard == []


# ---- secrets

SLACK_TOKEN, FEED_TOKEN = "xoxb7Kp2QzN9vTtR4wLm", "feedtokenJ8sKq3Zx"
SIGNING_KEY = base64.b64encode(b"a signing key of thirty-two byte").decode()
SECRETS = (SLACK_TOKEN, FEED_TOKEN, SIGNING_KEY)


class Leaky(Loopback):
    """Fails in every way in which an address might be repeated."""

    def answer(self, asked: Asked) -> Told:
        query = f"?token={asked.params.get('token', '')}"
        if asked.path == "/moved":
            return Told(301, b"", {"Location": f"{self.base}/feed{query}"})
        if asked.path == "/lost":
            return Told(302, b"", {"Location": f"http://10.1.2.3/feed{query}"})
        if asked.path == "/feed":
            return Told(200, b'<rss version="2.0"><channel><title>t</title></channel></rss>')
        if asked.path == "/page":
            return Told(200, b"<!doctype html><title>Log in</title>")
        return Told({"/denied": 403, "/throttled": 429, "/gone": 410}.get(asked.path, 500), b"no")


def secretive(folder: Path, server: Leaky, news: FeedServer, chat: ChatServer) -> Program:
    paths = ("lost", "feed", "page", "denied", "gone", "broken", "throttled")
    sources = [feed(path, f"{server.base}/{path}?token={FEED_TOKEN}") for path in paths]
    channels: list[dict[str, Any]] = [
        {"type": "slack", "name": "slack", "url": f"{chat.origin}/services/T0/B0/{SLACK_TOKEN}", "per_second": 100},
        {"type": "webhook", "name": "crm", "url": f"{chat.origin}/hook/{SLACK_TOKEN}?key={SLACK_TOKEN}"}
        | {"secrets": [f"whsec_{SIGNING_KEY}"]},
    ]
    rules = [alert_of_detractors("slack", "crm")]
    good = feed("good", f"{news.url()}?token={FEED_TOKEN}")
    return Program(folder, sources=[*sources, good], channels=channels, alerts=rules)


def test_no_secret_is_ever_said_or_reported_and_those_of_channels_are_not_stored(tmp_path: Path) -> None:
    news = FeedServer([item("bad news", HATED)])
    answers = [Say(400), Say(410), Say(404), Say(403)]  # none of them is tried again by itself
    with Leaky() as server, news, ChatServer(answers) as chat:
        program = secretive(tmp_path, server, news, chat)
        acting: tuple[tuple[str, ...], ...] = (
            ("-vv", "pull", "--all"),
            ("-vv", "alerts", "test", "slack"),
            ("-vv", "alerts", "test", "crm"),
            ("-vv", "alerts", "replay", "--all"),
            ("pull", "--all", "--json"),
        )
        looking: tuple[tuple[str, ...], ...] = (
            ("alerts", "list"),
            ("alerts", "list", "--json"),
            ("sources",),
            ("sources", "--json"),
            ("check",),
            ("report",),
            ("report", "--json"),
            ("report", "--format", "markdown"),
        )
        said = {command: program.run(*command, code=None).said for command in acting}
        side_by_side = {command: program.start(*command) for command in looking}
        said |= {command: running.wait().said for command, running in side_by_side.items()}

    assert len(chat.heard) >= 4, "the channels were tried"
    leaks = {" ".join(command): secret for command, text in said.items() for secret in SECRETS if secret in text}
    assert leaks == {}
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("listener.db*"))
    assert [secret for secret in (SLACK_TOKEN, SIGNING_KEY) if secret.encode() in stored] == []


def test_the_secret_of_a_feed_that_has_moved_is_not_said(tmp_path: Path) -> None:
    with Leaky() as server:
        program = Program(tmp_path, sources=[feed("blog", f"{server.base}/moved?token={FEED_TOKEN}")])
        pulled = program.run("pull")
        listed = program.run("sources", "--json")
    assert f"{server.base}/feed" in pulled.out, "the new address is named"
    assert FEED_TOKEN not in pulled.said + listed.said


WRONG_CHANNELS: tuple[dict[str, Any], ...] = (
    {"type": "slack", "url": f"hooks.slack.com/services/{SLACK_TOKEN}"},
    {"type": "slack", "url": f"https://hooks.slack.com/{SLACK_TOKEN}", "speed": SLACK_TOKEN},
    {"type": "slack", "url": [f"https://hooks.slack.com/{SLACK_TOKEN}"]},
    {"type": "slak", "url": f"https://hooks.slack.com/{SLACK_TOKEN}"},
    {"type": "webhook", "url": f"https://crm.example/{SLACK_TOKEN}", "secrets": [f"whsec_{SLACK_TOKEN}"]},
    {"type": "webhook", "url": f"https://crm.example/{SLACK_TOKEN}", "secrets": f"whsec_{SIGNING_KEY}"},
)


def test_no_secret_is_said_of_channels_that_are_configured_wrongly(tmp_path: Path) -> None:
    program = Program(
        tmp_path,
        sources=[feed("blog", f"ftp://blog.example/?token={FEED_TOKEN}")],
        channels=[{"name": f"chat-{number}", **channel} for number, channel in enumerate(WRONG_CHANNELS)],
        alerts=[alert_of_detractors("chat-0")],
    )
    ended = program.run("-vv", "check", code=2)
    assert [n for n in range(len(WRONG_CHANNELS)) if f'"chat-{n}"' not in ended.err] == [], "each mistake is told"
    assert '"blog"' in ended.err
    assert [secret for secret in SECRETS if secret in ended.said] == []
