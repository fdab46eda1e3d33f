"""Whether a scorer still errs as it did: recent audits against older ones."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log
from typing import NamedTuple

from listener.nps.draw import UNSCORED
from storage.records_nps import Audited

FEWEST = 20
"""Recent audits, below which nothing is said."""

UNUSUAL = 0.05


class Drift(NamedTuple):
    """`p` is how often chance alone sets the recent audits this far apart from the older ones, None where there are too
    few to tell; `recent` is how many there were."""

    p: float | None
    recent: int

    @property
    def verdict(self) -> str:
        if self.p is None:
            return f"too few recent audits to check its errors ({self.recent}, {FEWEST} needed)"
        return "errors look different" if self.p < UNUSUAL else "errors look unchanged"


def drift(recent: Sequence[Audited], older: Sequence[Audited], seed: str, rounds: int = 400) -> Drift:
    """A permutation test: within each label that people gave, whether an audit is recent or old should not matter to
    what the machine said. (P. Good, "Permutation, Parametric, and Bootstrap Tests of Hypotheses", 2005; exact however
    few there are, where the χ² of a sparse table is not.) Both must come from draws of the same design."""
    if len(recent) < FEWEST:
        return Drift(None, len(recent))
    now, ever = _by_label(recent), _by_label([*recent, *older])
    pools = [(sum(now[label].values()), ever[label], sorted(ever[label].elements())) for label in sorted(now)]
    seen = sum(g_statistic(now[label], ever[label] - now[label]) for label in sorted(now))
    chance = random.Random(seed)
    as_far = 0
    for _ in range(rounds):
        picks = [(Counter(chance.sample(pool, size)), whole) for size, whole, pool in pools]
        as_far += sum(g_statistic(pick, whole - pick) for pick, whole in picks) >= seen - 1e-9
    return Drift((1 + as_far) / (1 + rounds), len(recent))


def _by_label(audits: Iterable[Audited]) -> dict[str, Counter[str]]:
    """What the machine said, for each label that people gave."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for audited in audits:
        answers[audited.label][audited.machine or UNSCORED] += 1
    return answers


def g_statistic(one: Counter[str], other: Counter[str]) -> float:
    """The likelihood ratio of two rows of counts being of one distribution, 2 Σ O ln(O / E) (R. R. Sokal and F. J.
    Rohlf, "Biometry", 1995, 17.4)."""
    return 2 * (
        _n_log_n([*one.values(), *other.values()])
        - _n_log_n((one + other).values())
        - _n_log_n([one.total(), other.total()])
        + _n_log_n([one.total() + other.total()])
    )


def _n_log_n(counts: Iterable[int]) -> float:
    """Σ O ln O, of which the statistic is made once its expected counts are written out."""
    return sum(count * log(count) for count in counts if count)
