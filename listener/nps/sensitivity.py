"""How far the figure hangs on its definition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from storage.records_nps import Variant


class Band(NamedTuple):
    """The least and the greatest figure, in points, over `definitions` that have votes, and which they come of."""

    low: float
    high: float
    lowest: Variant
    highest: Variant
    definitions: int

    @property
    def flips(self) -> bool:
        """Whether one definition says better than even and another worse."""
        return self.low < 0 < self.high


def band(variants: Iterable[Variant]) -> Band | None:
    """None where no definition leaves a vote."""
    voted = [variant for variant in variants if variant.votes > 0]
    if not voted:
        return None
    lowest, highest = min(voted, key=points), max(voted, key=points)
    return Band(points(lowest), points(highest), lowest, highest, len(voted))


def points(variant: Variant) -> float:
    """The figure of one definition with votes, −100..100."""
    return 100 * variant.total / variant.votes
