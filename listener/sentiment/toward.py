"""What all scorers share: the rating first, then the language, then a reading of what concerns the brand, by its word
rules and its calibration, to a label."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from listener.sentiment.calibration import IDENTITY, Parameters, apply, from_json
from listener.sentiment.contract import Text, Verdict
from listener.sentiment.focus import Focus, bounded
from listener.sentiment.gate import settled
from listener.sentiment.labels import Thresholds, judge
from listener.sentiment.language import primary
from listener.sentiment.model import Triple, Weighed, softmax

_STRONGEST = 5  # parts in an explanation
_OPINIONS = frozenset({"promoter", "detractor"})

# A point of valence moves the odds of promoter against detractor by a factor of e: the four points of a word as strong
# as any in VADER's lexicon by 55, which few texts withstand.
_POINT = 0.5
_LEVEL: Triple = (0.0, 0.0, 0.0)


class Ear(NamedTuple):
    """How texts about one brand are read, and the scorer's id for it. No `calibration`: it changes nothing."""

    focus: Focus
    words: Mapping[str, float]
    calibration: Parameters | None
    id: str


class Asked(NamedTuple):
    """A text that must be read: where the answer goes, what is said of the brand, and the user's words that it held."""

    place: int
    text: Text
    language: str
    ear: Ear
    told: str
    ruled: Weighed
    compares: bool


class Reading(NamedTuple):
    """`scores` are logarithms of odds, whose softmax are the probabilities; `lean` is added to them for the label
    alone; `said` gives the parts that carried them, in any order, as far as they are known without reading again."""

    scores: Triple
    lean: Triple = _LEVEL
    said: Callable[[], Weighed] = tuple


