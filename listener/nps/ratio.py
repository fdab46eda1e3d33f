"""A ratio of two means from a weighted random sample, sharpened by predictions that every mention has (PPI++)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from listener.nps.interval import Estimate, padded, t_quantile


class Seen(NamedTuple):
    """A mention that a person read. `y` and `o` are its parts in the numerator and in the denominator, `f` and `x` what
    the machine predicts of them; `weight` is how many mentions it stands for, `spared` the share of its variance that
    drawing without replacement leaves; `stratum` is what a simple draw was made within, "" for any other draw."""

    y: float
    o: float
    f: float
    x: float
    weight: float = 1.0
    spared: float = 1.0
    stratum: str = ""


class Known(NamedTuple):
    """Of the `mentions` that a sample stands for: the means of their predictions `f` and `x`."""

    mentions: float
    f: float
    x: float


class Ratio(NamedTuple):
    """Σy / Σo with its variance: `sampling` for having read a sample only, `spread` for the population's being itself
    one that might have come out otherwise. `votes` is how many equal votes the labels are worth, `n` how many labels
    were drawn, `trust` the λ that the predictions got."""

    value: float
    sampling: float
    spread: float
    votes: float
    n: int
    trust: float

    def estimate(self, n: int) -> Estimate:
        """In points, by Student's t with two degrees spent, on the mean and on λ; `n` is the number to say beside it.

        Half as many votes are added as to plain counts: all three draw a lopsided window too far to the middle, none
        leaves no width where all labels agree. In the benchmark's worlds half of them covers best.
        """
        variance = (self.sampling + self.spread) * self.votes
        return padded(self.value, variance, self.votes, n, t_quantile(0.975, max(1, self.n - 2)), 1.5)


def ratio(
    sample: Sequence[Seen], known: Known, census: Sequence[Seen] = (), trust: float | None = None
) -> Ratio | None:
    """Σy / Σo of a population, or None where nobody who was read counts, or fewer than two were drawn.

    `known` is of the mentions outside `census`, a part of which every mention was read. In the rest, numerator and
    denominator are each m = λ·F + Σ w (y − λ·f) / Σ w: A. Angelopoulos, J. Duchi and T. Zrnic, "PPI++: Efficient
    Prediction-Powered Inference", 2023 (arXiv 2311.01453); F is here the mean over the whole population and not over
    its unread rest, which comes to the same. One λ = clip(cov_w(d, g) / var_w(g), 0, 1) serves both, tuned as theirs is
    on the estimating equation: d = y − θ·o and its prediction g = f − θ·x, with θ of the labels alone. `trust` fixes λ;
    0 is labels alone. The variance is that of the linearised ratio (C.-E. Särndal, B. Swensson and J. Wretman, "Model
    Assisted Survey Sampling", 1992, 5.6–5.7).
    """
    if len(sample) < 2:
        return None
    if trust is not None:
        return _ratio(sample, known, census, trust)
    alone = _ratio(sample, known, census, 0.0)
    if alone is None:
        return None
    told = [seen.y - alone.value * seen.o for seen in sample]
    predicted = [seen.f - alone.value * seen.x for seen in sample]
    tuned = _tuned(told, predicted, [seen.weight for seen in sample])
    return _ratio(sample, known, census, tuned) or alone


def _ratio(sample: Sequence[Seen], known: Known, census: Sequence[Seen], trust: float) -> Ratio | None:
    everyone = known.mentions + len(census)
    rest = known.mentions / everyone
    total = sum(seen.weight for seen in sample)
    weights = [seen.weight / total for seen in sample]
    m_y = known.f * trust + sum(w * (s.y - trust * s.f) for s, w in zip(sample, weights, strict=True))
    m_o = known.x * trust + sum(w * (s.o - trust * s.x) for s, w in zip(sample, weights, strict=True))
    m_y = rest * m_y + sum(seen.y for seen in census) / everyone
    m_o = rest * m_o + sum(seen.o for seen in census) / everyone
    whole = [(seen, rest * weight) for seen, weight in zip(sample, weights, strict=True) if seen.o]
    whole += [(seen, 1 / everyone) for seen in census if seen.o]
    if m_o <= 0 or not whole:
        return None
    value = m_y / m_o
    residuals = [s.y - trust * s.f - value * (s.o - trust * s.x) for s in sample]
    return Ratio(
        value=value,
        sampling=(rest / m_o) ** 2 * _variance(sample, residuals, weights),
        spread=sum(weight * (s.y - value * s.o) ** 2 / s.o for s, weight in whole) / (everyone * m_o**2),
        votes=sum(weight * s.o for s, weight in whole) ** 2 / sum((weight * s.o) ** 2 for s, weight in whole),
        n=len(sample),
        trust=trust,
    )


def _tuned(told: Sequence[float], predicted: Sequence[float], weights: Sequence[float]) -> float:
    """What of the prediction to believe: the slope of what was told upon it, within 0..1; 0.0 where it never varies."""
    total = sum(weights)
    told_mean = sum(w * t for t, w in zip(told, weights, strict=True)) / total
    mean = sum(w * p for p, w in zip(predicted, weights, strict=True)) / total
    both = sum(w * (t - told_mean) * (p - mean) for t, p, w in zip(told, predicted, weights, strict=True))
    alone = sum(w * (p - mean) ** 2 for p, w in zip(predicted, weights, strict=True))
    return min(1.0, max(0.0, both / alone)) if alone > 1e-12 * total else 0.0


def _variance(sample: Sequence[Seen], residuals: Sequence[float], weights: Sequence[float]) -> float:
    """Of the weighted mean residual. A simple draw within strata varies about the strata's means, any other about the
    whole's."""
    strata: dict[str, list[int]] = defaultdict(list)
    for index, seen in enumerate(sample):
        strata[seen.stratum].append(index)
    everywhere = sum(w * z for w, z in zip(weights, residuals, strict=True))
    variance = 0.0
    for stratum, members in strata.items():
        n = len(members)
        own = sum(weights[i] * residuals[i] for i in members) / sum(weights[i] for i in members)
        centre = own if stratum and n > 1 else everywhere
        part = sum(weights[i] ** 2 * sample[i].spared * (residuals[i] - centre) ** 2 for i in members)
        variance += part * (n / (n - 1) if n > 1 else 1.0)
    return variance
