"""What a query is made of. Nodes are values, and print so that they parse to equal ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from listener.match.words import normalise_term

# A term printed without quotes must read back as the same single word.
_BARE_TERM = re.compile(r"[\w.#@$%][\w.#@$%/'’+!-]*|\w[\w.]*&\w[\w.]*")
_RESERVED = re.compile(r"AND|OR|NOT|near/.*", re.IGNORECASE)
_BARE_VALUE = re.compile(r"[\w.@/+-]+")
_PREFIX_MARK = "\0"  # queries hold no control characters, so this never meets a term's own text


class QueryError(ValueError):
    """One sentence that says where (`column`, counted from 1) and how to write it instead."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase in the text or title (`title_only`: in the title), or with `prefix` a beginning of words.

    `key` identifies the term among the occurrences found in a text; terms that match alike have the same key.
    """

    text: str
    prefix: bool = False
    title_only: bool = False
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", normalise_term(self.text) + _PREFIX_MARK * self.prefix)

    @property
    def pattern(self) -> str:
        """The normalised characters to look for."""
        return self.key.removesuffix(_PREFIX_MARK)

    def __str__(self) -> str:
        bare = _BARE_TERM.fullmatch(self.text) and not _RESERVED.fullmatch(self.text)
        return "title:" * self.title_only + (self.text if bare else quoted(self.text)) + "*" * self.prefix


@dataclass(frozen=True, slots=True)
class Field:
    """`site:`, `author:`, `lang:`, `source:` or `type:` with a value in the form it is compared in."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}:{self.value if _BARE_VALUE.fullmatch(self.value) else quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Rating:
    """`relation` is one of = < <= > >= or .. (from `value` to `upper`, both included)."""

    relation: str
    value: float
    upper: float = 0.0

    def __str__(self) -> str:
        if self.relation == "..":
            return f"rating:{_number(self.value)}..{_number(self.upper)}"
        return f"rating:{'' if self.relation == '=' else self.relation}{_number(self.value)}"


@dataclass(frozen=True, slots=True)
class Everything:
    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Near:
    """One of `left` and one of `right` with at most `distance` steps from word to word, in either order."""

    left: tuple[Term, ...]
    right: tuple[Term, ...]
    distance: int

    def __str__(self) -> str:
        return f"{_group(self.left)} near/{self.distance} {_group(self.right)}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Node

    def __str__(self) -> str:
        return f"NOT ({self.part})" if isinstance(self.part, Near | And | Or) else f"NOT {self.part}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


Leaf: TypeAlias = Term | Field | Rating | Everything
Node: TypeAlias = Leaf | Near | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. `str(query)` is its canonical form: it parses to an equal query."""

    root: Node

    def __str__(self) -> str:
        return str(self.root)


def terms(node: Node) -> Iterator[Term]:
    """Every term below the node, wanted or excluded, as often as it is written."""
    match node:
        case Term():
            yield node
        case Near(left, right):
            yield from left
            yield from right
        case Not(part):
            yield from terms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _group(group: tuple[Term, ...]) -> str:
    return str(group[0]) if len(group) == 1 else f"({' OR '.join(map(str, group))})"
