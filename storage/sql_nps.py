"""Statements of those who estimate, in the SQL both databases share."""

from __future__ import annotations

from collections.abc import Collection
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
_WINDOW_BY_VOICE = "+brand = ? AND +at >= ? AND +at < ? AND matched = 1"
"""The signs, SQLite's own, keep it from its index by time: by voice it groups without sorting, but reads all there is.
"""

# Whole days (UTC) come from the tallies, what is left at both ends from the mentions themselves.
TALLIES = f"""
SELECT {_KEYS}, SUM(mentions), SUM(value) FROM (
    SELECT {columns(Tally)} FROM tallies WHERE brand = ? AND day >= ? AND day < ?
    UNION ALL SELECT {_ONES} FROM mentions WHERE {_WINDOW}
    UNION ALL SELECT {_ONES} FROM mentions WHERE {_WINDOW}
) AS parts GROUP BY {_KEYS} HAVING SUM(mentions) > 0 ORDER BY {_KEYS}"""

_ONE = "CAST(1 AS DOUBLE PRECISION)"
"""What makes a quotient of whole numbers a float; 1.0 would make it one of any precision, and slow, on PostgreSQL."""

_VOTE = "CASE label WHEN 'promoter' THEN 1 WHEN 'detractor' THEN -1 ELSE 0 END"
_BOTH = (False, True)
_SPOKEN = "label <> 'no_opinion'"
"""Has an opinion: what nobody could read (NULL) has none either."""
ELIGIBLE_MENTIONS = f"""
SELECT (SELECT COALESCE(SUM(mentions), 0) FROM tallies WHERE brand = ? AND day >= ? AND day < ? AND left_out = '')
    + (SELECT COUNT(*) FROM mentions WHERE {_WINDOW} AND left_out = '')
    + (SELECT COUNT(*) FROM mentions WHERE {_WINDOW} AND left_out = '')"""


IN_DAYS = "SELECT COALESCE(SUM(mentions), 0) FROM tallies WHERE brand = ? AND day >= ? AND day < ?"


def ballots(by: str, *, voice_by_voice: bool = False) -> str:
    """Grouped only where groups are asked for: with none, sorting the voices once more doubles the time. The row of
    nobody then has no voices. `voice_by_voice` is quicker where a window has most of all mentions."""
    whose, group = (by, "GROUP BY whose ORDER BY whose") if by else ("''", "")
    return f"""
SELECT {"whose" if by else "''"}, COUNT(*), SUM(votes * {_ONE} / mentions),
    SUM(votes * {_ONE} * votes / (mentions * mentions)), SUM(lean / mentions), SUM(mentions), SUM(mentions * mentions),
    MAX(mentions), SUM(CASE WHEN voice < 0 THEN 1 ELSE 0 END)
FROM (
    SELECT {whose} AS whose, voice, SUM({_VOTE}) AS votes, COUNT(*) AS mentions, SUM(value) AS lean FROM mentions
    WHERE {_WINDOW_BY_VOICE if voice_by_voice else _WINDOW} AND left_out = '' AND {_SPOKEN}
    GROUP BY {f"{by}, voice" if by else "voice"}
) AS voices {group}"""


def _of_kind(name: str, kind: str) -> str:
    """The votes, opinions and scored mentions of one voice among those left out for `kind`."""
    own = f"FILTER (WHERE left_out = '{kind}'"
    return (
        f"COALESCE(SUM({_VOTE}) {own}), 0) AS {name}_votes, COUNT(*) {own} AND {_SPOKEN}) AS {name}_opinions, "
        f"COUNT(*) {own}) AS {name}_scored"
    )


def kinds_of(variant: tuple[bool, bool, bool]) -> tuple[str, ...]:
    """What `left_out` may be when (news, quarantined, no_opinion) count."""
    news, quarantined, _ = variant
    return ("", *["news"] * news, *["quarantined"] * quarantined)


def _variant(variant: tuple[bool, bool, bool]) -> str:
    names = [kind or "own" for kind in kinds_of(variant)]
    votes = " + ".join(f"{name}_votes" for name in names)
    many = " + ".join(f"{name}_{'scored' if variant[2] else 'opinions'}" for name in names)
    return f"COUNT(NULLIF({many}, 0)), COALESCE(SUM(({votes}) * {_ONE} / NULLIF({many}, 0)), 0)"


_OWN = f"""COUNT(NULLIF(own_opinions, 0)), SUM(own_votes * {_ONE} / NULLIF(own_opinions, 0)),
    SUM(own_votes * {_ONE} * own_votes / NULLIF(own_opinions * own_opinions, 0)),
    SUM(own_lean / NULLIF(own_opinions, 0)), SUM(own_opinions), SUM(own_opinions * own_opinions), MAX(own_opinions),
    SUM(CASE WHEN voice < 0 AND own_opinions > 0 THEN 1 ELSE 0 END)"""
"""What `ballots` has of those who are not left out."""


def counted(kinds: Collection[str], *, voice_by_voice: bool = False) -> tuple[list[tuple[bool, bool, bool]], str]:
    """(news, quarantined, no_opinion) of each two columns (voices, total of their votes) of the statement, after those
    of the ballots, where of the mentions left out there are only these kinds: what is not there needs no counting.
    `voice_by_voice` as for `ballots`."""
    wanted = list(product(_BOTH[: 1 + ("news" in kinds)], _BOTH[: 1 + ("quarantined" in kinds)], _BOTH))
    there = kinds_of(max(wanted))
    return (
        wanted,
        f"""
SELECT {_OWN}, {", ".join(map(_variant, wanted))}
FROM (
    SELECT voice, SUM(value) FILTER (WHERE left_out = '' AND {_SPOKEN}) AS own_lean,
        {", ".join(_of_kind(kind or "own", kind) for kind in there)} FROM mentions
    WHERE {_WINDOW_BY_VOICE if voice_by_voice else _WINDOW} AND left_out IN ({", ".join(f"'{k}'" for k in there)})
        AND label IS NOT NULL GROUP BY voice
) AS voices""",
    )


