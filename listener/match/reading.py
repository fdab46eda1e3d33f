"""Does an expression hold for one subject? The only place that says what each node means."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from listener.match.fields import Subject, field_holds, rating_holds
from listener.match.occurrences import Found
from listener.match.syntax import And, Everything, Field, Leaf, Near, Node, Not, Or, Rating, Term
from listener.match.words import KINDS, OTHER, word_starts


class Reading:
    """A subject with its normalised title and text, and the terms found in them."""

    def __init__(self, subject: Subject, title: str, text: str, in_title: Found, in_text: Found) -> None:
        self.subject = subject
        self.title, self.text = title, text
        self.in_title, self.in_text = in_title, in_text
        self._word_starts: dict[str, list[int]] = {}

    def holds(self, node: Node) -> bool:
        return _RULES[type(node)](node, self)

    def reasons(self, node: Node) -> Iterator[Leaf]:
        """The wanted leaves that hold, in the order of the query; of an OR those of all branches that hold."""
        if isinstance(node, Not) or not self.holds(node):
            return
        match node:
            case Near(left, right):
                yield from (term for term in left + right if self.holds(term))
            case And(parts) | Or(parts):
                for part in parts:
                    yield from self.reasons(part)
            case _:
                yield node

    def near(self, node: Near) -> bool:
        return self._near_in(node, self.title, self.in_title) or self._near_in(node, self.text, self.in_text)

    def _near_in(self, node: Near, normalised: str, found: Found) -> bool:
        if not (_any_found(node.left, found) and _any_found(node.right, found)):
            return False
        starts = self._word_starts.get(normalised)
        if starts is None:
            starts = self._word_starts[normalised] = word_starts(normalised)
        left, right = (_places(group, found, starts) for group in (node.left, node.right))
        return _follows(left, right, node.distance) or _follows(right, left, node.distance)


class _Place(NamedTuple):
    """An occurrence: characters [start, end), words first_word to last_word."""

    start: int
    end: int
    first_word: int
    last_word: int


def _places(group: tuple[Term, ...], found: Found, starts: list[int]) -> list[_Place]:
    places = []
    for term in group:
        solid = [i for i, character in enumerate(term.pattern) if KINDS[character] != OTHER] or [0]
        for start in found.get(term.key, ()):
            first = bisect_right(starts, start + solid[0])
            last = bisect_right(starts, start + solid[-1])
            places.append(_Place(start, start + len(term.pattern), first, last))
    return places


def _follows(first: list[_Place], second: list[_Place], distance: int) -> bool:
    """Does an occurrence of `second` begin behind the end of one of `first`, at most `distance` words on?"""
    by_end = sorted(first, key=lambda place: place.end)
    at, nearest = 0, None
    for place in sorted(second):
        while at < len(by_end) and by_end[at].end <= place.start:
            nearest = by_end[at]
            at += 1
        if nearest and place.first_word - nearest.last_word <= distance:
            return True
    return False


def _any_found(group: tuple[Term, ...], found: Found) -> bool:
    return any(term.key in found for term in group)


def _term(node: Term, reading: Reading) -> bool:
    return node.key in reading.in_title or (not node.title_only and node.key in reading.in_text)


def _all_hold(node: And, reading: Reading) -> bool:
    return all(_RULES[type(part)](part, reading) for part in node.parts)


def _any_holds(node: Or, reading: Reading) -> bool:
    return any(_RULES[type(part)](part, reading) for part in node.parts)


_RULES: dict[type, Callable[[Any, Reading], bool]] = {
    Term: _term,
    Field: lambda node, reading: field_holds(node, reading.subject),
    Rating: lambda node, reading: rating_holds(node, reading.subject),
    Everything: lambda node, reading: True,
    Near: lambda node, reading: reading.near(node),
    Not: lambda node, reading: not reading.holds(node.part),
    And: _all_hold,
    Or: _any_holds,
}
