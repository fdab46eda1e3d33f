from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from connectors.contract import Http
from connectors.http import HttpClient
from listener.alerts.channels.contract import Channel, ChannelOptions, DeliveryError
from listener.alerts.channels.slack import Slack, SlackOptions
from listener.alerts.channels.webhook import Webhook, WebhookOptions
from listener.alerts.notice import Notice
from listener.alerts.outbox import FLOOD, DrainReport, drain, replay
from listener.alerts.rules import Rule, delivery, raise_alerts
from storage.contract import Store
from storage.records import Alert, Arrival, stamp
from tests.databases import another
from tests.standins.chat import LOST, RESET, ChatServer, Say
from tests.test_alert_rules import POST, pair

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SLOW_DOWN = Say(429, {"Retry-After": "1"})


class Clock:
    """Time that passes when somebody waits, and a microsecond whenever somebody looks."""

    def __init__(self) -> None:
        self.time = START
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        self.time += timedelta(microseconds=1)
        return self.time

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)


class Killed(BaseException):
    """What stands for kill -9: nothing catches it."""


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with client(clock) as opened:
        yield opened


def client(clock: Clock) -> HttpClient:
    return HttpClient(user_agent="tests", now=clock, deadline=5.0, allow_private=["127.0.0.1/32"])


def slack(chat: ChatServer, name: str = "slack") -> Slack:
    return Slack(name, SlackOptions(url=SecretStr(chat.url)))


def hook(chat: ChatServer, name: str = "hook") -> Webhook:
    return Webhook(name, WebhookOptions(url=SecretStr(chat.url)))


def plant(store: Store, count: int, *channels: str, first: int = 0, at: datetime = START) -> None:
    """`count` posts with an alert each, a millisecond apart: titles "post 0", "post 1", …"""
    for n in range(first, first + count):
        post = POST._replace(id=f"post{n}", source_id=str(n), title=f"post {n}", fingerprint=f"f{n}", at=stamp(at))
        mention, score = pair(confidence=n / 10_000)
        mention, score = (
            mention._replace(id=f"m{n}", post_id=post.id),
            score._replace(mention_id=f"m{n}"),
        )
        found = at + timedelta(milliseconds=n - 1_000)
        raised = raise_alerts(
            [Rule("angry", channels)],
            post,
            [(mention, score)],
            now=found,
            max_age=timedelta(days=1),
            baseline=False,
        )
        store.add_page([Arrival(post, None, ((mention, score),), raised)], stamp(found))


def run(store: Store, channels: Mapping[str, Channel], http: Http, clock: Clock, patience: float = 30.0) -> DrainReport:
    return drain(store, channels, http, clock, random.Random(7), patience=patience, pause=clock.pause)


def posts_of(chat: ChatServer) -> list[str]:
    """The titles of the accepted messages of a webhook."""
    return [heard.json["data"]["title"] for heard in chat.accepted]


def slack_posts_of(chat: ChatServer) -> list[str]:
    return [heard.json["blocks"][1]["text"]["text"] for heard in chat.accepted]


def states(store: Store) -> Counter[str]:
    return Counter(one.delivery.state for one in store.deliveries(limit=10_000))


# -- the good way


def test_what_waits_is_sent_once_oldest_first(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 5, "hook")
    with ChatServer() as chat:
        assert run(store, {"hook": hook(chat)}, http, clock) == DrainReport(sent=5)
        assert run(store, {"hook": hook(chat)}, http, clock) == DrainReport()
    assert posts_of(chat) == [f"post {n}" for n in range(5)]
    assert [heard.key for heard in chat.heard] == [one.delivery.id for one in reversed(store.deliveries("sent"))]


def test_slack_gets_one_message_a_second_over_drains_too(store: Store, http: HttpClient, clock: Clock) -> None:
    times: list[datetime] = []

    def answer(path: str, body: bytes) -> Say:
        times.append(clock.time)
        return Say()

    with ChatServer(answer) as chat:
        plant(store, 3, "slack")
        run(store, {"slack": slack(chat)}, http, clock)
        plant(store, 2, "slack", first=3)
        run(store, {"slack": slack(chat)}, http, clock)
    assert len(times) == 5
    assert all((later - earlier).total_seconds() >= 0.999 for earlier, later in pairwise(times))


# -- throttling


def test_a_429_in_mid_batch_ends_with_each_message_exactly_once(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 8, "slack")
    with ChatServer([*[Say()] * 3, SLOW_DOWN, SLOW_DOWN, *[Say()] * 2, Say(429, {"Retry-After": "20"})]) as chat:
        report = run(store, {"slack": slack(chat)}, http, clock)
    assert (report.sent, report.waiting, report.dead) == (8, 0, 0)
    assert slack_posts_of(chat) == [f"post {n}" for n in range(8)]
    assert len(chat.heard) == 11


