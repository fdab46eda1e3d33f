"""What the README tells operators to do, done as it stands there: units, backups, restoring, upgrades, what to watch."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from listener.app import App
from listener.cli.main import _COMMANDS
from listener.config import load
from listener.desk.metrics import rendered
from listener.schedule import crew
from listener.schedule.engine import GRACE_SECONDS
from listener.schedule.tasks import QUEUES, Tasks
from listener.vitals import Vitals
from storage.contract import Store
from storage.records import Bookmark, Watch
from storage.sqlite import SqliteStore
from tests import postgres
from tests.command import ACME, Command
from tests.conftest import NOW
from tests.made import AT, ago, alert, arrival, run, watch
from tests.program import until

README = Path(__file__).parents[1] / "README.md"
FEED = '[[sources]]\ntype = "feed"\nname = "blogs"\nurl = "https://blog.example/feed"\ninterval = "30m"\n'
CREWED = '[schedule]\nengine = "procrastinate"\n'
STANDINS = {"sudo": 'shift 2; exec "$@"', "systemctl": 'echo "$@" >>systemctl.log', "chown": ":"}
"""Commands that a test may not give: who we are is who may."""


def section(title: str) -> str:
    """Of the README, without its heading."""
    found = re.search(rf"^### {title}\n(.*?)(?=^##)", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section '{title}'"
    return found[1]


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)


def the_block(title: str, language: str, holding: str) -> str:
    (found,) = [block for block in blocks(title, language) if holding in block]
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., str]:
    """Runs a block of the README in a folder of its own, as a shell does; what it printed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in STANDINS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)

    def run(script: str, stdin: str = "", **environment: str) -> str:
        path = os.pathsep.join([str(programs), environment.pop("ALSO", ""), os.environ["PATH"]])
        ended = subprocess.run(
            ["sh", "-euc", script],
            input=stdin,
            text=True,
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | environment | {"PATH": path},
            timeout=60,
            start_new_session=True,  # without a terminal, createuser reads the password from here
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run


# -- databases that are being written to

PAGES = watch("pages", term="1")


def write(store: Store, page: int) -> None:
    """One transaction: two posts, and in the bookmark how many pages there are by now."""
    made = [arrival(f"{page}-{half}", text=f"Acme, page {page}: " + "words " * 200) for half in "ab"]
    store.add_page(made, AT, PAGES.id, Bookmark(str(page)))


@contextmanager
def writing(store: Store) -> Iterator[Callable[[], int]]:
    """Somebody writes page after page until the block ends: how many there are by now."""
    store.sync_watches([PAGES])
    done, failed, stopping = [0], [], threading.Event()

    def work() -> None:
        try:
            while not stopping.is_set():
                write(store, done[0] + 1)
                done[0] += 1
        except Exception as error:
            failed.append(error)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        until(lambda: done[0] >= 20 or failed)
        yield lambda: done[0]
    finally:
        stopping.set()
        writer.join(20)
    assert not failed


def pages_in(rows: Callable[[str], list[tuple[Any, ...]]]) -> int:
    """How many there are: all of a page, or nothing of it."""
    (pages,) = rows("SELECT CAST(cursor AS INTEGER) FROM watches")[0]
    for table in ("posts", "mentions"):
        assert rows(f"SELECT COUNT(*) FROM {table}") == [(2 * pages,)]
    return int(pages)


def rows_of(path: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    def rows(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    return rows


# -- a file


def test_a_file_is_backed_up_while_it_is_written_to(tmp_path: Path, store: SqliteStore, shell: Any) -> None:
    backup = the_block("Backup and restore", "sh", "sqlite3.connect")
    with writing(store) as done:
        before = done()
        shell(backup)
        assert before <= pages_in(rows_of(tmp_path / "backup.db")) <= done()
        until(lambda: done() > before + 20)
    assert rows_of(tmp_path / "backup.db")("PRAGMA integrity_check") == [("ok",)]
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600


KILLED = """
import os, sys
from pathlib import Path
from storage.sqlite import SqliteStore
from tests.test_operating import PAGES, write
store = SqliteStore(Path(sys.argv[1]))
for page in range(200):
    write(store, 1000 + page)
print("written", flush=True)
sys.stdin.read()
"""


def test_a_file_is_restored_over_what_a_killed_process_left(tmp_path: Path, store: SqliteStore, shell: Any) -> None:
    with writing(store):
        shell(the_block("Backup and restore", "sh", "sqlite3.connect"))
    store.close()
    pages = pages_in(rows_of(tmp_path / "backup.db"))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "listener.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=README.parent) as process:
        assert process.stdout and process.stdout.readline() == b"written\n"
        process.kill()
    assert (tmp_path / "listener.db-wal").stat().st_size > 100_000
    shell(the_block("Backup and restore", "sh", "rm -f"))
    units = "listener@run listener@serve"
    assert (tmp_path / "systemctl.log").read_text() == f"stop {units}\nstart {units}\n"
    listener = Command(tmp_path)
    assert pages_in(listener.rows) == pages and listener.rows("PRAGMA integrity_check") == [("ok",)]
    verified = listener("migrate", "--verify", "--from", "sqlite:///backup.db", "--to", "sqlite:///listener.db")
    assert verified.code == 0 and "hold the same" in verified.out


def test_an_older_listener_refuses_a_newer_file(tmp_path: Path, store: SqliteStore) -> None:
    store.close()
    with closing(sqlite3.connect(tmp_path / "listener.db")) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('listener', '9999_later', '')"
        )
    refuses(Command(tmp_path))


def refuses(listener: Command) -> None:
    told = re.search(r'\("… (.*?) … (.*?) …"\) and ends with (\d)', " ".join(section("Upgrading").split()))
    assert told, "the README does not say how it refuses"
    for command in ("status", "report"):
        ended = listener(command)
        assert ended.code == int(told[3]) and told[1] in ended.err and told[2] in ended.err


# -- PostgreSQL


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL with nobody in it, as environment variables say where one is."""
    pytest.importorskip("psycopg")
    running = postgres.own_server(tmp_path / "server")
    _, _, folder = running.get_uri().partition("?host=")
    try:
        yield {"PGHOST": folder, "PGUSER": "postgres", "ALSO": str(running.bin_path)}
    finally:
        running.cleanup()


def database(server: Mapping[str, str], name: str) -> str:
    return f"postgresql://listener:secret@/{name}?host={quote(server['PGHOST'], safe='/')}"


def test_a_postgresql_is_made_backed_up_and_restored(tmp_path: Path, server: dict[str, str], shell: Any) -> None:
    shell(the_block("PostgreSQL", "sh", "createuser"), stdin="secret\nsecret\n", **server)
    backup, restoring = (the_block("Backup and restore", "sh", command) for command in ("pg_dump", "pg_restore"))
    url, restored = (database(server, name) for name in ("listener", "listener_restored"))
    with working_at(tmp_path, url) as app:
        with writing(app.store) as done:
            before = done()
            shell(backup, **server)
            until(lambda: done() > before + 20)
        assert (tmp_path / "listener.dump").stat().st_mode & 0o777 == 0o600
        shell(restoring, **server)
        with closing(app.database(restored)) as copy, copy.side.read() as connection:
            assert before <= pages_in(lambda statement: connection.execute(statement).fetchall()) < done()
        shell("dropdb listener_restored", **server)
        # Once more with nobody writing: then both are alike, and what waited for a worker still does.
        engine = crew.engine(app)
        engine.submit(Tasks(app).job("tidy"))
        engine.stop(0)
        shell(backup + restoring, **server)
    with working_at(tmp_path, restored):
        listener = Command(tmp_path, None)
        verified = listener("migrate", "--verify", "--from", url, "--to", restored)
        assert verified.code == 0 and "hold the same" in verified.out
        assert listener("status", "--json").json["queue_jobs"] == {"deliver": 0, "pull": 0, "score": 1}
        shell(
            "psql --quiet --command=\"INSERT INTO listener_migrations VALUES ('9999_later')\" listener_restored",
            **server,
        )
        refuses(listener)


def test_the_readme_knows_how_many_connections_there_are_postgres(crewed: Any) -> None:
    told = re.search(r"take up to (\d+) each, a worker (\d+)", " ".join(section("Many workers").split()))
    assert told, "the README does not say how many connections there are"
    engine, working = crew.engine(crewed), crew.worker(crewed, lambda *_: None, 8, (), 5.0)[0]
    of_a_clock = 1 + sum(_most(pool) for pool in (crewed.store._connections._pool, engine))  # and what holds claims
    of_a_worker = of_a_clock + _most(working) + 1  # and what hears of new jobs
    engine.stop(0)
    assert (of_a_clock, of_a_worker) == (int(told[1]), int(told[2]))


def _most(pool: Any) -> int:
    return int(pool.max_size if hasattr(pool, "max_size") else pool._queue.connector._pool_args["max_size"])


@contextmanager
def working_at(folder: Path, url: str) -> Iterator[Any]:
    config = Command(folder, f'{ACME}{FEED}{CREWED}[storage]\nurl = "{url}"\n').config
    with closing(App(load(config, {}), lambda: NOW)) as app:
        _ = app.store
        yield app


# -- units


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze")
    (unit,) = blocks("One machine", "ini")
    patience = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert patience and int(patience[1]) > 2 * GRACE_SECONDS
    name = unit.partition("\n")[0].rpartition("/")[2]
    program = tmp_path / "listener"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for command in ("run", "serve", "worker"):
        assert command in _COMMANDS and f"listener@{command}" in README.read_text(encoding="utf-8")
        path = tmp_path / name.replace("@", f"@{command}")
        path.write_text(unit.replace("/opt/listener/.venv/bin/listener", str(program)))
        ended = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=30)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_the_compose_file_starts_commands_that_there_are() -> None:
    (compose,) = blocks("Many workers", "yaml")
    commands = re.findall(r'^    command: \["(\w+)"', compose, re.MULTILINE)
    assert commands == ["postgres", "run", "worker", "serve"] and {*commands[1:]} <= {*_COMMANDS}
    assert "LISTENER_DATABASE:" in compose and 'url = "env:LISTENER_DATABASE"' in the_block("PostgreSQL", "toml", "url")
    yaml: Any = pytest.importorskip("yaml")  # comes with the extra `apprise`
    services = yaml.safe_load(compose)["services"]
    assert services.keys() == {"database", "clock", "worker", "desk"}
    for name in ("clock", "worker", "desk"):
        assert services[name]["depends_on"] == {"database": {"condition": "service_healthy"}}
        assert services[name]["environment"]["LISTENER_DATABASE"].endswith("@database/listener")
        assert services[name]["build"]["dockerfile_inline"].startswith("FROM python:3")


# -- what to watch


def told() -> set[str]:
    """The metrics of the README's table, each with its label."""
    rows = re.findall(r"^\| ((?:`listener_[^`]+`(?:, )?)+) \|", section("What to watch"), re.MULTILINE)
    return set(re.findall(r"`(listener_[^`]+)`", " ".join(rows)))


def named(vitals: Vitals) -> set[str]:
    return {f"listener_{one.name}" + (f"{{{one.label}}}" if one.label else "") for one in vitals.metrics()}


def test_the_readme_has_every_metric(tmp_path: Path, crewed: Any) -> None:
    assert told() == named(Vitals(crewed))
    alone = App(load(Command(tmp_path).config, {}), lambda: NOW)
    with closing(alone):
        of_workers = {name for name in told() if "queue" in name or "workers" in name}
        assert len(of_workers) == 3 and told() - named(Vitals(alone)) == of_workers


@pytest.fixture
def crewed(tmp_path: Path) -> Iterator[Any]:
    """An App whose work is left to workers, none of which is there, on PostgreSQL."""
    folder = tmp_path / "crewed"
    folder.mkdir()
    with postgres.database(postgres.server()) as url, working_at(folder, url) as app:
        yield app


def samples(vitals: Vitals) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in rendered(vitals.metrics()) if not line.startswith("#"))
    return {name.removeprefix("listener_"): float(value) for name, _, value in lines}


def test_what_waits_for_workers_is_told_on_postgres(crewed: Any) -> None:
    vitals = Vitals(crewed)
    assert {name: samples(vitals)[f'queue_jobs{{queue="{name}"}}'] for name in QUEUES.values()} == dict.fromkeys(
        QUEUES.values(), 0
    )
    engine, tasks = crew.engine(crewed), Tasks(crewed)
    assert engine.submit_all([tasks.job("tidy"), tasks.job("look"), tasks.job("beat")]) == 3
    engine.stop(0)
    found = samples(vitals)
    jobs = {name: found[f'queue_jobs{{queue="{name}"}}'] for name in ("pull", "score", "deliver")}
    assert jobs == {"pull": 0, "score": 1, "deliver": 2}
    oldest = {name: found[f'queue_oldest_seconds{{queue="{name}"}}'] for name in jobs}
    assert oldest["pull"] == 0 and 0 < oldest["score"] < 60 and 0 < oldest["deliver"] < 60
    assert found["workers"] == 0
    assert vitals.trouble() == ["no worker is alive: 3 jobs wait for `listener worker`."]
    with crewed.store.side.write() as connection:
        connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
    assert samples(vitals)["workers"] == 1 and vitals.trouble() == []


def test_the_figures_hold_on_both_databases_postgres(tmp_path: Path, crewed: Any) -> None:
    with closing(App(load(Command(tmp_path, ACME + FEED).config, {}), lambda: NOW)) as alone:
        both = []
        for app in (alone, crewed):
            (asked,) = app.sync_watches()
            app.store.add_page([arrival("1"), arrival("2")], AT, asked.id)
            app.store.add_alerts([alert(1)])
            forums = [watch(name, kind="discourse", next_due=ago(hours=3)) for name in ("forum", "board")]
            app.store.sync_watches(
                [asked, *forums, watch("gone", next_due=ago(days=9)), watch("late", next_due=ago(hours=2))]
            )
            app.store.finish_run(run(watch("gone"), outcome="failed"), AT, closed="gone for good")
            app.store.finish_run(run(forums[0], finished_at=ago(hours=1)), ago(hours=-1))
            found = samples(Vitals(app))
            assert found.pop("database_bytes") > 100_000
            both.append({name: value for name, value in found.items() if not re.match("queue|workers", name)})
    assert both[0] == both[1]
    expected = {
        "posts_total": 2,
        "mentions_total": 2,
        "alerts_total": 1,
        "closed_watches": 1,
        'watches{state="dead"}': 1,
        "due_watches": 3,
        "lag_seconds": 3 * 3600,
        'last_heard_timestamp_seconds{type="discourse"}': NOW.timestamp() - 3600,
        'last_heard_timestamp_seconds{type="feed"}': 0,
        'runs_total{outcome="failed"}': 1,
    }
    assert {name: both[0][name] for name in expected} == expected


def test_a_source_that_is_asked_nothing_is_counted(tmp_path: Path) -> None:
    config = '[[sources]]\ntype = "hackernews"\nname = "news"\n'
    with closing(App(load(Command(tmp_path, config).config, {}), lambda: NOW)) as app:
        assert app.sync_watches() == [] and samples(Vitals(app))['watches{state="degraded"}'] == 1


def test_a_stream_is_never_behind(tmp_path: Path) -> None:
    stream = '[[sources]]\ntype = "jetstream"\nname = "firehose"\n'
    with closing(App(load(Command(tmp_path, ACME + stream).config, {}), lambda: NOW)) as app:
        (listened,) = app.sync_watches()
        app.store.sync_watches([listened._replace(next_due=ago(hours=1)), watch("blogs", next_due=ago(minutes=5))])
        found = samples(Vitals(app))
    assert (found["due_watches"], found["lag_seconds"]) == (1, 300)


def test_every_watch_is_looked_at_once_a_minute_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOW]
    with closing(App(load(Command(tmp_path, ACME + FEED).config, {}), lambda: now[0])) as app:
        app.sync_watches()
        vitals, looks, look = Vitals(app), [], type(app.store).watches

        def counted(store: SqliteStore) -> list[Watch]:
            looks.append(store)
            return look(store)

        monkeypatch.setattr(type(app.store), "watches", counted)
        for seconds in (0, 30, 59, 60, 61, 30):
            now[0] = NOW + timedelta(seconds=seconds)
            assert samples(vitals)['watches{state="quiet"}'] == 1
        assert len(looks) == 3  # at 0, at 60, and when the machine's clock was set back


