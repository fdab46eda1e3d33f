"""All models, their calibrations and the English layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from listener.sentiment.english import LANGUAGE
from listener.sentiment.model import LABELS
from listener.sentiment.train.corpus import Corpus
from listener.sentiment.train.file import encoded
from listener.sentiment.train.grams import Grams
from listener.sentiment.train.layer import layered
from listener.sentiment.train.plans import plan_for
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
            trained = _trained(language, corpus)
            files[f"{language}.ftz"] = trained.file
            calibration["languages"][language] = trained.tuning
            say(_row(language, corpus, trained.measured, len(trained.file)))
            if language == LANGUAGE:
                calibration["english"], measured = layered(corpus, trained.scores)
                say(_row(f"{language}, with the layer", corpus, measured, 0))
    files["calibration.json"] = (json.dumps(calibration, indent=1) + "\n").encode()
    return files


def _trained(language: str, corpus: Corpus) -> Trained:
    plan = plan_for(language)
    matrix = Grams(plan).matrix(corpus.read_by_model(language))
    labels, folds = np.array(corpus.labels), np.array(corpus.folds())
    scores = held_out(matrix, labels, folds, plan)
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
