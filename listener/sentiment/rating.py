"""The author's own rating, which beats anything read out of the text."""

from __future__ import annotations

import re

from listener.sentiment.contract import Label

_PROMOTER, _PASSIVE = 0.9, 0.7  # shares of the scale: 5 and 4 of 5 stars, 9 and 7 of 10 points
_NAMED = {
    "star": 5.0,
    "stars": 5.0,
    "point": 10.0,
    "points": 10.0,
    "nps": 10.0,
    "percent": 100.0,
    "%": 100.0,
    "thumb": 1.0,
    "thumbs": 1.0,
    "bool": 1.0,
    "up/down": 1.0,
}
# "5", "1-5", "0..100", "stars5", "5 stars", "100%"
_SCALE = re.compile(
    r"(?:stars?|points?)?\s*(?:[01]\s*(?:-|–|to|\.\.)\s*)?(\d{1,4}(?:\.\d{1,3})?)\s*(?:stars?|points?|%|percent)?"
)


def from_rating(value: float, scale: float) -> Label:
    """promoter from 90 % of the scale, passive from 70 %, detractor below: 5★ / 4★ / 3★, 9 / 7 / 6 of 10, a thumb.

    Raises ValueError when `value` is not a number in 0..`scale`.
    """
    share = _share(value, scale)
    return "promoter" if share >= _PROMOTER else "passive" if share >= _PASSIVE else "detractor"


def worth(value: float, scale: float) -> float:
    """The rating as −1..1, with the sign of its label: linear on either side of the passive border, where it is 0."""
    share = _share(value, scale)
    return (share - _PASSIVE) / (1 - _PASSIVE if share >= _PASSIVE else _PASSIVE)


def scale_of(scale: str | float) -> float:
    """The upper end of a scale as people name it: 5, "1-5", "stars", "stars5", "nps", "0-100", "percent", "thumbs".

    Raises ValueError, saying what may be written, for anything else.
    """
    name = str(scale).strip().lower()
    found = _SCALE.fullmatch(name)
    top = _NAMED.get(name) or (float(found[1]) if found else 0.0)
    if isinstance(scale, bool) or not top >= 1:
        raise ValueError(
            f"rating scale {str(scale)[:40]!r} is unknown: "
            "write its upper end (5, 10, 100) or stars, nps, percent, thumbs"
        )
    return top


def _share(value: float, scale: float) -> float:
    if not (0 < scale < float("inf") and 0 <= value <= scale):  # refuses NaN as well
        raise ValueError(f"rating {str(value)[:20]} does not lie on its scale 0..{str(scale)[:20]}")
    return value / scale
