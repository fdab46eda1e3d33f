"""Lists of the review desk: walked key by key in their order, a bounded number of rows a page.

A filter that few rows pass makes short pages, never slow ones: each says where it stopped.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import ExitStack, closing
from itertools import islice
from typing import Any, NamedTuple

from storage import sql_desk
from storage.pages import Connection
from storage.records import Mention, Post
from storage.records_desk import Case, Filter, Item, Page
from storage.records_scoring import Review
from storage.sql_desk import Condition, Walk, conditions
from storage.words import Words

ROWS, JOINED_ROWS = 2000, 1000
"""Rows a page may read; fewer where each must be looked up in further tables."""

RARE = 2000
"""Up to so many posts with the words are looked at one by one; of more, one looks at what comes whether it has them."""

_SLICE, _LOOK = 100, 20
"""Words are looked up for so many rows at once; what a look at the index costs, in rows."""

_LAST = 2**62
_MENTION, _POST, _CASE, _REVIEW = (len(record._fields) for record in (Mention, Post, Case, Review))

# In order of arrival, because the full-text index knows no other; the mentions of a post come by id, as their index has
# them. It ends behind the mentions of the last post.
_WORDS_WALK = """
SELECT s.seq, m.id, m.id, 1 FROM ({newest}) AS s CROSS JOIN posts p CROSS JOIN mentions m {cases}
WHERE p.seq = s.seq AND m.id >= p.id || '-' AND m.id < p.id || '.' AND (s.seq < ? OR m.id > ?) AND m.matched = 1
    AND {hit} = 1
UNION ALL SELECT * FROM (SELECT seq, '~', '', 0 FROM ({newest}) AS s LIMIT 1 OFFSET ?) AS last
{newest_first}"""
_RARE_MENTIONS = f"""
SELECT {sql_desk.WHEN}, m.seq, m.id, 1 FROM ({{newest}}) AS s CROSS JOIN posts p CROSS JOIN mentions m {{cases}}
WHERE p.seq = s.seq AND m.id >= p.id || '-' AND m.id < p.id || '.' AND m.matched = 1
    AND {sql_desk.WHEN} <= ? AND ({sql_desk.WHEN} < ? OR m.seq < ?) AND {{hit}} = 1
ORDER BY {sql_desk.WHEN} DESC, m.seq DESC"""
_RARE_CASES = f"""
SELECT c.urgent_at, c.mention_id, c.mention_id, 1
FROM ({{newest}}) AS s CROSS JOIN posts p CROSS JOIN cases c {{mentions}}
WHERE p.seq = s.seq AND c.mention_id >= p.id || '-' AND c.mention_id < p.id || '.'
    AND {sql_desk.IS_OPEN} AND (c.urgent_at, c.mention_id) > (?, ?) AND {sql_desk.IS_AWAKE} AND {{hit}} = 1
