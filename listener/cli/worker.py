"""`listener worker`: does what the clocks of all machines hand out; until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import Any

import click

from listener.cli.main import opened
from listener.cli.report_sending import Timetabled
from listener.schedule import crew
from listener.schedule.engine import GRACE_SECONDS
from listener.schedule.tasks import QUEUES, Tasks
from storage.errors import StoreError
from storage.records import Run

log = logging.getLogger(__name__)


@click.command("worker")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), help="Jobs at a time, beside streams. Default: schedule.threads."
)
@click.option("--queues", metavar="NAMES", default="", help="Only these, such as pull,score; default: all three.")
@click.pass_context
def worker_command(ctx: click.Context, concurrency: int | None, queues: str) -> int:
    """Do what `listener run` hands out, on this machine, until stopped (Ctrl-C, SIGTERM).

    Needs schedule.engine = "procrastinate". Start as many as you like, wherever the database can be reached. Queues:
    pull (ask sources), score (what is stored: search index, stories, rules, scoring again), deliver (alerts, reports).
    """
    names = [name.strip() for name in queues.split(",") if name.strip()]
    for name in names:
        if name not in QUEUES.values():
            raise click.UsageError(f"there is no queue '{name}'; there are: pull, score, deliver.")
    with opened(ctx, advise=True) as app:
        app.sync_watches()
        app.warm_up()
        asyncio.run(_work(app, crew.threads(app, concurrency, names), names))
    click.echo("stopped.", err=True)
    return 0


async def _work(app: Any, concurrency: int, queues: list[str]) -> None:
    engine = crew.engine(app)
    tasks: Tasks

    def heard(run: Run) -> None:
        try:
            if run.new:
                engine.submit(tasks.job("settle"))
        except StoreError as error:  # the clock asks for it, too
            log.debug("%s", error)

    tasks = Tasks(app, heard, Timetabled(app).send)
    worker, stopping, ending = crew.worker(app, tasks.do, concurrency, queues, GRACE_SECONDS)
    stopped = threading.Event()
    app.pause = stopped.wait

    def stop() -> None:
        stopped.set()
        stopping.ask()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    click.echo(f"working: {concurrency} jobs at a time, database {app.store.place}", err=True)
    await worker.run(stopping, ending)
    engine.stop(0)
