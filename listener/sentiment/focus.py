"""The part of a text that speaks of the brand: sentences near its name, clauses that are not about a rival."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
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


def without_questions(text: str) -> str:
    """The sentences that do not end in a question mark, one a line."""
    return "\n".join(s for s in _SENTENCE_END.split(text) if not s.rstrip(" \"')”’").endswith("?"))


class Focus:
    """Where a text speaks of `brand`, and where of its `rivals`. Names are whole words, in any case."""

    def __init__(self, brand: str, rivals: Iterable[str] = ()) -> None:
        self._brand = brand.casefold()
        # The longest first, so that the rival "Acme Europe" is not taken for the brand "Acme".
        names = sorted({brand, *rivals} - {""}, key=lambda name: (-len(name), name))
        alternatives = "|".join(map(re.escape, names))
        self._names = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE) if brand else None

    def narrow(self, text: str) -> str:
        """What to read of the text; all of it when the brand's name does not occur.

        Of more than 60 words only the sentences that hold the name count, with a neighbour on either side. Where a
        rival is named too, its sentences are left out; a sentence that names both is cut into clauses, and a clause
        that names nobody belongs to the name before it.
        """
        if self._names is None or True not in (found := self._named(text)):
            return text
        long = text.count(" ") > _LONG
        if not long and False not in found:
            return text
        sentences: Sequence[str] = _SENTENCE_END.split(text)
        if long:
            sentences = self._near(sentences)
        if False in found:
            sentences = list(self._own(sentences))
        return "\n".join(sentences)

    def _named(self, text: str) -> list[bool]:
        """For each name in the text, in order: is it the brand's?"""
        names = self._names.findall(text) if self._names else ()
        return [name.casefold() == self._brand for name in names]

    def _near(self, sentences: Sequence[str]) -> list[str]:
        holds = [True in self._named(sentence) for sentence in sentences]
        return [s for i, s in enumerate(sentences) if True in holds[max(i - 1, 0) : i + 2]]

    def _own(self, sentences: Iterable[str]) -> Iterator[str]:
        ours = True  # what comes before any name is about the brand
        for sentence in sentences:
            named = self._named(sentence)
            mixed = True in named and False in named
            for clause in _CLAUSE_END.split(sentence) if mixed else (sentence,):
                said = self._named(clause) if mixed else named
                if said:
                    ours = said[-1]
                if ours or True in said:
                    yield clause
            ours = ours or True in named  # the next sentence's "it" is whom this one is about
