"""Rating scales as people name them."""

from __future__ import annotations

import re

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


def scale_of(scale: str | float) -> float:
    """The upper end of a scale named as people name it: 5, "1-5", "stars5", "nps", "0-100", "percent", "thumbs".

    Raises ValueError, saying what may be written, for anything else.
    """
    name = str(scale).strip().lower()
    found = _SCALE.fullmatch(name)
    top = _NAMED.get(name) or (float(found[1]) if found else 0.0)
    if isinstance(scale, bool) or not top >= 1:
        raise ValueError(
            f"rating scale {str(scale)[:40]!r} is unknown: write its upper end (5, 10, 100), "
            "or stars, nps, percent or thumbs"
        )
    return top
