"""The part of the store for those who work at the review desk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from storage import lists, pages, sql_desk
from storage.pages import Connection
from storage.records import Author, Score, mentions_of
from storage.records_desk import Case, CaseEvent, Filter, Item, Page, Reminder, Session, User, View, Whole
from storage.records_scoring import Review
from storage.sql_scoring import ADD_REVIEW
from storage.words import Words

_Open = Callable[[], AbstractContextManager[Connection]]

_RELATED = 20
_CLAIM: dict[str, object] = {"claimed_by": "", "claimed_until": None}


class DeskStore:
    """`storage.contract_desk.Desking` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open
    _words: Words

    # -- looking

    def queue(self, wanted: Filter, now: str, after: str = "", limit: int = 50, audits: int = 10) -> Page:
        with self._read() as connection:
            return lists.queue(connection, self._words, wanted, now, after, limit, audits)

    def mentions(self, wanted: Filter, after: str = "", limit: int = 50) -> Page:
        with self._read() as connection:
            return lists.mentions(connection, self._words, wanted, after, limit)

    def whole(self, mention_id: str) -> Whole | None:
        with self._read() as connection:
            item = lists.items_of(connection, [mention_id]).get(mention_id)
            return item and _whole(connection, item)

    def open_counts(self, now: str) -> Mapping[tuple[str, str], int]:
        counts: Counter[tuple[str, str]] = Counter({("", "overdue"): 0})
        with self._read() as connection:
            for brand, state, cases in connection.execute(sql_desk.OPEN_COUNTS, (now, now, now)):
                counts[brand, state] += cases
        return {key: cases for key, cases in counts.items() if cases or not key[0]}

    # -- working

    def open_case(self, case: Case) -> bool:
        with self._write() as connection:
            return pages.add_cases(connection, [case]) == 1

    def act(self, event: CaseEvent, after: Case, review: Review | None = None, undo: str = "") -> bool:
        with self._write() as connection:
            stored = _case(connection, event.mention_id)
            if not _is_as_before(stored, event) or (stored and _is_held(stored, event)):
                return False
            if stored is not None:
                pages.set_case(connection, stored, after)
            elif not pages.add_cases(connection, [after]):
                return False  # a mention that is not there
            if undo:
                taken_back = (event.happened_at, event.mention_id, undo)
                connection.execute(sql_desk.UNDO_EVENT, taken_back)
                connection.execute(sql_desk.UNDO_ITS_REVIEW, taken_back)
            connection.execute(sql_desk.ADD_EVENT, event)
            if review is not None:
                connection.execute(ADD_REVIEW, review)
            return True

    def claim_case(self, mention_id: str, who: str, now: str, until: str) -> Case | None:
        with self._write() as connection:
            claimed = connection.execute(sql_desk.CLAIM, (who, until, mention_id, who, now)).rowcount
            return _case(connection, mention_id) if claimed else None

    def case(self, mention_id: str) -> Case | None:
        with self._read() as connection:
            return _case(connection, mention_id)

    def last_event(self, who: str) -> CaseEvent | None:
        with self._read() as connection:
            row = connection.execute(sql_desk.LAST_EVENT, (who,)).fetchone()
            return row and CaseEvent._make(row)

    def wake(self, now: str, limit: int = 500) -> list[Case]:
        woken = []
        with self._read() as connection:
            if connection.execute(sql_desk.ASLEEP, (now, 1)).fetchone() is None:
                return []  # asked again and again: costs nobody the write lock
        with self._write() as connection:
            for case in map(Case._make, connection.execute(sql_desk.ASLEEP, (now, limit)).fetchall()):
                after = pages.back_to_work(case)
                pages.change_case(connection, case, after, now, "woken", "")
                woken.append(after)
        return woken

    def overdue(self, now: str, limit: int = 100) -> list[Item]:
        with self._read() as connection:
            ids = _ids(connection, sql_desk.OVERDUE, (now, now, limit))
            items = lists.items_of(connection, ids)
            return [items[its_id] for its_id in ids]

    def remind(self, reminders: Sequence[Reminder], now: str) -> int:
        reminded = 0
        with self._write() as connection:
            for case, alerts in reminders:
                if connection.execute(sql_desk.REMINDED, (now, now, case.mention_id, case.due_at)).rowcount:
                    pages.add_alerts(connection, alerts)
                    reminded += 1
        return reminded

    # -- admitting

    def add_user(self, user: User) -> bool:
        return self._wrote(sql_desk.ADD_USER, (*user, user.name.casefold())) == 1

    def set_user(self, user: User) -> bool:
        values = (user.role, user.password, user.disabled_at, user.name.casefold())
        return self._wrote(sql_desk.SET_USER, values) == 1

    def user(self, name: str) -> User | None:
        with self._read() as connection:
            row = connection.execute(sql_desk.USER, (name.casefold(),)).fetchone()
            return row and User._make(row)

    def users(self) -> list[User]:
        with self._read() as connection:
            return [User._make(row) for row in connection.execute(sql_desk.USERS)]

    def add_session(self, session: Session) -> None:
        self._wrote(sql_desk.ADD_SESSION, session)

    def session(self, session_id: str, now: str) -> tuple[Session, User] | None:
        width = len(Session._fields)
        with self._read() as connection:
            row = connection.execute(sql_desk.SESSION, (session_id, now)).fetchone()
            return row and (Session._make(row[:width]), User._make(row[width:]))

    def touch_session(self, session_id: str, now: str, ends_at: str) -> None:
        self._wrote(sql_desk.TOUCH_SESSION, (now, ends_at, session_id))

    def end_sessions(self, session_id: str = "", user: str = "", before: str = "") -> int:
        ways = (
            (sql_desk.END_SESSION, session_id),
            (sql_desk.END_SESSIONS_OF, user.casefold()),
            (sql_desk.END_OLD_SESSIONS, before),
        )
        return sum(self._wrote(statement, (which,)) for statement, which in ways if which)

    def note_login(self, name: str, address: str, now: str, *, good: bool) -> None:
        with self._write() as connection:
            connection.execute(sql_desk.NOTE_LOGIN, (name.casefold(), address, now, int(good)))

    def bad_logins(self, name: str, address: str, since: str) -> tuple[int, int]:
        folded = name.casefold()
        values = (folded, since, folded, since, address, since)
        with self._read() as connection:
            of_name, from_address = connection.execute(sql_desk.BAD_LOGINS, values).fetchone()
            return of_name, from_address

    def forget_logins(self, before: str) -> int:
        return self._wrote(sql_desk.FORGET_LOGINS, (before,))

    # -- keeping

    def save_view(self, view: View) -> None:
        self._wrote(sql_desk.SAVE_VIEW, view)

    def drop_view(self, name: str, owner: str) -> bool:
        return self._wrote(sql_desk.DROP_VIEW, (name, owner)) == 1

    def views(self, user: str) -> Sequence[View]:
        with self._read() as connection:
            return [View._make(row) for row in connection.execute(sql_desk.VIEWS, (user,))]

    def _wrote(self, statement: str, values: tuple[object, ...]) -> int:
        with self._write() as connection:
            return connection.execute(statement, values).rowcount


