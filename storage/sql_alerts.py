"""Statements of those who deliver, in the SQL both databases share."""

from __future__ import annotations

from storage.records import Alert, Delivery, DeliveryState
from storage.sql_pull import columns

_COLUMNS = f"{columns(Delivery, 'd.')}, {columns(Alert, 'a.')}"
_OUTGOING = f"SELECT {_COLUMNS} FROM deliveries d JOIN alerts a ON a.id = d.alert_id"
# Chosen along their index: to sort a hundred thousand for the first two thousand would take its time each time.
WAITING = f"""{_OUTGOING} WHERE d.id IN (
    SELECT id FROM deliveries WHERE channel = ? AND state = 'waiting' AND next_try_at <= ?
    ORDER BY next_try_at LIMIT ?)
ORDER BY a.raised_at, d.id"""
DELIVERY = f"{_OUTGOING} WHERE d.id = ?"
RECORD_ATTEMPT = """
UPDATE deliveries SET attempts = attempts + 1, state = ?, next_try_at = ?, last_error = ?, sent_at = ? WHERE id = ?"""
TELL_IN_DIGEST = """
UPDATE deliveries SET attempts = attempts + 1, state = 'sent', last_error = 'told in a digest', sent_at = ?
WHERE id = ?"""
HOLD = "UPDATE deliveries SET next_try_at = ? WHERE id = ? AND state = 'waiting' AND next_try_at < ?"
DROP = "UPDATE deliveries SET state = 'dropped', last_error = ? WHERE id = ? AND state IN ('waiting', 'dead')"
REPLAY_ONE = """
UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE id = ? AND state IN ('dead', 'dropped')"""
REPLAY_ALL = "UPDATE deliveries SET state = 'waiting', attempts = 0, next_try_at = ? WHERE state = 'dead'"
COUNTS = "SELECT channel, state, COUNT(*) FROM deliveries GROUP BY channel, state"
COUNTS_OF = "SELECT channel, state, COUNT(*) FROM deliveries WHERE state = ? GROUP BY channel, state"
# A channel that wants to be left alone has nothing due before its time.
NEXT_DELIVERY = """
SELECT MIN(CASE WHEN c.open_at > w.at THEN c.open_at ELSE w.at END)
FROM (SELECT channel, MIN(next_try_at) AS at FROM deliveries WHERE state = 'waiting' GROUP BY channel) w
LEFT JOIN channels c ON c.name = w.channel AND c.stopped = ''"""
CHANNEL = "SELECT open_at, stopped FROM channels WHERE name = ?"
SET_CHANNEL = """
INSERT INTO channels (name, open_at, stopped) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET open_at = excluded.open_at, stopped = excluded.stopped"""


MANY = 20_000
"""So many deliveries are no longer put in order one by one for a page of them."""


def count(channel: str, state: DeliveryState | None) -> str:
    """Up to MANY. Values: the channel and the state, if given."""
    return (
        f"SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE 1 = 1 {_among(channel, state)}LIMIT {MANY}) AS counted"
    )


def page(channel: str, state: DeliveryState | None, *, few: bool) -> str:
    """Values: the time twice and the id to go on behind, the channel and the state if given, the limit.

    Chosen by their keys before their texts are read: of `few` along an index of their own, else along the alerts."""
    tables = "deliveries d CROSS JOIN alerts a" if few else "alerts a CROSS JOIN deliveries d"
    among = _among(channel, state, "" if few else "+")
    chosen = f"""SELECT d.id FROM {tables}
WHERE a.id = d.alert_id AND a.raised_at <= ? AND (a.raised_at, d.id) < (?, ?) {among}
ORDER BY a.raised_at DESC, d.id DESC LIMIT ?"""
    return f"{_OUTGOING} WHERE d.id IN ({chosen}) ORDER BY a.raised_at DESC, d.id DESC"


def _among(channel: str, state: DeliveryState | None, off: str = "") -> str:
    """`off` "+" keeps SQLite from using an index."""
    return f"{f'AND {off}d.channel = ? ' if channel else ''}{f'AND {off}d.state = ? ' if state else ''}"
