"""How much waits for workers, in the database that holds their queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_DEPTHS = """
SELECT queue_name, waiting, running, COALESCE((
    SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp() - MIN(at)) AS DOUBLE PRECISION)
    FROM procrastinate_events WHERE job_id = first), 0)
FROM (
    SELECT queue_name, COUNT(*) FILTER (WHERE status = 'todo') AS waiting,
        COUNT(*) FILTER (WHERE status = 'doing') AS running, MIN(id) FILTER (WHERE status = 'todo') AS first
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name
) AS queues ORDER BY queue_name"""

_WORKERS = (
    "SELECT COUNT(*) FROM procrastinate_workers WHERE last_heartbeat > clock_timestamp() - make_interval(secs => ?)"
)


class Depth(NamedTuple):
    """Jobs of one queue; `oldest_seconds` is for how long the first of those that wait has done so."""

    waiting: int
    running: int
    oldest_seconds: float


class Queue(NamedTuple):
    """`depths` by queue, and how many workers have given a sign of life lately."""

    depths: Mapping[str, Depth]
    workers: int


def survey(connection: Any, lately: float) -> Queue:
    """`connection` is one of PostgresStore's, `lately` in seconds."""
    (there,) = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone()
    if not there:
        return Queue({}, 0)
    (workers,) = connection.execute(_WORKERS, (lately,)).fetchone()
    return Queue({row[0]: Depth(*row[1:]) for row in connection.execute(_DEPTHS)}, workers)
