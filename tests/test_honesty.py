"""From the archive to the number, through the real command: what the figures promise is kept."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.post import short_id
from listener.app import App
from listener.config import load
from listener.rescore import Rescorer
from storage.records import stamp
from storage.records_scoring import Review
from storage.sqlite import SqliteStore
from tests.command import ACME, Command
from tests.conftest import NOW
from tests.history import Told, clock, inps, net, past, row, take_in
from tests.program import HATED, LOVED
from tests.standins.feeds import FeedServer, Item

WIDE = "[report]\nmax_half_width = 30\n"
"""Two in five of these labels are wrong, which leaves 100 audits a wider interval than most brands will see."""

UNHEARD = "[report]\nmax_half_width = 30\naudits = 100000\n"
"""No audit is ever enough: the figures are what the machine alone says."""

FORMS = ("text", "markdown", "json")
TOLD = past()
TRUTH = {one.id: one.truth for one in TOLD}
ELSE = past(300, seed=6)
"""Of the same kind, said by others in other words."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with TOLD in it."""
    folder = tmp_path_factory.mktemp("archive")
    with clock():
        take_in(Command(folder), [one.row for one in TOLD])
    return folder / "listener.db"


@pytest.fixture
def command(archive: Path, tmp_path: Path) -> Iterator[Command]:
    shutil.copy(archive, tmp_path)
    with clock():
        yield Command(tmp_path, WIDE + ACME)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Command]:
    """Without anything in it."""
    with clock():
        yield Command(tmp_path)


def _audit(command: Command, seed: int, size: int = 100) -> None:
    """Draw, export, let people label, import."""
    assert command("audit", "draw", "--n", str(size), "--seed", str(seed), "--since", "7d").code == 0
    sheet = csv.DictReader(io.StringIO(command("audit", "export").out))
    lines = [f"{line['mention_id']},{TRUTH[line['post_id']]}" for line in sheet]
    ended = command("audit", "import", command.file("labels.csv", "\n".join(["mention_id,label", *lines])))
    assert ended.code == 0, ended.err


def _nps(command: Command, *options: str) -> dict[str, Any]:
    ended = command("nps", "--json", *options)
    assert ended.code == 0, ended.err
    told = ended.json
    assert isinstance(told, dict)
    return told


def _figures(command: Command) -> dict[str, Any]:
    told = _nps(command)
    return {key: told[key] for key in ("inps", "net")}


def _alone(command: Command) -> dict[str, Any]:
    """What the machine says by itself, whatever people said."""
    command.config.write_text(UNHEARD + ACME)
    told = _figures(command)
    command.config.write_text(WIDE + ACME)
    return told


def _truth_inside(told: dict[str, Any], of: Sequence[Told] = TOLD) -> bool:
    truths = {"inps": inps(of), "net": net(of)}
    return all(told[name]["low"] <= truth <= told[name]["high"] for name, truth in truths.items())


def _reviewed(command: Command, sampled_by: str, chosen: str, label: Callable[[str], str], skip: int = 0) -> int:
    """Let somebody label the mentions that the condition `chosen` is true of, all but `skip`."""
    found = command.rows(
        f"SELECT m.id, p.source_id FROM mentions m JOIN posts p ON p.id = m.post_id WHERE {chosen} ORDER BY m.id"
    )[skip:]
    store = SqliteStore(command.database)
    store.add_reviews(
        Review(short_id(sampled_by, its_id), its_id, label(source_id), "ann", stamp(NOW), sampled_by)  # type: ignore[arg-type]
        for its_id, source_id in found
    )
    store.close()
    return len(found)


# -- audits


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_hundred_random_labels_correct_a_scorer_that_errs(command: Command, seed: int) -> None:
    raw = _figures(command)
    assert {raw[name]["method"] for name in raw} == {"counted"} and not _truth_inside(raw), "the scorer errs"
    _audit(command, seed)
    told = _nps(command)
    assert {told[name]["method"] for name in ("inps", "net")} == {"audited"}
    assert told["inps"]["badge"] == "audited (100 labels, last 2026-11-22)"
    assert _truth_inside(told)
    assert told["audits"]["labelled"] == 100 and told["audits"]["covered"] == 1.0
    assert sum(sum(row.values()) for row in told["audits"]["confusion"].values()) == 100
    assert _alone(command) == raw, "what people say never changes what the machine said"


