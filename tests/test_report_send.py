"""A report reaches each channel once for its period: by cron, by `listener run`, by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from listener.alerts.notice import Notice
from listener.app import App
from listener.cli.report_sending import Timetabled
from listener.cli.run import Rota
from listener.config import ConfigError, load, read
from listener.report.news import news
from listener.report.sending import notice_of
from listener.schedule.engine import Job
from listener.schedule.tasks import Elsewhere
from storage.sqlite import SqliteStore
from tests.chats.mail import MailServer
from tests.command import ACME, Command, Ended
from tests.conftest import NOW
from tests.history import clock, row, take_in
from tests.made import AT, ago, arrival, case, run, watch
from tests.program import Program
from tests.standins.chat import ChatServer, Say
from tests.test_report import full_report, report

PRIVATE = '[alerting]\nallow_private = ["127.0.0.1/32"]\n'
GOOD = "Acme is wonderful, I love it, the best choice I made."
YESTERDAY = ("report", "--yesterday", "--brand", "Acme")


@dataclass
class Place:
    """A folder with a configuration of two channels, of which `chat` is the receiver."""

    chat: ChatServer
    command: Command
    answers: dict[str, Say]
    now: datetime = NOW

    def __call__(self, *arguments: str) -> Ended:
        with clock(self.now):
            return self.command(*arguments)

    def hear(self, *rows: dict[str, Any]) -> None:
        with clock(self.now):
            take_in(self.command, rows)

    @property
    def got(self) -> list[dict[str, Any]]:
        return [heard.json["data"] for heard in self.chat.accepted]


def channels(chat: ChatServer) -> str:
    return "".join(
        f'[[channels]]\nname = "{name}"\ntype = "webhook"\nurl = "{chat.origin}/{name}"\nper_second = 100\n'
        for name in ("team", "boss")
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    answers: dict[str, Say] = {}
    with ChatServer(lambda path, _: answers.get(path, Say())) as chat:
        command = Command(tmp_path, PRIVATE + '[desk]\naddress = "https://desk.example"\n' + ACME + channels(chat))
        yield Place(chat, command, answers)


# -- by hand and by cron


def test_a_report_is_sent_once_however_often_cron_asks(place: Place) -> None:
    place.hear(*(row(n, f"{GOOD} {n}", f"ann {n}") for n in range(3)))
    target = place.command.folder / "acme.html"
    asked = (*YESTERDAY, "--format", "html", "-o", str(target), "--send", "team")
    first = place(*asked)
    place.now += timedelta(hours=3)
    second = place(*asked)
    assert (first.code, first.out) == (0, "team: sent.\n")
    assert (second.code, second.out) == (0, "team: this report was sent at 2026-11-22 12:00 already: not sent again.\n")
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (told,) = place.got
    assert told["title"] == "Acme on 21 November 2026"
    assert told["desk"] == "https://desk.example/dashboard?brand=Acme"


def test_what_is_sent_is_kept_as_html(place: Place) -> None:
    place.hear(row(1, GOOD, "ann"))
    place(*YESTERDAY, "--send", "team")
    stored = place("report", "--list", "--json").json["reports"]
    assert [(one["id"], one["form"]) for one in stored] == [(place.got[0]["report"], "html")]
    assert place("report", "--again", stored[0]["id"]).out.startswith("<!DOCTYPE html>")


def test_each_channel_and_each_period_has_its_own(place: Place) -> None:
    place(*YESTERDAY, "--send", "team")
    both = place(*YESTERDAY, "--send", "team", "--send", "boss")
    week = place("report", "--last-week", "--send", "team")
    place.now += timedelta(days=1)
    assert both.out == "team: this report was sent at 2026-11-22 12:00 already: not sent again.\nboss: sent.\n"
    assert (week.out, place(*YESTERDAY, "--send", "team").out) == ("team: sent.\n", "team: sent.\n")
    assert [one["title"] for one in place.got] == [
        "Acme on 21 November 2026",
        "Acme on 21 November 2026",
        "Acme from 9 November 2026 to 15 November 2026",
        "Acme on 22 November 2026",
    ]


def test_the_brands_may_stand_in_any_order(place: Place) -> None:
    rival = '[[brands]]\nname = "Rival"\nquery = "rival"\n'
    place.command.config.write_text(place.command.config.read_text() + rival)
    place("report", "--yesterday", "--brand", "Acme", "--brand", "Rival", "--send", "team")
    assert (
        "not sent again" in place("report", "--yesterday", "--brand", "Rival", "--brand", "Acme", "--send", "team").out
    )
    assert "not sent again" in place("report", "--yesterday", "--send", "team").out
    assert [fact["what"] for fact in place.got[0]["facts"]] == ["Acme", "Rival"]


def test_what_does_not_arrive_is_said_and_tried_again(place: Place) -> None:
    place.answers["/team"] = Say(503, {"Retry-After": "3600"})
    first = place(*YESTERDAY, "--send", "team")
    assert (first.code, first.out) == (1, "")
    assert first.err.startswith("team: not sent yet, it will be tried again: ") and "503" in first.err
    place.answers.clear()
    place.now += timedelta(hours=2)
    assert place(*YESTERDAY, "--send", "team").out == "team: sent.\n"
    assert len({heard.key for heard in place.chat.heard}) == 1


def test_a_channel_that_refuses_for_good_is_told_apart(place: Place) -> None:
    place.answers["/boss"] = Say(410)
    ended = place(*YESTERDAY, "--send", "boss", "--send", "team")
    assert (ended.code, ended.out) == (3, "team: sent.\n")
    assert ended.err.startswith("boss: dead: Stopped: ") and "`listener alerts replay " in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--send", "team"), "--send needs a period that has ended: say --yesterday, --last-week, or --until a date."),
        (("--send", "team", "--until", "2030-01-01"), "as it is sent once: --until is in the future."),
        (("--yesterday", "--send", "taem"), "there is no channel 'taem'; there are: team, boss."),
        (("--yesterday", "--if-changed"), "--if-changed goes with --send CHANNEL."),
    ],
)
def test_what_cannot_be_sent_says_why(place: Place, arguments: tuple[str, ...], sentence: str) -> None:
    ended = place("report", *arguments)
    assert (ended.code, sentence in ended.err) == (2, True)


def test_two_crontabs_at_once_send_it_once(tmp_path: Path) -> None:
    with ChatServer() as chat:
        team = {"name": "team", "type": "webhook", "url": f"{chat.origin}/team", "per_second": 100}
        program = Program(tmp_path, channels=[team])
        program.run("report", "--list")  # the database is there
        both = [program.start("report", "--yesterday", "--send", "team") for _ in range(2)]
        ended = [one.wait() for one in both]
    assert [one.code for one in ended] == [0, 0], ended
    assert len(chat.accepted) == len(chat.heard) == 1


def test_a_mail_has_the_whole_report(tmp_path: Path) -> None:
    with MailServer() as server:
        mail = f"""[[channels]]
