"""Who does jobs: takes them from Procrastinate's queue, on threads of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, NamedTuple

import procrastinate
import procrastinate.worker
import psycopg
from procrastinate.exceptions import AppNotOpen, ConnectorException
from psycopg_pool import PoolTimeout

from listener.schedule.engine import Troubles
from listener.schedule.jobs import TASK
from listener.schedule.rescue import BEAT, ELSEWHERE, LOST, STALLED, Rescue
from listener.schedule.tasks import Elsewhere
from storage.errors import StoreError
from storage.postgres_connections import CUT_OFF

log = logging.getLogger(__name__)

_POLL = 1.0
"""Seconds: a job that was given back, or whose lane became free elsewhere, sends no notice."""

_ELSEWHERE = 15
"""Seconds for which a job waits that this worker cannot do."""

_CUT = 1.5
"""Seconds in which jobs end whose connections were cut; a thread that does not is left behind, its job given back."""

_AWAY = 60.0
"""Seconds in which jobs end that were under way when the database went away."""


class Ending(NamedTuple):
    """How jobs end that are under way. `hush`, with True for good, ends those that would go on for long; `cut`, after
    `grace` seconds, what is still being read."""

    hush: Callable[[bool], object]
    cut: Callable[[], object]
    grace: float


class Stopping:
    """`ask` once to stop, twice to stop at once. For the loop's thread."""

    def __init__(self) -> None:
        self.asked, self.hurried = asyncio.Event(), asyncio.Event()

    def ask(self) -> None:
        (self.hurried if self.asked.is_set() else self.asked).set()


class _Fetching(procrastinate.worker.Worker):
    """Procrastinate's, with two things that it knows and does not tell: hence the narrow pin of its version, and a test
    of each."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ending = asyncio.Event()

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        """Told to stop, or without its database, it gives no more signs of life and waits for its jobs to end."""
        self.ending.set()
        await super()._shutdown(side_tasks)

    def look_again(self) -> None:
        """A lane that becomes free sends no notice, and the next poll is far: this is the event that notices set."""
        self._new_job_event.set()


class _GivenBack(procrastinate.BaseRetryStrategy):
    """Jobs that were not done and are somebody else's now; all others have ended, well or not."""

    def get_retry_decision(
        self, *, exception: BaseException, job: procrastinate.jobs.Job
    ) -> procrastinate.RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision()
        if isinstance(exception, Elsewhere):  # in a lane of its own: nobody has to wait behind it
            return procrastinate.RetryDecision(
                retry_in={"seconds": _ELSEWHERE}, lock=f"{ELSEWHERE}{job.queueing_lock or job.id}"
            )
        return None


