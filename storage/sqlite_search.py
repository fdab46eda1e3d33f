"""Full-text search over posts with SQLite's FTS5, newest first.

The index has no text of its own and is filled in slices: posts with a `seq` up to `posts_searchable.upto` are in it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from storage.records import Post
from storage.sql_pull import columns

TABLES = (
    "CREATE VIRTUAL TABLE posts_search USING fts5 (title, text, author, content='')",
    "CREATE TABLE posts_searchable (upto INTEGER NOT NULL)",
    "INSERT INTO posts_searchable (upto) VALUES (0)",
)

newest = "SELECT rowid AS seq FROM posts_search WHERE posts_search MATCH ? AND rowid <= ? ORDER BY rowid DESC LIMIT ?"
newest_first = ""  # to sort what is walked in order of its keys would take SQLite a hundred times as long

# Scripts without spaces are indexed character by character, so that a word inside a sentence can be found as a phrase.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_COMPLETE = "SELECT (SELECT COALESCE(MAX(seq), 0) FROM posts) <= upto FROM posts_searchable"
_READ = "seq, segment(title), segment(text), segment(author)"
_ADD = "INSERT INTO posts_search (rowid, title, text, author)"
_ADD_SLICE = f"{_ADD} SELECT {_READ} FROM posts WHERE seq > ? AND seq <= ?"
_INDEXED = "WHERE id = ? AND seq <= (SELECT upto FROM posts_searchable)"
_ADD_ONE = f"{_ADD} SELECT {_READ} FROM posts {_INDEXED}"
_DROP_ONE = f"""
INSERT INTO posts_search (posts_search, rowid, title, text, author) SELECT 'delete', {_READ} FROM posts {_INDEXED}"""
_AMONG = "SELECT rowid FROM posts_search WHERE posts_search MATCH ? AND rowid BETWEEN ? AND ?"
_GAP = 1000
"""One look finds all posts of a range, and each single one hardly sooner: posts that arrived no further than this from
each other are looked for at once."""
_FIND = f"""
SELECT {columns(Post, "p.")} FROM posts_search s JOIN posts p ON p.seq = s.rowid
WHERE posts_search MATCH ? ORDER BY s.rowid DESC LIMIT ?"""


def segment(text: str) -> str:
    """`text` as the index reads it; the statements call it, so every connection must know it."""
    return text if text.isascii() else _UNSPACED.sub(r" \g<0> ", text)


def is_complete(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute(_COMPLETE).fetchone()[0])


def extend(connection: sqlite3.Connection, limit: int) -> int:
    """Put up to `limit` more posts into the index; how many."""
    (upto,) = connection.execute("SELECT upto FROM posts_searchable").fetchone()
    (last,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM posts").fetchone()
    last = min(last, upto + limit)
    if last > upto:
        connection.execute(_ADD_SLICE, (upto, last))
        connection.execute("UPDATE posts_searchable SET upto = ?", (last,))
    return int(last - upto)


def drop(connection: sqlite3.Connection, post_id: str) -> None:
    """To be called before the post changes: the index takes out what it is told was there."""
    connection.execute(_DROP_ONE, (post_id,))


def put_back(connection: sqlite3.Connection, post_id: str) -> None:
    connection.execute(_ADD_ONE, (post_id,))


def expression(connection: sqlite3.Connection, text: str) -> str:
    """What MATCH is asked for posts with all the words of `text`, "" where it has none."""
    words = segment(text.replace("\0", " ").replace('"', " ")).strip()
    if not words:
        return ""
    from sqlite_utils import Database  # takes a tenth of a second to import

    return str(Database(connection).quote_fts(words))


def among(connection: sqlite3.Connection, words: str, seqs: Sequence[int]) -> tuple[set[int], int]:
    having: set[int] = set()
    runs = _runs(sorted(seqs))
    for first, last in runs:
        having.update(row[0] for row in connection.execute(_AMONG, (words, first, last)))
    return having.intersection(seqs), len(runs)


def _runs(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as ranges (first, last) without a gap above `_GAP` in them."""
    starts = [0, *(n for n in range(1, len(seqs)) if seqs[n] - seqs[n - 1] > _GAP)]
    return [(seqs[start], seqs[end - 1]) for start, end in zip(starts, [*starts[1:], len(seqs)], strict=True)]


def find(connection: sqlite3.Connection, text: str, limit: int) -> list[Post]:
    asked = expression(connection, text)
    return [Post._make(row) for row in connection.execute(_FIND, (asked, limit))] if asked else []
