"""2,000 watches on 200 hosts, kept by the real `listener run`, against APScheduler with one interval job a watch.

Four times in turn: all feeds are read for the first time; they come due one after the other, evenly spread but in an
order drawn by lot; they are all due at once, as after a restart; none is due. The start delay is the time between
a watch's due time and its request at the server, which also measures every host's gap: from the moment an
answer sets out to the next request. The peer's jobs are our own pulls, with the same client and a database of their own,
so that nothing but the scheduling differs. CPU is that of all threads of the process, from /proc.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from storage.records import stamp
from tests.bench.hosts import Hosts, serving
from tests.program import Program, Running, feed

GAP = 0.05  # seconds: the usual one of a public host, shortened as much as fifteen minutes are for the spread
ANSWER = 0.02  # seconds that a host takes
_LEAD = 2.0  # seconds between saying what is due and the first due time
_PATIENCE = 5.0


class Contender(Protocol):
    pid: int

    def schedule(self, due: Mapping[int, float]) -> None:
        """Have each feed asked at its time (s since 1970)."""


class Phase(NamedTuple):
    """`delays` in seconds, sorted; `took` until the last was asked; `cpu` of one core, 0..1; `unasked` watches."""

    delays: list[float]
    took: float
    cpu: float
    gap: float
    together: int
    unasked: int

    def delay(self, share: float) -> float:
        return self.delays[min(int(share * len(self.delays)), len(self.delays) - 1)] if self.delays else math.nan


def run(watches: str = "2000", hosts: str = "200", spread: str = "15", idle: str = "20") -> str:
    """The table; `spread` and `idle` in seconds."""
    count = int(watches)
    with tempfile.TemporaryDirectory() as folder, serving(int(hosts), ANSWER) as server:
        sources = [feed(f"feed-{n}", server.url(n), interval="1h") for n in range(count)]
        program = Program(Path(folder) / "ours", sources=sources, http={"gap": GAP})
        program.run("pull", "--all")
        server.wait_for(count, _PATIENCE)
        shutil.copytree(program.folder, Path(folder) / "peer")
        with program.start("run") as service, _peer(Path(folder) / "peer") as peer:
            time.sleep(_LEAD)  # starting up is not scheduling, for neither side
            both: tuple[Contender, ...] = (Ours(program, service), peer)
            spread_out = [_phase(server, one, count, float(spread)) for one in both]
            at_once = [_phase(server, one, count, 0.0) for one in both]
            time.sleep(1)
            resting = _cpu_shares([one.pid for one in both], float(idle))
            memory = [_peak_memory(one.pid) for one in both]
            service.signal(signal.SIGTERM)
            service.wait(20)
    return _table(count, int(hosts), spread_out, at_once, resting, memory)


def _phase(server: Hosts, contender: Contender, count: int, seconds: float) -> Phase:
    """The feeds are due one after the other within `seconds`, in an order drawn by lot (fixed seed)."""
    order = random.Random(2_000).sample(range(count), count)
    begin = time.time() + _LEAD
    due = {number: begin + seconds * place / count for place, number in enumerate(order)}
    contender.schedule(due)
    time.sleep(begin - time.time())
    spent, began = _cpu_seconds(contender.pid), time.monotonic()
    visits = server.wait_for(count, _PATIENCE)
    cpu = (_cpu_seconds(contender.pid) - spent) / (time.monotonic() - began)
    asked: dict[int, float] = {}
    for visit in visits:
        asked.setdefault(visit.feed, visit.at)
    return Phase(
        delays=sorted(at - due[number] for number, at in asked.items()),
        took=max(asked.values(), default=begin) - begin,
        cpu=cpu,
        gap=min((visit.gap for visit in visits), default=math.inf),
        together=sum(visit.together for visit in visits),
        unasked=count - len(asked),
    )


def _table(
    count: int, hosts: int, spread: list[Phase], once: list[Phase], resting: list[float], memory: list[float]
) -> str:
    rows: list[tuple[str, ...]] = [("", "Listener", "APScheduler", "mark")]
    for what, phases in (("evenly spread", spread), ("all at once", once)):
        for name, share in (("p50", 0.5), ("p99", 0.99), ("most", 1.0)):
            mark = "< 2 s" if (phases, name) == (spread, "p99") else ""
            rows.append((f"{what}: delay, {name}", *(f"{phase.delay(share):.3f} s" for phase in phases), mark))
        rows.append((f"{what}: never asked", *(f"{phase.unasked:,}" for phase in phases), "0"))
        rows.append(
            (f"{what}: least gap of a host", *(f"{1000 * p.gap:.1f} ms" for p in phases), f"≥ {1000 * GAP:g} ms")
        )
        rows.append((f"{what}: two requests to a host at once", *(f"{phase.together}" for phase in phases), "0"))
        rows.append((f"{what}: CPU of a core", *(f"{phase.cpu:.1%}" for phase in phases), ""))
    rows.append(("all at once: until the last is asked", *(f"{phase.took:.1f} s" for phase in once), ""))
    rows.append(("idle: CPU of a core", *(f"{share:.3%}" for share in resting), "< 3 %"))
    rows.append(("peak memory", *(f"{peak:.0f} MB" for peak in memory), ""))
    title = (
        f"{count:,} watches on {hosts} hosts with a gap of {1000 * GAP:g} ms, each answer after {1000 * ANSWER:g} ms"
    )
    lines = [f"{what:<42}{ours:>12}{theirs:>14}   {mark}".rstrip() for what, ours, theirs, mark in rows]
    return "\n".join([title, "", *lines, "(APScheduler's own default drops whatever starts over a second late)"])


# -- the contenders


class Ours:
    """The service; what is due is said to it as any other process would: in the database."""

    def __init__(self, program: Program, service: Running) -> None:
        self.pid = service.process.pid
        self._program = program

    def schedule(self, due: Mapping[int, float]) -> None:
        rows = [(stamp(datetime.fromtimestamp(at, UTC)), f"feed-{number}") for number, at in due.items()]
        with closing(sqlite3.connect(self._program.database, timeout=30)) as connection, connection:
            connection.executemany("UPDATE watches SET next_due = ? WHERE source = ?", rows)


class Peer:
    """A process with an APScheduler job for every watch; what is due is said to it on its standard input."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def schedule(self, due: Mapping[int, float]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(due) + "\n")
        self._process.stdin.flush()


