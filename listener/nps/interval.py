"""Intervals for a net score: the share of promoters less the share of detractors, in points of −100..100."""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959963984540054


class Estimate(NamedTuple):
    """`value` with its 95 % interval, in points, clipped to −100..100. `n` is how many votes stand behind it."""

    value: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def adjusted_wald(promoters: int, detractors: int, n: int) -> Estimate:
    """Net score of `n` independent votes with its adjusted-Wald interval.

    Three votes are added, ¾ to promoters and ¾ to detractors, which repairs the plain interval for small n and at the
    edges (Agresti and Coull's idea; for net scores: B. Rocks, "Interval Estimation for the Net Promoter Score", The
    American Statistician 70(4), 2016). The value itself is the plain one. Raises ValueError when n < 1.
    """
    if n < 1 or promoters < 0 or detractors < 0 or promoters + detractors > n:
        raise ValueError(f"not a count of votes: {promoters} + {detractors} of {n}")
    padded = n + 3
    p, d = (promoters + 0.75) / padded, (detractors + 0.75) / padded
    return _interval((promoters - detractors) / n, p - d, p + d - (p - d) ** 2, padded, n)


def adjusted_wald_of_means(votes: list[float]) -> Estimate:
    """The same for votes that are means in −1..1 (an author who wrote several posts has one vote).

    The variance is that of the votes themselves, with the same three votes added (−1, 0 and +1 weigh ¾, 1½, ¾), so that
    it equals `adjusted_wald` when every vote is −1, 0 or +1.
    """
    n = len(votes)
    if n < 1:
        raise ValueError("no votes")
    total, squares = math.fsum(votes), math.fsum(v * v for v in votes)
    padded = n + 3
    centre = total / padded
    return _interval(total / n, centre, (squares + 1.5) / padded - centre**2, padded, n)


def _interval(value: float, centre: float, variance: float, padded: int, n: int) -> Estimate:
    reach = Z95 * math.sqrt(max(variance, 0.0) / padded)
    low, high = max(-1.0, centre - reach), min(1.0, centre + reach)
    return Estimate(100 * value, 100 * min(low, value), 100 * max(high, value), n)
