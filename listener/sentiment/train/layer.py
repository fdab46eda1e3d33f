"""The layer that weighs VADER, the manner of an English text and the model's scores against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from listener.sentiment.english import NAMES, Spelling
from listener.sentiment.model import LABELS
from listener.sentiment.train.corpus import FOLDS, Corpus
from listener.sentiment.train.tuning import Measured, measure, tune


def layered(corpus: Corpus, scores: NDArray[Any], freedom: float = 0.1) -> tuple[dict[str, Any], Measured]:
    """What calibration.json says of it, fitted to the `scores` of models that had not seen a text's fold. The more
    `freedom`, the less the weights shrink."""
    spelling = Spelling()
    manners = [spelling.features(text, line) for text, line in zip(corpus.texts, corpus.lines, strict=True)]
    features = np.hstack([np.array(manners), scores - scores.mean(1, keepdims=True)])
    labels, folds = np.array(corpus.labels), np.array(corpus.folds())
    read = np.zeros_like(scores)
    for fold in range(FOLDS):
        seen = folds != fold
        read[~seen] = _regression(features[seen], labels[seen], freedom).decision_function(features[~seen])
    fitted, tuned = _regression(features, labels, freedom), tune(read, labels)
    return {
        "labels": list(LABELS),
        "features": [*NAMES, *(f"model_{label}" for label in LABELS)],
        "weights": (tuned.slope * fitted.coef_).round(4).tolist(),
        "bias": (tuned.slope * fitted.intercept_ + tuned.bias).round(4).tolist(),
        "lean": tuned.lean.round(4).tolist(),
    }, measure(read, labels, folds)


def _regression(features: NDArray[Any], labels: NDArray[Any], freedom: float) -> LogisticRegression:
    return LogisticRegression(C=freedom, max_iter=1000).fit(features, labels)
