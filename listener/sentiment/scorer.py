"""The scorer that comes with Listener: the author's rating, else the language gate, else VADER toward the brand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp
from typing import NamedTuple

from listener.sentiment.contract import Label, Text, Verdict
from listener.sentiment.focus import Focus, bounded, is_question, sentences
from listener.sentiment.language import identify, primary
from listener.sentiment.lexicon import overlaid, overlay, support_vader
from listener.sentiment.rating import from_rating, worth
from listener.sentiment.vader import Vader, stock

# Raise the version with every change to the rules here, in focus.py, language.py, rating.py or overlay.tsv.
_ID = "vader-support@1"
_ENGLISH = "en"
_STRONGEST = 5  # words in an explanation

# Both fitted on 13.8k English posts labelled by people (with the default thresholds): the slope of the ordered logit by
# likelihood, and how often a text without an opinion word was called neutral.
_SLOPE = 3.0
_SILENCE = 0.65

_LABELS: tuple[Label, ...] = ("detractor", "passive", "promoter")


class Thresholds(NamedTuple):
    """Where the labels begin: on VADER's compound (−1..1), and the least weight (0..4) of a word that is an opinion."""

    promoter: float = 0.4
    detractor: float = -0.1
    opinion: float = 0.75


class _Ear(NamedTuple):
    """How texts about one brand are read, and the scorer's id for it."""

    focus: Focus
    vader: Vader
    id: str


class DefaultScorer:
    """Implements `Scorer` for English.

    `languages` are those to be scored; others are `unscored`. `rivals` maps a brand to the names of its competitors: a
    clause about one of these says nothing about the brand. `words` maps a brand ("": every brand) to words and what
    they weigh in texts about it (-4..4, 0: nothing), whatever the lexicon says. Texts are read up to 2,000 words
    (20,000 characters).
    """

    def __init__(
        self,
        languages: Sequence[str] = (_ENGLISH,),
        *,
        rivals: Mapping[str, Sequence[str]] | None = None,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (immutable)
        words: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """Raises ValueError for a language this scorer cannot read, and for thresholds out of order."""
        self._languages = frozenset(map(primary, languages))
        if unreadable := sorted(self._languages - {_ENGLISH}):
            raise ValueError(f"the scorer vader-support reads English only, not {', '.join(unreadable)}")
        if not -1 <= thresholds.detractor < thresholds.promoter <= 1:
            raise ValueError("thresholds must satisfy -1 <= detractor < promoter <= 1")
        self._thresholds = thresholds
        self._rivals = {brand.casefold(): tuple(names) for brand, names in (rivals or {}).items()}
        self._words = {brand.casefold(): dict(weights) for brand, weights in (words or {}).items()}
        self._vader = support_vader()
        self._ear = lru_cache(maxsize=256)(self._ear_for)
        self.id = self._identity()

    def id_for(self, brand: str) -> str:
        return self._ear(brand).id

    def score(self, text: Text) -> Verdict:
        if text.rating is not None:
            try:
                return self._rated(text, text.rating)
            except ValueError:
                pass  # a rating off its own scale says nothing: the text does
        if not text.text.strip():
            return self._unscored("empty", primary(text.language), text.brand)
        language, _ = identify(text.text, text.language)
        if language not in self._languages:
            return self._unscored("language", language, text.brand)
        return self._read(text, language)

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        return [self.score(text) for text in texts]

    def _rated(self, text: Text, rating: float) -> Verdict:
        label = from_rating(rating, text.rating_scale)
        return Verdict(
            label=label,
            value=worth(rating, text.rating_scale),
            probabilities=tuple(float(label == one) for one in _LABELS),
            confidence=1.0,
            language=primary(text.language) or identify(text.text)[0],
            unscored="",
            explanation=((f"rating {rating:g}/{text.rating_scale:g}", round(worth(rating, text.rating_scale), 3)),),
            scorer=self.id_for(text.brand),
        )

    def _unscored(self, reason: str, language: str, brand: str) -> Verdict:
        return Verdict(None, 0.0, (), 0.0, language, reason, (), self.id_for(brand))

    def _read(self, text: Text, language: str) -> Verdict:
        ear = self._ear(text.brand)
        told = ear.focus.narrow(bounded(text.text))
        reading = ear.vader.read(_without_praise_in_questions(told, ear.vader) if "?" in told else told)
        compound = reading.polarity[3]
        opinionated = any(abs(weight) >= self._thresholds.opinion for _, weight in reading.words)
        label = self._label(compound) if opinionated else "no_opinion"
        value = compound if opinionated else 0.0
        probabilities = self._probabilities(value)
        return Verdict(
            label=label,
            value=value,
            probabilities=probabilities,
            confidence=probabilities[_LABELS.index(label)] if opinionated else _SILENCE,
            language=language,
            unscored="",
            explanation=_strongest(reading.words),
            scorer=ear.id,
        )

    def _label(self, compound: float) -> Label:
        if compound >= self._thresholds.promoter:
            return "promoter"
        return "detractor" if compound <= self._thresholds.detractor else "passive"

    def _probabilities(self, compound: float) -> tuple[float, float, float]:
        """(detractor, passive, promoter) by an ordered logit (McCullagh 1980) whose cut points are the thresholds:
        each outer label is even odds at its threshold, and likelier the farther beyond."""
        detractor = 1 / (1 + exp(_SLOPE * (compound - self._thresholds.detractor)))
        promoter = 1 / (1 + exp(_SLOPE * (self._thresholds.promoter - compound)))
        return detractor, 1 - detractor - promoter, promoter

    def _ear_for(self, brand: str) -> _Ear:
        focus = Focus(brand, self._rivals.get(brand.casefold(), ()))
        words = {**self._words.get("", {}), **self._words.get(brand.casefold(), {})}
        if not words:
            return _Ear(focus, self._vader, self.id)
        lexicon, emojis = stock()
        vader = Vader(overlaid(lexicon, {**overlay(), **words}), emojis)
        return _Ear(focus, vader, f"{self.id}+{_digest(sorted(words.items()))}")

    def _identity(self) -> str:
        """The name and version, and a digest of whatever else than the defaults decides about scores."""
        rivals = {brand: sorted(names) for brand, names in sorted(self._rivals.items())}
        if self._thresholds == Thresholds() and not rivals and self._languages == {_ENGLISH}:
            return _ID
        return f"{_ID}+{_digest((self._thresholds, rivals, sorted(self._languages)))}"


def _digest(chosen: object) -> str:
    return hashlib.blake2b(repr(chosen).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _without_praise_in_questions(told: str, vader: Vader) -> str:
    """A question praises nothing ("What is the best way to export?"), but it may well complain."""
    kept = [s for s in sentences(told) if not is_question(s) or vader.polarity(s)[3] < 0]
    return "\n".join(kept)


def _strongest(words: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Each word once, the strongest first; of equals the earlier."""
    strongest: dict[str, float] = {}
    for word, weight in words:
        if abs(weight) > abs(strongest.get(word, 0.0)):
            strongest[word] = weight
    ranked = sorted(strongest.items(), key=_weight, reverse=True)
    return tuple((word, round(weight, 3)) for word, weight in ranked[:_STRONGEST])


def _weight(word: tuple[str, float]) -> float:
    return abs(word[1])
