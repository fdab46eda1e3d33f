"""What every database is to the dashboard; the obligations are those of `storage.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.records_figures import Answered


class Figuring(Protocol):
    """Who draws charts. Windows are half open."""

    def volumes(self, brand: str, edges: Sequence[str]) -> list[Mapping[str, int]]:
        """Of each stretch from one edge to the next, how many mentions that count the machine gave which label ("": it
        could not read them). Edges are times, the earliest first; the cost is that of the days, and of what lies
        between each edge and the midnight (UTC) nearest to it."""

    def answered(self, brand: str, since: str, until: str, limit: int) -> list[Answered]:
        """Cases that were answered or thanked for the first time in the window, the last first."""
