"""Workers and clocks on one PostgreSQL: everything is done once, whoever is killed, and hosts are asked politely.

LISTENER_WATCHES says how many watches four workers share, LISTENER_POSTS how many posts these bring.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from listener.schedule.rescue import BEAT, STALLED
from tests import postgres
from tests.faults.crew import Crew, Feeds
from tests.program import feed, until
from tests.standins.loopback import Told

FULL = "LISTENER_WATCHES" in os.environ
WATCHES = int(os.environ.get("LISTENER_WATCHES", "48"))
POSTS = int(os.environ.get("LISTENER_POSTS", "960"))
PATIENCE = 30.0 + WATCHES / 3
HOSTS = 12
TAKEN_OVER = 30.0
"""Seconds within which somebody else does what a killed worker was at."""


def test_four_workers_pull_each_watch_once_per_due_time(tmp_path: Path, url: str) -> None:
    each = -(-POSTS // WATCHES)
    with ExitStack() as stack:
        hosts = [stack.enter_context(Feeds(each)) for _ in range(HOSTS)]
        crew = Crew(tmp_path, url, [feed(f"s{n}", hosts[n % HOSTS].url(n)) for n in range(WATCHES)], hasty=not FULL)
        with crew.at_work(*["worker"] * 4) as workers:  # and four migrate an empty database at once
            crew.wait_for_workers(4)
            with crew.at_work("run"):
                began = time.monotonic()
                until(lambda: crew.count("runs") >= WATCHES, PATIENCE)
                took = time.monotonic() - began
                assert crew.runs_per_watch() == {1: WATCHES}
                crew.make_due()
                crew.wait_for_runs(2 * WATCHES, PATIENCE)
                assert crew.runs_per_watch() == {2: WATCHES}
            assert sum(worker.pulled > 0 for worker in workers) >= 2
        crew.check(each * WATCHES)
        assert sum(len(host.arrived) for host in hosts) == 2 * WATCHES
    print(f"{WATCHES} watches, {each * WATCHES} posts, 4 workers: {took:.1f} s")


def test_two_clocks_and_two_workers_that_begin_at_once_do_nothing_twice(tmp_path: Path, url: str, feeds: Feeds) -> None:
    crew = Crew(tmp_path, url, [feed(f"s{n}", feeds.url(n)) for n in range(20)])
    with crew.at_work("run", "worker", "run", "worker"):
        crew.wait_for_posts(20, 30)
        until(lambda: crew.count("runs") == 20)
        until(lambda: crew.count("procrastinate_jobs") == 0)
    crew.check(20)
    assert crew.runs_per_watch() == {1: 20}
    assert len(feeds.arrived) == 20


def test_what_a_killed_worker_was_at_is_taken_over_and_done_once(tmp_path: Path, url: str, feeds: Feeds) -> None:
    crew = Crew(tmp_path, url, [feed(f"s{n}", feeds.url(n)) for n in range(6)], hasty=not FULL)
    feeds.held.add("/3")
    with crew.at_work("worker", "run") as (first, _):
        assert feeds.waits.wait(30)
        with crew.at_work("worker"):
            crew.wait_for_workers(2)
            first.signal(signal.SIGKILL)
            killed = time.monotonic()
            first.process.wait(10)
            feeds.held.clear()
            feeds.let_go.set()
            crew.wait_for_posts(6, TAKEN_OVER)
            took = time.monotonic() - killed
            until(lambda: crew.count("runs") == 6)
            until(lambda: crew.count("procrastinate_jobs") == 0)
    crew.check(6)
    assert crew.runs_per_watch() == {1: 6}
    assert took < TAKEN_OVER
    assert STALLED + 2 * BEAT < TAKEN_OVER, "outside of tests"
    print(f"taken over after {took:.1f} s")


def test_the_gap_and_the_wishes_of_a_host_hold_over_four_workers(tmp_path: Path, url: str, feeds: Feeds) -> None:
    gap, watches = 0.2, 12
    crew = Crew(tmp_path, url, [feed(f"s{n}", feeds.url(n)) for n in range(watches)], http={"gap": "0.2s"})
    with crew.at_work(*["worker"] * 4) as workers:
        crew.wait_for_workers(4)
        with crew.at_work("run"):
            crew.wait_for_runs(watches)
            assert sum(worker.pulled > 0 for worker in workers) >= 2
            assert len(feeds.arrived) == watches
            assert min(later - sooner for sooner, later in pairwise(feeds.arrived)) > 0.95 * gap
            feeds.override = Told(429, b"", {"Retry-After": "3600"})
            crew.make_due()
            crew.wait_for_runs(2 * watches)
    assert len(feeds.arrived) == watches + 1, "one was told to leave it alone, and all did"
    assert crew.rows("SELECT DISTINCT trouble FROM watches") == [("throttled",)]


def test_a_database_that_is_restarted_is_waited_for(tmp_path: Path, feeds: Feeds) -> None:
    if os.environ.get("LISTENER_TEST_POSTGRES"):
        pytest.skip("a server that was given is not restarted")
    server = postgres.own_server(tmp_path / "own")
    with postgres.database(server.get_uri()) as url:
        crew = Crew(tmp_path / "crew", url, [feed(f"s{n}", feeds.url(n)) for n in range(12)])
        feeds.held.add("/5")
        with crew.at_work("worker", "worker", "run"):
            assert feeds.waits.wait(30)
            postgres.restart(server)
            feeds.held.clear()
            feeds.let_go.set()
            crew.wait_for_posts(12, 60)
            until(lambda: crew.runs_per_watch()[0] == 0)
            until(lambda: crew.count("procrastinate_jobs") == 0, 40)
        crew.check(12)
    server.cleanup()


def test_workers_score_again_what_another_scorer_judged(tmp_path: Path, url: str) -> None:
    with Feeds(600) as feeds:
        crew = Crew(tmp_path, url, [feed("s", feeds.url(1))])
        with crew.at_work("worker", "run"):
            crew.wait_for_posts(600, 30)
            until(lambda: crew.count("procrastinate_jobs") == 0)
            with psycopg.connect(url) as connection:
                connection.execute("UPDATE mentions SET scorer = 'another'")
            said = crew.run("rescore", "--json").json
            assert said == {"jobs": 2, "handed_out": 2}
            until(lambda: crew.value("SELECT COUNT(*) FROM mentions WHERE scorer = 'another'") == 0, 30)
    crew.check(600)
