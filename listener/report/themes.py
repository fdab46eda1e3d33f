"""What texts of now speak of more than texts of before: the words and pairs of words that tell them apart.

A term is a word, or two that stand side by side; in scripts without spaces, where only a dictionary knows what a word
is, two characters or more. It counts once for each author, and of a story that many retell only the first telling
counts: neither a loud voice nor a template makes a theme. The two sides are compared by the log-odds of a term with an
informative Dirichlet prior, divided by its standard deviation (Monroe, Colaresi and Quinn 2008, "Fightin' Words",
Political Analysis 16:372-403, equations 15, 16 and 20 to 22). The prior is all that both sides say together, so that
words that everybody always uses need no list to be left out. Each language is compared with itself: more German
complaints than last week do not make "und" a theme.

Pure, deterministic, linear in the texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from math import log, sqrt
from typing import NamedTuple

from listener.match.stories import fold
from listener.match.words import KINDS, UNSPACED

LEAST = 1.96
"""With the whole as prior it holds for the best of hundreds of terms: of complaints that were dealt at random, the
parts differ by a theme in 1 of 60 cases (English, Russian, Korean, Thai), in 1 of 4 with reviews in Chinese or
Japanese, where every pair of characters is a term. 5 authors are enough where a period four times as long had none, 12
where it was as long."""
MOST_TEXTS, MOST_WORDS = 20_000, 300
_MOST_WORDS_IN_ALL = 1_000_000

_SAME = 0.6
"""A term most of whose authors another theme has is the same theme."""
_LONGEST = 4_000  # characters of a text that are read: 300 words are fewer
_LONGEST_WORD = 40
_EXAMPLES = 3
_LONGEST_PHRASE, _LONGEST_RUN = 4, 8  # words of a term, characters in a script without spaces
_MOST_TERMS = 500_000  # that are counted at once
_MOST_RANKED = 500

_ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|e|s)$")

Term = tuple[str, ...]


class Telling(NamedTuple):
    """A text by somebody. `voice` is the author, a number of its own for each who is not known; `story` is "" when
    nobody is known to have told the same."""

    text: str
    voice: int
    language: str
    mention_id: str
    story: str = ""


class Theme(NamedTuple):
    """`term` as most texts spell it. `authors` and `mentions` say it now, `before_authors` did before. `examples` are
    at most three texts that do, by different authors, in the order they were given."""

    term: str
    authors: int
    mentions: int
    before_authors: int
    z: float
    examples: tuple[Telling, ...]


class _Read(NamedTuple):
    """A text and its words without their endings, "" where the brand's name or something unreadable stood."""

    telling: Telling
    words: tuple[str, ...]


def themes(
    now: Iterable[Telling],
    before: Iterable[Telling],
    *,
    most: int = 5,
    fewest_authors: int = 3,
    names: Iterable[str] = (),
) -> tuple[Theme, ...]:
    """The most telling first. `names` are the brand's, which are no theme. Of each side the first 20,000 texts are
    read, at most 300 words of each and a million words of all."""
    reading = _Reading(names)
    lately, earlier = reading.of(now), reading.of(before)
    scores: dict[Term, float] = {}
    for language in sorted({one.telling.language for one in lately}):
        here, there = ([one for one in side if one.telling.language == language] for side in (lately, earlier))
        for term, z in _scores(here, there, fewest_authors).items():
            if z >= LEAST:
                scores[term] = max(z, scores.get(term, 0.0))
    return tuple(_told(scores, lately, earlier, most))


def _words(text: str) -> list[str]:
    return fold(text[:_LONGEST]).split()[:MOST_WORDS]


class _Reading:
    def __init__(self, names: Iterable[str]) -> None:
        self._stems = _Stems(word for name in names for word in fold(name).split())

    def of(self, tellings: Iterable[Telling]) -> list[_Read]:
        """Without those that only tell a story again."""
        known: set[str] = set()
        read: list[_Read] = []
        left = _MOST_WORDS_IN_ALL
        for telling in islice(tellings, MOST_TEXTS):
            if left <= 0:
                break
            if telling.story in known:
                continue
            if telling.story:
                known.add(telling.story)
            words = tuple(map(self._stems.__getitem__, _words(telling.text)))
            left -= len(words)
            read.append(_Read(telling, words))
        return read


class _Stems(dict[str, str]):
    """Word -> what it is counted as, remembered as words are met."""

    def __init__(self, own: Iterable[str]) -> None:
        self._own = frozenset(own)

    def __missing__(self, word: str) -> str:
        stem = "" if word in self._own or len(word) > _LONGEST_WORD else _ENDING.sub("", word)
        if len(self) < _MOST_TERMS:
            self[word] = stem
        return stem


# -- counting


Terms = Callable[[_Read], set[Term]]


def _scores(now: Iterable[_Read], before: Iterable[_Read], fewest: int) -> dict[Term, float]:
    """z of the terms that enough authors use. A character by itself is none: a letter, an emoji, half a word."""
    lately, earlier = _by_voice(now), _by_voice(before)
    words, of_now = _authors(lately, _singles)
    words = _at_least(fewest, words)
    pairs, _ = _authors(lately, lambda one: {pair for pair in _pairs(one) if pair[:1] in words and pair[1:] in words})
    pairs = Counter({pair: authors for pair, authors in _at_least(fewest, pairs).items() if _is_unmixed(pair)})
    was, of_before = _authors(earlier, _singles)
    was_pairs, _ = _authors(earlier, lambda one: pairs.keys() & _pairs(one))
    scores = {term: _z(authors, of_now, was[term], of_before) for term, authors in words.items() if len(term[0]) > 1}
    return scores | {pair: _z(authors, of_now, was_pairs[pair], of_before) for pair, authors in pairs.items()}


