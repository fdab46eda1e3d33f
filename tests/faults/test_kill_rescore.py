"""kill -9 while scores are made anew: nothing is lost, nothing is doubled, and the next call goes on.

LISTENER_KILLS says how often.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from listener.rescore import Rescorer
from listener.sentiment.scorer import DefaultScorer
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, arrival
from tests.program import HATED, LOVED, Program, Running

KILLS = int(os.environ.get("LISTENER_KILLS", "1"))
MENTIONS = 1_500 + 500 * KILLS
_TEXTS = (HATED, LOVED, "The Acme office is on the second floor of the building.")


def _listening(folder: Path) -> Program:
    """With mentions that a scorer of the past found good throughout."""
    program = Program(folder)
    store = SqliteStore(program.database)
    store.migrate()
    store.add_page([arrival(str(n), text=f"{_TEXTS[n % 3]} {n}") for n in range(MENTIONS)], AT)
    store.close()
    return program


def _kill(running: Running, program: Program, chance: random.Random) -> None:
    """When it has got somewhere, at a random instant."""
    left = _left(program)
    while running.process.poll() is None and _left(program) == left:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.05))
    running.signal(signal.SIGKILL)
    running.process.wait(10)


def _left(program: Program) -> int:
    return int(program.value("SELECT COUNT(*) FROM mentions WHERE scorer = 'test@1'"))


def _check(program: Program) -> None:
    """Every mention shows what its last score says; whoever was not reached has one, others two at most."""
    program.check_database()
    odd = """
        SELECT COUNT(*) FROM mentions m JOIN scores s ON s.seq = (SELECT MAX(seq) FROM scores WHERE mention_id = m.id)
        WHERE m.label <> s.label OR m.value <> s.value OR (m.scorer = 'test@1' AND s.scorer <> 'test@1')"""
    assert program.value(odd) == 0
    assert program.value("SELECT COUNT(*) FROM mentions") == MENTIONS
    assert program.value("SELECT COUNT(*) FROM alerts") == 0
    held = program.rows("SELECT COUNT(*), COUNT(DISTINCT scorer) FROM scores GROUP BY mention_id")
    assert all(scores == scorers <= 2 for scores, scorers in held)


def _ends(database: Path) -> list[tuple[object, ...]]:
    held = "SELECT id, label, value, (SELECT COUNT(*) FROM scores WHERE mention_id = m.id) FROM mentions m ORDER BY id"
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(held).fetchall()


def _undisturbed(database: Path) -> list[tuple[object, ...]]:
    """What a rescore makes of the same mentions that nobody kills."""
    store = SqliteStore(database)
    Rescorer(store, DefaultScorer(), lambda: NOW).step("Acme", limit=MENTIONS)
    store.close()
    return _ends(database)


def test_a_rescore_that_is_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    untouched = _listening(tmp_path / "untouched").database
    for attempt in range(10):  # on a busy machine it may be through before the kill
        program = Program(tmp_path / str(attempt))
        shutil.copy(untouched, program.database)
        for _ in range(KILLS):
            with program.start("rescore") as running:
                _kill(running, program, chance)
            _check(program)
        if left := _left(program):
            break
    assert 0 < left < MENTIONS
    assert program.run("rescore", "--json").json["looked"] == left
    _check(program)
    assert _left(program) == 0
    assert _ends(program.database) == _undisturbed(untouched)
