"""The scorer that comes with Listener: a small model for each language, and for English VADER beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from listener.sentiment.english import English
from listener.sentiment.labels import Thresholds
from listener.sentiment.model import Model, Triple, tunings
from listener.sentiment.normal import normalise
from listener.sentiment.toward import Asked, Reading, TowardBrand

# Raise the version with every change to the rules here, in toward.py, labels.py, gate.py, focus.py, language.py,
# rating.py, normal.py, english.py or overlay.tsv, and to the models.
_VERSION = "listener@2"
_ENGLISH = "en"

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

    def _read(self, asked: Sequence[Asked]) -> Sequence[Reading]:
        return [self._reading(one) for one in asked]

    def _reading(self, asked: Asked) -> Reading:
        if asked.language == _ENGLISH:
            scores, said = self._english.read(asked.told, asked.text.brand)
            return Reading(scores, self._english.lean, said)
        bias, lean = tunings()[asked.language]
        line = normalise(asked.told)
        scores = _plus(self._model.scores_of(line, asked.language), bias)
        return Reading(scores, lean, self._model.words_of(line, asked.language))


def _plus(scores: Triple, bias: Triple) -> Triple:
    return scores[0] + bias[0], scores[1] + bias[1], scores[2] + bias[2]
