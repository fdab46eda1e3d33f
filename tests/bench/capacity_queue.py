"""The queue by itself, in one process: a clock that hands out due watches, and a worker whose jobs do nothing.

`python -m tests.bench.capacity_queue URL JOBS FOLDER POSTMASTER` prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.scale_processors import cpu_seconds_with_children
from tests.bench.scale_pull import tables

_CONCURRENCY = 8


def measure(url: str, jobs: int, folder: Path, postmaster: int) -> dict[str, list[float]]:
    """ "clock" and "worker": seconds by the clock, of this process's processor, of PostgreSQL's, for each job."""
    from listener.app import App
    from listener.config import read

    folder.mkdir(exist_ok=True)
    settings = tables([f"https://host-{n}.example/feed" for n in range(jobs)], url)
    schedule = {"engine": "procrastinate"}
    app = App(read(folder / "listener.toml", {**settings, "schedule": schedule}, {}))
    app.sync_watches()
    app.warm_up()
    try:
        return {"clock": _hand_out(app, jobs, postmaster), "worker": asyncio.run(_work(app, jobs, postmaster))}
    finally:
        app.close()


def _hand_out(app: Any, jobs: int, postmaster: int) -> list[float]:
    from listener.schedule import crew
    from storage.records import stamp

    engine = crew.engine(app)
    before = _now(postmaster)
    due = app.store.due_watches(stamp(app.now()))
    taken = engine.submit_all([app.pull_job(watch, lambda *_: None) for watch in due])
    spent = _since(before, postmaster, jobs)
    engine.stop(0)
    if taken != jobs:
        raise SystemExit(f"{taken} of {jobs} jobs were handed out")
    return spent


async def _work(app: Any, jobs: int, postmaster: int) -> list[float]:
    from listener.schedule import crew

    loop = asyncio.get_running_loop()
    done: list[tuple[float, ...]] = []

    def do(task: str, arguments: Mapping[str, str]) -> None:
        done.append(_now(postmaster) if len(done) in (0, jobs - 1) else ())
        if len(done) == jobs:
            loop.call_soon_threadsafe(stopping.ask)

    worker, stopping, ending = crew.worker(app, do, _CONCURRENCY, [], 5.0)
    await worker.run(stopping, ending)
    return [(b - a) / (jobs - 1) for a, b in zip(done[0], done[jobs - 1], strict=True)]


def _now(postmaster: int) -> tuple[float, ...]:
    return time.perf_counter(), time.process_time(), cpu_seconds_with_children(postmaster)


def _since(before: tuple[float, ...], postmaster: int, jobs: int) -> list[float]:
    return [(b - a) / jobs for a, b in zip(before, _now(postmaster), strict=True)]


if __name__ == "__main__":
    url, jobs, folder, postmaster = sys.argv[1:]
    print(json.dumps(measure(url, int(jobs), Path(folder), int(postmaster))))
