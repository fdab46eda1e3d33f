"""Statements of those who work at the review desk, in the SQL both databases share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.records import Author, Mention, Post, Score
from storage.records_desk import OPEN, Case, CaseEvent, Filter, User, View
from storage.records_scoring import Review
from storage.sql_pull import columns, insert

WHEN = "COALESCE(m.at, m.found_at)"
"""When a mention was published, or found where its date is not to be believed: what lists go by."""

IS_OPEN = f"c.state IN {OPEN}"
IS_AWAKE = "(c.snoozed_until IS NULL OR c.snoozed_until <= ?)"
MOST_OVERDUE = 10_000
"""Further than this they are not counted: every look at the queue asks how many there are."""

_ITS_POST = "SUBSTR(c.mention_id, 1, 20)"
_ITS_MENTIONS = "m.id >= p.id || '-' AND m.id < p.id || '.'"
_HOLDS = "r.mention_id = m.id AND r.undone_at IS NULL"
_LAST = "ORDER BY r.reviewed_at DESC, r.id DESC LIMIT 1"
_AUDITED = f"EXISTS (SELECT 1 FROM reviews r WHERE {_HOLDS} AND r.sampled_by = 'audit')"
BLIND = f"""(EXISTS (SELECT 1 FROM audit_draws d WHERE d.mention_id = m.id) AND NOT {_AUDITED}
    AND EXISTS (SELECT 1 FROM posts b WHERE b.id = m.post_id AND b.deleted_at IS NULL))"""
_LABEL = f"COALESCE((SELECT r.label FROM reviews r WHERE {_HOLDS} {_LAST}), m.label, 'unscored')"


def marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


# -- lists


class Condition(NamedTuple):
    """What a row must be to be shown; `needs` is the table that must be joined for it."""

    sql: str
    values: tuple[object, ...]
    needs: str = "mentions"


class Walk(NamedTuple):
    """A statement whose rows are what is wanted: (key, second key, mention id, 1), in the order of the keys; of a
    `wordy` one the last is the `seq` of the post whose words are still to be looked at. One that stopped at its limit
    ends with (key, second key, "", 0) of the last row it looked at.

    What is not wanted stays in SQLite: each row handed up takes Python's lock again, and beside other threads that can
    take milliseconds."""

    statement: str
    values: tuple[object, ...]


def conditions(wanted: Filter, *, of_cases: bool = False) -> list[Condition]:
    """All that `wanted` asks but brands and text. A mention that waits for its audit is shown under every label, and
    one that nobody has worked on as new and as without a case: a list must not tell what the machine thinks of it."""
    found = []
    for column, values in (("m.source", wanted.sources), ("m.language", wanted.languages)):
        if values:
            found.append(Condition(f"{column} IN ({marks(values)})", values))
    if wanted.labels:
        found.append(Condition(f"({_LABEL} IN ({marks(wanted.labels)}) OR {BLIND})", wanted.labels))
    if wanted.states:
        state = f"COALESCE(c.state, 'none') IN ({marks(wanted.states)})"
        if {"new", "none"} & {*wanted.states} and not of_cases:  # the queue holds nothing without a case
            state = f"({state} OR COALESCE(c.state, 'new') = 'new' AND {BLIND})"
        found.append(Condition(state, wanted.states, "cases"))
    if wanted.assignee:
        found.append(Condition("c.assignee = ?", (wanted.assignee,), "cases"))
    if wanted.rating_at_most is not None:
        stars = "5.0 * p.rating / NULLIF(p.rating_scale, 0)"
        found.append(Condition(f"{stars} <= ?", (wanted.rating_at_most,), "posts"))
    if wanted.since:
        found.append(Condition("m.at >= ?", (wanted.since,)))
    if wanted.until:
        found.append(Condition("m.at < ?", (wanted.until,)))
    return found


_WALK = """
SELECT * FROM (SELECT {row} LIMIT ?) AS looked_at WHERE hit <> 0
UNION ALL SELECT * FROM (SELECT {end} LIMIT 1 OFFSET ?) AS last"""


def hit(asked: Sequence[Condition], shown: str = "1") -> tuple[str, tuple[object, ...]]:
    """A column: `shown` where a row is wanted, else 0."""
    if not asked:
        return shown, ()
    together = " AND ".join(one.sql for one in asked)
    return f"CASE WHEN {together} THEN {shown} ELSE 0 END", tuple(value for one in asked for value in one.values)


def queue_walk(
    asked: Sequence[Condition], brand: str, now: str, after: tuple[str, str], limit: int, wordy: bool
) -> Walk:
    """Open cases that are not snoozed, the most urgent first; `brand` "" of any."""
    shown, values = hit(asked, "p.seq" if wordy else "1")
    needs = {one.needs for one in asked}
    joined = f"""
    {"JOIN mentions m ON m.id = c.mention_id" if "mentions" in needs else ""}
    {f"JOIN posts p ON p.id = {_ITS_POST}" if wordy or "posts" in needs else ""}"""
    walked = f"""
