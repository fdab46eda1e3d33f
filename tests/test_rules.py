"""What a word weighs is for people to say: for one brand or for all, seen beforehand, taken back at any time."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.sentiment.contract import Text
from listener.sentiment.scorer import DefaultScorer
from listener.word_rules import in_force, word_rule, words_of
from storage.records_scoring import WordRule
from tests.command import ACME, Command, Ended, listener
from tests.conftest import NOW

_ids = itertools.count()


def _rule(
    word: str = "zingy", valence: float = 2.0, brand: str = "Acme", age: int = 0, undone: bool = False
) -> WordRule:
    added_at = (NOW - timedelta(days=age)).isoformat()
    return WordRule(str(next(_ids)), brand, word, valence, added_at, "ann", added_at if undone else None)


# -- which rule holds


def test_the_newest_of_two_rules_holds_in_whatever_order_they_come() -> None:
    old, new = _rule(valence=2.0, age=2), _rule(valence=-2.0, age=1)
    assert words_of([old, new]) == words_of([new, old]) == {"Acme": {"zingy": -2.0}}


def test_undoing_a_rule_lets_the_one_before_it_hold_again() -> None:
    old, new = _rule(valence=2.0, age=2), _rule(valence=-2.0, age=1, undone=True)
    assert words_of([old, new]) == {"Acme": {"zingy": 2.0}}
    assert words_of([new]) == {}


def test_a_brands_rule_and_one_for_all_are_kept_apart_and_the_brands_own_beats_the_other() -> None:
    words = words_of([_rule(valence=4.0, age=2), _rule(valence=-4.0, brand="", age=1)])
    assert words == {"Acme": {"zingy": 4.0}, "": {"zingy": -4.0}}
    scorer = DefaultScorer(words=words)
    labels = {brand: scorer.score(Text("this is the zingy one", brand)).label for brand in ("Acme", "Rival", "")}
    assert labels == {"Acme": "promoter", "Rival": "detractor", "": "detractor"}


_rules = st.lists(
    st.builds(
        _rule,
        word=st.sampled_from(["zingy", "killer"]),
        valence=st.sampled_from([-2.0, 0.0, 2.0]),
        brand=st.sampled_from(["", "Acme"]),
        age=st.integers(0, 3),
        undone=st.booleans(),
    ),
    max_size=8,
)


@given(_rules, st.randoms(use_true_random=False))
def test_one_rule_at_most_holds_for_a_brand_and_word_and_none_newer_is_active(
    rules: list[WordRule], chance: object
) -> None:
    shuffled = list(rules)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    holding = in_force(shuffled)
    assert holding == in_force(rules)
    assert len({(rule.brand, rule.word) for rule in holding}) == len(holding)
    for rule in rules:
        if rule.undone_at is None:
            (its,) = [one for one in holding if (one.brand, one.word) == (rule.brand, rule.word)]
            assert its.added_at >= rule.added_at


# -- what the scorer makes of it


def test_a_word_ruled_neutral_says_nothing_and_every_score_names_the_rules_it_was_made_by() -> None:
    plain, ruled = DefaultScorer(), DefaultScorer(words={"Acme": {"wonderful": 0.0}})
    text = Text("this thing is wonderful for us at work", "Acme")
    assert plain.score(text).label == "promoter"
    verdict = ruled.score(text)
    assert verdict.label == "no_opinion"
    assert verdict.scorer == ruled.id_for("Acme") == ruled.id_for("acme") != plain.id_for("Acme")
    assert ruled.score_many([text._replace(brand="Rival")]) == plain.score_many([text._replace(brand="Rival")])
    for other in (Text("", "Acme"), Text("das ist gut, das ist sehr gut", "Acme"), Text("x", "Acme", rating=5)):
        assert ruled.score(other).scorer == ruled.id_for("Acme")


def test_an_id_changes_with_the_words_of_its_brand_and_with_no_others() -> None:
    def id_for(brand: str, **words: dict[str, float]) -> str:
        return DefaultScorer(words={name.replace("every", ""): its for name, its in words.items()}).id_for(brand)

    of_acme = id_for("Acme", Acme={"zingy": 2.0})
    assert of_acme == id_for("Acme", Acme={"zingy": 2.0}, Rival={"zingy": 1.0})
    assert of_acme == id_for("Acme", Acme={"zingy": 2.0}, every={"zingy": -1.0}), "overruled"
    different = {of_acme, id_for("Acme"), id_for("Acme", Acme={"zingy": 1.0}), id_for("Acme", every={"killer": 2.0})}
    assert len(different) == 4


# -- what may be a rule


@pytest.mark.parametrize("word", ["killer", "don't", "co-op", ":(", "über", "c", "любимый", "w/o"])
def test_a_rule_is_for_any_word_that_a_scorer_can_meet(word: str) -> None:
    assert word_rule("", word, -4, "ann", NOW).word == word


@pytest.mark.parametrize(
    "word",
    [
        "",
        " ",
        "Killer",
        "two words",
        "killer ",
        "killer!",
        "#killer",
        '"soso"',
        "a\tb",
        "a\nb",
        "a\u2028b",
        "# x",
        "a\ud800",
        "a\0b",
        "x" * 65,
    ],
)
def test_what_no_scorer_can_meet_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="one word in lower case"):
        word_rule("", word, 0, "ann", NOW)


@pytest.mark.parametrize("valence", [4.1, -5, float("nan"), float("inf")])
def test_a_word_weighs_minus_four_to_four(valence: float) -> None:
    with pytest.raises(ValueError, match="weighs -4 to 4"):
        word_rule("", "killer", valence, "ann", NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_word_or_refused(word: str) -> None:
    try:
        word_rule("", word, 1.0, "ann", NOW)
    except ValueError:
        return
    assert word == word.strip().lower()


# -- the commands


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, ACME + '[[brands]]\nname = "Rival"\nquery = "rival"\n')


def _imported(command: Command, *texts: str, age: int = 1) -> None:
    at = (datetime.now(UTC) - timedelta(days=age)).isoformat()
    rows = [{"text": text, "published_at": at} for text in texts]
    assert command("import", command.file("posts.jsonl", "\n".join(map(json.dumps, rows)))).code == 0


def _added(ended: Ended) -> str:
    """The id of the rule."""
    assert ended.code == 0, ended.err
    return ended.out.split()[0]


def test_a_rule_is_added_listed_and_undone_and_stays_on_record(command: Command) -> None:
    ended = command("rules", "add", "zingy", "--as", "negative", "--brand", "Acme")
    its = _added(ended)
    assert f"{its}  'zingy' weighs -2 for Acme from now on." in ended.out
    assert "`listener rescore` applies it to what is stored" in ended.out
    assert command("rules", "list").out.startswith(f"{its}  'zingy' weighs -2 for Acme, since 20")
    undone = command("rules", "undo", its)
    assert undone.code == 0 and "`listener rescore` applies it" in undone.out
    assert command("rules", "list").out == "no rules.\n"
    assert "(undone 20" in command("rules", "list", "--all").out
    again = command("rules", "undo", its)
    assert (again.code, again.out) == (0, f"{its} was undone before: nothing to do.\n")
    (kept,) = command("rules", "list", "--all", "--json").json
    assert (kept["word"], kept["valence"], kept["brand"]) == ("zingy", -2.0, "Acme")


def test_a_rule_that_holds_already_is_not_added_again_but_one_that_was_overruled_is(command: Command) -> None:
    first = _added(command("rules", "add", "zingy", "--as", "neutral"))
    again = command("rules", "add", "zingy", "--weight", "0")
    assert (again.code, _added(again)) == (0, first) and "already" in again.out
    _added(command("rules", "add", "zingy", "--weight", "1.5"))
    _added(command("rules", "add", "zingy", "--as", "neutral"))
    told = command("rules", "list", "--json").json
    assert [(rule["valence"], rule["state"]) for rule in told] == [
        (0.0, "overruled by a newer one"),
        (1.5, "overruled by a newer one"),
        (0.0, "holds"),
    ]


def test_a_preview_shows_which_stored_mentions_a_rule_would_relabel_and_stores_nothing(command: Command) -> None:
    _imported(command, "acme is a zingy tool at work", "acme is wonderful, I love it", "the zingy rival is at work")
    before = command.rows("SELECT * FROM mentions")
    ended = command("rules", "preview", "zingy", "--weight", "4", "--brand", "Acme")
    lines = ended.out.splitlines()
    assert lines[0] == "if 'zingy' weighs +4 for Acme: 1 of 2 mentions would get another label."
    assert lines[2].split() == ["Acme", "no_opinion", "promoter", "1"]
    assert lines[4].strip() == "acme is a zingy tool at work"
    everywhere = command("rules", "preview", "zingy", "--weight", "4", "--json").json
    assert (everywhere["looked"], everywhere["relabelled"]) == (3, 2)
    assert command.rows("SELECT * FROM mentions") == before
    assert command("rules", "list", "--all").out == "no rules.\n"


def test_a_preview_tells_of_this_rule_alone_and_of_its_window(command: Command) -> None:
    _imported(command, "acme is a zingy tool at work", age=100)
    _imported(command, "acme is a zingy thing for us all", "acme is a groovy thing for us all")
    _added(command("rules", "add", "groovy", "--as", "positive"))  # and not applied to what is stored yet
    preview = ("rules", "preview", "zingy", "--weight", "4", "--json")
    assert (command(*preview).json["looked"], command(*preview).json["relabelled"]) == (2, 1)
    assert command(*preview, "--since", "365d").json["relabelled"] == 2


def test_a_preview_sees_emojis(command: Command) -> None:
    _imported(command, "this is what acme looks like 😊")
    told = command("rules", "preview", "😊", "--weight", "-4", "--json").json
    assert told["labels"][0]["to"] == "detractor"


def test_a_rule_changes_what_listener_score_says_of_its_brand(command: Command) -> None:
    line = b'{"text": "the zingy one is acme", "brand": "Acme"}\n'
    assert json.loads(command("score", stdin=line).out)["label"] == "no_opinion"
    _added(command("rules", "add", "zingy", "--as", "positive", "--brand", "Acme"))
    assert json.loads(command("score", stdin=line).out)["label"] == "promoter"


def test_scoring_without_a_configuration_opens_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LISTENER_CONFIG", raising=False)
    assert listener("score", stdin=b'{"text": "I love it"}\n').code == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "zingy"), "say what the word weighs"),
        (("add", "zingy", "--as", "neutral", "--weight", "1"), "say what the word weighs"),
        (("add", "zingy", "--weight", "5"), "is not in the range"),
        (("add", "zingy", "--weight", "nan"), "weighs -4 to 4"),
        (
            ("add", "Zingy!", "--as", "neutral"),
            "one word in lower case, without punctuation around it, not for 'Zingy!'",
        ),
        (("add", "zingy", "--as", "neutral", "--brand", "Acne"), "there is no brand 'Acne'; there are: Acme, Rival."),
        (("preview", "zingy", "--as", "neutral", "--since", "soon"), "--since: 'soon' is not a point in time"),
        (("undo", "x"), "there is no rule 'x'; `listener rules list` shows them."),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_a_sentence(command: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = command("rules", *arguments)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())
    assert command("rules", "list", "--all").out == "no rules.\n"
