"""Per-brand recalibration of a scorer's three probabilities: what it is, how it is applied and written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import exp, log
from typing import Any, NamedTuple

_FLOOR = 1e-6  # a probability of 0 has no logarithm, and no scorer is that sure of anything
_MOST = 100.0
_KEYS = {"slope", "shifts"}


class Parameters(NamedTuple):
    """New probabilities are proportional to exp(slope · log p + shift), with a shift each for (detractor, passive,
    promoter): temperature scaling (Guo et al., ICML 2017) together with the correction of priors (Saerens et al.,
    Neural Computation 14, 2002). The defaults change nothing."""

    slope: float = 1.0
    shifts: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def changes_nothing(self) -> bool:
        return self == IDENTITY


IDENTITY = Parameters()


def apply(parameters: Parameters, probabilities: tuple[float, ...]) -> tuple[float, ...]:
    """Recalibrated probabilities, each above 0, that sum to 1. Never raises; what are not three probabilities comes
    back as it is. Probabilities below 10⁻⁶ are taken for 10⁻⁶."""
    if len(probabilities) != 3 or parameters.changes_nothing:
        return probabilities
    slope, (detractor, passive, promoter) = parameters
    x, y, z = logarithms(probabilities)
    x, y, z = slope * x + detractor, slope * y + passive, slope * z + promoter
    top = max(x, y, z)
    x, y, z = exp(x - top), exp(y - top), exp(z - top)
    total = x + y + z
    return x / total, y / total, z / total


def logarithms(probabilities: Sequence[float]) -> tuple[float, float, float]:
    """Of three numbers, whatever they are."""
    x, y, z = probabilities
    # The floor comes first, so that NaN, which is neither more nor less, gives way to it.
    return log(min(max(_FLOOR, x), 1.0)), log(min(max(_FLOOR, y), 1.0)), log(min(max(_FLOOR, z), 1.0))


def to_json(parameters: Parameters) -> str:
    """Such as {"slope":0.8,"shifts":[0.9,-0.2,-0.7]}."""
    return json.dumps(parameters._asdict(), separators=(",", ":"))


def from_json(text: str) -> Parameters:
    """Raises ValueError for anything that `to_json` does not write."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the parameters of a calibration are not JSON") from None
    if not isinstance(data, dict) or set(data) != _KEYS or not isinstance(data["shifts"], list):
        raise ValueError("the parameters of a calibration are an object with slope and shifts")
    slope, *shifts = (_bounded(value) for value in (data["slope"], *data["shifts"]))
    if len(shifts) != 3:
        raise ValueError("a calibration has three shifts: detractor, passive, promoter")
    return Parameters(slope, (shifts[0], shifts[1], shifts[2]))


def _bounded(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        raise ValueError(f"the parameters of a calibration are numbers within ±{_MOST:g}")
    return float(value)
