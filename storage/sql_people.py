"""Statements of those who look after people, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Author
from storage.records_people import AnsweredAt, AuthorNote, Permission
from storage.sql_desk import BLIND, WHEN, marks
from storage.sql_pull import columns, insert

_LABEL = """COALESCE((SELECT r.label FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL
    ORDER BY r.reviewed_at DESC, r.id DESC LIMIT 1), m.label, 'unscored')"""
_COUNTS = "m.matched = 1 AND m.left_out = ''"
_OURS = "('staff', 'quarantined')"
_REPLIES = "('answer', 'comment')"

# -- who praises, who helps

# `mentions_of_praise` has all that is asked of it, voice by voice, and few mentions have a person's label. The
# expressions keep SQLite from its index by time, after which it would have to sort.
_PRAISED = f"{_COUNTS} AND m.label = 'promoter' AND m.voice > 0"
_PRAISED_BY_LABEL = """reviews r CROSS JOIN mentions m
    WHERE r.label = 'promoter' AND r.undone_at IS NULL AND m.id = r.mention_id AND +m.brand = ?
        AND +m.at >= ? AND +m.at < ? AND m.voice > 0 AND COALESCE(m.label, '') <> 'promoter'"""
PRAISERS = f"""
SELECT voice, SUM(praise) FROM (
    SELECT m.voice AS voice, COUNT(*) AS praise, MAX(m.at) AS at FROM mentions m
    WHERE {_PRAISED} AND m.brand = ? AND +m.at >= ? AND +m.at < ? GROUP BY m.voice
    UNION ALL
    SELECT m.voice, 1, m.at FROM {_PRAISED_BY_LABEL} AND {_COUNTS}
) AS praised GROUP BY voice HAVING SUM(praise) > 1 ORDER BY SUM(praise) DESC, MAX(at) DESC, voice LIMIT ?"""
PRAISED_BY_LABEL = f"SELECT m.voice, m.seq FROM {_PRAISED_BY_LABEL} AND {_COUNTS}"
HELPERS = f"""
SELECT voice FROM (
    SELECT m.voice AS voice, m.genre AS genre, m.left_out AS left_out FROM mentions m
    WHERE m.matched = 1 AND m.brand = ? AND {WHEN} >= ? AND {WHEN} < ? ORDER BY {WHEN} DESC, m.seq DESC LIMIT ?
) AS newest WHERE genre IN {_REPLIES} AND voice > 0 AND left_out NOT IN {_OURS}
GROUP BY voice ORDER BY COUNT(*) DESC, voice LIMIT ?"""


def _deeds(seqs: str, conditions: str) -> str:
    """Of these mentions those that are what is looked for, the newest first, each with its thread."""
    return f"""
SELECT m.id, m.author_id, m.at, m.source, p.kind || ' ' || CASE WHEN p.thread = '' THEN '#' || p.id ELSE p.thread END
FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.seq IN ({seqs}) AND m.matched = 1 AND p.deleted_at IS NULL AND {conditions}
ORDER BY m.at DESC, m.seq DESC"""


_IS_PRAISE = f"m.left_out = '' AND {_LABEL} = 'promoter' AND NOT {BLIND}"
PRAISE = _deeds(
    f"""SELECT m.seq FROM mentions m
    WHERE {_PRAISED} AND m.voice = ? AND m.brand = ? AND m.at >= ? AND m.at < ?
    ORDER BY m.at DESC LIMIT ?""",
    _IS_PRAISE,
)
PRAISE_BY_LABEL = _deeds("{marks}", _IS_PRAISE)
# The newest mentions of a voice are chosen on the index alone: some have many thousand. The expressions keep SQLite
# from looking for them through all of the brand's.
HELP = _deeds(
    """SELECT v.seq FROM mentions v
    WHERE v.voice = ? AND +v.brand = ? AND +v.at >= ? AND +v.at < ? ORDER BY v.at DESC LIMIT ?""",
    f"""m.left_out NOT IN {_OURS} AND m.genre IN {_REPLIES} AND p.thread <> ''
    AND p.kind || ' ' || p.thread NOT IN (SELECT b.kind || ' ' || b.thread FROM posts b
        WHERE b.author_id = (SELECT v.author_id FROM mentions v WHERE v.voice = ? LIMIT 1)
            AND b.genre NOT IN {_REPLIES} ORDER BY b.seq DESC LIMIT 5000)""",
)
AUTHORS = f"SELECT {columns(Author)} FROM authors WHERE id IN ({{marks}})"

# -- whose mind an answer changed

ANSWERED = """
SELECT c.answered_at, c.mention_id, c.voice FROM cases c
WHERE c.brand = ? AND c.answered_at IS NOT NULL AND c.answered_at >= ? AND c.answered_at < ?
    AND (c.answered_at, c.mention_id) < (?, ?) AND c.voice > 0
