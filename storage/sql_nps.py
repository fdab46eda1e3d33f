"""Statements of those who estimate, in the SQL both databases share."""

from __future__ import annotations

from itertools import product

from storage.records import ELIGIBLE, Author, Mention, Post
from storage.records_nps import OPINIONS, Audit, Draw, Seam, StoredReport, Tally
from storage.records_scoring import Review
from storage.sql_pull import columns, insert

_KEYS = "source, genre, language, scorer, left_out, label, unscored"
_ONES = "source, genre, language, scorer, left_out, COALESCE(label, '') AS label, unscored, 1 AS mentions, value"
_OPINIONS = ", ".join(f"'{label}'" for label in OPINIONS)
_ELIGIBLE = ", ".join(f"'{genre}'" for genre in ELIGIBLE)
_WINDOW = "brand = ? AND at >= ? AND at < ? AND matched = 1"

# Whole days (UTC) come from the tallies, what is left at both ends from the mentions themselves.
TALLIES = f"""
SELECT {_KEYS}, SUM(mentions), SUM(value) FROM (
    SELECT {columns(Tally)} FROM tallies WHERE brand = ? AND day >= ? AND day < ?
    UNION ALL SELECT {_ONES} FROM mentions WHERE {_WINDOW}
    UNION ALL SELECT {_ONES} FROM mentions WHERE {_WINDOW}
) AS parts GROUP BY {_KEYS} HAVING SUM(mentions) > 0 ORDER BY {_KEYS}"""

_VOTE = "CASE label WHEN 'promoter' THEN 1 WHEN 'detractor' THEN -1 ELSE 0 END"
BALLOTS = f"""
SELECT whose, COUNT(*), SUM(votes * 1.0 / mentions), SUM(votes * 1.0 * votes / (mentions * mentions)),
    SUM(lean / mentions), SUM(mentions), SUM(mentions * mentions), MAX(mentions),
    SUM(CASE WHEN voice < 0 THEN 1 ELSE 0 END)
FROM (
    SELECT {{by}} AS whose, voice, SUM({_VOTE}) AS votes, COUNT(*) AS mentions, SUM(value) AS lean FROM mentions
    WHERE {_WINDOW} AND left_out = '' AND label IN ({_OPINIONS}) GROUP BY {{group}}
) AS voices GROUP BY whose ORDER BY whose"""

_KINDS = {"own": "", "news": "news", "quarantined": "quarantined"}


def _of_kind(name: str, kind: str) -> str:
    """The votes, opinions and scored mentions of one voice among those left out for `kind`."""
    when = f"CASE WHEN left_out = '{kind}' THEN"
    return (
        f"SUM({when} {_VOTE} ELSE 0 END) AS {name}_votes, "
        f"SUM({when} CASE WHEN label = 'no_opinion' THEN 0 ELSE 1 END ELSE 0 END) AS {name}_opinions, "
        f"SUM({when} 1 ELSE 0 END) AS {name}_scored"
    )


def _variant(news: bool, quarantined: bool, no_opinion: bool) -> str:
    """(votes by voice, total, votes by mention, total) when these kinds count too."""
    kinds = ["own", *["news"] * news, *["quarantined"] * quarantined]
    counted = "scored" if no_opinion else "opinions"
    votes = " + ".join(f"{kind}_votes" for kind in kinds)
    many = " + ".join(f"{kind}_{counted}" for kind in kinds)
    return (
        f"COALESCE(SUM(CASE WHEN {many} > 0 THEN 1 ELSE 0 END), 0), "
        f"COALESCE(SUM(({votes}) * 1.0 / NULLIF({many}, 0)), 0), COALESCE(SUM({many}), 0), COALESCE(SUM({votes}), 0)"
    )


VARIANT_KINDS = tuple(product((False, True), repeat=3))
"""(news, quarantined, no_opinion) of each four columns of `VARIANTS`."""
VARIANTS = f"""
SELECT {", ".join(_variant(*kinds) for kinds in VARIANT_KINDS)}
FROM (
    SELECT voice, {", ".join(_of_kind(name, kind) for name, kind in _KINDS.items())} FROM mentions
    WHERE {_WINDOW} AND left_out IN ('', 'news', 'quarantined') AND label IS NOT NULL GROUP BY voice
) AS voices"""

