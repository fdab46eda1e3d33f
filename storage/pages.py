"""What storing a page means, statement by statement, inside a transaction that the database module has begun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from storage import sql_pull
from storage.records import Alert, Arrival, Author, Delivery, mentions_of

_CHUNK = 100


class Connection(Protocol):
    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, parameters: Any, /) -> Any: ...


def known(connection: Connection, post_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """id → (fingerprint, source that first brought it)."""
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(post_ids), _CHUNK):
        chunk = post_ids[start : start + _CHUNK]
        statement = sql_pull.KNOWN_POSTS.format(marks=", ".join("?" * len(chunk)))
        found.update((row[0], (row[1], row[2])) for row in connection.execute(statement, tuple(chunk)))
    return found


def sort_out(connection: Connection, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """(new, edited). Asked inside the transaction, so that two processes with the same page add it once. A source
    cannot rewrite what another one brought."""
    stored = known(connection, [arrival.post.id for arrival in arrivals])
    new: dict[str, Arrival] = {}
    edited: dict[str, Arrival] = {}
    for arrival in arrivals:
        post = arrival.post
        if post.id not in stored:
            new.setdefault(post.id, arrival)
        elif stored[post.id][1] == post.source and stored[post.id][0] != post.fingerprint:
            edited.setdefault(post.id, arrival)
    return list(new.values()), list(edited.values())


def add(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    _add_authors(connection, arrivals)
    connection.executemany(sql_pull.ADD_POST, [arrival.post for arrival in arrivals])
    mentions = [pair for arrival in arrivals for pair in arrival.mentions]
    connection.executemany(sql_pull.ADD_MENTION, [mention for mention, _ in mentions])
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
            *(post.rating, post.language, post.reach, post.fingerprint, post.id),
        ),
    )
    (at,) = connection.execute(sql_pull.POST_TIME, (post.id,)).fetchone()
    its = mentions_of(post.id)
    here = {row[0] for row in connection.execute(sql_pull.EXISTING_MENTIONS, its)}
    connection.execute(sql_pull.UNMATCH_MENTIONS, its)
    for mention, score in arrival.mentions:
        if mention.id in here:
            judged = (mention.label, mention.value, mention.confidence, mention.language, mention.unscored)
            connection.execute(sql_pull.RESCORE_MENTION, (mention.why, *judged, mention.scorer, mention.id))
        else:
            connection.execute(sql_pull.ADD_MENTION, mention._replace(at=at))
        connection.execute(sql_pull.ADD_SCORE, score)


def add_alerts(connection: Connection, alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]]) -> None:
    raised = list(alerts)
    connection.executemany(sql_pull.ADD_ALERT, [alert for alert, _ in raised])
    connection.executemany(sql_pull.ADD_DELIVERY, [one for _, deliveries in raised for one in deliveries])


def _add_authors(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    authors: dict[str, Author] = {a.author.id: a.author for a in arrivals if a.author is not None}
    connection.executemany(sql_pull.ADD_AUTHOR, list(authors.values()))
