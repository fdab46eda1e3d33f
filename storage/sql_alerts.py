"""Statements of those who deliver, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Alert, Delivery, DeliveryState
from storage.sql_pull import columns

_COLUMNS = f"{columns(Delivery, 'd.')}, {columns(Alert, 'a.')}"
_OUTGOING = f"SELECT {_COLUMNS} FROM deliveries d JOIN alerts a ON a.id = d.alert_id"
WAITING = f"""{_OUTGOING} WHERE d.channel = ? AND d.state = 'waiting' AND d.next_try_at <= ?
ORDER BY a.raised_at, d.id LIMIT ?"""
DELIVERY = f"{_OUTGOING} WHERE d.id = ?"
RECORD_ATTEMPT = """
UPDATE deliveries SET attempts = attempts + 1, state = ?, next_try_at = ?, last_error = ?, sent_at = ? WHERE id = ?"""
HOLD = "UPDATE deliveries SET next_try_at = ? WHERE id = ? AND state = 'waiting' AND next_try_at < ?"
DROP = "UPDATE deliveries SET state = 'dropped', last_error = ? WHERE id = ? AND state IN ('waiting', 'dead')"
REPLAY_ONE = """
UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE id = ? AND state IN ('dead', 'dropped')"""
REPLAY_ALL = "UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE state = 'dead'"
COUNTS = "SELECT channel, state, COUNT(*) FROM deliveries GROUP BY channel, state"
COUNTS_OF = "SELECT channel, state, COUNT(*) FROM deliveries WHERE state = ? GROUP BY channel"
# A channel that wants to be left alone has nothing due before its time.
NEXT_DELIVERY = """
SELECT MIN(CASE WHEN c.open_at > w.at THEN c.open_at ELSE w.at END)
FROM (SELECT channel, MIN(next_try_at) AS at FROM deliveries WHERE state = 'waiting' GROUP BY channel) w
LEFT JOIN channels c ON c.name = w.channel AND c.stopped = ''"""
CHANNEL = "SELECT open_at, stopped FROM channels WHERE name = ?"
SET_CHANNEL = """
INSERT INTO channels (name, open_at, stopped) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET open_at = excluded.open_at, stopped = excluded.stopped"""


def page(channel: str, state: DeliveryState | None) -> str:
    """Values: the time twice and the id to go on behind, the channel and the state if given, the limit.

    Chosen by their keys before their texts are read: over the few of a rare state, or along the alerts."""
    rare = state not in (None, "sent")
    tables = (
        "deliveries d CROSS JOIN alerts a ON a.id = d.alert_id"
        if rare
        else "alerts a CROSS JOIN deliveries d ON d.alert_id = a.id"
    )
    among = f"{'AND d.channel = ? ' if channel else ''}{'AND d.state = ? ' if state else ''}"
    chosen = f"""SELECT d.id FROM {tables} WHERE a.raised_at <= ? AND (a.raised_at, d.id) < (?, ?) {among}
ORDER BY a.raised_at DESC, d.id DESC LIMIT ?"""
    return f"{_OUTGOING} WHERE d.id IN ({chosen}) ORDER BY a.raised_at DESC, d.id DESC"
