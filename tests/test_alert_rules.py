from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.alerts import notice as notices
from listener.alerts.notice import TEXT_CHARS, Count, Digest, Line, Notice
from listener.alerts.outbox import drain
from listener.alerts.rules import Raised, Rule, raise_alerts
from storage.records import Arrival, Mention, Post, Score, stamp
from storage.sqlite import SqliteStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
POST = Post(
    id="post1",
    kind="hackernews",
    source_id="1",
    source="hn",
    url="https://example.org/1",
    title="Acme",
    text="Acme lost my data",
    raw="",
    markup="plain",
    author_id=None,
    author="alice",
    at=stamp(NOW - timedelta(hours=1)),
    dated="stated",
    published_at=stamp(NOW - timedelta(hours=1)),
    first_seen_at=stamp(NOW),
    edited_at=None,
    deleted_at=None,
    genre="post",
    rating=None,
    rating_scale=None,
    language="en",
    thread="",
    reach="{}",
    fingerprint="f1",
)


def pair(brand: str = "Acme", label: str | None = "detractor", confidence: float = 0.9) -> tuple[Mention, Score]:
    mention = Mention(
        id=f"mention-{brand}",
        post_id=POST.id,
        brand=brand,
        source=POST.source,
        author_id=None,
        at=POST.at,
        found_at=stamp(NOW),
        genre="post",
        why='["acme"]',
        label=label,
        value=-0.6,
        confidence=confidence,
        language="en",
        unscored="" if label else "language",
        scorer="vader@1",
        backfill=0,
        matched=1,
    )
    explanation = json.dumps([["lost", -0.3], ["data", -0.1]])
    judged = (mention.label, mention.value, mention.confidence, "en", mention.unscored)
    return mention, Score(mention.id, stamp(NOW), "vader@1", *judged, "[]", explanation)


ANGRY = Rule("angry", ("slack",))


def raised(
    *rules: Rule,
    post: Post = POST,
    pairs: Sequence[tuple[Mention, Score]] | None = None,
    baseline: bool = False,
) -> tuple[Raised, ...]:
    return raise_alerts(rules, post, [pair()] if pairs is None else pairs, now=NOW, max_age=DAY, baseline=baseline)


def test_a_detractor_becomes_one_alert_with_a_delivery_for_each_channel() -> None:
    ((alert, deliveries),) = raised(Rule("angry", ("slack", "hook", "slack")))
    assert (alert.rule, alert.brand, alert.mention_id, alert.raised_at) == ("angry", "Acme", "mention-Acme", stamp(NOW))
    assert [one.channel for one in deliveries] == ["slack", "hook"]
    assert {(one.state, one.attempts, one.next_try_at, one.alert_id) for one in deliveries} == {
        ("waiting", 0, stamp(NOW), alert.id)
    }


def test_an_alert_says_why_somebody_gets_it() -> None:
    ((alert, _),) = raised(ANGRY)
    notice = Notice.from_json(alert.notice)
    assert notice.type == "mention.detractor"
    assert notice.rule == "angry"
    assert notice.why == ("acme",)
    assert notice.explanation == (("lost", -0.3), ("data", -0.1))
    assert (notice.text, notice.url, notice.author) == (POST.text, POST.url, "alice")


def test_the_same_mention_raises_the_same_alert_again() -> None:
    ((first, to_first),) = raised(ANGRY)
    ((second, to_second),) = raise_alerts([ANGRY], POST, [pair()], now=NOW + DAY / 2, max_age=DAY, baseline=True)
    assert first.id == second.id
    assert to_first[0].id == to_second[0].id
    assert "." not in to_first[0].id


@pytest.mark.parametrize(
    ("rule", "mention"),
    [
        (ANGRY, pair(label="promoter")),
        (ANGRY, pair(label=None)),
        (Rule("sure", ("slack",), min_confidence=0.95), pair()),
        (Rule("other", ("slack",), brands=("Foo",)), pair()),
        (Rule("nowhere", ()), pair()),
    ],
)
def test_a_rule_is_silent_about_what_it_did_not_ask_for(rule: Rule, mention: tuple[Mention, Score]) -> None:
    assert raised(rule, pairs=[mention]) == ()


def test_a_rule_asks_for_labels_brands_and_confidence() -> None:
    rule = Rule("praise", ("slack",), brands=("Foo",), labels=("promoter", "passive"), min_confidence=0.9)
    pairs = [pair("Acme", "promoter"), pair("Foo", "promoter"), pair("Foo", "detractor")]
    assert [alert.mention_id for alert, _ in raised(rule, pairs=pairs)] == ["mention-Foo"]


