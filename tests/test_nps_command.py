"""`listener nps` and `listener report` say something sensible of whatever there is, and of nothing at all."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.records import Arrival, stamp
from storage.sqlite import SqliteStore
from tests.command import ACME, Command
from tests.conftest import NOW
from tests.history import clock, row, take_in
from tests.program import HATED, LOVED
from tests.standins.feeds import FeedServer, Item
from tests.standins.loopback import Told

RIVAL = '[[brands]]\nname = "Rival"\nquery = "rival"\n'
BERLIN = 'timezone = "Europe/Berlin"\n'
LOCAL = '[http]\nallow_private = ["127.0.0.1/32"]\n'
UNREAD = "Acme बहुत अच्छा है, मुझे यह हर दिन काम में आता है और मैं खुश हूँ"  # Hindi is scored for those who ask for it

FIGURE = {"value", "low", "high", "method", "badge", "reason"}
WATERFALL = {
    *("pool", "eligible", "scored", "opinion", "authors", "unknown_authors", "effective_authors", "top_share"),
    *("dropped", "undated"),
}
AUDITS = {"labelled", "last", "accuracy", "covered", "drift", "confusion"}
LABELS = {"promoter", "passive", "detractor", "no_opinion"}
KEYS = {
    *("brand", "since", "until", "timezone", "inps", "net", "waterfall", "labels", "unscored", "scorers", "audits"),
    "coverage",
}
MORE = {
    *("change", "definitions", "weeks", "seams", "labels_by_source", "stories", "detractors", "promoters"),
    *("needs_answer", "responses", "themes", "questions", "advocates", "praise", "share_of_voice", "days"),
    "heard_by_day",
}
CHANGE = {"since", "before", "difference", "low", "high", "detectable", "reason", "net_by_source"}


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, float):
        yield value


def _sound(told: dict[str, Any]) -> None:
    """What holds of every answer."""
    assert (set(told["waterfall"]), set(told["audits"]), set(told["labels"])) == (WATERFALL, AUDITS, LABELS)
    assert set(told["coverage"]) == {"sources", "heard", "by_source"}
    for figure in (told["inps"], told["net"]):
        assert set(figure) == FIGURE and figure["method"] and figure["badge"]
        if figure["value"] is None:
            assert (figure["low"], figure["high"]) == (None, None) and figure["reason"]
        else:
            assert -100 <= figure["low"] <= figure["value"] <= figure["high"] <= 100 and figure["reason"] is None
            assert figure["low"] < figure["high"], "an interval has a width"
    assert all(math.isfinite(number) for number in _numbers(told))
    assert not [number for number in _numbers(told) if number == 0 and math.copysign(1, number) < 0]


def _answers(command: Command, *options: str) -> list[dict[str, Any]]:
    """What `nps --json` says of each brand, after every other form of it was seen to be sound and to agree."""
    lines = [json.loads(line) for line in command("nps", "--json", *options).out.splitlines()]
    reports = command("report", "--json", *options).json["reports"]
    texts = [command(*verb, *options) for verb in (("nps",), ("report",), ("report", "--format", "markdown"))]
    assert [one.code for one in texts] == [0, 0, 0], [one.err for one in texts]
    for told, report in zip(lines, reports, strict=True):
        _sound(told)
        assert set(told) == KEYS and set(report) == KEYS | MORE and set(report["change"]) == CHANGE
        assert {key: report[key] for key in told} == told
        if told["inps"]["value"] is None:
            assert report["definitions"] is None, "a number that is withheld is not told by another name"
        for one in texts:
            _said(one.out, told)
    return lines


def _said(text: str, told: dict[str, Any]) -> None:
    assert not re.search(r"\bnan\b|\binf\b|Infinity|None|(?<![\w.])[-−]0(?![\d.:])|[-−]0\.0\b", text), text
    for figure in (told["inps"], told["net"]):
        if figure["value"] is None:
            assert f"no number: {figure['reason']}" in " ".join(text.replace("\\", "").split())


def _crowd(count: int = 40, text: str = LOVED, **others: Any) -> list[dict[str, Any]]:
    return [row(n, f"{text} That was number {n}.", f"author {n}", **others) for n in range(count)]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    with clock():
        yield Command(tmp_path)


# -- little or nothing


def test_of_an_empty_window_there_is_no_number(command: Command) -> None:
    (told,) = _answers(command)
    assert told["inps"]["reason"] == told["net"]["reason"] == "not enough opinions (n = 0 authors, 30 needed)"
    assert told["waterfall"]["pool"] == 0
    take_in(command, _crowd(at=NOW - timedelta(days=50)))
    (told,) = _answers(command)
    assert (told["inps"]["value"], told["waterfall"]["pool"]) == (None, 0)
    (told,) = _answers(command, "--since", "60d")
    assert (told["inps"]["value"], told["waterfall"]["pool"]) == (100.0, 40)


def test_one_author_is_one_vote_and_no_number(command: Command) -> None:
    words = ("export", "search", "calendar", "editor", "importer", "printer", "billing", "login", "menu", "font")
    texts = [f"I love the {a} of Acme, far better than its {b} ever was" for a in words for b in words if a != b]
    take_in(command, [row(n, text, "Loud Larry") for n, text in enumerate(texts[:40])])
    (told,) = _answers(command)
    fall = told["waterfall"]
    assert (fall["authors"], fall["top_share"], fall["effective_authors"]) == (1, 1.0, 1.0)
    assert told["inps"]["reason"] == "not enough opinions (n = 1 authors, 30 needed)"


def test_what_nobody_can_read_gives_no_number(command: Command) -> None:
    take_in(command, _crowd(text=UNREAD))
    (told,) = _answers(command)
    fall = told["waterfall"]
    assert (fall["eligible"], fall["scored"], fall["opinion"]) == (40, 0, 0)
    assert sum(told["unscored"].values()) == 40
    assert told["inps"]["value"] is None and told["net"]["value"] is None


def test_more_unread_than_is_allowed_withholds_the_number_of_the_rest(command: Command) -> None:
    take_in(command, _crowd(36) + [row(f"u{n}", f"{UNREAD} {n}", f"unread {n}") for n in range(36)])
    (told,) = _answers(command)
    assert told["inps"]["reason"] == "too much unread (50% of the mentions could not be scored)"


def test_where_all_agree_the_interval_still_has_a_width(command: Command) -> None:
    take_in(command, _crowd())
    (told,) = _answers(command)
    assert (told["inps"]["value"], told["inps"]["high"]) == (100.0, 100.0)
    assert 80 < told["inps"]["low"] < 95
    assert told["labels"] == {"promoter": 40, "passive": 0, "detractor": 0, "no_opinion": 0}


def test_where_nobody_has_an_opinion_there_is_no_number(command: Command) -> None:
    take_in(command, _crowd(text="Acme opened an office in Oslo today"))
    (told,) = _answers(command)
    assert told["labels"]["no_opinion"] == 40
    assert told["inps"]["reason"] == "not enough opinions (n = 0 authors, 30 needed)"


def test_as_many_for_as_against_is_a_plain_nought(command: Command) -> None:
    take_in(command, [row(n, f"{(LOVED, HATED)[n % 2]} That was number {n}.", f"author {n}") for n in range(200)])
    (told,) = _answers(command)
    assert (told["inps"]["value"], told["net"]["value"]) == (0.0, 0.0)
    assert "implied NPS  0 (" in command("nps").out


# -- audits


def _label(command: Command, label: Callable[[str], str] = lambda _: "promoter", size: int = 1) -> list[str]:
    """Draw so many and label them; the ids of their posts at the source."""
    assert command("audit", "draw", "--n", str(size), "--seed", "1", "--since", "7d").code == 0
    waiting = command("audit", "list", "--json").json["waiting"]
    lines = [f"{one['mention_id']},{label(one['text'])}" for one in waiting]
    assert command("audit", "import", command.file("labels.csv", "\n".join(["mention_id,label", *lines]))).code == 0
    return [one["url"].rpartition("/")[2] for one in waiting]


def test_one_audit_is_told_of_and_changes_no_figure(command: Command) -> None:
    take_in(command, _crowd())
    (before,) = _answers(command)
    _label(command, lambda _: "detractor")
    (told,) = _answers(command)
    assert (told["inps"], told["net"]) == (before["inps"], before["net"])
    assert (told["audits"]["labelled"], told["audits"]["confusion"]) == (1, {"promoter": {"detractor": 1}})
    assert "; 1 labelled, the last on 2026-11-22; drawn from" in command("nps").out, "one label is no share"


def _taken_away(command: Command, source_ids: list[str]) -> None:
    store = SqliteStore(command.database)
    gone = [post for _, post in store.posts(1000) if post.source_id in source_ids]
    assert len(gone) == len(source_ids)
    store.add_page([Arrival(post._replace(deleted_at=stamp(NOW)), None, ()) for post in gone], stamp(NOW))
    store.close()


def test_labels_of_posts_that_were_taken_away_since_still_count(command: Command) -> None:
    take_in(command, _crowd(100))
    drawn = _label(command, size=60)
    (before,) = _answers(command)
    assert (before["inps"]["method"], before["audits"]["labelled"]) == ("audited", 60)
    _taken_away(command, drawn[:40])
    (told,) = _answers(command)
    assert {key: told[key] for key in ("inps", "net", "audits", "labels")} == {
        key: before[key] for key in ("inps", "net", "audits", "labels")
    }


def test_audits_of_posts_that_were_taken_away_first_wait_for_nobody(command: Command) -> None:
    take_in(command, _crowd(100))
    assert command("audit", "draw", "--n", "60", "--seed", "1", "--since", "7d").code == 0
    waiting = command("audit", "list", "--json").json["waiting"]
    _taken_away(command, [one["url"].rpartition("/")[2] for one in waiting])
    (told,) = _answers(command)
    assert (told["inps"]["method"], told["audits"]["labelled"]) == ("counted", 0)
    assert "nothing waits for a label" in command("audit", "list").out


def test_audits_that_all_say_not_us_leave_no_number(command: Command) -> None:
    take_in(command, _crowd(100))
    _label(command, lambda _: "not_us", 60)
    (told,) = _answers(command)
    assert told["inps"]["value"] is None and told["net"]["value"] is None


# -- brands


def test_a_post_on_two_brands_counts_for_both(tmp_path: Path) -> None:
    command = Command(tmp_path, ACME + RIVAL)
    with clock():
        take_in(command, _crowd(text="I love Acme and I love Rival, both are wonderful"))
        acme, rival = _answers(command)
        assert (acme["brand"], rival["brand"]) == ("Acme", "Rival")
        assert acme["waterfall"] == rival["waterfall"] and acme["waterfall"]["authors"] == 40
        assert [told["brand"] for told in _answers(command, "--brand", "Rival")] == ["Rival"]
    assert command("nps", "--brand", "Rivel").code == 2


# -- sources


def _listening(folder: Path, *urls: str, config: str = ACME) -> Command:
    sources = "".join(
        f'[[sources]]\ntype = "feed"\nname = "s{n}"\nurl = "{url}"\nabout = "Acme"\n' for n, url in enumerate(urls)
    )
    return Command(folder, config + LOCAL + sources)


def test_where_all_sources_fail_there_is_no_number(tmp_path: Path) -> None:
    with FeedServer() as one, FeedServer() as other, clock():
        one.override = other.override = Told(500, b"no")
        command = _listening(tmp_path, one.url(), other.url())
        take_in(command, _crowd())
        assert command("pull").code == 1
        (told,) = _answers(command)
    assert told["inps"]["reason"] == "not enough coverage (0% of the sources were heard, 80% needed)"
    assert (told["coverage"]["sources"], told["coverage"]["heard"]) == (2, 0)
    assert "0 of 2 sources heard; not heard: s0, s1" in command("nps").out


def test_sources_that_were_never_asked_were_not_heard(tmp_path: Path) -> None:
    with clock():
        command = _listening(tmp_path, "http://127.0.0.1:9/feed")
        take_in(command, _crowd())
        (told,) = _answers(command)
    assert told["inps"]["reason"].startswith("not enough coverage (0%")


def test_without_a_source_an_archive_is_all_there_is(command: Command) -> None:
    take_in(command, _crowd())
    (told,) = _answers(command)
    assert (told["coverage"], told["inps"]["value"]) == ({"sources": 0, "heard": 0, "by_source": {}}, 100.0)
    for form in ("text", "markdown"):
        assert command("report", "--format", form).out.count("no source is configured") == 2


# -- clock changes


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)],
)
def test_yesterday_is_the_whole_local_day_however_long(tmp_path: Path, day: str, hours: int) -> None:
    command = Command(tmp_path, BERLIN + ACME)
    first = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=UTC) - timedelta(hours=1 + (day == "2026-10-25"))
    inside = [first + timedelta(minutes=30 + 60 * n) for n in range(hours)]
    rows = [
        row(f"{n} {m}", f"{LOVED} {n} {m}", f"author {n} {m}", at=at) for n, at in enumerate(inside) for m in range(2)
    ]
    rows += [row("before", HATED, "b", at=first - timedelta(minutes=1))]
    rows += [row("after", HATED, "a", at=first + timedelta(hours=hours))]
    with clock(first + timedelta(hours=hours + 9)):
        take_in(command, rows)
        (told,) = _answers(command, "--yesterday")
    assert datetime.fromisoformat(told["until"]) - datetime.fromisoformat(told["since"]) == timedelta(hours=hours)
    assert (told["waterfall"]["pool"], told["inps"]["value"]) == (2 * hours, 100.0)
    assert f"{day} 00:00 to" in command("nps", "--since", day).out


@pytest.mark.parametrize(("since", "until", "hours"), [("03-16", "03-30", -1), ("10-12", "10-26", 1)])
def test_weeks_begin_on_local_mondays(tmp_path: Path, since: str, until: str, hours: int) -> None:
    """The clocks change on the last of these Sundays."""
    command = Command(tmp_path, BERLIN + ACME)
    mondays = [
        datetime.fromisoformat(f"2026-{since}T00:00+0{1 + (hours > 0)}:00") + timedelta(days=7 * n) for n in (0, 1)
    ]
    end = mondays[0] + timedelta(days=14, hours=hours)
    rows = [row(f"{n} first", f"{LOVED} {n}", f"a{n}", at=at) for n, at in enumerate([*mondays, end])]
    rows += [
        row(f"{n} last", f"{HATED} {n}", f"b{n}", at=at - timedelta(minutes=1)) for n, at in enumerate([*mondays, end])
    ]
    window = ("--since", f"2026-{since}", "--until", f"2026-{until}")
    with clock(end + timedelta(days=3)):
        take_in(command, rows)
        told = command("nps", "--by", "week", "--json", *window).json
        report = command("report", "--json", *window).json["reports"][0]
        text = command("nps", "--by", "week", *window).out.splitlines()
    starts = [f"2026-{since}", (mondays[1]).strftime("%Y-%m-%d")]
    assert [(part["week"], part["mentions"]) for part in told["parts"]] == [(start, 2) for start in starts]
    assert [(week["since"], week["mentions"]) for week in report["weeks"]] == [
        (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), 2) for at in mondays
    ], "two weeks are told week by week though an hour is missing"
    assert datetime.fromisoformat(report["weeks"][-1]["until"]) == end
    assert [line.split()[:2] for line in text[-2:]] == [[start, "2"] for start in starts]


# -- parts


def test_the_parts_are_told_in_order_each_with_its_own_figures(command: Command) -> None:
    take_in(command, _crowd(80), "--source", "reviews")
    take_in(command, [row(f"f{n}", f"{HATED} {n}", f"other {n}") for n in range(35)], "--source", "forum")
    german = "Acme ist furchtbar und nutzlos, ich hasse es sehr, nie wieder"
    take_in(command, [row(f"g{n}", f"{german} {n}", f"german {n}") for n in range(5)], "--source", "forum")
    told = command("nps", "--by", "source", "--json").json
    assert set(told) == KEYS | {"by", "parts"} and told["by"] == "source"
    assert [(part["source"], part["mentions"], part["inps"]["value"]) for part in told["parts"]] == [
        ("forum", 40, -100.0),
        ("reviews", 80, 100.0),
    ]
    told = command("nps", "--by", "language", "--json").json
    assert [(part["language"], part["mentions"], part["inps"]["value"]) for part in told["parts"]] == [
        ("de", 5, None),
        ("en", 115, pytest.approx(100 * 45 / 115, abs=0.01)),
    ]
    assert told["parts"][0]["inps"]["reason"] == "not enough opinions (n = 5 authors, 30 needed)"
    assert set(told["parts"][0]) == {"language", "mentions", "inps", "net"}
    lines = command("nps", "--by", "language").out.splitlines()
    assert lines[-2:] == [
        "  de        5 mentions  implied NPS no number: not enough opinions (n = 5 authors, 30 needed)",
        "  en      115 mentions  implied NPS +39 (+22 to +55; uncalibrated, sampling error only)",
    ]


def test_each_source_answers_for_its_own_coverage(tmp_path: Path) -> None:
    said = [
        Item(id=str(n), body=f"{LOVED} {n}", author=f"author {n}", published=NOW - timedelta(hours=n + 1))
        for n in range(80)
    ]
    with FeedServer(said) as heard, FeedServer() as lost, clock():
        command = _listening(tmp_path, heard.url("rss"), lost.url())
        lost.override = Told(500, b"no")
        assert command("pull").code == 3
        take_in(command, [row(f"i{n}", f"{HATED} {n}", f"other {n}") for n in range(35)], "--source", "s1")
        told = command("nps", "--by", "source", "--json").json
    assert told["inps"]["reason"].startswith("not enough coverage (50%")
    assert [part["inps"]["value"] for part in told["parts"]] == [100.0, None]
    assert told["parts"][1]["inps"]["reason"].startswith("not enough coverage (0%")


def test_more_weeks_than_anybody_reads_are_not_asked_for(command: Command) -> None:
    ended = command("nps", "--by", "week", "--since", "2000-01-01")
    assert (ended.code, ended.out) == (2, "") and "choose a later --since" in ended.err
    assert _answers(command, "--since", "2000-01-01"), "the whole is told all the same"
    assert command("report", "--json", "--since", "2000-01-01").json["reports"][0]["weeks"] == []


def test_no_part_has_a_number_of_nothing(command: Command) -> None:
    for by in ("source", "language", "week"):
        told = command("nps", "--by", by, "--json").json
        assert [part["mentions"] for part in told["parts"]] == ([0, 0] if by == "week" else [])
        assert command("nps", "--by", by).code == 0
