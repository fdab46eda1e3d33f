"""NET and INPS from random audits: people's labels of a sample, helped by what the machine says of every mention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from listener.nps.loudness import share_of_voice_vote
from listener.nps.population import VALUE, Population
from listener.nps.ratio import Known, Ratio, Seen, ratio
from listener.nps.weights import Weighted
from storage.records_nps import Audited

NOT_US = "not_us"
"""A person's label of a mention that is not one: it counts nowhere."""


class Opinions(NamedTuple):
    """How often a person finds an opinion where the machine found one, and where it found none."""

    where_found: float
    where_not: float


def net_audited(
    sample: Sequence[Weighted],
    population: Population,
    census: Sequence[Audited] = (),
    trust: float | None = None,
) -> Ratio | None:
    """Σ v / the number of mentions, those that are not of the brand left out of both. `census` are the audited mentions
    of a part that was read whole; `sample` must then hold none of it; `trust` as in `ratio`."""

    def seen(audited: Audited) -> Seen:
        return Seen(VALUE.get(audited.label, 0), float(audited.label != NOT_US), audited.value, 1.0)

    rest = population.eligible - len(census)
    if rest < 1:
        return None
    known = Known(rest, (population.value - sum(audited.value for audited in census)) / rest, 1.0)
    return ratio(
        [_drawn(seen(one.audited), one) for one in sample], known, [seen(audited) for audited in census], trust
    )


def inps_audited(
    sample: Sequence[Weighted],
    population: Population,
    census: Sequence[Audited] = (),
    trust: float | None = None,
) -> Ratio | None:
    """The mean over voices with an opinion of the mean of their opinions: a mention counts 1 / its voice's opinions.

    How many of a voice's other mentions hold one is known of the machine only; how often people agree is read from the
    audits, and the share expected from that."""
    rates = _opinions(sample, census, population.eligible)

    def seen(audited: Audited) -> Seen:
        found = audited.machine in VALUE
        part = _part(audited, found, rates) if audited.label in VALUE else 0.0
        claimed = 1 / max(1, audited.opinions) if found else 0.0
        return Seen(part * VALUE.get(audited.label, 0), part, claimed * audited.value, claimed)

    rest = population.eligible - len(census)
    if rest < 1:
        return None
    read = [seen(audited) for audited in census]
    lean = population.ballots.lean - sum(one.f for one in read)
    known = Known(rest, lean / rest, (population.ballots.voices - sum(one.x for one in read)) / rest)
    return ratio([_drawn(seen(one.audited), one) for one in sample], known, read, trust)


def _drawn(seen: Seen, one: Weighted) -> Seen:
    return seen._replace(weight=one.weight, spared=one.spared, stratum=one.audited.stratum)


def _part(audited: Audited, found: bool, rates: Opinions) -> float:
    others = max(0, audited.mentions - 1)
    likely = min(others, max(0, audited.opinions - found))
    return share_of_voice_vote(likely, others - likely, rates.where_found, rates.where_not)


def _opinions(sample: Sequence[Weighted], census: Sequence[Audited], mentions: int) -> Opinions:
    """Shares of the mentions, with half an opinion of one more added to each, lest few be taken for never or always."""
    total = sum(one.weight for one in sample)
    scale = (mentions - len(census)) / total if total else 0.0
    read = [(one.audited, one.weight * scale) for one in sample] + [(audited, 1.0) for audited in census]
    typical = mentions / max(1, len(read))

    def rate(found: bool) -> float:
        ours = [(audited, weight) for audited, weight in read if (audited.machine in VALUE) is found]
        agreed = sum(weight for audited, weight in ours if audited.label in VALUE)
        return (agreed + 0.5 * typical) / (sum(weight for _, weight in ours) + typical)

    return Opinions(rate(True), rate(False))
