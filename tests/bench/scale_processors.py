"""What processes cost, from /proc: seconds of a processor, their own and those of the processes they started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")


class _Stat(NamedTuple):
    parent: int
    own: float
    ended: float
    """Of children that have ended and were waited for."""


def cpu_seconds(pid: int) -> float:
    """Of the process itself; 0 when it is not there."""
    stat = _stat(pid)
    return stat.own if stat else 0.0


def cpu_seconds_with_children(pid: int) -> float:
    """Of the process and all its children, those that have ended, too: a PostgreSQL by its postmaster."""
    root = _stat(pid)
    if root is None:
        return 0.0
    all_of_them = (_stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return root.own + root.ended + sum(stat.own for stat in all_of_them if stat and stat.parent == pid)


def machine_seconds() -> float:
    """That all processors of the machine were busy with anything since it began."""
    user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(rest)) / _TICK


def postmaster(folder: Path) -> int:
    """The pid of the PostgreSQL whose data are there."""
    return int((folder / "postmaster.pid").read_text().split("\n", 1)[0])


def shares(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Of one processor, 0..n."""
    return {name: (after[name] - spent) / seconds for name, spent in before.items()}


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # a name may hold blanks
    user, system, ended_user, ended_system = (int(field) / _TICK for field in fields[11:15])
    return _Stat(int(fields[1]), user + system, ended_user + ended_system)
