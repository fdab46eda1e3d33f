"""Why a post is, or is not, about a brand: the query as an indented list, with what was found where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from listener.match.fields import field_value
from listener.match.occurrences import Found
from listener.match.reading import Reading
from listener.match.syntax import And, Everything, Field, Near, Node, Not, Or, Rating, Term
from listener.match.words import Origins, word_end

_AROUND = 24  # characters shown on either side of a term
_INDENT = "  "


class Explanation(NamedTuple):
    """`lines` are indented by two spaces a level; ✓ and ✗ say whether that part of the query holds."""

    brand: str
    matched: bool
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((f"{self.brand}: {'matches' if self.matched else 'does not match'}", *self.lines))


def explain(brand: str, root: Node, reading: Reading) -> Explanation:
    lines = tuple(_Explainer(reading).lines(root, _INDENT))
    return Explanation(brand, reading.holds(root), lines)


class _Explainer:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._title = _Place("title", reading.subject.title, reading.title, reading.in_title)
        self._text = _Place("text", reading.subject.text, reading.text, reading.in_text)

    def lines(self, node: Node, indent: str) -> Iterator[str]:
        mark = f"{indent}{'✓' if self._reading.holds(node) else '✗'} "
        inside = indent + _INDENT
        match node:
            case And(parts):
                yield f"{mark}all of these:"
            case Or(parts):
                yield f"{mark}at least one of these:"
            case Not(part) if isinstance(part, And | Or | Near):
                yield f"{mark}NOT, so this must not hold:"
                parts = (part,)
            case Not(part):
                yield f"{mark}{node} — {self._finding(part)}"
                return
            case Near(left, right):
                yield f"{mark}{node}{self._distance(node)}"
                parts = left + right
            case _:
                yield f"{mark}{node} — {self._finding(node)}"
                return
        for each in parts:
            yield from self.lines(each, inside)

    def _finding(self, leaf: Node) -> str:
        match leaf:
            case Term():
                return self._where(leaf)
            case Field() | Rating():
                value = field_value(leaf, self._reading.subject)
                return f"the post has {value}" if value else "the post has none"
            case Everything():
                return "every post"
        raise TypeError(f"{leaf} is no leaf")

    def _where(self, term: Term) -> str:
        places = [self._title] if term.title_only else [self._title, self._text]
        found = [place.finding(term) for place in places if term.key in place.found]
        if found:
            return ", ".join(found)
        for place in places:
            if part := place.longer_word(term):
                return f"not a word of its own, only part of {part} in the {place.name}"
        return "not found in the title" if term.title_only else "not found"

    def _distance(self, node: Near) -> str:
        if self._reading.holds(node):
            return ""
        sides = [any(map(self._reading.holds, side)) for side in (node.left, node.right)]
        return f" — both are there, but not within {node.distance} words of one another" if all(sides) else ""


class _Place:
    """The title or the text, with what was found there."""

    def __init__(self, name: str, original: str, normalised: str, found: Found) -> None:
        self.name = name
        self.found = found
        self._original, self._normalised = original, normalised
        self._origins: Origins | None = None

    def finding(self, term: Term) -> str:
        starts = self.found[term.key]
        often = f" ({len(starts)} times)" if len(starts) > 1 else ""
        end = starts[0] + len(term.pattern)
        return f"in the {self.name}{often}: {self._excerpt(starts[0], word_end(self._normalised, end))}"

    def longer_word(self, term: Term) -> str:
        """The run without spaces around an occurrence that is no word of its own; "" when there is none."""
        start = self._normalised.find(term.pattern)
        if start < 0:
            return ""
        end = start + len(term.pattern)
        before = self._normalised[max(0, start - _AROUND) : start].rpartition(" ")[2]
        behind = self._normalised[end : end + _AROUND].partition(" ")[0]
        return f"“{self._written(start - len(before), end + len(behind))}”"

    def _excerpt(self, start: int, end: int) -> str:
        first, last = max(0, start - _AROUND), min(len(self._normalised), end + _AROUND)
        head, tail = "…" if first else "", "…" if last < len(self._normalised) else ""
        return f"“{head}{self._written(first, last)}{tail}”"

    def _written(self, start: int, end: int) -> str:
        self._origins = self._origins or Origins(self._original)
        first, last = self._origins.span(start, end)
        return " ".join(self._original[first:last].split())
