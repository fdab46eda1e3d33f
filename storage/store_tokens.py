"""The part of the store for programs that ask at the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from storage import sql_tokens
from storage.pages import Connection
from storage.records_desk import User
from storage.records_scoring import Review
from storage.records_tokens import Figures, Late, ReviewPage, Token

_Open = Callable[[], AbstractContextManager[Connection]]


class TokensStore:
    """`storage.contract_tokens.Serving` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    # -- vouching

    def add_token(self, token: Token) -> None:
        with self._write() as connection:
            connection.execute(sql_tokens.ADD_TOKEN, token)

    def token(self, token_id: str) -> tuple[Token, User] | None:
        width = len(Token._fields)
        with self._read() as connection:
            row = connection.execute(sql_tokens.TOKEN, (token_id,)).fetchone()
            return row and (Token._make(row[:width]), User._make(row[width:]))

    def touch_token(self, token_id: str, day: str) -> None:
        with self._write() as connection:
            connection.execute(sql_tokens.TOUCH_TOKEN, (day, token_id, day))

    def tokens(self, user: str = "") -> list[Token]:
        statement, values = (sql_tokens.TOKENS_OF, (user.casefold(),)) if user else (sql_tokens.TOKENS, ())
        with self._read() as connection:
            return [Token._make(row) for row in connection.execute(statement, values)]

    def revoke_token(self, token_id: str, now: str) -> bool:
        with self._write() as connection:
            return connection.execute(sql_tokens.REVOKE_TOKEN, (now, token_id)).rowcount == 1

    # -- exporting

    def reviews(self, brands: Sequence[str] = (), after: str = "", limit: int = 50) -> ReviewPage:
        at, _, its_id = (after or "~ ~").partition(" ")
        with self._read() as connection:
            rows = connection.execute(sql_tokens.reviews(brands), (*brands, at, its_id, limit + 1)).fetchall()
        shown = [(str(row[0]), Review._make(row[1:])) for row in rows[:limit]]
        last = shown[-1][1] if len(rows) > limit and shown else None
        return ReviewPage(shown, f"{last.reviewed_at} {last.id}" if last else "")

    def figures(self) -> Figures:
        with self._read() as connection:
            runs = dict(connection.execute(sql_tokens.RUNS).fetchall())
            deliveries = dict(connection.execute(sql_tokens.DELIVERIES).fetchall())
            (raised_at,) = connection.execute(sql_tokens.OLDEST_WAITING).fetchone()
            return Figures(runs, deliveries, raised_at, *connection.execute(sql_tokens.STORED).fetchone())

    def late_watches(self, now: str) -> list[Late]:
        with self._read() as connection:
            return [Late._make(row) for row in connection.execute(sql_tokens.LATE_WATCHES, (now,))]
