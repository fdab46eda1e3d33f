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

HEEDED = frozenset(["bg", "el", "en", "fi", "he", "hr", "ko", "no", "sk", "th", "tr", "vi"])
"""Languages that are believed however few the words: English, which sees to short texts itself, and those without
neutral examples, where little belief is no doubt but the prior: mostly praise."""

_NEVER = -30.0
"""The logit of a label that the training data have no example of."""

_FLOOR = 1e-5
"""What fastText adds to every probability it gives out."""

_FEW = 4
"""Words at which half of what a model says is believed. Found by cross-validation; 2 and 8 are hardly worse."""

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
        """Logarithms of odds without bias, of a language in `tunings`. Reads 4,000 characters; never raises."""
        return self.scores_of(normalise(text), language)

    def scores_of(self, line: str, language: str) -> Triple:
        """The same of a line that is normalised already."""
        x, y, z = self.plain(line, language)
        part = heed(line, language)
        return part * x, part * y, part * z

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

    def plain(self, line: str, name: str) -> Triple:
        """Log-probabilities by the file of this name, however short the line."""
        predict = self._predict.get(name) or self._load(name)
        found = [_NEVER, _NEVER, _NEVER]
        for probability, label in predict(f"{line}\n", len(LABELS), 0.0, "strict"):
            found[_PLACE[label]] = log(max(probability - _FLOOR, 1e-9))
        return found[0], found[1], found[2]

    def _load(self, name: str) -> Callable[..., Any]:
        with self._lock:
            if name not in self._predict:
                import fasttext

                path = files("listener.sentiment") / "models" / f"{name}.ftz"
                # The bare engine: what fasttext wraps around it costs as much as a short text itself.
                self._predict[name] = fasttext.load_model(str(path)).f.predict
        return self._predict[name]


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
        read = self._model.plain(word, self._language)
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


def heed(line: str, language: str) -> float:
    """What part of a model's scores to believe, 0..1: the fewer words, the wilder their average."""
    if language in HEEDED:
        return 1.0
    words = line.count(" ") + 1
    return words / (words + _FEW)


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
