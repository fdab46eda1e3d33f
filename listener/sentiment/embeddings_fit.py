"""Fits the head: multinomial logistic regression by accelerated gradient descent (Nesterov 1983), with numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from listener.sentiment.embeddings_head import Layer, half


class Labelled(Protocol):
    @property
    def language(self) -> str: ...

    @property
    def label(self) -> int:
        """0, 1, 2: negative, neutral, positive."""


Texts = Sequence[tuple[Labelled, Sequence[float]]]
"""Labelled texts and their vectors."""

# Found by cross-validation; macro-F1 is flat around them (±0.002 for half and double).
_STEPS = 150
_FREEDOM = 0.001
_OWN = 0.65  # how much of a layer is of its language alone
_ENGLISH = 0.3  # what an English text counts among those of all languages, a quarter of which are English

_SHRINKING = 20.0  # texts' worth of belief that a language is as sure of itself as all languages are


class _Data(NamedTuple):
    """Standardised vectors (n × 384), one-hot labels (n × 3), languages (n), and what undoes the standardising."""

    vectors: Any
    labels: Any
    languages: Any
    mean: Any
    spread: Any


def layers(texts: Texts) -> dict[str, Layer]:
    """By language, and "" for languages that have none.

    A language in which all three labels occur gets a mixture of the layer of all languages and one of its own. The
    others, whose texts are reviews without a neutral one among them, would learn never to be neutral.
    """
    np = import_module("numpy")
    data = _standardised(np, texts)
    together = _regression(np, data.vectors, data.labels, np.where(data.languages == "en", _ENGLISH, 1.0))
    found = {"": _layer(np, data, together)}
    for language in sorted(set(data.languages.tolist())):
        of = data.languages == language
        if data.labels[of].any(axis=0).all():
            alone = _regression(np, data.vectors[of], data.labels[of], np.ones(of.sum()))
            found[language] = _layer(np, data, (1 - _OWN) * together + _OWN * alone)
    return found


def temperatures(found: Mapping[str, Layer], held_out: Texts) -> dict[str, float]:
    """By language, drawn toward that of all."""
    np = import_module("numpy")
    logits: dict[str, list[tuple[float, ...]]] = {}
    labels: dict[str, list[int]] = {}
    for example, vector in held_out:
        layer = found.get(example.language, found[""])
        logits.setdefault(example.language, []).append(layer.logits(vector))
        labels.setdefault(example.language, []).append(example.label)
    every = [one for of in logits.values() for one in of], [one for of in labels.values() for one in of]
    overall = _temperature(np, *every, 1.0, 0.0)
    return {name: _temperature(np, logits[name], labels[name], overall, _SHRINKING) for name in sorted(logits)}


def _standardised(np: Any, texts: Texts) -> _Data:
    raw = np.array([vector for _, vector in texts])
    mean, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    labels = np.eye(3)[[example.label for example, _ in texts]]
    return _Data((raw - mean) / spread, labels, np.array([example.language for example, _ in texts]), mean, spread)


def _regression(np: Any, vectors: Any, labels: Any, counts: Any) -> Any:
    """Weights (385 × 3, the biases last) that minimise log-loss + |weights|² / (2 · freedom), nearly.

    Rarer labels count more, by the root of how much rarer they are: half-way between frequencies as they are in the
    data, which other data will not have, and equal ones, which no data has.
    """
    n = len(vectors)
    counts = counts * np.sqrt(n / 3 / labels.sum(axis=0))[labels.argmax(axis=1)]
    vectors = np.hstack([vectors, np.ones((n, 1))])
    penalty = np.full((vectors.shape[1], 1), 1 / _FREEDOM / n)
    penalty[-1] = 0.0
    weighted = vectors * counts[:, None]
    # No step is longer than the steepest curvature allows: half the greatest eigenvalue, for the softmax.
    curvature = np.linalg.eigvalsh(weighted.T @ vectors / n)[-1] / 2 + penalty.max()
    weights = ahead = np.zeros((vectors.shape[1], 3))
    for step in range(_STEPS):
        logits = vectors @ ahead
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        reached = ahead - (weighted.T @ (likely - labels) / n + penalty * ahead) / curvature
        ahead = reached + step / (step + 3) * (reached - weights)
        weights = reached
    return weights


def _layer(np: Any, data: _Data, weights: Any) -> Layer:
    """For vectors as they come. The mean of the vectors is far from 0: the biases are those of the rounded rows."""
    rows = tuple(half(row) for row in (weights[:-1].T / data.spread).tolist())
    x, y, z = (weights[-1] - np.array(rows) @ data.mean).round(5).tolist()
    return Layer(rows, (x, y, z))


def _temperature(np: Any, logits: Any, labels: Any, prior: float, belief: float) -> float:
    logits = np.array(logits)
    candidates = np.geomspace(0.4, 2.5, 100)
    losses = []
    for candidate in candidates:
        cooled = logits / candidate
        likelihoods = cooled[np.arange(len(labels)), labels] - np.log(np.exp(cooled).sum(axis=1))
        losses.append(belief * np.log(candidate / prior) ** 2 - likelihoods.sum())
    return round(float(candidates[int(np.argmin(losses))]), 3)
