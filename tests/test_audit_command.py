"""`listener audit` from end to end: what chance drew is shown to people without the machine's opinion, and their labels
are taken once, all or none."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import sqlite3
import subprocess
import termios
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listener.audits import ANSWERS
from tests.command import ACME, Command, Ended
from tests.program import HATED, LISTENER, LOVED

_PATIENCE = 30  # seconds
BRANDS = ACME + '[[brands]]\nname = "Rival"\nquery = "rival"\n'


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, BRANDS)


def _imported(command: Command, count: int = 12, brand: str = "Acme", age: int = 1) -> None:
    at = (datetime.now(UTC) - timedelta(days=age)).isoformat()
    texts = [text.replace("Acme", brand) for text in (HATED, LOVED, "Acme opened an office in Oslo today")]
    rows = [
        {
            "id": f"{brand}-{age}-{number}",
            "text": f"{texts[number % 3]} That was number {number} of {age}.",
            "author": f"somebody {number} of {age}",
            "url": f"https://posts.example/{brand}/{number}",
            "published_at": at,
        }
        for number in range(count)
    ]
    assert command("import", command.file("posts.jsonl", "\n".join(map(json.dumps, rows)))).code == 0


def _drawn(command: Command, *options: str, size: int = 100) -> dict[str, Any]:
    ended = command("audit", "draw", "--brand", "Acme", "--n", str(size), "--seed", "7", "--json", *options)
    assert ended.code == 0, ended.err
    (audit,) = ended.json["audits"]
    assert isinstance(audit, dict)
    return audit


def _exported(command: Command, *options: str) -> list[dict[str, str]]:
    ended = command("audit", "export", *options)
    assert ended.code == 0, ended.err
    return list(csv.DictReader(io.StringIO(ended.out, newline="")))


def _ids(command: Command) -> list[str]:
    return [row["mention_id"] for row in _exported(command)]


def _sheet(command: Command, rows: Sequence[Sequence[str]], name: str = "labels.csv") -> str:
    return command.file(name, "mention_id,label\n" + "".join(f"{','.join(row)}\n" for row in rows))


def _said(ended: Ended) -> str:
    return " ".join(ended.err.split())


def _labels(command: Command) -> list[tuple[Any, ...]]:
    """By time."""
    return command.rows(
        "SELECT mention_id, label, reviewer, sampled_by, audit_id, inclusion_prob, undone_at IS NULL FROM reviews "
        "ORDER BY reviewed_at, id"
    )


# -- draw


def test_a_draw_says_how_many_of_how_many_and_its_seed(command: Command) -> None:
    _imported(command)
    ended = command("audit", "draw", "--brand", "Acme", "--n", "5", "--seed", "7")
    assert ended.code == 0
    found = re.match(r"Acme: 5 of 12 mentions drawn with seed 7, audit ([0-9a-f]{20})\.\n", ended.out)
    assert found
    again = command("audit", "draw", "--brand", "Acme", "--n", "5", "--seed", "7")
    assert f"audit {found[1]}; the same was drawn before." in again.out
    assert len(_ids(command)) == 5


def test_a_seed_that_nobody_gave_is_told(command: Command) -> None:
    _imported(command)
    ended = command("audit", "draw", "--brand", "Acme", "--n", "5")
    found = re.search(r"with seed (\d+),", ended.out)
    assert found
    (audit,) = command("audit", "list", "--json").json["audits"]
    assert audit["seed"] == found[1]


def test_more_than_there_are_draws_all_and_says_so(command: Command) -> None:
    _imported(command)
    ended = command("audit", "draw", "--brand", "Acme", "--n", "50", "--seed", "7")
    assert "Acme: 12 of 12 mentions drawn with seed 7 (50 were asked for), audit" in ended.out


def test_a_draw_is_of_its_window(command: Command) -> None:
    _imported(command, 4, age=1)
    _imported(command, 6, age=50)
    _imported(command, 8, age=100)
    assert _drawn(command)["population"] == 10
    assert _drawn(command, "--since", "7d")["population"] == 4
    assert _drawn(command, "--since", "200d", "--until", "30d")["population"] == 14


def test_so_many_of_each_label_may_be_drawn(command: Command) -> None:
    _imported(command)
    ended = command("audit", "draw", "--brand", "Acme", "--per-label", "2")
    assert "Acme: 2 of each label, 6 of 12 mentions drawn" in ended.out
    assert command.rows("SELECT stratum, COUNT(*) FROM audit_draws GROUP BY stratum") == [
        ("detractor", 2),
        ("no_opinion", 2),
        ("promoter", 2),
    ]


def test_where_there_is_nothing_to_draw_the_exit_code_says_so(command: Command) -> None:
    empty = command("audit", "draw")
    assert (empty.code, empty.out) == (1, "")
    assert "no mention of Acme that counts is in the window" in empty.err
    _imported(command)
    some = command("audit", "draw")
    assert some.code == 3 and some.out.startswith("Acme: 12 of 12") and "no mention of Rival" in some.err
    _imported(command, brand="Rival")
    assert command("audit", "draw").code == 0


# -- list


def test_the_list_counts_what_is_drawn_labelled_gone_and_waiting(command: Command) -> None:
    _imported(command)
    audit = _drawn(command, size=6)
    its = _ids(command)
    assert command("audit", "label", its[0], "promoter").code == 0
    with closing(sqlite3.connect(command.database)) as connection, connection:
        connection.execute("UPDATE posts SET deleted_at = at, text = '' WHERE id = ?", (its[1].partition("-")[0],))
    told = command("audit", "list", "--json").json
    (one,) = told["audits"]
    assert (one["id"], one["size"], one["labelled"], one["gone"], one["waiting"]) == (audit["id"], 6, 1, 1, 4)
    assert [row["mention_id"] for row in told["waiting"]] == its[2:] == _ids(command)
    lines = command("audit", "list").out.splitlines()
    assert lines[0].startswith(f"{audit['id']}  Acme: 6 of 12 mentions, drawn 20")
    assert lines[0].endswith("with seed 7; 1 labelled, 1 taken away by their sources, 4 waiting")
    assert lines[1] == "4 mentions wait for a label:"
    assert lines[2].startswith(f"  {its[2]}  Acme, 20") and "https://posts.example/Acme/" in lines[2]
    assert "That was number" in lines[3]


def test_an_audit_that_is_done_is_listed_only_when_asked_for(command: Command) -> None:
    assert command("audit", "list").out == "nothing waits for a label.\n"
    _imported(command, 2)
    _drawn(command)
    for its_id in _ids(command):
        command("audit", "label", its_id, "passive")
    assert command("audit", "list").out == "nothing waits for a label.\n"
    assert command("audit", "list", "--json").json == {"audits": [], "waiting": []}
    assert "2 labelled, 0 waiting" in command("audit", "list", "--all").out


def test_the_list_is_of_one_brand_when_asked(command: Command) -> None:
    _imported(command, 3)
    _imported(command, 2, brand="Rival")
    assert command("audit", "draw").code == 0
    assert {row["brand"] for row in command("audit", "list", "--brand", "Rival", "--json").json["waiting"]} == {"Rival"}
    assert len(_exported(command, "--brand", "Rival")) == 2
    assert len(_exported(command)) == 5


def test_nothing_that_people_see_depends_on_what_the_machine_thinks(command: Command) -> None:
    """Neither a word of it nor an order: with every score turned round, all is byte for byte the same."""
    _imported(command, 30)
    _drawn(command, size=12)
    assert command("audit", "draw", "--brand", "Acme", "--per-label", "3", "--seed", "8").code == 0
    calls = [
        ("audit", "list"),
        ("audit", "list", "--all"),
        ("audit", "list", "--json"),
        ("audit", "export", "--format", "csv"),
        ("audit", "export", "--format", "jsonl"),
        ("audit", "export", "--all"),
    ]
    before = [command(*call) for call in calls]
    with closing(sqlite3.connect(command.database)) as connection, connection:
        connection.execute(
            "UPDATE mentions SET label = CASE label WHEN 'promoter' THEN 'detractor' WHEN 'detractor' THEN NULL "
            "ELSE 'promoter' END, value = -value, confidence = 1 - confidence, tags = 'thanks', scorer = 'other@9'"
        )
    assert [command(*call) for call in calls] == before
    for ended in before:
        assert ended.code == 0
        assert not re.search("promoter|detractor|no_opinion|unscored|confidence|stratum|inclusion|default@", ended.out)


# -- label


def test_a_label_is_given_by_the_beginning_of_an_id_and_taken_back(command: Command) -> None:
    _imported(command)
    audit = _drawn(command)
    its_id = _ids(command)[0]
    ended = command("audit", "label", its_id[:12], "No_Opinion", "--reviewer", "ann")
    assert (ended.code, ended.out) == (0, f"{its_id} is no_opinion, says ann.\n")
    assert _labels(command) == [(its_id, "no_opinion", "ann", "audit", audit["id"], 1.0, 1)]
    again = command("audit", "label", its_id, "no_opinion", "--reviewer", "ann")
    assert again.out == f"{its_id} is no_opinion already: nothing to do.\n"
    assert command("audit", "label", its_id, "not_us", "--reviewer", "bob").code == 0
    undone = command("audit", "label", its_id, "--undo")
    assert undone.out == f"{its_id} is no longer not_us; no_opinion, said by ann, holds again.\n"
    undone = command("audit", "label", its_id, "--undo")
    assert undone.out == f"{its_id} is no longer no_opinion; it waits for a label again.\n"
    nothing = command("audit", "label", its_id, "--undo")
    assert (nothing.code, nothing.out) == (1, "") and "has no label to take back" in nothing.err
    assert its_id in _ids(command)


def test_an_id_that_means_several_mentions_is_refused_with_their_ids(command: Command) -> None:
    _imported(command, 40)
    _drawn(command)
    its = _ids(command)
    ended = command("audit", "label", "", "promoter")
    assert ended.code == 2 and f"40 drawn mentions begin with '': {its[0]}" in _said(ended)
    assert _labels(command) == []


class _Terminal:
    """`listener audit label` with a terminal in front of it."""

    def __init__(self, command: Command, *options: str) -> None:
        self._ours, theirs = pty.openpty()
        self._heard = ""
        call = [str(LISTENER), "--config", str(command.config), "audit", "label", *options]
        self._process = subprocess.Popen(call, stdin=theirs, stdout=theirs, stderr=theirs, cwd=command.folder)
        os.close(theirs)

    def until(self, words: str) -> str:
        """What it says next, up to these words."""
        while words not in self._heard:
            assert select.select([self._ours], [], [], _PATIENCE)[0], self._heard
            self._heard += os.read(self._ours, 4096).decode()
        said, _, self._heard = self._heard.partition(words)
        return said

    def press(self, key: str) -> None:
        """Once it listens: what is typed before is thrown away."""
        patience = time.monotonic() + _PATIENCE
        while termios.tcgetattr(self._ours)[3] & termios.ICANON and time.monotonic() < patience:
            time.sleep(0.002)
        os.write(self._ours, key.encode())

    def end(self) -> int:
        try:
            return self._process.wait(_PATIENCE)
        finally:
            os.close(self._ours)

    def __enter__(self) -> _Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def test_on_a_terminal_each_that_waits_is_asked_about_and_every_answer_kept_at_once(command: Command) -> None:
    _imported(command, 6)
    _drawn(command)
    its = _ids(command)
    with _Terminal(command, "--reviewer", "ann") as terminal:
        for number, (key, told) in enumerate([("p", "promoter"), ("k", "skipped"), ("X", "not_us")]):
            asked = terminal.until("[q]uit: ")
            assert f"{number + 1} of 6: Acme, " in asked and its[number] in asked and "That was number" in asked
            terminal.press(key)
            terminal.until(told)
        terminal.until("[q]uit: ")
        answers = [row[:4] for row in _labels(command)]
        assert answers == [(its[0], "promoter", "ann", "audit"), (its[2], "not_us", "ann", "audit")]
        terminal.press("q")
        assert terminal.until(" left.").endswith("2 labelled, 1 skipped; 4")
        assert terminal.end() == 0
    assert _ids(command) == [its[1], *its[3:]]


def test_a_terminal_that_is_interrupted_keeps_what_was_answered(command: Command) -> None:
    _imported(command, 3)
    _drawn(command)
    with _Terminal(command) as terminal:
        terminal.until("[q]uit: ")
        terminal.press("d")
        terminal.until("[q]uit: ")
        terminal.press("\x03")
        terminal.until("stopped.")
        assert terminal.end() == 130
    assert [row[1] for row in _labels(command)] == ["detractor"]


# -- export and import


def test_what_waits_is_exported_labelled_and_imported(command: Command) -> None:
    _imported(command)
    audit = _drawn(command, size=9)
    rows = _exported(command)
    assert len(rows) == 9 and list(rows[0]) == ["mention_id", "source", "post_id", "url", "text"]
    assert all(row["post_id"].startswith("Acme-1-") and row["source"] == "import" for row in rows)
    labels = [(row["mention_id"], ANSWERS[number % 5]) for number, row in enumerate(rows)]
    ended = command("audit", "import", _sheet(command, labels), "--reviewer", "ann")
    assert (ended.code, ended.out) == (0, "9 labels stored, 0 known already; waiting for a label: 0.\n")
    stored = _labels(command)
    assert sorted(row[:2] for row in stored) == sorted(labels)
    probabilities = dict(command.rows("SELECT mention_id, inclusion_prob FROM audit_draws"))
    for its_id, _, *how in stored:
        assert how == ["ann", "audit", audit["id"], probabilities[its_id], 1]
    assert _exported(command) == []
    assert _exported(command, "--all") == rows == _exported(command, "--all", "--audit", audit["id"][:8])


def test_an_import_twice_adds_nothing_and_another_label_takes_the_place_of_the_first(command: Command) -> None:
    _imported(command)
    _drawn(command)
    first, second, third = _ids(command)[:3]
    sheet = _sheet(command, [(first, "promoter"), (second, "passive"), (third, "")])
    assert "2 labels stored, 0 known already, 1 rows unlabelled" in command("audit", "import", sheet).out
    assert "0 labels stored, 2 known already, 1 rows unlabelled" in command("audit", "import", sheet).out
    changed = _sheet(command, [(first, "detractor"), (second, "passive")], "changed.csv")
    assert "1 labels stored, 1 known already" in command("audit", "import", changed).out
    assert "1 labels stored, 1 known already" in command("audit", "import", sheet).out
    assert [row[1] for row in _labels(command) if row[0] == first] == ["promoter", "detractor", "promoter"]


def test_all_problems_are_told_at_once_and_nothing_is_stored_unless_bad_rows_are_skipped(command: Command) -> None:
    _imported(command)
    _drawn(command, size=3)
    good, *_ = _ids(command)
    undrawn = next(its for (its,) in command.rows("SELECT id FROM mentions ORDER BY id") if its not in _ids(command))
    rows = [(good, "passive"), ("nonsense", "passive"), (good, "great"), (undrawn, "promoter"), ("", "promoter")]
    sheet = _sheet(command, rows)
    problems = [
        "line 3: there is no mention 'nonsense'.",
        "line 4: has the label 'great': there are promoter, passive, detractor, no_opinion, not_us.",
        f"line 5: '{undrawn}' was not drawn in an audit.",
        "line 6: has no mention_id.",
    ]
    ended = command("audit", "import", sheet)
    assert ended.code == 1
    assert ended.err.splitlines()[:4] == problems and "nothing was stored" in ended.err
    assert _labels(command) == []
    skipped = command("audit", "import", sheet, "--skip-bad")
    assert (skipped.code, skipped.err.splitlines()) == (3, problems)
    assert skipped.out == "1 labels stored, 0 known already, 4 bad; waiting for a label: 2.\n"
    assert [row[:2] for row in _labels(command)] == [(good, "passive")]


def test_labels_come_from_stdin_and_are_told_as_json(command: Command) -> None:
    _imported(command)
    _drawn(command)
    its = _ids(command)
    lines = [{"mention_id": its[0], "label": "Passive", "reviewer": "bob"}, {"mention_id": its[1], "label": "x"}]
    stdin = "\n".join(map(json.dumps, lines)).encode()
    ended = command("audit", "import", "-", "--skip-bad", "--json", stdin=stdin)
    assert ended.code == 3
    problem = "has the label 'x': there are promoter, passive, detractor, no_opinion, not_us"
    assert ended.json == {
        "read": 2,
        "stored": 1,
        "known": 0,
        "unlabelled": 0,
        "bad": 1,
        "problems": [{"line": 2, "problem": problem}],
        "waiting": 11,
    }
    assert _labels(command)[0][:3] == (its[0], "passive", "bob")


def test_a_spreadsheets_bom_semicolons_and_line_ends_do_no_harm(command: Command) -> None:
    _imported(command)
    _drawn(command)
    its = _ids(command)
    sheet = command.file("sheet.csv", f'\ufeffMention_ID;Text;Label\r\n{its[0]};"a;\r\nb";PASSIVE\r\n')
    assert command("audit", "import", sheet).code == 0
    assert [row[:2] for row in _labels(command)] == [(its[0], "passive")]


def test_an_export_goes_to_a_file_in_the_form_of_its_name(command: Command) -> None:
    _imported(command, 3)
    _drawn(command)
    for name, count in (("out.csv", 4), ("out.jsonl", 3)):
        ended = command("audit", "export", "-o", str(command.folder / name))
        assert (ended.code, ended.out) == (0, "") and "3 mentions written" in ended.err
        assert len((command.folder / name).read_text(encoding="utf-8").splitlines()) == count
    assert json.loads((command.folder / "out.jsonl").read_text().splitlines()[0]).keys() == {
        *("mention_id", "source", "post_id", "url", "text")
    }


def test_a_thousand_labels_are_imported_in_a_moment(command: Command) -> None:
    _imported(command, 1500)
    _drawn(command, size=1500)
    sheet = _sheet(command, [(its_id, "passive") for its_id in _ids(command)])
    assert command("audit", "import", sheet).out.startswith("1,500 labels stored, 0 known")
    assert command("audit", "import", sheet).out.startswith("0 labels stored, 1,500 known")


def test_a_post_that_was_taken_away_meanwhile_is_not_exported_but_its_label_is_taken(command: Command) -> None:
    _imported(command, 3)
    _drawn(command)
    its = _ids(command)
    with closing(sqlite3.connect(command.database)) as connection, connection:
        connection.execute("UPDATE posts SET deleted_at = at, text = '' WHERE id = ?", (its[0].partition("-")[0],))
    assert [row["mention_id"] for row in _exported(command, "--all")] == its[1:]
    assert command("audit", "import", _sheet(command, [(its[0], "detractor")])).code == 0
    (one,) = command("audit", "list", "--json").json["audits"]
    assert (one["labelled"], one["gone"], one["waiting"]) == (1, 0, 2)


# -- mistakes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("draw", "--brand", "Acne"), "there is no brand 'Acne'; there are: Acme, Rival."),
        (("draw", "--n", "0"), "is not in the range"),
        (("draw", "--n", "5", "--per-label", "5"), "--n and --per-label exclude each other."),
        (("draw", "--since", "soon"), "--since: 'soon' is not a point in time"),
        (("draw", "--since", "1d", "--until", "2d"), "the window is empty"),
        (("list", "--brand", "Acne"), "there is no brand 'Acne'"),
        (("label",), "questions need a terminal"),
        (("label", "x"), "say what it is: promoter, passive, detractor, no_opinion, not_us."),
        (("label", "x", "promoter"), "there is no mention 'x'"),
        (("label", "{its}", "great"), "there is no label 'great'; there are: promoter,"),
        (("label", "--undo"), "--undo takes back the label of one mention"),
        (("label", "{its}", "promoter", "--undo"), "--undo takes back the label of one mention"),
        (("export", "--brand", "Acne"), "there is no brand 'Acne'"),
        (("export", "--audit", "x"), "there is no audit 'x'"),
        (("export", "-o", "/nowhere/at/all"), "cannot be written: No such file or directory."),
        (("import", "/nowhere/at/all"), "does not exist"),
        (("import", "{empty}"), "its first line must name the columns (mention_id, label, reviewer)"),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_a_sentence(command: Command, arguments: tuple[str, ...], said: str) -> None:
    _imported(command, 3)
    _drawn(command)
    names = {"its": _ids(command)[0], "empty": command.file("empty.csv", "")}
    ended = command("audit", *(argument.format(**names) for argument in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert said in _said(ended)
    assert _labels(command) == []
