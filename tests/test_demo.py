"""`listener demo` shows the whole way: pulls, an edit, a late item, a 304, a failing source, alerts, the report."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.command import listener


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    ended = listener("demo", "--keep", str(folder))
    assert (ended.code, ended.err) == (0, "")
    return ended.out, folder / "demo.db"


def test_it_ends_in_under_15_seconds_and_says_where_the_database_is(played: tuple[str, Path]) -> None:
    out, database = played
    said = re.search(r"The database is (\S+) \(([\d.]+) s from start to end\)\.", out)
    assert said is not None and Path(said[1]) == database and float(said[2]) < 15


def test_the_second_pull_meets_an_edit_a_late_item_a_304_and_a_failure(played: tuple[str, Path]) -> None:
    second = played[0].partition("Second pull")[2].partition("Alerts")[0]
    assert re.search(r"blogs +ok +1 new", second)
    assert re.search(r"forum +ok +0 new +1 edited", second)
    assert re.search(r"reviews +unchanged", second)
    assert re.search(r"status-page +failed .*HTTP 503", second)


def test_the_chat_was_told_and_the_report_has_its_number_beside_its_coverage(played: tuple[str, Path]) -> None:
    out = played[0]
    assert re.search(r"Alerts: 5 sent to the channel team-chat", out)
    assert re.search(r"Implied NPS  \+\d+ \(\S+ to \S+; uncalibrated, sampling error only\)", out)
    assert "4 of 5 sources heard; not heard: status-page" in out


def test_what_it_kept_is_a_sound_database(played: tuple[str, Path]) -> None:
    connection = sqlite3.connect(played[1])
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (posts, undated, edits, rated) = connection.execute(
        "SELECT (SELECT COUNT(*) FROM posts), (SELECT COUNT(*) FROM posts WHERE dated <> 'stated'),"
        " (SELECT COUNT(*) FROM revisions), (SELECT COUNT(*) FROM posts WHERE rating IS NOT NULL)"
    ).fetchone()
    connection.close()
    assert posts > 100 and undated >= 1 and edits == 1 and rated > 10