name = "mail"
type = "email"
host = "127.0.0.1"
port = {server.port}
security = "none"
sender = "Listener <alerts@example.org>"
to = ["ann@example.org"]
"""
        place = Place(ChatServer(), Command(tmp_path, PRIVATE + ACME + mail), {})
        place.hear(row(1, GOOD, "ann"))
        assert place(*YESTERDAY, "--send", "mail").out == "mail: sent.\n"
        (letter,) = server.mails
    html = letter.get_body(("html",))
    assert letter["Subject"].startswith("Acme on 21 November 2026: 1 mention, no implied NPS: not enough ")
    assert html is not None and GOOD in html.get_content()
    assert [part.get_filename() for part in letter.iter_attachments()] == ["report.html"]


# -- only what is new


def test_a_quiet_day_sends_nothing_and_says_so(place: Place) -> None:
    ended = place(*YESTERDAY, "--send", "team", "--if-changed")
    assert (ended.code, ended.out, place.got) == (0, "team: nothing changed: not sent.\n", [])
    place.hear(row(1, GOOD, "ann"))
    assert place(*YESTERDAY, "--send", "team", "--if-changed").out == "team: sent.\n"
    assert place.got[0]["why"]["reasons"] == ["Acme: 1 new mention"]


def test_a_quiet_report_writes_its_file_all_the_same(place: Place) -> None:
    target = place.command.folder / "acme.md"
    place(*YESTERDAY, "--format", "markdown", "-o", str(target), "--send", "team", "--if-changed")
    assert target.read_text(encoding="utf-8").startswith("# Acme\n")


def _heard(store: SqliteStore, days: range, outcome: Any = "empty") -> None:
    for day in reversed(days):
        at = ago(days=day, hours=1)
        error = "blogs.example: HTTP 500." if outcome == "failed" else ""
        store.finish_run(run(watch("blogs"), day, started_at=at, finished_at=at, outcome=outcome, error=error), AT)


def test_a_source_that_is_no_longer_heard_is_news(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs"), watch("forum")])
    at = ago(days=10)
    store.finish_run(run(watch("forum"), 99, started_at=at, finished_at=at, outcome="empty"), AT)
    _heard(store, range(14))
    assert news(store, report(store)) == ["no longer heard: forum"]


def test_as_long_as_no_source_is_heard_nobody_can_say_that_it_is_quiet(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs")])
    _heard(store, range(14), "failed")
    assert news(store, report(store)) == ["no source was heard"]


def test_a_quiet_week_is_no_news(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs")])
    _heard(store, range(14))
    assert news(store, report(store)) == []


@pytest.mark.parametrize(("days", "told"), [(3, ["1 answer newly overdue"]), (10, []), (-1, [])])
def test_what_came_to_be_overdue_in_the_period_is_news(store: SqliteStore, days: float, told: list[str]) -> None:
    old = arrival("old", handle="ann", label="detractor", at=ago(days=20))
    store.add_page([old], AT)
    due = ago(days=days)
    assert store.open_case(case(old, due_at=due, urgent_at=due))
    assert news(store, report(store)) == told


def test_a_change_that_can_be_told_is_news(store: SqliteStore) -> None:
    store.add_page([arrival(f"a{n}", handle=f"a{n}", at=ago(days=10)) for n in range(40)], AT)
    store.add_page([arrival(f"b{n}", handle=f"b{n}", label="detractor", at=ago(days=2)) for n in range(40)], AT)
    assert news(store, report(store)) == ["40 new mentions", "down 200 points (172 to 200)"]


# -- what is said


def test_a_chat_is_told_the_figures_and_no_strangers_words(store: SqliteStore) -> None:
    told = notice_of([full_report(store)], "abc", NOW, "https://desk.example")
    assert told.title == "Acme from 15 November 2026 to 22 November 2026"
    assert dict(told.facts) == {
        "Implied NPS": "−71 (−95 to −23)",
        "Mentions": "18",
        "Open cases": "2 (1 overdue)",
        "Sources heard": "2 of 2",
    }
    assert told.text.splitlines() == [
        "Implied NPS −71 (−95 to −23), 18 mentions.",
        "Change: not told (there was no number before: not enough opinions (n = 0 authors, 3 needed)).",
        "Answers: 2 cases are open, 1 of them overdue.",
        "Detractors say more than before: login broken (12 authors).",
    ]
    assert (told.type, told.report, told.brand) == ("report", "abc", "Acme")
    assert "export" not in told.to_json() and Notice.from_json(told.to_json()) == told


def test_of_many_brands_each_has_a_line_and_the_title_keeps_the_date(store: SqliteStore) -> None:
    store.add_page([arrival("1")], AT)
    told = notice_of([report(store)] * 4, "abc", NOW)
    assert told.title == "4 brands from 15 November 2026 to 22 November 2026"
    assert (
        told.text.splitlines()
        == ["Acme: 1 mention, no implied NPS: not enough opinions (n = 1 authors, 3 needed)."] * 4
    )
    assert told.facts[0] == ("Acme", "implied NPS: no number; 1 mention; open cases: 0")


# -- by the timetable of `listener run`


@dataclass
class Timed:
    """An App with reports on a timetable, and its clock."""

    folder: Path
    reports: str
    zone: str = "Europe/Berlin"
    now: datetime = NOW
    chat: ChatServer = field(default_factory=ChatServer)

    def open(self) -> None:
        text = f'timezone = "{self.zone}"\n' + PRIVATE + ACME + channels(self.chat) + self.reports
        path = self.folder / "listener.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        self.app = App(load(path, {}), lambda: self.now)
        self.rota = Timetabled(self.app)

    def restart(self) -> None:
        self.app.close()
        self.open()

    def tick(self) -> list[str]:
        """The titles of what was put out."""
        before = self.sent
        for job in self.rota.due(self.now):
            job.work()
        return self.sent[len(before) :]

    @property
    def sent(self) -> list[str]:
        rows = self.app.store.deliveries(None, 1000)
        return [Notice.from_json(one.alert.notice).title for one in reversed(rows)]


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Callable[..., Timed]]:
    opened: list[Timed] = []

    def make(reports: str, **others: Any) -> Timed:
        made = Timed(tmp_path, reports, **others)
        opened.append(made)
        made.chat.__enter__()
        made.open()
        return made

    yield make
    for one in opened:
        one.app.close()
        one.chat.__exit__(None, None, None)


DAILY = '[[reports]]\nname = "morning"\nat = "{at}"\nchannels = ["team"]\n'


@pytest.mark.parametrize(
    ("zone", "at", "first"),
    [
        ("Europe/Berlin", "02:30", "2026-03-26"),
        ("Europe/Berlin", "02:30", "2026-10-22"),
        ("America/New_York", "01:30", "2026-10-29"),
        ("Australia/Lord_Howe", "02:10", "2026-10-01"),
        ("America/Santiago", "00:00", "2026-09-03"),
    ],
)
def test_a_report_is_sent_every_day_once_over_the_changes_of_the_clocks(
    timed: Callable[..., Timed], zone: str, at: str, first: str
) -> None:
    begin = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    one = timed(DAILY.format(at=at), zone=zone, now=begin)
    one.tick()
    told: list[str] = []
    for _ in range(6 * 48):
        one.now += timedelta(minutes=30)
        told += one.tick()
    days = [datetime.fromisoformat(first) + timedelta(days=n) for n in range(-1, 6)]
    wanted = [f"Acme on {day.day} {day:%B %Y}" for day in days]
    assert told in (wanted[:6], wanted[1:])


def test_after_downtime_only_the_newest_report_is_sent(timed: Callable[..., Timed]) -> None:
    one = timed(DAILY.format(at="08:00"))
    assert one.tick() == ["Acme on 21 November 2026"]
    one.now += timedelta(days=4)
    assert one.tick() == ["Acme on 25 November 2026"]


def test_a_restart_sends_nothing_twice(timed: Callable[..., Timed]) -> None:
    one = timed(DAILY.format(at="08:00"))
    assert len(one.tick()) == 1
    one.restart()
    assert one.tick() == [] == one.tick()


def test_cron_and_the_timetable_send_it_once_between_them(timed: Callable[..., Timed]) -> None:
    one = timed(DAILY.format(at="08:00"))
    one.tick()
    with clock(NOW):
        ended = Command(one.folder, None)("report", "--yesterday", "--send", "team")
    assert ended.out == "team: sent.\n", "it was waiting in the outbox"
    assert len(one.sent) == len(one.chat.accepted) == 1


def test_a_week_is_told_on_monday(timed: Callable[..., Timed]) -> None:
    weekly = DAILY.format(at="09:00") + 'period = "week"\n'
    one = timed(weekly)  # a Sunday
    told = []
    for _ in range(9 * 24):
        one.now += timedelta(hours=1)
        told += [(one.now, title) for title in one.tick()]
    assert [(f"{at:%a %H:%M}", title) for at, title in told] == [
        ("Mon 08:00", "Acme from 16 November 2026 to 22 November 2026"),
        ("Mon 08:00", "Acme from 23 November 2026 to 29 November 2026"),
    ]


def test_a_quiet_day_is_done_with_and_not_counted_again(timed: Callable[..., Timed]) -> None:
    one = timed(DAILY.format(at="08:00") + "if_changed = true\n")
    assert one.tick() == []
    assert list(one.rota.due(one.now)) == []


@pytest.mark.parametrize("if_changed", ["false", "true"])
def test_nobody_is_asked_again_for_what_another_process_has_done(timed: Callable[..., Timed], if_changed: str) -> None:
    """The clock hands out, a worker sends: each knows no more of the other than the database says."""
    one = timed(DAILY.format(at="08:00") + f"if_changed = {if_changed}\n")
    (job,) = one.rota.due(one.now)
    assert list(one.rota.due(one.now)) == [], "it is on its way"
    Timetabled(one.app).send(**job.arguments)
    sent = one.sent
    assert len(sent) == (if_changed == "false")
    one.now += timedelta(minutes=1)
    assert list(one.rota.due(one.now)) == []
    Timetabled(one.app).send(**job.arguments)
    assert one.sent == sent
    one.now += timedelta(days=1)
    assert len(list(one.rota.due(one.now))) == 1


def test_a_report_that_is_not_in_a_workers_configuration_is_left_to_others(timed: Callable[..., Timed]) -> None:
    one = timed(DAILY.format(at="08:00"))
    with pytest.raises(Elsewhere):
        Timetabled(one.app).send("newer", one.now.date().isoformat())


def test_a_report_that_keeps_failing_is_said_once_and_those_who_run_it_are_told(
    timed: Callable[..., Timed], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = timed(DAILY.format(at="08:00"))
    one.app.operations.ops.channel = "team"
    monkeypatch.setattr("listener.cli.report_sending.gather", lambda *_: 1 / 0)
    engine = one.app.engine()
    with caplog.at_level("ERROR"):
        for _ in range(3):
            for job in one.rota.due(one.now):
                engine.submit(job)
            assert engine.wait(10)
            one.now += timedelta(minutes=1)
    engine.stop(0)
    assert [record.getMessage() for record in caplog.records] == ["report morning: division by zero"]
    assert one.sent == ["report morning fails"]


def test_what_failed_is_tried_again_in_a_minute(timed: Callable[..., Timed], monkeypatch: pytest.MonkeyPatch) -> None:
    one = timed(DAILY.format(at="08:00"))
    with monkeypatch.context() as broken:
        broken.setattr("listener.cli.report_sending.gather", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            one.tick()
    assert list(one.rota.due(one.now)) == []
    one.now += timedelta(minutes=1)
    assert len(one.tick()) == 1


def test_the_service_hands_it_out(timed: Callable[..., Timed]) -> None:
    one, given = timed(DAILY.format(at="08:00")), list[str]()

    class Taking:
        def submit(self, job: Job) -> bool:
            given.append(job.name)
            return True

        def submit_all(self, jobs: Sequence[Job]) -> int:
            return sum(map(self.submit, jobs))

    Rota(one.app, Taking()).tick()  # type: ignore[arg-type]
    assert "report morning" in given


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('at = "25:00"', "reports[1].at: '25:00' is not a time of day: write one such as \"08:00\"."),
        ('days = ["monday"]', "reports[1].days[1]: Input should be 'mon', 'tue'"),
        ('brands = ["Acne"]', 'reports "morning".brands: there is no brand "Acne".'),
        ('channels = ["taem"]', 'reports "morning".channels: there is no channel "taem".'),
    ],
)
def test_a_mistake_in_a_timetable_is_told(tmp_path: Path, line: str, sentence: str) -> None:
    import tomllib

    text = ACME + '[[channels]]\nname = "team"\ntype = "slack"\nurl = "https://hooks.slack.com/services/T/B/x"\n'
    report = '[[reports]]\nname = "morning"\n' + ("" if "channels" in line else 'channels = ["team"]\n') + line
    with pytest.raises(ConfigError) as told:
        read(tmp_path / "listener.toml", tomllib.loads(text + report), {})
    assert sentence in str(told.value)
