"""`listener alerts rules`, `try`, `ack`, `snooze` and `wake`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from listener.app import App
from listener.config import load
from storage.records import Arrival, stamp
from storage.records_states import RuleState
from storage.sqlite import SqliteStore
from tests.command import ACME, Command
from tests.conftest import NOW
from tests.history import clock
from tests.made import AT, ago, alert, arrival, mention, post

_RULES = """
[[sources]]
name = "blogs"
type = "feed"
url = "https://blog.example/feed"

[[channels]]
name = "chat"
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/x"

[[alerts]]
name = "unhappy"
channels = ["chat"]

[[alerts]]
name = "newcomers"
channels = ["chat"]
first_time = true

[[alerts]]
name = "spikes"
channels = ["chat"]
on = "spike"

[[alerts]]
name = "sources"
channels = ["chat"]
on = "source"

[[alerts]]
name = "late"
channels = ["chat"]
on = "overdue"
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, ACME + _RULES)


@pytest.fixture
def store(command: Command) -> SqliteStore:
    store = SqliteStore(command.database)
    store.migrate()
    return store


def test_rules_says_what_each_is_on_and_what_it_told_last(command: Command, store: SqliteStore) -> None:
    store.fire([alert()], [RuleState("spikes", "Acme", "spike", ago(hours=2), AT, 1, None)])
    store.close()
    with clock():
        told = command("alerts", "rules").out
        assert command("alerts", "snooze", "unhappy", "--for", "4h", "--brand", "Acme").code == 0
        rows = {row["name"]: row for row in command("alerts", "rules", "--json").json}
    assert "spikes: on spike, to chat" in told
    assert "Acme: spike, lasts" in told
    assert rows["unhappy"]["snoozed"] == [{"brand": "Acme", "until": stamp(NOW + timedelta(hours=4))}]
    assert rows["spikes"]["told"][0]["lasts"] is True


def test_a_snooze_is_ended_by_waking_and_its_end_is_said(command: Command, store: SqliteStore) -> None:
    store.close()
    with clock():
        said = command("alerts", "snooze", "unhappy", "--for", "90m").out
        assert said.startswith(f"unhappy: quiet until {NOW + timedelta(minutes=90):%Y-%m-%d %H:%M}")
        assert "quiet until" in command("alerts", "rules").out
        assert command("alerts", "wake", "unhappy").out == "unhappy: awake again.\n"
        assert command("alerts", "wake", "unhappy").out == "unhappy: was not quiet.\n"


def test_only_what_lasts_can_be_acknowledged(command: Command, store: SqliteStore) -> None:
    with clock():
        nothing = command("alerts", "ack", "spikes")
        assert nothing.code == 1
        assert "nothing that it told lasts" in nothing.err
        store.fire([], [RuleState("spikes", "Acme", "spike", AT, AT, 1, None)])
        store.close()
        assert command("alerts", "ack", "spikes").code == 0
        assert "acknowledged" in command("alerts", "rules").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("try", "nobody"), "there is no rule 'nobody'; there are: unhappy, newcomers, spikes, sources, late."),
        (("try", "late"), "reminds of cases as they are now"),
        (("try", "spikes", "--since", "soon"), "--since: 'soon' is not a point in time"),
        (("try", "spikes", "--since", "1h", "--until", "2h"), "the window is empty"),
        (("snooze", "spikes", "--for", "long"), "--for: 'long' is not a duration"),
        (("snooze", "spikes", "--for", "0s"), "--for: 0 is no while; `listener alerts wake spikes` ends a snooze."),
        (("snooze", "spikes", "--for", "1h", "--brand", "Acne"), "there is no brand 'Acne'"),
        (("ack", "sources", "--brand", "Acme"), "is about sources, not about a brand"),
    ],
)
def test_a_mistake_is_one_sentence(command: Command, arguments: tuple[str, ...], says: str) -> None:
    with clock():
        ended = command("alerts", *arguments)
    assert ended.code == 2
    assert says in ended.err


def test_trying_a_rule_on_mentions_says_what_would_have_been_told_and_sends_nothing(
    command: Command, store: SqliteStore
) -> None:
    made = [arrival(str(number), label="detractor", handle="ann", text=f"acme broke {number}") for number in (1, 2)]
    old = arrival("3", label="detractor", handle="bob", at=ago(days=9))
    store.add_page([*made, old, arrival("4", handle="eve")], AT)
    with clock(NOW + timedelta(hours=1)):
        tried = command("alerts", "try", "unhappy", "--since", "2d")
        assert tried.out.count("detractor: acme broke") == 2
        assert tried.out.endswith("2 alerts in 2 days; nothing was sent.\n")
        as_json = command("alerts", "try", "newcomers", "--json").json
    assert store.deliveries() == []
    assert as_json == []  # the rule before it names the channel first
    store.close()


def test_trying_a_rule_says_nothing_of_what_was_imported(command: Command, store: SqliteStore) -> None:
    def came(source: str) -> Arrival:
        made = arrival(source, label="detractor", handle=source, source=source, text=f"acme broke {source}")
        return made._replace(mentions=tuple((one._replace(backfill=1), score) for one, score in made.mentions))

    store.add_page([came("blogs"), came("inbox")], AT)
    store.close()
    with clock(NOW + timedelta(hours=1)):
        tried = command("alerts", "try", "unhappy", "--since", "2d").out
    assert tried.endswith("1 alert in 2 days; nothing was sent.\n") and "acme broke blogs" in tried


def test_trying_any_standing_rule_on_an_empty_database_says_nothing(command: Command, store: SqliteStore) -> None:
    store.close()
    with clock():
        for rule in ("spikes", "sources"):
            assert command("alerts", "try", rule, "--since", "2d").out == "0 alerts in 2 days; nothing was sent.\n"
            assert command("alerts", "try", rule, "--since", "1h").out == "0 alerts in 1 hour; nothing was sent.\n"


def test_an_author_is_told_of_once_as_new_even_within_a_page(command: Command, store: SqliteStore) -> None:
    app = App(load(command.config, {}), lambda: NOW)
    rules = [rule for rule in app._rules() if rule.name == "newcomers"]
    past = app.intake(rules)._past
    assert past is not None
    first, second = (
        mention(post(str(number), author_id="a" * 32), "Acme", "detractor")[0]._replace(voice=5) for number in (1, 2)
    )
    assert past.is_first(first)
    assert not past.is_first(second)
    assert past.is_first(first)
    assert not past.is_first(first._replace(voice=-5))
    app.close()
    store.close()


def test_only_one_process_at_a_time_lets_the_rules_look(command: Command, store: SqliteStore) -> None:
    app = App(load(command.config, {}), lambda: NOW)
    with store.claim("rules") as mine:
        assert mine
        app.look_out()
    assert store.rule_looks() == []
    app.look_out()
    assert {look.rule for look in store.rule_looks()} == {"spikes", "sources"}
    app.close()
    store.close()
