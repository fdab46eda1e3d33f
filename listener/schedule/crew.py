"""Which engine does the work, and the parts of it that workers need: built from an App, whose configuration says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from connectors.manners import Shared
from listener.schedule.depth import Queue, survey
from listener.schedule.engine import Engine
from listener.schedule.tasks import QUEUES, Tasks
from storage.errors import StoreError

if TYPE_CHECKING:
    from listener.schedule.working import Ending, Stopping, Worker

_LATELY = 15.0
"""Seconds: workers give a sign of life every three."""


def is_crewed(app: Any) -> bool:
    """Is the work left to `listener worker`?"""
    return bool(app.config.settings.schedule.engine == "procrastinate")


def threads(app: Any, concurrency: int | None = None, queues: Sequence[str] = ()) -> int:
    """Jobs that one process does at a time. A stream takes one for as long as it is listened to: whoever pulls has one
    more for each."""
    streams = sum(source.connector.facts.stream for source in app.config.sources.values())
    pulls = not queues or QUEUES["pull"] in queues
    return int((concurrency or app.config.settings.schedule.threads) + (streams if pulls else 0))


def engine(app: Any) -> Engine:
    """Who does what the clock hands out. Raises StoreError when the configuration asks for what is not there."""
    if is_crewed(app):
        url, jobs = _queue(app)
        handing_out: Engine = jobs.ProcrastinateEngine(url)
        return handing_out
    pool: Engine = app.engine()
    return pool


def worker(
    app: Any, do: Callable[[str, Mapping[str, str]], object], concurrency: int, queues: Sequence[str], grace: float
) -> tuple[Worker, Stopping, Ending]:
    """A worker, what tells it to stop, and how it ends."""
    if not is_crewed(app):
        raise StoreError('workers need schedule.engine = "procrastinate" and storage.url = "postgresql://…".')
    url, _ = _queue(app)
    from listener.schedule.working import Ending, Stopping, Worker

    def cut() -> None:  # pages that were not stored will be asked for again
        app.http.close()
        app.alert_http.close()

    does = url, do, app.store.claim, app.operations.job_failed, Tasks(app).give_up
    working = Worker(*does, concurrency=concurrency, queues=queues)
    return working, Stopping(), Ending(lambda for_good: app.http.stop_listening(for_good=for_good), cut, grace)


def depths(app: Any) -> Queue:
    """What waits for workers, and how many there are; nothing where none are needed."""
    if not is_crewed(app):
        return Queue({}, 0)
    with app.store.side.read() as connection:
        return survey(connection, _LATELY)


def shared(app: Any) -> Shared | None:
    """What workers tell one another of hosts."""
    if not is_crewed(app):
        return None
    from storage.postgres_hosts import Hosts

    return Hosts(lambda: app.store)


def _queue(app: Any) -> tuple[str, ModuleType]:
    """The database's address and the module that knows the queue in it, whose tables are there."""
    url = app.config.settings.storage.url
    try:
        tables, jobs = (import_module(f"listener.schedule.{name}") for name in ("job_tables", "jobs"))
    except ImportError:
        raise StoreError("workers need more: pip install 'brand-listener[postgres]'.") from None
    tables.prepare(url)
    return url, jobs