def test_a_long_silence_is_left_for_later_and_never_cut_short(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 3, "slack")
    with ChatServer([Say(), Say(429, {"Retry-After": "3600"})]) as chat:
        report = run(store, {"slack": slack(chat)}, http, clock)
        assert (report.sent, report.waiting) == (1, 2)
        assert sum(clock.waits) < 5
        run(store, {"slack": slack(chat)}, http, clock)
        assert len(chat.heard) == 2
        clock.pause(3600)
        assert run(store, {"slack": slack(chat)}, http, clock).sent == 2
    assert slack_posts_of(chat) == ["post 0", "post 1", "post 2"]
    assert {one.delivery.attempts for one in store.deliveries()} == {1}


def test_a_receiver_that_only_throttles_is_asked_no_more_than_it_wants_and_loses_nothing(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 2, "slack")
    with ChatServer(lambda path, body: Say(429, {"Retry-After": "0"})) as chat:
        run(store, {"slack": slack(chat)}, http, clock)
        assert len(chat.heard) <= 31
    assert sum(clock.waits) <= 31
    assert states(store) == {"waiting": 2}


def test_a_throttled_channel_keeps_no_other_waiting(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 3, "slack", "hook")
    with ChatServer([Say(429, {"Retry-After": "25"})]) as busy, ChatServer() as idle:
        done: list[datetime] = []
        original = clock.pause

        def pause(seconds: float) -> None:
            if seconds > 20:
                assert len(idle.heard) == 3
            done.append(clock.time)
            original(seconds)

        channels: dict[str, Channel] = {"slack": slack(busy), "hook": hook(idle)}
        report = drain(store, channels, http, clock, random.Random(7), pause=pause)
    assert report.sent == 6
    assert len(busy.accepted) == 3


def test_503_with_a_wish_is_a_failure_that_waits_as_long_as_it_wants(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 1, "hook")
    with ChatServer([Say(503, {"Retry-After": "7200"})]) as chat:
        run(store, {"hook": hook(chat)}, http, clock)
    (one,) = store.waiting("hook", "9999")
    assert one.delivery.attempts == 1
    assert one.delivery.next_try_at >= stamp(START + timedelta(hours=2))


# -- failures that pass


@pytest.mark.parametrize("trouble", [Say(500), RESET], ids=["500", "reset"])
def test_three_failures_then_well_ends_with_each_message_once(
    trouble: Say, store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 5, "hook")
    with ChatServer([trouble] * 3) as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
    assert (report.sent, report.waiting) == (5, 0)
    assert sorted(posts_of(chat)) == [f"post {n}" for n in range(5)]


def test_a_lost_answer_repeats_once_under_the_same_key(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 3, "hook")
    with ChatServer([Say(), LOST]) as chat:
        assert run(store, {"hook": hook(chat)}, http, clock).sent == 3
    keys = Counter(heard.key for heard in chat.accepted)
    assert sorted(keys.values()) == [1, 1, 2]
    assert len({heard.body for heard in chat.accepted}) == 3


def test_a_late_answer_is_a_failure_and_repeats_under_the_same_key(store: Store, clock: Clock) -> None:
    plant(store, 1, "hook")
    with (
        HttpClient(user_agent="x", now=clock, deadline=0.2, allow_private=["127.0.0.1/32"]) as hasty,
        ChatServer([Say(delay=0.6)]) as chat,
    ):
        assert run(store, {"hook": hook(chat)}, hasty, clock).sent == 1
    assert len({heard.key for heard in chat.heard}) == 1
    assert len(chat.heard) == 2


def test_a_receiver_that_is_down_is_not_asked_for_each_message(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 20, "hook")
    with ChatServer(lambda path, body: Say(500)) as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
        assert len(chat.heard) <= 6
    assert (report.sent, report.waiting) == (0, 20)


def test_a_receiver_that_is_dead_for_ever_is_asked_ten_times_within_76_hours(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 1, "hook")
    times: list[datetime] = []

    def refuse(path: str, body: bytes) -> Say:
        times.append(clock.time)
        return Say(500)

    with ChatServer(refuse) as chat:
        while (due := store.next_delivery()) is not None:
            clock.pause(max(0.0, (datetime.fromisoformat(due) - clock.time).total_seconds()))
            run(store, {"hook": hook(chat)}, http, clock, patience=0)
    assert len(times) == 10
    assert times[-1] - times[0] <= timedelta(hours=76)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    (dead,) = store.deliveries("dead")
    assert "Given up after 10 tries" in dead.delivery.last_error
    with ChatServer() as mended:
        assert replay(store, clock()) == 1
        assert run(store, {"hook": hook(mended)}, http, clock).sent == 1
        assert [heard.key for heard in mended.heard] == [dead.delivery.id]


