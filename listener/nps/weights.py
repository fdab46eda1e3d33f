"""What an audited mention stands for, when several random draws may have covered it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from storage.records_nps import Audit, Audited, Progress


class Weighted(NamedTuple):
    """An audited mention that stands for `weight` mentions of the window. `spared` is 1 less the probability that a
    draw took it and a person labelled it: what of its variance is left, for a draw without replacement."""

    audited: Audited
    weight: float
    spared: float


def weigh(audits: Sequence[Audited], draws: Iterable[Progress]) -> list[Weighted]:
    """Each labelled mention once, in the order of `audits`; one whose draw is not among `draws` weighs 1/π.

    A draw d labels a mention i with probability π_i·r_d, r_d being how much of the draw a person has labelled (those
    who read at random leave out at random). Draws that cover the same mention share it in fixed proportion to the
    share of their frame that they label, rate_d, so that the weights of every mention add up to 1 in expectation:
    w_i = rate_d / Σ rate_d' / (π_i·r_d), over the draws d' that cover i. A multiplicity estimator with fixed factors:
    M. G. Sirken, "Household Surveys with Multiplicity", JASA 65, 1970; C.-E. Särndal, B. Swensson and J. Wretman,
    "Model Assisted Survey Sampling", 1992, for 1/π.

    A mention that another draw had labelled before d was drawn answers d for certain: r_d is of those that waited. A
    draw that nobody read for, that has labels only because others took the same mentions, is passed over.
    """
    drawn = {progress.audit.id: progress for progress in draws if progress.labelled > 0}
    ours = [one for one in audits if one.label]
    through = _through(drawn, ours)
    known = {read.audit.id: read for read in _reads(drawn, ours, through)}
    weighed: dict[str, Weighted] = {}
    for audited in ours:
        if audited.audit_id in drawn and audited.audit_id not in known:
            continue
        item = _weighed(audited, known, through)
        before = weighed.get(audited.mention_id)
        weighed[audited.mention_id] = item if before is None else _merged(before, item)
    return list(weighed.values())


def answered(draws: Iterable[Progress], audits: Sequence[Audited]) -> list[Progress]:
    """The draws that speak for their frame: people have read for them, and not only what other draws had them read."""
    drawn = {progress.audit.id: progress for progress in draws if progress.labelled > 0}
    ours = [one for one in audits if one.label]
    return [drawn[read.audit.id] for read in _reads(drawn, ours, _through(drawn, ours))]


class _Read(NamedTuple):
    """`response` is the share of its draws that were labelled, of those that waited for it; `rate` of its frame."""

    audit: Audit
    response: float

    @property
    def rate(self) -> float:
        return self.response * min(self.audit.size, self.audit.population) / max(1, self.audit.population)


def _through(drawn: Mapping[str, Progress], audits: Iterable[Audited]) -> dict[str, str]:
    """By mention, when the draw was made that it was read for: the last one before its label. What was labelled before
    all its draws is not in it."""
    found: dict[str, str] = {}
    for one in audits:
        at = drawn[one.audit_id].audit.drawn_at if one.audit_id in drawn else "~"
        if found.get(one.mention_id, "") < at <= one.reviewed_at:
            found[one.mention_id] = at
    return found


def _reads(drawn: Mapping[str, Progress], audits: Iterable[Audited], through: Mapping[str, str]) -> list[_Read]:
    """Those of the draws that are known to have been read for, or not known not to have been. How many had their label
    before is known of the window's `audits`, and taken to be so of all its labels."""
    labels, early, own = Counter[str](), Counter[str](), Counter[str]()
    for one in (one for one in audits if one.audit_id in drawn):
        at = drawn[one.audit_id].audit.drawn_at
        read_for = through.get(one.mention_id, at)
        labels[one.audit_id] += 1
        early[one.audit_id] += read_for < at
        own[one.audit_id] += read_for == at
    made = []
    for its_id, (audit, labelled, _) in drawn.items():
        if labels[its_id] and not own[its_id]:
            continue
        before = labelled * early[its_id] / max(1, labels[its_id])
        waited = min(audit.size, audit.population) - before
        made.append(_Read(audit, min(1.0, (labelled - before) / max(1, waited))))
    return made


def _weighed(audited: Audited, known: Mapping[str, _Read], through: Mapping[str, str]) -> Weighted:
    own = known.get(audited.audit_id)
    if own is None:
        return Weighted(audited, 1 / audited.inclusion_prob, 1 - audited.inclusion_prob)
    rates = sum(read.rate for read in known.values() if covers(read.audit, audited))
    early = through.get(audited.mention_id, "~") < own.audit.drawn_at
    labelled = audited.inclusion_prob * (1.0 if early else own.response)
    return Weighted(audited, (own.rate / rates if rates else 1.0) / labelled, max(0.0, 1 - labelled))


def covers(audit: Audit, audited: Audited) -> bool:
    return audit.since <= audited.at < audit.until and audit.after_seq < audited.seq <= audit.upto_seq


def _merged(one: Weighted, other: Weighted) -> Weighted:
    """A mention that two draws took is one label, which counts for both."""
    return Weighted(one.audited, one.weight + other.weight, one.spared * other.spared)
