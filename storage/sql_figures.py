"""Statements of the dashboard, in the SQL both databases share."""

from __future__ import annotations

from storage.sql_desk import WHEN

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
