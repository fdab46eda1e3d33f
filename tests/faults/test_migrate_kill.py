"""`listener migrate` killed, stopped and started again at any instant: in the end both databases hold the same.

LISTENER_KILLS says how often; the seed is fixed, but the machine's own pace moves the instants about.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from storage import transfer
from storage.sqlite import SqliteStore
from tests import postgres, remembered
from tests.made import AT, arrival
from tests.program import Program, Running, until
from tests.remembered import everything, indexes, opened, without_nul

KILLS = min(int(os.environ.get("LISTENER_KILLS", "5")), 50)
POSTS = 12_000
SLICE_OF_TIME = 60.0
"""Seconds that a busy machine may take for one start."""


@pytest.fixture
def database() -> Iterator[str]:
    with postgres.database(postgres.server()) as url:
        yield url


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """With everything in its database, and some thousand posts."""
    program = Program(tmp_path)
    with closing(SqliteStore(program.database)) as store:
        store.migrate()
        remembered.fill(store)
        for start in range(0, POSTS, 1_000):
            store.add_page([arrival(str(n), handle=f"u{n}") for n in range(start, start + 1_000)], AT)
    return program


def there(database: str) -> int:
    """Rows that the new one has of the tables with the most."""
    with psycopg.connect(database) as connection:
        made = (
            "SELECT COUNT(*) FROM pg_tables WHERE tablename IN ('authors', 'posts', 'mentions', 'scores', 'transfers')"
        )
        if (connection.execute(made).fetchone() or (0,))[0] < 5:
            return 0
        many = " + ".join(f"(SELECT COUNT(*) FROM {table})" for table in ("authors", "posts", "mentions", "scores"))
        return int((connection.execute(f"SELECT {many}").fetchone() or (0,))[0])


def under_way(running: Running, database: str, rows: int) -> bool:
    """When so many rows are over; False if it ended before."""
    until(lambda: running.process.poll() is not None or there(database) >= rows, SLICE_OF_TIME)
    return running.process.poll() is None


def check_same(program: Program, database: str) -> None:
    with opened(f"sqlite:///{program.database}") as source, opened(database) as target:
        assert everything(target) == without_nul(everything(source))
        transfer.check_whole(target.side)
        with postgres.database(postgres.server()) as fresh, opened(fresh) as like_new:
            assert indexes(target) == indexes(like_new)
        assert target.index_posts() == 0
        assert len(target.search("acme great", 20_000)) > POSTS


def test_killed_again_and_again_it_goes_on_and_both_hold_the_same(program: Program, database: str) -> None:
    chance, killed, before = random.Random(8), 0, 0
    for kill in range(KILLS):
        with program.start("migrate", "--to", database) as running:
            wanted = before + chance.randint(1, max(1, (4 * POSTS - before) // (KILLS - kill)))
            if under_way(running, database, wanted):
                running.signal(signal.SIGKILL)
                killed += running.process.wait(10) == -signal.SIGKILL
        now = there(database)
        assert now >= before, "what was over is gone"
        before = now
        with opened(database, migrated=False) as target, target.side.read() as connection:
            enabled = connection.execute("SELECT tgenabled FROM pg_trigger WHERE NOT tgisinternal").fetchall()
            assert {row[0] for row in enabled} == {"O"}, "a trigger rests after the kill"
    assert killed >= KILLS / 2
    ended = program.run("migrate", "--to", database, "--json")
    assert ended.json["differences"] == []
    check_same(program, database)


def test_ctrl_c_ends_it_with_a_sentence_and_nothing_is_lost(program: Program, database: str) -> None:
    with program.start("migrate", "--to", database) as running:
        assert under_way(running, database, 3_000), "it was over too soon"
        running.signal(signal.SIGINT)
        ended = running.wait(SLICE_OF_TIME)
    assert ended.code == 130
    assert ended.out == ""
    assert ended.err == "stopped. The same command goes on where it was.\n"
    assert 0 < there(database) < 4 * POSTS
    program.run("migrate", "--to", database)
    check_same(program, database)
