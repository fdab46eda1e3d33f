"""What a scorer is asked and what it answers. A scorer is a plugin (entry point `listener.scorers`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Label = Literal["promoter", "passive", "detractor", "no_opinion"]
LABELS: tuple[Label, ...] = ("promoter", "passive", "detractor", "no_opinion")


class Text(NamedTuple):
    """A mention to be scored: plain text (title and body), and what the source knows about it.

    `language` is a hint (BCP-47 or ""); `rating` lies on 0..`rating_scale`; `genre` is that of connectors.post.
    """

    text: str
    brand: str = ""
    language: str = ""
    rating: float | None = None
    rating_scale: float = 5.0
    genre: str = "post"


TAGS = ("comparison", "low_confidence")
"""A rival is named beside the brand; a label that the desk should look at before it believes it."""


class Verdict(NamedTuple):
    """What a scorer thinks.

    `label` is None when the text could not be read, and `unscored` says why ("language", "empty").
    `value` is −1..1 toward the brand; `probabilities` are those of (detractor, passive, promoter) and sum to 1, empty
    when the scorer has none; `confidence` is 0..1. `explanation` lists (word, weight), the strongest first. `tags` are
    of TAGS. `scorer` is the scorer's id for the brand.
    """

    label: Label | None
    value: float
    probabilities: tuple[float, ...]
    confidence: float
    language: str
    unscored: str
    explanation: tuple[tuple[str, float], ...]
    scorer: str
    tags: tuple[str, ...] = ()


class Scorer(Protocol):
    """Obligations: a pure function of the text; never raises on any text; linear in its length and bounded;
    the order of texts does not change scores; an id ("name@version") changes whenever a score could change."""

    @property
    def id(self) -> str:
        """Of the scorer as it is configured: that of a brand without word rules, calibration or rivals, unless some
        brand has rivals."""

    def id_for(self, brand: str) -> str:
        """What a verdict about `brand` will carry: a mention with another one is stale."""

    def score(self, text: Text) -> Verdict: ...

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]: ...
