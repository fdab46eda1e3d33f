"""What `storage.schema` adds for the review desk; released, so never changed.

The tables of cases that 0001 made were never written to, so they are made anew.
"""

from __future__ import annotations

SCRIPT = """
DROP TABLE case_events;
DROP TABLE cases;
CREATE TABLE cases (
    mention_id TEXT PRIMARY KEY REFERENCES mentions (id),
    brand TEXT NOT NULL,
    state TEXT NOT NULL,
    assignee TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    due_at TEXT,
    urgent_at TEXT NOT NULL,
    answered_at TEXT,
    thanked_at TEXT,
    snoozed_until TEXT,
    claimed_by TEXT NOT NULL,
    claimed_until TEXT,
    flagged INTEGER NOT NULL,
    reminded_at TEXT,
    voice BIGINT NOT NULL
);
CREATE INDEX cases_by_urgency ON cases (urgent_at, mention_id, snoozed_until)
    WHERE state IN ('new', 'assigned', 'waiting');
CREATE INDEX cases_by_brand ON cases (brand, urgent_at, mention_id, snoozed_until)
    WHERE state IN ('new', 'assigned', 'waiting');
CREATE INDEX cases_by_time ON cases (due_at, state, snoozed_until) WHERE state IN ('new', 'assigned', 'waiting');
CREATE INDEX cases_asleep ON cases (snoozed_until, brand, state)
    WHERE state IN ('new', 'assigned', 'waiting') AND snoozed_until IS NOT NULL;
CREATE INDEX cases_to_remind ON cases (due_at)
    WHERE state IN ('new', 'assigned', 'waiting') AND reminded_at IS NULL;
CREATE INDEX cases_answered ON cases (voice) WHERE state = 'answered';

CREATE TABLE case_counts (
    brand TEXT NOT NULL,
    state TEXT NOT NULL,
    cases BIGINT NOT NULL,
    PRIMARY KEY (brand, state)
);

CREATE TABLE case_events (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    mention_id TEXT NOT NULL REFERENCES cases (mention_id),
    happened_at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    before TEXT NOT NULL,
    undone_at TEXT
);
CREATE INDEX case_events_by_mention ON case_events (mention_id);
CREATE INDEX case_events_by_person ON case_events (who, happened_at) WHERE undone_at IS NULL;

CREATE INDEX mentions_newest ON mentions (COALESCE(at, found_at), seq) WHERE matched = 1;
CREATE INDEX mentions_newest_by_brand ON mentions (brand, COALESCE(at, found_at), seq) WHERE matched = 1;
CREATE INDEX posts_by_thread ON posts (thread, seq) WHERE thread <> '';
CREATE INDEX audits_by_time ON audits (drawn_at, id);
CREATE INDEX reviews_of_audits ON reviews (mention_id) WHERE sampled_by = 'audit' AND undone_at IS NULL;

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    added_at TEXT NOT NULL,
    disabled_at TEXT,
    folded TEXT NOT NULL UNIQUE
);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES users (name),
    began_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    ends_at TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_end ON sessions (ends_at);
CREATE TABLE logins (
    seq {serial},
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    happened_at TEXT NOT NULL,
    good INTEGER NOT NULL
);
CREATE INDEX logins_by_name ON logins (name, happened_at);
CREATE INDEX logins_by_address ON logins (address, happened_at);
CREATE INDEX logins_by_time ON logins (happened_at);
CREATE TABLE views (
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    query TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (owner, name)
)
"""