WHERE {IS_OPEN} {"AND c.brand = ?" if brand else ""} AND (c.urgent_at, c.mention_id) > (?, ?) AND {IS_AWAKE}
ORDER BY c.urgent_at, c.mention_id"""
    statement = _WALK.format(
        row=f"c.urgent_at, c.mention_id, c.mention_id, {shown} AS hit FROM cases c {joined} {walked}",
        end=f"c.urgent_at, c.mention_id, '', 0 FROM cases c {walked}",
    )
    bounds = (*((brand,) if brand else ()), *after, now)
    return Walk(statement, (*values, *bounds, limit, *bounds, limit - 1))


def mentions_walk(
    asked: Sequence[Condition],
    brand: str,
    within: tuple[str, str],
    before: tuple[str, int],
    limit: int,
    wordy: bool,
) -> Walk:
    """Matched mentions, the newest first; `within` (since, until) keeps the walk short, "" where it is open."""
    shown, values = hit(asked, "p.seq" if wordy else "1")
    needs = {one.needs for one in asked}
    joined = f"""
    {"LEFT JOIN cases c ON c.mention_id = m.id" if "cases" in needs else ""}
    {"JOIN posts p ON p.id = m.post_id" if wordy or "posts" in needs else ""}"""
    walked = f"""
WHERE m.matched = 1 {"AND m.brand = ?" if brand else ""} AND {WHEN} >= ? AND {WHEN} <= ?
    AND ({WHEN} < ? OR m.seq < ?)
ORDER BY {WHEN} DESC, m.seq DESC"""
    statement = _WALK.format(
        row=f"{WHEN}, m.seq, m.id, {shown} AS hit FROM mentions m {joined} {walked}",
        end=f"{WHEN}, m.seq, '', 0 FROM mentions m {walked}",
    )
    since, until = within
    latest, seq = before
    if until and until <= latest:
        latest, seq = until, 0
    bounds = (*((brand,) if brand else ()), since, latest, latest, seq)
    return Walk(statement, (*values, *bounds, limit, *bounds, limit - 1))


_ITEM = f"""
SELECT {columns(Mention, "m.")}, {columns(Post, "p.")}, {columns(Case, "c.")}, {columns(Review, "r.")}, a.reach,
    CASE WHEN p.deleted_at IS NULL AND NOT {_AUDITED} THEN (
        SELECT d.audit_id FROM audit_draws d JOIN audits u ON u.id = d.audit_id
        WHERE d.mention_id = m.id ORDER BY u.drawn_at DESC, u.id LIMIT 1) END
FROM mentions m JOIN posts p ON p.id = m.post_id LEFT JOIN authors a ON a.id = m.author_id
    LEFT JOIN cases c ON c.mention_id = m.id LEFT JOIN reviews r ON r.id = (SELECT r.id FROM reviews r
        WHERE {_HOLDS} {_LAST})"""
ITEMS = f"{_ITEM} WHERE m.id IN ({{marks}})"
# The newest draws, however many of them are labelled: audits that nobody finishes cost no more each day.
SAMPLE = """
SELECT mention_id FROM (SELECT d.mention_id, CASE WHEN NOT EXISTS (
        SELECT 1 FROM reviews r WHERE r.mention_id = d.mention_id AND r.sampled_by = 'audit' AND r.undone_at IS NULL)
    AND EXISTS (SELECT 1 FROM mentions m JOIN posts p ON p.id = m.post_id
        WHERE m.id = d.mention_id AND p.deleted_at IS NULL) THEN 1 ELSE 0 END AS waits
FROM audits u CROSS JOIN audit_draws d
WHERE d.audit_id = u.id {brands} ORDER BY u.drawn_at DESC, u.id DESC, d.mention_id LIMIT 2000) AS drawn
WHERE waits = 1"""
# (brand, state, how many): what is added up. Cases are counted as they change; the expression keeps SQLite from reading
# all open ones in the order of their brands to find those that are snoozed.
OPEN_COUNTS = f"""
SELECT c.brand, c.state, c.cases FROM case_counts c WHERE {IS_OPEN}
UNION ALL SELECT +c.brand, c.state, -COUNT(*) FROM cases c WHERE {IS_OPEN} AND c.snoozed_until > ?
    GROUP BY +c.brand, c.state
