"""`--since`, `--until`, `--yesterday`, `--last-week`: the window of a command, half open, in the configured zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import wraps
from typing import Any

import click

from listener.quantities import parse_when
from listener.schedule.daily import Period, period_before


@dataclass(frozen=True)
class Window:
    since: str
    until: str
    whole: Period | None = None

    @property
    def ends(self) -> bool:
        """Whether its end was said: the same window can be asked for again."""
        return bool(self.whole or self.until)

    def between(self, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
        """(since, until) as aware UTC; the last seven days when nothing was said."""
        since, until = self._ends(zone, now)
        if since >= until:
            begins = f"{since.astimezone(zone):%Y-%m-%d %H:%M}"
            raise click.UsageError(f"the window is empty: --since {begins} is not before --until.")
        return since, until

    def _ends(self, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
        if self.whole:
            return period_before(now.astimezone(zone).date(), self.whole, zone)
        since = _when("--since", self.since, zone, now)
        return since, _when("--until", self.until, zone, now) if self.until else now.astimezone(UTC)


def _when(option: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    try:
        return parse_when(text, zone, now)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}.") from error


def window_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives `command` its window as the argument `window`."""

    @click.option("--since", default="7d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
    @click.option("--until", default="", metavar="WHEN", help="Exclusive. Default: now.")
    @click.option("--yesterday", "whole", flag_value="day", help="The last whole local day.")
    @click.option("--last-week", "whole", flag_value="week", help="The last whole local week, from Monday to Monday.")
    @wraps(command)
    def with_window(*args: Any, since: str, until: str, whole: Period | None, **others: Any) -> Any:
        return command(*args, window=Window(since, until, whole), **others)

    return with_window
