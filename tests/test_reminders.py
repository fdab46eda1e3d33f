"""Who waits too long is told of once: through the rules on "overdue", whatever happens between."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from connectors.post import Post as SourcePost
from listener.alerts.notice import Notice
from listener.alerts.reminders import remind
from listener.alerts.rules import Rule
from listener.app import App
from listener.config import load
from listener.intake import Origin
from listener.settings import Settings
from storage import pages
from storage.contract import Store
from storage.errors import StoreError
from storage.records import Arrival, Outgoing, stamp
from tests.conftest import NOW
from tests.contracts.store_desk import answer, flagged, id_of
from tests.databases import another, settings_of
from tests.made import AT, ago, audit, event, post, review, session, user
from tests.standins.chat import ChatServer

LATE = Rule("late", ("chat",), on="overdue")
SETTINGS = Settings.model_validate({"timezone": "Europe/Berlin", "desk": {"address": "https://desk.example"}})
FOUR_HOURS_LATER = NOW + timedelta(hours=4)


class Killed(BaseException):
    """What stands for kill -9: nothing catches it."""


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


def reminded(store: Store, *rules: Rule, now: datetime = FOUR_HOURS_LATER) -> int:
    return remind(store, rules or (LATE,), SETTINGS, now)


def told(store: Store) -> list[Notice]:
    return [Notice.from_json(one.alert.notice) for one in store.deliveries()]


def rules_and_channels(waiting: list[Outgoing]) -> set[tuple[str, str]]:
    return {(one.alert.rule, one.delivery.channel) for one in waiting}


# -- what is told, and when


def test_what_is_overdue_is_told_with_the_reasons_the_quote_and_where_to_answer(store: Store) -> None:
    made = flagged("1", assignee="bob", state="assigned", title="Acme", text="Acme ate my data", handle="ann")
    store.add_page([made], AT)
    assert reminded(store) == 1
    ((outgoing, notice),) = zip(store.deliveries(), told(store), strict=True)
    assert (outgoing.delivery.state, outgoing.delivery.channel) == ("waiting", "chat")
    assert (outgoing.alert.mention_id, outgoing.alert.raised_at) == (id_of(made), stamp(FOUR_HOURS_LATER))
    assert (notice.type, notice.rule, notice.brand, notice.label) == ("case.overdue", "late", "Acme", "detractor")
    assert (notice.title, notice.text, notice.url) == ("Acme", "Acme ate my data", made.post.url)
    assert notice.reasons == (
        f"an answer was due {_in_berlin(NOW + timedelta(hours=3))}",
        f"published {_in_berlin(NOW - timedelta(hours=1))}",
        "assigned to bob",
    )
    assert notice.desk == f"https://desk.example/mentions/{id_of(made)}"


def _in_berlin(at: datetime) -> str:
    return at.astimezone(SETTINGS.zone).strftime("%Y-%m-%d %H:%M CET")


def test_a_desk_without_an_address_is_not_linked_to(store: Store) -> None:
    store.add_page([flagged("1")], AT)
    remind(store, [LATE], Settings(), FOUR_HOURS_LATER)
    assert [notice.desk for notice in told(store)] == [""]


def test_a_case_is_told_of_once(store: Store) -> None:
    store.add_page([flagged("1")], AT)
    assert reminded(store, now=NOW + timedelta(hours=2)) == 0
    assert [reminded(store, now=FOUR_HOURS_LATER + timedelta(minutes=n)) for n in range(3)] == [1, 0, 0]
    assert len(told(store)) == 1


def test_a_case_whose_time_was_put_off_is_told_of_again(store: Store) -> None:
    made = flagged("1")
    store.add_page([made], AT)
    assert reminded(store) == 1
    before = store.case(id_of(made))
    assert before is not None
    assert store.act(event(before, "labelled"), before._replace(due_at=ago(hours=-6)))
    assert [reminded(store, now=NOW + timedelta(hours=hours)) for hours in (5, 7, 8)] == [0, 1, 0]
    assert len(told(store)) == 2


def test_closed_cases_and_posts_that_were_taken_away_are_not_told_of(store: Store) -> None:
    closed, ignored, gone = flagged("1"), flagged("2", state="ignored"), flagged("3")
    store.add_page([closed, ignored, gone], AT)
    answer(store, closed)
    store.add_page([Arrival(post("3", text="", fingerprint="gone", deleted_at=AT), None)], AT)
    assert reminded(store) == 0 == len(told(store))


def test_a_snoozed_case_is_told_of_when_it_wakes(store: Store) -> None:
    made = flagged("1", state="waiting", snoozed_until=ago(hours=-6), assignee="bob")
    store.add_page([made], AT)
    assert reminded(store) == 0
    assert reminded(store, now=NOW + timedelta(hours=6)) == 1
    case = store.case(id_of(made))
    assert case is not None and (case.state, case.snoozed_until) == ("assigned", None)


def test_snoozes_end_where_nobody_wants_to_hear_of_what_is_overdue(store: Store) -> None:
    made = flagged("1", state="waiting", snoozed_until=ago(hours=-1))
    store.add_page([made], AT)
    assert reminded(store, Rule("angry", ("chat",))) == 0
    case = store.case(id_of(made))
    assert case is not None and case.state == "new"


# -- to whom


def test_each_channel_is_told_by_the_first_rule_that_wants_it_there(store: Store) -> None:
    store.add_page([flagged("1")], AT)
    both = Rule("both", ("chat", "hook"), on="overdue")
    other = Rule("other", ("mail",), brands=("Other",), on="overdue")
    assert reminded(store, other, LATE, both, Rule("new", ("mail",))) == 1
    assert rules_and_channels(store.deliveries()) == {("late", "chat"), ("both", "hook")}


def test_the_label_that_holds_decides_a_persons_before_the_machines(store: Store) -> None:
    made = flagged("1")
    store.add_page([made], AT)
    store.add_reviews([review(made, "promoter")])
    praise = Rule("praise", ("hook",), labels=("promoter",), min_confidence=0.99, on="overdue")
    assert reminded(store, LATE, praise) == 1
    (notice,) = told(store)
    assert (notice.rule, notice.label) == ("praise", "promoter")
    assert "ann labelled it promoter" in notice.reasons


def test_what_waits_for_a_blind_label_is_told_without_the_machines(store: Store) -> None:
    made = flagged("1")
    store.add_page([made], AT)
    store.add_audit(*audit(made, population=8))
    assert reminded(store) == 1
    (notice,) = told(store)
    assert (notice.label, notice.value, notice.confidence) == ("", 0.0, 0.0)


def test_the_first_rule_tells_what_was_overdue_before_it_and_in_one_message_when_it_is_much(
    store: Store, tmp_path: Path
) -> None:
    store.add_page([flagged(str(number)) for number in range(250)], AT)
    assert reminded(store, Rule("new", ("chat",))) == 0
    assert reminded(store) == 250
    with ChatServer() as chat:
        app = _app(tmp_path, chat.url, store)
        assert app.deliver().sent == 1
        app.close()
        digests = [data for data in (json.loads(heard.body)["data"] for heard in chat.heard) if "counts" in data]
    assert [one["counts"] for one in digests] == [[{"brand": "Acme", "label": "answer overdue", "mentions": 250}]]


def test_history_that_was_overdue_when_it_came_is_no_news_unless_somebody_took_it_up(store: Store) -> None:
    def of_history(name: str, hours: float, **others: object) -> Arrival:
        made = flagged(name, hours, opened_at=AT, **others)
        return made._replace(mentions=tuple((one._replace(backfill=1), score) for one, score in made.mentions))

    taken_up = of_history("3", -1, state="assigned", assignee="bob")
    due_since = of_history("2", 3)
    store.add_page([of_history("1", -1), due_since, taken_up], AT)
    assert reminded(store) == 3
    assert {one.alert.mention_id for one in store.deliveries()} == {id_of(due_since), id_of(taken_up)}
    assert reminded(store) == 0


# -- whatever happens between


def test_a_kill_while_it_is_stored_loses_nothing_and_repeats_nothing(store: Store) -> None:
    store.add_page([flagged("1"), flagged("2", 2)], AT)
    killed_at_the_second = mock.Mock(wraps=pages.add_alerts, side_effect=[mock.DEFAULT, Killed])
    with mock.patch.object(pages, "add_alerts", killed_at_the_second), pytest.raises(Killed):
        reminded(store)
    assert told(store) == []
    assert [reminded(store), reminded(store)] == [2, 0]
    assert len(told(store)) == 2


def test_two_processes_that_find_the_same_case_tell_of_it_once(store: Store) -> None:
    store.add_page([flagged("1")], AT)
    other, found = another(store), store.overdue

    def meanwhile(now: str, limit: int = 100) -> object:
        due = found(now, limit)
        reminded(other)
        return due

    with mock.patch.object(store, "overdue", meanwhile):
        assert reminded(store) == 0
    other.close()
    assert len(told(store)) == 1


def test_a_store_that_fails_is_not_asked_for_ever(store: Store) -> None:
    store.add_page([flagged("1")], AT)
    with mock.patch.object(store, "remind", side_effect=StoreError("full")), pytest.raises(StoreError):
        reminded(store)


# -- the service


def test_mentions_and_what_is_overdue_link_to_the_same_page(tmp_path: Path, store: Store) -> None:
    app = _app(tmp_path, "https://chat.example", store)
    rules = [Rule("angry", ("chat",)), LATE]
    found = SourcePost("feed", "1", "https://blog.example/1", "Acme is awful, it ate my data", published_at=NOW)
    (arrival,) = app.intake(rules).arrivals([found], Origin("blogs"), app.store, NOW)
    app.close()
    ((alert, _),) = arrival.alerts
    assert alert.rule == "angry"
    assert Notice.from_json(alert.notice).desk == f"https://desk.example/mentions/{alert.mention_id}"


def test_who_logged_in_is_forgotten_when_the_service_tidies_up(tmp_path: Path, store: Store) -> None:
    app = _app(tmp_path, "https://chat.example", store)
    for days in (31, 1):
        app.store.note_login("ann", "1.1.1.1", ago(days=days), good=False)
    app.store.add_user(user())
    for number, ends_at in enumerate((ago(hours=1), ago(hours=-9))):
        app.store.add_session(session(number, ends_at=ends_at))
    app.tidy()
    assert app.store.bad_logins("ann", "1.1.1.1", ago(days=400)) == (1, 1)
    assert app.store.session(session(0).id, ago(hours=2)) is None
    assert app.store.session(session(1).id, ago(hours=2)) is not None
    app.close()


def _app(folder: Path, chat: str, store: Store) -> App:
    path = folder / "listener.toml"
    path.write_text(
        f"""
[desk]
address = "https://desk.example"
[[brands]]
name = "Acme"
query = "acme"
[alerting]
allow_private = ["127.0.0.1"]
[[channels]]
name = "chat"
type = "webhook"
url = "{chat}"
[[alerts]]
name = "late"
on = "overdue"
channels = ["chat"]
{settings_of(store)}""",
        encoding="utf-8",
    )
    path.chmod(0o600)
    return App(load(path, {}), lambda: FOUR_HOURS_LATER)


def test_the_service_tells_the_configured_channel(tmp_path: Path, store: Store) -> None:
    with ChatServer() as chat:
        app = _app(tmp_path, chat.url, store)
        made = flagged("1")
        app.store.add_page([made], AT)
        assert app.remind() == 1
        assert app.deliver().sent == 1
        app.close()
        (heard,) = chat.heard
    told = json.loads(heard.body)
    assert told["type"] == "case.overdue"
    assert told["data"]["desk"] == f"https://desk.example/mentions/{id_of(made)}"
