"""The queue on PostgreSQL that workers share: its tables, who hands out, who does, and what becomes of jobs that go
wrong. Whole processes are in tests/faults/test_workers*.py."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
import pytest

from listener.schedule import job_tables, rescue, working
from listener.schedule.depth import Depth, Queue, survey
from listener.schedule.engine import Job
from listener.schedule.jobs import _LANE, ProcrastinateEngine
from listener.schedule.tasks import Elsewhere
from listener.schedule.working import Ending, Stopping, Worker
from storage.errors import NewerSchema, StoreError
from storage.postgres_connections import CUT_OFF, Connection, Connections
from tests import postgres
from tests.program import until

MIGRATIONS = Path(procrastinate.schema.SchemaManager.get_migrations_path())
_SHAPE = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, column_default, is_nullable
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name LIKE 'procrastinate%%'""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'procrastinate%%'",
    "functions": """
        SELECT proname, pg_get_function_identity_arguments(oid), regexp_replace(prosrc, '\\s+', ' ', 'g')
        FROM pg_proc WHERE proname LIKE 'procrastinate%%'""",
    "triggers": "SELECT tgname, tgtype, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
    "values": """
        SELECT typname, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid WHERE typname LIKE 'procrast%%'""",
}
"""What makes up a schema; the order of columns and of an enumeration's values says nothing."""


@pytest.fixture(scope="module")
def server() -> str:
    return postgres.server()


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    with postgres.database(server) as url:
        yield url


@pytest.fixture(scope="module")
def prepared(server: str) -> Iterator[str]:
    with postgres.database(server) as url:
        job_tables.prepare(url)
        yield url


