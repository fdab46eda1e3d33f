"""From scores to probabilities and labels, and how right these are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import f1_score

from listener.sentiment.model import LABELS
from listener.sentiment.train.corpus import FOLDS

_NEVER = -30.0  # the logit of a label that a language has no examples of
_LEANS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BINS = 15


class Tuned(NamedTuple):
    """probabilities = softmax(slope · scores + bias); the label is the largest of log(probability) + lean."""

    slope: float
    bias: NDArray[Any]
    lean: NDArray[Any]

    def probabilities(self, scores: NDArray[Any]) -> NDArray[Any]:
        logits = self.slope * scores + self.bias
        powers = np.exp(logits - logits.max(1, keepdims=True))
        shares: NDArray[Any] = powers / powers.sum(1, keepdims=True)
        return shares

    def labels(self, scores: NDArray[Any]) -> NDArray[Any]:
        best: NDArray[Any] = (self.slope * scores + self.bias + self.lean).argmax(1)
        return best


class Measured(NamedTuple):
    """Macro-F1 (0..1) over the labels that occur; expected calibration error (0..1) of the likeliest label."""

    macro_f1: float
    ece: float


def tune(scores: NDArray[Any], labels: NDArray[Any]) -> Tuned:
    """The slope and the bias by likelihood; the lean, which makes up for unequal shares, by macro-F1."""
    counts = np.bincount(labels, minlength=len(LABELS))
    seen = counts > 0
    slope, bias = _likeliest(scores, labels, seen)
    prior = np.log(np.maximum(counts / len(labels), 1e-9))
    prior = np.where(seen, prior - prior[seen].mean(), 0.0)
    leaning = [Tuned(slope, bias, -share * prior) for share in _LEANS]
    return max(leaning, key=lambda one: _macro_f1(labels, one.labels(scores)))


def measure(scores: NDArray[Any], labels: NDArray[Any], folds: NDArray[Any]) -> Measured:
    """Of scores by models that had not seen a text's fold, tuned on the other folds."""
    probabilities, chosen = np.zeros_like(scores), np.zeros_like(labels)
    for fold in range(FOLDS):
        out = folds == fold
        tuned = tune(scores[~out], labels[~out])
        probabilities[out], chosen[out] = tuned.probabilities(scores[out]), tuned.labels(scores[out])
    return Measured(_macro_f1(labels, chosen), _calibration_error(labels, probabilities))


def _likeliest(scores: NDArray[Any], labels: NDArray[Any], seen: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    def loss(parameters: NDArray[Any]) -> float:
        logits = np.exp(parameters[0]) * scores + parameters[1:]
        logits[:, ~seen] = _NEVER
        top = logits.max(1)
        whole = np.log(np.exp(logits - top[:, None]).sum(1)) + top
        return float(np.mean(whole - logits[np.arange(len(labels)), labels]))

    best = minimize(loss, np.zeros(1 + len(LABELS)), method="L-BFGS-B").x
    return float(np.exp(best[0])), np.where(seen, best[1:] - best[1:][seen].mean(), _NEVER)


def _macro_f1(labels: NDArray[Any], chosen: NDArray[Any]) -> float:
    return float(f1_score(labels, chosen, labels=np.unique(labels), average="macro", zero_division=0))


def _calibration_error(labels: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Bins of equal width."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    at = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(right[at == one].sum() - confidence[at == one].sum()) for one in range(_BINS)]
    return float(sum(gaps) / len(labels))
