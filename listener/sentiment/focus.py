"""The part of a text that speaks of the brand: sentences near its name, clauses that are not about a rival."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_SENTENCE_END = re.compile(r"([.!?…])[\"”’)]*\s+|\n+")
_CLAUSE_END = re.compile(r"[;,—–]|\b(?:but|than|while|whereas|unlike)\b", re.IGNORECASE)
_LONG = 60  # words; a shorter text is taken to be about the brand it matched

MAX_WORDS, MAX_CHARACTERS = 2_000, 20_000


def bounded(text: str) -> str:
    """The first 2,000 words and at most 20,000 characters, white space kept."""
    text = text[:MAX_CHARACTERS]
    if len(text) < 2 * MAX_WORDS:
        return text
    rest = text.split(None, MAX_WORDS)[MAX_WORDS:]
    return text[: len(text) - len(rest[0])] if rest else text


def sentences(text: str) -> list[str]:
    """The text cut after . ! ? … (and closing quotes) and at line ends."""
    # A split at a look-behind would say the same in three times the time.
    cut, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        cut.append(text[start : end.end(1) if end[1] else end.start()])
        start = end.end()
    cut.append(text[start:])
    return cut


def is_question(sentence: str) -> bool:
    return sentence.rstrip(" \"')”’").endswith("?")


class Focus:
    """Where a text speaks of `brand`, and where of its `rivals`. Names are whole words, in any case."""

    def __init__(self, brand: str, rivals: Iterable[str] = ()) -> None:
        self._brand = brand.casefold()
        # The longest first, so that the rival "Acme Europe" is not taken for the brand "Acme".
        names = {self._brand, *(rival.casefold() for rival in rivals)} - {""} if brand else set()
        self._names = sorted(names, key=lambda name: (-len(name), name))
        # The look-behind comes after the name so that the expression begins with a literal, which is searched fast.
        bounded_names = "|".join(rf"{name}(?<!\w{name})" for name in map(re.escape, self._names))
        self._named_in = re.compile(rf"(?:{bounded_names})(?!\w)").findall

    def narrow(self, text: str) -> str:
        """What to read of the text; all of it when the brand's name does not occur.

        Of more than 60 words only the sentences that hold the name count, with a neighbour on either side. Where a
        rival is named too, its sentences are left out; a sentence that names both is cut into clauses, and a clause
        that names nobody belongs to the name before it.
        """
        long = text.count(" ") > _LONG
        if not (self._names and (long or len(self._names) > 1)):
            return text
        found = self._named(text)
        if True not in found or not (long or False in found):
            return text
        told = sentences(text)
        if long:
            told = self._near(told)
        if False in found:
            told = list(self._own(told))
        return "\n".join(told)

    def compares(self, text: str) -> bool:
        """Whether the brand and a rival are both named."""
        return len(self._names) > 1 and len(set(self._named(text))) > 1

    def _named(self, text: str) -> list[bool]:
        """For each name in the text, in order: is it the brand's?"""
        folded = text.casefold()
        if not any(name in folded for name in self._names):  # five times faster than asking the expression
            return []
        return [name == self._brand for name in self._named_in(folded)]

    def _near(self, told: Sequence[str]) -> list[str]:
        holds = [True in self._named(sentence) for sentence in told]
        return [s for i, s in enumerate(told) if True in holds[max(i - 1, 0) : i + 2]]

    def _own(self, told: Iterable[str]) -> Iterator[str]:
        ours = True  # what comes before any name is about the brand
        for sentence in told:
            named = self._named(sentence)
            mixed = True in named and False in named
            for clause in _CLAUSE_END.split(sentence) if mixed else (sentence,):
                said = self._named(clause) if mixed else named
                if said:
                    ours = said[-1]
                if ours or True in said:
                    yield clause
            ours = ours or True in named  # the next sentence's "it" is whom this one is about
