"""Statements of rules that look at what is stored, in the SQL both databases share."""

from __future__ import annotations

_COUNTED = "m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND m.left_out = '' AND m.backfill = 0"
_FIRST = "CASE WHEN p.story IN ('', p.id) THEN 1 ELSE 0 END"

COUNT_DAY = f"""
INSERT INTO hourly (brand, hour, source, mentions, stories)
SELECT m.brand, substr(m.at, 1, 13), m.source, COUNT(*), SUM({_FIRST}) FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE {_COUNTED} AND m.found_at < ? GROUP BY m.brand, substr(m.at, 1, 13), m.source"""
CLOSE_DAY = "INSERT INTO counted_days (brand, day) VALUES (?, ?) ON CONFLICT (brand, day) DO NOTHING"
COUNTED_DAYS = "SELECT day FROM counted_days WHERE brand = ? AND day >= ? AND day < ?"
HOURS = """
SELECT hour, source, mentions, stories FROM hourly WHERE brand = ? AND hour >= ? AND hour < ? ORDER BY hour, source"""

HEAR = "INSERT INTO heard_hours (source, hour) VALUES (?, ?) ON CONFLICT (source, hour) DO NOTHING"
HEARD = "SELECT source, hour FROM heard_hours WHERE hour >= ? AND hour < ? ORDER BY hour, source"
FORGET_HEARD = "DELETE FROM heard_hours WHERE hour < ?"

SAID = f"""
SELECT m.at, m.found_at, m.source, m.voice, COALESCE(NULLIF(p.story, ''), p.id), {_FIRST}
FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE {_COUNTED} AND m.found_at <= ? ORDER BY m.at DESC LIMIT ?"""