def test_few_audits_are_told_of_but_not_used(command: Command) -> None:
    raw = _figures(command)
    _audit(command, 1, 49)
    assert _figures(command) == raw
    assert _nps(command)["audits"]["labelled"] == 49


def test_a_brand_that_is_named_twice_is_told_once(command: Command) -> None:
    assert len(command("nps", "--json", "--brand", "Acme", "--brand", "Acme").out.splitlines()) == 1


def test_audits_of_another_time_do_not_speak_for_this_one(command: Command) -> None:
    """Drawn of the first days only, they could have been too few of what counts."""
    draw = ("audit", "draw", "--n", "100", "--seed", "1", "--since", "7d", "--until", "3d")
    assert command(*draw).code == 0
    _reviewed(command, "audit", "m.id IN (SELECT mention_id FROM audit_draws)", TRUTH.__getitem__)
    told = _nps(command)
    assert told["inps"]["method"] == "counted" and 0.5 < told["audits"]["covered"] < 0.8
    assert f"{told['audits']['covered']:.0%} of what counts" in command("nps").out


@pytest.mark.parametrize("idle_first", [False, True])
def test_a_draw_that_nobody_reads_for_does_not_speak_for_its_window(command: Command, idle_first: bool) -> None:
    """Though some of what it drew has labels: another draw, of the first days only, took the same."""
    read = "SELECT d.mention_id FROM audit_draws d JOIN audits a ON a.id = d.audit_id WHERE a.size = 100"

    def draw(at: datetime, *options: str) -> None:
        with clock(at):
            assert command("audit", "draw", "--seed", "1", "--since", "7d", *options).code == 0

    if idle_first:
        draw(NOW - timedelta(hours=2), "--n", "400")
    draw(NOW - timedelta(hours=1), "--n", "100", "--until", "3d")
    _reviewed(command, "audit", f"m.id IN ({read})", TRUTH.__getitem__)
    if not idle_first:
        draw(NOW + timedelta(hours=1), "--n", "400")
    told = _nps(command)
    assert told["inps"]["method"] == "counted" and 0.4 < told["audits"]["covered"] < 0.8


def test_a_draw_that_nobody_has_read_for_yet_changes_nothing(command: Command) -> None:
    _audit(command, 1)
    before = _figures(command)
    with clock(NOW + timedelta(minutes=1)):
        assert command("audit", "draw", "--n", "400", "--seed", "2", "--since", "7d").code == 0
    assert _figures(command) == before
    assert before["inps"]["method"] == "audited"


def test_labels_that_chance_did_not_draw_change_nothing(command: Command) -> None:
    """Whoever looks through what is flagged, or comes across this and that, has not seen what is usual."""
    raw = _figures(command)
    assert _reviewed(command, "flag", "m.label = 'detractor'", lambda _: "detractor") > 100
    assert _reviewed(command, "free", "m.label = 'promoter'", lambda _: "promoter") > 200
    assert _figures(command) == raw


def test_nor_do_they_change_what_chance_drew(command: Command) -> None:
    _audit(command, 1)
    audited = _nps(command)
    assert _reviewed(command, "free", "m.label <> 'detractor'", lambda _: "detractor") > 400
    assert _reviewed(command, "flag", "m.label = 'detractor'", lambda _: "detractor", skip=1) > 100
    assert _nps(command) == audited, "the audited ones among them keep their audits' labels"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_all_detractors_are_read_chance_has_to_answer_for_the_rest_only(command: Command, seed: int) -> None:
    _audit(command, seed)
    (before,) = [_nps(command)]
    read = _reviewed(command, "flag", "m.label = 'detractor'", TRUTH.__getitem__)
    told = _nps(command)
    assert told["inps"]["method"] == told["net"]["method"] == "stratified"
    others = sum(sum(r.values()) for machine, r in told["audits"]["confusion"].items() if machine != "detractor")
    assert told["inps"]["badge"].startswith(f"all detractors read, others audited ({read + others} labels")
    assert _truth_inside(told)
    assert told["labels"] == before["labels"] and told["waterfall"] == before["waterfall"]