class Worker:
    """Does jobs until it is stopped. `do` gets a task's name and arguments; `failed` the names of jobs that raised;
    `give_up` a task, its arguments and why, when workers die at it. `claim` is the Store's."""

    def __init__(
        self,
        url: str,
        do: Callable[[str, Mapping[str, str]], object],
        claim: Callable[[str], AbstractContextManager[bool]],
        failed: Callable[[str, Exception], object],
        give_up: Callable[[str, Mapping[str, str], str], object],
        *,
        concurrency: int,
        queues: Sequence[str] = (),
    ) -> None:
        self._do = do
        self._troubles = Troubles(failed)
        self._concurrency = concurrency
        self._queues = list(queues) or None  # None are all
        # Fetching, finishing and the sign of life; one more connection listens.
        self._queue = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=url,
                min_size=1,
                max_size=4,
                timeout=5.0,
                kwargs={"application_name": "listener worker"} | CUT_OFF,
            )
        )
        self._queue.task(name=TASK, pass_context=True, retry=_GivenBack())(self._one)
        self._rescue = Rescue(self._queue.job_manager, claim, self._say, give_up)
        self._lost = ""
        self._at_work: set[asyncio.Task[Any]] = set()
        self._unfinished: set[asyncio.Task[None]] = set()

    async def run(self, stopping: Stopping, ending: Ending) -> None:
        """Until `stopping` is asked. A database that goes away is waited for."""
        while not stopping.asked.is_set():
            try:
                async with self._queue.open_async():
                    await self._work(stopping, ending)
            except LOST as error:
                self._say(error)
            await _first([stopping.asked], 1.0)

    async def _work(self, stopping: Stopping, ending: Ending) -> None:
        worker = _Fetching(
            app=self._queue,
            queues=self._queues,
            concurrency=self._concurrency,
            delete_jobs="always",
            install_signal_handlers=False,
            fetch_job_polling_interval=_POLL,
            update_heartbeat_interval=BEAT,
            stalled_worker_timeout=STALLED,
            worker_middleware=[self._around],
        )
        running: asyncio.Task[None] = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
        rescue = asyncio.create_task(self._rescue.go_on())
        try:
            await _first([stopping.asked, worker.ending], None, running)
            if not stopping.asked.is_set():
                # The database is away, and with it every claim: others may do what is still being done here.
                rescue.cancel()
                self._say(ConnectorException())
                await asyncio.to_thread(ending.hush, False)
                await _first([stopping.asked], _AWAY, running)
            else:
                worker.stop()  # type: ignore[no-untyped-call]
            await self._end(running, stopping, ending)
        finally:
            rescue.cancel()

    async def _end(self, running: asyncio.Task[None], stopping: Stopping, ending: Ending) -> None:
        if stopping.asked.is_set():
            await asyncio.to_thread(ending.hush, True)
            await _first([stopping.hurried], ending.grace, running)
            if not running.done():
                await asyncio.to_thread(ending.cut)
                await _first([], _CUT, running)
        for job in self._at_work:
            job.cancel()
        await running

    async def _around(self, call: Callable[[], Any], context: procrastinate.JobContext, worker: Any) -> Any:
        """When a job is done, look for the next in its lane."""

        def ended(task: asyncio.Task[Any]) -> None:
            self._at_work.discard(task)
            worker.look_again()
            if not task.cancelled() and task.exception():
                self._unfinished.add(again := asyncio.create_task(self._finish(context.job)))
                again.add_done_callback(self._unfinished.discard)

        if task := asyncio.current_task():
            self._at_work.add(task)
            task.add_done_callback(ended)
        return await call()

    async def _finish(self, job: procrastinate.jobs.Job) -> None:
        """The database was away when a job ended: until it knows of that, nothing else runs in the job's lane."""
        while True:
            await asyncio.sleep(_POLL)
            try:
                await self._queue.job_manager.finish_job(job, procrastinate.jobs.Status.SUCCEEDED, delete_job=True)
                return
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.OperationalError):
                    return  # somebody else took it over meanwhile
            except (AppNotOpen, PoolTimeout):
                pass

    async def _one(self, context: procrastinate.JobContext, task: str, arguments: Mapping[str, str]) -> None:
        elsewhere = await _in_thread(partial(self._done, context.job.queueing_lock or task, task, arguments))
        if elsewhere is not None:
            raise elsewhere

    def _done(self, name: str, task: str, arguments: Mapping[str, str]) -> Elsewhere | None:
        try:
            self._do(task, arguments)
            self._troubles.ended(name)
        except Elsewhere as error:
            return error
        except Exception as error:
            self._troubles.add(name, error)
        except BaseException:  # SystemExit out of a plugin must not cost a worker
            log.exception("%s", name)
        return None

    def _say(self, error: Exception | None) -> None:
        """Once for as long as the trouble stays the same."""
        sentence = str(error) if isinstance(error, StoreError) else "the database cannot be reached: trying again."
        if error is None:
            sentence = ""
        elif sentence != self._lost:
            log.error("%s", sentence)
            log.debug("what went wrong", exc_info=error)
        self._lost = sentence


async def _first(events: Sequence[asyncio.Event], seconds: float | None, *others: asyncio.Task[Any]) -> None:
    """Until one of the events is set, one of the tasks has ended, or the time is up."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait((*waiting, *others), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


async def _in_thread(work: Callable[[], Elsewhere | None]) -> Elsewhere | None:
    """On a thread that nobody has to wait for at the end: a job may hang. `work` raises nothing."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Elsewhere | None] = loop.create_future()

    def tell(result: Elsewhere | None) -> None:
        if not done.done():
            done.set_result(result)

    def run() -> None:
        result = None
        try:
            result = work()
        finally:
            with suppress(RuntimeError):  # the loop has ended without waiting for this
                loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=run, name="listener-job", daemon=True).start()
    return await done
