"""The part of the store for the dashboard and the report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import pairwise

from storage import sql_figures
from storage.pages import Connection
from storage.records import moment
from storage.records_figures import Answered, Saying

_Open = Callable[[], AbstractContextManager[Connection]]


class FiguresStore:
    """`storage.contract_figures.Figuring` on connections that `_read` opens."""

    _read: _Open

    def volumes(self, brand: str, edges: Sequence[str]) -> list[Mapping[str, int]]:
        """Whole UTC days come from the tallies; what an edge has more or less than the midnight nearest to it, from the
        mentions themselves."""
        midnights = [_nearest_midnight(edge) for edge in edges]
        if len(edges) < 2:
            return []
        days: dict[str, Counter[str]] = defaultdict(Counter)
        with self._read() as connection:
            for day, label, many in connection.execute(sql_figures.DAYS, (brand, midnights[0], midnights[-1])):
                days[day][label] = many
            beyond = [
                _beyond(connection, brand, f"{day}T00:00:00.000Z", edge)
                for day, edge in zip(midnights, edges, strict=True)
            ]
        counted: list[Mapping[str, int]] = []
        for (first, last), (before, after) in zip(pairwise(midnights), pairwise(beyond), strict=True):
            total = Counter(after)
            total.subtract(before)
            for day in [day for day in days if first <= day < last]:
                total.update(days[day])
            counted.append({label: many for label, many in total.items() if many})
        return counted

    def answered(self, brand: str, since: str, until: str, limit: int) -> list[Answered]:
        with self._read() as connection:
            rows = connection.execute(sql_figures.ANSWERED, (brand, since, until, limit))
            return [Answered._make(row) for row in rows]

    def said(self, brand: str, since: str, until: str, label: str, limit: int) -> list[Saying]:
        with self._read() as connection:
            rows = connection.execute(sql_figures.SAID, (brand, since, until, label, limit))
            return [Saying._make(row) for row in rows]


def _nearest_midnight(edge: str) -> str:
    """The UTC day that begins at it."""
    return (moment(edge) + timedelta(hours=12)).strftime("%Y-%m-%d")


def _beyond(connection: Connection, brand: str, midnight: str, edge: str) -> Counter[str]:
    """By label, what is between a midnight and an edge: less than nothing where the edge comes first."""
    sign = 1 if midnight < edge else -1
    between = (brand, min(midnight, edge), max(midnight, edge))
    return Counter({label: sign * many for label, many in connection.execute(sql_figures.STRETCH, between)})
