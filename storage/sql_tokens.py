"""Statements of programs that ask at the desk, in the SQL both databases share."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records_desk import User
from storage.records_scoring import Review
from storage.sql_desk import BLIND, marks
from storage.sql_pull import columns

_COLUMNS = "t.id, t.user_name, t.about, t.made_at, t.used_on, t.revoked_at"

ADD_TOKEN = "INSERT INTO tokens (id, user_name, about, made_at, used_on, revoked_at) VALUES (?, ?, ?, ?, ?, ?)"
TOKEN = f"""
SELECT {_COLUMNS}, {columns(User, "u.")} FROM tokens t JOIN users u ON u.name = t.user_name
WHERE t.id = ? AND t.revoked_at IS NULL AND u.disabled_at IS NULL"""
TOUCH_TOKEN = "UPDATE tokens SET used_on = ? WHERE id = ? AND used_on < ?"
TOKENS = f"SELECT {_COLUMNS} FROM tokens t ORDER BY t.made_at, t.id"
TOKENS_OF = f"""
SELECT {_COLUMNS} FROM tokens t WHERE t.user_name = (SELECT name FROM users WHERE folded = ?)
ORDER BY t.made_at, t.id"""
REVOKE_TOKEN = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"

RUNS = "SELECT outcome, SUM(runs) FROM coverage GROUP BY outcome"
DELIVERIES = "SELECT state, COUNT(*) FROM deliveries GROUP BY state"
OLDEST_WAITING = """
SELECT MIN(a.raised_at) FROM deliveries d JOIN alerts a ON a.id = d.alert_id WHERE d.state = 'waiting'"""
# Posts and mentions are never deleted, and counting a million of them takes a tenth of a second.
STORED = """
SELECT (SELECT COALESCE(MAX(seq), 0) FROM posts), (SELECT COALESCE(MAX(seq), 0) FROM mentions),
    (SELECT COUNT(*) FROM alerts)"""
LATE_WATCHES = """
SELECT kind, COUNT(*), MIN(next_due) FROM watches WHERE active = 1 AND closed = '' AND next_due <= ?
GROUP BY kind ORDER BY kind"""


def reviews(brands: Sequence[str]) -> str:
    """Values: the brands, then the time and id to go on behind, then the limit."""
    among = f"m.brand IN ({marks(brands)}) AND" if brands else ""
    return f"""
SELECT m.brand, {columns(Review, "r.")} FROM reviews r JOIN mentions m ON m.id = r.mention_id
WHERE {among} (r.reviewed_at, r.id) < (?, ?) AND NOT {BLIND}
ORDER BY r.reviewed_at DESC, r.id DESC LIMIT ?"""
