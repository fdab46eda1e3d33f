"""Files of labelled texts, JSON lines or CSV, read as a stream."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from connectors.archive import BadRow, NoArchive
from connectors.ratings import scale_of
from connectors.text import clean
from listener.sentiment.contract import Text
from listener.sentiment.evaluate import GOLD
from listener.sentiment.rating import from_rating

COLUMNS = ("text", "label", "lang", "brand", "source", "rating", "rating_scale")
_LONGEST_CELL = 1_000_000
_LONGEST_NAME = 100

_Row = tuple[int, Mapping[str, Any] | str]


class LabelledText(NamedTuple):
    """A text, what a person said of it (one of evaluate.GOLD), and where it comes from ("" where nobody says)."""

    text: Text
    label: str
    source: str = ""


def read_labelled(lines: Iterable[str], form: str, *, ratings: bool = False) -> Iterator[LabelledText | BadRow]:
    """Rows of COLUMNS, of which only text and label are needed; `form` is "csv" or "jsonl". Ratings are not even looked
    at without `ratings`. Raises NoArchive when a CSV file has no such columns."""
    for number, row in read_rows(lines, form, COLUMNS, ("text", "label")):
        try:
            yield BadRow(number, row) if isinstance(row, str) else _labelled(row, ratings)
        except ValueError as wrong:
            yield BadRow(number, str(wrong))


def read_rows(
    lines: Iterable[str], form: str, columns: Sequence[str], needed: Sequence[str], delimiter: str = ","
) -> Iterator[_Row]:
    """(line, row, or what is wrong with it) of a file in the `form` "csv" or "jsonl". Raises NoArchive when a CSV file
    has not the columns that are needed."""
    return _csv(lines, columns, needed, delimiter) if form == "csv" else _jsonl(lines)


def _jsonl(lines: Iterable[str]) -> Iterator[_Row]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"is not JSON ({error})" if isinstance(error, json.JSONDecodeError) else "is not JSON"
            continue
        yield number, row if isinstance(row, dict) else "is not a JSON object"


def _csv(lines: Iterable[str], columns: Sequence[str], needed: Sequence[str], delimiter: str) -> Iterator[_Row]:
    """The first line names the columns; a row's line is the one it ends on."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.DictReader((line.replace("\0", "") for line in lines), delimiter=delimiter, strict=True)
    try:
        named = {*needed} <= {*(reader.fieldnames or ())}
    except csv.Error:
        named = False
    if not named:
        raise NoArchive(f"its first line must name the columns ({', '.join(columns)}), {' and '.join(needed)} at least")
    while True:
        try:
            row: dict[Any, Any] = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):  # what follows inside the cell would be taken for rows
                raise NoArchive(
                    f"line {reader.reader.line_num}: a cell is longer than {_LONGEST_CELL:,} characters"
                ) from None
            yield reader.reader.line_num, f"is not CSV ({error})"
            continue
        yield reader.line_num, "has more cells than the first line has columns" if None in row else row


def _labelled(row: Mapping[str, Any], ratings: bool) -> LabelledText:
    if row.get("text") is None:
        raise ValueError("has no text")
    label = cell(row, "label").strip().lower()
    if label not in GOLD:
        raise ValueError(f"has the label '{clean(label, 40)}': there are {', '.join(GOLD)}")
    name = {column: clean(cell(row, column), _LONGEST_NAME) for column in ("brand", "lang", "source")}
    text = Text(cell(row, "text"), name["brand"], name["lang"])
    return LabelledText(_rated(text, row) if ratings else text, label, name["source"])


def _rated(text: Text, row: Mapping[str, Any]) -> Text:
    rating = cell(row, "rating").strip()
    if not rating:
        return text
    try:
        number = float(rating)
    except ValueError:
        raise ValueError(f"has the rating '{clean(rating, 40)}', which is no number") from None
    scale = scale_of(cell(row, "rating_scale") or text.rating_scale)
    from_rating(number, scale)
    return text._replace(rating=number, rating_scale=scale)


def cell(row: Mapping[str, Any], name: str) -> str:
    """What a row says there, "" where it says nothing. Raises ValueError for what is no text."""
    value = row.get(name)
    if isinstance(value, dict | list):
        raise ValueError(f"has {'an object' if isinstance(value, dict) else 'a list'} as its {name}")
    return "" if value is None else str(value)
