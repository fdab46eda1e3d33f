"""What is logged: one event, one line, whatever strangers wrote into what it tells."""

from __future__ import annotations

import logging
import re
import sys

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class OneLine(logging.Formatter):
    """A traceback is in the line of its event too: a line of its own could be anybody's."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def one_line(text: str) -> str:
    r"""With line ends, control characters and marks that turn the reading order spelled out: `\n`, `\x1b`, `\u202e`."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
