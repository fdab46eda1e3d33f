"""Texts that a database cannot hold, when somebody asks for them: ids and words out of addresses and forms."""

from __future__ import annotations

import re
from typing import Any

_NOWHERE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and lone surrogates, which no encoding can write."""


def holdable(values: Any) -> tuple[Any, ...]:
    """Values, of a statement or of a row, with U+FFFD for each such character: they find nothing, and fail nowhere."""
    return tuple(_NOWHERE.sub("\ufffd", one) if isinstance(one, str) else one for one in values)
