"""Statements of those who pull, in the SQL both databases share. Placeholders are `?`, in the order of the record."""

from __future__ import annotations

from storage.records import Alert, Author, Delivery, Mention, Post, Run, Score, Watch


def insert(table: str, record: type, conflict: str) -> str:
    """A record's row; `conflict` says what to do when it is there."""
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
ADD_WATCH = insert("watches", Watch, "ON CONFLICT (id) DO UPDATE SET active = 1, kind = excluded.kind")
SET_BOOKMARK = """
UPDATE watches SET cursor = COALESCE(?, cursor), validators_url = COALESCE(?, validators_url),
    etag = COALESCE(?, etag), last_modified = COALESCE(?, last_modified), body_hash = COALESCE(?, body_hash)
WHERE id = ?"""

ADD_RUN = insert("runs", Run, "ON CONFLICT (id) DO NOTHING")
END_RUN = """
UPDATE watches SET next_due = ?, closed = ?, last_run_at = ?, last_outcome = ?, last_error = ?,
    failures = CASE WHEN ? = 1 THEN failures + 1 ELSE 0 END, baseline = CASE WHEN ? = 1 THEN baseline ELSE 0 END,
    heard_at = COALESCE(?, heard_at), news_at = COALESCE(?, news_at), trouble = ?,
    failing_since = CASE WHEN ? = 1 THEN COALESCE(failing_since, ?) ELSE NULL END,
    moved_to = CASE WHEN ? <> '' THEN ? ELSE moved_to END
WHERE id = ?"""
COUNT_RUN = """
INSERT INTO coverage (source, day, outcome, runs) VALUES (?, ?, ?, 1)
ON CONFLICT (source, day, outcome) DO UPDATE SET runs = coverage.runs + 1"""

BEFORE_RUN = "SELECT baseline, heard_at, news_at FROM watches WHERE id = ?"
COUNT_YIELD = """
INSERT INTO yields (watch_id, day, posts, longest_silence) VALUES (?, ?, ?, ?)
ON CONFLICT (watch_id, day) DO UPDATE SET posts = yields.posts + excluded.posts, longest_silence =
    CASE WHEN excluded.longest_silence > yields.longest_silence THEN excluded.longest_silence
    ELSE yields.longest_silence END"""
YIELDS = """
SELECT watch_id, MIN(day), SUM(posts), MAX(longest_silence) FROM yields WHERE day >= ? GROUP BY watch_id"""
FORGET_RUNS = "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE started_at < ? ORDER BY started_at LIMIT ?)"
FORGET_YIELDS = "DELETE FROM yields WHERE day < ?"

KNOWN_POSTS = "SELECT id, fingerprint, source, deleted_at FROM posts WHERE id IN ({marks})"
ADD_AUTHOR = insert(
    "authors",
    Author,
    """ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url,
    reach = COALESCE(excluded.reach, authors.reach), last_seen_at = excluded.last_seen_at,
    standing = CASE WHEN authors.standing = '' THEN excluded.standing ELSE authors.standing END""",
)
ADD_POST = insert("posts", Post, "ON CONFLICT (id) DO NOTHING")
ADD_MENTION = insert("mentions", Mention, "ON CONFLICT (id) DO NOTHING")
ADD_SCORE = insert("scores", Score, "")
ADD_ALERT = insert("alerts", Alert, "ON CONFLICT (id) DO NOTHING")
ADD_DELIVERY = insert("deliveries", Delivery, "ON CONFLICT (id) DO NOTHING")

KEEP_REVISION = """
INSERT INTO revisions (post_id, replaced_at, fingerprint, title, text, raw, rating)
SELECT id, ?, fingerprint, title, text, raw, rating FROM posts WHERE id = ?
ON CONFLICT (post_id, replaced_at) DO NOTHING"""
EDIT_POST = """
UPDATE posts SET url = ?, title = ?, text = ?, raw = ?, edited_at = ?, deleted_at = ?, rating = ?,
    language = ?, reach = ?, fingerprint = ?, ref = ?
WHERE id = ?"""
UNMATCH_MENTIONS = "UPDATE mentions SET matched = 0 WHERE id >= ? AND id < ?"
RESCORE_MENTION = """
UPDATE mentions SET matched = 1, why = ?, label = ?, value = ?, confidence = ?, language = ?, unscored = ?, scorer = ?,
    tags = ?
WHERE id = ?"""
EXISTING_MENTIONS = "SELECT id FROM mentions WHERE id >= ? AND id < ?"
POST_TIME = "SELECT at FROM posts WHERE id = ?"

# What its source took away: the words go, here and wherever they were copied to; ids, times and labels stay.
BURY_POST = """
UPDATE posts SET url = '', title = '', text = '', raw = '', author = '', thread = '', ref = '', reach = '{}',
    deleted_at = ? WHERE id = ?"""
BURY_REVISIONS = "DELETE FROM revisions WHERE post_id = ?"
BURY_SCORES = """
UPDATE scores SET explanation = '[]' WHERE mention_id IN (SELECT id FROM mentions WHERE id >= ? AND id < ?)"""
WITHDRAW_DELIVERIES = """
UPDATE deliveries SET state = 'withdrawn', last_error = 'The post was taken away by its source.'
WHERE state <> 'sent' AND alert_id IN (SELECT id FROM alerts WHERE mention_id >= ? AND mention_id < ?)"""
NOTICES = "SELECT notice FROM alerts WHERE mention_id >= ? AND mention_id < ?"
DIGESTS = "SELECT id, notice FROM alerts WHERE mention_id IS NULL AND notice LIKE '%\"digest\"%'"
REWRITE_NOTICE = "UPDATE alerts SET notice = ? WHERE id = ?"
WITHDRAW_REPORTS = "UPDATE reports SET body = '' WHERE quotes LIKE '%' || ? || '%'"
BURY_NOTICES = """
UPDATE alerts SET notice = '{"type": "mention.withdrawn", "found_at": ""}' WHERE mention_id >= ? AND mention_id < ?"""
BURY_AUTHOR = """
UPDATE authors SET handle = '', name = '', url = '', reach = NULL WHERE id = (SELECT author_id FROM posts WHERE id = ?)
    AND NOT EXISTS (SELECT 1 FROM posts WHERE author_id = authors.id AND deleted_at IS NULL)"""

STANDING = """
SELECT seq, kind, source, source_id, ref, url FROM posts
WHERE seq < ? AND first_seen_at >= ? AND deleted_at IS NULL AND kind IN ({marks}) ORDER BY seq DESC LIMIT ?"""
SWEEP = "SELECT position, began_at FROM sweeps WHERE name = ?"
SET_SWEEP = """
INSERT INTO sweeps (name, position, began_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, began_at = excluded.began_at"""
