"""Fits the head: multinomial logistic regression by accelerated gradient descent (Nesterov 1983), with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from listener.sentiment.embeddings_head import Head, Layer, half


class Labelled(Protocol):
    @property
    def language(self) -> str: ...

    @property
    def label(self) -> int:
        """0, 1, 2: negative, neutral, positive."""


Texts = Sequence[tuple[Labelled, Sequence[float]]]
"""Labelled texts and their vectors."""

_STEPS = 400
# Found by five-fold cross-validation. Weights of all languages together give way less to the data than those of one
# language, which has fewer texts to say otherwise.
_TOGETHER, _ALONE = 0.001, 0.003
_ENGLISH = 0.3  # what an English text counts among those of all languages, of which it would be the half

_SHRINKING = 20.0  # texts' worth of belief that a language is as sure of itself as all languages are


class _Data(NamedTuple):
    """Standardised vectors (n × 384), one-hot labels (n × 3), languages (n), and what undoes the standardising."""

    vectors: Any
    labels: Any
    languages: Any
    mean: Any
    spread: Any


def fitted(learnt: Texts, held_out: Texts) -> Head:
    """Layers from `learnt`, temperatures from `held_out`.

    A language in which all three labels occur gets the mean of the layer of all languages and one of its own. The
    others, whose texts are reviews without a neutral one among them, would learn never to be neutral: they get the
    layer of all.
    """
    np = import_module("numpy")
    data = _standardised(np, learnt)
    together = _regression(np, data.vectors, data.labels, np.where(data.languages == "en", _ENGLISH, 1.0), _TOGETHER)
    layers = {"": _layer(np, data, together)}
    for language in sorted(set(data.languages.tolist())):
        of = data.languages == language
        if data.labels[of].any(axis=0).all():
            alone = _regression(np, data.vectors[of], data.labels[of], np.ones(of.sum()), _ALONE)
            layers[language] = _layer(np, data, (together + alone) / 2)
    return Head(layers, _temperatures(np, layers, held_out))


def _standardised(np: Any, texts: Texts) -> _Data:
    raw = np.array([vector for _, vector in texts])
    mean, spread = raw.mean(axis=0), raw.std(axis=0)
    labels = np.eye(3)[[example.label for example, _ in texts]]
    return _Data((raw - mean) / spread, labels, np.array([example.language for example, _ in texts]), mean, spread)


def _regression(np: Any, vectors: Any, labels: Any, counts: Any, freedom: float) -> Any:
    """Weights (385 × 3, the biases last) that minimise log-loss + |weights|² / (2 · freedom).

    Rarer labels count more, by the root of how much rarer they are: half-way between frequencies as they are in the
    data, which other data will not have, and equal ones, which no data has.
    """
    n = len(vectors)
    counts = counts * np.sqrt(n / 3 / labels.sum(axis=0))[labels.argmax(axis=1)]
    vectors = np.hstack([vectors, np.ones((n, 1))])
    penalty = np.full((vectors.shape[1], 1), 1 / freedom / n)
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


def _temperatures(np: Any, layers: dict[str, Layer], held_out: Texts) -> dict[str, float]:
    """By language, drawn toward that of all."""
    logits: dict[str, list[tuple[float, ...]]] = {}
    labels: dict[str, list[int]] = {}
    for example, vector in held_out:
        layer = layers.get(example.language, layers[""])
        logits.setdefault(example.language, []).append(layer.logits(vector))
        labels.setdefault(example.language, []).append(example.label)
    every = [one for language in logits for one in logits[language]], [one for of in labels.values() for one in of]
    overall = _temperature(np, *every, 1.0, 0.0)
    return {name: _temperature(np, logits[name], labels[name], overall, _SHRINKING) for name in sorted(logits)}


def _temperature(np: Any, logits: Any, labels: Any, prior: float, belief: float) -> float:
    logits = np.array(logits)
    candidates = np.geomspace(0.4, 2.5, 100)
    losses = []
    for candidate in candidates:
        cooled = logits / candidate
        likelihoods = cooled[np.arange(len(labels)), labels] - np.log(np.exp(cooled).sum(axis=1))
        losses.append(belief * np.log(candidate / prior) ** 2 - likelihoods.sum())
    return round(float(candidates[int(np.argmin(losses))]), 3)
