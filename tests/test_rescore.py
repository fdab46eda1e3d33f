"""What is stored is scored again where another scorer judged it: once, only what changed, and nobody is alarmed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.post import Post as SourcePost
from listener.alerts.rules import Rule
from listener.intake import Intake, Origin
from listener.match import Matcher, parse
from listener.rescore import Rescorer, Step
from listener.sentiment.contract import Label, Text, Verdict
from listener.sentiment.scorer import DefaultScorer
from storage.records import stamp
from storage.sqlite import SqliteStore
from tests.command import ACME, Command
from tests.conftest import NOW

_LATER = NOW + timedelta(days=1)


class Opinionated:
    """Says of every text what `think` says: (label, value); notes how many it was asked about."""

    def __init__(self, name: str = "one@1", think: Callable[[Text], tuple[Label | None, float]] | None = None) -> None:
        self.id = name
        self._think = think or (lambda _: ("promoter", 0.8))
        self.asked: list[Text] = []
        self.shares = (0.1, 0.1, 0.8)

    def id_for(self, brand: str) -> str:
        return f"{self.id}:{brand}"

    def score(self, text: Text) -> Verdict:
        self.asked.append(text)
        label, value = self._think(text)
        unscored = "" if label else "language"
        its = (
            label,
            value,
            self.shares,
            0.8,
            "en",
            unscored,
            (("word", value),),
            self.id_for(text.brand),
            ("comparison",),
        )
        return Verdict(*its)

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        return [self.score(text) for text in texts]


def _stored(store: SqliteStore, scorer: Any, texts: Iterable[str], **others: Any) -> Intake:
    """Posts about Acme (and Rival, where it is named) as the intake stores them."""
    queries = {"Acme": parse("acme"), "Rival": parse("rival")}
    intake = Intake(Matcher(queries), scorer, [Rule("unhappy", ("chat",))], timedelta(days=1))
    posts = [
        SourcePost("feed", str(n), f"https://blog.example/{n}", text, published_at=NOW, **others)
        for n, text in enumerate(texts)
    ]
    store.add_page(intake.arrivals(posts, Origin("blogs"), store, NOW), stamp(NOW))
    return intake


def _rescorer(store: SqliteStore, scorer: Any) -> Rescorer:
    return Rescorer(store, scorer, lambda: _LATER)


def _walk(rescorer: Rescorer, brand: str = "Acme", limit: int = 500) -> list[Step]:
    steps: list[Step] = []
    while not steps or not steps[-1].through:
        step = rescorer.step(brand, steps[-1].position if steps else 0, limit)
        assert step is not None
        steps.append(step)
    return steps


def _mentions(store: SqliteStore, brand: str = "Acme") -> list[Any]:
    return [stale.mention for stale in store.stale(brand, "", 0, 1000)]


def _unhappy(text: Text) -> tuple[Label | None, float]:
    return "detractor", -0.6


def test_a_score_that_changed_is_added_and_holds(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one", "acme two"])
    (step,) = _walk(_rescorer(store, Opinionated("two@1", _unhappy)))
    assert (step.looked, step.rescored, step.through) == (2, 2, True)
    assert {(change.before, change.after) for change in step.changes} == {("promoter", "detractor")}
    for mention in _mentions(store):
        assert (mention.label, mention.value, mention.scorer) == ("detractor", -0.6, "two@1:Acme")
        old, new = store.scores_of(mention.id)
        assert (old.label, new.label, new.scored_at, new.scorer) == (
            "promoter",
            "detractor",
            stamp(_LATER),
            "two@1:Acme",
        )


def test_a_score_that_says_the_same_is_left_and_only_its_scorer_noted(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one"])
    (step,) = _walk(_rescorer(store, Opinionated("two@1", lambda _: ("promoter", 0.8000001))))
    assert (step.looked, step.rescored, step.changes) == (1, 0, ())
    (mention,) = _mentions(store)
    assert (mention.scorer, mention.value) == ("two@1:Acme", 0.8)
    assert [score.scorer for score in store.scores_of(mention.id)] == ["one@1:Acme"]


def test_other_probabilities_alone_are_another_score(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one"])
    surer = Opinionated("two@1")
    surer.shares = (0.0, 0.2, 0.8)
    (step,) = _walk(_rescorer(store, surer))
    assert (step.rescored, step.changes) == (1, ())
    (mention,) = _mentions(store)
    assert json.loads(store.scores_of(mention.id)[-1].probabilities)["passive"] == 0.2


def test_a_text_that_can_be_read_now_gets_its_label(store: SqliteStore) -> None:
    _stored(store, Opinionated("one@1", lambda _: (None, 0.0)), ["acme ist super"])
    (step,) = _walk(_rescorer(store, Opinionated("two@1")))
    assert [(change.before, change.after) for change in step.changes] == [("unscored(language)", "promoter")]
    assert [(mention.label, mention.unscored) for mention in _mentions(store)] == [("promoter", "")]


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"title": "A title"},
        {"title": "acme"},
        {"rating": 2.0, "rating_scale": 10.0},
        {"genre": "review"},
        {"language": "de"},
    ],
    ids=str,
)
def test_the_scorer_is_asked_what_the_intake_asked(store: SqliteStore, others: dict[str, Any]) -> None:
    first, second = Opinionated(), Opinionated("two@1")
    _stored(store, first, ["acme and rival"], **others)
    for brand in ("Acme", "Rival"):
        _walk(_rescorer(store, second), brand)
    assert second.asked == first.asked and len(first.asked) == 2


def test_what_another_brand_holds_is_left_alone(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme and rival"])
    _walk(_rescorer(store, Opinionated("two@1")), "Rival")
    assert [mention.scorer for mention in _mentions(store)] == ["one@1:Acme"]


def test_no_alert_is_raised_by_scores_of_today(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one"])
    _walk(_rescorer(store, Opinionated("two@1", _unhappy)))
    assert store.counts()["alerts"] == 0


def test_a_walk_in_steps_looks_at_each_mention_once_and_is_over_when_it_is_over(store: SqliteStore) -> None:
    _stored(store, Opinionated(), [f"acme {n}" for n in range(7)])
    scorer = Opinionated("two@1", _unhappy)
    rescorer = _rescorer(store, scorer)
    assert rescorer.left("Acme") == 7
    assert [step.looked for step in _walk(rescorer, limit=3)] == [3, 3, 1]
    assert [text.text for text in scorer.asked] == [f"acme {n}" for n in range(7)]
    assert rescorer.left("Acme") == 0
    assert [step.looked for step in _walk(rescorer)] == [0]


def test_a_preview_says_what_a_step_would_do_and_stores_nothing(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one", "acme two"])
    rescorer = _rescorer(store, Opinionated("two@1", _unhappy))
    before = _mentions(store)
    previewed = rescorer.preview("Acme")
    assert _mentions(store) == before
    assert rescorer.step("Acme") == previewed


def test_a_step_that_breaks_off_leaves_all_as_it_was_and_the_next_one_does_it(store: SqliteStore) -> None:
    _stored(store, Opinionated(), [f"acme {n}" for n in range(4)])

    def breaks(text: Text) -> tuple[Label | None, float]:
        if text.text == "acme 3":
            raise KeyboardInterrupt
        return "detractor", -0.6

    broken = _rescorer(store, Opinionated("two@1", breaks))
    first = broken.step("Acme", 0, 2)
    assert first is not None and first.looked == 2
    with pytest.raises(KeyboardInterrupt):
        broken.step("Acme", first.position, 2)
    assert [mention.label for mention in _mentions(store)] == ["detractor"] * 2 + ["promoter"] * 2
    steps = _walk(_rescorer(store, Opinionated("two@1", _unhappy)))
    assert [step.looked for step in steps] == [2]
    assert [len(store.scores_of(mention.id)) for mention in _mentions(store)] == [2] * 4


def test_two_who_rescore_at_once_do_it_once(store: SqliteStore) -> None:
    _stored(store, Opinionated(), ["acme one"])
    other = _rescorer(store, Opinionated("two@1", _unhappy))
    met: list[Step | None] = []

    def meanwhile(text: Text) -> tuple[Label | None, float]:
        met.append(other.step("Acme"))
        return "detractor", -0.6

    _walk(_rescorer(store, Opinionated("two@1", meanwhile)))
    assert met == [None]
    assert [len(store.scores_of(mention.id)) for mention in _mentions(store)] == [2]


def test_what_is_edited_meanwhile_keeps_the_score_of_its_new_words_and_is_scored_next_time(store: SqliteStore) -> None:
    intake = _stored(store, Opinionated(), ["acme one", "acme two"])
    edited = SourcePost("feed", "0", "https://blog.example/0", "acme is gone", published_at=NOW)

    def meanwhile(text: Text) -> tuple[Label | None, float]:
        store.add_page(intake.arrivals([edited], Origin("blogs"), store, NOW), stamp(NOW))
        return "detractor", -0.6

    _walk(_rescorer(store, Opinionated("two@1", meanwhile)))
    assert [mention.label for mention in _mentions(store)] == ["promoter", "detractor"]
    again = Opinionated("two@1", _unhappy)
    _walk(_rescorer(store, again))
    assert [text.text for text in again.asked] == ["acme is gone"]
    assert [mention.label for mention in _mentions(store)] == ["detractor", "detractor"]


def test_the_scorer_that_comes_with_listener_changes_nothing_of_its_own(store: SqliteStore) -> None:
    texts = ["acme is wonderful, I love it", "acme crashes", "acme ist gut", "acme, a shop", "acme? " * 50]
    _stored(store, DefaultScorer(), texts)
    assert _rescorer(store, DefaultScorer()).left("Acme") == 0
    (step,) = _walk(_rescorer(store, DefaultScorer(rivals={"Acme": ["Foo"]})))
    assert (step.looked, step.rescored) == (5, 0)


# -- the command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, ACME + '[[brands]]\nname = "Rival"\nquery = "rival"\n')


def _imported(command: Command, *texts: str) -> None:
    rows = [{"text": text, "published_at": datetime.now(UTC).isoformat()} for text in texts]
    assert command("import", command.file("posts.jsonl", "\n".join(map(json.dumps, rows)))).code == 0


# A word that no lexicon has, so that a rule alone decides; the third is clear without one.
_ZINGY = (
    "acme is a zingy tool at work",
    "the zingy one is acme",
    "acme is wonderful, I love it",
    "the rival is zingy too",
)


def _with_rule(command: Command) -> None:
    _imported(command, *_ZINGY)
    assert command("rules", "add", "zingy", "--weight", "4", "--brand", "Acme").code == 0


def test_the_command_tells_which_labels_changed_from_what_to_what(command: Command) -> None:
    _with_rule(command)
    ended = command("rescore")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "3 mentions scored again, 2 with another result, 2 of them with another label.",
        "  brand  from        to        mentions",
        "  Acme   no_opinion  promoter         2",
    ]
    assert command("rescore").out == "every score is of the scorer that holds now: there is nothing to do.\n"


def test_a_dry_run_tells_the_same_with_examples_and_changes_nothing(command: Command) -> None:
    _with_rule(command)
    before = command.rows("SELECT * FROM mentions") + command.rows("SELECT * FROM scores")
    ended = command("rescore", "--dry-run")
    lines = ended.out.splitlines()
    assert ended.code == 0 and lines[0].endswith("nothing was stored.")
    assert lines[2:4] == ["  Acme   no_opinion  promoter         2", "for example:"]
    assert lines[5].strip() == "acme is a zingy tool at work"
    assert command.rows("SELECT * FROM mentions") + command.rows("SELECT * FROM scores") == before


def test_the_command_speaks_json(command: Command) -> None:
    _with_rule(command)
    told = command("rescore", "--json", "--brand", "Acme").json
    assert (told["looked"], told["rescored"], told["relabelled"], told["finished"]) == (3, 2, 2, True)
    assert told["labels"] == [{"brand": "Acme", "from": "no_opinion", "to": "promoter", "mentions": 2}]
    assert [example["text"] for example in told["examples"]] == list(_ZINGY[:2])


def test_a_dry_run_shows_no_more_than_ten_examples(command: Command) -> None:
    _imported(command, *(f"the zingy one is acme{', acme' * n}" for n in range(15)))
    command("rules", "add", "zingy", "--weight", "4")
    told = command("rescore", "--dry-run", "--json").json
    assert (told["relabelled"], len(told["examples"])) == (15, 10)


def test_a_brand_that_is_not_configured_is_said_to_be_none(command: Command) -> None:
    ended = command("rescore", "--brand", "Acne")
    assert ended.code == 2
    assert "there is no brand 'Acne'; there are: Acme, Rival." in ended.err


def test_the_command_leaves_the_work_to_whoever_is_at_it(command: Command) -> None:
    _with_rule(command)
    other = SqliteStore(command.database)
    with other.claim("rescore") as mine:
        assert mine
        ended = command("rescore")
        assert command("rescore", "--dry-run").code == 0
    other.close()
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "another process is scoring again: the rest is left to it.\n"
    assert command.rows("SELECT COUNT(*) FROM scores") == [(4,)]
