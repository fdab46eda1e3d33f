"""One vote a voice, when only some of what a voice wrote has been read by a person: E[1 / its number of opinions]."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

_NODES = (
    (0.1252334085114689, 0.2491470458134028),
    (0.3678314989981802, 0.2334925365383548),
    (0.5873179542866175, 0.2031674267230659),
    (0.7699026741943047, 0.1600783285433462),
    (0.9041172563704749, 0.1069393259953184),
    (0.9815606342467192, 0.0471753363865118),
)
"""Positive abscissae and weights of the 12-point Gauss–Legendre rule (Abramowitz and Stegun, table 25.4)."""

_POLYNOMIAL = 23
"""The rule is exact up to this degree."""

_PANELS = (0.0, 1.5, 4.0, 8.0, 16.0, 32.0)
"""Where a longer integrand is cut, in units of its decay: past the last it is below 1e-13 of its height."""


@lru_cache(maxsize=65536)
def share_of_voice_vote(likely: int, unlikely: int, p_likely: float, p_unlikely: float) -> float:
    """E[1 / (1 + K)], K the number of opinions among a voice's other mentions: `likely` of them are opinions with
    probability `p_likely` each, `unlikely` with `p_unlikely`, all independently.

    E[t^K] is the generating function (1 − p + p·t)^likely (1 − q + q·t)^unlikely, and the integral of t^K over 0..1 is
    1/(1 + K) (M.-T. Chao and W. E. Strawderman, "Negative Moments of Positive Random Variables", JASA 67, 1972).
    """
    if likely + unlikely <= _POLYNOMIAL:
        return _panel(0.0, 1.0, likely, unlikely, p_likely, p_unlikely)
    decay = likely * p_likely + unlikely * p_unlikely
    if decay <= 0:
        return 1.0
    cuts = [cut / decay for cut in _PANELS if cut / decay < 1] + [1.0]
    return sum(_panel(low, high, likely, unlikely, p_likely, p_unlikely) for low, high in pairwise(cuts))


def _panel(low: float, high: float, likely: int, unlikely: int, p_likely: float, p_unlikely: float) -> float:
    """The integral over s = 1 − t from `low` to `high`."""
    middle, half = (low + high) / 2, (high - low) / 2
    total = 0.0
    for node, weight in _NODES:
        for s in (middle - half * node, middle + half * node):
            total += weight * (1 - p_likely * s) ** likely * (1 - p_unlikely * s) ** unlikely
    return total * half
