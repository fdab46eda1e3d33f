"""The author's own rating, which beats anything read out of the text."""

from __future__ import annotations

from listener.sentiment.contract import Label

_PROMOTER, _PASSIVE = 0.9, 0.7  # shares of the scale: 5 and 4 of 5 stars, 9 and 7 of 10 points


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


def _share(value: float, scale: float) -> float:
    if not (0 < scale < float("inf") and 0 <= value <= scale):  # refuses NaN as well
        raise ValueError(f"rating {str(value)[:20]} does not lie on its scale 0..{str(scale)[:20]}")
    return value / scale
