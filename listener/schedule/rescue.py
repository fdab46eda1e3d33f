"""What workers had that died goes back into the queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg_pool import PoolTimeout

from storage.errors import StoreError

log = logging.getLogger(__name__)

BEAT = 3.0
"""Seconds between two signs of life of a worker."""

STALLED = 12.0
"""Seconds without a sign of life after which somebody else does a worker's jobs."""

LOST = (ConnectorException, psycopg.Error, PoolTimeout)
"""What is raised when the database is away."""

_MOST_TRIES = 5
"""A job during which so many workers ended is given up: it may be what kills them."""

ELSEWHERE = "elsewhere "
"""So begin the lanes of jobs that were left to other workers, which is no try."""


class Rescue:
    """`claim` is the Store's: of all workers one looks after those that died. `say` hears of a database that is
    away, and with None that it is there. `give_up` gets `task`, its `arguments` and `why` it is done no more."""

    def __init__(
        self,
        manager: JobManager,
        claim: Callable[[str], AbstractContextManager[bool]],
        say: Callable[[Exception | None], object],
        give_up: Callable[..., object],
    ) -> None:
        self._manager = manager
        self._claim = claim
        self._say = say
        self._give_up = give_up

    async def go_on(self) -> None:
        """Give back what workers had that show no sign of life, over and over."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                claim = self._claim("stalled")
                mine = await asyncio.to_thread(claim.__enter__)  # a database that is away would hold everything up
                try:
                    if mine:
                        await self._give_back()
                finally:
                    await asyncio.to_thread(claim.__exit__, None, None, None)
                self._say(None)
            except (StoreError, *LOST) as error:
                self._say(error)

    async def _give_back(self) -> None:
        for job in await self._manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
            try:
                if job.attempts + 1 >= _MOST_TRIES and not (job.lock or "").startswith(ELSEWHERE):
                    why = f"{job.attempts + 1} workers ended while they were at it."
                    log.error("%s: given up, %s", job.queueing_lock, why)
                    # First: what the clock still finds to be due it would hand out again at once.
                    await asyncio.to_thread(partial(self._give_up, **job.task_kwargs, why=why))
                    await self._manager.finish_job(job, Status.FAILED, delete_job=True)
                else:
                    await self._manager.retry_job(job)
                    log.warning("%s: taken over from a worker that died.", job.queueing_lock)
            except ConnectorException as error:  # one that ended after all, or waits again by another name
                log.debug("%s was not given back: %s", job.queueing_lock, error)
                await self._drop(job)

    async def _drop(self, job: Job) -> None:
        """A job of the same name waits already: this one would only stand in its lane."""
        try:
            await self._manager.finish_job(job, Status.FAILED, delete_job=True)
        except ConnectorException as error:
            log.debug("%s has ended already: %s", job.queueing_lock, error)
