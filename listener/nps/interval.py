"""Intervals for a net score: the share of promoters less the share of detractors, in points of −100..100."""

from __future__ import annotations

import math
from statistics import NormalDist
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
    return adjusted_wald_of_sums(n, promoters - detractors, promoters + detractors)


def adjusted_wald_of_sums(votes: int, total: float, squares: float) -> Estimate:
    """The same for votes that are means in −1..1 (a voice that wrote several posts has one vote), given their number,
    their sum and the sum of their squares.

    The variance is that of the votes themselves, with the same three votes added (−1, 0 and +1 weigh ¾, 1½, ¾), so that
    it equals `adjusted_wald` when every vote is −1, 0 or +1. Raises ValueError when there are no votes.
    """
    if votes < 1:
        raise ValueError("no votes")
    value = total / votes
    return padded(value, squares / votes - value**2, votes, votes, Z95, 3.0)


def padded(value: float, variance: float, votes: float, n: int, quantile: float, more: float) -> Estimate:
    """The interval about the mean `value` (−1..1) of `votes` votes with that `variance` each, after `more` votes have
    been added: a quarter of them −1, half of them 0, a quarter +1. They draw its centre towards 0, and leave it a width
    where all votes agree."""
    whole = votes + more
    centre = value * votes / whole
    squares = votes * max(variance, 0.0) + more / 2 + more * votes / whole * value**2
    reach = quantile * math.sqrt(squares) / whole
    low, high = max(-1.0, centre - reach), min(1.0, centre + reach)
    value = min(1.0, max(-1.0, value))
    return Estimate(100 * value, 100 * min(low, value), 100 * max(high, value), n)


def t_quantile(probability: float, degrees: int) -> float:
    """Of Student's t distribution, for 0 < probability < 1.

    Exact for one and two degrees; from three on the expansion about the normal quantile, within 0.005 of the tables at
    97.5 % (0.0002 from six degrees on). M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.5.
    Raises ValueError when degrees < 1.
    """
    if degrees < 1:
        raise ValueError(f"no degrees of freedom: {degrees}")
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    x = NormalDist().inv_cdf(probability)
    terms = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return math.fsum(term / float(degrees**power) for power, term in enumerate(terms))
