from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.alerts import notice as notices
from listener.alerts.notice import TEXT_CHARS, Count, Digest, Line, Notice
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
