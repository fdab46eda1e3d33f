"""The labelled texts that the models learn from, by language."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from connectors.archive import BadRow, NoArchive
from listener.sentiment.english import LANGUAGE, Spelling
from listener.sentiment.evaluate import POLARITY
from listener.sentiment.focus import bounded
from listener.sentiment.labelled import LabelledText, read_labelled
from listener.sentiment.language import primary
from listener.sentiment.model import LABELS
from listener.sentiment.normal import normalise

FOLDS = 5
LEAST = 1_000
"""Texts that a language must have for a model of its own."""


class Corpus(NamedTuple):
    """Texts of one language, each once: as they came (bounded), normalised, their labels as places in LABELS, and
    where they come from."""

    texts: tuple[str, ...]
    lines: tuple[str, ...]
    labels: tuple[int, ...]
    sources: tuple[str, ...]

    @property
    def seen(self) -> list[int]:
        """The labels that occur."""
        return sorted(set(self.labels))

    def read_by_model(self, language: str) -> list[str]:
        """The lines as the model of the language is given them."""
        if language != LANGUAGE:
            return list(self.lines)
        spelling = Spelling()
        return [spelling.signed(text, line.split(" ")) for text, line in zip(self.texts, self.lines, strict=True)]

    def folds(self) -> list[int]:
        """Which fifth a text is held out with: decided by its hash, so that it never depends on the order."""
        return [hashlib.blake2b(_utf8(line), digest_size=4).digest()[0] % FOLDS for line in self.lines]

    def among(self, rows: Sequence[int]) -> Corpus:
        """Of its texts only these."""
        return Corpus(
            tuple([self.texts[row] for row in rows]),
            tuple([self.lines[row] for row in rows]),
            tuple([self.labels[row] for row in rows]),
            tuple([self.sources[row] for row in rows]),
        )

    def with_those_of(self, other: Corpus) -> Corpus:
        return Corpus(
            self.texts + other.texts,
            self.lines + other.lines,
            self.labels + other.labels,
            self.sources + other.sources,
        )

    def counts(self) -> Counter[str]:
        return Counter(self.sources)


def read(lines: Iterable[str]) -> dict[str, Corpus]:
    """By language, those with LEAST texts and two labels at least.

    Raises NoArchive for a row without text, label or language, and when there is nothing to learn from.
    """
    found: dict[str, dict[str, tuple[str, str, int, str]]] = defaultdict(dict)
    for row in read_labelled(lines, "jsonl"):
        if isinstance(row, BadRow):
            raise NoArchive(f"line {row.line} {row.problem}")
        language = primary(row.text.language)
        if not language:
            raise NoArchive("every row must name its language (lang: en, de, …)")
        if (example := _example(row))[1]:
            found[language].setdefault(example[1], example)
    corpora = {language: Corpus(*zip(*of.values(), strict=True)) for language, of in sorted(found.items())}
    enough = {name: of for name, of in corpora.items() if len(of.labels) >= LEAST and len(of.seen) > 1}
    if not enough:
        raise NoArchive(f"no language in it has {LEAST:,} texts and two labels")
    return enough


def _example(row: LabelledText) -> tuple[str, str, int, str]:
    text = bounded(row.text.text)
    return text, normalise(text), LABELS.index(POLARITY.get(row.label, row.label)), row.source


def _utf8(line: str) -> bytes:
    return line.encode("utf-8", "surrogatepass")
