"""All models, their calibrations and the English layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from listener.sentiment.english import LANGUAGE, SHORT_MODEL, is_short
from listener.sentiment.model import LABELS, heed
from listener.sentiment.train.contrasts import contrasts
from listener.sentiment.train.corpus import Corpus
from listener.sentiment.train.file import encoded
from listener.sentiment.train.grams import Grams
from listener.sentiment.train.layer import layered
from listener.sentiment.train.plans import Plan, plan_for
from listener.sentiment.train.ridge import held_out, weights
from listener.sentiment.train.tuning import Measured, measure, tune

_HEAD = (
    "| language | texts | negative | neutral | positive | macro-F1 | ECE | bytes | source |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---|",
)


class Trained(NamedTuple):
    """A model's file, what calibration.json says of it, how right it is, and the calibrated scores (texts × labels) by
    models that had not seen a text's fold."""

    file: bytes
    tuning: dict[str, Any]
    measured: Measured
    scores: NDArray[Any]


def train(corpora: Mapping[str, Corpus], say: Callable[[str], object]) -> dict[str, bytes]:
    """Files by name; says a row of the card's table for each language."""
    files: dict[str, bytes] = {}
    calibration: dict[str, Any] = {"languages": {}}
    for line in _HEAD:
        say(line)
    with threadpool_limits(1):  # threads would add in another order each time
        for language, corpus in corpora.items():
            trained = _trained(language, corpus, plan_for(language))
            files[f"{language}.ftz"] = trained.file
            calibration["languages"][language] = trained.tuning
            say(_row(language, corpus, trained.measured, len(trained.file)))
            if language == LANGUAGE:
                calibration["english"], measured = layered(corpus, trained.scores)
                say(_row(f"{language}, with the layer", corpus, measured, 0))
                short, its = _short(corpus)
                files[f"{SHORT_MODEL}.ftz"] = short.file
                # What shares the labels have among the contrasts is of our own making, and no reason to lean.
                calibration["english_short"] = short.tuning | {"lean": calibration["english"]["lean"]}
                say(_row(SHORT_MODEL, its, short.measured, len(short.file)))
    files["calibration.json"] = (json.dumps(calibration, indent=1) + "\n").encode()
    return files


def _short(tweets: Corpus) -> tuple[Trained, Corpus]:
    """The English model of short texts, which has the contrasts to learn from besides all tweets, under a layer fitted
    to those of them that are short; and these."""
    corpus = tweets.with_those_of(contrasts(tweets))
    trained = _trained(LANGUAGE, corpus, Plan())
    rows = [row for row, line in enumerate(corpus.lines) if is_short(line.split(" "))]
    short = corpus.among(rows)
    tuning, measured = layered(short, trained.scores[rows], freedom=1.0)
    return Trained(trained.file, tuning, measured, trained.scores[rows]), short


def _trained(language: str, corpus: Corpus, plan: Plan) -> Trained:
    matrix = Grams(plan).matrix(corpus.read_by_model(language))
    labels, folds = np.array(corpus.labels), np.array(corpus.folds())
    scores = held_out(matrix, labels, folds, plan) * np.array([[heed(line, language)] for line in corpus.lines])
    tuned = tune(scores, labels)
    tuning = {
        "labels": [LABELS[label] for label in corpus.seen],
        "bias": tuned.bias[corpus.seen].round(4).tolist(),
        "lean": tuned.lean[corpus.seen].round(4).tolist(),
    }
    file = encoded(weights(matrix, labels, plan), tuned.slope, corpus.seen, plan)
    return Trained(file, tuning, measure(scores, labels, folds), tuned.slope * scores)


def _row(name: str, corpus: Corpus, measured: Measured, size: int) -> str:
    counts = [corpus.labels.count(label) for label in range(len(LABELS))]
    sources = ", ".join(f"{source} {n:,}" for source, n in sorted(corpus.counts().items()))
    cells = (
        name,
        f"{len(corpus.labels):,}",
        *(f"{n:,}" if n else "–" for n in counts),
        f"{measured.macro_f1:.3f}",
        f"{measured.ece:.3f}",
        f"{size:,}" if size else "",
        sources,
    )
    return f"| {' | '.join(cells)} |"
