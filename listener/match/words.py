"""Texts made comparable, and where a word begins and ends.

Two texts are equal when they are equal after `normalise`: NFKC, case folding, one straight apostrophe and one hyphen,
no zero-width characters, and single spaces. Accents stay significant (`café` is not `cafe`).

Every character has a *kind*. A term must not continue into its neighbour: a letter, digit, mark or underscore next to a
term that begins or ends with one means that the term is only a part of a longer word. Scripts written without spaces
have no such rule (any substring is found), and Korean checks the left side only, since particles follow the noun
directly (`삼성은`). An apostrophe and a hyphen are boundaries: `Acme's` and `l'Acme` contain `Acme`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

OTHER, WORD, HANGUL, UNSPACED, APOSTROPHE = range(5)

_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]"
)
_APOSTROPHES = "\u2019\u2018\u00b4\u02bc\u201b\u2032"
_HYPHENS = "\u2010\u2011"
_NOT_SPACE = re.compile(r"\S+")

# Han, Hiragana, Katakana, Thai, Lao, Myanmar, Khmer, New Tai Lue: the blocks, after NFKC.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1980-\u19ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3035\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
)
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")

_PIECE = 512  # characters normalised at once; see `_pieces`
_MOST_KINDS = 20_000  # characters remembered: more than any honest feed uses, too few to fill the memory

_WORDS = re.compile(b"[%c%c][%c%c%c]*|%c{1,2}" % (WORD, HANGUL, WORD, HANGUL, APOSTROPHE, UNSPACED))


class _Kinds(dict[str, int]):
    """Character -> kind, remembered as characters are met."""

    def __missing__(self, character: str) -> int:
        kind = _kind(character)
        if len(self) < _MOST_KINDS:
            self[character] = kind
        return kind


def _kind(character: str) -> int:
    if character == "'":
        return APOSTROPHE
    if not (character == "_" or character.isalnum() or unicodedata.category(character)[0] == "M"):
        return OTHER
    if _UNSPACED.match(character):
        return UNSPACED
    return HANGUL if _HANGUL.match(character) else WORD


KINDS = _Kinds()


def normalise(text: str) -> str:
    """The text as it is compared. Linear in its length, whatever it holds. ASCII text keeps its offsets unless
    spaces had to be collapsed; `Origins` finds them again in every case."""
    folded = text.lower() if text.isascii() else "".join(map(_caseless, _pieces(_plain(text))))
    return " ".join(folded.split()) if _is_ragged(folded) else folded


def normalise_term(text: str) -> str:
    """A term as it is looked up: normalised, without spaces at its ends; "" when nothing is left of it."""
    return " ".join(normalise(text).split())


def word_starts(normalised: str) -> list[int]:
    """Where each word begins. `don't` is one word; without spaces, two characters count as a word."""
    kinds = bytes(map(KINDS.__getitem__, normalised))
    return [word.start() for word in _WORDS.finditer(kinds)]


def word_end(normalised: str, position: int) -> int:
    """The end of the word that `position` lies in or right behind."""
    while position < len(normalised) and KINDS[normalised[position]] in (WORD, HANGUL):
        position += 1
    return position


class Origins:
    """Finds the place in the original text of an offset in the normalised one."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] | None = None
        self._ends: list[int] = []
        if not text.isascii() or _is_ragged(text):
            self._starts, self._ends = _origins(text)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The least original span that holds the normalised [start, end), which must not be empty."""
        if self._starts is None:
            return start, end
        return self._starts[start], self._ends[end - 1]


def _plain(text: str) -> str:
    text = _IGNORED.sub("", text)
    # Eight calls of replace are several times faster than one expression.
    for apostrophe in _APOSTROPHES:
        text = text.replace(apostrophe, "'")
    for hyphen in _HYPHENS:
        text = text.replace(hyphen, "-")
    return text


def _caseless(piece: str) -> str:
    # Folding can undo a composition (U+0390) that the other side still has: hence twice.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).casefold())


def _is_ragged(text: str) -> bool:
    return "  " in text or "\n" in text or "\t" in text or "\r" in text


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that normalise separately to the same as together.

    Python sorts a run of combining marks in quadratic time, so a text of 200,000 of them would take minutes:
    a run longer than a piece is cut.
    """
    start, size = 0, len(text)
    while size - start > _PIECE:
        end = start + _PIECE
        last = min(end + _PIECE, size)
        while end < last and _continues(text[end]):
            end += 1
        yield text[start:end]
        start = end
    yield text[start:]


@lru_cache(maxsize=4096)
def _continues(character: str) -> bool:
    """Can this character combine with the one before it when normalised: a mark, or a Hangul vowel or final."""
    first = unicodedata.normalize("NFKC", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1161" <= first <= "\u1175" or "\u11a8" <= first <= "\u11c2"


def _origins(text: str) -> tuple[list[int], list[int]]:
    """For every character of `normalise(text)`, the [start, end) in `text` that it comes from."""
    hidden = {character.start() for character in _IGNORED.finditer(text)}
    visible = [i for i in range(len(text)) if i not in hidden]
    starts: list[int] = []
    ends: list[int] = []
    folded: list[str] = []
    at = 0
    for cluster in _clusters(_plain(text)):
        made = _caseless(cluster)
        folded.append(made)
        starts += [visible[at]] * len(made)
        at += len(cluster)
        ends += [visible[at - 1] + 1] * len(made)
    whole = "".join(folded)
    if not _is_ragged(whole):
        return starts, ends
    kept = _kept_by_collapsing(whole)
    return [starts[i] for i in kept], [ends[i] for i in kept]


def _clusters(text: str) -> Iterator[str]:
    """The smallest parts of the text that normalise separately to the same as together."""
    for piece in _pieces(text):
        start = 0
        for i in range(1, len(piece)):
            if not _continues(piece[i]):
                yield piece[start:i]
                start = i
        if piece:
            yield piece[start:]


def _kept_by_collapsing(text: str) -> list[int]:
    """Offsets of the characters that are left of `text` in `" ".join(text.split())`."""
    kept: list[int] = []
    for word in _NOT_SPACE.finditer(text):
        if kept:
            kept.append(word.start() - 1)
        kept.extend(range(word.start(), word.end()))
    return kept
