"""`listener alerts`: what a person and a program get to read of deliveries, and what they do about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from listener.alerts.notice import Notice
from storage.records import Alert, Delivery, DeliveryState
from storage.sqlite import SqliteStore
from tests.command import ACME, Command
from tests.made import AT
from tests.standins.chat import ChatServer, Say

SECRET = "secret-token"


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def command(tmp_path: Path, chat: ChatServer) -> Command:
    channel = f'[[channels]]\nname = "chat"\ntype = "webhook"\nurl = "{chat.url}"\nper_second = 100\n'
    return Command(tmp_path, f'{ACME}[alerting]\nallow_private = ["127.0.0.1/32"]\n{channel}')


def plant(command: Command, number: int, state: DeliveryState, stored: str = "") -> str:
    notice = Notice("mention.detractor", AT, brand="Acme", title=f"post {number}\x1b[31m").to_json()
    alert = Alert(f"a{number}", "rule", "Acme", None, AT, stored or notice)
    one = Delivery(f"d{number}", alert.id, "chat", state, 0, AT, "HTTP 500" if state == "dead" else "", None)
    store = SqliteStore(command.database)
    store.migrate()
    store.add_alerts([(alert, (one,))])
    store.close()
    return one.id


def test_a_list_names_state_channel_error_and_words_without_their_control_characters(command: Command) -> None:
    plant(command, 1, "dead")
    plant(command, 2, "sent")
    plant(command, 3, "sent", stored="{")
    said = command("alerts", "list").out
    assert re.search(r"^d1 \d{4}-\d\d-\d\d \d\d:\d\d dead     chat .*: Acme: post 1\[31m", said, re.M)
    assert "HTTP 500" in said
    assert "\x1b" not in said and "(cannot be read)" in said
    assert [one["id"] for one in command("alerts", "list", "--json", "--state", "dead").json] == ["d1"]
    assert {one["notice"] is None for one in command("alerts", "list", "--json").json} == {True, False}
    assert command("alerts", "list", "--channel", "other").out == "no deliveries.\n"
    shortened = command("alerts", "list", "--limit", "2")
    assert shortened.out.count("chat") == 2 and "--limit shows more" in shortened.err


def test_replaying_what_is_not_there_says_so(command: Command) -> None:
    unknown = command("alerts", "replay", "unknown")
    assert (unknown.code, unknown.out) == (1, "0 deliveries try again: 0 messages sent, 0 waiting.\n")
    assert "1 of the ids named nothing dead or dropped" in unknown.err
    nowhere = command("alerts", "replay", "--channel", "chta")
    assert nowhere.code == 2 and "there is no channel 'chta'; there are: chat." in nowhere.err


def test_what_is_dropped_is_not_sent_and_a_replay_takes_it_back(command: Command, chat: ChatServer) -> None:
    first, second = plant(command, 1, "waiting"), plant(command, 2, "dead")
    dropped = command("alerts", "drop", first, second, "unknown")
    assert (dropped.code, dropped.out) == (3, "2 deliveries dropped.\n")
    assert "1 of the ids named nothing that is waiting or dead" in dropped.err
    assert command("alerts", "replay", "--all", "--json").json["replayed"] == 0
    assert chat.heard == []
    again = command("alerts", "drop", first, "--json")
    assert (again.code, again.json) == (1, {"dropped": 0, "left": 1})
    replayed = command("alerts", "replay", first, "--json")
    assert (replayed.code, replayed.json["replayed"], replayed.json["sent"]) == (0, 1, 1)
    assert [heard.key for heard in chat.accepted] == [first]
    assert command("alerts", "list", "--state", "dropped", "--json").json[0]["id"] == second


def test_a_test_message_says_as_json_what_became_of_it(command: Command) -> None:
    assert command("alerts", "test", "chat", "--json").json == {"channel": "chat", "state": "sent", "error": ""}


def test_a_test_message_that_is_refused_says_so_and_names_no_secret(tmp_path: Path, command: Command) -> None:
    with ChatServer([Say(410)]) as gone:
        command.config.write_text(command.config.read_text().replace("per_second", "# per_second"))
        text = command.config.read_text()
        start = text.index("http://127.0.0.1")
        command.config.write_text(text[:start] + gone.url + text[text.index('"', start) :])
        ended = command("alerts", "test", "chat", "--json")
    assert (ended.code, ended.json["state"]) == (1, "dead")
    assert "410" in ended.json["error"] and SECRET not in ended.out + ended.err


def test_quiet_hours_and_an_ops_channel_are_checked_by_name_and_form(tmp_path: Path) -> None:
    channel = '[[channels]]\nname = "chat"\ntype = "webhook"\nurl = "https://chat.example/x"\nquiet = "10pm"\n'
    ended = Command(tmp_path, f'{ACME}[alerting]\nops = "chta"\ndigest_above = 0\n{channel}')("check", "--offline")
    assert ended.code == 2
    for key in ('alerting.ops: there is no channel "chta"', "alerting.digest_above", 'write one such as "22:00-07:00"'):
        assert key in ended.err