class TowardBrand:
    """A `Scorer` whose engine reads batches of texts; a subclass gives `_read` and `_explain`.

    `languages` are those to be scored; others are `unscored`. `rivals` maps a brand to the names of its competitors: a
    clause about one of these says nothing about the brand. `words` maps a brand ("": every brand) to words and what
    they weigh in texts about it (-4..4, 0: nothing): such a word is taken out of the text, and its weight added to
    what the rest says. `calibrations` maps a brand to parameters as `calibration.to_json` writes them.

    A promoter's or a detractor's explanation shows the strongest of what carried it; other labels state no opinion, and
    theirs shows only the user's words.
    """

    def __init__(
        self,
        version: str,
        languages: Sequence[str],
        readable: Collection[str],
        *,
        usual: Collection[str],
        rivals: Mapping[str, Sequence[str]] | None,
        thresholds: Thresholds,
        words: Mapping[str, Mapping[str, float]] | None,
        calibrations: Mapping[str, str] | None,
    ) -> None:
        """`usual` languages leave no mark in the id. Raises ValueError for a language that is not `readable`, and for
        a calibration that cannot be read."""
        self._languages = frozenset(map(primary, languages))
        if unreadable := sorted(one for one in self._languages if one not in readable):
            name = version.partition("@")[0]
            raise ValueError(
                f"the scorer {name} does not read {', '.join(unreadable)}; it reads {', '.join(sorted(readable))}"
            )
        self._thresholds = thresholds
        self._rivals = {brand.casefold(): tuple(names) for brand, names in (rivals or {}).items() if names}
        self._words = {brand.casefold(): _folded(weights) for brand, weights in (words or {}).items()}
        self._calibrations = {brand.casefold(): from_json(text) for brand, text in (calibrations or {}).items()}
        self._ear = lru_cache(maxsize=256)(self._ear_for)
        self._plain_id = self._identity(version, frozenset(usual), {})
        self.id = self._identity(version, frozenset(usual), self._rivals)

    def id_for(self, brand: str) -> str:
        return self._ear(brand).id

    def score(self, text: Text) -> Verdict:
        return self.score_many([text])[0]

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        verdicts: list[Verdict | None] = []
        asked = []
        for place, text in enumerate(texts):
            ear = self._ear(text.brand)
            found = settled(text, self._languages, ear.id)
            verdicts.append(found if isinstance(found, Verdict) else None)
            if not isinstance(found, Verdict):
                asked.append(_ask(place, text, found, ear))
        judged = [self._verdict(one, reading) for one, reading in zip(asked, self._read(asked), strict=True)]
        for one, verdict, said in zip(asked, judged, self._explain(asked, judged), strict=True):
            if said:
                verdict = verdict._replace(explanation=strongest((*said, *verdict.explanation)))
            verdicts[one.place] = verdict
        return [verdict for verdict in verdicts if verdict is not None]

    def _read(self, asked: Sequence[Asked]) -> Sequence[Reading]:
        raise NotImplementedError

    def _explain(self, asked: Sequence[Asked], judged: Sequence[Verdict]) -> Sequence[Weighed]:
        """For each the parts that carried it, beyond what its verdict shows, with what they weigh, in any order."""
        return [()] * len(asked)

    def _verdict(self, asked: Asked, reading: Reading) -> Verdict:
        x, y, z = reading.scores
        lift = _POINT * sum([valence for _, valence in asked.ruled])
        probabilities: tuple[float, ...] = softmax((x - lift, y, z + lift))
        lean = reading.lean
        if calibration := asked.ear.calibration:
            # What a person's labels have taught about the brand makes up for unequal shares better than the lean does.
            probabilities, lean = apply(calibration, probabilities), _LEVEL
        label, confidence, tags = judge(probabilities, self._thresholds, asked.text.genre, lean)
        return Verdict(
            label=label,
            value=probabilities[2] - probabilities[0],
            probabilities=probabilities,
            confidence=confidence,
            language=asked.language,
            unscored="",
            explanation=strongest((*reading.said(), *asked.ruled) if label in _OPINIONS else asked.ruled),
            scorer=asked.ear.id,
            tags=("comparison", *tags) if asked.compares else tags,
        )

    def _ear_for(self, brand: str) -> Ear:
        folded = brand.casefold()
        words = {**self._words.get("", {}), **self._words.get(folded, {})}
        calibration = self._calibrations.get(folded, IDENTITY)
        idle = calibration.changes_nothing
        rivals = self._rivals.get(folded, ())
        own = digest((sorted(words.items()), calibration, sorted(rivals)))
        id_ = self._plain_id if idle and not words and not rivals else f"{self._plain_id}+{own}"
        return Ear(Focus(brand, rivals), words, None if idle else calibration, id_)

    def _identity(self, version: str, usual: frozenset[str], rivals: Mapping[str, Sequence[str]]) -> str:
        """The name and version, and a digest of whatever else than the defaults decides about scores."""
        named = {brand: sorted(names) for brand, names in sorted(rivals.items())}
        if self._thresholds == Thresholds() and not named and self._languages == usual:
            return version
        return f"{version}+{digest((self._thresholds, named, sorted(self._languages)))}"


def strongest(weighed: Sequence[tuple[str, float]]) -> Weighed:
    """Each part once, the strongest first; of equals the earlier."""
    if not weighed:
        return ()
    by_part: dict[str, float] = {}
    for part, weight in sorted(weighed, key=_weight, reverse=True):
        if len(by_part) == _STRONGEST:
            break
        if weight and part not in by_part:
            by_part[part] = round(weight, 3)
    return tuple(by_part.items())


def digest(chosen: object) -> str:
    return hashlib.blake2b(repr(chosen).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _ask(place: int, text: Text, language: str, ear: Ear) -> Asked:
    read = bounded(text.text)
    told, ruled = _without(ear.focus.narrow(read), ear.words)
    return Asked(place, text, language, ear, told, ruled, ear.focus.compares(read))


def _without(told: str, words: Mapping[str, float]) -> tuple[str, Weighed]:
    """The text without the words, and each of these that it held with what it weighs."""
    if not words:
        return told, ()
    told = told.replace("\u2019", "'")  # as rules are written
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


def _weight(part: tuple[str, float]) -> float:
    return abs(part[1])
