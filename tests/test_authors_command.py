"""`listener authors`: who speaks loudest, and whose words are left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.command import ACME, Command
from tests.program import HATED, LOVED


@pytest.fixture
def command(tmp_path: Path) -> Command:
    command = Command(tmp_path, ACME + '[[brands]]\nname = "Rival"\nquery = "rival"\n')
    now = datetime.now(UTC)
    said = [
        ("Loud Larry", "Acme is great, I love it"),
        ("Loud Larry", "I love how fast acme starts on the old laptop of my mother"),
        ("Loud Larry", "The new export of acme is wonderful work, thank you all so much"),
        ("Loud Larry", "Acme crashes whenever printers are near, terrible"),
        ("Loud Larry", "I hate what acme did to its price list this autumn"),
        ("Ann", HATED),
        (None, LOVED),
    ]
    rows = [
        {"id": str(number), "author": author, "text": text}
        | {"published_at": (now - timedelta(days=1 + 99 * (number == 0))).isoformat()}
        for number, (author, text) in enumerate(said)
    ]
    assert command("import", command.file("posts.jsonl", "\n".join(map(json.dumps, rows)))).code == 0
    return command


def _id(command: Command, name: str) -> str:
    return str(command.rows(f"SELECT id FROM authors WHERE name = '{name}'")[0][0])


def _left_out(command: Command) -> list[tuple[str, int]]:
    return command.rows(  # type: ignore[return-value]
        "SELECT left_out, COUNT(*) FROM mentions WHERE left_out <> '' GROUP BY left_out"
    )


def test_the_loudest_come_first_with_what_they_said(command: Command) -> None:
    told = command("authors", "--brand", "Acme", "--json").json
    assert [(one["name"], one["mentions"], one["promoters"], one["detractors"]) for one in told] == [
        ("Loud Larry", 4, 2, 2),
        ("Ann", 1, 0, 1),
    ]
    assert command("authors", "--json", "--since", "200d").json[0]["mentions"] == 5
    assert len(command("authors", "--json", "--top", "1").json) == 1
    lines = command("authors").out.splitlines()
    assert lines[0] == "Acme:"
    assert lines[2].split() == ["4", "2", "0", "2", _id(command, "Loud Larry"), "Loud", "Larry,", "archive"]
    assert lines[-1] == "Rival: nobody known by name spoke of it."


def test_a_marked_author_is_left_out_with_all_mentions_until_unmarked(command: Command) -> None:
    its = _id(command, "Loud Larry")
    marked = command("authors", "mark", "loud larry", "staff")
    who = f"Loud Larry (archive, {its})"
    assert marked.out == f"{who} is staff: 5 mentions are left out of every figure, and all to come.\n"
    assert _left_out(command) == [("staff", 5)]
    assert "Loud Larry, archive, staff" in command("authors").out
    again = command("authors", "mark", its, "quarantined", "--json").json
    assert (again["author"]["standing"], again["before"], again["mentions"]) == ("quarantined", "staff", 5)
    unmarked = command("authors", "unmark", "Loud Larry")
    assert unmarked.out == f"{who} is no longer quarantined: 5 mentions are left out no more, nor those to come.\n"
    assert _left_out(command) == []
    assert command("authors", "unmark", its).out == f"{who} was not marked.\n"
    assert "Loud Larry" not in command("authors", "mark", "ann", "staff").out


def test_what_a_marked_author_writes_later_is_left_out_too(command: Command) -> None:
    assert command("authors", "mark", "Ann", "quarantined").code == 0
    row = {
        "id": "later",
        "author": "Ann",
        "text": "acme again, and all of it is broken",
        "published_at": datetime.now(UTC).isoformat(),
    }
    assert command("import", command.file("later.jsonl", json.dumps(row))).code == 0
    assert _left_out(command) == [("quarantined", 2)]
    (audit,) = command("audit", "draw", "--brand", "Acme", "--json").json["audits"]
    assert audit["population"] == 5


def test_a_name_that_several_have_is_refused_with_their_ids(command: Command) -> None:
    row = {"id": "x", "author": "ANN", "text": HATED, "published_at": datetime.now(UTC).isoformat()}
    assert command("import", command.file("x.jsonl", json.dumps(row)), "--source", "elsewhere").code == 0
    ended = command("authors", "mark", "ann", "staff")
    both = [_id(command, "Ann"), _id(command, "ANN")]
    assert ended.code == 2 and "2 authors are called 'ann'; give the id of the one you mean" in ended.err
    assert all(its in ended.err for its in both)
    assert _left_out(command) == []
    assert command("authors", "mark", both[0], "staff").code == 0
    assert command.rows("SELECT id FROM authors WHERE standing <> ''") == [(both[0],)]


def test_a_name_in_any_script_is_found(command: Command) -> None:
    row = {"id": "x", "author": "Éloïse ДОМ", "text": HATED, "published_at": datetime.now(UTC).isoformat()}
    assert command("import", command.file("x.jsonl", json.dumps(row))).code == 0
    assert command("authors", "mark", "Éloïse ДОМ", "staff").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mark", "nobody", "staff"), "there is no author 'nobody'; `listener authors` shows the loudest."),
        (("unmark", "nobody"), "there is no author 'nobody'"),
        (("mark", "Ann", "famous"), "'famous' is not one of 'staff', 'quarantined'"),
        (("--brand", "Acne"), "there is no brand 'Acne'; there are: Acme, Rival."),
        (("--since", "soon"), "--since: 'soon' is not a point in time"),
        (("--top", "0"), "is not in the range"),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_a_sentence(command: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = command("authors", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())
