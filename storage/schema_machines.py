"""What `storage.schema` adds for many machines on one database; released, so never changed.

`hosts` says when each host may be asked again, in seconds since 1970 by the database's clock, `transfers` where the
rows came from that another database held before.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE hosts (
    lane TEXT PRIMARY KEY,
    free_at DOUBLE PRECISION NOT NULL,
    closed_until DOUBLE PRECISION NOT NULL
);
CREATE TABLE transfers (
    place TEXT PRIMARY KEY,
    began_at TEXT NOT NULL,
    ended_at TEXT
)
"""