def test_older_audits_lend_a_window_their_picture_of_the_errors(archive: Path, tmp_path: Path) -> None:
    shutil.copy(archive, tmp_path)
    command = Command(tmp_path, "[report]\nmax_half_width = 60\n" + ACME)
    with clock():
        _audit(command, 1, 200)
    later = NOW + timedelta(days=7)
    with clock(later):
        take_in(command, _moved(ELSE, 7), "--source", "later")
        told = _nps(command)
        said = command("nps").out
    assert told["inps"]["method"] == "corrected"
    assert told["inps"]["badge"] == "assumes unchanged errors (200 labels, last 2026-11-22)"
    assert (
        told["audits"]["labelled"] == 0
        and told["audits"]["drift"] == "too few recent audits to check its errors (0, 20 needed)"
    )
    assert "the figures rest on the machine and on how it erred before" in said
    assert _truth_inside(told, ELSE)


def _moved(told: Sequence[Told], days: int) -> list[dict[str, Any]]:
    """The same so many days later."""
    at = {one.id: datetime.fromisoformat(one.row["published_at"]) + timedelta(days=days) for one in told}
    return [one.row | {"id": f"{one.id} {days}", "published_at": stamp(at[one.id])} for one in told]


# -- who counts


def _crowd(count: int, text: str, name: str = "author", at: datetime | None = None) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield row(f"{name} {number} {at}", f"{text} That was number {number}.", f"{name} {number}", at=at)


def test_who_repeats_a_story_has_told_it_once(alone: Command) -> None:
    story = "Acme is terrible: it ate every single letter my grandmother wrote to the mayor in all those years"
    take_in(alone, [*_crowd(40, LOVED), *(row(f"echo {n}", f"{story} ({n})", "Loud Larry") for n in range(30))])
    told = _nps(alone)
    assert (told["waterfall"]["pool"], told["waterfall"]["eligible"]) == (70, 41)
    assert told["waterfall"]["dropped"] == {"echo": 29}
    assert told["net"]["value"] == pytest.approx(100 * 39 / 41, abs=0.01)
    assert told["inps"]["value"] == pytest.approx(100 * 39 / 41, abs=0.01)
    report = alone("report", "--json").json["reports"][0]
    (retold,) = [one for one in report["stories"] if "grandmother" in one["text"]]
    assert (retold["mentions"], retold["voices"]) == (30, 1)
    for form, told_as in (("text", "\nTold more than once\n"), ("markdown", "\n## Told more than once\n")):
        said = alone("report", "--format", form).out
        assert told_as in said and "30 mentions by 1 voice: Acme is terrible" in " ".join(
            said.replace("\\", "").split()
        )


def test_what_the_staff_says_counts_nowhere(tmp_path: Path) -> None:
    command = Command(tmp_path, ACME + 'staff = ["@Boss"]\n')
    with clock():
        take_in(
            command, [*_crowd(40, HATED), *(row(f"s{n}", f"{LOVED} As I said {n} times.", "boss") for n in range(3))]
        )
        told = _nps(command)
        assert told["waterfall"]["dropped"] == {"staff": 3} and told["inps"]["value"] == -100.0
        report = command("report", "--json").json["reports"][0]
        assert report["definitions"] | {"low": -100.0, "high": -100.0} == report["definitions"], "under no definition"
        assert report["promoters"] == [], "nor is the boss thanked"