VARIANT_KINDS = tuple(product(_BOTH, repeat=3))
"""Every (news, quarantined, no_opinion)."""

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


# By voice, in place of two looks through the window per audit. The expressions keep SQLite from the brand's index.
LOUDNESS = f"""
SELECT voice, COUNT(*), SUM(CASE WHEN label IN ({_OPINIONS}) THEN 1 ELSE 0 END) FROM mentions
WHERE voice IN ({{marks}}) AND +brand = ? AND +at >= ? AND +at < ? AND matched = 1 AND left_out = ''
GROUP BY voice"""


def _audited(audit: str, stratum: str, probability: str, condition: str, tables: str) -> str:
    return f"""
SELECT {audit}, m.id, m.seq, m.at, {stratum}, {probability}, ({_last(condition)}), m.label, m.value, m.voice, 0, 0,
    (SELECT MAX(r.reviewed_at) FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL {condition}), m.scorer
FROM {tables} WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND m.left_out = ''"""


# The order of the tables keeps SQLite from reading all of the window's mentions.
_DRAWS_FIRST = "audit_draws d CROSS JOIN mentions m"
AUDITED = (
    _audited("d.audit_id", "d.stratum", "d.inclusion_prob", _BY_AUDIT, _DRAWS_FIRST)
    + f" AND m.id = d.mention_id AND {_AUDITED} ORDER BY m.id, d.audit_id"
)
CENSUS = _audited("''", "''", "1.0", "", "mentions m") + " AND m.label = 'detractor' ORDER BY m.id"
UNREVIEWED = """
SELECT 1 FROM mentions m WHERE m.brand = ? AND m.at >= ? AND m.at < ? AND m.matched = 1 AND m.left_out = ''
    AND m.label = 'detractor'
    AND NOT EXISTS (SELECT 1 FROM reviews r WHERE r.mention_id = m.id AND r.undone_at IS NULL) LIMIT 1"""
COVERED = f"SELECT COUNT(*) FROM mentions WHERE {_WINDOW} AND left_out = '' AND ({{frames}})"
IN_FRAME = "(at >= ? AND at < ? AND seq > ? AND seq <= ?)"
IN_GAP = """
SELECT COUNT(*) FROM mentions
WHERE seq > ? AND seq <= ? AND +brand = ? AND +at >= ? AND +at < ? AND matched = 1 AND left_out = ''"""
LAST_MENTION = "SELECT COALESCE(MAX(seq), 0) FROM mentions"

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
# Only what could count can be an echo, or have one.
ITS_MENTIONS = f"""
SELECT id, seq, author_id, at FROM mentions
WHERE id >= ? AND id < ? AND +voice > 0 AND at IS NOT NULL AND genre IN ({_ELIGIBLE})"""
# By ids alone: whoever repeats thousands of stories, or one thousands of times, costs no more than others do. What is
# looked at is how the story began and what its teller's last tellings of it repeat.
TOLD_BEFORE = f"""
SELECT m.id FROM (
    SELECT ? AS id
    UNION ALL SELECT id FROM (
        SELECT COALESCE(NULLIF(l.repeats, ''), l.id) AS id FROM posts p CROSS JOIN mentions l
        WHERE p.story = ? AND p.author_id = ? AND {_TOLD_AGAIN} AND p.seq < (SELECT seq FROM posts WHERE id = ?)
            AND l.id = p.id || ?
        ORDER BY p.seq DESC LIMIT 100
    ) AS lately
) AS told CROSS JOIN mentions m
WHERE m.id = told.id AND m.author_id = ? AND m.repeats = '' AND m.seq < ? AND m.at >= ? AND m.at <= ?
    AND m.matched = 1 AND m.genre IN ({_ELIGIBLE}) LIMIT 1"""
REPEAT = """
UPDATE mentions SET repeats = ?, left_out = CASE WHEN left_out = '' THEN 'echo' ELSE left_out END WHERE id = ?"""
OLD_SKETCHES = "SELECT post_id, bands FROM sketches WHERE at < ? ORDER BY at LIMIT ?"
DROP_BAND = "DELETE FROM bands WHERE band = ? AND post_id = ?"
DROP_SKETCH = "DELETE FROM sketches WHERE post_id = ?"
RETOLD = f"""
SELECT p.story, COUNT(*) AS again FROM posts p WHERE p.at >= ? AND p.at < ? AND {_TOLD_AGAIN}
GROUP BY p.story ORDER BY again DESC, p.story"""
STORIES = f"""
SELECT p.story, COUNT(*), COUNT(DISTINCT m.voice) FROM posts p CROSS JOIN mentions m
WHERE {_OF_POST} AND (p.id IN ({{marks}}) OR (p.story IN ({{marks}}) AND {_TOLD_AGAIN}))
    AND +m.brand = ? AND +m.at >= ? AND +m.at < ? AND m.matched = 1
GROUP BY p.story HAVING COUNT(*) > 1"""

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
SELECT id, brands, since, until, form, made_at, fingerprint, '', quotes FROM reports
ORDER BY made_at DESC, id LIMIT ?"""
