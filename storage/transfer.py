"""Everything that one store remembers, copied into another: in slices, to be gone on with, and compared at the end.

Rows go over in the order of their keys, each slice in one transaction, so whatever the last key in the new database is,
all before it are there. Nothing is counted on the way: tallies are copied as they are. What can be made again from
other rows is not copied: the search index is filled again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Any, NamedTuple

from storage.errors import StoreError
from storage.pages import Connection

SLICE, SLICE_CHARACTERS = 4_000, 8_000_000
"""Rows of a transaction, and about how many characters in all of them."""

TABLES: dict[str, tuple[str, ...]] = {
    "watches": ("id",),
    "runs": ("id",),
    "coverage": ("source", "day", "outcome"),
    "heard_hours": ("source", "hour"),
    "authors": ("id",),
    "posts": ("seq",),
    "revisions": ("post_id", "replaced_at"),
    "mentions": ("seq",),
    "tallies": ("brand", "day", "source", "genre", "language", "scorer", "left_out", "label", "unscored"),
    "scores": ("seq",),
    "audits": ("id",),
    "audit_draws": ("audit_id", "mention_id"),
    "reviews": ("id",),
    "alerts": ("id",),
    "deliveries": ("id",),
    "channels": ("name",),
    "rule_states": ("rule", "brand", "key"),
    "rule_looks": ("rule", "brand"),
    "snoozes": ("rule", "brand"),
    "counted_days": ("brand", "day"),
    "hourly": ("brand", "hour", "source"),
    "yields": ("watch_id", "day"),
    "sweeps": ("name",),
    "word_rules": ("id",),
    "calibrations": ("id",),
    "sketches": ("post_id",),
    "bands": ("band", "post_id"),
    "seams": ("brand", "what", "noted_at"),
    "reports": ("id",),
    "cases": ("mention_id",),
    "case_counts": ("brand", "state"),
    "case_events": ("seq",),
    "users": ("name",),
    "sessions": ("id",),
    "logins": ("seq",),
    "views": ("owner", "name"),
    "author_notes": ("seq",),
    "answers_at": ("seq",),
    "permissions": ("seq",),
    "tokens": ("id",),
}
"""Each table and its key, those first that others refer to."""

DERIVED = frozenset({"posts_search", "posts_searchable", "hosts", "transfers"})
"""Tables that are not copied: an index, who may be asked when, and this."""

OURS = frozenset({"watches", "coverage", "posts"})
"""Tables that Listener's databases have had from the first."""

Row = tuple[Any, ...]
_Open = Callable[[], AbstractContextManager[Connection]]


class Side(NamedTuple):
    """A database as rows see it. `tables` names all that are in it; `put` adds rows (connection, table, columns, rows)
    inside a transaction, the quickest way there is, and lets no trigger count them."""

    place: str
    read: _Open
    write: _Open
    tables: Callable[[Connection], set[str]]
    put: Callable[[Connection, str, Sequence[str], Sequence[Row]], None]


class Copied(NamedTuple):
    """How far a table is: `rows` more have gone over."""

    table: str
    rows: int


class Foreign(Exception):
    """A database that is no source or no target: a sentence for a person."""


# -- what may be copied from where to where


def is_ours(side: Side) -> bool:
    with side.read() as connection:
        return side.tables(connection) >= OURS


def check_empty(side: Side) -> None:
    """Raises Foreign for one that holds tables and is not Listener's."""
    with side.read() as connection:
        strange = sorted(side.tables(connection))
    if strange and not is_ours(side):
        raise Foreign(f"{side.place} holds tables of something else ({strange[0]}): name an empty database.")


def begin(source: Side, target: Side, now: str) -> None:
    """Raises Foreign for a target that is in use."""
    with target.write() as connection:
        known = connection.execute("SELECT place, began_at, ended_at FROM transfers ORDER BY began_at").fetchall()
        if not known and any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in TABLES):
            raise Foreign(f"{target.place} holds data of its own: nothing was copied. Name an empty database.")
        for place, began_at, ended_at in known:
            if place != source.place:
                raise Foreign(
                    f"{target.place} holds what was copied from {place} ({began_at[:10]}): nothing was copied. "
                    "Name an empty database."
                )
            if ended_at:
                raise Foreign(
                    f"{target.place} got everything from {place} already ({ended_at[:10]}) and may be in use: nothing "
                    "was copied. --verify compares them."
                )
        if not known:
            connection.execute("INSERT INTO transfers (place, began_at) VALUES (?, ?)", (source.place, now))


def end(source: Side, target: Side, now: str) -> None:
    with target.write() as connection:
        connection.execute("UPDATE transfers SET ended_at = ? WHERE place = ?", (now, source.place))


