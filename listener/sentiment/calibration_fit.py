"""Fitting a brand's calibration to what people said of its mentions, and deciding whether it helps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import exp, fsum, log, sqrt
from typing import NamedTuple

from listener.sentiment.calibration import Parameters, apply, logarithms
from listener.sentiment.calibration_newton import START, Row, Vector, minimum
from listener.sentiment.evaluate import POLARITIES, POLARITY

LEAST = 50
"""Labels that a fit needs."""

MOST = 5_000
"""Labels that a fit looks at: the newest ones."""

_FOLDS = 5
_STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3)  # strong first, so that each fit starts near where it will end
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
_RAREST = 1e-9  # a smaller chance of being drawn is a mistake, and its reciprocal no number
_SIGN = (-1, 0, 1)


class Example(NamedTuple):
    """A scorer's own probabilities, a person's label (of evaluate.GOLD), and the chance with which the mention was
    drawn to be labelled; None when it was no random draw."""

    probabilities: tuple[float, ...]
    label: str
    inclusion_prob: float | None = None


class Fit(NamedTuple):
    """`parameters` are worth using when `reason` is "", which otherwise is a sentence; `share` is the part of the
    optimal shifts that they hold.

    Losses are the mean −log probability of the true class, in nats, `gain` what the calibration takes off it on labels
    that it has not seen, and `error` the standard error of that. Net scores are in points, counted by the likeliest
    class; `net_after`, too, of unseen labels. `random`: only random draws were used, each weighed by how many mentions
    it stands for; otherwise all labels alike.
    """

    parameters: Parameters
    labels: int
    random: bool
    strength: float
    share: float
    loss_before: float
    loss_after: float
    gain: float
    error: float
    net_true: float
    net_before: float
    net_after: float
    reason: str

    @property
    def used(self) -> bool:
        return not self.reason


class TooFew(Exception):
    """Fewer than LEAST labels; a sentence."""


class _Trial(NamedTuple):
    strength: float
    share: float
    losses: list[float]
    net: float


def fit(examples: Sequence[Example]) -> Fit:
    """Fit slope and shifts to `examples`, the oldest first. Deterministic. Raises TooFew.

    Maximum a posteriori with a normal prior around "change nothing": minus the log-likelihood, plus strength/2 ·
    ((slope − 1)² + Σ shift²), which is convex. The strength is the one of six with the least log-loss in five-fold
    cross-validation, folds stratified by label.

    Then the shifts are taken in full or in part, by the share of six under which counting likeliest labels comes
    nearest, in the same cross-validation, to the net score by the labels. For counting overstates the majority as soon
    as probabilities know of it, and the count is what a report shows. (Tuning for the count: Moreo and Sebastiani, PLOS
    ONE 17(9), 2022.) A part is taken only if the rule that follows still holds.

    The fit is used only if its cross-validated log-loss lies below that of the uncalibrated probabilities by more than
    one standard error of the paired difference: the one-standard-error rule (Breiman et al., Classification and
    Regression Trees, 1984, 3.4.3; Hastie et al., The Elements of Statistical Learning, 7.10), under which the
    simplest model, here none at all, holds its place unless another is clearly better.

    People see flagged mentions more often than others, so with 50 random draws these alone are used, each weighed by
    1/inclusion_prob (Horvitz and Thompson, 1952). With fewer, all labels count alike: what was flagged depends on the
    same probabilities that the fit is conditional on, so the bias is that of the model's form only, but it is there.
    """
    rows, random = _rows(examples)
    trial = _cross_validated(rows)
    gain, error = _gain(rows, trial.losses)
    parameters = _parameters(minimum(rows, trial.strength), trial.share)
    return Fit(
        parameters=parameters,
        labels=len(rows),
        random=random,
        strength=trial.strength,
        share=trial.share,
        loss_before=_weighted_mean([-row.x[row.label] for row in rows], rows),
        loss_after=_weighted_mean(trial.losses, rows),
        gain=gain,
        error=error,
        net_true=_net([row.label for row in rows], rows),
        net_before=_net([_likeliest(row.x) for row in rows], rows),
        net_after=trial.net,
        reason=_objection(parameters, gain, error),
    )


def _objection(parameters: Parameters, gain: float, error: float) -> str:
    if parameters.slope <= 0:
        return "the probabilities say the opposite of the labels: a calibration cannot repair that"
    if gain <= error:
        return "it would not predict the labels clearly better"
    return ""


def _rows(examples: Sequence[Example]) -> tuple[list[Row], bool]:
    """What is fitted to, its weights of mean 1, and whether it is all of random draws."""
    usable = [one for one in examples if len(one.probabilities) == 3]
    drawn = [one for one in usable if one.inclusion_prob is not None and _RAREST <= one.inclusion_prob <= 1]
    random = len(drawn) >= LEAST
    taken = (drawn if random else usable)[-MOST:]
    if len(taken) < LEAST:
        raise TooFew(f"{len(taken)} labels of texts that the scorer reads, {LEAST} are needed")
    weights = [1 / (one.inclusion_prob or 1) if random else 1.0 for one in taken]
    mean = fsum(weights) / len(weights)
    return [
        Row(logarithms(one.probabilities), POLARITIES.index(POLARITY.get(one.label, one.label)), weight / mean)
        for one, weight in zip(taken, weights, strict=True)
    ], random


def _cross_validated(rows: Sequence[Row]) -> _Trial:
    """The best strength and share, tried on each row under a fit to the folds that do not hold it."""
    folds = _folds(rows)
    others = [[row for row, its in zip(rows, folds, strict=True) if its != fold] for fold in range(_FOLDS)]
    starts = [START] * _FOLDS
    best: tuple[_Trial, list[Vector]] | None = None
    for strength in _STRENGTHS:
        starts = [minimum(some, strength, start) for some, start in zip(others, starts, strict=True)]
        trial = _trial(rows, folds, starts, strength, 1.0)
        if best is None or _weighted_mean(trial.losses, rows) < _weighted_mean(best[0].losses, rows):
            best = trial, starts
    assert best is not None
    full, optima = best
    true = _net([row.label for row in rows], rows)
    in_part = (_trial(rows, folds, optima, full.strength, share) for share in _SHARES)
    return min((full, *(one for one in in_part if _helps(rows, one.losses))), key=lambda one: abs(one.net - true))


def _trial(
    rows: Sequence[Row], folds: Sequence[int], optima: Sequence[Vector], strength: float, share: float
) -> _Trial:
    fitted = [_parameters(optimum, share) for optimum in optima]
    predicted = [apply(fitted[fold], _shares(row)) for row, fold in zip(rows, folds, strict=True)]
    losses = [_loss(one, row.label) for one, row in zip(predicted, rows, strict=True)]
    return _Trial(strength, share, losses, _net(list(map(_likeliest, predicted)), rows))


def _gain(rows: Sequence[Row], losses: Sequence[float]) -> tuple[float, float]:
    """What is won over the uncalibrated probabilities, and its standard error."""
    return _mean_and_error([-row.x[row.label] - loss for row, loss in zip(rows, losses, strict=True)], rows)


def _helps(rows: Sequence[Row], losses: Sequence[float]) -> bool:
    gain, error = _gain(rows, losses)
    return gain > error


def _folds(rows: Sequence[Row]) -> list[int]:
    """Dealt out like cards, label by label, so that each fold has its part of every label."""
    folds = [0] * len(rows)
    for place, index in enumerate(sorted(range(len(rows)), key=lambda i: rows[i].label)):
        folds[index] = place % _FOLDS
    return folds


def _parameters(optimum: Vector, share: float) -> Parameters:
    slope, detractor, passive, promoter = optimum
    return Parameters(slope, (share * detractor, share * passive, share * promoter))


def _shares(row: Row) -> tuple[float, ...]:
    return tuple(map(exp, row.x))


def _loss(probabilities: Sequence[float], label: int) -> float:
    return -log(max(probabilities[label], sys.float_info.min))


def _likeliest(values: Sequence[float]) -> int:
    return max((1, 0, 2), key=values.__getitem__)  # of equals the neutral one


def _net(labels: Sequence[int], rows: Sequence[Row]) -> float:
    return 100 * _weighted_mean([_SIGN[label] for label in labels], rows)


def _weighted_mean(values: Sequence[float], rows: Sequence[Row]) -> float:
    return fsum(value * row.weight for value, row in zip(values, rows, strict=True)) / fsum(row.weight for row in rows)


def _mean_and_error(values: Sequence[float], rows: Sequence[Row]) -> tuple[float, float]:
    """The weighted mean with its standard error, weights taken as given (Cochran, Sampling Techniques, 1977, 6.3)."""
    n, mean = len(values), _weighted_mean(values, rows)
    squares = fsum((row.weight * (value - mean)) ** 2 for value, row in zip(values, rows, strict=True))
    return mean, sqrt(squares * n / (n - 1)) / fsum(row.weight for row in rows)
