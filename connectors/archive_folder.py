"""A watched folder of archives: what `listener import` reads once, read as it comes in."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from connectors.archive import KIND, BadRow, NoArchive
from connectors.archive_file import ArchiveFile, Mark, is_archive, opened
from connectors.contract import Facts, Http, Options
from connectors.errors import FetchError
from connectors.post import Page, Post, Question
from connectors.read_back import memory

PAGE = 500
"""Most posts of one Page."""

_MOST_CHARACTERS = 5_000_000
"""Of one page: a single row may hold a million."""

_MOST_FILES = 1_000
_SHOWN = 3
"""Problems that the gap tells; the others are counted."""


class ArchiveFolderOptions(Options):
    folder: Path
    scope: str = "import"
    """What `listener import` is given as --source: rows without id and url are then the same posts in both."""

    @field_validator("folder")
    @classmethod
    def _is_absolute(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("must be a full path, like /srv/listener/archive")
        return folder


@dataclass
class _Pull:
    """What is collected for the next page. `marks`, by file name, are always those of the rows collected so far."""

    marks: dict[str, Mark]
    posts: dict[str, Post] = field(default_factory=dict)
    characters: int = 0
    problems: list[str] = field(default_factory=list)
    wrong: int = 0

    def add(self, post: Post) -> None:
        self.posts[post.source_id] = post
        self.characters += len(post.body) + len(post.title)

    @property
    def full(self) -> bool:
        return len(self.posts) >= PAGE or self.characters >= _MOST_CHARACTERS

    def complain(self, problem: str) -> None:
        self.wrong += 1
        if self.wrong <= _SHOWN:
            self.problems.append(problem[:200])

    def page(self) -> Page:
        posts = list(self.posts.values())
        self.posts.clear()
        self.characters = 0
        return Page(posts, cursor=json.dumps({"files": self.marks}, separators=(",", ":")))

    def gap(self) -> str:
        more = self.wrong - len(self.problems)
        return "; ".join(self.problems) + (f"; and {more:,} more" if more else "")


class ArchiveFolder:
    """Reads *.jsonl, *.ndjson and *.csv (also .gz) in the folder, by name; no folders in it and no links.

    The cursor is JSON: {"files": {name: Mark}}. A file that has grown is read on from where it ended, one that was
    rewritten is read again. What is wrong with a row or a file is told once.
    """

    kind: ClassVar[str] = KIND
    facts: ClassVar[Facts] = Facts(
        hears="JSON lines and CSV files put into a folder, also while they grow",
        misses="rows that are no posts (the run names them), folders within the folder, links",
        duty="that of the place the rows come from",
    )
    options: ClassVar[type[Options]] = ArchiveFolderOptions

    def __init__(self, options: ArchiveFolderOptions) -> None:
        self._folder = options.folder
        self._scope = options.scope

    def address(self) -> str:
        """A file: address has no host: a folder takes turns with no other source."""
        return self._folder.as_uri()

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return ("",)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        known = _marks(question.cursor)
        names = self._names()
        pull = _Pull({name: known[name] for name in names if name in known})
        for name in names[:_MOST_FILES]:
            try:
                with opened(self._folder / name, known.get(name)) as archive:
                    yield from self._pages(name, archive, pull)
            except OSError as error:
                pull.complain(f"{name} cannot be opened: {_reason(error)}")
        if len(names) > _MOST_FILES:
            pull.complain(f"there are {len(names):,} archives: only the first {_MOST_FILES:,} by name are read")
        last = pull.page()
        gap = f"{self._folder}: {pull.gap()}." if pull.wrong else ""
        yield Page(last.posts, cursor=last.cursor, gap=gap)

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return sorted(
                    one.name for one in entries if is_archive(one.name) and one.is_file(follow_symlinks=False)
                )
        except OSError as error:
            raise FetchError(f"the folder {self._folder} cannot be read: {_reason(error)}.") from None

    def _pages(self, name: str, archive: ArchiveFile, pull: _Pull) -> Iterator[Page]:
        if archive.finished:
            return
        given_up = False
        try:
            for row in archive.rows(self._scope):
                if isinstance(row, BadRow):
                    pull.complain(f"{name}:{row.line} {row.problem}")
                    continue
                pull.add(row)
                if pull.full:
                    pull.marks[name] = archive.mark()
                    yield pull.page()
        except NoArchive as error:
            pull.complain(f"{name}: {error}")
            given_up = True
        except (OSError, EOFError, zlib.error) as error:
            pull.complain(f"{name} cannot be read to its end: {_reason(error)}")
            given_up = True
        pull.marks[name] = archive.mark(done=given_up or not archive.waiting)


def _marks(cursor: str) -> dict[str, Mark]:
    files = memory(cursor).get("files")
    marks: dict[str, Mark] = {}
    for name, kept in files.items() if isinstance(files, dict) else ():
        if isinstance(kept, list) and [type(one) for one in kept] == [int, int, int, int, str, bool]:
            marks[name] = Mark(*kept)
    return marks


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or "it ends too early"
