"""The tallies as SQLite keeps them: triggers, so that no way to change a mention can forget them."""

from __future__ import annotations

from storage.records import voice_of
from storage.schema_nps import INDEXES

KEYS = ("brand", "day", "source", "genre", "language", "scorer", "left_out", "label", "unscored")


def voice_of_row(author_or_post: str) -> int:
    """`voice_of` as a function of one text: an author's id, or "?" and a post's."""
    unknown = author_or_post.startswith("?")
    return voice_of(None, author_or_post[1:]) if unknown else voice_of(author_or_post, "")


def facts(row: str) -> str:
    own = {"day": f"substr({row}.at, 1, 10)", "label": f"COALESCE({row}.label, '')"}
    return ", ".join(own.get(key, f"{row}.{key}") for key in KEYS)


def counts(row: str) -> str:
    return f"{row}.matched = 1 AND {row}.at IS NOT NULL"


_NAMES = ", ".join(KEYS)
_ADD = f"""
INSERT INTO tallies ({_NAMES}, mentions, value) SELECT {facts("new")}, 1, new.value WHERE {counts("new")}
ON CONFLICT ({_NAMES}) DO UPDATE SET mentions = mentions + 1, value = value + excluded.value"""
_TAKE = f"""
UPDATE tallies SET mentions = mentions - 1, value = value - old.value
WHERE ({_NAMES}) = ({facts("old")}) AND {counts("old")}"""

TABLE = """
CREATE TABLE tallies (
    brand TEXT NOT NULL,
    day TEXT NOT NULL,
    source TEXT NOT NULL,
    genre TEXT NOT NULL,
    language TEXT NOT NULL,
    scorer TEXT NOT NULL,
    left_out TEXT NOT NULL,
    label TEXT NOT NULL,
    unscored TEXT NOT NULL,
    mentions BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (brand, day, source, genre, language, scorer, left_out, label, unscored)
)"""

TALLIES = (
    f"{TABLE} WITHOUT ROWID",
    """
UPDATE mentions SET voice = voice_of(COALESCE(author_id, '?' || post_id)),
    left_out = COALESCE(NULLIF((SELECT standing FROM authors WHERE id = author_id), ''),
        CASE WHEN genre IN ('post', 'comment', 'review', 'answer') THEN '' ELSE genre END)""",
    *INDEXES,
    f"""
INSERT INTO tallies ({_NAMES}, mentions, value)
SELECT {facts("new")}, COUNT(*), SUM(new.value) FROM mentions AS new WHERE {counts("new")}
GROUP BY {facts("new")}""",
    f"CREATE TRIGGER tally_new AFTER INSERT ON mentions BEGIN {_ADD}; END",
    f"""
CREATE TRIGGER tally_changed AFTER UPDATE OF matched, at, source, genre, language, scorer, left_out, label, unscored,
    value ON mentions BEGIN {_TAKE}; {_ADD}; END""",
)
"""Statements of a migration: what is there is counted once, and from then on every change is."""