def _case(connection: Connection, mention_id: str) -> Case | None:
    row = connection.execute(sql_desk.CASE, (mention_id,)).fetchone()
    return row and Case._make(row)


def _is_as_before(stored: Case | None, event: CaseEvent) -> bool:
    """Claims are left out: they come and go without an event."""
    before = json.loads(event.before) if event.before else None
    if stored is None or before is None:
        return stored is None and before is None
    return bool(stored._asdict() | _CLAIM == before | _CLAIM)


def _is_held(case: Case, event: CaseEvent) -> bool:
    return case.claimed_by not in ("", event.who) and (case.claimed_until or "") > event.happened_at


def _whole(connection: Connection, item: Item) -> Whole:
    mention, post = item.mention, item.post
    related = {
        "by_author": _ids(connection, sql_desk.BY_VOICE, (mention.id, mention.voice)) if mention.author_id else [],
        "in_thread": _ids(connection, sql_desk.IN_THREAD, (post.thread, post.kind, post.id)) if post.thread else [],
        "alike": _ids(connection, sql_desk.TOLD_AGAIN, (post.story, post.id)) if post.story else [],
    }
    if post.story not in ("", post.id):
        related["alike"] += _ids(connection, sql_desk.TOLD_FIRST, mentions_of(post.story))
    items = lists.items_of(connection, [its_id for ids in related.values() for its_id in ids])
    author = connection.execute(sql_desk.AUTHOR, (mention.author_id,)).fetchone()
    return Whole(
        item,
        author and Author._make(author),
        [Score._make(row) for row in connection.execute(sql_desk.SCORES, (mention.id,))],
        connection.execute(sql_desk.REVISIONS, (post.id,)).fetchall(),
        [CaseEvent._make(row) for row in connection.execute(sql_desk.EVENTS, (mention.id,))],
        [Review._make(row) for row in connection.execute(sql_desk.REVIEWS, (mention.id,))],
        **{name: _newest([items[its_id] for its_id in ids]) for name, ids in related.items()},
    )


def _ids(connection: Connection, statement: str, values: tuple[object, ...]) -> list[str]:
    return [row[0] for row in connection.execute(statement, values)]


def _newest(items: list[Item]) -> list[Item]:
    newest = sorted(items, key=lambda item: (item.mention.at or item.mention.found_at, item.mention.id), reverse=True)
    return newest[:_RELATED]