# -- listener status


def test_status_says_what_is_there_and_what_has_stalled(tmp_path: Path) -> None:
    listener = Command(tmp_path, ACME + FEED)
    calm = listener("status")
    assert calm.code == 0 and calm.out.endswith("nothing has stalled.\n")
    assert calm.out.count("\n") == 6 and "listener.db" in calm.out
    store = SqliteStore(listener.database)
    with closing(store):
        due = {"blogs": "2020-01-01T00:00:00.000Z", "never": "2999-01-01T00:00:00.000Z", "gone": AT}
        store.sync_watches([watch(name, next_due=at) for name, at in due.items()])
        store.finish_run(run(watch("gone")), AT, closed="gone for good")
        store.add_page([arrival("1")], AT)
        store.add_alerts([alert(1)])
    stalled = listener("status")
    assert stalled.code == 3
    for words in ("1 posts, 1 mentions, 1 alerts", "due         1, the oldest for", "1 waiting, the oldest for"):
        assert words in stalled.out
    assert "the clock has stalled: 1 of 2 watches are not asked, one since 2020-01-01" in stalled.out
    as_json = listener("status", "--json")
    assert as_json.code == 3 and as_json.json["trouble"][0] in stalled.out
    assert as_json.json["posts_total"] == 1 and as_json.json["due_watches"] == 1
    assert as_json.json["deliveries"]["waiting"] == 1 and as_json.json["place"].endswith("listener.db")


def test_status_tells_of_workers_on_postgres(tmp_path: Path) -> None:
    with postgres.database(postgres.server()) as url:
        with working_at(tmp_path, url) as app:
            crew.engine(app).submit(Tasks(app).job("tidy"))
        told = Command(tmp_path, None)("status")
    assert told.code == 3
    assert re.search(r"^queue       deliver none; pull none; score 1, the oldest for \d+ s$", told.out, re.MULTILINE)
    assert re.search(r"^workers     0$", told.out, re.MULTILINE)
    assert told.out.endswith("no worker is alive: 1 jobs wait for `listener worker`.\n")