@pytest.fixture
def url(prepared: str) -> str:
    execute(prepared, "TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return prepared


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def shape(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {what: sorted(rows(url, statement.replace("%%", "%")), key=repr) for what, statement in _SHAPE.items()}


# -- the queue's tables


def make_as_of(url: str, folder: Path, last: str) -> None:
    """As an older Listener left it: with the package's migrations up to `last`, which `folder` holds afterwards."""
    folder.mkdir()
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.stem <= last:
            (folder / file.name).write_bytes(file.read_bytes())
            execute(url, file.read_text(encoding="utf-8"))
    execute(url, "CREATE TABLE listener_queue_migrations (name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ DEFAULT now())")
    for file in folder.glob("*.sql"):
        execute(url, f"INSERT INTO listener_queue_migrations (name) VALUES ('{file.stem}')")


@pytest.mark.parametrize("last", ["02.14.01_01_add_indexes_for_fetch_job", "03.02.00_01_pre_batch_defer_jobs"])
def test_an_older_queue_is_brought_up_to_date_by_two_at_once_and_its_jobs_stay(
    empty: str, prepared: str, tmp_path: Path, last: str
) -> None:
    make_as_of(empty, tmp_path / "older", last)
    job = "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('pull', 'listener', 'waits')"
    execute(empty, job)
    with ThreadPoolExecutor(2) as both:
        list(both.map(job_tables.prepare, [empty, empty]))
    assert shape(empty) == shape(prepared)
    assert rows(empty, "SELECT queueing_lock FROM procrastinate_jobs") == [("waits",)]
    known = sorted([*((file.stem,) for file in MIGRATIONS.glob("*.sql")), ("listener_0001_lanes",)])
    assert sorted(rows(empty, "SELECT name FROM listener_queue_migrations")) == known


def test_four_make_the_tables_at_once(empty: str, prepared: str) -> None:
    with ThreadPoolExecutor(4) as four:
        list(four.map(job_tables.prepare, [empty] * 4))
    assert shape(empty) == shape(prepared)


def test_a_migration_that_breaks_off_leaves_nothing_half_done_and_is_done_the_next_time(
    empty: str, tmp_path: Path
) -> None:
    folder = tmp_path / "newer"
    folder.mkdir()
    for file in MIGRATIONS.glob("*.sql"):
        (folder / file.name).write_bytes(file.read_bytes())
    job_tables.prepare(empty, folder)
    (folder / "99.00.00_01_pre_one.sql").write_text("CREATE TABLE one (x TEXT); -- 100% of it\n")
    (folder / "99.00.00_50_post_two.sql").write_text("CREATE TABLE two (x TEXT); SELECT 1 / 0;")
    with pytest.raises(StoreError):
        job_tables.prepare(empty, folder)
    assert rows(empty, "SELECT to_regclass('one')::text, to_regclass('two')::text") == [("one", None)]
    (folder / "99.00.00_50_post_two.sql").write_text("CREATE TABLE two (x TEXT);")
    job_tables.prepare(empty, folder)
    assert rows(empty, "SELECT to_regclass('two')::text") == [("two",)]
    with pytest.raises(NewerSchema, match="99.00.00_50_post_two.*upgrade Listener"):
        job_tables.prepare(empty)


def test_the_queue_of_another_program_is_left_alone(empty: str) -> None:
    execute(empty, procrastinate.schema.SchemaManager.get_schema())
    with pytest.raises(StoreError, match="another program: give Listener one of its own"):
        job_tables.prepare(empty)


# -- connections


def test_every_connection_learns_that_the_other_machine_is_gone_and_no_lock_outlives_that(url: str) -> None:
    ours = "SELECT name, setting FROM pg_settings WHERE name ~ '^tcp_keep|^tcp_user|^idle_in_t' AND source = 'session'"
    with (
        closing(Connections(url, "here")) as connections,
        connections.alone() as pooled,
        closing(connections.keep()) as kept,
    ):
        for one in (pooled, kept):
            found = dict(one.execute(ours).fetchall())
            assert found["idle_in_transaction_session_timeout"] == "30000"
            assert len(found) == 5, "PostgreSQL looks whether we are there"
            told = one.info.get_parameters()
            assert all(told[name] == str(value) for name, value in CUT_OFF.items())
    nothing: Any = None
    worker = Worker(url, nothing, nothing, nothing, nothing, concurrency=1)
    with engine(url) as handing_out:
        for queue in (handing_out._queue, worker._queue):
            assert CUT_OFF.items() <= queue.connector._pool_args["kwargs"].items()  # type: ignore[attr-defined]


# -- handing out


@contextmanager
def engine(url: str) -> Iterator[ProcrastinateEngine]:
    one = ProcrastinateEngine(url)
    yield one
    one.stop(0)


def job(name: str, lane: str = "", task: str = "pull", **arguments: str) -> Job:
    return Job(name, lane or name, lambda: None, task, arguments)


def names(url: str) -> list[str]:
    return [name for (name,) in rows(url, "SELECT queueing_lock FROM procrastinate_jobs ORDER BY id")]


def test_what_waits_is_not_handed_out_again_by_this_clock_or_another(url: str) -> None:
    with engine(url) as one, engine(url) as other:
        assert one.submit(job("a"))
        assert not other.submit(job("a"))
        assert other.submit_all([job("a"), job("b"), job("b", task="sweep")]) == 1
    assert names(url) == ["a", "b"]


def test_two_clocks_that_see_the_same_hand_it_out_once_between_them(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcrastinateEngine, "_fresh", lambda _, jobs: [*jobs])  # as if both had looked before
    with engine(url) as one, engine(url) as other:
        assert one.submit_all([job("b")]) == 1
        assert other.submit_all([job("a"), job("b"), job("c")]) == 2
    assert names(url) == ["b", "a", "c"]


def test_a_lane_gets_no_longer_than_it_may_and_the_others_are_not_kept(url: str) -> None:
    with engine(url) as one:
        crowd = [job(f"slow {number}", "slow host") for number in range(3 * _LANE)]
        assert one.submit_all([*crowd, job("quick")]) == _LANE + 1
        assert one.submit_all(crowd) == 0


def test_the_next_job_is_found_at_once_in_a_queue_that_was_just_filled(url: str) -> None:
    execute(url, "ANALYZE procrastinate_jobs")  # it takes the queue for empty
    with engine(url) as one:
        assert one.submit_all([job(f"{number}") for number in range(2_000)]) == 2_000
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        began = time.perf_counter()
        for _ in range(20):
            connection.execute("SELECT procrastinate_fetch_job_v2(NULL, (SELECT MAX(id) FROM procrastinate_workers))")
        each = (time.perf_counter() - began) / 20
    assert each < 0.05, f"{1000 * each:.1f} ms for each of 2,000"


def test_what_alerts_wait_for_comes_before_a_thousand_pulls_and_scoring_again_behind_them(url: str) -> None:
    with engine(url) as one:
        one.submit_all([*(job(f"again {number}", task="rescore") for number in range(3)), job("feed")])
        one.submit_all([job("rules", task="rules"), job("deliver", task="deliver")])
    with AtWork(url, dict.fromkeys(("pull", "rescore", "rules", "deliver"), lambda: None), 1) as worker:
        empties(url)
    assert worker.did == ["rules", "deliver", "pull", "rescore", "rescore", "rescore"]


# -- depths


def test_how_much_waits_is_known_by_queue_with_the_age_of_the_oldest(empty: str, url: str) -> None:
    def seen(url: str) -> Queue:
        with psycopg.connect(url) as connection:
            return survey(Connection(connection), 15)

    assert seen(empty) == Queue({}, 0), "no clock has ever run"
    with engine(url) as one:
        one.submit_all([job("a"), job("b"), job("c"), job("d", task="deliver")])
    execute(url, "UPDATE procrastinate_jobs SET status = 'doing' WHERE queueing_lock = 'a'")
    execute(
        url,
        """UPDATE procrastinate_events SET at = now() - interval '90 s'
        WHERE job_id = (SELECT id FROM procrastinate_jobs WHERE queueing_lock = 'b')""",
    )
    execute(url, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '20 s')")
    found = seen(url)
    assert found.workers == 1
    assert found.depths["pull"][:2] == (2, 1)
    assert 90 <= found.depths["pull"].oldest_seconds < 120
    assert found.depths["deliver"][:2] == (1, 0)
    execute(url, "UPDATE procrastinate_jobs SET status = 'doing'")
    assert seen(url).depths["deliver"] == Depth(0, 1, 0.0)


# -- doing


class AtWork:
    """A worker in this process, on a thread of its own. `do` maps tasks to what is done; others are unknown to it."""

    def __init__(self, url: str, do: Mapping[str, Callable[..., object]], concurrency: int = 4) -> None:
        self.did: list[str] = []
        self.failed: list[str] = []
        self.given_up: list[tuple[str, Mapping[str, str], str]] = []
        self._does = do
        self._stopping = Stopping()
        self._worker = Worker(
            url,
            self._do,
            lambda _: nullcontext(True),
            lambda name, _: self.failed.append(name),
            lambda task, arguments, why: self.given_up.append((task, arguments, why)),
            concurrency=concurrency,
        )
        self._ending = Ending(lambda for_good: None, lambda: None, 0.2)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def _do(self, task: str, arguments: Mapping[str, str]) -> None:
        if task not in self._does:
            raise Elsewhere
        self._does[task](**arguments)
        self.did.append(task)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._worker.run(self._stopping, self._ending))

    def __enter__(self) -> AtWork:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.ask)
        self._thread.join(15)
        assert not self._thread.is_alive()


