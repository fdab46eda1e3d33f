"""What storing a page means, statement by statement, inside a transaction that the database module has begun."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from connectors.post import short_id
from storage import sql_desk, sql_nps, sql_pull
from storage.records import Alert, Arrival, Author, Delivery, Mention, Run, left_out, mentions_of, moment, stamp
from storage.records_desk import Case, CaseEvent

CHUNK = 100
SPOKEN_TO = timedelta(days=14)
"""How long after an answer its case is reopened when the author posts again in the thread."""


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchmany(self, size: int, /) -> list[Any]: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...

    def close(self) -> None: ...


class Connection(Protocol):
    """sqlite3's, or what is asked as it is."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Any, /) -> object: ...


class Stored(NamedTuple):
    """What is known of a stored post: `source` first brought it."""

    fingerprint: str
    source: str
    deleted_at: str | None


class Answered(NamedTuple):
    """A case with when its clock began and when somebody answered last."""

    case: Case
    began_at: str
    answered_at: str


class Sorted(NamedTuple):
    """The arrivals of a page by what storing them means."""

    new: list[Arrival]
    edited: list[Arrival]
    gone: list[Arrival]


def known(connection: Connection, post_ids: Sequence[str]) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    for start in range(0, len(post_ids), CHUNK):
        chunk = post_ids[start : start + CHUNK]
        statement = sql_pull.KNOWN_POSTS.format(marks=", ".join("?" * len(chunk)))
        found.update((row[0], Stored(*row[1:])) for row in connection.execute(statement, tuple(chunk)))
    return found


def sort_out(connection: Connection, arrivals: Sequence[Arrival]) -> Sorted:
    """Asked inside the transaction, so that two processes with the same page add it once. A source cannot rewrite
    what another one brought, but any of its kind may say that a post is gone; and then it is gone for good."""
    stored = known(connection, [arrival.post.id for arrival in arrivals])
    new: dict[str, Arrival] = {}
    edited: dict[str, Arrival] = {}
    gone: dict[str, Arrival] = {}
    for arrival in arrivals:
        post = arrival.post
        its = stored.get(post.id)
        if its is None:
            if not post.deleted_at:
                new.setdefault(post.id, arrival)
        elif its.deleted_at is None:
            if post.deleted_at:
                gone.setdefault(post.id, arrival)
            elif its.source == post.source and its.fingerprint != post.fingerprint:
                edited.setdefault(post.id, arrival)
    return Sorted(list(new.values()), [one for key, one in edited.items() if key not in gone], list(gone.values()))


def add(connection: Connection, arrivals: Sequence[Arrival], now: str) -> None:
    _add_authors(connection, arrivals)
    connection.executemany(sql_pull.ADD_POST, [arrival.post for arrival in arrivals])
    mentions = [pair for arrival in arrivals for pair in arrival.mentions]
    connection.executemany(sql_pull.ADD_MENTION, _standing(connection, [mention for mention, _ in mentions]))
    connection.executemany(sql_pull.ADD_SCORE, [score for _, score in mentions])
    add_alerts(connection, [raised for arrival in arrivals for raised in arrival.alerts])
    add_cases(connection, [case for arrival in arrivals for case in arrival.cases])
    _reopen(connection, arrivals, now)


def edit(connection: Connection, arrival: Arrival, now: str) -> None:
    """The post keeps its times and its mentions their ids; a brand it no longer names is unmatched, not deleted."""
    post = arrival.post
    connection.execute(sql_pull.KEEP_REVISION, (now, post.id))
    connection.execute(
        sql_pull.EDIT_POST,
        (
            *(post.url, post.title, post.text, post.raw, post.edited_at or now, post.deleted_at),
            *(post.rating, post.language, post.reach, post.fingerprint, post.ref, post.id),
        ),
    )
    (at,) = connection.execute(sql_pull.POST_TIME, (post.id,)).fetchone()
    its = mentions_of(post.id)
    here = {row[0] for row in connection.execute(sql_pull.EXISTING_MENTIONS, its)}
    connection.execute(sql_pull.UNMATCH_MENTIONS, its)
    for mention, score in arrival.mentions:
        if mention.id in here:
            judged = (mention.label, mention.value, mention.confidence, mention.language, mention.unscored)
            connection.execute(
                sql_pull.RESCORE_MENTION, (mention.why, *judged, mention.scorer, mention.tags, mention.id)
            )
        else:
            connection.executemany(sql_pull.ADD_MENTION, _standing(connection, [mention._replace(at=at)]))
        connection.execute(sql_pull.ADD_SCORE, score)
    add_cases(connection, arrival.cases)