def test_two_rules_that_share_a_channel_tell_it_once_and_the_first_one_does() -> None:
    first, second = Rule("first", ("slack",)), Rule("second", ("slack", "hook"))
    told = [(alert.rule, one.channel) for alert, deliveries in raised(first, second) for one in deliveries]
    assert told == [("first", "slack"), ("second", "hook")]
    assert len(raised(first, Rule("third", ("slack",)))) == 1


def test_each_brand_of_a_post_is_told_for_itself() -> None:
    assert [alert.brand for alert, _ in raised(ANGRY, pairs=[pair("Acme"), pair("Foo")])] == ["Acme", "Foo"]


@pytest.mark.parametrize(
    ("age", "heard"), [(timedelta(0), True), (DAY, True), (DAY + timedelta(seconds=1), False), (-DAY, True)]
)
def test_nothing_older_than_the_greatest_age_is_news(age: timedelta, heard: bool) -> None:
    assert bool(raised(ANGRY, post=POST._replace(at=stamp(NOW - age)))) is heard


def test_a_post_whose_date_is_implausible_is_no_news() -> None:
    assert raised(ANGRY, post=POST._replace(at=None, dated="implausible")) == ()


def test_on_a_first_run_only_what_is_dated_and_fresh_is_news() -> None:
    undated = POST._replace(dated="first_seen", published_at=None)
    assert raised(ANGRY, post=undated, baseline=True) == ()
    assert raised(ANGRY, post=undated, baseline=False)
    assert raised(ANGRY, post=POST, baseline=True)


def test_what_is_raised_is_stored_with_its_post_and_waits(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "listener.db")
    store.migrate()
    arrival = Arrival(POST, None, (pair(),), raised(ANGRY))
    store.add_page([arrival], stamp(NOW))
    store.add_page([arrival], stamp(NOW))
    assert [one.delivery.channel for one in store.waiting("slack", stamp(NOW))] == ["slack"]
    store.close()


def test_a_huge_post_becomes_a_small_notice_with_its_link_whole() -> None:
    link = "https://example.org/" + "p" * 5_000
    ((alert, _),) = raised(ANGRY, post=POST._replace(text="x" * 1_000_000, title="t" * 9_000, url=link))
    notice = Notice.from_json(alert.notice)
    assert len(notice.text) == TEXT_CHARS
    assert len(notice.title) == 300
    assert notice.url == link


@given(st.text(), st.lists(st.tuples(st.text(), st.floats(allow_nan=False))), st.lists(st.text()))
def test_a_notice_survives_json(text: str, words: list[tuple[str, float]], why: list[str]) -> None:
    notice = Notice("test", "t", title=text, text=text, explanation=tuple(words), why=tuple(why))
    assert Notice.from_json(notice.to_json()) == notice


def test_a_digest_survives_json_and_unknown_keys_are_passed_over() -> None:
    digest = Digest(2, (Count("Acme", "detractor", 2),), (Line("Acme", "detractor", 0.9, "t", "u"),), ("a", "b"))
    notice = Notice("mention.digest", "t", digest=digest)
    later = json.dumps({**json.loads(notice.to_json()), "from_the_future": 1})
    assert Notice.from_json(later) == notice


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "{", '{"type":1', '{"type":"t","found_at":"x","why":3}', "[" * 9999]
)
def test_what_is_no_notice_raises_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Notice.from_json(text)


def test_the_test_message_names_its_channel() -> None:
    notice = notices.test_notice("ops", NOW)
    assert notice.type == "test"
    assert "ops" in notice.title
    assert notice.found_at == stamp(NOW)


# -- who says it, and how it is told


class Nobody:
    """A past in which these voices have spoken, and these rules are to be quiet."""

    def __init__(self, *, known: bool = False, quiet: Sequence[str] = ()) -> None:
        self._known = known
        self._quiet = quiet

    def is_first(self, mention: Mention) -> bool:
        return not self._known

    def is_quiet(self, rule: str, brand: str) -> bool:
        return rule in self._quiet


def told_to(rule: Rule, past: Nobody | None = None, reach: int | None = None, **others: Any) -> tuple[Raised, ...]:
    post = POST._replace(**{key: value for key, value in others.items() if key != "baseline"})
    baseline = bool(others.get("baseline"))
    return raise_alerts([rule], post, [pair()], now=NOW, max_age=DAY, baseline=baseline, reach=reach, past=past)


