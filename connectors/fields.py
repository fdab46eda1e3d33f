"""A JSON object of an answer, read field by field.

Identity and structure are demanded: what is not as promised raises BadAnswer and names the field. Counts and times are
nice to have: nonsense in them is nothing said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.dates import parse
from connectors.errors import BadAnswer

_LONGEST_KEY = 500
_LARGEST = 2**53
_MILLISECONDS_FROM = 1e11
"""Seconds since 1970 reach this in the year 5138: what is larger counts milliseconds."""


class Fields:
    """`where` is the address without secrets, `what` names the object in a message ("a hit", "a review")."""

    __slots__ = ("_values", "_what", "_where")

    def __init__(self, value: Any, where: str, what: str = "an answer") -> None:
        if not isinstance(value, dict):
            raise BadAnswer(f"{where} gave {what} that is not an object.")
        self._values = value
        self._where = where
        self._what = what

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def wrong(self, name: str, problem: str) -> BadAnswer:
        """To be raised: `problem` continues 'whose "name" …'."""
        return BadAnswer(f'{self._where} gave {self._what} whose "{name}" {problem}.')

    def text(self, name: str) -> str:
        """ "" where there is none."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong(name, "is not a text")
        return value

    def key(self, name: str) -> str:
        """An id that must be there: a text, or a whole number as text."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_KEY:
            raise self.wrong(name, "is missing" if value is None else "is no id")
        return value

    def number(self, name: str) -> float | None:
        """A finite number, also one written as text ("5", "0.52"); BadAnswer for anything else."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            number = float(value[:40]) if isinstance(value, str) else float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong(name, "is not a number") from None
        if not math.isfinite(number):
            raise self.wrong(name, "is not a number")
        return number

    def count(self, name: str) -> int | None:
        """A whole number, also one written as text; None for anything else."""
        value = self._values.get(name)
        if isinstance(value, str) and len(value) <= 16 and value.removeprefix("-").isdecimal() and value.isascii():
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def time(self, name: str) -> datetime | None:
        """Aware UTC, of a text or of seconds (or milliseconds) since 1970; None for nonsense."""
        value = self._values.get(name)
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        try:
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS_FROM else value, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def one(self, name: str, what: str = "") -> Fields | None:
        """The object under `name`, None where there is none."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, "is not an object")
        return Fields(value, self._where, what or f'a "{name}"')

    def many(self, name: str, what: str, *, optional: bool = False) -> Iterator[Fields]:
        """The objects of the list under `name`; the list must be there unless it is `optional`."""
        value = self._values.get(name)
        if value is None and optional:
            return iter(())
        if not isinstance(value, list):
            raise self.wrong(name, "is missing" if value is None else "is not a list")
        return (Fields(one, self._where, what) for one in value)

    def texts(self, name: str) -> list[str]:
        """The texts of a list; what else is in it is left out."""
        value = self._values.get(name)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    def reach(self, **names: str) -> dict[str, int]:
        """reach(points="score"): what the source counted, under our names; without what it did not."""
        return {ours: count for ours, theirs in names.items() if (count := self.count(theirs)) is not None}
