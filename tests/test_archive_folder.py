"""A folder of archives is read as files come in and grow: every row once, none of a half-written file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.archive import FIELDS, read_csv, read_jsonl
from connectors.archive_file import LONGEST_LINE
from connectors.archive_folder import ArchiveFolder, ArchiveFolderOptions
from connectors.errors import FetchError
from connectors.http import HttpClient
from connectors.post import Page, Post, Question
from listener.cli.archive import import_command
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.loopback import Loopback


def row(number: int, text: str = "", **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "text": text or f"acme number {number} is fine", **more}


def jsonl(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in rows)


def table(*rows: dict[str, Any], header: bool = True) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


class TestArchiveFolder(ConnectorContract):
    """The obligations that have nothing to do with HTTP."""

    @pytest.fixture(params=["new.jsonl", "new.csv", "new.ndjson.gz"])
    def world(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
        with Loopback() as server, visitor() as http:
            file = tmp_path / request.param
            published: list[dict[str, Any]] = []

            def write() -> None:
                text = table(*published) if ".csv" in file.name else jsonl(*published)
                opened: Callable[..., Any] = gzip.open if file.suffix == ".gz" else open
                with opened(file, "wt", encoding="utf-8", newline="") as stream:
                    stream.write(text)

            def publish(samples: Sequence[Sample]) -> None:
                published.extend(
                    row(sample.number, sample.text, published_at=sample.at.isoformat() if sample.at else "")
                    for sample in samples
                )
                write()

            def edit(number: int, text: str) -> None:
                for one in published:
                    if one["id"] == f"r{number}":
                        one["text"] = text
                write()

            connector = ArchiveFolder(ArchiveFolderOptions(folder=tmp_path))
            yield World(connector, http, server, publish, edit, wrong_shapes=(), undated=True, lenient=True)

    def test_a_web_page_is_not_an_empty_result(self, world: World) -> None:
        folder = Path(urlsplit(world.connector.address()).path)
        (folder / "page.jsonl").write_text("<!DOCTYPE html>\n<html></html>\n", encoding="utf-8")
        pages = list(world.connector.pull(Question(now=NOW), world.http))
        assert "page.jsonl:1 is not JSON" in pages[-1].gap and "page.jsonl:2" in pages[-1].gap

    test_a_source_that_throttles_says_until_when = None  # type: ignore[assignment]


@dataclass
class Watched:
    """A folder and what a store would remember of it."""

    folder: Path
    cursor: str = ""
    seen: list[str] = field(default_factory=list)

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.folder / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def pages(self, stop_after: int | None = None) -> list[Page]:
        connector = ArchiveFolder(ArchiveFolderOptions(folder=self.folder))
        http: HttpClient = None  # type: ignore[assignment]  # it needs none
        pages = []
        for page in connector.pull(Question(now=NOW, cursor=self.cursor), http):
            pages.append(page)
            self.cursor = page.cursor or self.cursor
            if len(pages) == stop_after:
                break
        return pages

    def pull(self) -> list[str]:
        """The ids of the posts."""
        return [post.source_id for page in self.pages() for post in page.posts]

    def gap(self) -> str:
        return self.pages()[-1].gap


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    folder = tmp_path / "in"
    folder.mkdir()
    return Watched(folder)


@pytest.mark.parametrize(("name", "write"), [("a.jsonl", jsonl), ("a.csv", table)])
def test_a_file_that_has_grown_is_read_on_from_where_it_ended(watched: Watched, name: str, write: Any) -> None:
    watched.write(name, write(*(row(n) for n in range(30))))
    assert len(watched.pull()) == 30
    assert watched.pull() == []
    added = [row(n, "two\nlines") for n in (30, 31)]
    watched.append(name, table(*added, header=False) if name.endswith("csv") else jsonl(*added))
    assert watched.pull() == ["r30", "r31"]
    assert watched.pull() == []


@pytest.mark.parametrize(("name", "write"), [("a.jsonl", jsonl), ("a.csv", table)])
def test_a_file_that_was_rewritten_is_read_again(watched: Watched, name: str, write: Any) -> None:
    watched.write(name, write(row(1), row(2)))
    watched.pull()
    watched.write(name, write(row(3), row(1), row(2)))  # larger, and another beginning
    assert watched.pull() == ["r3", "r1", "r2"]
    watched.write(name, write(row(4)))  # shorter
    assert watched.pull() == ["r4"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_row_that_is_being_written_waits_until_it_is_whole(watched: Watched, name: str) -> None:
    rows = [row(1), row(2, 'says "hm"\nand more')]
    whole = jsonl(*rows) if name.endswith("jsonl") else table(*rows)
    for end in range(len(whole) + 1):
        watched.write(name, whole[:end])
        pages = watched.pages()
        assert not pages[-1].gap
        watched.seen += [post.source_id for page in pages for post in page.posts]
    assert watched.seen == ["r1", "r2"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_last_line_without_its_end_is_read_once_the_file_stands_still(watched: Watched, name: str) -> None:
    whole = jsonl(row(1), row(2)) if name.endswith("jsonl") else table(row(1), row(2))
    watched.write(name, whole.rstrip())
    assert watched.pull() == ["r1"]
    assert watched.pull() == ["r2"]
    assert watched.pull() == []


def test_a_kill_between_two_pages_goes_on_in_the_middle_of_a_file(watched: Watched) -> None:
    watched.write("a.jsonl", jsonl(*(row(n) for n in range(700))))
    watched.write("b.csv", table(*(row(n) for n in range(700, 1_400))))
    assert [len(page.posts) for page in watched.pages(stop_after=2)] == [500, 500]
    assert watched.pull() == [f"r{n}" for n in range(1_000, 1_400)]


def test_rows_that_are_no_posts_are_named_by_file_and_line_and_told_once(watched: Watched) -> None:
    watched.write("a.jsonl", jsonl(row(1)) + "{\n[]\n\n" + jsonl({"id": "x"}, row(2)))
    watched.write("b.csv", table(row(3), {"text": "x", "rating": "9"}))
    pages = watched.pages()
    gap = pages[-1].gap
    assert "a.jsonl:2 is not JSON" in gap and "a.jsonl:3 is not a JSON object" in gap and "a.jsonl:5" in gap
    assert "and 1 more" in gap and "\n" not in gap
    assert [post.source_id for page in pages for post in page.posts] == ["r1", "r2", "r3"]
    assert watched.gap() == ""
    watched.append("b.csv", table({"text": "y", "kind": "rant"}, header=False))
    assert "b.csv:4 kind 'rant' is unknown" in watched.gap()


def test_packed_files_are_read_as_they_grow_and_broken_ones_are_named(watched: Watched) -> None:
    packed = gzip.compress(jsonl(*(row(n) for n in range(5))).encode())
    watched.write("a.jsonl.gz", packed)
    assert len(watched.pull()) == 5
    watched.write("a.jsonl.gz", packed + gzip.compress(jsonl(row(5)).encode()))
    assert watched.pull() == ["r5"]
    watched.write("b.csv.gz", b"this is not gzip")
    watched.write("c.jsonl.gz", gzip.compress(jsonl(*(row(n) for n in range(10, 2_000))).encode())[:3_000])
    pages = watched.pages()
    assert "b.csv.gz cannot be read" in pages[-1].gap and "c.jsonl.gz cannot be read" in pages[-1].gap
    assert sum(len(page.posts) for page in pages) > 10
    assert watched.gap() == "" and watched.pull() == []


def test_a_packed_bomb_ends_at_the_cap(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.archive_file.MOST_INFLATED", 1_000_000)
    watched.write("a.jsonl.gz", gzip.compress(jsonl(row(1)).encode() + (b" " * 999 + b"\n") * 3_000))
    pages = watched.pages()
    assert "unpacks to more than 1 MB" in pages[-1].gap and len(pages[-1].posts) == 1
    assert watched.gap() == ""


def test_a_packed_bomb_without_any_line_ends_at_the_cap(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.archive_file.MOST_INFLATED", 10_000_000)
    unpacked = 0
    readline = gzip.GzipFile.readline

    def counted(file: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal unpacked
        line = readline(file, size)
        unpacked += len(line)
        return line

    monkeypatch.setattr(gzip.GzipFile, "readline", counted)
    watched.write("a.jsonl.gz", gzip.compress(jsonl(row(1)).encode() + b" " * 60_000_000))
    pages = watched.pages()
    assert "unpacks to more than 10 MB" in pages[-1].gap and len(pages[-1].posts) == 1
    assert unpacked < 20_000_000


def test_a_packed_file_is_unpacked_once_however_many_pages_it_fills(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeks = 0
    seek = gzip.GzipFile.seek

    def counted(file: gzip.GzipFile, offset: int, whence: int = io.SEEK_SET) -> int:
        nonlocal seeks
        seeks += 1
        return seek(file, offset, whence)

    monkeypatch.setattr(gzip.GzipFile, "seek", counted)
    monkeypatch.setattr("connectors.archive_folder.PAGE", 10)
    watched.write("a.jsonl.gz", gzip.compress(jsonl(*(row(n) for n in range(500))).encode()))
    assert len(watched.pages()) == 51 and seeks < 5


def test_a_line_without_end_is_one_bad_row(watched: Watched) -> None:
    watched.write("a.jsonl", jsonl(row(1)) + '{"text": "' + "x" * (LONGEST_LINE * 2) + '"}\n' + jsonl(row(2)))
    pages = watched.pages()
    assert "a.jsonl:2 is not JSON" in pages[-1].gap and len(pages[-1].gap) < 400
    assert [post.source_id for post in pages[-1].posts] == ["r1", "r2"]


def test_only_archives_in_the_folder_itself_are_read(watched: Watched) -> None:
    outside = watched.folder.parent / "secret.jsonl"
    outside.write_text(jsonl(row(1)), encoding="utf-8")
    (watched.folder / "link.jsonl").symlink_to(outside)
    (watched.folder / "deeper").mkdir()
    (watched.folder / "deeper" / "a.jsonl").write_text(jsonl(row(2)), encoding="utf-8")
    (watched.folder / "folder.jsonl").mkdir()
    os.mkfifo(watched.folder / "pipe.jsonl")
    watched.write(".hidden.jsonl", jsonl(row(3)))
    watched.write("notes.txt", jsonl(row(4)))
    watched.write("B.JSONL", jsonl(row(5)))
    assert watched.pull() == ["r5"]


def test_an_empty_file_and_a_lone_header_are_nothing_wrong(watched: Watched) -> None:
    watched.write("a.csv", "")
    watched.write("b.csv", table())
    watched.write("c.jsonl", "")
    assert watched.gap() == "" and watched.pull() == []
    watched.append("a.csv", table(row(1)))
    watched.append("b.csv", table(row(2), header=False))
    assert watched.pull() == ["r1", "r2"]


def test_a_table_without_text_is_named(watched: Watched) -> None:
    watched.write("a.csv", "name,age\nann,3\n")
    watched.write("b.jsonl", jsonl(row(1)))
    pages = watched.pages()
    assert "a.csv: its first line must name the columns" in pages[-1].gap and len(pages[-1].posts) == 1


def test_a_folder_that_is_not_there_is_an_error_and_a_relative_one_none(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="No such file"):
        Watched(tmp_path / "none").pages()
    with pytest.raises(ValidationError, match="full path"):
        ArchiveFolderOptions(folder=Path("archive"))


def test_what_left_the_folder_is_forgotten(watched: Watched) -> None:
    watched.write("a.jsonl", jsonl(row(1))).unlink()
    watched.write("b.jsonl", jsonl(row(2)))
    watched.pull()
    assert list(json.loads(watched.cursor)["files"]) == ["b.jsonl"]


@pytest.mark.parametrize(
    "cursor",
    ["nonsense", "[]", '{"files": [1]}', '{"files": {"a.jsonl": [1, 2, 3, 4, 5, 6]}}', '{"files": {"a.jsonl": 1}}'],
)
def test_a_foreign_cursor_reads_everything_again(watched: Watched, cursor: str) -> None:
    watched.write("a.jsonl", jsonl(row(1)))
    watched.cursor = cursor
    assert watched.pull() == ["r1"]


def test_a_post_is_the_same_one_that_an_import_makes(watched: Watched) -> None:
    full = {
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
    rows: list[dict[str, Any]] = [full, {"text": "no id at all", "author": "Bo"}, {"text": "über\r\nzwei Zeilen"}]
    text = "\ufeff" + table(*rows)
    watched.write("a.csv", text)
    watched.write("b.jsonl", jsonl(*rows))
    (source,) = (option for option in import_command.params if option.name == "source")
    assert ArchiveFolderOptions(folder=watched.folder).scope == source.default
    imported = [
        *read_csv(io.StringIO(text.removeprefix("\ufeff"), newline=""), str(source.default)),
        *read_jsonl(io.StringIO(jsonl(*rows)), str(source.default)),
    ]
    posts = {post.id: post for page in watched.pages() for post in page.posts}
    assert posts == {post.id: post for post in imported if isinstance(post, Post)}
    assert posts[next(iter(posts))].published_at == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


_cell = st.text(st.sampled_from("ab,\"\n\r'ü\t{}"), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    texts=st.lists(_cell, min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 400), max_size=5),
    form=st.sampled_from(["csv", "jsonl"]),
)
def test_however_a_file_grows_each_row_comes_once(
    watched: Watched, texts: list[str], cuts: list[int], form: str
) -> None:
    rows = [row(number, "x" + text) for number, text in enumerate(texts)]
    whole = (table(*rows) if form == "csv" else jsonl(*rows)).encode()
    for file in watched.folder.iterdir():
        file.unlink()
    watched.cursor = ""
    read: list[Post] = []
    for end in [*sorted(min(cut, len(whole)) for cut in set(cuts)), len(whole)]:
        watched.write(f"a.{form}", whole[:end])
        os.utime(watched.folder / f"a.{form}", ns=(0, end + 1))  # a file that stands still would end in the cut
        pages = watched.pages()
        assert not any(page.gap for page in pages)
        read += [post for page in pages for post in page.posts]
    assert [(post.source_id, post.body) for post in read] == [(one["id"], one["text"]) for one in rows]
