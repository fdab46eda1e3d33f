"""Lines that fit a terminal: letters of East Asia take two columns, marks that stand on a letter none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Marks that turn the order of what follows, or would end the line: a stranger's text is not to rearrange ours.
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NONE = ("Mn", "Me", "Cf")


def columns(text: str) -> int:
    """How many a terminal gives it."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def plain(text: str) -> str:
    """Without marks that steer a terminal; line feeds stay."""
    return _UNSEEN.sub("", text)


def wrapped(label: str, text: str, width: int, hanging: int | None = None) -> list[str]:
    """The label and the text in lines of at most `width` columns, the later ones indented by `hanging`, as far as the
    label reaches where that is not said. Links are never broken, words only between wide letters and where they are
    longer than a line."""
    indent = " " * (columns(label) if hanging is None else hanging)
    lines, line, used = list[str](), label, columns(label)
    fresh = True
    for between, piece in _pieces(text, max(width - len(indent), 2)):
        more = columns(piece) + (0 if fresh else len(between))
        if not fresh and used + more > width:
            lines.append(line)
            line, used = indent + piece, len(indent) + columns(piece)
        else:
            line, used = line + ("" if fresh else between) + piece, used + more
        fresh = False
    return [*lines, line.rstrip()]


def _pieces(text: str, most: int) -> Iterator[tuple[str, str]]:
    """What stays on one line, each with what is between it and the one before."""
    for word in text.split():
        between = " "
        for piece in [word] if word.isascii() and ("://" in word or len(word) <= most) else _cut(word, most):
            yield between, piece
            between = ""


def _cut(word: str, most: int) -> list[str]:
    """Before and after each wide letter, and where a piece would be longer than a line."""
    if "://" in word:
        return [word]
    pieces: list[str] = []
    size = after_wide = 0
    for character in word:
        its = _columns(character)
        if its and (not pieces or its == 2 or after_wide == 2 or size + its > most):
            pieces.append(character)
            size, after_wide = its, its
        elif pieces:
            pieces[-1] += character
            size, after_wide = size + its, its or after_wide
        else:
            pieces.append(character)
    return pieces


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NONE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
