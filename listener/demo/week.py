"""The bundled week: what is in week.toml, placed before `now`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

SOURCES = ("blog", "forum", "reviews", "hn")


@dataclass(frozen=True, slots=True)
class Entry:
    """A post as week.toml tells it; the head of that file explains the fields."""

    id: str
    author: str
    hours: float
    body: str = ""
    title: str = ""
    language: str = "en"
    form: str = "escaped"
    date: str | None = None
    link: str = ""
    url: str = ""
    story: str = ""
    points: int | None = None
    stars: int | None = None
    late: bool = False
    edit: str = ""
    edited: bool = False

    def written_at(self, now: datetime) -> datetime:
        return now - timedelta(hours=self.hours)

    def changed_at(self, now: datetime) -> datetime:
        return now if self.edited else self.written_at(now)


def entries(source: str, *, second_pull: bool) -> list[Entry]:
    """What one of SOURCES shows, the newest first: before or after the late posts and the edits came in."""
    shown = [entry for entry in _week()[source] if second_pull or not entry.late]
    if second_pull:
        shown = [replace(entry, body=entry.edit, edited=True) if entry.edit else entry for entry in shown]
    return sorted(shown, key=lambda entry: entry.hours)


@cache
def _week() -> dict[str, Sequence[Entry]]:
    tables = tomllib.loads(files("listener.demo").joinpath("week.toml").read_text("utf-8"))
    return {source: tuple(Entry(**table) for table in tables[source]) for source in SOURCES}