def test_a_failing_message_waits_its_own_time_while_the_others_go(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 4, "hook")
    with ChatServer(lambda path, body: Say(500 if b"post 1" in body else 200)) as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
    assert (report.sent, report.waiting) == (3, 1)
    assert posts_of(chat) == ["post 0", "post 2", "post 3"]


# -- failures for good


def test_a_poison_message_dies_and_does_not_block_the_next(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 4, "slack")
    with ChatServer(lambda path, body: Say(400 if b"post 1" in body else 200)) as chat:
        report = run(store, {"slack": slack(chat)}, http, clock)
    assert (report.sent, report.waiting, report.dead, report.stopped) == (3, 0, 1, ())
    assert slack_posts_of(chat) == ["post 0", "post 2", "post 3"]
    assert len(chat.heard) == 4


def test_an_alert_that_cannot_be_read_dies_alone(store: Store, http: HttpClient, clock: Clock) -> None:
    broken = Alert("a1", "r", "Acme", None, stamp(START - timedelta(hours=1)), "{")
    store.add_alerts([(broken, (delivery(broken, "hook"),))])
    plant(store, 1, "hook")
    with ChatServer() as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
    assert (report.sent, report.dead) == (1, 1)


def test_410_stops_the_channel_lists_what_waited_and_a_replay_brings_it_back(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 3, "hook", "slack")
    with ChatServer([Say(), Say(410)]) as gone, ChatServer() as well:
        channels: dict[str, Channel] = {"hook": hook(gone), "slack": slack(well)}
        report = run(store, channels, http, clock)
        assert (report.sent, report.dead, report.stopped) == (4, 2, ("hook",))
        plant(store, 1, "hook", first=3)
        report = run(store, channels, http, clock)
        assert (report.sent, report.dead) == (0, 1)
        assert "listener alerts replay --channel hook" in report.errors[0]
        assert len(gone.heard) == 2
        for dead in store.deliveries("dead"):
            assert "410" in dead.delivery.last_error
            assert "listener alerts replay --channel hook" in dead.delivery.last_error
        assert replay(store, clock(), channel="hook") == 3
        assert run(store, channels, http, clock).sent == 3
    assert posts_of(gone) == [f"post {n}" for n in range(4)]


def test_replay_takes_one_delivery_one_channel_or_all(store: Store, clock: Clock) -> None:
    plant(store, 2, "a", "b")
    for one in store.deliveries():
        store.record_attempt(one.delivery.id, "dead", stamp(START), "x", None)
    chosen = store.deliveries()[0].delivery.id
    assert replay(store, clock(), delivery_ids=[chosen]) == 1
    assert [one.delivery.id for one in store.deliveries("waiting")] == [chosen]
    assert replay(store, clock(), channel="b") + replay(store, clock()) == 3


def test_a_channel_that_the_configuration_no_longer_has_is_told_and_not_forgotten(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 2, "old", "hook")
    with ChatServer() as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
        assert (report.sent, report.dead) == (2, 2)
        assert "no channel named old" in report.errors[0]
        replay(store, clock(), channel="old")
        assert run(store, {"old": hook(chat), "hook": hook(chat)}, http, clock).sent == 2


class Faulty:
    kind: ClassVar[str] = "faulty"
    options: ClassVar[type[ChannelOptions]] = ChannelOptions
    per_second = 100.0

    def __init__(self, name: str, options: Any = None) -> None:
        self.name = name

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        raise KeyError("hunter2")


def test_a_strangers_faulty_channel_neither_stops_the_others_nor_leaks(
    store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 2, "faulty", "hook")
    with ChatServer() as chat:
        report = run(store, {"faulty": Faulty("faulty"), "hook": hook(chat)}, http, clock)
    assert (report.sent, report.waiting) == (2, 2)
    assert "KeyError" in report.errors[0]
    assert "hunter2" not in str(report)


@pytest.mark.parametrize("say", [Say(s) for s in (302, 400, 401, 403, 404, 410, 413, 422, 429, 500)] + [RESET])
def test_no_error_anywhere_holds_the_address_or_the_secret(
    say: Say, store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 1, "hook", "slack")
    with ChatServer(lambda path, body: say) as chat:
        report = run(store, {"hook": hook(chat), "slack": slack(chat)}, http, clock, patience=0)
    said = str(report) + str(store.deliveries()) + str([store.channel(name) for name in ("hook", "slack")])
    assert report.errors
    for secret in ("T000", "B000", "secret-token"):
        assert secret not in said


# -- crashes and crowds


