"""Audits as files: what waits goes out, without a word of the machine's, and labels come back."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import IO, Any, NamedTuple

from connectors.archive import BadRow
from connectors.text import clean
from listener.audits import ANSWERS, Answer
from listener.intake import readable
from listener.sentiment.labelled import cell, read_rows
from storage.records_nps import Drawn

EXPORTED = ("mention_id", "source", "post_id", "url", "text")
IMPORTED = ("mention_id", "label", "reviewer")
_NEEDED = ("mention_id", "label")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute in place of showing it."""

_PLAIN = re.compile(r"[-+@]?[\w.-]+")
"""Ids that a spreadsheet computes nothing harmful of, though some begin so (YouTube's with "-"): they stay as they are,
to be looked up by."""

_DELIMITERS = ",;\t"
_LONGEST_NAME = 100


class Unlabelled(NamedTuple):
    """A row that nobody has put a label in."""

    line: int


class Labelling(NamedTuple):
    """A row with its line."""

    line: int
    answer: Answer


def told(one: Drawn) -> dict[str, str]:
    """EXPORTED; `post_id` is the id that the post's source gave it."""
    cells = (one.mention.id, one.post.source, one.post.source_id, one.post.url, readable(one.post))
    return dict(zip(EXPORTED, cells, strict=True))


def write(drawn: Iterable[Drawn], form: str, stream: IO[str]) -> None:
    """As CSV that a spreadsheet may open, or as JSON lines."""
    if form == "jsonl":
        for one in drawn:
            stream.write(_line(told(one)))
        return
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(EXPORTED)
    for one in drawn:
        cells = told(one)
        its_id, post_id = cells["mention_id"], cells["post_id"]
        as_it_is = {"mention_id": its_id} | ({"post_id": post_id} if _PLAIN.fullmatch(post_id) else {})
        writer.writerow(({key: harmless(cell) for key, cell in cells.items()} | as_it_is).values())


def read(lines: Iterable[str], reviewer: str) -> Iterator[Labelling | Unlabelled | BadRow]:
    """CSV or JSON lines of IMPORTED, which of them they say themselves; other columns are ignored. `reviewer` has given
    the labels that name nobody. Raises NoArchive when no columns have these names."""
    rest = iter(lines)
    blank, first = _begun(rest)
    form = "jsonl" if first.lstrip().startswith("{") else "csv"
    # A spreadsheet may have put semicolons or tabs where there were commas, a person capitals into what they wrote.
    delimiter = max(_DELIMITERS, key=first.count)
    head = first if form == "jsonl" else first.lower()
    for line, row in read_rows(chain([*blank, head], rest), form, IMPORTED, _NEEDED, delimiter):
        try:
            yield BadRow(line, row) if isinstance(row, str) else _labelling(line, row, reviewer)
        except ValueError as wrong:
            yield BadRow(line, str(wrong))


def label_of(text: str) -> str:
    """The one of ANSWERS that is meant, in whatever case, words joined by anything. Raises ValueError."""
    label = "_".join(text.casefold().replace("-", " ").replace("_", " ").split())
    if label not in ANSWERS:
        raise ValueError(f"has the label '{' '.join(clean(text, 40).split())}': there are {', '.join(ANSWERS)}")
    return label


def _begun(lines: Iterator[str]) -> tuple[list[str], str]:
    """Blank lines, and the first that is none."""
    blank: list[str] = []
    for line in lines:
        line = line if blank else line.removeprefix("\ufeff")
        if line.strip():
            return blank, line
        blank.append(line)
    return blank, ""


def _labelling(line: int, row: Mapping[str, Any], reviewer: str) -> Labelling | Unlabelled:
    its_id = cell(row, "mention_id").strip()
    if not its_id:
        raise ValueError("has no mention_id")
    label = cell(row, "label").strip()
    if not label:
        return Unlabelled(line)
    by = clean(cell(row, "reviewer"), _LONGEST_NAME).strip()
    return Labelling(line, Answer(clean(its_id, _LONGEST_NAME), label_of(label), by or reviewer))


def harmless(text: str) -> str:
    """A cell that a spreadsheet computes nothing of. A carriage return would begin a new row: the writer puts no quotes
    around it."""
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{whole}" if text.startswith(_FORMULA) else whole


def _line(row: Mapping[str, str]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