SET_STANDING = "UPDATE authors SET standing = ? WHERE id = ?"
LEAVE_OUT = f"""
UPDATE mentions SET left_out = CASE WHEN ? <> '' THEN ? WHEN repeats <> '' THEN 'echo'
    WHEN genre NOT IN ({_ELIGIBLE}) THEN genre ELSE '' END
WHERE voice = ?"""
STANDINGS = "SELECT id, standing FROM authors WHERE standing <> '' AND id IN ({marks})"
_COUNTS = """COUNT(m.id), COALESCE(SUM(CASE WHEN m.label = 'promoter' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN m.label = 'passive' THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN m.label = 'detractor' THEN 1 ELSE 0 END), 0)"""
_BY_LABEL = ", ".join(f"SUM(CASE WHEN label = '{label}' THEN 1 ELSE 0 END) AS {label}s" for label in OPINIONS)
SPEAKERS = f"""
SELECT {columns(Author, "a.")}, loud.mentions, loud.promoters, loud.passives, loud.detractors
FROM (
    SELECT voice, COUNT(*) AS mentions, {_BY_LABEL} FROM mentions
    WHERE {_WINDOW} AND voice > 0 GROUP BY voice ORDER BY COUNT(*) DESC, voice LIMIT ?
) AS loud JOIN authors a ON a.id = (SELECT m.author_id FROM mentions m WHERE m.voice = loud.voice LIMIT 1)
ORDER BY loud.mentions DESC, a.id"""
AUTHORS_NAMED = f"""
SELECT {columns(Author, "a.")}, {_COUNTS} FROM authors a LEFT JOIN mentions m ON m.author_id = a.id AND m.matched = 1
WHERE ? IN (LOWER(a.handle), LOWER(a.name)) OR ? IN (a.handle, a.name, a.id)
GROUP BY {columns(Author, "a.")} ORDER BY COUNT(m.id) DESC, a.id LIMIT ?"""

FRAME = """
SELECT m.id, m.seq, m.voice, m.label, m.value FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.seq > ? AND m.matched = 1 AND m.left_out = ''
    AND p.deleted_at IS NULL
ORDER BY m.seq"""
ADD_AUDIT = insert("audits", Audit, "ON CONFLICT (id) DO NOTHING")
ADD_DRAW = insert("audit_draws", Draw, "")
_AUDITED = """EXISTS (
    SELECT 1 FROM reviews r WHERE r.mention_id = m.id AND r.sampled_by = 'audit' AND r.undone_at IS NULL)"""
AUDITS = f"""
SELECT {columns(Audit, "a.")}, COALESCE(SUM(CASE WHEN {_AUDITED} THEN 1 ELSE 0 END), 0),
    COALESCE(SUM(CASE WHEN p.deleted_at IS NOT NULL AND NOT {_AUDITED} THEN 1 ELSE 0 END), 0)
FROM audits a LEFT JOIN audit_draws d ON d.audit_id = a.id LEFT JOIN mentions m ON m.id = d.mention_id
    LEFT JOIN posts p ON p.id = m.post_id
WHERE (? = '' OR a.brand = ?) GROUP BY {columns(Audit, "a.")} ORDER BY a.drawn_at DESC, a.id"""


def _last(condition: str) -> str:
    """The label that a person gave last to mention `m`."""
    return (
        f"SELECT r.label FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL {condition} "
        "ORDER BY r.reviewed_at DESC, r.id DESC LIMIT 1"
    )


_BY_AUDIT = "AND r.sampled_by = 'audit'"
DRAWN = f"""
SELECT {columns(Draw, "d.")}, {columns(Mention, "m.")}, {columns(Post, "p.")}, COALESCE(({_last(_BY_AUDIT)}), '')
FROM audit_draws d JOIN audits a ON a.id = d.audit_id JOIN mentions m ON m.id = d.mention_id
    JOIN posts p ON p.id = m.post_id
WHERE (? = '' OR a.brand = ?) AND (? = '' OR a.id = ?) AND (? = 0 OR (p.deleted_at IS NULL AND NOT {_AUDITED}))
ORDER BY a.drawn_at DESC, a.id, m.id LIMIT ?"""


DRAWS_OF = f"""
SELECT {columns(Draw, "d.")} FROM audit_draws d JOIN audits a ON a.id = d.audit_id
WHERE d.mention_id IN ({{marks}}) ORDER BY a.drawn_at DESC, a.id"""
REVIEWS_OF = f"SELECT {columns(Review)} FROM reviews WHERE mention_id IN ({{marks}}) ORDER BY reviewed_at, id"


def _others(condition: str) -> str:
    """How many eligible mentions the voice of mention `m` has in the window."""
    return f"""(SELECT COUNT(*) FROM mentions o WHERE o.voice = m.voice AND o.brand = m.brand AND o.at >= ? AND o.at < ?
        AND o.matched = 1 AND o.left_out = '' {condition})"""


def _audited(audit: str, stratum: str, probability: str, condition: str, tables: str) -> str:
    return f"""
SELECT {audit}, m.id, m.seq, m.at, {stratum}, {probability}, ({_last(condition)}), m.label, m.value, m.voice,
    {_others("")}, {_others(f"AND o.label IN ({_OPINIONS})")},
    (SELECT MAX(r.reviewed_at) FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL {condition}), m.scorer
FROM {tables} WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND m.left_out = ''"""


