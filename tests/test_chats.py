"""Every channel against a stand-in of its chat, through the outbox: what it takes, and what it refuses."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from connectors.http import HttpClient
from listener import registry
from listener.alerts.channels.contract import Channel
from listener.alerts.notice import Notice
from listener.alerts.outbox import DrainReport, drain, replay
from listener.alerts.policy import Policy
from listener.alerts.rules import delivery
from storage.records import Alert, stamp
from storage.sqlite import SqliteStore
from tests.chats import GONE, LATE, LOST, POISON, RESET, TAKEN_LATE, Chat, Chats, Say, Throttle, Trouble
from tests.chats.chat import PATIENCE
from tests.chats.phones import CHAT_ID, TOKEN
from tests.chats.server import KINDS
from tests.contracts.channels import DIGEST, NOTICE, everywhere
from tests.notices import NOTICES
from tests.test_outbox import Clock, plant

NAMES = [kind.name for kind in KINDS]
CUT = (LOST, TAKEN_LATE)
"""Taken, but the answer never arrives."""

HOSTILE = {
    "nothing": "",
    "endless": "x" * 100_000,
    "entities": "&" * 5_000,
    "emoji": "😀" * 5_000,
    "quotes": '"\\' * 5_000,
    "lines": "a\n\x00\t\u202e\u2028\u0085\r\n" * 500,
    "markup": "@everyone @channel @here @all <!channel> <!here> <@U1> <users/all> <at>all</at> @name "
    "[bank](https://evil.example) <https://evil.example|bank> <a href='https://evil.example'>bank</a> "
    "*_~`|#>-+= <b>bold</b> </blockquote></b> <script> &lt;b&gt; &#60; ```\n- x\n# y\n1. z\n" * 20,
    "accents": "a" + "\u0301" * 9_000,
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chats(clock: Clock) -> Iterator[Chats]:
    with Chats(clock) as running:
        yield running


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with client(clock, 5.0) as opened:
        yield opened


def client(clock: Clock, deadline: float) -> HttpClient:
    # A gap, however short, makes an address a stranger's, whose wish to be left alone holds for all its paths.
    return HttpClient(user_agent="tests", now=clock, deadline=deadline, gap=0.001, allow_private=["127.0.0.1/32"])


def channel_for(chats: Chats, name: str, **options: Any) -> Channel:
    given: dict[str, dict[str, Any]] = {
        "telegram": {"token": TOKEN, "chat_id": CHAT_ID, "base_url": chats.origin},
        "ntfy": {"topic": "a-topic-that-nobody-guesses", "server": chats.origin},
    }
    kind = registry.channel(name)
    return kind(name, kind.options.model_validate({**given.get(name, {"url": chats.address(name)}), **options}))


ONE_BY_ONE = Policy(digest_above=1_000)


def tell(store: SqliteStore, channel: str, notices: list[Notice], at: datetime) -> None:
    """Alerts that say `notices`, with a delivery each."""
    alerts = [Alert(f"a{n}", "rule", "Acme", None, stamp(at), one.to_json()) for n, one in enumerate(notices)]
    store.add_alerts([(alert, (delivery(alert, channel),)) for alert in alerts])


def drain_all(store: SqliteStore, channel: Channel, http: HttpClient, clock: Clock) -> list[DrainReport]:
    """Drain as often as it takes until nothing waits, as `listener run` does, however long that is."""
    reports: list[DrainReport] = []
    while (due := store.next_delivery()) is not None:
        assert len(reports) < 100
        opens = store.channel(channel.name)[0] or due
        clock.pause(max(0.0, (datetime.fromisoformat(max(due, opens)) - clock.time).total_seconds()))
        reports.append(
            drain(store, {channel.name: channel}, http, clock, random.Random(7), pause=clock.pause, policy=ONE_BY_ONE)
        )
    return reports


def numbers(chat: Chat) -> list[int]:
    """Which of the posts "post 0", "post 1", … were taken, in order."""
    return [int(re.findall(r"post (\d+)", text)[0]) for text in chat.texts]


def check_repeats(chat: Chat, cut: int) -> None:
    """Whatever was taken more than once was cut off, and came back the same, under the same key."""
    assert len(chat.sent) - len(set(numbers(chat))) == (0 if chat.knows_keys else cut)
    assert len({(number, one.key, one.body) for one, number in zip(chat.sent, numbers(chat), strict=True)}) == len(
        set(numbers(chat))
    )


# -- what it takes


@pytest.mark.parametrize("name", NAMES)
def test_the_longest_the_emptiest_and_the_most_hostile_content_is_taken(
    name: str, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    hostile = [notice.bounded() for text in HOSTILE.values() for notice in everywhere(text)]
    notices = [*NOTICES.values(), NOTICE, DIGEST, Notice("test", stamp(clock.time)), *hostile]
    tell(store, name, notices, clock.time)
    drain_all(store, channel_for(chats, name), http, clock)
    assert chats[name].refused == []
    assert len(chats[name].sent) == len(notices)
    mentions = [text for text in chats[name].texts if NOTICE.url in text]
    assert len(mentions) >= 1 + len(HOSTILE)  # the link is whole whatever surrounds it


@pytest.mark.parametrize("name", NAMES)
def test_twenty_at_once_keep_order_and_the_pace_of_the_chat(
    name: str, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    plant(store, 20, name)
    (report,) = drain_all(store, channel_for(chats, name), http, clock)
    assert report == DrainReport(sent=20)
    assert numbers(chats[name]) == list(range(20))
    assert (chats[name].hasty, chats[name].early, len(chats[name].asked)) == (0, 0, 20)


# -- what it refuses


@pytest.mark.parametrize("name", NAMES)
def test_a_429_in_the_chats_own_unit_is_obeyed_and_costs_nothing(
    name: str, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    chat = chats[name]
    chat.plan = [None, Throttle(3), None, Throttle(0.25), None, Throttle(12), Throttle(25), None, Throttle(7_000)]
    plant(store, 10, name)
    drain_all(store, channel_for(chats, name), http, clock)
    assert chat.early == 0
    if chat.says_when:
        assert numbers(chat) == list(range(10))
        assert {one.delivery.attempts for one in store.deliveries()} == {1}
    assert sorted(numbers(chat)) == list(range(10))
    assert len(chat.asked) <= 10 + 10


def test_discords_wait_is_told_in_seconds_because_the_address_is_given_a_version(
    store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    chats["discord"].plan = [Throttle(2.5)]
    plant(store, 1, "discord")
    assert chats.address("discord").startswith(f"{chats.origin}/api/webhooks/")
    drain_all(store, channel_for(chats, "discord"), http, clock)
    assert {asked.path[:17] for asked in chats["discord"].asked} == {"/api/v10/webhooks"}
    assert 2.5 <= sum(clock.waits) < 5


def test_what_discord_says_is_left_is_heard_before_it_has_to_refuse(
    store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    plant(store, 20, "discord")
    (report,) = drain_all(store, channel_for(chats, "discord", per_second=100), http, clock)
    assert report == DrainReport(sent=20)
    assert (chats["discord"].hasty, len(chats["discord"].asked)) == (0, 20)
    assert sum(clock.waits) >= 3 * chats["discord"].pace[1] - 0.5


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NAMES)
def test_whatever_befalls_it_nothing_is_lost_and_nothing_comes_twice_but_what_was_cut_off(
    name: str, seed: int, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    chat, rng = chats[name], random.Random(seed)
    troubles: list[Trouble] = [None, None, None, Say(500), Say(502), RESET, LOST, Throttle(rng.uniform(0.1, 40))]
    chat.plan = plan = rng.choices(troubles, k=20)
    cut = sum(one in CUT for one in plan)
    plant(store, 15, name)
    drain_all(store, channel_for(chats, name), http, clock)
    assert set(numbers(chat)) == set(range(15))
    check_repeats(chat, cut - sum(one in CUT for one in chat.plan))
    assert chat.early == 0
    once = list(dict.fromkeys(numbers(chat)))
    untroubled = [number for number in once if attempts_of(store, number) == 1]
    assert untroubled == sorted(untroubled)  # order, for all that needed no second try


def attempts_of(store: SqliteStore, number: int) -> int:
    (found,) = {one.delivery.attempts for one in store.deliveries() if f'"post {number}"' in one.alert.notice}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_is_late_is_asked_for_again_under_the_same_key(
    name: str, store: SqliteStore, chats: Chats, clock: Clock
) -> None:
    chats[name].plan = [None, LATE, TAKEN_LATE]
    plant(store, 3, name)
    with client(clock, PATIENCE) as hasty:
        drain_all(store, channel_for(chats, name), hasty, clock)
    assert set(numbers(chats[name])) == {0, 1, 2}
    check_repeats(chats[name], 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_that_is_refused_dies_alone(
    name: str, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    chats[name].plan = [None, POISON]
    plant(store, 4, name)
    drain_all(store, channel_for(chats, name), http, clock)
    assert numbers(chats[name]) == [0, 2, 3]
    (dead,) = store.deliveries("dead")
    assert '"post 1"' in dead.alert.notice
    assert len(chats[name].asked) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_that_is_gone_is_asked_no_more_and_a_replay_brings_everything(
    name: str, store: SqliteStore, chats: Chats, http: HttpClient, clock: Clock
) -> None:
    chats[name].plan = [None, GONE]
    plant(store, 4, name)
    channel = channel_for(chats, name)
    assert [report.stopped for report in drain_all(store, channel, http, clock)] == [(name,)]
    assert len(chats[name].asked) == 2
    for dead in store.deliveries("dead"):
        assert "secret" not in dead.delivery.last_error
        assert f"listener alerts replay --channel {name}" in dead.delivery.last_error
    assert replay(store, clock(), channel=name) == 3
    drain_all(store, channel, http, clock)
    assert numbers(chats[name]) == [0, 1, 2, 3]


# -- the stand-in itself


def test_the_stand_in_keeps_the_rules_that_it_stands_for(chats: Chats, http: HttpClient) -> None:
    """One message over each limit: were any of these taken, the tests above would prove nothing."""
    over: dict[str, list[Any]] = {
        "slack": [
            {},
            {"text": "a", "blocks": [{"type": "divider"}]},
            {"text": "a", "blocks": [_section("x" * 3_001)]},
            {"text": "a", "blocks": [_section("x" * 2_800)] * 5},
            {"text": "a", "blocks": [_section("x")] * 51},
        ],
        "discord": [{"content": ""}, {"content": "😀" * 1_001, "allowed_mentions": {"parse": []}}, {"content": "x"}],
        "teams": [{"type": "message", "attachments": [{"content": "x" * 24_453}]}],
        "mattermost": [{"text": ""}, {"text": "x" * 16_384}, {"text": "@channel"}],
        "googlechat": [{"text": ""}, {"text": "é" * 16_000}],
        "telegram": [
            {"chat_id": CHAT_ID, "text": text, "parse_mode": "HTML"} for text in ("", "<x>", "<b>a", "😀" * 2_049)
        ],
        "webhook": [{"type": "a", "timestamp": "b", "data": "x" * 20_000}],
        "ntfy": [{"topic": "t", "message": "é" * 2_049}, {"topic": "a b", "message": "x"}, {"message": "x" * 8_192}],
    }
    for name, messages in over.items():
        url = chats.address(name) + ("/sendMessage" if name == "telegram" else "")
        for message in messages:
            with pytest.raises(Exception, match="HTTP 4"):
                http.post(url, json=message)
        assert len(chats[name].refused) == len(messages), name
        assert chats[name].sent == []


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