def empties(url: str) -> None:
    until(lambda: not names(url), 10)


def test_a_lane_goes_on_at_once_when_a_job_of_it_has_ended(url: str) -> None:
    with engine(url) as one:
        one.submit_all([job(f"{number}", "one host") for number in range(8)])
    with AtWork(url, {"pull": lambda: None}) as worker:
        until(lambda: len(worker.did) >= 1)
        began = time.monotonic()
        empties(url)
    assert len(worker.did) == 8
    assert time.monotonic() - began < 4, "by looking once a second it would take seven"


@pytest.mark.parametrize("error", [ValueError("it broke"), SystemExit(3), KeyboardInterrupt()])
def test_a_job_that_raises_costs_no_worker_and_its_lane_goes_on(
    url: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def bad() -> None:
        raise error

    with engine(url) as one, AtWork(url, {"pull": bad, "deliver": lambda: None}, 1) as worker:
        for _ in range(2):
            one.submit_all([job("bad", "lane"), job("good", "lane", "deliver")])
            empties(url)
    assert worker.did == ["deliver"] * 2
    if isinstance(error, Exception):
        assert worker.failed == ["bad", "bad"]
        said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert said == ["bad: it broke"], "once for as long as it stays the same"


def test_what_an_older_worker_does_not_know_waits_for_a_newer_one_and_keeps_nobody(url: str) -> None:
    known = {"deliver": lambda: None}
    with engine(url) as one, AtWork(url, known) as older:
        one.submit_all([job("new", "lane"), job("old", "lane", "deliver")])
        left = "SELECT queueing_lock, status::text, scheduled_at > now() + interval '5 s' FROM procrastinate_jobs"
        until(lambda: rows(url, left) == [("new", "todo", True)])
        assert older.did == ["deliver"]
        execute(url, "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '2 s'")
    with AtWork(url, {"pull": lambda: None}) as newer:
        empties(url)
    assert newer.did == ["pull"]
    assert older.failed == newer.failed == []


def test_a_job_that_hangs_is_left_behind_at_the_end_and_given_back_at_once(url: str) -> None:
    hangs, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        let_go.wait(30)

    with engine(url) as one:
        one.submit(job("hangs"))
    worker = AtWork(url, {"pull": hang})
    with worker:
        assert hangs.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert rows(url, "SELECT queueing_lock, status::text FROM procrastinate_jobs") == [("hangs", "todo")]
    with AtWork(url, {"pull": lambda: None}) as another:
        empties(url)
    assert another.did == ["pull"]
    let_go.set()


def test_a_job_at_which_workers_die_is_given_up_and_one_that_was_left_to_others_is_not(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "BEAT", 0.1)
    with engine(url) as one:
        one.submit_all([job("kills", watch="w1"), job("elsewhere", "elsewhere pull", watch="w2")])
    execute(url, "UPDATE procrastinate_jobs SET status = 'doing', attempts = 4")  # their worker is gone
    with AtWork(url, {"pull": lambda watch: None}) as worker:
        empties(url)
    assert worker.given_up == [("pull", {"watch": "w1"}, "5 workers ended while they were at it.")]
    assert worker.did == ["pull"]


def test_the_end_of_a_job_is_told_when_the_queue_is_open_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_POLL", 0.02)
    with engine(url) as one:
        one.submit(job("ended"))
    nothing: Any = None
    worker = Worker(url, nothing, nothing, nothing, nothing, concurrency=1)

    async def tell() -> None:
        manager = worker._queue.job_manager
        async with worker._queue.open_async():
            ended = await manager.fetch_job(queues=None, worker_id=await manager.register_worker())
        assert ended is not None
        telling = asyncio.create_task(worker._finish(ended))
        await asyncio.wait([telling], timeout=0.2)  # it tries all the time
        async with worker._queue.open_async():
            await asyncio.wait_for(telling, 10)

    asyncio.run(tell())
    assert names(url) == []


def test_a_database_that_goes_away_ends_what_listens_and_is_waited_for(
    server: str, empty: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(working, "BEAT", 0.3)
    monkeypatch.setattr(rescue, "BEAT", 0.3)
    hushed: list[bool] = []
    listens, hush = threading.Event(), threading.Event()

    def listen() -> None:
        listens.set()
        assert hush.wait(30)

    def end(for_good: bool) -> None:
        hushed.append(for_good)
        hush.set()

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]

    job_tables.prepare(empty)
    name = empty.partition("?")[0].rpartition("/")[2]
    with engine(empty) as one:
        one.submit(job("stream"))
    worker = AtWork(empty, {"pull": listen, "deliver": lambda: None})
    worker._ending = Ending(end, lambda: None, 0.2)
    with worker:
        assert listens.wait(10)
        for outage in (1, 2):
            execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            execute(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            until(lambda many=outage: len(hushed) == len(said()) == many, 20)  # type: ignore[misc]
            execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
            with engine(empty) as one:
                one.submit(job("next", task="deliver"))
                until(lambda many=outage: len(worker.did) == many + 1, 20)  # type: ignore[misc]
                empties(empty)
            until(lambda: worker._worker._lost == "")
    assert hushed == [False, False, True]
    assert said() == ["the database cannot be reached: trying again."] * 2, "each time once"


def test_who_asks_twice_does_not_wait_for_the_grace(url: str) -> None:
    hangs, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        let_go.wait(30)

    with engine(url) as one:
        one.submit(job("hangs"))
    worker = AtWork(url, {"pull": hang})
    worker._ending = Ending(lambda for_good: None, let_go.set, 30.0)
    with worker:
        assert hangs.wait(10)
        worker._loop.call_soon_threadsafe(worker._stopping.ask)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert worker.did == ["pull"]
