"""What strangers write forges no line of a log and steers no terminal: one event is one line."""

from __future__ import annotations

import json
import logging
import re
import signal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.cli.logs import OneLine, one_line
from tests.faults.test_stop import until
from tests.hostile import HostileServer
from tests.program import Program, feed
from tests.standins.feeds import FeedServer, Item

FORGED = "2026-11-22 12:00:00,000 ERROR listener.app: every source is deaf"
ENDS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00")
STEERING = ("\x1b[2K\x1b[1A", "\x1b]0;owned\x07", "\x9b31m", "\u202e", "\b" * 20, "\ufeff\u2066")
INJECTIONS = [f"Acme {end}{FORGED}{mark}" for end, mark in product(ENDS, STEERING)]
EVENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: .*")

_RUNS = "SELECT 1 FROM watches WHERE last_run_at IS NOT NULL"


def unprintable(text: str) -> set[str]:
    return set(re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", text))


def line_of(message: str, *, error: Exception | None = None) -> str:
    record = logging.LogRecord("listener", logging.ERROR, __file__, 1, "%s", (message,), None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return OneLine("%(levelname)s %(message)s").format(record)


def test_there_are_sixty_injections() -> None:
    assert len(set(INJECTIONS)) == 60


@pytest.mark.parametrize("text", INJECTIONS)
def test_an_event_is_one_line_in_its_message_and_in_its_traceback(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        lines = [line_of(text), line_of("failed", error=error)]
    for line in lines:
        assert not unprintable(line) and len(line.splitlines()) == 1
        assert FORGED in line


@given(st.text())
def test_whatever_is_logged_is_one_line_with_its_letters(text: str) -> None:
    line = one_line(text)
    assert not unprintable(line) and len(line.splitlines()) <= 1
    assert all(letter in line for letter in text if letter.isalnum())


def test_a_service_that_hears_injections_logs_one_line_an_event_and_prints_none_of_them_raw(tmp_path: Path) -> None:
    items = [Item(id=f"{n} {text}", title=text, body=text, author=text) for n, text in enumerate(INJECTIONS)]
    wrong = {"version": "https://jsonfeed.org/version/1.1", "title": FORGED, INJECTIONS[0]: 1, "items": INJECTIONS[1]}
    with FeedServer(items, validators=False) as good, HostileServer() as bad:
        failing = feed("bad", bad.say("/feed", json.dumps(wrong).encode()))
        program = Program(tmp_path, sources=[feed("good", good.url("json")), failing])
        printed = program.run("sources", code=None).said  # makes the database
        with program.start("-vv", "run") as service:
            until(lambda: len(program.rows(_RUNS)) == 2)
            service.signal(signal.SIGTERM)
            log = service.wait().err
    printed += program.run("report", "--since", "1d").said
    assert program.value("SELECT COUNT(*) FROM posts") == len(INJECTIONS)
    assert FORGED in " ".join(printed.split())
    assert not unprintable(printed + log)
    assert not [line for line in (printed + log).splitlines() if line.startswith(FORGED)]
    events = [line for line in log.splitlines() if not line.startswith(("listening:", "stopped.", "the desk"))]
    assert len(events) >= 2 and all(map(EVENT.fullmatch, events)), log
