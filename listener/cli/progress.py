"""Progress on stderr: a bar on a terminal, nothing in between for cron."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

import click


class Progress:
    """Counts steps of `total`; safe to call from several threads. Below two steps there is nothing to show."""

    def __init__(self, label: str, total: int) -> None:
        shown = total > 1 and sys.stderr.isatty()
        self._bar = click.progressbar(length=total, label=label, file=sys.stderr) if shown else None

    def step(self, what: str = "", steps: int = 1) -> None:
        if self._bar is not None:
            self._bar.label = what or self._bar.label
            self._bar.update(steps)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)
