"""Statements of those who pull, in the SQL both databases share. Placeholders are `?`, in the order of the record."""

from __future__ import annotations

from storage.records import Alert, Author, Delivery, Mention, Post, Run, Score, Watch


def _insert(table: str, record: type, conflict: str) -> str:
    columns: tuple[str, ...] = record._fields  # type: ignore[attr-defined]
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {conflict}".rstrip()


def columns(record: type, prefix: str = "") -> str:
    """The record's columns for a SELECT, so that `record._make(row)` reads it."""
    fields: tuple[str, ...] = record._fields  # type: ignore[attr-defined]
    return ", ".join(prefix + field for field in fields)


WATCHES = f"SELECT {columns(Watch)} FROM watches WHERE active = 1 ORDER BY source, term"
WATCH = f"SELECT {columns(Watch)} FROM watches WHERE id = ?"
DUE_WATCHES = (
    f"SELECT {columns(Watch)} FROM watches WHERE active = 1 AND closed = '' AND next_due <= ? ORDER BY next_due"
)
RETIRE_WATCHES = "UPDATE watches SET active = 0"
ADD_WATCH = _insert("watches", Watch, "ON CONFLICT (id) DO UPDATE SET active = 1, kind = excluded.kind")
SET_BOOKMARK = """
UPDATE watches SET cursor = COALESCE(?, cursor), validators_url = COALESCE(?, validators_url),
    etag = COALESCE(?, etag), last_modified = COALESCE(?, last_modified), body_hash = COALESCE(?, body_hash)
WHERE id = ?"""

ADD_RUN = _insert("runs", Run, "ON CONFLICT (id) DO NOTHING")
END_RUN = """
UPDATE watches SET next_due = ?, closed = ?, last_run_at = ?, last_outcome = ?, last_error = ?,
    failures = CASE WHEN ? = 1 THEN failures + 1 ELSE 0 END, baseline = CASE WHEN ? = 1 THEN baseline ELSE 0 END,
    heard_at = COALESCE(?, heard_at), news_at = COALESCE(?, news_at)
WHERE id = ?"""
COUNT_RUN = """
INSERT INTO coverage (source, day, outcome, runs) VALUES (?, ?, ?, 1)
ON CONFLICT (source, day, outcome) DO UPDATE SET runs = coverage.runs + 1"""

KNOWN_POSTS = "SELECT id, fingerprint, source FROM posts WHERE id IN ({marks})"
ADD_AUTHOR = _insert(
    "authors",
    Author,
    """ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url,
    reach = COALESCE(excluded.reach, authors.reach), last_seen_at = excluded.last_seen_at""",
)
ADD_POST = _insert("posts", Post, "ON CONFLICT (id) DO NOTHING")
ADD_MENTION = _insert("mentions", Mention, "ON CONFLICT (id) DO NOTHING")
ADD_SCORE = _insert("scores", Score, "")
ADD_ALERT = _insert("alerts", Alert, "ON CONFLICT (id) DO NOTHING")
ADD_DELIVERY = _insert("deliveries", Delivery, "ON CONFLICT (id) DO NOTHING")

KEEP_REVISION = """
INSERT INTO revisions (post_id, replaced_at, fingerprint, title, text, raw, rating)
SELECT id, ?, fingerprint, title, text, raw, rating FROM posts WHERE id = ?
ON CONFLICT (post_id, replaced_at) DO NOTHING"""
EDIT_POST = """
UPDATE posts SET url = ?, title = ?, text = ?, raw = ?, edited_at = ?, deleted_at = ?, rating = ?,
    language = ?, reach = ?, fingerprint = ?
WHERE id = ?"""
UNMATCH_MENTIONS = "UPDATE mentions SET matched = 0 WHERE id >= ? AND id < ?"
RESCORE_MENTION = """
UPDATE mentions SET matched = 1, why = ?, label = ?, value = ?, confidence = ?, language = ?, unscored = ?, scorer = ?
WHERE id = ?"""
EXISTING_MENTIONS = "SELECT id FROM mentions WHERE id >= ? AND id < ?"
POST_TIME = "SELECT at FROM posts WHERE id = ?"
