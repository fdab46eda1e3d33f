"""Archives of posts: JSON lines or CSV with the columns of `FIELDS`, one post a row, read as a stream."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from connectors.dates import parse as parse_date
from connectors.post import Author, Genre, Post, short_id
from connectors.ratings import scale_of

KIND = "archive"
FIELDS = ("id", "url", "text", "title", "author", "published_at", "rating", "rating_scale", "lang", "kind")
_LONGEST_CELL = 1_000_000


@dataclass(frozen=True)
class BadRow:
    """A row that is no post: where (1-based line of the file) and why, in a sentence."""

    line: int
    problem: str


class NoArchive(Exception):
    """The whole file is not what it should be."""


def read_jsonl(lines: Iterable[str], scope: str) -> Iterator[Post | BadRow]:
    """`scope` tells rows without id and url in two archives apart."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadRow(number, f"is not JSON: {error}")
            continue
        yield _post(row, number, scope) if isinstance(row, dict) else BadRow(number, "is not a JSON object")


def read_csv(lines: Iterable[str], scope: str) -> Iterator[Post | BadRow]:
    """The first line names the columns; a row's line is the one it ends on."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.DictReader((line.replace("\0", "") for line in lines), strict=True)
    try:
        named = "text" in (reader.fieldnames or ())
    except csv.Error:
        named = False
    if not named:
        raise NoArchive(f"its first line must name the columns ({', '.join(FIELDS)}); there is no 'text' in it")
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = reader.reader.line_num
            if "field limit" in str(error):  # what follows inside the cell would be taken for rows
                raise NoArchive(f"line {line}: a cell is longer than {_LONGEST_CELL:,} characters") from None
            yield BadRow(line, f"is not CSV: {error}")
            continue
        yield (
            BadRow(reader.line_num, "has more cells than the first line has columns")
            if None in row
            else _post(row, reader.line_num, scope)
        )


def _post(row: Mapping[str, Any], line: int, scope: str) -> Post | BadRow:
    try:
        return _mapped(row, scope)
    except ValueError as error:
        return BadRow(line, str(error))


def _mapped(row: Mapping[str, Any], scope: str) -> Post:
    cell = {name: _cell(row, name) for name in FIELDS}
    if not cell["text"] and not cell["title"]:
        raise ValueError("has neither text nor title")
    rating, scale = _rating(cell)
    published = parse_date(cell["published_at"]) if cell["published_at"] else None
    if cell["published_at"] and published is None:
        raise ValueError(f"published_at '{cell['published_at'][:40]}' is not a date: write 2026-11-22T09:30:00Z")
    if cell["kind"] and cell["kind"] not in get_args(Genre):
        raise ValueError(f"kind '{cell['kind'][:40]}' is unknown: write one of {', '.join(get_args(Genre))}")
    return Post(
        kind=KIND,
        source_id=cell["id"] or cell["url"] or short_id(scope, cell["title"], cell["text"], cell["author"]),
        url=cell["url"],
        body=cell["text"],
        title=cell["title"],
        author=Author(cell["author"], cell["author"]) if cell["author"] else None,
        published_at=published,
        genre=cast("Genre", cell["kind"] or "post"),
        rating=rating,
        rating_scale=scale,
        language=cell["lang"],
    )


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise ValueError(f"{name} must be text or a number, not {'an object' if isinstance(value, dict) else 'a list'}")
    return str(value)


def _rating(cell: Mapping[str, str]) -> tuple[float | None, float]:
    scale = scale_of(cell["rating_scale"] or 5)
    if not cell["rating"]:
        return None, scale
    try:
        rating = float({"true": "1", "false": "0"}.get(cell["rating"].lower(), cell["rating"]))
    except ValueError:
        raise ValueError(f"rating '{cell['rating'][:40]}' is not a number") from None
    if not 0 <= rating <= scale:
        raise ValueError(f"rating {rating:g} is not within 0..{scale:g}: set rating_scale")
    return rating, scale
