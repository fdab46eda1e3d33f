"""Scoring against bare vaderSentiment, on the same texts in the same run.

Texts are drawn with a fixed seed from everyday words, words of praise and blame, and invented words (one in six, so that
a memory of words keeps meeting new ones, as it does in tweets); every round has its own. "cold" is a new engine at
every round. The two engines must agree on every text to the last bit. Below the table stand the marks, and whether they
hold.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import TypeVar

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from listener.sentiment.contract import Text
from listener.sentiment.language import identify
from listener.sentiment.scorer import DefaultScorer
from listener.sentiment.vader import Vader, stock

_T = TypeVar("_T")
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
_FOREIGN = {
    "de": """die neue Version ist nicht gut aber schnell ich finde das wirklich toll und sehr einfach heute wieder
        Fehler beim Öffnen schlecht danke für den Hinweis warum geht es immer noch so langsam""",
    "es": """la nueva versión no funciona muy bien pero es rápida me gusta mucho gracias por todo hoy otra vez un error
        cuando abro la aplicación qué mal servicio estoy muy contento con el cambio""",
    "ru": """новая версия работает хорошо но очень медленно мне нравится спасибо за помощь сегодня опять ошибка почему
        так плохо это просто отлично никогда больше не буду покупать""",
    "ja": """新しい バージョン は とても 使いやすい です でも 遅い 今日 また エラー が 出ました ありがとう
        最高 残念 な サービス だと 思います""",
}
_BATCH = 100
_FRESH = """
import time
begun = time.perf_counter()
from listener.sentiment.contract import Text
from listener.sentiment.scorer import DefaultScorer
scorer = DefaultScorer()
scorer.score(Text("I love the new release of Acme", "Acme"))
spent = time.perf_counter() - begun
for hint, text in (("de", "Das ist gut"), ("es", "Es muy bueno"), ("ru", "Это хорошо"), ("ja", "とても良いです")):
    scorer.score(Text(text, "Acme", hint))
import resource
print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run() -> str:
    """A table of CPU microseconds a text and ratios; raises AssertionError when the engines disagree on any text."""
    fresh = _fresh()  # first: a new process is born with its parent's peak of memory
    chance = random.Random(20_240_607)
    tweets = [_text(chance, 85) for _ in range(3_000 * _ROUNDS)]
    entries = [_text(chance, 436) for _ in range(300 * _ROUNDS)]
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

    def in_batches(texts: Sequence[str]) -> object:
        return scorer.score_many([Text(text, "Acme") for text in texts])

    others = [_foreign(chance, lang, 85) for _ in range(_ROUNDS) for lang in _FOREIGN for _ in range(700)]
    batch = _microseconds(lambda: in_batches, _batches(tweets)) / _BATCH
    foreign = _microseconds(lambda: in_batches, _batches(others)) / _BATCH
    foreign_alone = _microseconds(lambda: score, others)

    rows = [
        ("85 characters, engine cold", "tweet", _microseconds(lambda: Vader(lexicon, emojis).polarity, tweets)),
        ("85 characters, engine warm", "tweet", _microseconds(lambda: warm.polarity, tweets)),
        ("436 characters, engine cold", "entry", _microseconds(lambda: Vader(lexicon, emojis).polarity, entries)),
        ("128,000 characters, engine", "article", _microseconds(lambda: warm.polarity, article * _ROUNDS)),
        ("85 characters, scorer", "tweet", _microseconds(lambda: score, tweets)),
        (f"  in batches of {_BATCH}", "tweet", batch),
        ("  not English", "tweet", foreign_alone),
        (f"  not English, batches of {_BATCH}", "tweet", foreign),
        ("  of that, the language", "tweet", _microseconds(lambda: identify, tweets)),
        ("436 characters, scorer", "entry", _microseconds(lambda: score, entries)),
        ("  of that, the language", "entry", _microseconds(lambda: identify, entries)),
        ("128,000 characters, scorer", "article", _microseconds(lambda: score, article * _ROUNDS)),
    ]
    lines = ["what                              Listener us   vaderSentiment us    ratio"]
    lines += [
        f"{what:<32} {ours:>12,.1f}  {peers[peer]:>18,.1f}  {peers[peer] / ours:>6.1f}x" for what, peer, ours in rows
    ]
    lines.append("(128,000 characters: vaderSentiment's time is 16 times that of 32,000, its growth being quadratic)")
    spent = {what.strip(): (ours, peers[peer] / ours) for what, peer, ours in rows}
    return "\n".join([*lines, "", *_marks(spent, batch, foreign, peers["tweet"], fresh)])


def _marks(
    spent: Mapping[str, tuple[float, float]], batch: float, foreign: float, peer: float, fresh: tuple[float, float]
) -> list[str]:
    seconds, megabytes = fresh
    article = spent["128,000 characters, scorer"][0] / 1e3
    cold = spent["85 characters, engine cold"][1]
    marks = [
        (f"VADER, cold: {cold:.2f} x vaderSentiment, scores equal to the last bit", "2.5 x", cold >= 2.5),
        (f"English, in batches: {peer / batch:.2f} x vaderSentiment", "0.6 x", peer / batch >= 0.6),
        (f"other languages, in batches: {1e6 / foreign:,.0f} texts/s", "15,000", foreign <= 1e6 / 15_000),
        (f"128,000 characters: {article:.1f} ms", "100 ms", article <= 100),
        (f"start-up to the first score: {seconds * 1e3:.0f} ms", "300 ms", seconds <= 0.3),
        (f"memory, five languages read: {megabytes:.0f} MB", "150 MB", megabytes <= 150),
    ]
    return [f"{'holds' if holds else 'MISSED':<7} {what} (mark: {mark})" for what, mark, holds in marks]


def _fresh() -> tuple[float, float]:
    """Seconds from the import of the default scorer to its first score, and its process's peak memory in MB."""
    runs = [
        subprocess.run([sys.executable, "-c", _FRESH], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    return median(float(spent) for spent, _ in runs), max(int(kilobytes) for _, kilobytes in runs) / 1024


def _batches(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]


def _foreign(chance: random.Random, language: str, size: int) -> str:
    words = _FOREIGN[language].split()
    drawn = [
        word if chance.random() > 1 / 6 else "".join(chance.sample(word, len(word)))
        for word in chance.choices(words, k=size // 3)
    ]
    return ("" if language == "ja" else " ").join(drawn)[:size]


def _microseconds(make: Callable[[], Callable[[_T], object]], texts: Sequence[_T], rounds: int = _ROUNDS) -> float:
    """The median CPU time a text over a few rounds, which share the texts out among themselves; what `make` gives is
    made anew, unmeasured, for each."""
    spent = []
    each = len(texts) // rounds
    for first in range(0, each * rounds, each):
        work = make()
        begun = time.process_time()
        _exhaust(map(work, texts[first : first + each]))
        spent.append(time.process_time() - begun)
    return median(spent) / each * 1e6


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
