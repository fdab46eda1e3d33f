"""Connections to one PostgreSQL that many machines use: a pool for reading, one writer at a time.

Writers take one advisory lock for the length of their transaction, so that everything which holds on SQLite, where
there is one writer, holds here too: what is read before a write is still so when it is written, and `seq` grows in the
order of the commits. Transactions are a few milliseconds; readers never wait.

A writer's statements go out without waiting for each other's answers, but where an answer is looked at: the lock is
held for a round trip or two where it would be one for each statement.
"""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from storage.postgres_dialect import translated
from storage.postgres_errors import as_store_error
from storage.postgres_rows import insert
from storage.texts import holdable

PATIENCE = 60.0
"""Seconds that anybody waits for a connection or the write lock."""

_REACHED = 10
"""Seconds that a server has to let one in."""

CUT_OFF: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""How psycopg learns within half a minute that the other machine is gone, where TCP would wait for hours."""

_WRITERS = 7_255_001  # the key of the writers' lock; any number that nothing else in the database locks
_POOL = 10
"""Connections of a process at most, however many threads it has: each holds one for milliseconds, and never two."""

_SETTINGS = {
    "jit": "off",  # compiling a statement takes longer than any of ours
    "work_mem": "32MB",  # voices of a million mentions are sorted without files
    "parallel_tuple_cost": "0.01",  # sums over a quarter: two do them in two thirds of the time
    "random_page_cost": "1.1",  # as on all but turning disks: else it reads whole tables past its indices
    # Whoever writes has the lock until the disk has it. As on SQLite, a power failure may take the last moments, whole
    # transactions of them: what was pulled is asked for again, what was sent goes out under the same key.
    "synchronous_commit": "off",
}

_FEW = 4
"""Rows that go one by one."""

_ALIVE = {
    # As CUT_OFF, on PostgreSQL's side: a machine that is gone, or sleeps, keeps a lock for no longer than that.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
    "idle_in_transaction_session_timeout": "30s",
}

_Raw = psycopg.Connection[Any]

logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of is raised here


class _Numbers(Loader):
    """Sums of integers are `numeric` to PostgreSQL, and whole numbers to everybody else."""

    def load(self, data: Any) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or b"N" in text else int(text)


class _Cursor(psycopg.Cursor[Any]):
    """Knows how many rows a statement changed even where its answer is still on its way."""

    on_its_way: psycopg.Pipeline | None = None

    @property
    def rowcount(self) -> int:
        if self.on_its_way is not None:
            self.on_its_way.sync()
            self.on_its_way = None
        return super().rowcount


class Connection:
    """A psycopg connection that is asked as sqlite3's are: `?` for values, a cursor for an answer. `another` gives a
    fresh one for a reader's, where a statement may be asked again."""

    def __init__(
        self,
        raw: _Raw,
        pipeline: psycopg.Pipeline | None = None,
        another: Callable[[], _Raw] | None = None,
    ) -> None:
        self.raw = raw
        self._pipeline = pipeline
        self._another = another

    def execute(self, sql: str, parameters: Any = ()) -> psycopg.Cursor[Any]:
        statement = translated(sql)
        try:
            return self._ask(statement, parameters)
        except (psycopg.DataError, UnicodeEncodeError):
            kept = holdable(parameters)
            if kept == tuple(parameters):
                raise
            return self._ask(statement, kept)  # the first was refused here, before PostgreSQL saw it

    def executemany(self, sql: str, rows: Any) -> psycopg.Cursor[Any]:
        cursor = self.raw.cursor()
        at_once = insert(sql)
        if at_once is not None and len(rows) >= _FEW and at_once.takes(rows):
            cursor.execute(translated(at_once.statement), (at_once.json(rows),))
        else:
            cursor.executemany(translated(sql), rows)
        return cursor

    def _ask(self, statement: str, parameters: Any) -> psycopg.Cursor[Any]:
        try:
            cursor = self.raw.execute(statement, parameters)
        except psycopg.OperationalError:
            if self._another is None or not self.raw.broken:
                raise
            self.raw = self._another()
            return self.raw.execute(statement, parameters)
        if self._pipeline is not None and isinstance(cursor, _Cursor):
            cursor.on_its_way = self._pipeline
        return cursor


class Connections:
    def __init__(self, url: str, place: str) -> None:
        """`place` is how the database is called in errors: without its password."""
        self._url = url
        self._place = place
        self._pool: ConnectionPool[_Raw] = ConnectionPool(
            url,
            min_size=1,
            max_size=_POOL,
            timeout=PATIENCE,
            kwargs={
                "autocommit": True,
                "application_name": "listener",
                "connect_timeout": _REACHED,
                **CUT_OFF,
                "cursor_factory": _Cursor,
            },
            configure=self._prepare,
            check=_check,
            open=False,
        )
        self._opening = threading.Lock()
        self._opened = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A statement that a restart of PostgreSQL interrupts is asked once more."""
        with self.translation():
            pool = self._open()
            ours = [pool.getconn()]

            def another() -> _Raw:
                while ours:  # given back once, even where there is no other
                    pool.putconn(ours.pop())
                pool.check()  # others are broken, too
                ours.append(pool.getconn())
                return ours[0]

            try:
                yield Connection(ours[0], another=another)
            finally:
                while ours:
                    pool.putconn(ours.pop())

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.translation(), self._open().connection() as raw:
            try:
                with raw.pipeline() as pipeline:
                    raw.execute("BEGIN")
                    raw.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITERS,)).fetchone()
                    yield Connection(raw, pipeline)
                    raw.execute("COMMIT")  # left out by PostgreSQL if something before it has failed
            finally:
                if not raw.broken and raw.info.transaction_status != TransactionStatus.IDLE:
                    raw.rollback()

    @contextmanager
    def write_in_turn(self) -> Iterator[Connection]:
        """Each statement waits for its answer: for those that cannot go out together with others, such as COPY."""
        with self.translation(), self._open().connection() as raw, raw.transaction():
            raw.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITERS,))
            yield Connection(raw)

    @contextmanager
    def alone(self) -> Iterator[_Raw]:
        with self.translation(), self._open().connection() as raw:
            yield raw

    def keep(self) -> _Raw:
        """One that is not the pool's, for as long as the caller likes."""
        raw: _Raw = psycopg.connect(
            self._url, autocommit=True, application_name="listener claims", connect_timeout=_REACHED, **CUT_OFF
        )
        _set(raw, _ALIVE)
        return raw

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def translation(self) -> Iterator[None]:
        """What goes wrong inside becomes a StoreError."""
        try:
            yield
        except (psycopg.Error, PoolTimeout, UnicodeEncodeError) as error:
            raise as_store_error(self._place, error, PATIENCE) from error

    def _open(self) -> ConnectionPool[_Raw]:
        with self._opening:
            if not self._opened:
                self.keep().close()  # says at once what the pool would keep to itself for a minute
                self._pool.open(wait=False)
                self._opened = True
        return self._pool

    def _prepare(self, raw: _Raw) -> None:
        raw.adapters.register_loader("numeric", _Numbers)
        _set(raw, _SETTINGS | _ALIVE | {"lock_timeout": f"{1000 * PATIENCE:.0f}ms"})


def _set(raw: _Raw, settings: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    raw.execute(f"SELECT {calls}".encode(), [part for setting in settings.items() for part in setting])


def _check(raw: _Raw) -> None:
    """Whether PostgreSQL has closed it meanwhile: only then it has said something that nobody asked for."""
    said = select.poll()
    said.register(raw.fileno(), select.POLLIN)
    if said.poll(0):
        ConnectionPool.check_connection(raw)
