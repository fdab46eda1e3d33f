"""Whether a figure changed between two windows, and whether it was the mood or the mix of who was heard."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import NamedTuple

from listener.nps.interval import Estimate

NO_CHANGE = "no detectable change"


class Change(NamedTuple):
    """Later less earlier, in points, with the 95 % interval of the difference."""

    difference: float
    low: float
    high: float

    @property
    def detectable(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def words(self) -> str:
        """ "up 12 points (3 to 21)", or that no change can be told."""
        if not self.detectable:
            return NO_CHANGE
        way, (near, far) = ("up", (self.low, self.high)) if self.low > 0 else ("down", (-self.high, -self.low))
        return f"{way} {abs(self.difference):.0f} points ({near:.0f} to {far:.0f})"


def change(earlier: Estimate, later: Estimate) -> Change:
    """Of two independent estimates: the intervals' centres differ by so much, and their half-widths add as squares.

    For two counts this is the adjusted-Wald interval of a difference of net scores, each variance with its own three
    votes (Rocks 2016; the squares: G. Y. Zou and A. Donner, "Construction of Confidence Limits about Effect Measures",
    Statistics in Medicine 27, 2008).
    """
    difference = later.value - earlier.value
    centre = (later.low + later.high - earlier.low - earlier.high) / 2
    reach = hypot(later.half_width, earlier.half_width)
    return Change(difference, min(centre - reach, difference), max(centre + reach, difference))


class Votes(NamedTuple):
    """A group's votes in a window and their sum (each −1..1)."""

    votes: float
    total: float


class Split(NamedTuple):
    """In points: `mix` + `sentiment` = `change`. `fixed_mix` is what the later window would be with the earlier
    window's mix; None where the two have no group in common."""

    change: float
    mix: float
    sentiment: float
    fixed_mix: float | None


def split(earlier: Mapping[str, Votes], later: Mapping[str, Votes]) -> Split | None:
    """How much of a change is that other groups (sources) were heard, and how much that the same ones think otherwise.
    None where a window has no votes.

    E. Kitagawa, "Components of a Difference Between Two Rates", JASA 50, 1955; A. Blinder and R. Oaxaca, 1973: mix is
    Σ Δw·s̄ and sentiment Σ w̄·Δs, with a group's share w, its mean s, and bars for the mean of both windows. A group
    that only one window has is taken to have thought the same in the other: all that it changes is the mix.
    """
    n_earlier, n_later = (sum(group.votes for group in window.values()) for window in (earlier, later))
    if n_earlier <= 0 or n_later <= 0:
        return None
    mix = sentiment = fixed = 0.0
    common = False
    for name in sorted({*earlier, *later}):
        before, after = earlier.get(name, _NONE), later.get(name, _NONE)
        w0, w1 = before.votes / n_earlier, after.votes / n_later
        if w0 == w1 == 0:
            continue
        common = common or (w0 > 0 and w1 > 0)
        s0, s1 = _mean(before, after), _mean(after, before)
        mix += (w1 - w0) * (s0 + s1) / 2
        sentiment += (w0 + w1) / 2 * (s1 - s0)
        fixed += w0 * s1
    return Split(100 * (mix + sentiment), 100 * mix, 100 * sentiment, 100 * fixed if common else None)


_NONE = Votes(0.0, 0.0)


def _mean(own: Votes, other: Votes) -> float:
    return own.total / own.votes if own.votes else other.total / other.votes
