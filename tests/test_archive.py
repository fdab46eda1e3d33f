"""An archive of posts is read row by row: what is a post comes in once, what is none is named by its line."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.archive import FIELDS, BadRow, NoArchive, read_csv, read_jsonl
from connectors.post import Author, Post
from tests.command import ACME, Command


def _csv(text: str) -> list[Post | BadRow]:
    return list(read_csv(io.StringIO(text, newline=""), "test"))


def _jsonl(*rows: object) -> list[Post | BadRow]:
    return list(read_jsonl([row if isinstance(row, str) else json.dumps(row) for row in rows], "test"))


def _post(row: Post | BadRow) -> Post:
    assert isinstance(row, Post), row
    return row


def _problem(row: Post | BadRow) -> str:
    assert isinstance(row, BadRow), row
    return f"{row.line}: {row.problem}"


FULL = {
    "id": "r-1",
    "url": "https://reviews.example/1",
    "text": "Acme, never again",
    "title": "No",
    "author": "Ann",
    "published_at": "2026-11-01T09:30:00+01:00",
    "rating": 2,
    "rating_scale": "1-5",
    "lang": "en",
    "kind": "review",
}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


# -- rows


def test_every_column_has_its_place() -> None:
    columns = ",".join(FIELDS)
    cells = io.StringIO()
    csv.writer(cells).writerow([FULL[name] for name in FIELDS])
    wanted = Post(
        "archive",
        "r-1",
        "https://reviews.example/1",
        "Acme, never again",
        title="No",
        author=Author("Ann", "Ann"),
        published_at=datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
        genre="review",
        rating=2.0,
        rating_scale=5.0,
        language="en",
    )
    assert set(FULL) == set(FIELDS)
    assert _jsonl(FULL) == _csv(f"{columns}\n{cells.getvalue()}") == [wanted]


def test_only_a_text_or_a_title_is_needed() -> None:
    (text, title, neither) = _jsonl({"text": "acme"}, {"title": "acme"}, {"author": "Ann"})
    assert (_post(text).body, _post(title).title) == ("acme", "acme")
    assert _problem(neither) == "3: has neither text nor title"


def test_a_row_is_known_by_its_id_else_its_url_else_what_it_says() -> None:
    rows = [
        {"id": "1", "url": "u", "text": "a"},
        {"url": "u", "text": "a"},
        {"text": "a"},
        {"text": "a", "author": "Ann"},
    ]
    ids = [_post(row).source_id for row in _jsonl(*rows)]
    assert ids[:2] == ["1", "u"]
    assert len(set(ids)) == 4
    (elsewhere,) = read_jsonl([json.dumps({"text": "a"})], "another archive")
    assert _post(elsewhere).source_id != ids[2]


@pytest.mark.parametrize(
    ("rating", "scale", "read"),
    [
        (4, None, (4.0, 5.0)),
        ("4.5", "stars", (4.5, 5.0)),
        (9, "nps", (9.0, 10.0)),
        ("72", "percent", (72.0, 100.0)),
        ("72", "0-100", (72.0, 100.0)),
        (True, "thumbs", (1.0, 1.0)),
        ("FALSE", "thumbs", (0.0, 1.0)),
        (0, 5, (0.0, 5.0)),
        (None, 10, (None, 10.0)),
        ("", "", (None, 5.0)),
    ],
)
def test_a_rating_is_read_on_its_scale(rating: Any, scale: Any, read: tuple[float | None, float]) -> None:
    post = _post(_jsonl({"text": "a", "rating": rating, "rating_scale": scale})[0])
    assert (post.rating, post.rating_scale) == read


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "a", "rating": 9}, "rating 9 is not within 0..5: set rating_scale"),
        ({"text": "a", "rating": -1}, "rating -1 is not within 0..5: set rating_scale"),
        ({"text": "a", "rating": "good"}, "rating 'good' is not a number"),
        ('{"text": "a", "rating": NaN}', "rating nan is not within 0..5: set rating_scale"),
        ({"text": "a", "rating": "1e999"}, "rating inf is not within 0..5: set rating_scale"),
        ({"text": "a", "rating_scale": "bananas"}, "rating scale 'bananas' is unknown: write its upper end"),
        ({"text": "a", "published_at": "soon"}, "published_at 'soon' is not a date: write 2026-11-22T09:30:00Z"),
        ({"text": "a", "kind": "rant"}, "kind 'rant' is unknown: write one of post, comment"),
        ({"text": ["a"]}, "text must be text or a number, not a list"),
        ({"text": "a", "author": {"name": "Ann"}}, "author must be text or a number, not an object"),
        ("[]", "is not a JSON object"),
        ('"text"', "is not a JSON object"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"text": 1' + "0" * 5000 + "}", "is not JSON"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_next_one_is_read(row: object, problem: str) -> None:
    good, bad, after = _jsonl({"text": "before"}, row, {"text": "after"})
    assert (_post(good).body, _post(after).body) == ("before", "after")
    assert _problem(bad).startswith(f"2: {problem}")
    assert len(_problem(bad)) < 300


def test_blank_lines_are_passed_over_but_counted() -> None:
    (bad,) = _jsonl("", "  ", "{")
    assert _problem(bad).startswith("3: ")


# -- csv


def test_a_quoted_cell_may_hold_line_ends_commas_and_quotes() -> None:
    (post,) = _csv('title,text\n"a, ""b""","one\r\ntwo\nthree"\n')
    assert (_post(post).title, _post(post).body) == ('a, "b"', "one\r\ntwo\nthree")


