"""What storing a page means, statement by statement, inside a transaction that the database module has begun."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from storage import sql_nps, sql_pull
from storage.records import Alert, Arrival, Author, Delivery, Mention, Run, left_out, mentions_of, moment

CHUNK = 100


class Connection(Protocol):
    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


class Stored(NamedTuple):
    """What is known of a stored post: `source` first brought it."""

    fingerprint: str
    source: str
    deleted_at: str | None


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


def add(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    _add_authors(connection, arrivals)
    connection.executemany(sql_pull.ADD_POST, [arrival.post for arrival in arrivals])
    mentions = [pair for arrival in arrivals for pair in arrival.mentions]
    connection.executemany(sql_pull.ADD_MENTION, _standing(connection, [mention for mention, _ in mentions]))
    connection.executemany(sql_pull.ADD_SCORE, [score for _, score in mentions])
    add_alerts(connection, [raised for arrival in arrivals for raised in arrival.alerts])


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


def bury(connection: Connection, post_id: str, now: str) -> None:
    """Its words are deleted wherever they are, and its author's name if nothing else of theirs is left. Mentions keep
    their labels, so that no figure of the past changes."""
    its = mentions_of(post_id)
    connection.execute(sql_pull.BURY_POST, (now, post_id))
    connection.execute(sql_pull.BURY_REVISIONS, (post_id,))
    connection.execute(sql_pull.BURY_AUTHOR, (post_id,))
    connection.execute(sql_pull.WITHDRAW_REPORTS, (post_id,))
    _leave_out_of_digests(connection, [json.loads(row[0]) for row in connection.execute(sql_pull.NOTICES, its)])
    for statement in (sql_pull.BURY_SCORES, sql_pull.WITHDRAW_DELIVERIES, sql_pull.BURY_NOTICES):
        connection.execute(statement, its)


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
