"""Statements of those who score again, label and calibrate, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Mention, Post
from storage.records_scoring import Calibration, Review, WordRule
from storage.sql_pull import columns, insert

_BOTH = f"{columns(Mention, 'm.')}, {columns(Post, 'p.')}"
# The expression keeps SQLite from its index by brand, after which it would sort all of the brand's mentions, texts
# included, for every step of a walk: in order of arrival it reads no more than it gives.
STALE = f"""
SELECT m.seq, {_BOTH} FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE +m.brand = ? AND m.scorer <> ? AND m.seq > ? AND m.matched = 1 AND p.deleted_at IS NULL
ORDER BY m.seq LIMIT ?"""
COUNT_STALE = """
SELECT COUNT(*) FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.brand = ? AND m.scorer <> ? AND m.matched = 1 AND p.deleted_at IS NULL"""
_AS_IT_WAS = """id = ? AND EXISTS (
    SELECT 1 FROM posts p WHERE p.id = mentions.post_id AND p.fingerprint = ? AND p.deleted_at IS NULL)"""
SET_SCORE = f"""
UPDATE mentions SET label = ?, value = ?, confidence = ?, language = ?, unscored = ?, scorer = ?, tags = ?
WHERE {_AS_IT_WAS}"""
SET_SCORER = f"UPDATE mentions SET scorer = ? WHERE {_AS_IT_WAS}"

ADD_REVIEW = insert("reviews", Review, "ON CONFLICT (id) DO NOTHING")
UNDO_REVIEW = "UPDATE reviews SET undone_at = ? WHERE id = ? AND undone_at IS NULL"
LABELLED = f"""
SELECT {columns(Review, "r.")}, {_BOTH}
FROM reviews r JOIN mentions m ON m.id = r.mention_id JOIN posts p ON p.id = m.post_id
WHERE r.undone_at IS NULL AND (? = '' OR m.brand = ?) AND p.deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM reviews n WHERE n.mention_id = r.mention_id AND n.undone_at IS NULL
        AND (n.reviewed_at > r.reviewed_at OR (n.reviewed_at = r.reviewed_at AND n.id > r.id)))
ORDER BY r.reviewed_at, r.id"""

ADD_WORD_RULE = insert("word_rules", WordRule, "ON CONFLICT (id) DO NOTHING")
UNDO_WORD_RULE = "UPDATE word_rules SET undone_at = ? WHERE id = ? AND undone_at IS NULL"
WORD_RULES = f"SELECT {columns(WordRule)} FROM word_rules ORDER BY added_at, id"
ADD_CALIBRATION = insert("calibrations", Calibration, "ON CONFLICT (id) DO NOTHING")
UNDO_CALIBRATION = """
UPDATE calibrations SET undone_at = ? WHERE id = (
    SELECT id FROM calibrations WHERE brand = ? AND undone_at IS NULL ORDER BY fitted_at DESC, id DESC LIMIT 1)"""
CALIBRATIONS = f"SELECT {columns(Calibration)} FROM calibrations ORDER BY fitted_at, id"
