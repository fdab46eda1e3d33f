"""How the model of each language is made; all of it found by cross-validation on the data of models/card.md."""

from __future__ import annotations

from typing import NamedTuple


class Fit(NamedTuple):
    """One ridge regression: to what powers rarity and evidence scale the n-grams, and how strongly weights shrink."""

    rarity: float = 1.0
    evidence: float = 0.0
    ridge: float = 1.0


RARE = Fit()
TELLING = Fit(0.0, 1.0, 3.0)
BOTH = Fit(1.0, 0.5, 1.5)


class Plan(NamedTuple):
    """What a model looks at: n-grams of `shortest`..`longest` characters and of 2..`words` words, hashed to `rows`.

    The weights are the sum of those of the `fits`, each of the same spread.
    """

    shortest: int = 2
    longest: int = 5
    words: int = 2
    rows: int = 3 << 15
    fits: tuple[Fit, ...] = (TELLING,)


# In scripts without spaces every character is a word: "<字>", and runs of two and three.
_UNSPACED = Plan(shortest=3, longest=3, words=3, rows=1 << 17, fits=(TELLING, BOTH))
_OF = {
    "en": Plan(rows=1 << 18),
    "ru": Plan(rows=1 << 18, words=3, fits=(TELLING, BOTH)),
    "id": Plan(rows=3 << 16, fits=(TELLING, BOTH)),
    "fr": Plan(fits=(RARE,)),
    **dict.fromkeys(("ja", "zh", "th"), _UNSPACED),
}


def plan_for(language: str) -> Plan:
    return _OF.get(language, Plan())
