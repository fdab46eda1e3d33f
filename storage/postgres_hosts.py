"""Until when hosts are left alone, for all processes on one PostgreSQL and by its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NOW = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
_BOOK = f"""
INSERT INTO hosts AS h (lane, free_at, closed_until) VALUES (?, {_NOW} + ?, 0)
ON CONFLICT (lane) DO UPDATE SET
    free_at = CASE WHEN h.closed_until > {_NOW} THEN h.free_at ELSE GREATEST(h.free_at, {_NOW}) + ? END
RETURNING free_at - ? - {_NOW}, closed_until - {_NOW}"""
_REST = f"""
UPDATE hosts SET free_at = GREATEST(free_at, {_NOW} + ?),
    closed_until = CASE WHEN ? > 0 THEN GREATEST(closed_until, {_NOW} + ?) ELSE closed_until END
WHERE lane = ?"""


class Hosts:
    """`connectors.manners.Shared` in the PostgresStore that `store` gives when it is needed. Each statement is a
    transaction: it locks one host's row for as long as it takes, and waits for nobody else."""

    def __init__(self, store: Callable[[], Any]) -> None:
        self._store = store

    def book(self, host: str, gap: float) -> tuple[float, float]:
        with self._store().side.read() as connection:
            wait, closed = connection.execute(_BOOK, (host, gap, gap, gap)).fetchone()
            return max(wait, 0.0), max(closed, 0.0)

    def rest(self, host: str, gap: float, closed: float) -> None:
        with self._store().side.read() as connection:
            connection.execute(_REST, (gap, closed, closed, host))
