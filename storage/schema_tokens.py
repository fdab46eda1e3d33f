"""What `storage.schema` adds for programs that ask at the desk; released, so never changed."""

from __future__ import annotations

SCRIPT = """
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name),
    about TEXT NOT NULL,
    made_at TEXT NOT NULL,
    used_on TEXT NOT NULL,
    revoked_at TEXT
);
CREATE INDEX reviews_by_time ON reviews (reviewed_at, id);
CREATE INDEX deliveries_by_state ON deliveries (state)
"""
