"""Statements of those who deliver, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Alert, Delivery
from storage.sql_pull import columns

_OUTGOING = (
    f"SELECT {columns(Delivery, 'd.')}, {columns(Alert, 'a.')} FROM deliveries d JOIN alerts a ON a.id = d.alert_id"
)
WAITING = f"""{_OUTGOING} WHERE d.channel = ? AND d.state = 'waiting' AND d.next_try_at <= ?
ORDER BY a.raised_at, d.id LIMIT ?"""
DELIVERIES = f"{_OUTGOING} ORDER BY a.raised_at DESC, d.id LIMIT ?"
DELIVERIES_IN_STATE = f"{_OUTGOING} WHERE d.state = ? ORDER BY a.raised_at DESC, d.id LIMIT ?"
RECORD_ATTEMPT = """
UPDATE deliveries SET attempts = attempts + 1, state = ?, next_try_at = ?, last_error = ?, sent_at = ? WHERE id = ?"""
REPLAY_ONE = "UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE id = ? AND state = 'dead'"
REPLAY_ALL = "UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE state = 'dead'"
NEXT_DELIVERY = "SELECT MIN(next_try_at) FROM deliveries WHERE state = 'waiting'"
CHANNEL = "SELECT open_at, stopped FROM channels WHERE name = ?"
SET_CHANNEL = """
INSERT INTO channels (name, open_at, stopped) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET open_at = excluded.open_at, stopped = excluded.stopped"""