ORDER BY c.answered_at DESC, c.mention_id DESC LIMIT ?"""
_COMPLAINT = f"m.matched = 1 AND m.left_out NOT IN {_OURS} AND {_LABEL} = 'detractor' AND NOT {BLIND}"
COMPLAINT = f"SELECT m.author_id FROM mentions m WHERE m.id = ? AND {_COMPLAINT}"
COMPLAINED_AFTER = f"""
SELECT 1 FROM cases c CROSS JOIN mentions m
WHERE c.voice = ? AND c.answered_at IS NOT NULL AND (c.answered_at, c.mention_id) > (?, ?) AND c.brand = ?
    AND m.id = c.mention_id AND {_COMPLAINT} LIMIT 1"""
LATER = f"""
SELECT m.id, {_LABEL} FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.voice = ? AND +m.brand = ? AND +m.at > ? AND {_COUNTS} AND p.deleted_at IS NULL
    AND {_LABEL} IN ('promoter', 'passive', 'detractor') AND NOT {BLIND}
ORDER BY m.at DESC, m.seq DESC LIMIT ?"""

# -- what was done with them

ADD_NOTE = f"""
INSERT INTO author_notes ({columns(AuthorNote)}) SELECT {marks(AuthorNote._fields)} FROM authors a
WHERE a.id = ? AND (? <> 'opted_out' OR NOT EXISTS (SELECT 1 FROM author_notes n
    WHERE n.brand = ? AND n.author_id = a.id AND n.what = 'opted_out' AND n.undone_at IS NULL))
ON CONFLICT (id) DO NOTHING"""
UNDO_NOTE = "UPDATE author_notes SET undone_at = ?, undone_by = ? WHERE id = ? AND undone_at IS NULL"
NOTES = f"SELECT {columns(AuthorNote)} FROM author_notes WHERE author_id IN ({{marks}}) AND brand = ? ORDER BY seq"
OPTED_OUT = "SELECT author_id FROM author_notes WHERE brand = ? AND what = 'opted_out' AND undone_at IS NULL"

# -- what they ask

MARKS = ("%?%", "%？%", "%؟%")
"""What a title or a text with a question in it is like; ASKED takes them once for each."""

ASKED = f"""
SELECT w.id FROM (
    SELECT m.id AS id, m.post_id AS post_id, m.genre AS genre, m.left_out AS left_out FROM mentions m
    WHERE m.matched = 1 AND m.brand = ? AND {WHEN} >= ? AND {WHEN} < ? ORDER BY {WHEN} DESC, m.seq DESC LIMIT ?
) AS w JOIN posts p ON p.id = w.post_id
WHERE p.deleted_at IS NULL AND w.left_out NOT IN {_OURS} AND (w.genre = 'question'
    OR {" OR ".join(f"p.{cell} LIKE ?" for cell in ("title", "text") for _ in MARKS)})"""
_LAST_ANSWER = "a.seq = (SELECT MAX(b.seq) FROM answers_at b WHERE b.mention_id = a.mention_id)"
ANSWERS = f"""
SELECT {columns(AnsweredAt, "a.")} FROM answers_at a WHERE a.brand = ? AND a.url <> '' AND {_LAST_ANSWER}
ORDER BY a.seq DESC LIMIT ?"""
SET_ANSWER = f"""
INSERT INTO answers_at ({columns(AnsweredAt)}) SELECT {marks(AnsweredAt._fields)} FROM mentions m
WHERE m.id = ? AND m.brand = ? ON CONFLICT (id) DO NOTHING"""

# -- what may be quoted

_LAST_PERMISSION = "n.seq = (SELECT MAX(b.seq) FROM permissions b WHERE b.mention_id = n.mention_id)"
PERMISSIONS = f"""
SELECT {columns(Permission, "n.")} FROM permissions n WHERE n.mention_id IN ({{marks}}) AND {_LAST_PERMISSION}"""
SET_PERMISSION = insert("permissions", Permission, "ON CONFLICT (id) DO NOTHING")
IS_MENTION = "SELECT 1 FROM mentions WHERE id = ?"
PERMITTED = f"""
SELECT n.seq, {columns(Permission, "n.")}
FROM permissions n CROSS JOIN mentions m CROSS JOIN posts p
WHERE n.state = ? AND n.seq < ? AND {_LAST_PERMISSION} AND m.id = n.mention_id AND +m.brand = ?
    AND p.id = m.post_id AND p.deleted_at IS NULL
ORDER BY n.seq DESC LIMIT ?"""
