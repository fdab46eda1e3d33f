"""The command line says what it did or what to do, in a sentence, and its exit code says how it went."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.app import App
from listener.cli.main import _COMMANDS
from tests.command import ACME, Command, listener
from tests.standins.loopback import Asked, Loopback, Told

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "listener")
PRIVATE = '[http]\nallow_private = ["127.0.0.1/32"]\n[alerting]\nallow_private = ["127.0.0.1/32"]\n'


class Place(Loopback):
    """A feed at /feed, a chat at /chat, and nothing else."""

    def answer(self, asked: Asked) -> Told:
        if asked.path != "/feed":
            return Told(404)
        now = datetime.now(UTC)
        items = "".join(
            f"<item><guid>{n}</guid><link>https://blog.example/{n}</link><description>{text}</description>"
            f"<pubDate>{now - timedelta(minutes=n):%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
            for n, text in enumerate(("Acme is terrible, I hate it", "Acme is wonderful, I love it"))
        )
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>{items}</channel></rss>'
        return Told(200, body.encode(), {"Content-Type": "application/rss+xml"})


@pytest.fixture
def place() -> Iterator[Place]:
    with Place() as place:
        yield place


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def _feed(place: Place, name: str = "blog", path: str = "/feed") -> str:
    return f'[[sources]]\ntype = "feed"\nname = "{name}"\nurl = "{place.base}{path}"\n'


def _imported(command: Command, *texts: str) -> None:
    rows = [{"text": text, "published_at": datetime.now(UTC).isoformat()} for text in texts]
    assert command("import", command.file("posts.jsonl", "\n".join(map(json.dumps, rows)))).code == 0


# -- help


@pytest.mark.parametrize(
    "name", [*_COMMANDS, "brands list", "brands explain", "brands try", "alerts list", "alerts test", "alerts replay"]
)
def test_every_command_has_help_that_needs_no_configuration(name: str) -> None:
    ended = listener(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: listener {name} ")
    assert len(ended.out.splitlines()) > 4


def test_the_list_of_commands_is_what_there_is() -> None:
    out = listener("--help").out
    assert re.findall(r"^  ([a-z]+) {2,}\S", out.partition("Commands:")[2], re.MULTILINE) == list(_COMMANDS)
    assert listener("-h").out == out


def test_the_version_is_said() -> None:
    assert re.fullmatch(r"listener, version \d+\.\d+\.\d+\n", listener("--version").out)


def test_nothing_at_all_is_a_question_for_help() -> None:
    ended = listener()
    assert (ended.code, "Commands:" in ended.out + ended.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["repor"], "No such command 'repor'. Did you mean 'report'?"),
        (["brands", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["report", "--unti", "7d"], "No such option '--unti'. Did you mean '--until'?"),
        (["zzz"], "No such command 'zzz'."),
        (["report", "--format", "pdf"], "'pdf' is not one of 'text', 'markdown', 'html', 'csv', 'json'"),
        (["pull", "now"], "Got unexpected extra argument"),
        (["brands", "explain"], "Missing argument 'TEXT'."),
    ],
)
def test_a_slip_of_the_hand_is_answered_with_what_was_meant(arguments: list[str], hint: str) -> None:
    ended = listener(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err


# -- init and check


def test_init_writes_a_private_file_that_check_finds_sound(tmp_path: Path) -> None:
    command = Command(tmp_path, None)
    ended = command("init")
    assert ended.code == 0
    assert ended.out.startswith(f"{command.config} is written.")
    assert stat.S_IMODE(command.config.stat().st_mode) == 0o600
    checked = command("check", "--offline")
    assert (checked.code, checked.err) == (0, "")
    assert [line.split()[0] for line in checked.out.splitlines()] == [
        "configuration",
        "database",
        "brands",
        "watches",
        "channels",
    ]


def test_init_never_overwrites(command: Command) -> None:
    ended = command("init")
    assert ended.code == 2
    assert "is there already; move it away" in ended.err
    assert command.config.read_text() == ACME


def test_init_in_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    ended = listener("--config", str(tmp_path / "no" / "listener.toml"), "init")
    assert (ended.code, "cannot be written: No such file or directory." in ended.err) == (2, True)


def test_the_configuration_is_found_by_option_then_environment_then_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("option", "environment", "folder"):
        (tmp_path / name).mkdir()
        Command(tmp_path / name, ACME.replace('name = "Acme"', f'name = "{name}"'))
    monkeypatch.chdir(tmp_path / "folder")
    assert "folder" in listener("brands", "list").out
    monkeypatch.setenv("LISTENER_CONFIG", str(tmp_path / "environment" / "listener.toml"))
    assert "environment" in listener("brands", "list").out
    assert "option" in listener("-c", str(tmp_path / "option" / "listener.toml"), "brands", "list").out


def test_a_database_of_a_newer_version_is_left_alone(command: Command) -> None:
    assert command("check").code == 0
    with closing(sqlite3.connect(command.database)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('listener', '9999_x', '2030')"
        )
    ended = command("check")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("listener: ") and "upgrade Listener" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_file_that_is_no_database_is_one_sentence(command: Command) -> None:
    command.database.write_text("a letter to my aunt " * 100)
    ended = command("sources")
    assert (ended.code, "is not a sound Listener database" in ended.err) == (2, True)


# -- pull and sources


def test_a_pull_stores_alerts_and_says_so(tmp_path: Path, place: Place) -> None:
    chat = f'[[channels]]\nname = "chat"\ntype = "webhook"\nurl = "{place.base}/chat"\nper_second = 100\n'
    command = Command(tmp_path, PRIVATE + ACME + _feed(place) + chat)
    ended = command("pull")
    assert (ended.code, ended.err) == (0, "")
    assert "2 new   0 edited     2 mentions" in ended.out
    assert "1 pulled (ok 1): 2 new posts, 0 edited, 2 new mentions; 0 alerts sent" in ended.out
    again = command("pull")
    assert again.code == 0
    assert re.match(r"nothing is due before [\d: -]+; --all asks anyway\.\n", again.out)
    assert command("pull", "--all", "--json").json["runs"][0]["outcome"] in ("unchanged", "empty")


@pytest.mark.parametrize(("paths", "code"), [(["/feed"], 0), (["/feed", "/nope"], 3), (["/nope", "/no"], 1)])
def test_the_exit_code_says_whether_all_some_or_none_worked(
    tmp_path: Path, place: Place, paths: list[str], code: int
) -> None:
    sources = "".join(_feed(place, f"source-{number}", path) for number, path in enumerate(paths))
    assert Command(tmp_path, PRIVATE + ACME + sources)("pull").code == code


def test_without_a_source_there_is_nothing_to_pull(command: Command) -> None:
    ended = command("pull")
    assert (ended.code, ended.out) == (0, "nothing is due: no source is configured.\n")


def test_an_unknown_source_is_named_beside_the_known_ones(tmp_path: Path, place: Place) -> None:
    command = Command(tmp_path, ACME + _feed(place))
    ended = command("pull", "--source", "blgo")
    assert (ended.code, "there is no source 'blgo'; there are: blog." in ended.err) == (2, True)


def test_sources_tell_how_well_each_is_heard(tmp_path: Path, place: Place) -> None:
    command = Command(tmp_path, PRIVATE + ACME + _feed(place) + _feed(place, "gone", "/nope"))
    assert command("sources").out.count("not asked") == 2
    command("pull")
    ended = command("sources", "--json")
    told = {watch["source"]: watch for watch in ended.json}
    assert (told["blog"]["state"], told["blog"]["last_outcome"], told["blog"]["failing"]) == ("ok", "ok", False)
    assert (told["gone"]["state"], told["gone"]["trouble"], told["gone"]["failures"]) == ("degraded", "unreachable", 1)
    assert "404" in told["gone"]["reason"] and ended.code == 3
    assert not {"cursor", "etag", "body_hash"} & set(told["blog"])
    table = command("sources")
    assert table.code == 3 and table.out.splitlines()[0].split()[:3] == ["source", "state", "outcome"]
    assert "404" in table.out.splitlines()[3] and table.out.endswith("2 watches: 1 ok, 1 degraded\n")


def test_a_source_that_no_term_can_be_put_to_is_no_quiet_source(tmp_path: Path) -> None:
    command = Command(tmp_path, '[[brands]]\nname = "All"\nquery = "*"\n[[sources]]\ntype = "hackernews"\n')
    ended = command("sources")
    assert ended.code == 3 and "is asked nothing" in ended.out
    assert "0 of 1 sources heard; not heard: hackernews-1" in command("report").out
    assert [watch["failing"] for watch in command("sources", "--json").json] == [True]


def test_the_types_of_sources_say_what_they_hear_and_cannot_hear() -> None:
    told = listener("sources", "types", "feed", "--json").json["feed"]
    assert told["key"] == "none" and told["misses"] and told["options"] == ["url", "genre"]
    assert listener("sources", "types").out.count("misses") > 1
    ended = listener("sources", "types", "feeed")
    assert (ended.code, "did you mean 'feed'?" in ended.err) == (2, True)


def test_feeds_come_in_from_opml_once_and_go_out_again(tmp_path: Path) -> None:
    command = Command(tmp_path)
    outlines = '<outline title="A &quot;b&quot;" xmlUrl="https://a.example/1"/><outline title="C" xmlUrl="https://c.example/"/>'
    listed = command.file("feeds.opml", f'<opml version="2.0"><body>{outlines}</body></opml>')
    before = command.config.read_text()
    dry = command("sources", "import", listed, "--dry-run")
    assert dry.out.count("[[sources]]") == 2 and command.config.read_text() == before
    assert command("sources", "import", listed).out.startswith("2 feeds added to")
    assert command("sources", "import", listed).out.startswith("0 feeds added to")
    assert [watch["source"] for watch in command("sources", "--json").json] == ['A "b"', "C"]
    assert (tmp_path / "listener.toml.bak").read_text() == before
    assert command("sources", "export").out.count("xmlUrl=") == 2


@pytest.mark.parametrize("content", ["", "<rss/>", "no xml"])
def test_a_list_that_is_none_changes_nothing(command: Command, content: str) -> None:
    before = command.config.read_text()
    ended = command("sources", "import", command.file("feeds.opml", content))
    assert ended.code == 2 and ended.err.count("\n") < 6 and command.config.read_text() == before


def test_a_heartbeat_follows_each_round_that_worked(
    tmp_path: Path, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    beat = f'[schedule]\nheartbeat = "{place.base}/beat"\n'
    ended = Command(tmp_path, PRIVATE + ACME + beat + _feed(place))("pull")
    assert place.requests[-1].path == "/beat"
    assert ended.code == 0 and "the heartbeat to http://127.0.0.1" in caplog.text and "/beat" not in caplog.text
    failing = Command(tmp_path, PRIVATE + ACME + beat + _feed(place, "gone", "/nope"))
    place.requests.clear()
    assert failing("pull").code == 1
    assert [asked.path for asked in place.requests] == ["/nope"]
    assert "nothing is due" in failing("pull").out
    assert [asked.path for asked in place.requests] == ["/nope"]  # what fails has not begun to work


def test_a_sweep_says_what_it_came_to(tmp_path: Path, place: Place) -> None:
    command = Command(tmp_path, PRIVATE + ACME + _feed(place))
    command("pull")
    assert command("sweep").out == (
        "0 posts asked about again, 0 of them edited or taken away; nothing is left to ask about today.\n"
    )
    assert command("sweep", "--json").json == {"asked": 0, "changed": 0, "through": True, "trouble": []}


# -- report


def test_an_empty_window_is_refused(command: Command) -> None:
    for window in (
        ["--since", "2026-11-02", "--until", "2026-11-01"],
        ["--since", "2026-11-01", "--until", "2026-11-01"],
    ):
        ended = command("report", *window)
        assert (ended.code, ended.out) == (2, "")
        assert f"the window is empty: --since {window[1]} 00:00" in ended.err


@pytest.mark.parametrize("since", ["yesterday", "2026-99-01", "", "90 days"])
def test_a_time_that_is_none_is_answered_with_examples(command: Command, since: str) -> None:
    ended = command("report", "--since", since)
    assert ended.code == 2
    assert f"--since: '{since}' is not a point in time: write a date (2026-11-01)" in ended.err


def test_an_unknown_brand_is_named_beside_the_known_ones(command: Command) -> None:
    ended = command("report", "--brand", "Acne")
    assert (ended.code, "there is no brand 'Acne'; there are: Acme." in ended.err) == (2, True)


def test_a_report_counts_what_was_said(command: Command) -> None:
    _imported(command, "acme is wonderful, I love it", "acme is terrible", "nothing to do with it")
    told = command("report", "--json").json["reports"]
    assert [(r["brand"], r["labels"]["promoter"], r["labels"]["detractor"]) for r in told] == [("Acme", 1, 1)]
    assert command("report", "--format", "json").json == command("report", "--json").json
    assert command("report").out.startswith("Acme: ")
    assert command("report", "--format", "markdown").out.startswith("# Acme\n")
    assert (
        command("report", "--since", "2020-01-01", "--until", "2020-02-01", "--json").json["reports"][0]["waterfall"][
            "pool"
        ]
        == 0
    )


def test_yesterday_is_one_whole_local_day(tmp_path: Path) -> None:
    command = Command(tmp_path, 'timezone = "Europe/Berlin"\n' + ACME)
    (told,) = command("report", "--yesterday", "--json").json["reports"]
    since, until = (datetime.fromisoformat(told[end]) for end in ("since", "until"))
    assert until - since in (timedelta(hours=23), timedelta(hours=24), timedelta(hours=25))
    assert until <= datetime.now(UTC)


def test_a_report_into_a_file_is_whole_or_not_there(command: Command) -> None:
    target = command.folder / "report.md"
    target.write_text("the old one")
    ended = command("report", "-o", str(target), "--format", "markdown")
    assert (ended.code, ended.out) == (0, "")
    assert target.read_text(encoding="utf-8").startswith("# Acme\n")
    assert sorted(path.name for path in command.folder.glob("report*")) == ["report.md"]


def test_a_place_that_cannot_be_written_is_one_sentence(command: Command) -> None:
    ended = command("report", "-o", str(command.folder / "no" / "report.txt"))
    assert (ended.code, ended.out) == (2, "")
    assert "cannot be written: No such file or directory." in ended.err
    assert command("report", "-o", str(command.folder)).code == 2


# -- brands


def test_brands_list_says_what_is_asked_for_them(command: Command) -> None:
    assert command("brands", "list").out == "Acme: acme\n  asked of search sources: acme\n"
    (told,) = command("brands", "list", "--json").json
    assert (told["brand"], told["query"], told["search_terms"]) == ("Acme", "acme", ["acme"])


def test_brands_explain_says_why_from_argument_or_stdin(command: Command) -> None:
    assert command("brands", "explain", "Acme is great").out.startswith("Acme: matches\n")
    assert command("brands", "explain", "pacmen").out.startswith("Acme: does not match\n")
    assert command("brands", "explain", "-", stdin=b"ACME!").out.startswith("Acme: matches\n")


def test_brands_try_changes_nothing(command: Command) -> None:
    _imported(command, "acme one", "acme two", "other")
    before = command.rows("SELECT COUNT(*), SUM(matched) FROM mentions")
    ended = command("brands", "try", "Acme", "--query", "acme AND two")
    assert (ended.code, "1 of 3 stored posts match." in ended.out, "acme two" in ended.out) == (0, True, True)
    assert "2 of 3 stored posts match." in command("brands", "try", "Acme").out
    assert command("brands", "try", "New", "--query", "other", "--show", "0").out.endswith(
        "1 of 3 stored posts match.\n"
    )
    assert command.rows("SELECT COUNT(*), SUM(matched) FROM mentions") == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Acne"], "there is no brand 'Acne'; there are: Acme"),
        (["Acme", "--query", "acme AND"], "--query: a word, a phrase or a ( is expected after AND"),
    ],
)
def test_brands_try_says_what_is_wrong_with_it(command: Command, arguments: list[str], sentence: str) -> None:
    ended = command("brands", "try", *arguments)
    assert (ended.code, sentence in ended.err) == (2, True)


# -- alerts


def _with_chat(tmp_path: Path, place: Place, status: int) -> Command:
    place.override = Told(status)
    chat = f'[[channels]]\nname = "chat"\ntype = "webhook"\nurl = "{place.base}/hook/S3CR3T"\nper_second = 100\n'
    return Command(tmp_path, PRIVATE + ACME + chat)


def test_a_test_message_that_was_taken_is_said_to_be(tmp_path: Path, place: Place) -> None:
    command = _with_chat(tmp_path, place, 200)
    assert command("alerts", "list").out == "no deliveries.\n"
    ended = command("alerts", "test", "chat")
    assert (ended.code, ended.out) == (0, "chat: the test message was taken.\n")
    (told,) = command("alerts", "list", "--json").json
    assert (told["state"], told["channel"], told["attempts"]) == ("sent", "chat", 1)
    assert "Test message for the channel chat" in command("alerts", "list", "--state", "sent").out


def test_a_dead_channel_says_why_and_can_be_opened_again(tmp_path: Path, place: Place) -> None:
    command = _with_chat(tmp_path, place, 410)
    ended = command("alerts", "test", "chat")
    assert (ended.code, ended.out) == (1, "")
    assert "410" in ended.err and "it is dead." in ended.err and "S3CR3T" not in ended.err
    assert command("alerts", "list", "--state", "dead", "--json").json[0]["state"] == "dead"
    place.override = Told(200)
    replayed = command("alerts", "replay", "--channel", "chat")
    assert (replayed.code, replayed.out) == (0, "1 delivery tries again: 1 message sent, 0 waiting.\n")
    assert command("alerts", "replay", "--all").out.startswith("0 deliveries try again")


def test_alerts_say_what_they_need_to_know(tmp_path: Path, place: Place) -> None:
    command = _with_chat(tmp_path, place, 200)
    unknown, nothing = command("alerts", "test", "chta"), command("alerts", "replay")
    assert (unknown.code, "there is no channel 'chta'; there are: chat." in unknown.err) == (2, True)
    assert (nothing.code, "say which: ids from" in nothing.err) == (2, True)


# -- score


def test_score_keeps_the_order_and_puts_mistakes_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LISTENER_CONFIG", raising=False)
    lines = [
        b'{"text": "I love it, it is wonderful", "id": 1}',
        b"nonsense",
        b'{"text": "This is awful and broken, I hate it", "id": 2}',
        b'{"id": 3}',
        b"",
    ]
    ended = listener("score", stdin=b"\n".join(lines) + b"\n")
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert [one.get("label") for one in told] == ["promoter", None, "detractor", None, None]
    assert [one.get("id") for one in told] == [1, None, 2, None, None]
    assert told[1]["error"].startswith("line 2: is not JSON")
    assert told[3]["error"].startswith('line 4: has no "text"')


def test_score_reads_a_file_and_any_bytes(command: Command) -> None:
    file = command.file("texts.jsonl", b'{"text": "I love it"}\n\xff\xfe\x00\n{"text": "\\ud800 awful"}\n')
    told = [json.loads(line) for line in command("score", file).out.splitlines()]
    assert [sorted({"label", "error"} & set(one)) for one in told] == [["label"], ["error"], ["label"]]


# -- when something is wrong


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped."),
        (
            ZeroDivisionError("division by zero"),
            1,
            "listener: this is a mistake in Listener, not yours (ZeroDivisionError:",
        ),
    ],
)
def test_what_nobody_expected_is_one_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def failing(self: App) -> None:
        raise error

    monkeypatch.setattr(App, "sync_watches", failing)
    ended = command("sources")
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.strip().startswith(said) and len(ended.err.strip().splitlines()) == 1


def test_a_reader_that_goes_away_hears_no_complaint(tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "I love it"}\n' * 5000)
    process = subprocess.Popen(
        [PROGRAM, "score", str(texts)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) in (1, 141)


def test_the_command_and_the_module_are_the_same_program(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    for program in ([PROGRAM], [sys.executable, "-m", "listener"]):
        ended = subprocess.run([*program, "zzz"], capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "No such command 'zzz'." in ended.stderr


def test_who_only_reads_the_store_waits_for_no_library_that_fetches_or_migrates() -> None:
    heavy = "{'httpx', 'sqlite_utils'}"
    asked = (
        f"import sys, listener.app, listener.cli.nps, listener.cli.report; sys.exit(len({heavy} & {{*sys.modules}}))"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