def bury(connection: Connection, post_id: str, now: str) -> None:
    """Its words are deleted wherever they are, and its author's name if nothing else of theirs is left. Mentions keep
    their labels, so that no figure of the past changes."""
    its = mentions_of(post_id)
    connection.execute(sql_pull.BURY_POST, (now, post_id))
    connection.execute(sql_pull.BURY_REVISIONS, (post_id,))
    connection.execute(sql_pull.BURY_AUTHOR, (post_id,))
    connection.execute(sql_pull.WITHDRAW_REPORTS, (post_id,))
    _close_cases(connection, its, now)
    _leave_out_of_digests(connection, [json.loads(row[0]) for row in connection.execute(sql_pull.NOTICES, its)])
    for statement in (sql_pull.BURY_SCORES, sql_pull.WITHDRAW_DELIVERIES, sql_pull.BURY_NOTICES):
        connection.execute(statement, its)


def _close_cases(connection: Connection, its: tuple[str, str], now: str) -> None:
    """There is nothing left to answer, and nothing here that could be undone."""
    for case in [Case._make(row) for row in connection.execute(sql_desk.OPEN_CASES_OF, its).fetchall()]:
        closed = case._replace(state="ignored", snoozed_until=None, claimed_by="", claimed_until=None)
        change_case(connection, case, closed, now, "taken away upstream", "", undone_at=now)


def _leave_out_of_digests(connection: Connection, notices: Sequence[dict[str, Any]]) -> None:
    """A digest has a line of each of its surest mentions: the link, and the beginning of the title or text."""
    told = {(notice.get("url", ""), notice.get("title") or notice.get("text", "")) for notice in notices}
    for alert_id, stored in connection.execute(sql_pull.DIGESTS).fetchall() if told else ():
        notice = json.loads(stored)
        digest = notice.get("digest") or {}
        lines = digest.get("surest", [])
        kept = [one for one in lines if not any(_is_about(one, url, words) for url, words in told)]
        if len(kept) < len(lines):
            digest["surest"] = kept
            connection.execute(sql_pull.REWRITE_NOTICE, (json.dumps(notice, ensure_ascii=False), alert_id))


def _is_about(line: dict[str, Any], url: str, words: str) -> bool:
    return bool(line.get("url") == url and words.startswith(line.get("title", "").removesuffix("…")))


def count_yield(connection: Connection, run: Run) -> None:
    """To be called before the run's end is recorded. A first run's posts are history and tell nothing of the pace."""
    before = connection.execute(sql_pull.BEFORE_RUN, (run.watch_id,)).fetchone()
    if before is None or not run.new:
        return
    baseline, heard_at, news_at = before
    if not baseline:
        silence = (moment(heard_at) - moment(news_at)).total_seconds() / 3600 if heard_at and news_at else 0.0
        connection.execute(sql_pull.COUNT_YIELD, (run.watch_id, run.started_at[:10], run.new, max(silence, 0.0)))


def add_alerts(connection: Connection, alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]]) -> None:
    raised = list(alerts)
    connection.executemany(sql_pull.ADD_ALERT, [alert for alert, _ in raised])
    connection.executemany(sql_pull.ADD_DELIVERY, [one for _, deliveries in raised for one in deliveries])


def add_cases(connection: Connection, cases: Iterable[Case]) -> int:
    """How many are new: one that is there stays as it is, and of a mention that is not there is none."""
    wanted = {case.mention_id: case for case in reversed([*cases])}
    added = [wanted[its_id] for its_id in _without_case(connection, tuple(wanted))]
    connection.executemany(sql_desk.ADD_CASE, [(*case, case.mention_id) for case in added])
    counted = Counter((case.brand, case.state) for case in added)
    connection.executemany(sql_desk.COUNT_CASES, [(*key, number) for key, number in counted.items()])
    return len(added)


