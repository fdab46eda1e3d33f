"""The implied NPS and its neighbour NET, or the reason why there is no number."""

from __future__ import annotations

from typing import NamedTuple

from listener.nps.interval import Estimate, adjusted_wald, adjusted_wald_of_means
from listener.nps.population import Population

UNCALIBRATED = "uncalibrated, sampling error only"


class Gate(NamedTuple):
    """The least that a number needs. Widths in points; shares 0..1."""

    min_authors: int = 30
    max_half_width: float = 20.0
    min_coverage: float = 0.8
    max_unscored: float = 0.4


class Figure(NamedTuple):
    """A number with its interval, or `reason` (a sentence) why it is withheld; then `estimate` is None."""

    estimate: Estimate | None
    method: str
    badge: str
    reason: str = ""


def inps(population: Population, coverage: float | None, gate: Gate) -> Figure:
    """100 × the mean over authors of their mean vote, over those who hold an opinion."""
    estimate = adjusted_wald_of_means(population.votes) if population.votes else None
    return _gated(estimate, "authors, adjusted Wald", population, coverage, gate)


def net(population: Population, coverage: float | None, gate: Gate) -> Figure:
    """100 × (promoters − detractors) / all scored mentions, those without opinion included."""
    labels, n = population.labels, population.scored
    estimate = adjusted_wald(labels["promoter"], labels["detractor"], n) if n else None
    return _gated(estimate, "mentions, adjusted Wald", population, coverage, gate)


def _gated(
    estimate: Estimate | None, method: str, population: Population, coverage: float | None, gate: Gate
) -> Figure:
    reason = _refusal(estimate, population, coverage, gate)
    return Figure(None if reason else estimate, method, UNCALIBRATED, reason)


def _refusal(estimate: Estimate | None, population: Population, coverage: float | None, gate: Gate) -> str:
    if estimate is None or population.authors < gate.min_authors:
        return f"not enough opinions (n = {population.authors} authors, {gate.min_authors} needed)"
    if estimate.half_width > gate.max_half_width:
        return f"not enough opinions (n = {population.authors} authors leave ±{estimate.half_width:.0f} points)"
    if coverage is not None and coverage < gate.min_coverage:
        return f"not enough coverage ({coverage:.0%} of the sources were heard, {gate.min_coverage:.0%} needed)"
    if population.unscored_share > gate.max_unscored:
        return f"too much unread ({population.unscored_share:.0%} of the mentions could not be scored)"
    return ""