def test_a_rule_may_ask_for_authors_whom_many_read() -> None:
    rule = Rule("loud", ("slack",), min_reach=1000)
    assert [bool(told_to(rule, reach=reach)) for reach in (None, 999, 1000)] == [False, False, True]


def test_a_rule_may_ask_for_few_stars_of_whatever_scale() -> None:
    rule = Rule("stars", ("slack",), max_rating=2)
    ratings = [(None, None), (2.0, 5.0), (3.0, 5.0), (4.0, 10.0), (60.0, 100.0)]
    told = [bool(told_to(rule, rating=rating, rating_scale=scale)) for rating, scale in ratings]
    assert told == [False, True, False, True, False]


def test_a_rule_may_ask_for_what_an_author_says_first() -> None:
    rule = Rule("new", ("slack",), first_time=True)
    assert told_to(rule, Nobody())
    assert not told_to(rule, Nobody(known=True))
    assert not told_to(rule, Nobody(), baseline=True)
    assert not told_to(rule, None)


def test_a_rule_that_is_snoozed_leaves_the_mention_to_the_next() -> None:
    second = Rule("second", ("slack",))
    raised = raise_alerts(
        [ANGRY, second], POST, [pair()], now=NOW, max_age=DAY, baseline=False, past=Nobody(quiet=["angry"])
    )
    assert [alert.rule for alert, _ in raised] == ["second"]


def test_a_rule_on_something_else_wants_no_new_mention() -> None:
    assert not told_to(Rule("late", ("slack",), on="overdue"))


def test_an_alert_says_what_its_rule_asked_for_and_links_to_the_desk() -> None:
    rule = Rule("loud", ("slack",), min_reach=1000, max_rating=2, first_time=True)
    ((alert, _),) = raise_alerts(
        [rule],
        POST._replace(rating=1.0, rating_scale=5.0),
        [pair()],
        now=NOW,
        max_age=DAY,
        baseline=False,
        desk="https://desk.example",
        reach=5000,
        past=Nobody(),
    )
    notice = Notice.from_json(alert.notice)
    assert notice.desk == "https://desk.example/mentions/mention-Acme"
    assert len(notice.reasons) == 3


@given(st.integers(0, 10**10), st.integers(1, 48))
def test_what_is_rolled_up_comes_due_together_at_the_end_of_its_stretch(passed: int, hours: int) -> None:
    now, rolled = NOW + timedelta(milliseconds=passed), Rule("all", ("slack",), roll_up=timedelta(hours=hours))
    ((_, (delivery,)),) = raise_alerts([rolled], POST, [pair()], now=now, max_age=365 * DAY, baseline=False)
    due = datetime.fromisoformat(delivery.next_try_at)
    assert timedelta(0) < due - now <= timedelta(hours=hours, milliseconds=1)
    ((_, (again,)),) = raise_alerts(
        [rolled], POST, [pair()], now=due - timedelta(seconds=1), max_age=365 * DAY, baseline=False
    )
    assert again.next_try_at == delivery.next_try_at


def test_what_was_rolled_up_is_one_message_when_it_comes_due(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "listener.db")
    store.migrate()
    rule = Rule("all", ("chat",), roll_up=timedelta(hours=1))
    for number in range(3):
        post = POST._replace(id=f"post{number}", source_id=str(number), fingerprint=str(number))
        its, score = pair()
        its = its._replace(id=f"mention{number}", post_id=post.id)
        score = score._replace(mention_id=its.id)
        at = NOW + timedelta(minutes=number)
        alerts = raise_alerts([rule], post, [(its, score)], now=at, max_age=DAY, baseline=False)
        store.add_page([Arrival(post, None, ((its, score),), alerts)], stamp(at))
    due = NOW + timedelta(hours=1)
    assert store.next_delivery() == stamp(due)
    told: list[Notice] = []

    class Chat:
        per_second = 100.0

        def deliver(self, notice: Notice, *, key: str, now: datetime, http: Any) -> None:
            told.append(notice)

    drain(store, {"chat": Chat()}, None, lambda: due, random.Random(1))  # type: ignore[arg-type, dict-item]
    (digest,) = told
    assert digest.digest is not None
    assert digest.digest.total == 3
    store.close()