def check_whole(side: Side) -> None:
    """Raises StoreError for a database into which something is, or was, still being copied."""
    with side.read() as connection:
        row = connection.execute("SELECT place FROM transfers WHERE ended_at IS NULL").fetchone()
    if row:
        raise StoreError(
            f"{side.place} holds only a part of what is in {row[0]}: `listener migrate` has not ended. Give the same "
            "command once more, or go on with the old database."
        )


# -- copying


def copy(source: Side, target: Side) -> Iterator[Copied]:
    """What is missing in `target`, slice by slice; a new call goes on where an earlier one stopped."""
    for table, key in TABLES.items():
        columns = _columns(target, table)
        for rows in _ahead(_slices(source, table, columns, key, _last(target, table, key))):
            with target.write() as connection:
                target.put(connection, table, columns, rows)
            yield Copied(table, len(rows))


def rows(side: Side) -> int:
    return sum(_count(side, table) for table in TABLES)


def left(source: Side, target: Side) -> int:
    """Rows that `copy` has to copy, about."""
    return max(rows(source) - rows(target), 0)


# -- comparing


def differences(source: Side, target: Side, looked_at: Callable[[int], object]) -> list[str]:
    """Sentences about tables whose rows are not the same, value by value; `looked_at` is told of rows of either."""
    return [
        sentence for table, key in TABLES.items() if (sentence := _difference(source, target, table, key, looked_at))
    ]


def _difference(
    source: Side, target: Side, table: str, key: tuple[str, ...], looked_at: Callable[[int], object]
) -> str:
    columns = _columns(target, table)
    here, there = (_ahead(_slices(side, table, columns, key, None)) for side in (source, target))
    for ours in here:
        theirs = next(there, [])
        if ours != theirs:
            return _told(source, target, table, _first_difference(columns, key, ours, theirs))
        looked_at(len(ours) + len(theirs))
    more = next(there, [])
    return _told(source, target, table, _first_difference(columns, key, [], more)) if more else ""


def _first_difference(columns: Sequence[str], key: tuple[str, ...], ours: list[Row], theirs: list[Row]) -> str:
    """The key of the first row that only one has, or both have differently: 'id abc'."""
    places = [columns.index(part) for part in key]
    pair = next(pair for pair in zip_longest(ours, theirs) if pair[0] != pair[1])
    first = min(tuple(row[place] for place in places) for row in pair if row)
    return ", ".join(f"{part} {value}" for part, value in zip(key, first, strict=True))


def _told(source: Side, target: Side, table: str, where: str) -> str:
    here, there = (_count(side, table) for side in (source, target))
    many = f"{here:,} in {source.place}, {there:,} in {target.place}"
    return f"{table}: {many if here != there else 'not the same in both'}; the first that differs has {where}."


# -- details


def _columns(side: Side, table: str) -> list[str]:
    """By name, since databases that were migrated from different beginnings may order them differently."""
    with side.read() as connection:
        return sorted(column[0] for column in connection.execute(f"SELECT * FROM {table} LIMIT 0").description)


def _slices(
    side: Side, table: str, columns: Sequence[str], key: tuple[str, ...], after: Row | None
) -> Iterator[list[Row]]:
    """In the order of the keys. However long the texts are, about SLICE_CHARACTERS are in memory."""
    places = [columns.index(part) for part in key]
    order, limit = ", ".join(key), SLICE // 8
    while True:
        beyond = f"WHERE ({order}) > ({', '.join('?' * len(key))})" if after else ""
        statement = f"SELECT {', '.join(columns)} FROM {table} {beyond} ORDER BY {order} LIMIT {limit}"
        with side.read() as connection:
            rows = connection.execute(statement, after or ()).fetchall()
        if not rows:
            return
        after = tuple(rows[-1][place] for place in places)
        texts = [value for row in rows for value in row if type(value) is str]
        yield [_plain(row) for row in rows] if any("\0" in text for text in texts) else rows
        long = sum(len(text) - text.count("\0") for text in texts)  # so that both sides make the same slices
        limit = max(1, min(SLICE, 2 * limit, limit * SLICE_CHARACTERS // max(long, 1)))


def _plain(row: Row) -> Row:
    """Without NULs, which PostgreSQL does not take."""
    return tuple(value.replace("\0", "") if type(value) is str else value for value in row)


def _ahead(slices: Iterator[list[Row]]) -> Iterator[list[Row]]:
    """The next slice is read while one is at work."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, slices, None)
        while (rows := coming.result()) is not None:
            coming = reader.submit(next, slices, None)
            yield rows


def _last(side: Side, table: str, key: tuple[str, ...]) -> Row | None:
    falling = ", ".join(f"{part} DESC" for part in key)
    with side.read() as connection:
        row = connection.execute(f"SELECT {', '.join(key)} FROM {table} ORDER BY {falling} LIMIT 1").fetchone()
        return row and tuple(row)


def _count(side: Side, table: str) -> int:
    with side.read() as connection:
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
