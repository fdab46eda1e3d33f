"""The obligations of `listener.sentiment.contract.Scorer`, for any scorer: subclass and say how to make one.

class TestMine(ScorerContract):
    def make(self, rivals: Mapping[str, Sequence[str]]) -> Scorer: ...
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listener.sentiment.contract import LABELS, TAGS, Scorer, Text, Verdict

ENGLISH = "The app is unfortunately very slow and it crashes all the time"
TEXTS = [
    Text(ENGLISH, "Acme", "en"),
    Text("I love Acme, it works perfectly and the support is wonderful!", "Acme", "en"),
    Text("Acme announces a new office in Berlin.", "Acme", "en", genre="news"),
    Text("Does Acme support dark mode?", "Acme", "en"),
    Text("Acme is fantastic. Foo on the other hand is horrible, it crashes and it is ugly.", "Acme", "en"),
    Text("Foo is fantastic. Acme on the other hand is horrible, it crashes and it is ugly.", "Acme", "en"),
    Text("", "Acme", "en"),
    Text("ok", "Acme", "tlh"),
    Text("whatever", "Acme", "en", rating=5.0),
]

hostile = st.text() | st.text(st.characters(codec=None, categories=["Cs", "Cc", "So", "Lo", "Lu", "Po"]))
pieces = st.lists(
    hostile | st.sampled_from(["Acme", "Foo", "but", "terrible", "?", "! ", ". ", "\n", "\0", "\ufdfa" * 9])
)


def holds(verdict: Verdict, scorer: Scorer, text: Text) -> None:
    """What is true of any verdict."""
    assert verdict.label in (*LABELS, None)
    assert (verdict.label is None) == (verdict.unscored in ("language", "empty"))
    assert -1 <= verdict.value <= 1
    assert 0 <= verdict.confidence <= 1
    assert not verdict.probabilities or sum(verdict.probabilities) == pytest.approx(1)
    assert len(verdict.probabilities) in (0, 3)
    assert verdict.scorer == scorer.id_for(text.brand)
    assert set(verdict.tags) <= set(TAGS)
    weights = [abs(weight) for _, weight in verdict.explanation]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) <= 5


class ScorerContract:
    examples = 100
    """How many odd texts a run can afford."""
    seconds = 0.25
    """CPU time within which any text must be scored."""

    def make(self, rivals: Mapping[str, Sequence[str]]) -> Scorer:
        raise NotImplementedError

    @pytest.fixture
    def scorer(self) -> Scorer:
        return self.make({"Acme": ["Foo"]})

    def test_the_authors_rating_beats_the_text_in_any_language(self, scorer: Scorer) -> None:
        verdict = scorer.score(Text("terrible, awful, broken", "Acme", rating=5))
        assert (verdict.label, verdict.value, verdict.probabilities) == ("promoter", 1.0, (0.0, 0.0, 1.0))
        assert scorer.score(Text("", "Acme", "tlh", rating=2)).label == "detractor"
        assert scorer.score(Text("Love it, works perfectly", "Acme", "en", rating=6)).confidence < 1

    @pytest.mark.parametrize("text", ["", " \n\t", "\u3000"])
    def test_an_empty_text_is_unscored(self, scorer: Scorer, text: str) -> None:
        assert scorer.score(Text(text, "Acme", "en")).unscored == "empty"

    @pytest.mark.parametrize(("text", "language"), [("Պատվերս դեռ չի եկել, շատ վատ է", "hy"), ("😡😡", "")])
    def test_an_unsupported_or_uncertain_language_is_unscored(self, scorer: Scorer, text: str, language: str) -> None:
        verdict = scorer.score(Text(text, "Acme"))
        assert (verdict.label, verdict.unscored, verdict.language) == (None, "language", language)
        assert (verdict.value, verdict.probabilities, verdict.explanation) == (0.0, (), ())

    def test_clear_words_are_labelled_as_a_person_would(self, scorer: Scorer) -> None:
        labels = [verdict.label for verdict in scorer.score_many(TEXTS)]
        assert labels[0] == "detractor"
        assert labels[1] == "promoter"
        assert labels[4:6] == ["promoter", "detractor"]

    def test_scores_depend_neither_on_order_nor_on_company_nor_on_threads(self, scorer: Scorer) -> None:
        once = scorer.score_many(TEXTS)
        fresh = self.make({"ACME": ["Foo"]})
        assert fresh.score_many(TEXTS[::-1])[::-1] == once
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(self.make({"Acme": ["Foo"]}).score, TEXTS)) == once
        assert scorer.score_many([]) == []

    def test_the_id_names_a_version_and_changes_with_the_rivals(self, scorer: Scorer) -> None:
        ids = {self.make({}).id, self.make({"Acme": ["Foo"]}).id, self.make({"Acme": ["Bar"]}).id}
        assert len(ids) == 3
        assert all("@" in id_ for id_ in ids)
        assert self.make({"Acme": ["Foo"]}).id_for("Acme") == scorer.id_for("Acme")

    def test_any_text_gets_a_verdict_in_range(self, scorer: Scorer) -> None:
        @settings(deadline=None, max_examples=self.examples, suppress_health_check=list(HealthCheck))
        @given(pieces.map(" ".join), hostile, hostile, st.none() | st.floats())
        def check(text: str, brand: str, language: str, rating: float | None) -> None:
            asked = [Text(text, brand, language, rating), Text(text, "Acme", "en")]
            for one, verdict in zip(asked, scorer.score_many(asked), strict=True):
                holds(verdict, scorer, one)

        check()

    @pytest.mark.parametrize(
        "unit", ["😡", "a", " ", "Acme, Foo! ", "\0", "\u202eשלום ", "GREAT but ", "?\n", "\ud800", "@a #b ", "\ufdfa"]
    )
    def test_a_megabyte_of_anything_is_scored_within_the_bound(self, scorer: Scorer, unit: str) -> None:
        text = Text((unit * 1_000_000)[:1_000_000], "Acme", "en")
        scorer.score(TEXTS[0])
        started = time.process_time()
        holds(scorer.score(text), scorer, text)
        assert time.process_time() - started < self.seconds
