"""Lists of the review desk on SQLite: walked key by key in their order, a bounded number of rows a page.

A filter that few rows pass makes short pages, never slow ones: each says where it stopped.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from storage import sql_desk, sqlite_search
from storage.records import Mention, Post
from storage.records_desk import Case, Filter, Item, Page
from storage.records_scoring import Review
from storage.sql_desk import Condition, Walk, conditions

ROWS, WORDY_ROWS = 4000, 1000
"""Rows a page may read; fewer where each must be looked up in the full-text index."""

RARE, MANY = 3000, 20_000
"""Up to so many posts with the words are looked at one by one; up to so many are listed once, and met on the way; of
more, one looks at each row on the way whether it has the words."""

_LAST = 2**62
_MENTION, _POST, _CASE, _REVIEW = (len(record._fields) for record in (Mention, Post, Case, Review))

# In order of arrival, because the full-text index knows no other; the mentions of a post come by id, as their index has
# them: asked for that order too, SQLite would sort all there are.
_WORDS_WALK = """
SELECT s.rowid, m.id, m.id, {hit} FROM posts_search s CROSS JOIN posts p ON p.seq = s.rowid
    CROSS JOIN mentions m ON m.id >= p.id || '-' AND m.id < p.id || '.' {cases}
WHERE posts_search MATCH ? AND s.rowid <= ? AND (s.rowid < ? OR m.id > ?) AND m.matched = 1
ORDER BY s.rowid DESC LIMIT ?"""
_RARE_MENTIONS = f"""
SELECT {sql_desk.WHEN}, m.seq, m.id, {{hit}} FROM posts_search s CROSS JOIN posts p ON p.seq = s.rowid
    CROSS JOIN mentions m ON m.id >= p.id || '-' AND m.id < p.id || '.' {{cases}}
WHERE posts_search MATCH ? AND m.matched = 1 AND {sql_desk.WHEN} <= ? AND ({sql_desk.WHEN} < ? OR m.seq < ?)
ORDER BY {sql_desk.WHEN} DESC, m.seq DESC"""
_RARE_CASES = f"""
SELECT c.urgent_at, c.mention_id, c.mention_id, {{hit}} FROM posts_search s CROSS JOIN posts p ON p.seq = s.rowid
    CROSS JOIN mentions m ON m.id >= p.id || '-' AND m.id < p.id || '.' CROSS JOIN cases c ON c.mention_id = m.id
