"""Statements of the dashboard, in the SQL both databases share."""

from __future__ import annotations

from storage.sql_desk import BLIND, WHEN

DAYS = """
SELECT day, label, SUM(mentions) FROM tallies WHERE brand = ? AND day >= ? AND day < ? AND left_out = ''
GROUP BY day, label"""
STRETCH = """
SELECT COALESCE(label, ''), COUNT(*) FROM mentions
WHERE brand = ? AND at >= ? AND at < ? AND matched = 1 AND left_out = '' GROUP BY label"""

# The order of the tables keeps SQLite from reading all of the brand's mentions.
ANSWERED = f"""
SELECT {WHEN}, c.answered_at, c.due_at FROM cases c CROSS JOIN mentions m
WHERE m.id = c.mention_id AND c.brand = ? AND c.answered_at >= ? AND c.answered_at < ?
ORDER BY c.answered_at DESC, c.mention_id LIMIT ?"""

# The newest are chosen on an index alone, before their texts are read.
SAID = f"""
SELECT m.id, m.post_id, m.voice, m.language, m.source, p.thread, p.story, p.title, p.text
FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.seq IN (
    SELECT c.seq FROM mentions c WHERE c.brand = ? AND c.at >= ? AND c.at < ? AND c.matched = 1 AND c.left_out = ''
        AND c.label = ? ORDER BY c.at DESC, c.seq DESC LIMIT ?)
    AND p.deleted_at IS NULL AND NOT {BLIND} AND m.label = COALESCE((
        SELECT r.label FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL
        ORDER BY r.reviewed_at DESC, r.id DESC LIMIT 1), m.label)
ORDER BY m.at DESC, m.seq DESC"""
