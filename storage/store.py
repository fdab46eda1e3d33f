"""The Store on any database that speaks the shared SQL: what databases do not share is how they are opened, claimed,
and searched for words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from storage import pages, sql_pull, sql_read, sql_rules
from storage.records import (
    Arrival,
    Bookmark,
    Coverage,
    Finding,
    Mention,
    PageCount,
    Post,
    Run,
    Score,
    Trouble,
    Watch,
    Yield,
    moment,
    stamp,
)
from storage.records_sweep import Standing, Sweep
from storage.store_alerts import AlertsStore
from storage.store_desk import DeskStore
from storage.store_figures import FiguresStore
from storage.store_nps import NpsStore
from storage.store_people import PeopleStore
from storage.store_rules import HEARD_LONGER, RulesStore
from storage.store_scoring import ScoringStore
from storage.store_states import StatesStore
from storage.store_tokens import TokensStore
from storage.words import Words


class SqlStore(
    ScoringStore,
    NpsStore,
    DeskStore,
    FiguresStore,
    TokensStore,
    PeopleStore,
    AlertsStore,
    RulesStore,
    StatesStore,
):
    """`storage.contract.Store` but for its opening, on connections that `_read` and `_write` open."""

    _read: Callable[[], AbstractContextManager[Any]]
    _read_warm: Callable[[], AbstractContextManager[Any]]
    _write: Callable[[], AbstractContextManager[Any]]
    _write_many: Callable[[], AbstractContextManager[Any]]
    """For many rows in the database's own way, where it has one."""
    _words: Words

    # -- pulling

    def sync_watches(self, wanted: Sequence[Watch]) -> None:
        with self._write() as connection:
            connection.execute(sql_pull.RETIRE_WATCHES)
            connection.executemany(sql_pull.ADD_WATCH, wanted)

    def watches(self) -> list[Watch]:
        with self._read() as connection:
            return [Watch._make(row) for row in connection.execute(sql_pull.WATCHES)]

    def watch(self, watch_id: str) -> Watch | None:
        with self._read_warm() as connection:
            row = connection.execute(sql_pull.WATCH, (watch_id,)).fetchone()
            return row and Watch._make(row)

    def due_watches(self, now: str) -> list[Watch]:
        with self._read() as connection:
            return [Watch._make(row) for row in connection.execute(sql_pull.DUE_WATCHES, (now,))]

    def fingerprints(self, post_ids: Sequence[str]) -> dict[str, str]:
        with self._read_warm() as connection:
            return {post_id: known.fingerprint for post_id, known in pages.known(connection, post_ids).items()}

    def add_page(
        self, arrivals: Sequence[Arrival], now: str, watch_id: str = "", bookmark: Bookmark | None = None
    ) -> PageCount:
        with self._write() as connection:
            new, edited, gone = pages.sort_out(connection, arrivals)
            pages.add(connection, new, now)
            for arrival in edited:
                self._words.drop(connection, arrival.post.id)
                pages.edit(connection, arrival, now)
                self._words.put_back(connection, arrival.post.id)
            for arrival in gone:
                self._words.drop(connection, arrival.post.id)
                pages.bury(connection, arrival.post.id, now)
            if bookmark is not None:
                connection.execute(sql_pull.SET_BOOKMARK, (*bookmark, watch_id))
            return PageCount(len(new), len(edited) + len(gone), sum(len(arrival.mentions) for arrival in new))

    def finish_run(self, run: Run, next_due: str, closed: str = "", trouble: Trouble = "", moved_to: str = "") -> None:
        failed = int(run.outcome == "failed")
        heard = None if failed else run.finished_at
        with self._write() as connection:
            pages.count_yield(connection, run)
            connection.execute(
                sql_pull.END_RUN,
                (
                    *(next_due, closed, run.finished_at, run.outcome, run.error),
                    *(failed, failed, heard, run.finished_at if run.new else None),
                    *(trouble, failed, run.started_at, moved_to, moved_to, run.watch_id),
                ),
            )
            connection.execute(sql_pull.ADD_RUN, run)
            connection.execute(sql_pull.COUNT_RUN, (run.source, run.started_at[:10], run.outcome))
            if not failed:
                connection.execute(sql_rules.HEAR, (run.source, run.finished_at[:13]))

    def index_posts(self, limit: int = 5000) -> int:
        with self._read() as connection:
            if self._words.is_complete(connection):
                return 0  # asked every second: costs nobody the write lock
        with self._write_many() as connection:
            return self._words.extend(connection, limit)

    def yields(self, since_day: str) -> dict[str, Yield]:
        with self._read() as connection:
            return {row[0]: Yield._make(row) for row in connection.execute(sql_pull.YIELDS, (since_day,))}

    def forget_runs(self, before: str, limit: int = 5000) -> int:
        with self._write() as connection:
            connection.execute(sql_pull.FORGET_YIELDS, (before[:10],))
            connection.execute(sql_rules.FORGET_HEARD, (stamp(moment(before) - HEARD_LONGER)[:13],))
            return int(connection.execute(sql_pull.FORGET_RUNS, (before, limit)).rowcount)

    # -- sweeping

    def standing(self, kinds: Sequence[str], below: int, since: str, limit: int) -> list[Standing]:
        statement = sql_pull.STANDING.format(marks=", ".join("?" * len(kinds)))
        with self._read() as connection:
            return [Standing._make(row) for row in connection.execute(statement, (below, since, *kinds, limit))]

    def sweep(self, name: str) -> Sweep:
        with self._read() as connection:
            row = connection.execute(sql_pull.SWEEP, (name,)).fetchone()
            return Sweep._make(row) if row else Sweep()

    def set_sweep(self, name: str, sweep: Sweep) -> None:
        with self._write() as connection:
            connection.execute(sql_pull.SET_SWEEP, (name, *sweep))

    # -- reading

    def findings(
        self, brand: str, since: str, until: str, labels: Sequence[str] = (), limit: int = 10
    ) -> list[Finding]:
        among = f"AND c.label IN ({', '.join('?' * len(labels))})" if labels else ""
        statement, width = sql_read.FINDINGS.format(among=among), len(Mention._fields)
        looked_at = limit + 10
        with self._read() as connection:
            while True:
                rows = connection.execute(statement, (brand, since, until, *labels, looked_at)).fetchall()
                found = [Finding(Mention._make(row[:width]), Post._make(row[width:])) for row in rows]
                standing = [finding for finding in found if not finding.post.deleted_at]
                if len(standing) >= limit or len(rows) < looked_at:
                    return standing[:limit]
                looked_at *= 10

    def posts(self, limit: int, before: int | None = None) -> list[tuple[int, Post]]:
        with self._read() as connection:
            rows = connection.execute(sql_read.POSTS, (2**62 if before is None else before, limit))
            return [(row[0], Post._make(row[1:])) for row in rows]

    def posts_of(self, ids: Sequence[str]) -> list[Post]:
        found: list[Post] = []
        with self._read() as connection:
            for start in range(0, len(ids), pages.CHUNK):
                chunk = tuple(ids[start : start + pages.CHUNK])
                statement = sql_read.POSTS_OF.format(marks=", ".join("?" * len(chunk)))
                found += map(Post._make, connection.execute(statement, chunk))
        return found

    def search(self, text: str, limit: int = 20) -> list[Post]:
        with self._read() as connection:
            return self._words.find(connection, text, limit)

    def coverage(self, since_day: str, until_day: str) -> list[Coverage]:
        with self._read() as connection:
            return [Coverage._make(row) for row in connection.execute(sql_read.COVERAGE, (since_day, until_day))]

    def counts(self) -> Mapping[str, int]:
        with self._read() as connection:
            return {
                table: int(connection.execute(sql_read.COUNT.format(table=table)).fetchone()[0])
                for table in ("posts", "mentions", "alerts")
            }

    def scores_of(self, mention_id: str) -> list[Score]:
        with self._read() as connection:
            return [Score._make(row) for row in connection.execute(sql_read.SCORES_OF, (mention_id,))]

    def mention(self, mention_id: str) -> Mention | None:
        with self._read() as connection:
            row = connection.execute(sql_read.MENTION, (mention_id,)).fetchone()
            return row and Mention._make(row)

    def revisions(self, post_id: str) -> int:
        with self._read() as connection:
            return int(connection.execute(sql_read.REVISIONS, (post_id,)).fetchone()[0])

    def undated(self, brand: str) -> int:
        with self._read() as connection:
            return int(connection.execute(sql_read.UNDATED, (brand,)).fetchone()[0])
