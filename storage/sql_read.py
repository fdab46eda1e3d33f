"""Statements of those who report, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Mention, Post, Score
from storage.sql_pull import columns

# The few are chosen on the index alone, before their texts are read; more than are wanted, as some were taken away.
FINDINGS = f"""
SELECT {columns(Mention, "m.")}, {columns(Post, "p.")}
FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.seq IN (
    SELECT c.seq FROM mentions c WHERE c.brand = ? AND c.at >= ? AND c.at < ? AND c.matched = 1 AND c.left_out = ''
        {{among}} ORDER BY c.confidence DESC, c.at DESC, c.seq LIMIT ?)
ORDER BY m.confidence DESC, m.at DESC, m.seq"""
POSTS = f"SELECT seq, {columns(Post)} FROM posts WHERE seq < ? ORDER BY seq DESC LIMIT ?"
POSTS_OF = f"SELECT {columns(Post)} FROM posts WHERE id IN ({{marks}})"
COVERAGE = "SELECT source, day, outcome, runs FROM coverage WHERE day >= ? AND day <= ? ORDER BY source, day, outcome"
COUNT = "SELECT COUNT(*) FROM {table}"
SCORES_OF = f"SELECT {columns(Score)} FROM scores WHERE mention_id = ? ORDER BY seq"
MENTION = f"SELECT {columns(Mention)} FROM mentions WHERE id = ?"
REVISIONS = "SELECT COUNT(*) FROM revisions WHERE post_id = ?"
UNDATED = "SELECT COUNT(*) FROM mentions WHERE brand = ? AND at IS NULL AND matched = 1"