def _without_case(connection: Connection, mention_ids: Sequence[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(mention_ids), CHUNK):
        chunk = mention_ids[start : start + CHUNK]
        statement = sql_desk.WITHOUT_CASE.format(marks=", ".join("?" * len(chunk)))
        found += [row[0] for row in connection.execute(statement, chunk)]
    return found


def set_case(connection: Connection, before: Case, after: Case) -> None:
    """A case whose time is another one will be reminded of again."""
    same_time = int(before.due_at == after.due_at)
    connection.execute(sql_desk.SET_CASE, (*after[1:], same_time, after.mention_id))
    if (before.brand, before.state) != (after.brand, after.state):
        counted = [(before.brand, before.state, -1), (after.brand, after.state, 1)]
        connection.executemany(sql_desk.COUNT_CASES, counted)


def change_case(
    connection: Connection, before: Case, after: Case, now: str, what: str, detail: str, undone_at: str | None = None
) -> None:
    """What nobody did but time or the author, on record like what people do; with `undone_at`, like what they undid:
    nothing that is still to be undone."""
    set_case(connection, before, after)
    its_id = short_id(before.mention_id, what, now, detail)
    as_json = json.dumps(before._asdict(), ensure_ascii=False)
    event = CaseEvent(its_id, before.mention_id, now, "", what, detail, as_json, undone_at)
    connection.execute(sql_desk.ADD_EVENT, event)


def back_to_work(case: Case) -> Case:
    return case._replace(state="assigned" if case.assignee else "new", snoozed_until=None)


def _reopen(connection: Connection, arrivals: Sequence[Arrival], now: str) -> None:
    """Who posts again where they were answered gets another look: the last answered case of theirs in the thread, its
    clock begun anew."""
    spoken = [(m, one.post.thread) for one in arrivals for m, _ in one.mentions if _may_reopen(m, one)]
    answered = _answered(connection, list({mention.voice for mention, _ in spoken}))
    for mention, thread in spoken:
        known = answered.get((mention.voice, mention.brand, thread))
        at = moment(mention.at or now)
        if known is not None and timedelta() < at - moment(known.answered_at) <= SPOKEN_TO:
            case, later = known.case, at - moment(known.began_at)
            due_at = case.due_at and stamp(moment(case.due_at) + later)
            after = back_to_work(case)._replace(due_at=due_at, urgent_at=stamp(moment(case.urgent_at) + later))
            change_case(connection, case, after, now, "reopened", mention.id)
            del answered[(mention.voice, mention.brand, thread)]


def _answered(connection: Connection, voices: Sequence[int]) -> dict[tuple[int, str, str], Answered]:
    """By voice, brand and thread the case that was answered last."""
    found: dict[tuple[int, str, str], Answered] = {}
    for start in range(0, len(voices), CHUNK):
        chunk = tuple(voices[start : start + CHUNK])
        for row in connection.execute(sql_desk.ANSWERED.format(marks=", ".join("?" * len(chunk))), chunk):
            *fields, voice, thread, began_at, answered_at = row
            one = Answered(Case._make(fields), began_at, answered_at)
            key = (voice, one.case.brand, thread)
            if key not in found or found[key].answered_at < answered_at:
                found[key] = one
    return found


def _may_reopen(mention: Mention, arrival: Arrival) -> bool:
    return bool(mention.author_id and mention.at and arrival.post.thread and not mention.backfill)


def _standing(connection: Connection, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions as they count: those of staff and of quarantined authors are left out."""
    authors = list({mention.author_id for mention in mentions if mention.author_id})
    standings: dict[str, str] = {}
    for start in range(0, len(authors), CHUNK):
        chunk = authors[start : start + CHUNK]
        standings.update(connection.execute(sql_nps.STANDINGS.format(marks=", ".join("?" * len(chunk))), tuple(chunk)))
    return [
        one._replace(left_out=left_out(standings[one.author_id], one.repeats, one.genre))
        if one.author_id in standings
        else one
        for one in mentions
    ]


def _add_authors(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    authors: dict[str, Author] = {a.author.id: a.author for a in arrivals if a.author is not None}
    connection.executemany(sql_pull.ADD_AUTHOR, list(authors.values()))
