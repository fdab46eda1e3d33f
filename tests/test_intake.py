"""What a source yields crosses one border: cleaned, matched, scored once, and alerted where it is news."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Author, Post
from listener.alerts.rules import Rule
from listener.intake import Intake, Origin
from listener.match import Matcher, parse
from listener.sentiment.contract import Text, Verdict
from storage.records import Arrival, stamp
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT

_RULE = Rule("unhappy", ("chat",))
_BLOGS = Origin("blogs")


class CountingScorer:
    """Everything is as bad as `label` says; remembers what it was asked."""

    id = "counting@1"

    def __init__(self, label: Any = "detractor") -> None:
        self.asked: list[Text] = []
        self.label = label

    def score(self, text: Text) -> Verdict:
        self.asked.append(text)
        return Verdict(self.label, -0.5, (0.7, 0.2, 0.1), 0.7, "en", "", (("awful", -2.0),), self.id)

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        return [self.score(text) for text in texts]


_QUERIES = {"Acme": parse("acme"), "Rival": parse("rival")}


def _intake(scorer: CountingScorer | None = None, rules: Sequence[Rule] = (_RULE,)) -> Intake:
    return Intake(Matcher(_QUERIES), scorer or CountingScorer(), rules, timedelta(hours=24))


class Memory:
    """What is stored already, by id."""

    def __init__(self, *stored: Post) -> None:
        self._posts = {post.id: post.fingerprint for post in stored}

    def fingerprints(self, post_ids: Sequence[str]) -> dict[str, str]:
        return {one: self._posts[one] for one in post_ids if one in self._posts}


def _post(body: str = "Acme is awful", **others: Any) -> Post:
    given = {"published_at": NOW - timedelta(hours=1), "url": "https://blog.example/1", **others}
    return Post("feed", given.pop("source_id", "1"), given.pop("url"), body, **given)


def _arrivals(*posts: Post, origin: Origin = _BLOGS, intake: Intake | None = None) -> list[Arrival]:
    return (intake or _intake()).arrivals(posts, origin, Memory(), NOW)


def _only(post: Post, origin: Origin = _BLOGS) -> Arrival:
    (arrival,) = _arrivals(post, origin=origin)
    return arrival


# -- the border


def test_what_no_database_and_no_terminal_should_hold_is_left_out() -> None:
    hostile = "Ac\x00me is \ud800aw\x1b[31mful\u202e"
    stored = _only(
        _post(hostile, title=hostile, author=Author(hostile, hostile), language="en\x00", source_id="a\x00b")
    )
    assert stored.author is not None
    cells = (*stored.post, *stored.author)
    assert not [cell for cell in cells if isinstance(cell, str) and set(cell) & set("\x00\ud800\x1b\u202e")]
    assert stored.post.text == "Acme is aw[31mful"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//host/x",
        "blog.example",
        "",
        " java\nscript:x",
    ],
)
def test_only_web_addresses_are_kept(url: str) -> None:
    stored = _only(_post(url=url, author=Author("ann", url=url)))
    assert stored.author is not None
    assert (stored.post.url, stored.author.url) == ("", "")


def test_a_web_address_is_kept_as_it_is() -> None:
    assert _only(_post(url=" HTTPS://blog.example/a?b=c#d ")).post.url == "HTTPS://blog.example/a?b=c#d"


@pytest.mark.parametrize("url", ["https://blog.example/\n# Hacked", "https://blog.example/\tx"])
def test_an_address_is_one_line_without_spaces(url: str) -> None:
    assert not [character for character in _only(_post(url=url)).post.url if character.isspace()]


def test_every_cell_has_a_longest_length() -> None:
    stored = _only(_post("acme " * 100_000, title="t" * 5_000, author=Author("i" * 9_000, "n" * 5_000)))
    assert stored.author is not None
    lengths = (len(stored.post.text), len(stored.post.title), len(stored.author.name), len(stored.author.handle))
    assert lengths == (100_000, 1_000, 200, 2_000)


@pytest.mark.parametrize(
    ("rating", "scale"), [(-1, 5), (6, 5), (float("nan"), 5), (1, float("inf")), (float("inf"), 5)]
)
def test_a_rating_off_its_scale_is_none(rating: float, scale: float) -> None:
    stored = _only(_post(rating=rating, rating_scale=scale)).post
    assert (stored.rating, stored.rating_scale) == (None, None)


def test_a_rating_on_its_scale_is_kept_and_given_to_the_scorer() -> None:
    scorer = CountingScorer()
    (arrival,) = _arrivals(_post(rating=4, rating_scale=10), intake=_intake(scorer))
    assert (arrival.post.rating, arrival.post.rating_scale) == (4, 10)
    assert [(text.rating, text.rating_scale) for text in scorer.asked] == [(4, 10)]


def test_counts_no_database_holds_are_cut() -> None:
    stored = _only(_post(author=Author("ann", reach=10**30), reach={"likes": 10**30}))
    assert stored.author is not None
    assert (stored.author.reach, json.loads(stored.post.reach)) == (2**53, {"likes": 2**53})


@pytest.mark.parametrize(
    ("published", "at", "dated"),
    [
        (NOW - timedelta(days=2), stamp(NOW - timedelta(days=2)), "stated"),
        (None, AT, "first_seen"),
        (NOW + timedelta(hours=23), stamp(NOW + timedelta(hours=23)), "stated"),
        (NOW + timedelta(hours=25), None, "implausible"),
        (datetime(1989, 12, 31, tzinfo=UTC), None, "implausible"),
        (datetime(1, 1, 1, tzinfo=UTC), None, "implausible"),
        (datetime(9999, 12, 31, tzinfo=UTC), None, "implausible"),
    ],
)
def test_a_date_counts_if_it_can_be_believed(published: datetime | None, at: str | None, dated: str) -> None:
    stored = _only(_post(published_at=published))
    assert (stored.post.at, stored.post.dated) == (at, dated)
    assert [mention.at for mention, _ in stored.mentions] == [at]


def test_markup_is_read_and_the_original_kept() -> None:
    stored = _only(_post("<p>Acme is <b>awful</b></p><script>acme()</script>", markup="html")).post
    assert stored.text == "Acme is awful"
    assert stored.raw.startswith("<p>")
    assert _only(_post("Acme is <b>awful</b>")).post.raw == ""


def test_an_author_without_an_id_is_no_author() -> None:
    assert _only(_post(author=Author(""))).author is None
    named = _only(_post(author=Author("u1"))).author
    assert named is not None and named.name == "u1"


_TEXT = st.text(st.characters(codec=None), max_size=60)


@given(_TEXT, _TEXT, _TEXT, _TEXT, st.sampled_from(["plain", "html", "markdown", "bbcode"]), st.floats(), st.floats())
def test_whatever_a_source_yields_can_be_written(
    body: str, title: str, url: str, name: str, markup: Any, rating: float, scale: float
) -> None:
    made = _post(
        f"acme {body}",
        title=title,
        url=url,
        author=Author(name, name, url),
        markup=markup,
        rating=rating,
        rating_scale=scale,
        language=name,
        thread=url,
        source_id=name,
    )
    stored = _only(made)
    assert stored.mentions
    for cell in (*stored.post, *(stored.author or ()), *stored.mentions[0][0], *stored.mentions[0][1]):
        if isinstance(cell, str):
            assert "\x00" not in cell
            cell.encode()
        assert cell == cell  # no NaN


# -- matching


def test_a_post_is_a_mention_of_every_brand_it_names() -> None:
    stored = _only(_post("Acme beats Rival"))
    assert [mention.brand for mention, _ in stored.mentions] == ["Acme", "Rival"]
    assert [json.loads(mention.why) for mention, _ in stored.mentions] == [["acme"], ["rival"]]


def test_a_post_that_names_nobody_is_kept_or_not_as_the_source_says() -> None:
    stranger = _post("the weather")
    assert [a.mentions for a in _arrivals(stranger)] == [()]
    assert _arrivals(stranger, origin=Origin("blogs", keep_all=False)) == []


def test_where_only_mentions_are_kept_an_edit_that_drops_the_brand_is_still_stored() -> None:
    before, after = _post(), _post("never mind")
    made = _intake().arrivals([after], Origin("blogs", keep_all=False), Memory(before), NOW)
    assert [(a.post.text, a.mentions) for a in made] == [("never mind", ())]


def test_every_post_of_a_source_about_a_brand_is_its_mention() -> None:
    about = Origin("acme-forum", about="Acme")
    (silent,) = _only(_post("it is broken"), about).mentions
    assert (silent[0].brand, json.loads(silent[0].why)) == ("Acme", ["acme-forum is about it"])
    named = _only(_post("acme and rival"), about).mentions
    assert [(m.brand, json.loads(m.why)) for m, _ in named] == [("Acme", ["acme"]), ("Rival", ["rival"])]


def test_what_is_taken_away_before_anybody_saw_it_is_nothing() -> None:
    assert _arrivals(_post(deleted=True), origin=Origin("blogs", about="Acme")) == []


def test_what_is_taken_away_raises_no_mention_and_no_alert() -> None:
    post = _post(deleted=True)
    (stored,) = _intake().arrivals([post], Origin("blogs", about="Acme"), Memory(_post()), NOW)
    assert (stored.post.deleted_at, stored.mentions, stored.alerts) == (AT, (), ())


# -- scoring


def test_the_scorer_reads_title_and_text_once() -> None:
    scorer = CountingScorer()
    _arrivals(
        _post("Acme fails", title="Help", source_id="1"),
        _post("Help: Acme fails", title="Help", source_id="2"),
        _post("", title="Acme fails", source_id="3"),
        _post("Acme fails", source_id="4"),
        intake=_intake(scorer),
    )
    assert [text.text for text in scorer.asked] == ["Help\nAcme fails", "Help: Acme fails", "Acme fails", "Acme fails"]
    assert {text.brand for text in scorer.asked} == {"Acme"}


class ByTheWord(CountingScorer):
    """Whoever is said to be awful has a detractor; counts how often it was asked, whatever the number of texts."""

    calls = 0

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        self.calls += 1
        answers = super().score_many(texts)
        return [
            one._replace(label="detractor" if f"{text.brand} awful" in text.text else "promoter")
            for one, text in zip(answers, texts, strict=True)
        ]


def test_a_page_is_scored_at_once_and_every_mention_gets_the_verdict_on_its_own_text() -> None:
    scorer = ByTheWord()
    bodies = ["Acme awful, Rival fine", "nobody is named", "Rival awful", "Acme fine", "Acme fine, Rival awful"]
    posts = [_post(body, source_id=str(number)) for number, body in enumerate(bodies)]
    gone = _post("Acme awful", source_id="gone", deleted=True)
    stored = Memory(gone._replace(deleted=False))
    arrivals = _intake(scorer).arrivals([*posts, gone], _BLOGS, stored, NOW)
    assert [[(mention.brand, mention.label) for mention, _ in one.mentions] for one in arrivals] == [
        [("Acme", "detractor"), ("Rival", "promoter")],
        [],
        [("Rival", "detractor")],
        [("Acme", "promoter")],
        [("Acme", "promoter"), ("Rival", "detractor")],
        [],
    ]
    assert all(score.label == mention.label for one in arrivals for mention, score in one.mentions)
    assert [len(one.alerts) for one in arrivals] == [1, 0, 1, 0, 1, 0]
    assert scorer.calls == 1


def test_a_page_that_speaks_of_nobody_asks_the_scorer_nothing() -> None:
    scorer = ByTheWord()
    assert len(_intake(scorer).arrivals([_post("nobody is named")], _BLOGS, Memory(), NOW)) == 1
    assert scorer.calls == 0


def test_what_has_not_changed_is_not_scored_again(store: SqliteStore) -> None:
    scorer = CountingScorer()
    intake = _intake(scorer)
    posts = [_post(f"acme {n}", source_id=str(n), url=f"https://blog.example/{n}") for n in range(5)]
    store.add_page(intake.arrivals(posts, _BLOGS, store, NOW), AT)
    assert len(scorer.asked) == 5
    assert intake.arrivals(posts, _BLOGS, store, NOW) == []
    posts[2] = posts[2]._replace(body="acme is better now")
    (edited,) = intake.arrivals(posts, _BLOGS, store, NOW)
    assert (edited.post.text, len(scorer.asked)) == ("acme is better now", 6)


def test_posts_without_an_address_are_never_taken_for_one() -> None:
    assert len(_arrivals(_post(source_id="1", url=""), _post(source_id="2", url=""))) == 2


def test_the_score_is_kept_with_its_reasons() -> None:
    ((mention, score),) = _only(_post()).mentions
    assert (mention.label, mention.value, mention.confidence, mention.scorer) == ("detractor", -0.5, 0.7, "counting@1")
    assert json.loads(score.probabilities) == {"promoter": 0.1, "passive": 0.2, "detractor": 0.7}
    assert json.loads(score.explanation) == [["awful", -2.0]]
    assert score.mention_id == mention.id


# -- alerts


def test_a_fresh_detractor_is_told_to_the_rules_channels() -> None:
    ((alert, deliveries),) = _only(_post()).alerts
    assert (alert.rule, alert.brand, [one.channel for one in deliveries]) == ("unhappy", "Acme", ["chat"])


def test_a_rule_for_one_brand_says_nothing_of_another() -> None:
    intake = _intake(rules=[Rule("ours", ("chat",), brands=("Acme",))])
    (both,) = _arrivals(_post("acme and rival"), intake=intake)
    assert [alert.brand for alert, _ in both.alerts] == ["Acme"]
    (other,) = _arrivals(_post("rival"), intake=intake)
    assert other.alerts == ()


@pytest.mark.parametrize(
    ("published", "backfill", "told"),
    [
        (NOW - timedelta(hours=23), False, 1),
        (NOW - timedelta(hours=25), False, 0),
        (NOW - timedelta(hours=23), True, 1),
        (None, False, 1),
        (None, True, 0),
        (NOW + timedelta(days=9), False, 0),
    ],
)
def test_only_news_raises_an_alert(published: datetime | None, backfill: bool, told: int) -> None:
    stored = _only(_post(published_at=published), Origin("blogs", backfill=backfill))
    assert len(stored.alerts) == told
    assert [mention.backfill for mention, _ in stored.mentions] == [int(backfill)]