def test_quarantined_authors_count_nowhere_and_the_report_says_what_they_would_change(alone: Command) -> None:
    rows = [*_crowd(60, LOVED), *_crowd(4, HATED, "bot")]
    take_in(alone, rows)
    everybody = _nps(alone)["inps"]["value"]
    for number in range(4):
        assert alone("authors", "mark", f"bot {number}", "quarantined").code == 0
    told = _nps(alone)
    assert told["waterfall"]["dropped"] == {"quarantined": 4}
    assert told["labels"]["detractor"] == 0 and told["inps"]["value"] == 100.0
    report = alone("report", "--json").json["reports"][0]
    assert report["definitions"]["with_quarantined"] == everybody
    assert f"with quarantined authors +{everybody:.0f}" in " ".join(alone("report").out.split())
    take_in(alone, _crowd(4, HATED, "bot", NOW - timedelta(days=2)))
    assert _nps(alone)["waterfall"]["dropped"] == {"quarantined": 8}, "those to come as well"
    assert alone("audit", "draw", "--n", "1000").out.startswith("Acme: 60 of 60"), "nor are they drawn"
    assert alone("authors", "unmark", "bot 0").code == 0
    assert _nps(alone)["labels"]["detractor"] == 1
    assert _nps(alone)["waterfall"]["dropped"] == {"echo": 1, "quarantined": 6}, "said twice, counts once"


# -- provenance


def _printed(command: Command, form: str, *options: str) -> str:
    ended = command("report", "--format", form, *options)
    assert ended.code == 0, ended.err
    return ended.out


def _newest(command: Command) -> dict[str, Any]:
    newest = command("report", "--list", "--json").json["reports"][0]
    assert isinstance(newest, dict)
    return newest


def test_a_report_is_printed_again_byte_for_byte_whatever_became_of_the_labels(alone: Command) -> None:
    take_in(alone, [*_crowd(30, LOVED), *_crowd(30, "Acme crashed the killer whale exhibit of our aquarium", "other")])
    said = {form: _printed(alone, form) for form in FORMS}
    listed = alone("report", "--list", "--json").json["reports"]
    ids = {one["form"]: one["id"] for one in listed}
    assert set(ids) == set(FORMS) and len({one["fingerprint"] for one in listed}) == 1
    assert {(one["brands"], one["until"], one["made_at"]) for one in listed} == {("Acme", stamp(NOW), stamp(NOW))}
    assert alone("rules", "add", "whale", "--weight", "4").code == 0
    assert alone("rescore").code == 0
    take_in(alone, _crowd(20, HATED, "late"))
    for form in FORMS:
        assert alone("report", "--again", ids[form]).out == said[form]
        assert alone("report", "--again", ids[form][:8]).out == said[form]
        assert alone("report", "--again", ids[form], "-o", str(alone.folder / "again")).out == ""
        assert (alone.folder / "again").read_text(encoding="utf-8") == said[form]
        assert _printed(alone, form) != said[form]
    assert len(alone("report", "--list", "--json").json["reports"]) == 2 * len(FORMS), (
        "printing again prints nothing new"
    )


def test_the_list_of_reports_says_what_each_is_of(alone: Command) -> None:
    nothing = alone("report", "--list")
    assert (nothing.code, nothing.out, nothing.err) == (0, "no report has been printed yet.\n", "")
    assert alone("report", "--list", "--json").json == {"reports": []}
    _printed(alone, "markdown")
    its_id = _newest(alone)["id"]
    window = "2026-11-15 12:00 to 2026-11-22 12:00"
    assert alone("report", "--list").out == f"{its_id}  2026-11-22 12:00  markdown  {window}  Acme\n"
    alone.config.write_text('timezone = "Europe/Berlin"\n' + ACME)
    assert "  2026-11-22 13:00  markdown  2026-11-15 13:00 to 2026-11-22 13:00  Acme\n" in alone("report", "--list").out


def test_an_unknown_report_is_a_mistake_in_one_sentence(alone: Command) -> None:
    take_in(alone, _crowd(3, LOVED))
    for hours in range(1, 18):  # more than there are first digits
        _printed(alone, "json", "--since", f"{hours}h")
    for wrong in ("nothing", "%", "~"):
        ended = alone("report", "--again", wrong)
        assert (ended.code, ended.out) == (2, "")
        (sentence,) = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
        assert f"'{wrong}'" in sentence and "`listener report --list`" in sentence
    beginnings = [one["id"][0] for one in alone("report", "--list", "--json").json["reports"]]
    (twice, *_) = [one for one in beginnings if beginnings.count(one) > 1]
    assert alone("report", "--again", twice).code == 2, "which of them?"


