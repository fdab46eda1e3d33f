"""The Store on one SQLite file, through sqlite-utils."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from storage import pages, sql_pull, sql_read, sql_rules, sqlite_search, tallies
from storage.errors import StoreBusy
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
from storage.sqlite_alerts import SqliteAlerts
from storage.sqlite_connections import PATIENCE, Connections
from storage.sqlite_desk import SqliteDesk
from storage.sqlite_figures import SqliteFigures
from storage.sqlite_migrations import apply, pending
from storage.sqlite_nps import SqliteNps
from storage.sqlite_people import SqlitePeople
from storage.sqlite_rules import HEARD_LONGER, SqliteRules
from storage.sqlite_scoring import SqliteScoring
from storage.sqlite_states import SqliteStates
from storage.sqlite_tokens import SqliteTokens


class SqliteStore(
    SqliteScoring,
    SqliteNps,
    SqliteDesk,
    SqliteFigures,
    SqliteTokens,
    SqlitePeople,
    SqliteAlerts,
    SqliteRules,
    SqliteStates,
):
    """The whole `storage.contract.Store` on one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections = Connections(path, {"segment": sqlite_search.segment, "voice_of": tallies.voice_of_row})
        self._read = self._connections.read
        self._read_warm = self._connections.read_warm
        self._write = self._connections.write

    # -- opening

    @property
    def place(self) -> str:
        return str(self._path)

    def migrate(self) -> None:
        give_up = time.monotonic() + PATIENCE
        with self._read() as connection:
            while pending(connection, self.place):
                with self.claim("migrate") as mine:
                    if mine:
                        apply(connection)
                        return
                if time.monotonic() > give_up:
                    raise StoreBusy(f"{self.place}: another process has been migrating it for over a minute.")
                time.sleep(0.05)

    def claim(self, name: str) -> AbstractContextManager[bool]:
        return self._connections.claims.claim(name)

    def close(self) -> None:
        self._connections.close()

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
                sqlite_search.drop(connection, arrival.post.id)
                pages.edit(connection, arrival, now)
                sqlite_search.put_back(connection, arrival.post.id)
            for arrival in gone:
                sqlite_search.drop(connection, arrival.post.id)
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
            if sqlite_search.is_complete(connection):
                return 0  # asked every second: costs nobody the write lock
        with self._write() as connection:
            return sqlite_search.extend(connection, limit)

    def yields(self, since_day: str) -> dict[str, Yield]:
        with self._read() as connection:
            return {row[0]: Yield._make(row) for row in connection.execute(sql_pull.YIELDS, (since_day,))}

    def forget_runs(self, before: str, limit: int = 5000) -> int:
        with self._write() as connection:
            connection.execute(sql_pull.FORGET_YIELDS, (before[:10],))
            connection.execute(sql_rules.FORGET_HEARD, (stamp(moment(before) - HEARD_LONGER)[:13],))
            return connection.execute(sql_pull.FORGET_RUNS, (before, limit)).rowcount

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
            return sqlite_search.find(connection, text, limit)

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
