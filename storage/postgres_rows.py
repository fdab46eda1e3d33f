"""Many rows of a table in one statement.

A statement for each, even where none waits for the other's answer, takes psycopg twice as long for narrow rows; and for
wide ones, too, it looks up after each whether an answer has come, for which it gives Python's lock away and takes it
again, beside other threads that have work to do: milliseconds a row. The rows go as one JSON text, which becomes rows
of the table's own type again: numbers and texts are the same afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

_INSERT = re.compile(r"\s*INSERT INTO (\w+) \(([\w, ]+)\) VALUES \([?, ]+\)\s*(.*)", re.DOTALL)
_UPSERT = re.compile(r"ON CONFLICT \(([\w, ]+)\) DO UPDATE")


class Insert(NamedTuple):
    """`once` are the places of the columns that no two rows may have alike: one statement changes a row once."""

    statement: str
    columns: tuple[str, ...]
    once: tuple[int, ...]

    def takes(self, rows: Sequence[Sequence[Any]]) -> bool:
        return not self.once or len({tuple(row[place] for place in self.once) for row in rows}) == len(rows)

    def json(self, rows: Sequence[Sequence[Any]]) -> str:
        """In the order in which they are to be numbered."""
        return json.dumps([dict(zip(self.columns, row, strict=True)) for row in rows], ensure_ascii=False)


@lru_cache(maxsize=256)
def insert(sql: str) -> Insert | None:
    """What inserts all rows at once in place of `sql`, which inserts one; None where it is something else."""
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    table, names, otherwise = found.groups()
    columns, upsert = tuple(names.split(", ")), _UPSERT.match(otherwise)
    once = tuple(columns.index(one) for one in upsert[1].split(", ")) if upsert else ()
    rows = f"json_populate_recordset(CAST(NULL AS {table}), CAST(? AS json))"
    return Insert(f"INSERT INTO {table} ({names}) SELECT {names} FROM {rows} {otherwise}", columns, once)
