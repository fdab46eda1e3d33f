"""The shipped classifiers, one small file a language, read by the fastText runtime; models/card.md describes them.

Each is a linear model over hashed n-grams, written in fastText's own format by `listener.sentiment.train`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from math import exp, log
from typing import Any, NamedTuple

from listener.sentiment.normal import normalise

Triple = tuple[float, float, float]
"""A number each for (detractor, passive, promoter)."""

Weighed = tuple[tuple[str, float], ...]
"""Parts of a text, with what each weighs."""

LABELS = ("negative", "neutral", "positive")
"""What the training data call these."""

_NEVER = -30.0
"""The logit of a label that the training data have no example of."""

_FLOOR = 1e-5
"""What fastText adds to every probability it gives out."""

_MOST_WORDS = 200
"""That an explanation looks at."""

_STRONGEST = 5
"""Words to either side that an explanation gives."""

_MEMO_ENTRIES = 1 << 15
_MEMO_WORD = 40


class Tuning(NamedTuple):
    """What makes a model's scores probabilities (`bias`), and its probabilities a label (`lean`: added to their
    logarithms, it makes up for the unequal shares of the labels in the training data)."""

    bias: Triple
    lean: Triple


class Model:
    """Loads a language's file when it is first asked about; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._predict: dict[str, Callable[..., Any]] = {}
        self._weights: dict[str, _Weights] = {}
        self.tunings = tunings()

    def scores(self, text: str, language: str) -> Triple:
        """Log-probabilities without bias, of a language in `tunings`. Reads 4,000 characters; never raises."""
        return self.scores_of(normalise(text), language)

    def words(self, text: str, language: str) -> Weighed:
        """The words that say most for praise and for blame, up to five each, with about the part each has in the
        log-odds: its own, by its share of the n-grams. What a word does to its neighbours is not in it."""
        return self.words_of(normalise(text), language)

    def words_of(self, line: str, language: str) -> Weighed:
        """The same of a line that is normalised already."""
        words = line.split(" ")[:_MOST_WORDS]
        of_word = self._weights.get(language) or self._weights.setdefault(language, _Weights(self, language))
        weights = dict(zip(words, map(of_word.__getitem__, words), strict=True))
        whole = 4 * sum(map(len, words)) + 2 * len(words)
        ranked = sorted(weights, key=weights.__getitem__)
        extremes = ranked if len(ranked) <= 2 * _STRONGEST else ranked[:_STRONGEST] + ranked[-_STRONGEST:]
        return tuple([(word, weights[word] / whole) for word in extremes])

    def scores_of(self, line: str, language: str) -> Triple:
        """The same of a line that is normalised already."""
        predict = self._predict.get(language) or self._load(language)
        found = [_NEVER, _NEVER, _NEVER]
        for probability, label in predict(f"{line}\n", len(LABELS), 0.0, "strict"):
            found[_PLACE[label]] = log(max(probability - _FLOOR, 1e-9))
        return found[0], found[1], found[2]

    def _load(self, language: str) -> Callable[..., Any]:
        with self._lock:
            if language not in self._predict:
                import fasttext

                path = files("listener.sentiment") / "models" / f"{language}.ftz"
                # The bare engine: what fasttext wraps around it costs as much as a short text itself.
                self._predict[language] = fasttext.load_model(str(path)).f.predict
        return self._predict[language]


class _Weights(dict[str, float]):
    """Word of a language -> what it says on its own, its log-odds of praise against blame beyond those of no word at
    all, times its n-grams: runs of 2 to 5 characters, with its two ends. 0 for what is no word. Filled on demand, and
    bounded."""

    def __init__(self, model: Model, language: str) -> None:
        self._model, self._language = model, language
        self._nothing = self._praise("")

    def __missing__(self, word: str) -> float:
        weight = (self._praise(word) - self._nothing) * (4 * len(word) + 2) if word.isalpha() else 0.0
        if len(word) <= _MEMO_WORD:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[word] = weight
        return weight

    def _praise(self, word: str) -> float:
        read = self._model.scores_of(word, self._language)
        return read[2] - read[0]


_PLACE = {f"__label__{label}": place for place, label in enumerate(LABELS)}


@cache
def tunings() -> Mapping[str, Tuning]:
    """By language: those that have a model."""
    return {
        language: Tuning(_triple(its["labels"], its["bias"], _NEVER), _triple(its["labels"], its["lean"], 0.0))
        for language, its in shipped()["languages"].items()
    }


@cache
def shipped() -> dict[str, Any]:
    """models/calibration.json: what `listener.sentiment.train` fitted beside the models."""
    text = (files("listener.sentiment") / "models" / "calibration.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def softmax(scores: Triple) -> Triple:
    x, y, z = scores
    top = max(x, y, z)
    x, y, z = exp(x - top), exp(y - top), exp(z - top)
    total = x + y + z
    return x / total, y / total, z / total


def _triple(labels: list[str], values: list[float], missing: float) -> Triple:
    by_label = dict(zip(labels, values, strict=True))
    negative, neutral, positive = (float(by_label.get(label, missing)) for label in LABELS)
    return negative, neutral, positive
