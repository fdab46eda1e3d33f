"""One pass over a text that finds every term of every brand: an Aho-Corasick automaton plus the rule of word edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import ahocorasick

from listener.match.syntax import Term
from listener.match.words import HANGUL, KINDS, WORD

Found: TypeAlias = dict[str, list[int]]  # a term's key -> where it begins, in order

_MOST_OCCURRENCES = 1_000  # of one term in one text; enough to judge it by
_LONE_LETTER = -1


class _Pattern(NamedTuple):
    """What to check around a found string. `left` and `right` are the kind of character that must not be there
    (0: any may). A term and its prefix form share the string: `exact` and `prefix` are their keys, "" for none."""

    size: int
    left: int
    right: int
    exact: str
    prefix: str


class Index:
    """The terms of all brands. Built once, safe to use from many threads."""

    def __init__(self, terms: Iterable[Term]) -> None:
        by_pattern: dict[str, dict[bool, str]] = {}
        for term in terms:
            by_pattern.setdefault(term.pattern, {})[term.prefix] = term.key
        self._automaton = ahocorasick.Automaton()
        for pattern, keys in by_pattern.items():
            self._automaton.add_word(
                pattern,
                _Pattern(
                    len(pattern), left_edge(pattern), right_edge(pattern), keys.get(False, ""), keys.get(True, "")
                ),
            )
        self._automaton.make_automaton()
        self._empty = not by_pattern

    def find(self, text: str) -> Found:
        """Where each term occurs as a whole word in normalised text: at most the first 1,000 places of each."""
        found: Found = {}
        if self._empty or not text:
            return found
        kinds, size_of_text = KINDS, len(text)
        for last, (size, left, right, exact, prefix) in self._automaton.iter(text):
            start, end = last + 1 - size, last + 1
            if left and start and kinds[text[start - 1]] == left:
                continue
            if prefix:
                _note(found, prefix, start)
            if exact and not (right and end < size_of_text and _goes_on(text, end, right)):
                _note(found, exact, start)
        return found


def left_edge(pattern: str) -> int:
    kind = KINDS[pattern[0]]
    return kind if kind in (WORD, HANGUL) else 0


def right_edge(pattern: str) -> int:
    """Hangul may be followed by anything: particles are written onto the noun."""
    if KINDS[pattern[-1]] != WORD:
        return 0
    alone = len(pattern) == 1 or KINDS[pattern[-2]] != WORD
    return _LONE_LETTER if alone else WORD


def _goes_on(text: str, end: int, right: int) -> bool:
    following = text[end]
    if KINDS[following] == WORD:
        return True
    # The language c is not c++ or c#.
    return right == _LONE_LETTER and (following == "#" or text.startswith("++", end))


def _note(found: Found, key: str, start: int) -> None:
    places = found.get(key)
    if places is None:
        found[key] = [start]
    elif len(places) < _MOST_OCCURRENCES:
        places.append(start)