def test_nul_is_left_out() -> None:
    assert [_post(row).body for row in _csv("text\nac\0me\n")] == ["acme"]


def test_missing_cells_are_empty_and_unknown_columns_ignored() -> None:
    short, long = _csv("text,mood,author\nacme\nacme,sad,Ann\n")
    assert (_post(short).author, _post(long).author) == (None, Author("Ann", "Ann"))


def test_a_row_with_too_many_cells_is_bad() -> None:
    (bad, good) = _csv("text,title\na,b,c\nd,e\n")
    assert _problem(bad) == "2: has more cells than the first line has columns"
    assert _post(good).body == "d"


def test_bad_quoting_is_named_by_its_own_line() -> None:
    rows = _csv('text,title\na,b\n"c"d,e\nf,g\n"h\ni\n')
    assert [_post(rows[n]).body for n in (0, 2)] == ["a", "f"]
    assert [_problem(rows[n]).partition(":")[0] for n in (1, 3)] == ["3", "6"]


@pytest.mark.parametrize(
    "text", ["", "\n", "id,title\n1,2\n", '"text\n', '"text"x\na\n', "{}\n", f"text,{'x' * 1_100_000}\n"]
)
def test_a_file_without_a_text_column_is_no_archive(text: str) -> None:
    with pytest.raises(NoArchive, match="its first line must name the columns .*; there is no 'text' in it"):
        _csv(text)


@pytest.mark.parametrize("cell", ["x" * 1_100_000, '"' + "x\n" * 600_000 + '"'], ids=["plain", "quoted"])
def test_a_huge_cell_ends_the_reading_and_is_never_taken_for_rows(cell: str) -> None:
    rows = read_csv(io.StringIO(f"text,title\na,b\n{cell},c\n", newline=""), "test")
    assert _post(next(rows)).body == "a"
    with pytest.raises(NoArchive, match="a cell is longer than 1,000,000 characters"):
        list(rows)


_CELL = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
_ROW = st.fixed_dictionaries(
    {
        "id": _CELL,
        "url": _CELL,
        "text": _CELL.map(lambda text: f"acme {text}"),
        "title": _CELL,
        "author": _CELL,
        "lang": _CELL,
    }
)


@given(st.lists(_ROW, max_size=5))
def test_what_is_written_as_csv_or_jsonl_is_read_back_as_it_was(rows: list[dict[str, str]]) -> None:
    sheet = io.StringIO(newline="")
    writer = csv.DictWriter(sheet, fieldnames=["id", "url", "text", "title", "author", "lang"])
    writer.writeheader()
    writer.writerows(rows)
    from_csv, from_jsonl = _csv(sheet.getvalue()), _jsonl(*rows)
    assert from_csv == from_jsonl
    for row, post in zip(rows, map(_post, from_csv), strict=True):
        assert (post.body, post.title, post.url, post.language) == (row["text"], row["title"], row["url"], row["lang"])
        assert (post.author.id if post.author else "") == row["author"]
        assert not row["id"] or post.source_id == row["id"]


