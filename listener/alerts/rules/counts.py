"""The negative binomial distribution of small counts, by its mean and dispersion, without a library.

Its variance is μ + φμ². With φ = 0 it is the Poisson distribution. (J. M. Hilbe, "Negative Binomial Regression", 2011.)
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p

_NEGLIGIBLE = 1e-12
_MOST_TERMS = 100_000
_POISSON = 1e-9


def chance_of_at_least(count: int, mean: float, dispersion: float) -> float:
    """P(X ≥ count), to twelve digits of itself however small it is. `mean` ≥ 0, `dispersion` ≥ 0."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:
        return 1.0 - _below(count, mean, dispersion)
    total = term = chance_of(count, mean, dispersion)
    for k in range(count, count + _MOST_TERMS):
        ratio = _step(k, mean, dispersion)
        term *= ratio
        total += term
        # Ratios fall towards mean·φ/(1 + mean·φ) < 1: what is left is less than a geometric series.
        if term * ratio <= _NEGLIGIBLE * total * (1 - ratio):
            break
    return min(total, 1.0)


def chance_of(count: int, mean: float, dispersion: float) -> float:
    """P(X = count)."""
    if mean <= 0:
        return 1.0 if count == 0 else 0.0
    if dispersion < _POISSON:
        return exp(count * log(mean) - mean - lgamma(count + 1))
    size = 1 / dispersion
    spread = mean * dispersion
    ways = lgamma(count + size) - lgamma(size) - lgamma(count + 1)
    return exp(ways - size * log1p(spread) - count * log1p(1 / spread))


def usual_range(mean: float, dispersion: float, outside: float = 0.05) -> tuple[int, int]:
    """The counts between which all but `outside` lies, half of that on either side."""
    low, cumulated, term = 0, 0.0, chance_of(0, mean, dispersion)
    below, k = True, 0
    while True:
        cumulated += term
        if below and cumulated > outside / 2:
            low, below = k, False
        if cumulated >= 1 - outside / 2 or k >= _MOST_TERMS:
            return low, k
        term *= _step(k, mean, dispersion)
        k += 1


def _below(count: int, mean: float, dispersion: float) -> float:
    total = term = chance_of(0, mean, dispersion)
    for k in range(count - 1):
        term *= _step(k, mean, dispersion)
        total += term
    return min(total, 1.0)


def _step(k: int, mean: float, dispersion: float) -> float:
    """P(X = k + 1) / P(X = k)."""
    return (1 + k * dispersion) / (k + 1) * mean / (1 + mean * dispersion)
