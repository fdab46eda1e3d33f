"""Append-only migrations, in the DDL both databases understand.

`{serial}` is an ever growing integer key in the database's own words. A migration, once released, is never changed and
never imports live code; a later one repairs it.
"""

from __future__ import annotations

from typing import NamedTuple

from storage import schema_desk, schema_machines, schema_nps, schema_people, schema_rules, schema_tokens


class Migration(NamedTuple):
    name: str
    statements: tuple[str, ...]


def _statements(script: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in script.split(";") if part.strip())


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "0001_from_feed_to_report",
        _statements("""
CREATE TABLE watches (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    term TEXT NOT NULL,
    active INTEGER NOT NULL,
    baseline INTEGER NOT NULL,
    cursor TEXT NOT NULL,
    validators_url TEXT NOT NULL,
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    next_due TEXT NOT NULL,
    failures INTEGER NOT NULL,
    last_run_at TEXT,
    last_outcome TEXT NOT NULL,
    last_error TEXT NOT NULL,
    heard_at TEXT,
    news_at TEXT,
    closed TEXT NOT NULL
);
CREATE INDEX watches_due ON watches (next_due) WHERE active = 1 AND closed = '';

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    watch_id TEXT NOT NULL REFERENCES watches (id),
    source TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    read INTEGER NOT NULL,
    new INTEGER NOT NULL,
    edited INTEGER NOT NULL,
    mentions INTEGER NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX runs_by_watch ON runs (watch_id, started_at);

CREATE TABLE coverage (
    source TEXT NOT NULL,
    day TEXT NOT NULL,
    outcome TEXT NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (source, day, outcome)
);

CREATE TABLE authors (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    reach BIGINT,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    standing TEXT NOT NULL
);

CREATE TABLE posts (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    source TEXT NOT NULL,
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    raw TEXT NOT NULL,
    markup TEXT NOT NULL,
    author_id TEXT REFERENCES authors (id),
    author TEXT NOT NULL,
    at TEXT,
    dated TEXT NOT NULL,
    published_at TEXT,
    first_seen_at TEXT NOT NULL,
    edited_at TEXT,
    deleted_at TEXT,
    genre TEXT NOT NULL,
    rating DOUBLE PRECISION,
    rating_scale DOUBLE PRECISION,
    language TEXT NOT NULL,
    thread TEXT NOT NULL,
    reach TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);

CREATE TABLE revisions (
    post_id TEXT NOT NULL REFERENCES posts (id),
    replaced_at TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    raw TEXT NOT NULL,
    rating DOUBLE PRECISION,
    PRIMARY KEY (post_id, replaced_at)
);

CREATE TABLE mentions (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    post_id TEXT NOT NULL REFERENCES posts (id),
    brand TEXT NOT NULL,
    source TEXT NOT NULL,
    author_id TEXT,
    at TEXT,
    found_at TEXT NOT NULL,
    genre TEXT NOT NULL,
    why TEXT NOT NULL,
    label TEXT,
    value DOUBLE PRECISION NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    language TEXT NOT NULL,
    unscored TEXT NOT NULL,
    scorer TEXT NOT NULL,
    backfill INTEGER NOT NULL,
    matched INTEGER NOT NULL
);
CREATE INDEX mentions_by_brand ON mentions (brand, at);

CREATE TABLE scores (
    seq {serial},
    mention_id TEXT NOT NULL REFERENCES mentions (id),
    scored_at TEXT NOT NULL,
    scorer TEXT NOT NULL,
    label TEXT,
    value DOUBLE PRECISION NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    language TEXT NOT NULL,
    unscored TEXT NOT NULL,
    probabilities TEXT NOT NULL,
    explanation TEXT NOT NULL
);
CREATE INDEX scores_by_mention ON scores (mention_id);

CREATE TABLE audits (
    id TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    seed TEXT NOT NULL,
    size INTEGER NOT NULL,
    population INTEGER NOT NULL,
    drawn_at TEXT NOT NULL
);
CREATE TABLE audit_draws (
    audit_id TEXT NOT NULL REFERENCES audits (id),
    mention_id TEXT NOT NULL REFERENCES mentions (id),
    stratum TEXT NOT NULL,
    inclusion_prob DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (audit_id, mention_id)
);

CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    mention_id TEXT NOT NULL REFERENCES mentions (id),
    label TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    reviewed_at TEXT NOT NULL,
    sampled_by TEXT NOT NULL,
    inclusion_prob DOUBLE PRECISION,
    audit_id TEXT REFERENCES audits (id),
    undone_at TEXT
);
CREATE INDEX reviews_by_mention ON reviews (mention_id);

CREATE TABLE cases (
    mention_id TEXT PRIMARY KEY REFERENCES mentions (id),
    state TEXT NOT NULL,
    assignee TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    due_at TEXT,
    answered_at TEXT,
    snoozed_until TEXT,
    claimed_by TEXT NOT NULL,
    claimed_until TEXT
);
CREATE INDEX cases_by_state ON cases (state, due_at);
CREATE TABLE case_events (
    seq {serial},
    mention_id TEXT NOT NULL REFERENCES cases (mention_id),
    happened_at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX case_events_by_mention ON case_events (mention_id);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    brand TEXT NOT NULL,
    mention_id TEXT REFERENCES mentions (id),
    raised_at TEXT NOT NULL,
    notice TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (raised_at);
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL REFERENCES alerts (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_try_at TEXT NOT NULL,
    last_error TEXT NOT NULL,
    sent_at TEXT
);
CREATE INDEX deliveries_waiting ON deliveries (channel, next_try_at) WHERE state = 'waiting';
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    open_at TEXT NOT NULL,
    stopped TEXT NOT NULL
)
"""),
    ),
    Migration(
        "0002_source_health_and_deletion",
        _statements("""
ALTER TABLE watches ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE watches ADD COLUMN failing_since TEXT;
ALTER TABLE watches ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';
ALTER TABLE posts ADD COLUMN ref TEXT NOT NULL DEFAULT '';
CREATE INDEX posts_by_author ON posts (author_id);
CREATE INDEX runs_by_time ON runs (started_at);
CREATE INDEX alerts_by_mention ON alerts (mention_id);

CREATE TABLE yields (
    watch_id TEXT NOT NULL REFERENCES watches (id),
    day TEXT NOT NULL,
    posts INTEGER NOT NULL,
    longest_silence DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (watch_id, day)
);
CREATE TABLE sweeps (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    began_at TEXT NOT NULL
)
"""),
    ),
    Migration(
        "0003_scores_that_can_be_defended",
        _statements("""
ALTER TABLE mentions ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE scores ADD COLUMN tags TEXT NOT NULL DEFAULT '';

CREATE TABLE word_rules (
    id TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    word TEXT NOT NULL,
    valence DOUBLE PRECISION NOT NULL,
    added_at TEXT NOT NULL,
    added_by TEXT NOT NULL,
    undone_at TEXT
);
CREATE TABLE calibrations (
    id TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    scorer TEXT NOT NULL,
    fitted_at TEXT NOT NULL,
    labels INTEGER NOT NULL,
    parameters TEXT NOT NULL,
    undone_at TEXT
)
"""),
    ),
    Migration("0004_an_nps_that_means_what_it_says", _statements(schema_nps.SCRIPT)),
    Migration("0005_the_review_desk", _statements(schema_desk.SCRIPT)),
    Migration("0006_people", _statements(schema_people.SCRIPT)),
    Migration("0007_programs_at_the_desk", _statements(schema_tokens.SCRIPT)),
    Migration("0008_rules", _statements(schema_rules.SCRIPT)),
    Migration("0009_many_machines", _statements(schema_machines.SCRIPT)),
)
