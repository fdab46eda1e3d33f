"""`--since`, `--until`, `--yesterday`: the window of a command, half open, in the configured zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import wraps
from typing import Any

import click

from listener.quantities import parse_when


@dataclass(frozen=True)
class Window:
    since: str
    until: str
    yesterday: bool

    def between(self, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
        """(since, until) as aware UTC; the last seven days when nothing was said."""
        if self.yesterday:
            today = now.astimezone(zone).date()
            days = (today - timedelta(days=1), today)
            since, until = (datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
            return since, until
        since = _when("--since", self.since, zone, now)
        until = _when("--until", self.until, zone, now) if self.until else now.astimezone(UTC)
        if since >= until:
            begins = f"{since.astimezone(zone):%Y-%m-%d %H:%M}"
            raise click.UsageError(f"the window is empty: --since {begins} is not before --until.")
        return since, until


def _when(option: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    try:
        return parse_when(text, zone, now)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}.") from error


def window_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives `command` its window as the argument `window`."""

    @click.option("--since", default="7d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
    @click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
    @click.option("--yesterday", is_flag=True, help="The last whole local day.")
    @wraps(command)
    def with_window(*args: Any, since: str, until: str, yesterday: bool, **others: Any) -> Any:
        return command(*args, window=Window(since, until, yesterday), **others)

    return with_window