AUDITED = (
    _audited(
        "d.audit_id", "d.stratum", "d.inclusion_prob", _BY_AUDIT, "audit_draws d JOIN mentions m ON m.id = d.mention_id"
    )
    + f" AND {_AUDITED} ORDER BY m.id, d.audit_id"
)
CENSUS = _audited("''", "''", "1.0", "", "mentions m") + " AND m.label = 'detractor' ORDER BY m.id"
UNREVIEWED = """
SELECT 1 FROM mentions m WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND m.left_out = ''
    AND m.label = 'detractor'
    AND NOT EXISTS (SELECT 1 FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL) LIMIT 1"""
COVERED = f"SELECT COUNT(*) FROM mentions WHERE {_WINDOW} AND left_out = '' AND ({{frames}})"
IN_FRAME = "(at >= ? AND at < ? AND seq > ? AND seq <= ?)"

_OF_POST = "m.id >= p.id || '-' AND m.id < p.id || '.'"
_TOLD_AGAIN = "p.story <> '' AND p.story <> p.id"
STORYLESS = """
SELECT p.id, p.title, p.text, p.first_seen_at, p.author_id FROM posts p
WHERE p.seq > ? AND p.seq <= ? AND p.story = '' AND p.deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM mentions m WHERE m.id >= p.id || '-' AND m.id < p.id || '.')
ORDER BY p.seq LIMIT ?"""
PLACE = "SELECT seq FROM posts WHERE id = ?"
LAST_POST = "SELECT COALESCE(MAX(seq), 0) FROM posts"
ALIKE = """
SELECT b.band, s.post_id, s.sketch FROM bands b JOIN sketches s ON s.post_id = b.post_id
WHERE b.band IN ({marks}) ORDER BY s.at, s.post_id"""
ADD_SKETCH = "INSERT INTO sketches (post_id, at, sketch, bands) VALUES (?, ?, ?, ?) ON CONFLICT (post_id) DO NOTHING"
ADD_BAND = "INSERT INTO bands (band, post_id) VALUES (?, ?) ON CONFLICT (band, post_id) DO NOTHING"
SET_STORY = "UPDATE posts SET story = ? WHERE id = ?"
ITS_MENTIONS = "SELECT id, seq, brand, voice, source FROM mentions WHERE id >= ? AND id < ?"
_FIRST = "m.repeats = '' AND m.seq < ? ORDER BY m.seq LIMIT 1"
TOLD_BEFORE = f"""
SELECT m.id FROM mentions m JOIN posts p ON p.id = m.post_id
WHERE m.voice = ? AND p.story = ? AND m.brand = ? AND {_FIRST}"""
# The order of the tables, and the expression, keep SQLite from reading all of the brand's mentions.
TOLD_UNSIGNED = f"""
SELECT m.id FROM posts p CROSS JOIN mentions m
WHERE {_OF_POST} AND (p.id = ? OR (p.story = ? AND {_TOLD_AGAIN})) AND m.voice < 0 AND m.source = ?
    AND m.brand || '' = ? AND {_FIRST}"""
REPEAT = """
UPDATE mentions SET repeats = ?, left_out = CASE WHEN left_out = '' THEN 'echo' ELSE left_out END WHERE id = ?"""
OLD_SKETCHES = "SELECT post_id, bands FROM sketches WHERE at < ? ORDER BY at LIMIT ?"
DROP_BAND = "DELETE FROM bands WHERE band = ? AND post_id = ?"
DROP_SKETCH = "DELETE FROM sketches WHERE post_id = ?"
STORIES = f"""
SELECT p.story, COUNT(*), COUNT(DISTINCT m.voice) FROM posts p JOIN mentions m ON {_OF_POST}
WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND (
    p.id IN (SELECT p.story FROM posts p WHERE p.at >= ? AND p.at < ? AND {_TOLD_AGAIN})
    OR (p.at >= ? AND p.at < ? AND {_TOLD_AGAIN}))
GROUP BY p.story HAVING COUNT(*) > 1 ORDER BY COUNT(*) DESC, p.story LIMIT ?"""

LAST_STATE = "SELECT now_is FROM seams WHERE brand = ? AND what = ? ORDER BY noted_at DESC LIMIT 1"
ADD_SEAM = insert("seams", Seam, "ON CONFLICT (brand, what, noted_at) DO NOTHING")
SEAMS = f"""
SELECT {columns(Seam, "s.")} FROM seams s
WHERE s.brand = ? AND s.noted_at >= ? AND s.noted_at < ?
    AND EXISTS (SELECT 1 FROM seams b WHERE b.brand = s.brand AND b.what = s.what AND b.noted_at < s.noted_at)
ORDER BY s.noted_at, s.what"""
ADD_REPORT = insert("reports", StoredReport, "ON CONFLICT (id) DO NOTHING")
REPORT = f"SELECT {columns(StoredReport)} FROM reports WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"
REPORTS = """
SELECT id, brands, since, until, form, made_at, fingerprint, '' FROM reports ORDER BY made_at DESC, id LIMIT ?"""