def dying_after(store: Store, records: int) -> Store:
    """Another process, which dies after so many records, between the sending and the recording."""
    opened, left = another(store), [records]

    def until_killed(record: Callable[..., None], *values: Any) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        record(*values)

    for name in ("record_attempt", "told_in_digest"):
        setattr(opened, name, partial(until_killed, getattr(opened, name)))
    return opened


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_kill_between_sending_and_recording_repeats_one_message_under_its_key(
    after: int, store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, 5, "hook")
    dying = dying_after(store, after)
    with ChatServer() as chat:
        with pytest.raises(Killed):
            run(dying, {"hook": hook(chat)}, http, clock)
        run(store, {"hook": hook(chat)}, http, clock)
    dying.close()
    keys = Counter(heard.key for heard in chat.heard)
    assert sorted(keys.values()) == [1, 1, 1, 1, 2]
    assert states(store) == {"sent": 5}


def test_two_drains_at_once_send_nothing_twice(store: Store, clock: Clock) -> None:
    plant(store, 12, "hook", "other")
    other = another(store)
    ready = threading.Barrier(2)
    sent: list[int] = []

    def work(mine: Store) -> None:
        own = Clock()
        with client(own) as http:
            ready.wait()
            for _ in range(3):
                sent.append(run(mine, {"hook": hook(chat), "other": hook(chat)}, http, own).sent)

    with ChatServer() as chat:
        threads = [threading.Thread(target=work, args=(one,)) for one in (store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    other.close()
    assert sum(sent) == len(chat.heard) == 24
    assert set(Counter(heard.key for heard in chat.heard).values()) == {1}


# -- floods


def test_a_flood_becomes_one_digest(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, 150, "hook")
    with ChatServer() as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
    assert report.sent == 1
    (digest,) = [heard.json for heard in chat.accepted]
    assert digest["type"] == "mention.digest"
    assert digest["data"]["total"] == 150
    assert digest["data"]["counts"] == [{"brand": "Acme", "label": "detractor", "mentions": 150}]
    assert [line["title"] for line in digest["data"]["surest"]] == [f"post {n}" for n in range(149, 139, -1)]
    assert states(store) == {"sent": 151}


def test_a_flood_larger_than_memory_should_hold_is_one_digest_too(
    store: Store, http: HttpClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.alerts.sender.ROW_LIMIT", 50)
    plant(store, 300, "hook")
    with ChatServer() as chat:
        report = run(store, {"hook": hook(chat)}, http, clock)
    assert report.sent == 1
    digest = chat.accepted[0].json["data"]
    assert digest["total"] == 300
    assert digest["counts"][0]["mentions"] == 300
    assert digest["surest"][0]["title"] == "post 299"


def test_twenty_are_no_flood(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, FLOOD, "hook")
    with ChatServer() as chat:
        run(store, {"hook": hook(chat)}, http, clock)
    assert {heard.json["type"] for heard in chat.accepted} == {"mention.detractor"}


@pytest.mark.parametrize("after", [0, 1])
def test_a_kill_while_a_digest_is_made_or_sent_loses_and_repeats_nothing(
    after: int, store: Store, http: HttpClient, clock: Clock
) -> None:
    plant(store, FLOOD + 10, "hook")
    dying = dying_after(store, after)
    with ChatServer() as chat:
        with pytest.raises(Killed):
            run(dying, {"hook": hook(chat)}, http, clock)
        run(store, {"hook": hook(chat)}, http, clock)
    dying.close()
    first = {heard.key: heard.json for heard in chat.accepted}
    assert len(chat.accepted) - len(first) <= 1
    digests = [one for one in first.values() if one["type"] == "mention.digest"]
    assert [one["data"]["total"] for one in digests] == [FLOOD + 10]
    assert len(first) == 1
    assert states(store) == {"sent": FLOOD + 11}


def test_a_digest_that_is_refused_is_listed_and_can_be_replayed(store: Store, http: HttpClient, clock: Clock) -> None:
    plant(store, FLOOD + 5, "hook")
    with ChatServer([Say(413)]) as chat:
        assert run(store, {"hook": hook(chat)}, http, clock).dead == 1
        assert replay(store, clock()) == 1
        assert run(store, {"hook": hook(chat)}, http, clock).sent == 1
    assert chat.accepted[-1].json["data"]["total"] == FLOOD + 5


def test_with_nothing_due_a_drain_asks_the_store_once(store: Store, http: HttpClient, clock: Clock) -> None:
    assert run(store, {"faulty": Faulty("faulty")}, http, clock) == DrainReport()


def test_an_error_needs_no_more_than_its_message() -> None:
    error = DeliveryError("no")
    assert (error.permanent, error.retry_after, error.throttled) == ("", None, False)
