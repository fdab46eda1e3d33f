"""What a scorer is asked and what it answers. A scorer is a plugin (entry point `listener.scorers`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Label = Literal["promoter", "passive", "detractor", "no_opinion"]
LABELS: tuple[Label, ...] = ("promoter", "passive", "detractor", "no_opinion")


class Text(NamedTuple):
    """A mention to be scored: plain text (title and body), and what the source knows about it.

    `language` is a hint (BCP-47 or ""); `rating` lies on 0..`rating_scale`.
    """

    text: str
    brand: str = ""
    language: str = ""
    rating: float | None = None
    rating_scale: float = 5.0


class Verdict(NamedTuple):
    """What a scorer thinks.

    `label` is None when the text could not be read, and `unscored` says why ("language", "empty").
    `value` is −1..1 toward the brand; `probabilities` are those of (detractor, passive, promoter) and sum to 1, empty
    when the scorer has none; `confidence` is 0..1. `explanation` lists (word, weight), the strongest first.
    """

    label: Label | None
    value: float
    probabilities: tuple[float, ...]
    confidence: float
    language: str
    unscored: str
    explanation: tuple[tuple[str, float], ...]
    scorer: str


class Scorer(Protocol):
    """Obligations: a pure function of the text; never raises on any text; linear in its length and bounded;
    the order of texts does not change scores; `id` ("name@version") changes whenever a score could change."""

    @property
    def id(self) -> str: ...

    def score(self, text: Text) -> Verdict: ...

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]: ...
