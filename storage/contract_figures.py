"""What every database is to the dashboard and the report; the obligations are those of `storage.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from storage.records_figures import Answered, Saying


class Figuring(Protocol):
    """Who draws charts. Windows are half open."""

    def volumes(self, brand: str, edges: Sequence[str]) -> list[Mapping[str, int]]:
        """Of each stretch from one edge to the next, how many mentions that count the machine gave which label ("": it
        could not read them). Edges are times, the earliest first; the cost is that of the days, and of what lies
        between each edge and the midnight (UTC) nearest to it."""

    def answered(self, brand: str, since: str, until: str, limit: int) -> list[Answered]:
        """Cases that were answered or thanked for the first time in the window, the last first."""

    def said(self, brand: str, since: str, until: str, label: str, limit: int) -> list[Saying]:
        """Of the newest `limit` mentions that count and that the machine gave the label, those whose post stands, that
        no person has labelled otherwise, and that wait for no blind audit; the newest first."""