ORDER BY c.urgent_at, c.mention_id"""
_MENTIONS = "JOIN mentions m ON m.id = c.mention_id"
_CASES = "LEFT JOIN cases c ON c.mention_id = m.id"
_COUNT_WORDS = "SELECT COUNT(*) FROM ({newest}) AS found"


class _Walks(NamedTuple):
    """What to read for a page, `rows` at most, and which `words` ("" any) the posts must have, which `find` finds."""

    walks: Sequence[Walk]
    rows: int
    find: Words
    words: str = ""


def queue(connection: Connection, find: Words, wanted: Filter, now: str, after: str, limit: int, audits: int) -> Page:
    sample = _sample(connection, wanted.brands, audits)
    urgent_at, _, mention_id = after.partition("~")
    ids, on = _walk(
        connection, _queue_walks(connection, find, wanted, now, (urgent_at, mention_id)), limit, set(sample)
    )
    first = [] if after else sample
    items = items_of(connection, [*ids, *first])
    cases = [item for item in _kept(items, ids) if not _would_tell(item)]
    return Page(_mixed(cases, _kept(items, first)), on)


def _would_tell(item: Item) -> bool:
    """Whether that it is in the queue tells what the machine thinks of a mention that waits for its audit: it is there
    for being flagged, not for what somebody did with it."""
    return bool(item.audit_id and item.case and item.case.state == "new")


def _queue_walks(connection: Connection, find: Words, wanted: Filter, now: str, place: tuple[str, str]) -> _Walks:
    asked, words = conditions(wanted, of_cases=True), find.expression(connection, wanted.text)
    if wanted.text.strip() and _are_rare(connection, find, words):
        shown, values = sql_desk.hit([*asked, *_of_brands(wanted, "c")])
        joined = _MENTIONS if any(one.needs == "mentions" for one in asked) else ""
        statement = _asking(find, _RARE_CASES, hit=shown, mentions=joined)
        return _Walks([Walk(statement, (words, _LAST, RARE, *place, now, *values))] if words else [], _LAST, find)
    rows = JOINED_ROWS if words or any(one.needs != "cases" for one in asked) else ROWS
    brands = _brands(wanted)
    walks = [sql_desk.queue_walk(asked, brand, now, place, _part(rows, brands), bool(words)) for brand in brands]
    return _Walks(walks, rows, find, words)


def mentions(connection: Connection, find: Words, wanted: Filter, after: str, limit: int) -> Page:
    ids, on = _walk(connection, _mentions_walks(connection, find, wanted, after), limit, set(), falling=True)
    return Page(_kept(items_of(connection, ids), ids), on)


def _mentions_walks(connection: Connection, find: Words, wanted: Filter, after: str) -> _Walks:
    """Words are looked for in order of arrival, but those of a period in it."""
    asked, words = conditions(wanted), find.expression(connection, wanted.text)
    first, _, second = after.partition("~")
    before = (first or "~", _number(second))
    if wanted.text.strip():
        shown, values = sql_desk.hit([*asked, *_of_brands(wanted)])
        cases = _CASES if any(one.needs == "cases" for one in asked) else ""
        if not (wanted.since or wanted.until):
            looked = (words, _number(first), JOINED_ROWS)
            bounds = (*looked, _number(first), second, *values, *looked, JOINED_ROWS - 1)
            walk = Walk(_asking(find, _WORDS_WALK, hit=shown, cases=cases), bounds)
            return _Walks([walk] if words else [], JOINED_ROWS, find)
        if _are_rare(connection, find, words):
            rare = _asking(find, _RARE_MENTIONS, hit=shown, cases=cases)
            return _Walks([Walk(rare, (words, _LAST, RARE, before[0], *before, *values))] if words else [], _LAST, find)
    rows = JOINED_ROWS if words or any(one.needs != "mentions" for one in asked) else ROWS
    within, brands = (wanted.since, wanted.until), _brands(wanted)
    most = _part(rows, brands)
    walks = [sql_desk.mentions_walk(asked, brand, within, before, most, bool(words)) for brand in brands]
    return _Walks(walks, rows, find, words)


def _walk(
    connection: Connection, way: _Walks, limit: int, passed: set[str], falling: bool = False
) -> tuple[list[str], str]:
    """The ids of the next `limit` wanted mentions, `passed` over, and the place to go on from ("" at the end)."""
    found: list[str] = []
    place, left = "", way.rows
    with ExitStack() as open_cursors:
        cursors = [open_cursors.enter_context(closing(connection.execute(*walk))) for walk in way.walks]
        rows = heapq.merge(*cursors, key=_keys, reverse=falling)
        while piece := list(islice(rows, _SLICE if way.words else limit + 1)):
            wanted, looks = _wanted(connection, way, piece)
            for key, second, mention_id, _ in piece:
                hit = mention_id in wanted and mention_id not in passed
                if hit and len(found) == limit:
                    return found, place
                place = f"{key}~{second}"
                if hit:
                    found.append(mention_id)
                if not mention_id:
                    return found, place
            left -= len(piece) + looks * _LOOK
            if left < 0:
                return found, place
    return found, ""


def _keys(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def _wanted(connection: Connection, way: _Walks, piece: Sequence[tuple[Any, Any, str, int]]) -> tuple[Set[str], int]:
    """The ids of a piece's wanted mentions, and how many looks at the index of words that took."""
    ids = {mention_id for _, _, mention_id, hit in piece if hit}
    if not way.words or not ids:
        return ids, 0
    having, looks = way.find.among(connection, way.words, [seq for _, _, _, seq in piece if seq])
    return {mention_id for _, _, mention_id, seq in piece if seq in having}, looks


def _are_rare(connection: Connection, find: Words, words: str) -> bool:
    return not words or connection.execute(_asking(find, _COUNT_WORDS), (words, _LAST, RARE + 1)).fetchone()[0] <= RARE


def _asking(find: Words, statement: str, **more: str) -> str:
    return statement.format(newest=find.newest, newest_first=find.newest_first, **more)


def _brands(wanted: Filter) -> Sequence[str]:
    """Those to walk one by one, "" for all at once."""
    return tuple(dict.fromkeys(wanted.brands)) or ("",)


def _part(rows: int, brands: Sequence[str]) -> int:
    """How many rows the walk of each brand may read."""
    return max(rows // len(brands), 1)


def _of_brands(wanted: Filter, table: str = "m") -> list[Condition]:
    return [Condition(f"{table}.brand IN ({sql_desk.marks(wanted.brands)})", wanted.brands)] if wanted.brands else []


def _sample(connection: Connection, brands: tuple[str, ...], audits: int) -> list[str]:
    """The audit's mentions that wait for a label, at most `audits`; one that two audits drew once."""
    if not audits:
        return []
    of_brands = f"AND u.brand IN ({sql_desk.marks(brands)})" if brands else ""
    waiting: dict[str, None] = {}
    with closing(connection.execute(sql_desk.SAMPLE.format(brands=of_brands), brands)) as rows:
        for (mention_id,) in rows:
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


def items_of(connection: Connection, ids: Iterable[str]) -> dict[str, Item]:
    wanted = tuple(dict.fromkeys(ids))
    if not wanted:
        return {}
    statement = sql_desk.ITEMS.format(marks=sql_desk.marks(wanted))
    return {row[0]: _item(row) for row in connection.execute(statement, wanted).fetchall()}


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
