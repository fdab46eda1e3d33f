"""Quiet hours, trouble that only those who run the program hear of, and what goes with a report."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from connectors.http import HttpClient
from listener.alerts import notice as notices
from listener.alerts.channels.contract import Channel
from listener.alerts.notice import Notice
from listener.alerts.ops import Ops, down, masked
from listener.alerts.outbox import DrainReport, Policy, drain, drop, replay
from listener.alerts.quiet import Quiet
from listener.alerts.rules import delivery
from listener.app import App
from listener.config import load
from listener.schedule.engine import Job
from storage.errors import StoreError, StoreFull
from storage.records import Alert, stamp
from storage.records_nps import StoredReport
from storage.sqlite import SqliteStore
from tests.command import ACME
from tests.made import watch
from tests.standins.chat import ChatServer, Say
from tests.test_outbox import START, Clock, client, hook, plant, posts_of, states

NIGHT = Policy(quiet={"hook": Quiet(time(12), time(13))}, ops="ops")
"""Clock begins at noon."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "listener.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with client(clock) as opened:
        yield opened


def run(
    store: SqliteStore, channels: Mapping[str, Channel], http: HttpClient, clock: Clock, policy: Policy = NIGHT
) -> DrainReport:
    return drain(store, channels, http, clock, random.Random(7), pause=clock.pause, policy=policy)


def raise_alert(store: SqliteStore, channel: str, notice: Notice, at: datetime = START) -> str:
    alert = Alert(f"{notice.type}-{notice.title}", "rule", notice.brand, None, stamp(at), notice.to_json())
    store.add_alerts([(alert, (one := delivery(alert, channel),))])
    return one.id


def kinds(chat: ChatServer) -> list[str]:
    return [heard.json["type"] for heard in chat.accepted]


# -- quiet hours


def test_nothing_is_sent_in_quiet_hours_and_all_of_it_in_one_message_afterwards(
    store: SqliteStore, http: HttpClient, clock: Clock
) -> None:
    plant(store, 5, "hook", "other")
    with ChatServer() as chat, ChatServer() as other:
        channels: dict[str, Channel] = {"hook": hook(chat), "other": hook(other)}
        assert run(store, channels, http, clock).waiting == 5
        assert (len(chat.heard), len(other.accepted)) == (0, 5)
        assert store.next_delivery() == stamp(START + timedelta(hours=1))
        clock.pause(3600)
        assert run(store, channels, http, clock) == DrainReport(sent=1)
    (told,) = [heard.json for heard in chat.accepted]
    assert (told["type"], told["data"]["total"]) == ("mention.digest", 5)
    assert "held back" in str(told)
    assert states(store) == {"sent": 11}


def test_a_single_one_that_was_held_back_is_told_as_it_is(store: SqliteStore, http: HttpClient, clock: Clock) -> None:
    plant(store, 1, "hook")
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock)
        clock.pause(3600)
        plant(store, 2, "hook", first=1, at=clock.time)
        run(store, {"hook": hook(chat)}, http, clock)
    assert posts_of(chat) == ["post 0", "post 1", "post 2"]


def test_more_than_memory_should_hold_is_held_back_and_told_in_one_message(
    store: SqliteStore, http: HttpClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.alerts.sender.ROW_LIMIT", 50)
    plant(store, 160, "hook")
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock)
        assert chat.heard == []
        clock.pause(3600)
        assert run(store, {"hook": hook(chat)}, http, clock).sent == 1
    assert chat.accepted[0].json["data"]["total"] == 160


def test_tests_and_trouble_with_the_program_pass_quiet_hours(
    store: SqliteStore, http: HttpClient, clock: Clock
) -> None:
    plant(store, 1, "hook")
    raise_alert(store, "hook", notices.test_notice("hook", START))
    raise_alert(store, "hook", Notice("ops.disk_full", stamp(START), title="The disk is full"))
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock)
    assert sorted(kinds(chat)) == ["ops.disk_full", "test"]


