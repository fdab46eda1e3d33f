"""A service, reports and imports on one SQLite file at the same time: nobody is locked out, nothing is lost.

LISTENER_CROWD_SECONDS says for how long.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from tests.program import HATED, LOVED, Ended, Program, alert_of_detractors, feed, until
from tests.standins.chat import ChatServer
from tests.standins.feeds import FeedServer, Item

SECONDS = float(os.environ.get("LISTENER_CROWD_SECONDS", "4"))
FEEDS, ENTRIES_A_TURN, ROWS = 4, 5, 300


@contextmanager
def meanwhile(work: Callable[[], None], errors: list[BaseException]) -> Iterator[None]:
    """Do `work` over and over in a thread of its own until the block ends."""
    over = threading.Event()

    def loop() -> None:
        try:
            while not over.is_set():
                work()
        except BaseException as error:  # pytest would only warn of it
            errors.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Crowd:
    """What the others do while the service runs."""

    def __init__(self, program: Program, feeds: list[FeedServer]) -> None:
        self._program = program
        self._feeds = feeds
        self.ended: list[Ended] = []
        self.published = self.imported = self.reports = 0
        self._turns = count(1)

    def publish(self) -> None:
        for number, server in enumerate(self._feeds):
            first = self.published
            for n in range(first, first + ENTRIES_A_TURN):
                age = timedelta(minutes=n % 60)
                body = HATED if n % 100 == 0 else f"{LOVED} {n}"
                server.publish(Item(id=f"urn:{number}:{n}", title=f"{n}", body=body, published=datetime.now(UTC) - age))
            self.published += ENTRIES_A_TURN
        time.sleep(0.2)

    def report(self) -> None:
        ended = self._program.run("report", "--json")
        assert ended.json["reports"][0]["brand"] == "Acme"
        self.ended.append(ended)
        self.reports += 1

    def imports(self) -> None:
        file = self._program.folder / f"archive-{next(self._turns)}.jsonl"
        rows = [{"id": f"{file.stem}-{n}", "text": f"{LOVED} {n}", "author": f"author {n}"} for n in range(ROWS)]
        file.write_text("\n".join(map(json.dumps, rows)))
        self.ended.append(self._program.run("import", str(file)))
        self.imported += ROWS


def test_a_service_reports_and_imports_share_one_file(tmp_path: Path) -> None:
    servers = [FeedServer(window=5_000) for _ in range(FEEDS)]
    errors: list[BaseException] = []
    with servers[0], servers[1], servers[2], servers[3], ChatServer() as chat:
        program = Program(
            tmp_path,
            sources=[feed(f"feed-{n}", server.url("atom"), interval="1s") for n, server in enumerate(servers)],
            channels=[{"type": "webhook", "name": "chat", "url": chat.url, "per_second": 100}],
            alerts=[alert_of_detractors("chat")],
        )
        crowd = Crowd(program, servers)
        with program.start("run") as service:
            until(lambda: all(server.requests for server in servers), 30)
            with (
                meanwhile(crowd.publish, errors),
                meanwhile(crowd.report, errors),
                meanwhile(crowd.imports, errors),
            ):
                time.sleep(SECONDS)
            service.signal(signal.SIGTERM)
            crowd.ended.append(service.wait(10))
        assert errors == []
        crowd.ended.append(program.run("pull", "--all"))

        for ended in crowd.ended:
            assert ended.code == 0, ended
            assert not any(word in ended.said for word in ("locked", "Traceback", "Error")), ended.said
        assert program.value("SELECT COUNT(*) FROM posts WHERE kind = 'feed'") == crowd.published
        assert program.value("SELECT COUNT(*) FROM posts WHERE kind = 'archive'") == crowd.imported
        assert program.value("SELECT COUNT(*) FROM mentions") == crowd.published + crowd.imported
        assert program.value("SELECT COUNT(*) FROM runs") > FEEDS, "the service was at work"
        assert crowd.reports and crowd.imported
        assert program.value("SELECT COUNT(*) FROM deliveries WHERE state != 'sent'") == 0
        program.check_database()
    runs = program.value("SELECT COUNT(*) FROM runs")
    print(
        f"{SECONDS:g} s: {runs} runs, {crowd.reports} reports, {crowd.imported} rows imported, {crowd.published} posts"
    )