@contextmanager
def _peer(folder: Path) -> Iterator[Peer]:
    command = [sys.executable, "-m", "tests.bench.schedule", str(folder / "listener.toml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


def _keep_peer(config: Path) -> None:
    """What one would write first: a job a watch, a pool as wide as ours."""
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    from listener.app import App
    from listener.config import load

    app = App(load(config, {}))
    watches = {int(watch.source.removeprefix("feed-")): watch for watch in app.sync_watches()}
    puller, sources = app.puller, app.config.sources
    scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(8)})
    for number, watch in watches.items():
        scheduler.add_job(
            puller.pull,
            "interval",
            hours=1,
            id=str(number),
            args=(watch.id, sources[watch.source]),
            kwargs={"due_only": False},
        )
    scheduler.start()
    for line in sys.stdin:
        scheduler.pause()
        for number, at in json.loads(line).items():
            scheduler.modify_job(number, next_run_time=datetime.fromtimestamp(at, UTC))
        scheduler.resume()


# -- what /proc tells


def _cpu_seconds(pid: int) -> float:
    """Of all threads, to the nanosecond: /proc/PID/stat counts in hundredths of a second, too coarse for a process at rest."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _cpu_shares(pids: list[int], seconds: float) -> list[float]:
    """Of one core, 0..1, over the next `seconds`, measured at the same time."""
    before = [_cpu_seconds(pid) for pid in pids]
    time.sleep(seconds)
    return [(_cpu_seconds(pid) - spent) / seconds for pid, spent in zip(pids, before, strict=True)]


def _peak_memory(pid: int) -> float:
    """MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    _keep_peer(Path(sys.argv[1]))