def test_what_is_being_sent_when_it_becomes_quiet_waits(store: SqliteStore, http: HttpClient, clock: Clock) -> None:
    plant(store, 6, "hook")
    policy = Policy(quiet={"hook": Quiet(time(12, 1), time(13))})

    def answer(path: str, body: bytes) -> Say:
        clock.time += timedelta(seconds=25)
        return Say()

    with ChatServer(answer) as chat:
        run(store, {"hook": hook(chat)}, http, clock, policy)
        assert posts_of(chat) == ["post 0", "post 1", "post 2"]
        assert store.next_delivery() == stamp(START + timedelta(hours=1))
        clock.time = START + timedelta(hours=1)
        run(store, {"hook": hook(chat)}, http, clock, policy)
    assert kinds(chat)[3:] == ["mention.digest"]


def test_a_report_is_in_no_digest_and_brings_what_was_stored_of_it(
    store: SqliteStore, clock: Clock, http: HttpClient
) -> None:
    seen: list[Notice] = []

    class Seeing:
        kind, options, per_second, name = "seeing", None, 100.0, "hook"

        def deliver(self, notice: Notice, **_: Any) -> None:
            seen.append(notice)

    at = stamp(START)
    store.add_report(StoredReport("r1", "Acme", at, at, "html", at, "f", "<!doctype html><p>all well"))
    plant(store, 3, "hook")
    raise_alert(store, "hook", Notice("report", at, title="week", report="r1"))
    raise_alert(store, "hook", Notice("report", at, title="gone", report="r2"))
    channels: dict[str, Any] = {"hook": Seeing()}
    run(store, channels, http, clock)
    assert seen == []
    clock.pause(3600)
    assert run(store, channels, http, clock).sent == 3
    assert {one.title: one.html for one in seen if one.type == "report"} == {
        "week": "<!doctype html><p>all well",
        "gone": "",
    }
    assert "<!doctype" not in "".join(one.alert.notice for one in store.deliveries())


def test_a_digest_says_of_each_kind_how_many(store: SqliteStore, clock: Clock, http: HttpClient) -> None:
    plant(store, 2, "hook")
    raise_alert(store, "hook", Notice("brand.spike", stamp(START), brand="Acme", title="A spike"))
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock)
        clock.pause(3600)
        run(store, {"hook": hook(chat)}, http, clock)
    data = chat.accepted[0].json["data"]
    assert {(one["label"], one["mentions"]) for one in data["counts"]} == {("detractor", 2), ("spike", 1)}
    assert data["title"] == "3 alerts in one message"


def test_the_flood_begins_where_the_configuration_says(store: SqliteStore, http: HttpClient, clock: Clock) -> None:
    plant(store, 7, "hook")
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock, Policy(digest_above=3))
    assert kinds(chat) == ["mention.digest"]


# -- given up by hand


def test_what_is_dropped_is_sent_only_when_it_is_named(store: SqliteStore, http: HttpClient, clock: Clock) -> None:
    plant(store, 3, "other")
    ids = [one.delivery.id for one in store.deliveries()]
    assert drop(store, [ids[0], "unknown"]) == 1
    with ChatServer() as chat:
        assert run(store, {"other": hook(chat)}, http, clock).sent == 2
        assert drop(store, ids) == 0
        assert replay(store, clock()) == replay(store, clock(), channel="other") == 0
        assert replay(store, clock(), delivery_ids=[ids[0]]) == 1
        assert run(store, {"other": hook(chat)}, http, clock).sent == 1
    assert states(store) == {"sent": 3}


