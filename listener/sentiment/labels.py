"""From probabilities to a label."""

from __future__ import annotations

from typing import NamedTuple

from listener.sentiment.contract import Label


class Thresholds(NamedTuple):
    """Probabilities, 0..1: of "passive" from which a text is taken to hold no opinion, and of the label below which the
    desk should look first."""

    silence: float = 0.6
    sure: float = 0.6


def judge(
    probabilities: tuple[float, ...], thresholds: Thresholds, genre: str
) -> tuple[Label, float, tuple[str, ...]]:
    """(label, confidence, tags) of the probabilities of (detractor, passive, promoter): the likeliest one, and
    "no_opinion" where passive is likelier than `thresholds.silence`."""
    confidence = max(probabilities)
    labels: tuple[Label, ...] = ("detractor", "passive", "promoter")
    label = labels[probabilities.index(confidence)]
    if label == "passive" and confidence >= thresholds.silence:
        label = "no_opinion"
    return label, confidence, ("low_confidence",) if confidence < thresholds.sure else ()
