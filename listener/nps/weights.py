"""What an audited mention stands for, when several random draws may have covered it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """
    known = {progress.audit.id: progress for progress in draws if progress.labelled > 0}
    weighed: dict[str, Weighted] = {}
    for audited in audits:
        if not audited.label:
            continue
        item = _weighed(audited, known.get(audited.audit_id), known.values())
        before = weighed.get(audited.mention_id)
        weighed[audited.mention_id] = item if before is None else _merged(before, item)
    return list(weighed.values())


def _weighed(audited: Audited, own: Progress | None, draws: Iterable[Progress]) -> Weighted:
    if own is None:
        return Weighted(audited, 1 / audited.inclusion_prob, 1 - audited.inclusion_prob)
    rates = sum(_rate(progress) for progress in draws if covers(progress.audit, audited))
    labelled = audited.inclusion_prob * _response(own)
    return Weighted(audited, (_rate(own) / rates if rates else 1.0) / labelled, max(0.0, 1 - labelled))


def covers(audit: Audit, audited: Audited) -> bool:
    return audit.since <= audited.at < audit.until and audit.after_seq < audited.seq <= audit.upto_seq


def _rate(progress: Progress) -> float:
    return progress.labelled / max(1, progress.audit.population)


def _response(progress: Progress) -> float:
    return min(1.0, progress.labelled / max(1, min(progress.audit.size, progress.audit.population)))


def _merged(one: Weighted, other: Weighted) -> Weighted:
    """A mention that two draws took is one label, which counts for both."""
    return Weighted(one.audited, one.weight + other.weight, one.spared * other.spared)
