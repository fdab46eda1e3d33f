"""Who hands jobs out to the workers of all machines: through Procrastinate's queue in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued

from listener.schedule.engine import Job
from listener.schedule.job_tables import translated
from listener.schedule.tasks import PRIORITIES, QUEUES
from storage.postgres_connections import CUT_OFF

TASK = "listener"
"""To Procrastinate there is one task; what is to be done is among its arguments. It fails what it does not know, and a
worker that is older than the clock is to leave it to a newer one."""

_LANE = 20
"""Jobs of one lane that wait at a time: looking for the next one takes the square of that."""

_CROWD = 200
"""Jobs handed out at once of which the database is told: one that takes the queue for empty reads all of it for each
that is fetched, until it looks for itself within a minute."""

_KNOWN = """
SELECT queueing_lock AS name, lock AS lane FROM procrastinate_jobs
WHERE status IN ('todo', 'doing') AND (queueing_lock = ANY(%(names)s) OR lock = ANY(%(lanes)s))"""


class ProcrastinateEngine:
    """`listener.schedule.engine.Engine` that hands jobs to workers and does none itself: it has nothing to wait for."""

    def __init__(self, url: str) -> None:
        self._queue = procrastinate.App(
            connector=procrastinate.SyncPsycopgConnector(
                conninfo=url,
                min_size=1,
                max_size=2,
                timeout=10.0,
                kwargs={"application_name": "listener clock"} | CUT_OFF,
            )
        )
        self._sql = self._queue.connector.get_sync_connector()
        with translated():
            self._queue.open()

    def submit(self, job: Job) -> bool:
        return self.submit_all([job]) == 1

    def submit_all(self, jobs: Sequence[Job]) -> int:
        with translated():
            fresh = self._fresh(jobs) if jobs else []
            handed_out = self._hand_out(fresh) if fresh else 0
            if handed_out >= _CROWD:
                self._sql.execute_query("ANALYZE procrastinate_jobs")
            return handed_out

    def wait(self, seconds: float | None = None) -> bool:
        return True

    def stop(self, seconds: float) -> bool:
        self._queue.close()
        return True

    def _fresh(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that neither wait nor run, so many that no lane gets too long: the others are due still at the next
        tick."""
        names, lanes = [job.name for job in jobs], sorted({job.lane for job in jobs})
        rows = self._sql.execute_query_all(_KNOWN, names=names, lanes=lanes)
        known = {row["name"] for row in rows}
        length = Counter(row["lane"] for row in rows)
        fresh = []
        for job in jobs:
            if job.name not in known and length[job.lane] < _LANE:
                known.add(job.name)
                length[job.lane] += 1
                fresh.append(job)
        return fresh

    def _hand_out(self, jobs: Sequence[Job]) -> int:
        try:
            self._queue.job_manager.batch_defer_jobs([self._deferred(job).job for job in jobs])
            return len(jobs)
        except AlreadyEnqueued:  # another clock was quicker with one of them, and then none of these was taken
            return sum(self._hand_out_alone(job) for job in jobs)

    def _hand_out_alone(self, job: Job) -> bool:
        try:
            self._deferred(job).defer()
            return True
        except AlreadyEnqueued:
            return False

    def _deferred(self, job: Job) -> procrastinate.jobs.JobDeferrer:
        return self._queue.configure_task(
            TASK,
            allow_unknown=True,
            queue=QUEUES[job.task],
            lock=job.lane,
            queueing_lock=job.name,
            priority=PRIORITIES.get(job.task, 0),
            task_kwargs={"task": job.task, "arguments": dict(job.arguments)},
        )
