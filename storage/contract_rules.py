"""What every database is to rules that look at what is stored; the obligations are those of `storage.contract`.

Days and hours are UTC. Mentions count that are matched, not left out, and no history that a first run or an import
brought.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

from storage.records_rules import HeardHour, HourCount, Said


class Ruling(Protocol):
    """Who looks for what is unusual."""

    def count_day(self, brand: str, day: str) -> None:
        """Count the brand's hours of a day once and for all: what was found before the next day ended. To be called
        after that; a day that has been counted stays as it is."""

    def counted_days(self, brand: str, since_day: str, until_day: str) -> Set[str]:
        """Of since <= day < until."""

    def hourly(self, brand: str, since_day: str, until_day: str) -> list[HourCount]:
        """Of the days since <= day < until that have been counted, by hour and source; none where nothing was said."""

    def heard_hours(self, since: str, until: str) -> list[HeardHour]:
        """Of since <= hour < until, by hour and source."""

    def spoken(self, brand: str, since: str, until: str, known_by: str, limit: int = 50_000) -> list[Said]:
        """Mentions of since <= at < until that were found at `known_by` or before, the newest `limit` of them, the
        oldest first."""
