"""VADER (Hutto & Gilbert 2014) in linear time, bit-identical to vaderSentiment 3.3.2.

The original lower-cases the whole text several times for every sentiment word, which makes it quadratic: one
article of 128 kB takes 15 s. Here each distinct token is stripped and lower-cased once, and only the few words
around a sentiment word are looked at. The rules, their order and their oddities are the original's: every float is
computed by the same operations in the same order, so all four scores are equal to the last bit.

The lexicon, the emoji names and the constants are those of the installed vaderSentiment package.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from itertools import compress
from math import fabs
from typing import NamedTuple

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer, normalize

from listener.sentiment.vader_rules import (
    BOOSTERS,
    IDIOM_STARTS,
    NEGATED,
    STIRRING,
    after_no,
    boost,
    emphasis,
    idiom,
    louder,
    negate,
    weigh_but,
)

Polarity = tuple[float, float, float, float]

_nothing_stirs = STIRRING.isdisjoint
_STEPS = (1, 2, 3)  # how far back a booster or a negation reaches
_FADE = {1: 1.0, 2: 0.95, 3: 0.9}  # a booster weakens with its distance

_MEMO_ENTRIES = 1 << 16
_MEMO_TOKEN = 64  # longer tokens are links and noise: seen once, and a hostile one may be a megabyte


class _Words(dict[str, str]):
    """Raw token -> the word VADER looks up. Filled on demand, and bounded."""

    def __missing__(self, token: str) -> str:
        stripped = token.strip(string.punctuation)
        # What is left of an emoticon (":D") is too short to be a word: the token stays whole.
        word = (token if len(stripped) <= 2 else stripped).lower()
        if len(token) <= _MEMO_TOKEN:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[token] = word
        return word


class Spoken(NamedTuple):
    """A text as VADER takes it in, before any lexicon: its tokens, the word it looks up for each, whether capitals
    stand apart in it (they mean nothing where all is in capitals), whether it may hold an "n't", and how loud it is."""

    tokens: list[str]
    words: list[str]
    apart: bool
    contracted: bool
    emphasis: float


class Reading(NamedTuple):
    """What VADER makes of what was `spoken`: the scores, and the places and valences of the words that made them."""

    polarity: Polarity
    spoken: Spoken
    at: list[int]
    valences: list[float]

    @property
    def words(self) -> list[tuple[str, float]]:
        """The words that carry sentiment with their valence after negations, boosters, capitals and "but"."""
        words = self.spoken.words
        return [(words[i], valence) for i, valence in zip(self.at, self.valences, strict=True)]


class Vader:
    """VADER over a lexicon of lower-case words (without spaces) to valences, usually −4..4, finite.

    `emojis` maps single characters to the names VADER reads in their place, which hold no emoji themselves; longer
    keys are never seen, as in the original. Safe to share between threads.
    """

    def __init__(self, lexicon: Mapping[str, float], emojis: Mapping[str, str]) -> None:
        self._lexicon = dict(lexicon)
        self._voiced = {word: v for word, v in lexicon.items() if word not in BOOSTERS}
        self._emojis = {char: name for char, name in emojis.items() if len(char) == 1}
        self._emojis_in = frozenset(self._emojis).intersection
        self._ascii_is_plain = not any(char.isascii() for char in self._emojis)
        self._word_of = _Words().__getitem__
        self._is_voiced = self._voiced.__contains__

    def polarity(self, text: str) -> Polarity:
        """(neg, neu, pos, compound): three shares 0..1, three decimals, and the sum −1..1, four decimals."""
        return self.read(text).polarity

    def words(self, text: str) -> list[tuple[str, float]]:
        """The words that carry sentiment, as `Reading.words`."""
        return self.read(text).words

    def read(self, text: str) -> Reading:
        """The scores and the words behind them."""
        return self.weigh(self._listen(text))

    def weigh(self, spoken: Spoken) -> Reading:
        """What this lexicon makes of a text that was read with another and the same emojis."""
        tokens, words, apart, contracted, _ = spoken
        at: list[int] = []
        valences: list[float] = []
        for i in compress(range(len(words)), map(self._is_voiced, words)):
            near = words[i - 3 if i > 3 else 0 : i + 1]
            if not _nothing_stirs(near) or (contracted and "n't" in " ".join(near)):
                valence = self._valence(tokens, words, i, apart)
            else:
                valence = self._voiced[words[i]]
                if apart and tokens[i].isupper():
                    valence = louder(valence)
            if valence:
                at.append(i)
                valences.append(valence)
        if valences and "but" in words:
            weigh_but(at, valences, words.index("but"))
        return Reading(_summary(valences, len(words), spoken.emphasis), spoken, at, valences)

    def _listen(self, text: str) -> Spoken:
        text = self._spelled(text)
        tokens = text.split()
        words = list(map(self._word_of, tokens))
        return Spoken(tokens, words, not all(map(str.isupper, tokens)), "'t" in text or "'T" in text, emphasis(text))

    def _spelled(self, text: str) -> str:
        """The text with its emojis in words. (The original leaves out a space it does not need: no word can tell.)"""
        if not (self._ascii_is_plain and text.isascii()):
            for emoji in self._emojis_in(text):
                text = text.replace(emoji, " " + self._emojis[emoji])
        return text

    def _valence(self, tokens: Sequence[str], words: Sequence[str], i: int, apart: bool) -> float:
        """The valence of the sentiment word at `i` as its neighbours leave it."""
        word = words[i]
        lexicon = self._lexicon
        following = words[i + 1] if i + 1 < len(words) else ""
        if word == "kind" and following == "of":
            return 0.0
        valence = lexicon[word]
        if word == "no" and following in lexicon and i + 1 < len(words):
            valence = 0.0
        if i and after_no(words, i):
            valence = lexicon[word] * NEGATED
        if apart and tokens[i].isupper():
            valence = louder(valence)
        for step in _STEPS:
            if step > i:
                break
            before = words[i - step]
            if before in lexicon or (step < 3 and before not in STIRRING and "n't" not in before):
                continue
            if before in BOOSTERS:
                valence += boost(before, valence, apart and tokens[i - step].isupper()) * _FADE[step]
            valence = negate(valence, words, i, step)
            if step == 3 and not IDIOM_STARTS.isdisjoint(words[i - 3 : i + 1]):
                valence = idiom(valence, words, i)
        least = i > 0 and words[i - 1] == "least" and "least" not in lexicon
        if least and (i == 1 or words[i - 2] not in ("at", "very")):
            valence *= NEGATED
        return valence


def _summary(valences: Sequence[float], words: int, loudness: float) -> Polarity:
    if not valences:
        return 0.0, 1.0 if words else 0.0, 0.0, 0.0
    total = float(sum(valences))
    compound = normalize(total + loudness if total > 0 else total - loudness if total < 0 else total)
    pos, neg = 0.0, 0.0
    for valence in valences:
        if valence > 0:
            pos += valence + 1
        else:
            neg += valence - 1
    neutral = words - len(valences)
    if pos > fabs(neg):
        pos += loudness
    elif pos < fabs(neg):
        neg -= loudness
    whole = pos + fabs(neg) + neutral
    return (
        round(fabs(neg / whole), 3),
        round(fabs(neutral / whole), 3),
        round(fabs(pos / whole), 3),
        round(compound, 4),
    )


def stock() -> tuple[dict[str, float], dict[str, str]]:
    """The lexicon and the emoji names that come with the vaderSentiment package."""
    original = SentimentIntensityAnalyzer()
    return original.lexicon, original.emojis
