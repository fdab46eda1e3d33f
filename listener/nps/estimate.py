"""The implied NPS and its neighbour NET by the best method that the labels at hand allow, or why there is no number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from listener.nps.acc import errors_of, inps_corrected, net_corrected
from listener.nps.audited import inps_audited, net_audited
from listener.nps.audits import AuditSummary, summarise
from listener.nps.drift import Drift, drift
from listener.nps.interval import Estimate, adjusted_wald, adjusted_wald_of_sums
from listener.nps.population import Population
from listener.nps.ratio import Ratio
from listener.nps.weights import Weighted, weigh
from storage.records_nps import Audited, Progress

AUDITED, STRATIFIED, CORRECTED, COUNTED = "audited", "stratified", "corrected", "counted"
"""Methods, the most to be trusted first: PPI++ on random audits, the same with all flagged mentions read, adjusted
classify and count on older audits, and what the machine says as it stands."""

UNCALIBRATED = "uncalibrated, sampling error only"

COVERED = 0.8
"""The share of the eligible mentions that audits must have been able to draw, to speak for the window."""

OLDER = 100
"""Labels that an old picture of the scorer's errors needs."""

OF_THE_REST = 30
"""Random audits that the mentions outside a part read whole need."""


class Gate(NamedTuple):
    """The least that a number needs. Widths in points; shares 0..1; `audits` is how many an audited figure needs."""

    min_authors: int = 30
    max_half_width: float = 20.0
    min_coverage: float = 0.8
    max_unscored: float = 0.4
    audits: int = 50


class Evidence(NamedTuple):
    """People's labels, for a window. All of them come from random draws, but for `census`.

    `audits` are the labelled audits of the window, `draws` what they and the older ones were drawn in; `covered` is how
    many eligible mentions of the window lie in a frame of a labelled draw. `census` holds every eligible mention that
    the machine takes for a detractor, with a person's label (however it was come by), or None where one has not been
    read. `older` are labelled audits of the same scorer from before the window.
    """

    audits: Sequence[Audited] = ()
    draws: Sequence[Progress] = ()
    covered: int = 0
    census: Sequence[Audited] | None = None
    older: Sequence[Audited] = ()


class Figure(NamedTuple):
    """A number with its interval, or `reason` (a sentence) why it is withheld; then `estimate` is None."""

    estimate: Estimate | None
    method: str
    badge: str
    reason: str = ""


class Figures(NamedTuple):
    """Both numbers of a window, what its audits say of the scorer, and whether it errs as it did before (None where
    there is no before)."""

    inps: Figure
    net: Figure
    audits: AuditSummary
    drift: Drift | None


class _Method(NamedTuple):
    """How the two figures are come by; `basis` is what the estimates rest on, for "n = 60 audits"."""

    name: str
    badge: str
    basis: str
    inps: Callable[[], Estimate | None]
    net: Callable[[], Estimate | None]


def figures(population: Population, evidence: Evidence, coverage: float | None, gate: Gate, seed: str = "") -> Figures:
    """`coverage` is the share of the sources that were heard (None: there are none). `seed` is for the bootstrap and
    the permutations, so that the same window gives the same report."""
    sample = weigh(evidence.audits, evidence.draws)
    method = (
        _audited(population, evidence, sample, gate) or _corrected(population, evidence, seed) or _counted(population)
    )
    changed = drift([one.audited for one in sample], evidence.older, seed) if len(evidence.older) >= OLDER else None
    inps, net = (
        Figure(None if reason else estimate, method.name, method.badge, reason)
        for estimate in (method.inps(), method.net())
        for reason in [_refusal(estimate, method.basis, population, coverage, gate)]
    )
    return Figures(inps, net, summarise(sample), changed)


def _audited(population: Population, evidence: Evidence, sample: list[Weighted], gate: Gate) -> _Method | None:
    if not population.eligible or evidence.covered < COVERED * population.eligible:
        return None
    census = evidence.census or ()
    rest = [one for one in sample if one.audited.machine != "detractor"]
    if census and len(rest) >= OF_THE_REST and len(rest) + len(census) >= gate.audits:
        return _read(STRATIFIED, "all detractors read, others audited", population, rest, census)
    if len(sample) >= gate.audits:
        return _read(AUDITED, "audited", population, sample, ())
    return None


def _read(
    name: str, badge: str, population: Population, sample: Sequence[Weighted], census: Sequence[Audited]
) -> _Method:
    labels = len(sample) + len(census)
    last = max((audited.reviewed_at for audited in (*(one.audited for one in sample), *census)), default="")

    def estimate(ratio: Ratio | None) -> Estimate | None:
        return ratio.estimate(labels) if ratio else None

    return _Method(
        name,
        f"{badge} ({labels} labels, last {last[:10]})",
        "audits",
        lambda: estimate(inps_audited(sample, population, census)),
        lambda: estimate(net_audited(sample, population, census)),
    )


def _corrected(population: Population, evidence: Evidence, seed: str) -> _Method | None:
    if len(evidence.older) < OLDER or not population.eligible:
        return None
    older = weigh(evidence.older, evidence.draws)
    errors = errors_of(older)
    last = max(audited.reviewed_at for audited in evidence.older)[:10]
    return _Method(
        CORRECTED,
        f"assumes unchanged errors ({len(older)} labels, last {last})",
        "labels",
        lambda: inps_corrected(errors, population, seed) if population.authors else None,
        lambda: net_corrected(errors, population, seed),
    )


def _counted(population: Population) -> _Method:
    ballots, labels, n = population.ballots, population.labels, population.scored
    return _Method(
        COUNTED,
        UNCALIBRATED,
        "authors",
        lambda: adjusted_wald_of_sums(ballots.voices, ballots.total, ballots.squares) if ballots.voices else None,
        lambda: adjusted_wald(labels["promoter"], labels["detractor"], n) if n else None,
    )


def _refusal(estimate: Estimate | None, basis: str, population: Population, coverage: float | None, gate: Gate) -> str:
    if population.authors < gate.min_authors:
        return f"not enough opinions (n = {population.authors} authors, {gate.min_authors} needed)"
    if estimate is None:
        return f"not enough opinions (n = 0 among the {basis})"
    if estimate.half_width > gate.max_half_width:
        n = population.authors if basis == "authors" else estimate.n
        return f"not enough opinions (n = {n} {basis} leave ±{estimate.half_width:.0f} points)"
    if coverage is not None and coverage < gate.min_coverage:
        return f"not enough coverage ({coverage:.0%} of the sources were heard, {gate.min_coverage:.0%} needed)"
    if basis == "authors" and population.unscored_share > gate.max_unscored:  # audits read what the machine cannot
        return f"too much unread ({population.unscored_share:.0%} of the mentions could not be scored)"
    return ""