def test_a_replay_of_one_channel_finds_it_behind_thousands_of_another(
    store: SqliteStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.alerts.outbox.ROW_LIMIT", 10)
    plant(store, 5, "old")
    plant(store, 30, "new", first=5)
    for one in store.deliveries(limit=100):
        store.record_attempt(one.delivery.id, "dead", stamp(START), "x", None)
    assert replay(store, clock(), channel="old") == 5


# -- trouble


def test_a_channel_that_stops_is_told_to_ops_once_a_day_and_to_nobody_else(
    store: SqliteStore, http: HttpClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with ChatServer([Say(410)]) as gone, ChatServer() as audience, ChatServer() as ops:
        channels: dict[str, Channel] = {"ops": hook(ops), "gone": hook(gone), "audience": hook(audience)}
        plant(store, 2, "gone", "audience")
        run(store, channels, http, clock)
        plant(store, 1, "gone", first=2)
        run(store, channels, http, clock)
        assert kinds(ops) == ["ops.channel_stopped"]
        assert set(kinds(audience)) == {"mention.detractor"}
        clock.pause(86_400)
        plant(store, 1, "gone", first=3)
        run(store, channels, http, clock)
        assert kinds(ops) == ["ops.channel_stopped"] * 2
    data = ops.accepted[0].json["data"]
    assert data["title"] == "Channel gone has stopped"
    assert not data["text"].startswith("Stopped:")
    assert "410" in data["text"] and "listener alerts replay --channel gone" in data["text"]
    assert "secret-token" not in str(data) + caplog.text


def test_dead_letters_are_told_to_ops_once(store: SqliteStore, http: HttpClient, clock: Clock) -> None:
    plant(store, 4, "hook")
    with ChatServer(lambda path, body: Say(400)) as chat, ChatServer() as ops:
        run(store, {"hook": hook(chat), "ops": hook(ops)}, http, clock, Policy(ops="ops"))
    assert kinds(ops) == ["ops.dead_letters"]
    assert "listener alerts list --state dead" in ops.accepted[0].json["data"]["text"]


def test_trouble_of_the_ops_channel_itself_is_only_in_the_log(
    store: SqliteStore, http: HttpClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    raise_alert(store, "ops", Notice("ops.disk_full", stamp(START), title="The disk is full"))
    with caplog.at_level(logging.WARNING), ChatServer([Say(410)] * 5) as ops:
        report = run(store, {"ops": hook(ops)}, http, clock)
    assert report.stopped == ("ops",)
    assert len(ops.heard) == 1 and len(store.deliveries()) == 1
    assert "Channel ops has stopped" in caplog.text


def test_without_an_ops_channel_it_is_in_the_log(
    store: SqliteStore, http: HttpClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    plant(store, 1, "hook")
    with caplog.at_level(logging.WARNING), ChatServer([Say(410)]) as chat:
        run(store, {"hook": hook(chat)}, http, clock, Policy())
    assert [record.message for record in caplog.records if "has stopped" in record.message]
    assert len(store.deliveries()) == 1


def test_two_processes_tell_the_same_trouble_once(store: SqliteStore, clock: Clock) -> None:
    for _ in range(2):
        ops = Ops("ops")
        ops.tell(store, "source_down", "forum", "x", clock())
        ops.tell(store, "source_down", "forum", "y", clock())
    assert len(store.deliveries()) == 1


def test_a_source_is_down_after_a_day_of_failures() -> None:
    now = START
    since = {"a": 30, "b": 23, "c": 25}
    watches = [
        watch(name)._replace(failing_since=stamp(now - timedelta(hours=hours)), last_error="HTTP 500.")
        for name, hours in since.items()
    ]
    watches += [watch("a", "other")._replace(failing_since=stamp(now - timedelta(hours=40)), closed="gone")]
    found = down(watches, now)
    assert set(found) == {"a", "c"}
    assert "2 of its searches" in found["a"] and "2026-11-20 20:00 UTC" in found["a"]
    assert "not asked again" in found["a"] and "HTTP 500." in found["c"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("see https://u:pw@x.example/hook/T0KEN?k=1 now", "see https://x.example/… now"),
        ("postgresql://listener:pw@db.example/x", "postgresql://…@db.example/x"),
        ("key whsec_QUJDREVGR0hJSktMTU5PUA1== refused", "key … refused"),
        (
            "disk /var/lib/listener/listener2026database.db: full",
            "disk /var/lib/listener/listener2026database.db: full",
        ),
        ("The channel crm answered with HTTP 500.", "The channel crm answered with HTTP 500."),
    ],
)
def test_secrets_are_masked_whoever_wrote_the_sentence(said: str, shown: str) -> None:
    assert masked(said) == shown


# -- where no outbox works


def app(folder: Path, chat: ChatServer, now: datetime = START) -> App:
    path = folder / "listener.toml"
    path.write_text(
        f'{ACME}[alerting]\nallow_private = ["127.0.0.1/32"]\nops = "ops"\n'
        f'[[channels]]\nname = "ops"\ntype = "webhook"\nurl = "{chat.url}"\n'
    )
    path.chmod(0o600)
    return App(load(path, {}), lambda: now)


def test_a_full_disk_is_told_past_the_outbox_once_a_day_by_all_processes(tmp_path: Path) -> None:
    def full() -> None:
        raise StoreFull("listener.db: database or disk is full")

    with ChatServer() as chat:
        for day in (0, 0, 1):
            at_work = app(tmp_path, chat, START + timedelta(days=day))
            engine = at_work.engine()
            for number in range(3):
                engine.submit(Job(f"job {number}", "lane", full))
            assert engine.wait(10)
            engine.stop(0)
            at_work.close()
    assert kinds(chat) == ["ops.disk_full"] * 2
    assert not list(tmp_path.glob(f"*{stamp(START)[:10]}*.told")), "yesterday's mark is gone"


def test_a_database_that_cannot_be_brought_up_to_date_is_told_past_the_outbox(tmp_path: Path) -> None:
    (tmp_path / "listener.db").write_bytes(b"this is no database" * 100)
    with ChatServer() as chat:
        for _ in range(2):
            at_work = app(tmp_path, chat)
            with pytest.raises(StoreError):
                _ = at_work.store
            at_work.close()
    assert kinds(chat) == ["ops.database"]


def test_a_job_and_a_rule_that_fail_are_told_without_their_words(tmp_path: Path) -> None:
    with ChatServer() as chat:
        at_work = app(tmp_path, chat)
        at_work.operations.job_failed("sweep", KeyError("hunter2"))
        at_work.operations.rule_failed("spikes", ValueError("hunter2"))
        at_work.deliver()
        at_work.close()
    assert sorted(kinds(chat)) == ["ops.job_failed", "ops.rule_failed"]
    assert "hunter2" not in str([heard.json for heard in chat.accepted])
    assert "KeyError" in str([heard.json for heard in chat.accepted])


def test_an_ops_channel_that_does_not_work_is_no_further_trouble(tmp_path: Path) -> None:
    with ChatServer([Say(500)]) as chat:
        at_work = app(tmp_path, chat)
        at_work.operations.store_failed(StoreFull("full"))
        at_work.close()
    assert len(chat.heard) == 1


# -- rate headers


def test_a_quota_that_is_used_up_is_waited_for_before_it_is_refused(store: SqliteStore, clock: Clock) -> None:
    times: list[datetime] = []
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "3.5", "X-RateLimit-Reset": "1"}

    def answer(path: str, body: bytes) -> Say:
        times.append(clock.time)
        return Say(204, spent, b"")

    plant(store, 3, "other")
    # A gap, however short, makes an address a stranger's, whose wish to be left alone holds.
    with (
        HttpClient(user_agent="x", now=clock, gap=0.001, allow_private=["127.0.0.1/32"]) as http,
        ChatServer(answer) as chat,
    ):
        assert run(store, {"other": hook(chat)}, http, clock).sent == 3
    assert [round((later - earlier).total_seconds(), 1) for earlier, later in pairwise(times)] == [3.5, 3.5]
    assert {one.delivery.attempts for one in store.deliveries()} == {1}