UNION ALL SELECT '', 'overdue', COUNT(*) FROM (
    SELECT 1 FROM cases c WHERE {IS_OPEN} AND c.due_at <= ? AND {IS_AWAKE} LIMIT {MOST_OVERDUE}) late"""

# -- one mention

AUTHOR = f"SELECT {columns(Author)} FROM authors WHERE id = ?"
SCORES = f"SELECT {columns(Score)} FROM scores WHERE mention_id = ? ORDER BY seq"
REVISIONS = "SELECT replaced_at, title, text FROM revisions WHERE post_id = ? ORDER BY replaced_at"
EVENTS = f"SELECT {columns(CaseEvent)} FROM case_events WHERE mention_id = ? ORDER BY seq"
REVIEWS = f"SELECT {columns(Review)} FROM reviews WHERE mention_id = ? ORDER BY reviewed_at, id"
# The newest are chosen on the index alone: some voices have many thousand mentions.
BY_VOICE = """
SELECT m.id FROM mentions m
WHERE m.matched = 1 AND m.id <> ? AND m.seq IN (
    SELECT v.seq FROM mentions v WHERE v.voice = ? AND v.at IS NOT NULL ORDER BY v.at DESC LIMIT 60)
ORDER BY m.at DESC, m.seq DESC LIMIT 20"""
IN_THREAD = f"""
SELECT m.id FROM posts p CROSS JOIN mentions m
WHERE {_ITS_MENTIONS} AND p.thread = ? AND p.thread <> '' AND p.kind = ? AND p.id <> ? AND m.matched = 1
ORDER BY p.seq DESC LIMIT 20"""
TOLD_AGAIN = f"""
SELECT m.id FROM posts p CROSS JOIN mentions m
WHERE {_ITS_MENTIONS} AND p.story = ? AND p.story <> '' AND p.story <> p.id AND p.id <> ? AND m.matched = 1
ORDER BY p.seq DESC LIMIT 20"""
TOLD_FIRST = "SELECT m.id FROM mentions m WHERE m.id >= ? AND m.id < ? AND m.matched = 1"

# -- cases

CASE = f"SELECT {columns(Case)} FROM cases WHERE mention_id = ?"
WITHOUT_CASE = """
SELECT m.id FROM mentions m
WHERE m.id IN ({marks}) AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.mention_id = m.id)"""
OPEN_CASES_OF = f"""
SELECT {columns(Case, "c.")} FROM cases c WHERE c.mention_id >= ? AND c.mention_id < ? AND {IS_OPEN}"""
_CASE_AND_VOICE = f"INSERT INTO cases ({columns(Case)}, voice) SELECT {marks(Case._fields)}, voice FROM mentions"
ADD_CASE = f"{_CASE_AND_VOICE} WHERE id = ? ON CONFLICT (mention_id) DO NOTHING"
"""The case, and its mention's id once more: a mention that is not there gets none."""
SET_CASE = f"""
UPDATE cases SET {", ".join(f"{field} = ?" for field in Case._fields[1:])},
    reminded_at = CASE WHEN ? = 1 THEN reminded_at ELSE NULL END
WHERE mention_id = ?"""
COUNT_CASES = """
INSERT INTO case_counts (brand, state, cases) VALUES (?, ?, ?)
ON CONFLICT (brand, state) DO UPDATE SET cases = case_counts.cases + excluded.cases"""
ADD_EVENT = insert("case_events", CaseEvent, "ON CONFLICT (id) DO NOTHING")
UNDO_EVENT = "UPDATE case_events SET undone_at = ? WHERE mention_id = ? AND id = ? AND undone_at IS NULL"
UNDO_ITS_REVIEW = """
UPDATE reviews SET undone_at = ? WHERE mention_id = ? AND undone_at IS NULL AND EXISTS (
    SELECT 1 FROM case_events e WHERE e.id = ? AND e.who = reviews.reviewer AND e.happened_at = reviews.reviewed_at)"""