def test_the_scorers_behind_the_labels_are_counted(alone: Command) -> None:
    take_in(alone, _crowd(40, LOVED))
    (scorer,) = _nps(alone)["scorers"]
    assert alone("rules", "add", "wonderful", "--as", "neutral").code == 0
    app = App(load(alone.config, {}), now=lambda: NOW)
    Rescorer(app.store, app.scorer, app.now).step("Acme", 0, 15)
    ruled = app.scorer.id_for("Acme")
    app.close()
    assert ruled != scorer
    assert _nps(alone)["scorers"] == {scorer: 25, ruled: 15}
    assert alone("rescore").code == 0
    assert _nps(alone)["scorers"] == {ruled: 40}


# -- what changed


def _weeks(command: Command, before: str, now: str, count: int = 80) -> None:
    take_in(command, _crowd(count, before, "then", NOW - timedelta(days=10)))
    take_in(command, _crowd(count, now, "now", NOW - timedelta(days=3)))


def _change(command: Command) -> dict[str, Any]:
    told = command("report", "--json").json["reports"][0]["change"]
    assert isinstance(told, dict)
    return told


def _said_of_change(command: Command) -> str:
    lines = _printed(command, "markdown").splitlines()
    (line,) = [line for line in lines if line.startswith("- **Change:**")]
    return line.replace("\\", "")


def test_a_change_that_cannot_be_told_from_chance_is_none(alone: Command) -> None:
    _weeks(alone, LOVED, LOVED, 60)
    told = _change(alone)
    assert (told["detectable"], told["difference"], told["before"]["value"]) == (False, 0.0, 100.0)
    assert "no detectable change against 2026-11-08 12:00 to 2026-11-15 12:00 (+100)" in _said_of_change(alone)


def test_a_change_that_can_be_told_is_told_with_its_interval(alone: Command) -> None:
    _weeks(alone, LOVED, HATED)
    told = _change(alone)
    assert told["detectable"] and told["difference"] == -200.0 and told["low"] < told["high"] < -180
    assert told["net_by_source"] == {"change": -200.0, "mix": 0.0, "sentiment": -200.0, "fixed_mix": -100.0}
    assert "down 200 points (18" in _said_of_change(alone)


def _day_by_day(command: Command, *configs: str) -> None:
    """`listener pull` on the days before NOW, the last of them five days ago, with one configuration after the other."""
    for number, config in enumerate(configs):
        command.config.write_text(config)
        with clock(NOW - timedelta(days=5 + len(configs) - number)):
            assert command("pull").code == 0


def test_another_query_is_a_seam_and_no_change(alone: Command) -> None:
    _weeks(alone, LOVED, HATED)
    wider = ACME.replace('"acme"', '"acme or acmecorp"')
    _day_by_day(alone, ACME, wider)
    told = _change(alone)
    assert (told["difference"], told["detectable"]) == (None, None)
    assert told["reason"] == "the query changed on 2026-11-16"
    assert "not told (the query changed on 2026-11-16)" in _said_of_change(alone)
    report = alone("report", "--json").json["reports"][0]
    assert report["seams"] == [{"at": "2026-11-16T12:00:00Z", "what": "query", "now_is": "acme or acmecorp"}]
    assert "2026-11-16 12:00 the query became acme or acmecorp" in _printed(alone, "text")


def test_another_scorer_is_a_seam_and_no_change_until_all_is_scored_again(alone: Command) -> None:
    _weeks(alone, LOVED, HATED)
    _day_by_day(alone, ACME)
    assert alone("rules", "add", "wonderful", "--weight", "3.5", "--brand", "Acme").code == 0
    _day_by_day(alone, ACME)
    take_in(alone, _crowd(60, HATED, "newer", NOW - timedelta(days=2)))
    with clock(NOW - timedelta(days=4)):
        assert alone("pull").code == 0
    told = _change(alone)
    assert told["difference"] is None and told["reason"].startswith("the scorer changed on 2026-11-1")
    (seam,) = alone("report", "--json").json["reports"][0]["seams"]
    assert seam["what"] == "scorer"
    assert alone("rescore").code == 0
    told = _change(alone)
    assert told["detectable"] and told["difference"] == -200.0, "one scorer has read both windows"
    assert "the scorer became" in _printed(alone, "text"), "the seam is told all the same"


