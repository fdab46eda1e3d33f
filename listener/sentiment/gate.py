"""What is settled before a text is read: the author's rating, an empty text, a language that is not asked for."""

from __future__ import annotations

from collections.abc import Container

from listener.sentiment.contract import Label, Text, Verdict
from listener.sentiment.language import identify, primary
from listener.sentiment.rating import from_rating, worth

OPINIONS: tuple[Label, ...] = ("detractor", "passive", "promoter")
"""The labels that have a probability, in the order of a verdict's."""


def settled(text: Text, languages: Container[str], scorer: str) -> Verdict | str:
    """The verdict, when the text need not be read; otherwise the language to read it in, which is of `languages`.

    `scorer` is the scorer's id for the brand. A rating off its own scale says nothing, and the text decides.
    """
    if text.rating is not None:
        try:
            return _rated(text, text.rating, scorer)
        except ValueError:
            pass
    if not text.text.strip():
        return _unscored("empty", primary(text.language), scorer)
    language, _ = identify(text.text, text.language)
    return language if language in languages else _unscored("language", language, scorer)


def _rated(text: Text, rating: float, scorer: str) -> Verdict:
    label = from_rating(rating, text.rating_scale)
    value = worth(rating, text.rating_scale)
    return Verdict(
        label=label,
        value=value,
        probabilities=tuple(float(label == one) for one in OPINIONS),
        confidence=1.0,
        language=primary(text.language) or identify(text.text)[0],
        unscored="",
        explanation=((f"rating {rating:g}/{text.rating_scale:g}", round(value, 3)),),
        scorer=scorer,
    )


def _unscored(reason: str, language: str, scorer: str) -> Verdict:
    return Verdict(None, 0.0, (), 0.0, language, reason, (), scorer)
