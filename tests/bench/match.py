"""Matching against the usual way, one regular expression `\\b(?:...)\\b`, on the same texts in the same run.

Texts and terms are made of invented words, drawn with a fixed seed: every number of terms meets the same texts, and
about one text in five names a brand, as in a stream that was not searched for. The two must find the same brands.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from statistics import median

from listener.match import Matcher, Subject, parse

_SYLLABLES = [consonant + vowel for consonant in "bcdfgklmnprst" for vowel in "aeo"]
_ROUNDS = 5


def run() -> str:
    """A table of speeds and ratios; raises AssertionError when the two disagree on any text."""
    chance = random.Random(20_240_607)
    words = _invented_words(chance, 4_000)
    names = _invented_words(chance, 10_000, suffix="x")
    posts = [_sentence(chance, words, names, 85) for _ in range(4_000)]
    entries = [_sentence(chance, words, names, 436) for _ in range(800)]
    lines = ["terms  text    Listener/s   us each   regex/s   ratio"]
    speeds = {}
    for count in (10, 1_000, 10_000):
        for size, texts in ((85, posts), (436, entries)):
            ours, theirs = _compare(names[:count], texts)
            speeds[count, size] = ours
            lines.append(
                f"{count:>6}  {size:>4}  {ours:>11,.0f}  {1e6 / ours:>8.1f}  {theirs:>8,.0f}  {ours / theirs:>5.1f}x"
            )
    growth = speeds[10, 85] / speeds[10_000, 85]
    lines.append(f"10 -> 10,000 terms, short posts: {growth:.1f}x slower")
    return "\n".join(lines)


def _compare(names: Sequence[str], texts: Sequence[str]) -> tuple[float, float]:
    """Texts per second of the matcher and of the regular expression."""
    matcher = Matcher({name: parse(name) for name in names})
    subjects = [Subject(text) for text in texts]
    expression = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")

    def ours() -> list[set[str]]:
        return [{match.brand for match in matcher.match(subject)} for subject in subjects]

    def theirs(some: Sequence[str] = texts) -> list[set[str]]:
        return [set(expression.findall(text.casefold())) for text in some]

    sample = texts if len(names) <= 1_000 else texts[: len(texts) // 20]
    assert ours()[: len(sample)] == theirs(sample)
    spent = _seconds(ours)
    return len(texts) / spent, len(sample) / _seconds(lambda: theirs(sample))


def _seconds(work: Callable[[], object]) -> float:
    """The median CPU time of a few rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        rounds.append(time.process_time() - begun)
    return median(rounds)


def _invented_words(chance: random.Random, count: int, suffix: str = "") -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) + suffix] = None
    return list(words)


def _sentence(chance: random.Random, words: Sequence[str], names: Sequence[str], size: int) -> str:
    """About `size` characters; in one text of five, one of the first ten or of all names."""
    text: list[str] = []
    while sum(map(len, text)) + len(text) < size:
        text.append(chance.choice(words))
    if chance.random() < 0.2:
        name = chance.choice(names[:10] if chance.random() < 0.5 else names)
        text[chance.randrange(len(text))] = chance.choice((name, name.capitalize(), f"{name}'s", f"#{name}"))
    return " ".join(text).capitalize() + "."
