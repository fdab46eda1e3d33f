"""What `storage.schema` adds for the rules that look at what is stored; once released, never changed.

Hours are UTC, as 2026-11-22T05. What is counted by hour is counted when the day is over and does not change after.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE heard_hours (
    source TEXT NOT NULL,
    hour TEXT NOT NULL,
    PRIMARY KEY (source, hour)
);
CREATE INDEX heard_hours_by_time ON heard_hours (hour);
INSERT INTO heard_hours (source, hour)
SELECT DISTINCT source, substr(finished_at, 1, 13) FROM runs WHERE outcome <> 'failed';

CREATE TABLE counted_days (
    brand TEXT NOT NULL,
    day TEXT NOT NULL,
    PRIMARY KEY (brand, day)
);
CREATE TABLE hourly (
    brand TEXT NOT NULL,
    hour TEXT NOT NULL,
    source TEXT NOT NULL,
    mentions INTEGER NOT NULL,
    stories INTEGER NOT NULL,
    PRIMARY KEY (brand, hour, source)
);

CREATE TABLE rule_states (
    rule TEXT NOT NULL,
    brand TEXT NOT NULL,
    key TEXT NOT NULL,
    fired_at TEXT NOT NULL,
    told_until TEXT NOT NULL,
    lasting INTEGER NOT NULL,
    acked_at TEXT,
    PRIMARY KEY (rule, brand, key)
);
CREATE TABLE rule_looks (
    rule TEXT NOT NULL,
    brand TEXT NOT NULL,
    slot TEXT NOT NULL,
    PRIMARY KEY (rule, brand)
);
CREATE TABLE snoozes (
    rule TEXT NOT NULL,
    brand TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (rule, brand)
);

CREATE INDEX deliveries_by_alert ON deliveries (alert_id);
CREATE INDEX deliveries_by_channel ON deliveries (channel, state);

DROP INDEX IF EXISTS mentions_by_voice;
CREATE INDEX mentions_by_voice ON mentions (voice, brand, at, matched, left_out, label, value)
"""
