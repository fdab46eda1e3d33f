"""Full-text search over posts with PostgreSQL's own index, newest first, asked as SQLite's is.

Words are what the two databases both take for words: no stemming, no stop words. The index is filled in slices: posts
with a `seq` up to `posts_searchable.upto` are in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from storage.records import Post
from storage.sql_pull import columns
from storage.sqlite_search import segment

_BLOCK = 4096
"""Posts that share a word of their own, `~` and a number: the index knows no order, but two words at once are found
quickly, so of frequent words the newest posts are found block by block. Rare ones are all looked at."""

# Blocks are gone through for as long as 64 of them seem to be enough; the first, which is never full, tells nothing.
# Any way but over the index of words would read what it passes over: the settings and `+ 0` keep PostgreSQL from it.
_NEWEST = f"""
CREATE FUNCTION newest_posts_with(asked TSQUERY, upto BIGINT, most BIGINT) RETURNS SETOF BIGINT
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
    block BIGINT := LEAST(upto, (SELECT s.upto FROM posts_searchable s)) / {_BLOCK};
    blocks BIGINT := 0;
    here BIGINT;
    found BIGINT := 0;
BEGIN
    WHILE block >= 0 AND found < most AND (blocks < 2 OR found * 64 >= most * blocks) LOOP
        RETURN QUERY SELECT s.seq FROM posts_search s
            WHERE s.words @@ (asked && CAST(quote_literal('~' || block) AS tsquery)) AND s.seq + 0 <= upto
            ORDER BY s.seq DESC LIMIT most - found;
        GET DIAGNOSTICS here = ROW_COUNT;
        found := found + here;
        block := block - 1;
        blocks := blocks + 1;
    END LOOP;
    IF block >= 0 AND found < most THEN
        RETURN QUERY SELECT s.seq FROM posts_search s
            WHERE s.words @@ asked AND s.seq + 0 <= upto AND s.seq + 0 < (block + 1) * {_BLOCK}
            ORDER BY s.seq DESC LIMIT most - found;
    END IF;
END $$"""
TABLES = (
    "CREATE TABLE posts_search (seq BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
    # What was added last waits in a list that every look reads: a short one.
    "CREATE INDEX posts_by_words ON posts_search USING GIN (words) WITH (gin_pending_list_limit = 256)",
    "CREATE TABLE posts_searchable (upto BIGINT NOT NULL)",
    "INSERT INTO posts_searchable (upto) VALUES (0)",
    _NEWEST,
)
newest = "SELECT seq FROM newest_posts_with(CAST(? AS tsquery), ?, ?) AS seq"
newest_first = "ORDER BY 1 DESC, 2"
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_LONGEST = 500  # characters of a word: a lexeme may hold 2046 bytes
_MOST = 16_000  # words of a field that are found: of more PostgreSQL knows no places
_OFTEN = 255  # places of one word that it knows
_ROOM = 200_000  # characters of a post's words, each counted once: with their places all may be a megabyte
_PIECE, _LONG = 100, 4_000_000
"""Posts in memory at once, and characters after which it is others' turn to write, if a slice has so many."""
_COMPLETE = "SELECT (SELECT COALESCE(MAX(seq), 0) FROM posts) <= upto FROM posts_searchable"
_SLICE = "SELECT seq, title, text, author FROM posts WHERE seq > ? AND seq <= ? ORDER BY seq"
_ONE = "SELECT seq, title, text, author FROM posts WHERE id = ? AND seq <= (SELECT upto FROM posts_searchable)"
_PUT = "INSERT INTO posts_search (seq, words) VALUES (?, CAST(? AS tsvector))"
_AMONG = "SELECT seq FROM posts_search WHERE seq = ANY(?) AND words @@ CAST(? AS tsquery)"
_FIND = f"""
SELECT {columns(Post, "p.")} FROM ({newest}) AS s JOIN posts p ON p.seq = s.seq ORDER BY s.seq DESC"""


def is_complete(connection: Any) -> bool:
    return bool(connection.execute(_COMPLETE).fetchone()[0])


def extend(connection: Any, limit: int) -> int:
    """Put up to `limit` more posts into the index; how many."""
    (upto,) = connection.execute("SELECT upto FROM posts_searchable").fetchone()
    (last,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM posts").fetchone()
    last, at, long = min(last, upto + limit), upto, 0
    while at < last and long < _LONG:
        end = min(at + _PIECE, last)
        rows = connection.execute(_SLICE, (at, end)).fetchall()
        with connection.raw.cursor() as cursor, cursor.copy("COPY posts_search (seq, words) FROM STDIN") as copy:
            for seq, *texts in rows:
                copy.write_row((seq, vector(seq, *texts)))
        at, long = end, long + sum(len(text) for _, *texts in rows for text in texts)
    if at > upto:
        connection.execute("UPDATE posts_searchable SET upto = ?", (at,))
    return int(at - upto)


def drop(connection: Any, post_id: str) -> None:
    connection.execute("DELETE FROM posts_search WHERE seq = (SELECT seq FROM posts WHERE id = ?)", (post_id,))


def put_back(connection: Any, post_id: str) -> None:
    """After the post has changed."""
    for seq, *texts in connection.execute(_ONE, (post_id,)).fetchall():
        connection.execute(_PUT, (seq, vector(seq, *texts)))


def among(connection: Any, words: str, seqs: Sequence[int]) -> tuple[set[int], int]:
    return {row[0] for row in connection.execute(_AMONG, (list(seqs), words))}, 1


def find(connection: Any, text: str, limit: int) -> list[Post]:
    asked = expression(connection, text)
    return [Post._make(row) for row in connection.execute(_FIND, (asked, 2**62, limit))] if asked else []


def vector(seq: int, title: str, text: str, author: str) -> str:
    """A tsvector's text, with the word of its block. The three fields are far enough from each other that no phrase
    reaches over."""
    places: dict[str, list[str]] = {}
    place, room = 0, _ROOM
    for field in (title, text, author):
        for word in words(field)[:_MOST]:
            place += 1
            if word not in places and len(word) <= room:
                places[word] = []
                room -= len(word)
            if word in places and len(places[word]) < _OFTEN:
                places[word].append(str(place))
        place += 2
    return " ".join((f"'~{seq // _BLOCK}'", *(f"{word}:{','.join(its)}" for word, its in places.items())))


def expression(connection: Any, text: str) -> str:
    """A tsquery's text: all the words of `text`, those that are written as one next to each other; "" none."""
    chunks = [words(chunk) for chunk in segment(text.replace("\0", " ").replace('"', " ")).split()]
    return " & ".join(f"({' <-> '.join(map(_quoted, chunk))})" for chunk in chunks if chunk)


def words(text: str) -> list[str]:
    """As SQLite's `unicode61` reads them: in small letters, without their marks."""
    if text.isascii():
        return [word[:_LONGEST] for word in _WORD.findall(text.lower())]
    plain = unicodedata.normalize("NFKD", segment(text)).casefold()
    return [word[:_LONGEST] for word in _WORD.findall(_MARKS.sub("", plain))]


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
