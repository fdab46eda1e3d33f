"""The scorer that comes with Listener: a small model for each language, and for English VADER beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import starmap

from listener.sentiment.english import LANGUAGE, English
from listener.sentiment.labels import Thresholds
from listener.sentiment.model import Model, Triple, tunings
from listener.sentiment.normal import normalise
from listener.sentiment.toward import Asked, Reading, TowardBrand

# Raise the version with every change to the rules here, in toward.py, labels.py, gate.py, focus.py, language.py,
# rating.py, normal.py, english.py or overlay.tsv, and to the models.
_VERSION = "listener@3"

DOUBTFUL = frozenset({"hi"})
"""Languages that the models read hardly better than chance: scored only for those who ask for them by name."""

LANGUAGES = tuple(sorted(tunings().keys() - DOUBTFUL))
"""Those that are scored unless somebody says otherwise."""


class DefaultScorer(TowardBrand):
    """Implements `Scorer` for the languages in which its models were measured (models/card.md).

    Options as in `TowardBrand`. Texts are read up to 2,000 words (20,000 characters) by the rules, up to 4,000
    characters by the models.
    """

    def __init__(
        self,
        languages: Sequence[str] = LANGUAGES,
        *,
        rivals: Mapping[str, Sequence[str]] | None = None,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (immutable)
        words: Mapping[str, Mapping[str, float]] | None = None,
        calibrations: Mapping[str, str] | None = None,
    ) -> None:
        """Loads no model. Raises ValueError as `TowardBrand` does."""
        self._model = Model()
        self._english = English(self._model)
        super().__init__(
            _VERSION,
            languages,
            tunings().keys(),
            usual=LANGUAGES,
            rivals=rivals,
            thresholds=thresholds,
            words=words,
            calibrations=calibrations,
        )

    def _read(self, asked: Sequence[Asked]) -> list[Reading]:
        by_language: dict[str, list[Asked]] = {}
        for one in asked:
            by_language.setdefault(one.language, []).append(one)
        read = {language: self._read_in(language, its) for language, its in by_language.items()}
        return [next(read[one.language]) for one in asked]

    def _read_in(self, language: str, asked: Sequence[Asked]) -> Iterator[Reading]:
        if language == LANGUAGE:
            yield from starmap(Reading, self._english.read([(one.told, one.text.brand) for one in asked]))
            return
        bias, lean = self._model.tunings[language]
        lines = [normalise(one.told) for one in asked]
        for line, scores in zip(lines, [self._model.scores_of(line, language) for line in lines], strict=True):
            yield Reading(_plus(scores, bias), lean, partial(self._model.words_of, line, language))


def _plus(scores: Triple, bias: Triple) -> Triple:
    return scores[0] + bias[0], scores[1] + bias[1], scores[2] + bias[2]
