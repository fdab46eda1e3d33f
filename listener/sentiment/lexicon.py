"""The words VADER reads here: the stock lexicon under the support-domain overlay in overlay.tsv."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

_STRONGEST = 4.0  # VADER's raters used −4..4


def overlay() -> dict[str, float]:
    """The shipped overlay: word -> valence, 0 for a word to be taken out."""
    return parse_overlay(files("listener.sentiment").joinpath("overlay.tsv").read_text(encoding="utf-8"))


def parse_overlay(text: str) -> dict[str, float]:
    """Lines of `word<TAB>valence<TAB>why`; blank lines and those that begin with # are skipped.

    Raises ValueError naming the line when it has not three columns, its word is not one lower-case word or is already
    there, or its valence is not a number in −4..4.
    """
    words: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            word, valence, _why = line.split("\t")
            weight = float(valence)
        except ValueError:
            raise ValueError(f"overlay line {number}: write word<TAB>valence<TAB>why") from None
        if word != word.strip().lower() or len(word.split()) != 1 or word in words:
            raise ValueError(f"overlay line {number}: {word!r} is not one lower-case word, or is there twice")
        if not -_STRONGEST <= weight <= _STRONGEST:
            raise ValueError(f"overlay line {number}: the valence {valence} is not in -4..4")
        words[word] = weight
    return words


def overlaid(lexicon: Mapping[str, float], changes: Mapping[str, float]) -> dict[str, float]:
    """The lexicon with the changes; a valence of 0 takes the word out.

    (VADER turns a word of valence 0 into an opinion when it is boosted or in capitals: "very secure", "SUPPORT".)
    """
    merged = {**lexicon, **changes}
    return {word: valence for word, valence in merged.items() if valence != 0 or word not in changes}