WHERE posts_search MATCH ? AND {sql_desk.IS_OPEN} AND (c.urgent_at, c.mention_id) > (?, ?) AND {sql_desk.IS_AWAKE}
ORDER BY c.urgent_at, c.mention_id"""
_CASES = "LEFT JOIN cases c ON c.mention_id = m.id"
_COUNT_WORDS = "SELECT COUNT(*) FROM (SELECT rowid FROM posts_search WHERE posts_search MATCH ? LIMIT ?)"
_LISTED = "p.seq IN (SELECT rowid FROM posts_search WHERE posts_search MATCH ?)"
_LOOKED_UP = "EXISTS (SELECT 1 FROM posts_search WHERE posts_search MATCH ? AND rowid = p.seq)"


def queue(connection: sqlite3.Connection, wanted: Filter, now: str, after: str, limit: int, audits: int) -> Page:
    sample = _sample(connection, wanted.brands, audits)
    urgent_at, _, mention_id = after.partition("~")
    rows, walks = _queue_walks(connection, wanted, now, (urgent_at, mention_id))
    ids, on = _walk(connection, walks, rows, limit, set(sample))
    first = [] if after else sample
    items = items_of(connection, [*ids, *first])
    return Page(_mixed(_kept(items, ids), _kept(items, first)), on)


def _queue_walks(
    connection: sqlite3.Connection, wanted: Filter, now: str, place: tuple[str, str]
) -> tuple[int, list[Walk]]:
    """How many rows to read, of which walks."""
    asked, rows = conditions(wanted), ROWS
    if wanted.text.strip():
        words = sqlite_search.expression(connection, wanted.text)
        met = _met(connection, words)
        if met is None:
            shown, values = sql_desk.hit([*asked, *_of_brands(wanted)])
            return _LAST, [Walk(_RARE_CASES.format(hit=shown), (*values, words, *place, now))] if words else []
        rows, asked = met[0], [*asked, met[1]]
    return rows, [sql_desk.queue_walk(asked, brand, now, place, rows + 1) for brand in _brands(wanted)]


def mentions(connection: sqlite3.Connection, wanted: Filter, after: str, limit: int) -> Page:
    rows, walks = _mentions_walks(connection, wanted, after)
    ids, on = _walk(connection, walks, rows, limit, set(), falling=True)
    return Page(_kept(items_of(connection, ids), ids), on)


def _mentions_walks(connection: sqlite3.Connection, wanted: Filter, after: str) -> tuple[int, list[Walk]]:
    """How many rows to read, of which walks. Words are looked for in order of arrival, but those of a period in it."""
    asked, rows = conditions(wanted), ROWS
    first, _, second = after.partition("~")
    before = (first or "~", _number(second))
    if wanted.text.strip():
        words = sqlite_search.expression(connection, wanted.text)
        shown, values = sql_desk.hit([*asked, *_of_brands(wanted)])
        cases = _CASES if any(one.needs == "cases" for one in asked) else ""
        if not (wanted.since or wanted.until):
            place = (_number(first), _number(first), second, ROWS // 2 + 1)
            walk = Walk(_WORDS_WALK.format(hit=shown, cases=cases), (*values, words, *place))
            return ROWS // 2, [walk] if words else []
        met = _met(connection, words)
        if met is None:
            rare = _RARE_MENTIONS.format(hit=shown, cases=cases)
            return _LAST, [Walk(rare, (*values, words, before[0], *before))] if words else []
        rows, asked = met[0], [*asked, met[1]]
    within = (wanted.since, wanted.until)
    return rows, [sql_desk.mentions_walk(asked, brand, within, before, rows + 1) for brand in _brands(wanted)]


def _walk(
    connection: sqlite3.Connection,
    walks: Sequence[Walk],
    rows: int,
    limit: int,
    passed: set[str],
    falling: bool = False,
) -> tuple[list[str], str]:
    """The ids of the next `limit` wanted mentions, `passed` over, and the place to go on from ("" at the end)."""
    found: list[str] = []
    place = ""
    with ExitStack() as open_cursors:
        cursors = [open_cursors.enter_context(closing(connection.execute(*walk))) for walk in walks]
        for read, (key, second, mention_id, hit) in enumerate(heapq.merge(*cursors, key=_keys, reverse=falling)):
            wanted = hit and mention_id not in passed
            if read == rows or (wanted and len(found) == limit):
                return found, place
            place = f"{key}~{second}"
            if wanted:
                found.append(mention_id)
    return found, ""


def _keys(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def _met(connection: sqlite3.Connection, words: str) -> tuple[int, Condition] | None:
    """How posts with the words are known on the way, and how many rows to read so; None: they are too few for that."""
    many = connection.execute(_COUNT_WORDS, (words, MANY + 1)).fetchone()[0] if words else 0
    if many <= RARE:
        return None
    rows, known = (ROWS, _LISTED) if many <= MANY else (WORDY_ROWS, _LOOKED_UP)
    return rows, Condition(known, (words,), "posts")


def _brands(wanted: Filter) -> Iterable[str]:
    """Those to walk one by one, "" for all at once."""
    return dict.fromkeys(wanted.brands) or ("",)


def _of_brands(wanted: Filter) -> list[Condition]:
    return [Condition(f"m.brand IN ({sql_desk.marks(wanted.brands)})", wanted.brands)] if wanted.brands else []


def _sample(connection: sqlite3.Connection, brands: tuple[str, ...], audits: int) -> list[str]:
    """The audit's mentions that wait for a label, at most `audits`; one that two audits drew once."""
    of_brands = f"AND u.brand IN ({sql_desk.marks(brands)})" if brands else ""
    rows = connection.execute(sql_desk.SAMPLE.format(brands=of_brands), brands)
    waiting: dict[str, None] = {}
    with closing(rows):
        for mention_id, waits in rows if audits > 0 else ():
            if waits:
                waiting[mention_id] = None
            if len(waiting) == audits:
                break
    return list(waiting)


def _kept(items: Mapping[str, Item], ids: Iterable[str]) -> list[Item]:
    return [items[its_id] for its_id in ids if its_id in items]


def _mixed(cases: list[Item], sample: list[Item]) -> list[Item]:
    """The sample at even distances among the cases."""
    mixed = list(cases)
    for number, item in enumerate(sample):
        mixed.insert(round((number + 1) * len(cases) / (len(sample) + 1)) + number, item)
    return mixed


def _number(text: str) -> int:
    """The second key of a place; one that nobody gave is the beginning."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else _LAST


def items_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Item]:
    wanted = tuple(dict.fromkeys(ids))
    if not wanted:
        return {}
    statement = sql_desk.ITEMS.format(marks=sql_desk.marks(wanted))
    return {row[0]: _item(row) for row in connection.execute(statement, wanted)}


def _item(row: Sequence[Any]) -> Item:
    post, case, review = _MENTION, _MENTION + _POST, _MENTION + _POST + _CASE
    end = review + _REVIEW
    return Item(
        Mention._make(row[:post]),
        Post._make(row[post:case]),
        Case._make(row[case:review]) if row[case] is not None else None,
        Review._make(row[review:end]) if row[review] is not None else None,
        row[end],
        row[end + 1] or "",
    )
