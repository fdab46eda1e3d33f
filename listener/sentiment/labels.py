"""From probabilities to a label."""

from __future__ import annotations

from math import exp
from operator import mul
from typing import NamedTuple

from listener.sentiment.contract import Label
from listener.sentiment.model import Triple

_LABELS: tuple[Label, ...] = ("detractor", "passive", "promoter")
_TELLING = frozenset({"news", "question"})
"""Genres whose authors mostly tell or ask: only a clear word is taken for an opinion."""


class Thresholds(NamedTuple):
    """Probabilities, 0..1: of "passive" from which a text is taken to hold no opinion, and of the label below which the
    desk should look first."""

    silence: float = 0.6
    sure: float = 0.6


def judge(
    probabilities: tuple[float, ...], thresholds: Thresholds, genre: str, lean: Triple = (0.0, 0.0, 0.0)
) -> tuple[Label, float, tuple[str, ...]]:
    """(label, confidence, tags) of the probabilities of (detractor, passive, promoter).

    The likeliest label, after `lean` is added to the logarithms; "no_opinion" where that is passive and passive is
    likelier than `thresholds.silence`, and for news and questions also where no label is likelier than
    `thresholds.sure`.
    Confidence is the label's own probability.
    """
    leaning = list(map(mul, probabilities, map(exp, lean)))
    best = leaning.index(max(leaning))
    label, confidence = _LABELS[best], probabilities[best]
    unsure = confidence < thresholds.sure
    if label == "passive" and confidence >= thresholds.silence:
        label = "no_opinion"
    elif genre in _TELLING and (unsure or label == "passive"):
        return "no_opinion", probabilities[1], ("low_confidence",) if unsure else ()
    return label, confidence, ("low_confidence",) if unsure else ()
