"""What `storage.schema` adds for those who estimate; released, so never changed."""

from __future__ import annotations

INDEXES = (
    """
CREATE INDEX mentions_by_time ON mentions (brand, at, matched, left_out, label, voice, value, confidence, source,
    language)""",
    "CREATE INDEX mentions_by_voice ON mentions (voice, brand, repeats, at)",
)
"""To be made when `voice` and `left_out` of the mentions that are there are known: a third of the time."""

SCRIPT = """
ALTER TABLE posts ADD COLUMN story TEXT NOT NULL DEFAULT '';
CREATE INDEX posts_told_again ON posts (story, author_id) WHERE story <> '' AND story <> id;
CREATE INDEX posts_told_again_by_time ON posts (at, story) WHERE story <> '' AND story <> id;
ALTER TABLE mentions ADD COLUMN voice BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mentions ADD COLUMN left_out TEXT NOT NULL DEFAULT '';
ALTER TABLE mentions ADD COLUMN repeats TEXT NOT NULL DEFAULT '';
DROP INDEX mentions_by_brand;

CREATE TABLE sketches (
    post_id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    sketch TEXT NOT NULL,
    bands TEXT NOT NULL
);
CREATE INDEX sketches_by_time ON sketches (at);
CREATE TABLE bands (
    band BIGINT NOT NULL,
    post_id TEXT NOT NULL REFERENCES sketches (post_id),
    PRIMARY KEY (band, post_id)
);

ALTER TABLE audits ADD COLUMN after_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audits ADD COLUMN upto_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audits ADD COLUMN design TEXT NOT NULL DEFAULT 'sized';
ALTER TABLE audits ADD COLUMN day TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_draws_by_mention ON audit_draws (mention_id);

CREATE TABLE seams (
    brand TEXT NOT NULL,
    what TEXT NOT NULL,
    noted_at TEXT NOT NULL,
    now_is TEXT NOT NULL,
    PRIMARY KEY (brand, what, noted_at)
);
CREATE TABLE reports (
    id TEXT PRIMARY KEY,
    brands TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    form TEXT NOT NULL,
    made_at TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL,
    quotes TEXT NOT NULL
)
"""
