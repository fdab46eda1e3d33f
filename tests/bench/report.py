"""How long the two commands take that say what the public thinks, from the shell's point of view: whole processes.

Archives of 90 days with `mentions` and a tenth of it (`tests.bench.archives`), windows of 7 and 90 days. Beside the
seconds (the median of the rounds, and the best) is what every command costs before it looks at anything. That the cost
grows with the window, and not with the archive, shows in the last line: the large archive's 7 days hold about as many
mentions as the small one's 90.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.archives import DAYS
from tests.bench.on_postgres import moved

_MARKS = {"nps": 1.0, "report": 3.0}
_MEMORY = 300


class _Taken(NamedTuple):
    """One process: seconds by the clock and of the processor, and its peak memory in MB."""

    seconds: float
    cpu: float
    memory: float


def run(*given: str) -> str:
    """The table; `--quick` for a tenth of the mentions, `--postgres` for archives that were moved there, `rounds=3`,
    and `folder=…` to keep the archives for another time."""
    options = dict(one.partition("=")[::2] for one in given)
    large, rounds = 100_000 if "--quick" in options else 1_000_000, int(options.get("rounds", 3))
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as servers:
        folder, started = Path(options.get("folder", scratch)), time.perf_counter()
        configs = {}
        for mentions in (large // 10, large):
            place = _made(folder / str(mentions), mentions, now)
            configs[mentions] = servers.enter_context(moved(place)) if "--postgres" in options else place
        made = time.perf_counter() - started
        start = _row("start-up alone", [_listener("--version") for _ in range(rounds)])
        taken: dict[tuple[str, int, int], list[_Taken]] = {}
        for _ in range(rounds):
            for mentions, place in configs.items():
                for days in (7, DAYS):
                    for command in _MARKS:
                        one = _listener("-c", str(place / "listener.toml"), command, "--since", f"{days}d")
                        taken.setdefault((command, mentions, days), []).append(one)
    lines = [f"{large:,} mentions over {DAYS} days, made in {made:.0f} s; load {os.getloadavg()[0]:.1f}", ""]
    lines += [f"{'':<44}{'median s':>9}{'best s':>8}{'CPU s':>7}{'MB':>6}", start]
    for (command, mentions, days), rows in sorted(taken.items()):
        whole = (mentions, days) == (large, DAYS)
        mark = f"  (marks {_MARKS[command]:.0f} s, {_MEMORY} MB)" if whole else ""
        lines.append(_row(f"{command} --since {days}d of {mentions:,}", rows) + mark)
    for command in _MARKS:
        week, quarter = (_best(taken[key]) for key in ((command, large, 7), (command, large // 10, DAYS)))
        lines.append(f"{command}: 7 days of the large archive take {week / quarter:.2f}× of 90 days of the small one")
    return "\n".join(lines)


def _made(folder: Path, mentions: int, now: datetime) -> Path:
    """By another process: a child's peak memory begins at its parent's."""
    if not folder.exists():
        command = [sys.executable, "-m", "tests.bench.archives", str(folder), str(mentions), now.isoformat()]
        subprocess.run(command, check=True)
    return folder


def _row(name: str, rows: list[_Taken]) -> str:
    seconds, cpu = median(row.seconds for row in rows), min(row.cpu for row in rows)
    return f"{name:<44}{seconds:>9.2f}{_best(rows):>8.2f}{cpu:>7.2f}{max(row.memory for row in rows):>6.0f}"


def _best(rows: list[_Taken]) -> float:
    return min(row.seconds for row in rows)


def _listener(*arguments: str) -> _Taken:
    started = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    command = [sys.executable, "-m", "listener", *arguments]
    as_installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = os.posix_spawn(sys.executable, command, as_installed, file_actions=quiet)
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed: {os.waitstatus_to_exitcode(status)}")
    return _Taken(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
