"""What fastText sees in a line: the n-grams of its characters and words, each hashed to a row of the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix

from listener.sentiment.train.plans import Plan

_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619  # FNV-1a, 32 bits
_WORD_FACTOR = 116049371


class Grams:
    """The rows that fastText averages for a line, as in its Dictionary::getLine for a model without vocabulary."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[str, tuple[list[int], int]] = {}
        self._end = _word_hash("</s>")

    def matrix(self, lines: Sequence[str]) -> csr_matrix:
        """(lines × rows), each line's numbers summing to 1."""
        rows, starts = [], [0]
        for line in lines:
            rows.extend(self._line(line))
            starts.append(len(rows))
        counts = np.diff(starts)
        shares = np.repeat(1 / np.maximum(counts, 1), counts)
        matrix = csr_matrix((shares, np.array(rows, np.int32), np.array(starts)), (len(lines), self._plan.rows))
        matrix.sum_duplicates()
        return matrix

    def _line(self, line: str) -> list[int]:
        found: list[int] = []
        hashes: list[int] = []
        for word in line.split(" "):
            known = self._known.get(word)
            if known is None:
                known = self._known[word] = (self._inside(word), _word_hash(word))
            found += known[0]
            hashes.append(known[1])
        hashes.append(self._end)
        for i, gram in enumerate(hashes):
            for following in hashes[i + 1 : i + self._plan.words]:
                gram = (gram * _WORD_FACTOR + following) & 0xFFFFFFFFFFFFFFFF
                found.append(gram % self._plan.rows)
        return found

    def _inside(self, word: str) -> list[int]:
        chars = [_bytes(char) for char in f"<{word}>"]
        found = []
        for begin in range(len(chars)):
            gram = _FNV_OFFSET
            for end in range(begin + 1, min(begin + self._plan.longest, len(chars)) + 1):
                gram = _hash(chars[end - 1], gram)
                if end - begin >= self._plan.shortest:
                    found.append(gram % self._plan.rows)
        return found


def _bytes(text: str) -> list[int]:
    """UTF-8 as fastText hashes it: its bytes are signed."""
    return [byte if byte < 128 else byte | 0xFFFFFF00 for byte in text.encode("utf-8", "surrogatepass")]


def _hash(units: Iterable[int], start: int = _FNV_OFFSET) -> int:
    for unit in units:
        start = ((start ^ unit) * _FNV_PRIME) & 0xFFFFFFFF
    return start


def _word_hash(word: str) -> int:
    """Signed, as fastText multiplies it."""
    code = _hash(_bytes(word))
    return code - (1 << 32) if code >> 31 else code