def _by_voice(texts: Iterable[_Read]) -> list[list[_Read]]:
    voices: dict[int, list[_Read]] = {}
    for one in texts:
        voices.setdefault(one.telling.voice, []).append(one)
    return list(voices.values())


def _authors(by_voice: Iterable[Sequence[_Read]], terms: Terms) -> tuple[Counter[Term], int]:
    """How many authors use each term, and the sum of that over all terms."""
    counted: Counter[Term] = Counter()
    total = 0
    for texts in by_voice:
        said = set[Term]().union(*map(terms, texts))
        counted.update(said)
        total += len(said)
        if len(counted) > _MOST_TERMS:  # made-up words without end: what nobody shares is forgotten
            counted = Counter({term: authors for term, authors in counted.items() if authors > 1})
    return counted, total


def _at_least(fewest: int, counted: Counter[Term]) -> Counter[Term]:
    return Counter({term: authors for term, authors in counted.items() if authors >= fewest})


def _singles(one: _Read) -> set[Term]:
    return {(word,) for word in one.words if word}


def _pairs(one: _Read) -> set[Term]:
    pairs: set[Term] = set(pairwise(one.words))
    return {pair for pair in pairs if all(pair)} if "" in one.words else pairs


def _is_unmixed(pair: Term) -> bool:
    """Both words, or both characters of a script without spaces."""
    one, other = (KINDS[word[0]] == UNSPACED for word in pair)
    return one == other


def _z(now: int, of_now: int, before: int, of_before: int) -> float:
    """Of a term that so many authors use, of all the words they use on that side."""
    prior, whole = now + before, of_now + of_before
    lately, earlier = now + prior, before + prior
    else_lately, else_earlier = of_now + whole - lately, of_before + whole - earlier
    if else_lately <= 0 or else_earlier <= 0:  # nobody says anything else
        return 0.0
    return (log(lately / else_lately) - log(earlier / else_earlier)) / sqrt(1 / lately + 1 / earlier)


# -- telling


def _told(scores: Mapping[Term, float], lately: Sequence[_Read], earlier: Sequence[_Read], most: int) -> list[Theme]:
    """Each theme once, by the term that tells it best."""
    ranked = sorted(scores, key=lambda term: (-scores[term], term))[:_MOST_RANKED]
    voices: dict[Term, set[int]] = {term: set() for term in ranked}
    for one in lately:
        for term in (_singles(one) | _pairs(one)) & voices.keys():
            voices[term].add(one.telling.voice)
    taken: list[Term] = []
    for term in ranked:
        if len(taken) < most and not any(_mostly(voices[term], voices[other]) for other in taken):
            taken.append(term)
    return [_theme(_grown(term, voices), scores[term], lately, earlier) for term in taken]


def _mostly(some: set[int], others: set[int]) -> bool:
    return len(some & others) >= _SAME * len(some)


def _grown(term: Term, voices: Mapping[Term, set[int]]) -> Term:
    """The longer run of words that tell something each, or of characters, that most of its authors use."""
    phrase = term
    longest = _LONGEST_RUN if KINDS[term[0][0]] == UNSPACED else _LONGEST_PHRASE
    while len(phrase) < longest:
        wider = [(pair, (*phrase, pair[1])) for pair in voices if len(pair) > 1 and pair[0] == phrase[-1]]
        wider += [(pair, (pair[0], *phrase)) for pair in voices if len(pair) > 1 and pair[1] == phrase[0]]
        fit = [
            (len(voices[term] & voices[pair]), run)
            for pair, run in wider
            if _mostly(voices[term], voices[pair]) and all(len(word) == 1 or (word,) in voices for word in pair)
        ]
        if not fit:
            break
        phrase = max(fit)[1]
    return phrase


def _theme(phrase: Term, z: float, lately: Sequence[_Read], earlier: Sequence[_Read]) -> Theme:
    tellings = [one for one in lately if _places(phrase, one.words)]
    spelled = Counter(spelling for one in tellings for spelling in _spellings(phrase, one))
    by_voice: dict[int, Telling] = {}
    for one in tellings:
        by_voice.setdefault(one.telling.voice, one.telling)
    before = {one.telling.voice for one in earlier if _places(phrase, one.words)}
    term = min(spelled, key=lambda spelling: (-spelled[spelling], spelling))
    return Theme(term, len(by_voice), len(tellings), len(before), z, tuple(islice(by_voice.values(), _EXAMPLES)))


def _places(phrase: Term, words: Term) -> list[int]:
    if phrase[0] not in words:
        return []
    size = len(phrase)
    return [at for at, word in enumerate(words) if word == phrase[0] and words[at : at + size] == phrase]


def _spellings(phrase: Term, one: _Read) -> Iterator[str]:
    words = _words(one.telling.text)
    for at in _places(phrase, one.words):
        yield _joined(words[at : at + len(phrase)])


def _joined(words: Sequence[str]) -> str:
    """With spaces between words, none between characters of a script that has none."""
    spelled = words[0]
    for word in words[1:]:
        close = KINDS[spelled[-1]] == KINDS[word[0]] == UNSPACED
        spelled += word if close else f" {word}"
    return spelled
