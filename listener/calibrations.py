"""Calibrations of brands: which hold, what they are fitted to. One is never changed or deleted: a newer one of the same
brand overrules it, undoing takes the newest back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.post import short_id
from listener.intake import text_of
from listener.sentiment.calibration import to_json
from listener.sentiment.calibration_fit import Example, Fit
from listener.sentiment.contract import LABELS, Scorer
from storage.records import stamp
from storage.records_scoring import Calibration, Labelled

_BATCH = 256


def in_force(calibrations: Iterable[Calibration]) -> dict[str, Calibration]:
    """By brand, the newest that is not undone."""
    return {one.brand: one for one in sorted(calibrations, key=_age) if one.undone_at is None}


def fitted_on(calibration: Calibration, scorer: str) -> bool:
    """Whether it was fitted on this scorer ("name@version", maybe "+digest" of what is configured): another scorer is
    wrong in other ways."""
    return calibration.scorer.partition("+")[0] == scorer.partition("+")[0]


def parameters_for(calibrations: Iterable[Calibration], scorer: str) -> dict[str, str]:
    """Brand → parameters, of those in force that this scorer can use."""
    return {brand: one.parameters for brand, one in in_force(calibrations).items() if fitted_on(one, scorer)}


def examples(labelled: Sequence[Labelled], scorer: Scorer) -> list[Example]:
    """What a calibration is fitted to, with the probabilities that `scorer`, itself uncalibrated, gives now.

    Rated mentions are left out: there the rating decides, and no calibration is asked. So are texts it cannot read.
    """
    read = [one for one in labelled if one.post.rating is None and one.review.label in LABELS]
    made = []
    for start in range(0, len(read), _BATCH):
        batch = read[start : start + _BATCH]
        verdicts = scorer.score_many([text_of(one.post, one.mention.brand) for one in batch])
        for (review, _, _), verdict in zip(batch, verdicts, strict=True):
            drawn = review.inclusion_prob if review.sampled_by == "audit" else None
            if verdict.label is not None:
                made.append(Example(verdict.probabilities, review.label, drawn))
    return made


def calibration(brand: str, scorer: str, fit: Fit, now: datetime) -> Calibration:
    at = stamp(now)
    parameters = to_json(fit.parameters)
    return Calibration(short_id("calibration", brand, parameters, at), brand, scorer, at, fit.labels, parameters)


def _age(calibration: Calibration) -> tuple[str, str]:
    return calibration.fitted_at, calibration.id