def test_labels_of_two_scorers_are_not_compared_though_nobody_noted_the_change(alone: Command) -> None:
    _weeks(alone, LOVED, HATED)
    assert alone("rules", "add", "wonderful", "--weight", "3.5", "--brand", "Acme").code == 0
    take_in(alone, _crowd(60, HATED, "newer"))
    told = _change(alone)
    assert told["difference"] is None
    assert told["reason"].startswith("labels by different scorers (") and "`listener rescore`" in told["reason"]


def test_a_window_that_has_no_number_says_why_nothing_can_be_compared(alone: Command) -> None:
    take_in(alone, _crowd(60, LOVED))
    assert _change(alone)["reason"] == "there was no number before: not enough opinions (n = 0 authors, 30 needed)"
    take_in(alone, _crowd(40, LOVED, "then", NOW - timedelta(days=10)))
    assert alone("nps", "--since", "1h").code == 0
    told = alone("report", "--json", "--since", "23h").json["reports"][0]
    assert (told["change"]["reason"], told["inps"]["value"]) == ("there is no number now", None)


def test_an_audited_window_is_not_compared_with_one_that_was_only_counted(command: Command) -> None:
    take_in(command, _moved(ELSE, -7), "--source", "earlier")
    _audit(command, 1)
    assert _change(command)["reason"] == "come by in another way before (uncalibrated, sampling error only)"


# -- daily draws


def _posted(server: FeedServer, numbers: Iterable[int], at: datetime) -> None:
    server.publish(*(Item(id=str(n), body=f"{LOVED} {n}", author=f"author {n}", published=at) for n in numbers))


def _pulling(folder: Path, server: FeedServer, per_day: str = "") -> Command:
    source = f'[[sources]]\ntype = "feed"\nname = "blog"\nurl = "{server.url()}"\n'
    return Command(
        folder, f'timezone = "Europe/Berlin"\n[http]\nallow_private = ["127.0.0.1/32"]\n{per_day}{ACME}{source}'
    )


def _days(command: Command) -> list[tuple[Any, ...]]:
    return command.rows("SELECT day, size, population FROM audits ORDER BY day")


def test_a_few_are_drawn_each_local_day_of_what_came_since(tmp_path: Path) -> None:
    evening = datetime.fromisoformat("2026-11-21T23:30+01:00")
    with FeedServer() as server:
        command = _pulling(tmp_path, server)
        _posted(server, range(10), evening - timedelta(hours=3))
        for minutes in (0, 20):
            with clock(evening + timedelta(minutes=minutes)):
                assert command("pull", "--all").code == 0
        assert _days(command) == [("2026-11-21", 3, 10)], "one draw a day"
        _posted(server, range(10, 17), evening + timedelta(minutes=25))
        with clock(evening + timedelta(minutes=40)):  # still the 21st in UTC
            assert command("pull", "--all").code == 0
        assert _days(command) == [("2026-11-21", 3, 10), ("2026-11-22", 3, 7)]
        with clock(evening + timedelta(days=1)):
            assert command("pull", "--all").code == 0
        assert len(_days(command)) == 2, "nothing came since"
        with clock(evening + timedelta(days=2)):
            waiting = json.loads(command("audit", "list", "--json").out)["waiting"]
    assert len({one["mention_id"] for one in waiting}) == 6


@pytest.mark.parametrize(("per_day", "drawn"), [(0, []), (5, [("2026-11-22", 5, 10)])])
def test_how_many_are_drawn_a_day_is_a_setting(tmp_path: Path, per_day: int, drawn: list[tuple[Any, ...]]) -> None:
    with FeedServer() as server, clock():
        command = _pulling(tmp_path, server, f"[audit]\nper_day = {per_day}\n")
        _posted(server, range(10), NOW - timedelta(hours=1))
        assert command("pull").code == 0
    assert _days(command) == drawn
