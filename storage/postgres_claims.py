"""Claims over all processes on one PostgreSQL: who works on what, with nothing left behind by a kill.

A claim is an advisory lock of one connection that is kept for all of a process's. PostgreSQL gives it back when that
connection ends: at once when the process is killed, within half a minute when a machine is cut off. Where it is the
connection that was cut and the process goes on, somebody else may take a claim that its owner still works under;
no longer than until the owner is done, because whenever anybody in that process asks for a claim, those that it holds
are taken anew, and one that is somebody else's by now is not given back twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, LiteralString

import psycopg

_TAKE: LiteralString = "SELECT pg_try_advisory_lock(%s)"
_GIVE_BACK: LiteralString = "SELECT pg_advisory_unlock(%s)"


class Claims:
    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        translation: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._connect = connect
        self._translation = translation
        self._keeper: psycopg.Connection[Any] | None = None
        self._held: set[str] = set()
        self._lost: set[str] = set()  # what somebody else may have taken while the connection was away
        self._guard = threading.Lock()

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        taken = self._take(name)
        try:
            yield taken
        finally:
            if taken:
                self._give_back(name)

    def close(self) -> None:
        if self._keeper is not None:
            self._keeper.close()

    def _take(self, name: str) -> bool:
        with self._guard, self._translation():
            if name in self._held:
                return False
            try:
                taken = self._ask(_TAKE, name)
            except psycopg.OperationalError:  # PostgreSQL was restarted since: once more, on a connection of today
                taken = self._ask(_TAKE, name)
            if taken:
                self._held.add(name)
            return taken

    def _give_back(self, name: str) -> None:
        with self._guard:
            self._held.discard(name)
            if name in self._lost or self._keeper is None:
                self._lost.discard(name)
                return
            try:
                self._keeper.execute(_GIVE_BACK, (_key(name),))
            except psycopg.Error:  # the connection is gone, and with it the lock
                self._keeper.close()

    def _ask(self, statement: LiteralString, name: str) -> bool:
        if self._keeper is None or self._keeper.closed:
            self._keeper = self._connect()
            self._lost = {one for one in self._held if not _asked(self._keeper, _TAKE, one)}
        return _asked(self._keeper, statement, name)


def _asked(keeper: psycopg.Connection[Any], statement: LiteralString, name: str) -> bool:
    row = keeper.execute(statement, (_key(name),)).fetchone()
    return bool(row and row[0])


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
