"""A query's text in tokens. Whatever cannot be meant as it is written is refused here, with the way to write it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from listener.match.fields import FIELDS
from listener.match.syntax import QueryError, quoted
from listener.match.words import normalise_term

Kind = Literal["(", ")", "AND", "OR", "NOT", "near", "*", "term", "field", "end"]

_MOST_CHARACTERS = 100_000
_MOST_TOKENS = 2_000
_LONGEST_TERM = 200  # characters
_FURTHEST = 100  # words

# Curly quotes come with every text pasted from a word processor.
_QUOTES = '"“”„'
_RUN = re.compile(rf"[^\s(){_QUOTES}]+")
_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"([A-Za-z]+):")
_NEAR = re.compile(r"near/(.*)", re.IGNORECASE)


class Token(NamedTuple):
    """`text` is the term, the field's value, or what was written. `column` counts from 1."""

    kind: Kind
    text: str
    column: int
    prefix: bool = False
    name: str = ""
    distance: int = 0


def tokens(text: str) -> list[Token]:
    """All tokens of a query, the last one of kind "end". Raises QueryError."""
    if len(text) > _MOST_CHARACTERS:
        raise QueryError(f"a query may have at most {_MOST_CHARACTERS:,} characters", _MOST_CHARACTERS)
    for position, character in enumerate(text):
        if unicodedata.category(character) == "Cc" and not character.isspace():
            raise QueryError(f"there is a control character at column {position + 1}, delete it", position + 1)
    found: list[Token] = []
    for token in _Scanner(text).tokens():
        if len(found) == _MOST_TOKENS:
            raise QueryError(f"a query may have at most {_MOST_TOKENS:,} words and operators", token.column)
        found.append(token)
    return found


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def tokens(self) -> Iterator[Token]:
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at == len(self._text):
                yield Token("end", "", self._at + 1)
                return
            yield self._next()

    def _next(self) -> Token:
        column = self._at + 1
        character = self._text[self._at]
        if character == "(" or character == ")":
            self._at += 1
            return Token("(" if character == "(" else ")", character, column)
        if character in _QUOTES:
            return self._term(self._quoted(), self._star(), column)
        if character == "-":
            return self._minus(column)
        run = _RUN.match(self._text, self._at)
        assert run is not None  # what is no space, bracket or quote is a run
        if field := _FIELD.match(run[0]):
            return self._field(field[1], run[0][field.end() :], column)
        self._at = run.end()
        return self._word(run[0], column)

    def _quoted(self) -> str:
        column = self._at + 1
        closing = '"' if self._text[self._at] == '"' else _QUOTES
        characters: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character in closing:
                return "".join(characters)
            if character == "\\" and self._text[self._at : self._at + 1] in ("\\", *_QUOTES):
                character = self._text[self._at]
                self._at += 1
            characters.append(character)
        raise QueryError(f'the quote opened at column {column} is never closed, add a " where it ends', column)

    def _star(self) -> bool:
        star = self._text.startswith("*", self._at)
        self._at += star
        return star

    def _minus(self, column: int) -> Token:
        self._at += 1
        if not self._text[self._at : self._at + 1].strip(" \t\r\n)"):
            raise QueryError(f"the - at column {column} must touch the word it excludes: -word", column)
        return Token("NOT", "-", column)

    def _field(self, written: str, value: str, column: int) -> Token:
        name = written.lower()
        if name not in FIELDS:
            raise QueryError(
                f"there is no field {written}: (column {column}); the fields are "
                f"{', '.join(FIELDS)}; put quotes around it to search for it as text",
                column,
            )
        self._at += len(written) + 1 + len(value)
        prefix = False
        if not value and self._text[self._at : self._at + 1] in tuple(_QUOTES):
            value, prefix = self._quoted(), self._star()
        elif len(value) > 1 and value.endswith("*"):
            value, prefix = value[:-1], True
        if not value.strip():
            raise QueryError(f"{name}: at column {column} needs a value directly behind the colon", column)
        if name == "title":
            self._check_term(value, column + len(written) + 1)
        return Token("field", " ".join(value.split()), column, prefix, name)

    def _word(self, run: str, column: int) -> Token:
        match run:
            case "AND" | "OR" | "NOT" | "*":
                return Token(run, run, column)
        if near := _NEAR.fullmatch(run):
            return _near(near[1], run, column)
        self._refuse_foreign(run, column)
        prefix = run.endswith("*")
        word = run.removesuffix("*")
        if "*" in word:
            raise QueryError(f"the * in {run} (column {column}) may only stand at the end of a word", column)
        return self._term(word, prefix, column)

    def _term(self, text: str, prefix: bool, column: int) -> Token:
        self._check_term(text, column)
        return Token("term", " ".join(text.split()), column, prefix)

    def _check_term(self, text: str, column: int) -> None:
        if len(text) > _LONGEST_TERM:
            raise QueryError(
                f"the term at column {column} is longer than {_LONGEST_TERM} characters, shorten it", column
            )
        if not normalise_term(text):
            raise QueryError(f"the term at column {column} is empty, write a word between the quotes", column)

    def _refuse_foreign(self, run: str, column: int) -> None:
        """Other search languages' signs: as literal text they would silently find nothing."""
        instead = ""
        if "|" in run:
            instead = "OR"
        elif "&&" in run:
            instead = "AND"
        elif run[0] in ",;" or run[-1] in ",;":
            instead = "a space for AND, or OR,"
        elif run[0] == "!":
            instead = "NOT"
        elif run[0] in "'‘":
            instead = 'double quotes for a phrase, "like this",'
        elif run[0] == "+":
            instead = "AND"
        if instead:
            raise QueryError(
                f"{run} at column {column} is not understood: write {instead} instead, "
                f"or {quoted(run)} to search for exactly that",
                column,
            )


def _near(distance: str, run: str, column: int) -> Token:
    if not re.fullmatch(r"[0-9]{1,3}", distance) or not 1 <= int(distance) <= _FURTHEST:
        raise QueryError(
            f"{run} at column {column} needs a number of words from 1 to {_FURTHEST}, such as near/5", column
        )
    return Token("near", run, column, distance=int(distance))