CLAIM = """
UPDATE cases SET claimed_by = ?, claimed_until = ?
WHERE mention_id = ? AND (claimed_by = ? OR claimed_by = '' OR claimed_until IS NULL OR claimed_until <= ?)"""
LAST_EVENT = f"""
SELECT {columns(CaseEvent)} FROM case_events WHERE who = ? AND undone_at IS NULL
ORDER BY happened_at DESC, seq DESC LIMIT 1"""
ASLEEP = f"""
SELECT {columns(Case, "c.")} FROM cases c
WHERE {IS_OPEN} AND c.state = 'waiting' AND c.snoozed_until <= ? ORDER BY c.snoozed_until, c.mention_id LIMIT ?"""
_TO_REMIND = f"{IS_OPEN} AND c.reminded_at IS NULL AND {IS_AWAKE}"
OVERDUE = f"""
SELECT c.mention_id FROM cases c
WHERE {_TO_REMIND} AND c.due_at <= ? ORDER BY c.due_at, c.mention_id LIMIT ?"""
REMINDED = f"UPDATE cases AS c SET reminded_at = ? WHERE {_TO_REMIND} AND c.mention_id = ? AND c.due_at = ?"
ANSWERED = f"""
SELECT {columns(Case, "c.")}, c.voice, p.thread, {WHEN}, COALESCE((
    SELECT MAX(e.happened_at) FROM case_events e
    WHERE e.mention_id = c.mention_id AND e.undone_at IS NULL AND e.what IN ('answered', 'thanked')), c.answered_at)
FROM cases c JOIN mentions m ON m.id = c.mention_id JOIN posts p ON p.id = m.post_id
WHERE c.state = 'answered' AND c.voice IN ({{marks}}) AND c.answered_at IS NOT NULL AND p.thread <> ''"""
"""Answered cases of some voices, each with its voice, thread, when its clock began, and when it was last answered."""

# -- who may come in

ADD_USER = f"INSERT INTO users ({columns(User)}, folded) VALUES ({marks(User._fields)}, ?) ON CONFLICT DO NOTHING"
SET_USER = "UPDATE users SET role = ?, password = ?, disabled_at = ? WHERE folded = ?"
USER = f"SELECT {columns(User)} FROM users WHERE folded = ?"
USERS = f"SELECT {columns(User)} FROM users ORDER BY folded"
_SESSION = "id, user_name, began_at, seen_at, ends_at"
ADD_SESSION = f"INSERT INTO sessions ({_SESSION}) VALUES (?, ?, ?, ?, ?)"
SESSION = f"""
SELECT s.id, s.user_name, s.began_at, s.seen_at, s.ends_at, {columns(User, "u.")}
FROM sessions s JOIN users u ON u.name = s.user_name WHERE s.id = ? AND s.ends_at > ? AND u.disabled_at IS NULL"""
TOUCH_SESSION = "UPDATE sessions SET seen_at = ?, ends_at = ? WHERE id = ?"
END_SESSION = "DELETE FROM sessions WHERE id = ?"
END_SESSIONS_OF = "DELETE FROM sessions WHERE user_name = (SELECT name FROM users WHERE folded = ?)"
END_OLD_SESSIONS = "DELETE FROM sessions WHERE ends_at < ?"
NOTE_LOGIN = "INSERT INTO logins (name, address, happened_at, good) VALUES (?, ?, ?, ?)"
FORGET_LOGINS = "DELETE FROM logins WHERE happened_at < ?"
BAD_LOGINS = """
SELECT
    (SELECT COUNT(*) FROM logins l WHERE l.name = ? AND l.happened_at >= ? AND l.good = 0 AND l.seq > COALESCE(
        (SELECT MAX(g.seq) FROM logins g WHERE g.name = ? AND g.good = 1 AND g.happened_at >= ?), 0)),
    (SELECT COUNT(*) FROM logins l WHERE l.address = ? AND l.happened_at >= ? AND l.good = 0)"""

# -- saved views

SAVE_VIEW = insert(
    "views", View, "ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query, saved_at = excluded.saved_at"
)
DROP_VIEW = "DELETE FROM views WHERE name = ? AND owner = ?"
VIEWS = f"SELECT {columns(View)} FROM views WHERE owner IN ('', ?) ORDER BY name, owner"