@given(st.text(max_size=200))
def test_any_text_is_an_archive_or_is_said_not_to_be(text: str) -> None:
    rows = list(read_jsonl(io.StringIO(text), "test"))
    try:
        rows += read_csv(io.StringIO("text,id\n" + text, newline=""), "test")
        rows += read_csv(io.StringIO(text, newline=""), "test")
    except NoArchive as error:
        assert str(error)  # said, in a sentence
    assert all(isinstance(row, Post) or row.problem for row in rows)


# -- the command


def test_an_archive_goes_through_the_same_pipeline_as_everything_else(command: Command) -> None:
    rows = [FULL, {"text": "the weather is fine"}, {"text": "acme is wonderful", "author": "Bob"}]
    ended = command("import", command.file("a.jsonl", "\n".join(map(json.dumps, rows))), "--source", "reviews")
    assert (ended.code, ended.out) == (0, "3 posts read: 3 new, 0 edited, 2 new mentions; 0 bad.\n")
    assert command.rows("SELECT label, backfill, source FROM mentions ORDER BY label") == [
        ("detractor", 1, "reviews"),
        ("promoter", 1, "reviews"),
    ]
    assert command.rows("SELECT COUNT(*) FROM alerts") == [(0,)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_importing_twice_changes_nothing(command: Command, name: str) -> None:
    content = "text,author\nacme is bad,Ann\nacme is good,Bob\n" if name.endswith("csv") else '{"text": "acme"}\n' * 3
    file = command.file(name, content)
    assert command("import", file).code == 0
    tables = ("posts", "mentions", "scores", "authors", "revisions")
    before = [command.rows(f"SELECT * FROM {table}") for table in tables]
    assert " 0 new, 0 edited, 0 new mentions; 0 bad." in command("import", file).out
    assert [command.rows(f"SELECT * FROM {table}") for table in tables] == before


def test_bad_rows_are_said_by_line_and_the_rest_comes_in(command: Command) -> None:
    file = command.file("a.CSV", "text,rating\nacme,5\nacme,nine\n,3\nacme again,1\n")
    ended = command("import", file)
    assert (ended.code, ended.out) == (3, "2 posts read: 2 new, 0 edited, 2 new mentions; 2 bad.\n")
    assert ended.err.splitlines() == [
        "line 3: rating 'nine' is not a number; skipped.",
        "line 4: has neither text nor title; skipped.",
    ]


def test_only_the_first_bad_rows_are_shown_and_all_are_counted(command: Command) -> None:
    ended = command("import", command.file("a.jsonl", "x\n" * 50))
    assert (ended.code, len(ended.err.splitlines())) == (1, 21)
    assert ended.out.endswith("50 bad.\n")
    assert ended.err.endswith("more bad lines follow; only counted from here on.\n")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftext,author\r\nacme,Ann\r\n",
        b"text,author\nacme \xff\xfe,Ann\n",
        b'text,author\n"acme\x00\nis bad",Ann\n',
    ],
    ids=["byte order mark", "not UTF-8", "NUL"],
)
def test_files_as_spreadsheets_write_them_are_read(command: Command, content: bytes) -> None:
    ended = command("import", command.file("a.csv", content))
    assert (ended.code, ended.err) == (0, "")
    ((text, author),) = command.rows("SELECT text, author FROM posts")
    assert text.startswith("acme") and author == "Ann"


def test_about_makes_every_row_a_mention(command: Command) -> None:
    file = command.file("a.jsonl", '{"text": "it broke again"}\n')
    assert "1 new mention;" in command("import", file, "--about", "Acme").out
    unknown = command("import", file, "--about", "Acne")
    assert unknown.code == 2
    assert "there is no brand 'Acne'; there are: Acme." in unknown.err


def test_a_query_of_a_star_matches_everything(tmp_path: Path) -> None:
    command = Command(tmp_path, ACME.replace('"acme"', '"*"'))
    assert "2 new mentions" in command("import", command.file("a.csv", "text\nthis\nthat\n")).out


def test_a_file_that_is_no_archive_is_one_sentence(command: Command) -> None:
    ended = command("import", command.file("a.csv", "name,mood\nAnn,sad\n"))
    assert ended.code == 2
    assert "its first line must name the columns" in ended.err
    assert command("import", str(command.folder / "nowhere.csv")).code == 2
    assert not command.database.exists()


def test_the_format_can_be_named(command: Command) -> None:
    assert command("import", command.file("a.txt", "text\nacme\n"), "--format", "csv").code == 0
