"""Scoring against bare vaderSentiment, on the same texts in the same run.

Texts are drawn with a fixed seed from everyday English words, words of praise and blame, and invented words (one in
six, so that an empty memory of tokens keeps meeting new ones, as it does in tweets). "cold" is a new engine at every
round. The two engines must agree on every text to the last bit.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from listener.sentiment.contract import Text
from listener.sentiment.language import identify
from listener.sentiment.scorer import DefaultScorer
from listener.sentiment.vader import Vader, stock

_PLAIN = """the a to and of in is it you that for on with this my are be have at was we me so just can they do all what
    from your not get out one will now about new time when how like day up if go see know there today has who our as an
    people think got make back want more would then some been by their he she his her them were which into other than
    team release account screen phone week morning page search button email app update website project meeting version
    don't can't isn't never really very at least kind but"""
_CHARGED = """good great love hate bad terrible awful nice best worst happy sad broken works fails perfect fun problem
    easy hard angry thanks wrong amazing lost error awesome stupid clean dirty ugly win slow buggy crash"""
_PLAIN_WORDS, _CHARGED_WORDS = _PLAIN.split(), _CHARGED.split()
_SYLLABLES = [consonant + vowel for consonant in "bcdfgklmnprst" for vowel in "aeio"]
_ENDS = [".", ".", ".", "!", "!!", "?", " :)", " 😂", "…"]
_ROUNDS = 5


def run() -> str:
    """A table of CPU microseconds a text and ratios; raises AssertionError when the engines disagree on any text."""
    chance = random.Random(20_240_607)
    tweets = [_text(chance, 85) for _ in range(3_000)]
    entries = [_text(chance, 436) for _ in range(600)]
    article = [_text(chance, 128_000)]
    lexicon, emojis = stock()
    original = SentimentIntensityAnalyzer()
    warm, scorer = Vader(lexicon, emojis), DefaultScorer()

    def theirs(text: str) -> tuple[float, ...]:
        scores = original.polarity_scores(text)
        return scores["neg"], scores["neu"], scores["pos"], scores["compound"]

    for text in [*tweets, *entries]:
        assert repr(warm.polarity(text)) == repr(theirs(text)), text
    peers = {name: _microseconds(lambda: theirs, texts) for name, texts in (("tweet", tweets), ("entry", entries))}
    # One round is enough, and a quarter of the article: the original is quadratic, this is its least for the whole.
    peers["article"] = 16 * _microseconds(lambda: theirs, [article[0][:32_000]], rounds=1)

    def score(text: str) -> object:
        return scorer.score(Text(text, "Acme"))

    rows = [
        ("85 characters, engine cold", "tweet", _microseconds(lambda: Vader(lexicon, emojis).polarity, tweets)),
        ("85 characters, engine warm", "tweet", _microseconds(lambda: warm.polarity, tweets)),
        ("436 characters, engine cold", "entry", _microseconds(lambda: Vader(lexicon, emojis).polarity, entries)),
        ("128,000 characters, engine", "article", _microseconds(lambda: warm.polarity, article)),
        ("85 characters, scorer", "tweet", _microseconds(lambda: score, tweets)),
        ("  of that, the language", "tweet", _microseconds(lambda: identify, tweets)),
        ("436 characters, scorer", "entry", _microseconds(lambda: score, entries)),
        ("  of that, the language", "entry", _microseconds(lambda: identify, entries)),
        ("128,000 characters, scorer", "article", _microseconds(lambda: score, article)),
    ]
    lines = ["what                           Listener us   vaderSentiment us    ratio"]
    lines += [
        f"{what:<29} {ours:>12,.1f}  {peers[peer]:>18,.1f}  {peers[peer] / ours:>6.1f}x" for what, peer, ours in rows
    ]
    lines.append("(128,000 characters: vaderSentiment's time is 16 times that of 32,000, its growth being quadratic)")
    return "\n".join(lines)


def _microseconds(make: Callable[[], Callable[[str], object]], texts: Sequence[str], rounds: int = _ROUNDS) -> float:
    """The median CPU time a text over a few rounds; what `make` gives is made anew, unmeasured, for each."""
    spent = []
    for _ in range(rounds):
        work = make()
        begun = time.process_time()
        _exhaust(map(work, texts))
        spent.append(time.process_time() - begun)
    return median(spent) / len(texts) * 1e6


def _exhaust(results: Iterable[object]) -> None:
    for _ in results:
        pass


def _text(chance: random.Random, size: int) -> str:
    """Sentences of a dozen words, `size` characters in all."""
    sentences: list[str] = []
    while sum(map(len, sentences)) + len(sentences) < size:
        words = [_word(chance) for _ in range(chance.randint(6, 16))]
        sentences.append(" ".join(words).capitalize() + chance.choice(_ENDS))
    return " ".join(sentences)[:size]


def _word(chance: random.Random) -> str:
    drawn = chance.random()
    if drawn < 1 / 6:
        return "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4)))
    word = chance.choice(_CHARGED_WORDS if drawn < 0.25 else _PLAIN_WORDS)
    return word.upper() if drawn > 0.99 else word
