"""Short English texts with the label that a person gives them, of which tweets hold too few: contrasts.tsv, with the
words of VADER's lexicon in its gaps."""

from __future__ import annotations

import random
import re
from collections import Counter
from importlib.resources import files

from listener.sentiment.english import NEGATIONS
from listener.sentiment.lexicon import overlaid, overlay
from listener.sentiment.model import LABELS
from listener.sentiment.normal import normalise
from listener.sentiment.train.corpus import Corpus
from listener.sentiment.vader import stock

SOURCE = "contrasts"

_FILLED = 12  # texts of a sentence with gaps
_KNOWN = 10  # tweets that a word must be in
_CLEAR, _MILD = 1.4, 1.2  # valences from which a word is praise or blame, and up to which it is neither
_GAP = re.compile(r"\{(\w+)\}")


def contrasts(tweets: Corpus) -> Corpus:
    """The same for the same tweets, which say what words are in use. No text is twice in it, and none is a tweet."""
    words, chance = _words(tweets), random.Random(0)
    labels: dict[str, str] = {}
    for line in files("listener.sentiment.train").joinpath("contrasts.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        label, sentence = line.split("\t")
        ends = ("",) if sentence[-1] in ".!?" else ("", ".")
        for end in ends * (_FILLED // len(ends) if _GAP.search(sentence) else 1):
            text = _GAP.sub(lambda gap: chance.choice(words[gap[1]]), sentence) + end
            labels.setdefault(text, label)
    known = frozenset(tweets.lines)
    new = [(text, line, label) for text, label in labels.items() if (line := normalise(text)) not in known]
    texts, lines, said = zip(*new, strict=True)
    return Corpus(texts, lines, tuple(map(LABELS.index, said)), (SOURCE,) * len(new))


def _words(tweets: Corpus) -> dict[str, list[str]]:
    """By the name of the gap."""
    used = Counter(word for line in tweets.lines for word in set(line.split(" ")))
    found: dict[str, list[str]] = {"praise": [], "blame": [], "mild": []}
    for word, valence in sorted(overlaid(stock()[0], overlay()).items()):
        if not word.isalpha() or word in NEGATIONS or used[word] < _KNOWN:
            continue
        if abs(valence) >= _CLEAR:
            found["praise" if valence > 0 else "blame"].append(word)
        elif 0 < abs(valence) < _MILD:
            found["mild"].append(word)
    return found
