"""How a text is spelled before the sentiment models see it: the same in training and in use."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain

_MOST = 4000  # characters that are read: the opinion of a longer text shows long before

_LINK = re.compile(r"(?:https?://|www\.)\S+|\bhttps?\b")
_HANDLE = re.compile(r"@\w+")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_DRAWN_OUT = re.compile(r"(.)\1\1\1+")
_DIGITS = re.compile(r"0{2,}")
# Thai, Lao, Burmese and Khmer, kana and ideographs: no spaces between words, so that every character is one.
_UNSPACED = ((0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF))
_MEMO_ENTRIES = 1 << 15
_MEMO_TOKEN = 24  # longer tokens are links, or sentences in scripts without spaces: hardly ever seen twice


class _Spellings(dict[int, str]):
    """Code point -> what stands for it, as str.translate wants it. Filled on demand, and bounded."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        self[code] = spelling = _spelling(code)
        return spelling


def _spelling(code: int) -> str:
    char = chr(code)
    category = unicodedata.category(char)
    if category == "Nd":
        return "0"
    if any(first <= code <= last for first, last in _UNSPACED):
        return f" {char} "
    if 0xFE00 <= code <= 0xFE0F:  # whether a symbol is an emoji says nothing
        return ""
    # Vowel signs and joiners belong to the word they stand in.
    if category[0] in "LN" or category in ("Mn", "Mc") or char in "\u200c\u200d":
        return char
    return " " if category[0] in "ZC" else f" {char} "


_SPELLINGS = _Spellings()


class _Tokens(dict[str, tuple[str, ...]]):
    """What stands between white space -> its normalised words. Filled on demand, and bounded."""

    def __missing__(self, token: str) -> tuple[str, ...]:
        words = _words(token)
        if len(token) <= _MEMO_TOKEN:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[token] = words
        return words


def _words(token: str) -> tuple[str, ...]:
    token = token.casefold()
    if "http" in token or "www." in token:
        token = _LINK.sub(" url ", token)
    if "@" in token:
        token = _HANDLE.sub(" user ", token)
    if "'" in token or "\u2019" in token:
        token = _APOSTROPHE.sub("", token)
    if _DRAWN_OUT.search(token):  # a fifth of what asking `sub` costs
        token = _DRAWN_OUT.sub(r"\1\1\1", token)
    token = token.translate(_SPELLINGS)
    if "00" in token:
        token = _DIGITS.sub("0", token)
    return tuple(token.split())


_remembered = _Tokens().__getitem__


def normalise(text: str) -> str:
    """The text on one line, folded, its tokens apart by single spaces; "" when nothing is left.

    Links become "url", @handles "user", runs of digits "0"; a letter drawn out is written three times; symbols, emoji
    and the characters of scripts without spaces are tokens of their own. Linear in the first 4,000 characters, which
    are all that is read; never raises on any text.
    """
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    """The tokens of the normalised text."""
    text = text[:_MOST]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)[:_MOST]
    return _spelled(text.split())


def words_among(tokens: Iterable[str], text: str) -> list[str]:
    """The same of a text of which the `tokens` are known: what stands between its white space, or, where the text is
    not ASCII, whatever VADER has made of its emojis."""
    return _spelled(tokens) if len(text) <= _MOST and text.isascii() else words_of(text)


def _spelled(tokens: Iterable[str]) -> list[str]:
    # Nothing here reaches over white space, so that a token can be remembered; and so are the hashes of its words.
    return list(chain.from_iterable(map(_remembered, tokens)))
