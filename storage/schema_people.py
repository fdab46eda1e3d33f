"""What `storage.schema` adds for the people behind mentions; released, so never changed.

Notes stand by themselves: that somebody wants to be left alone must outlive all else that is known of them.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE author_notes (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    author_id TEXT NOT NULL,
    brand TEXT NOT NULL,
    what TEXT NOT NULL,
    happened_at TEXT NOT NULL,
    who TEXT NOT NULL,
    undone_at TEXT,
    undone_by TEXT NOT NULL
);
CREATE INDEX author_notes_by_author ON author_notes (author_id, brand);
CREATE INDEX authors_opted_out ON author_notes (brand, author_id) WHERE what = 'opted_out' AND undone_at IS NULL;

CREATE TABLE answers_at (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    mention_id TEXT NOT NULL REFERENCES mentions (id),
    brand TEXT NOT NULL,
    url TEXT NOT NULL,
    set_at TEXT NOT NULL,
    who TEXT NOT NULL
);
CREATE INDEX answers_at_by_mention ON answers_at (mention_id, seq);
CREATE INDEX answers_at_by_brand ON answers_at (brand, seq);

CREATE TABLE permissions (
    seq {serial},
    id TEXT NOT NULL UNIQUE,
    mention_id TEXT NOT NULL REFERENCES mentions (id),
    state TEXT NOT NULL,
    set_at TEXT NOT NULL,
    who TEXT NOT NULL
);
CREATE INDEX permissions_by_mention ON permissions (mention_id, seq);
CREATE INDEX permissions_by_state ON permissions (state, seq);

CREATE INDEX cases_by_answer ON cases (brand, answered_at, mention_id) WHERE answered_at IS NOT NULL;
CREATE INDEX cases_by_answered_voice ON cases (voice, answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX mentions_of_praise ON mentions (brand, voice, at, matched, left_out, label)
    WHERE matched = 1 AND left_out = '' AND label = 'promoter' AND voice > 0
"""
