"""Where in a text the brand stands, and the words that carried its score: by position, so that a template escapes each
piece and wraps it, and no text is ever read as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from listener.intake import subject_of
from listener.match import Matcher
from storage.records import Post

BRAND, BLAME, PRAISE = 1, 2, 4

Span = tuple[int, int, int]
"""Start, end (half open), and one of the above."""

_MOST = 500  # places marked in one text
_LEAD = 60  # characters before the brand in an excerpt


class Piece(NamedTuple):
    """A stretch of text that is marked alike: `kind` is "", or of "brand", "blame" and "praise" those that apply."""

    text: str
    kind: str = ""


def pieces(text: str, spans: Iterable[Span]) -> tuple[Piece, ...]:
    """The whole text in order, cut where marks begin and end; spans may overlap and reach beyond it."""
    size = len(text)
    kinds, edges = bytearray(size), {0, size}
    for start, end, kind in spans:
        inside = range(max(start, 0), min(end, size))
        for place in inside:
            kinds[place] |= kind
        edges.update((inside.start, inside.stop) if inside else ())
    cuts = [place for place in sorted(edges) if place in (0, size) or kinds[place] != kinds[place - 1]]
    return tuple(Piece(text[start:end], _NAMES[kinds[start]]) for start, end in pairwise(cuts))


def brand_spans(matcher: Matcher, post: Post, brand: str, read: int) -> tuple[list[Span], list[Span]]:
    """Of the title and of the first `read` characters of the text; none for a brand that is no longer configured."""
    try:
        found = matcher.spans(subject_of(post)._replace(text=post.text[:read]), brand)
    except KeyError:
        return [], []
    of_title = [(start, end, BRAND) for where, start, end in found if where == "title"]
    of_text = [(start, end, BRAND) for where, start, end in found if where == "text"]
    return of_title[:_MOST], of_text[:_MOST]


def word_spans(text: str, weighed: Iterable[tuple[str, float]]) -> list[Span]:
    """Where the words of an explanation stand, each by what it says: whole words in any case, or, in scripts without
    spaces, the characters."""
    spans: list[Span] = []
    for word, weight in weighed:
        if word.strip() and weight:
            kind = PRAISE if weight > 0 else BLAME
            spans += [(found.start(), found.end(), kind) for found in _whole(word).finditer(text)]
    return spans[:_MOST]


def excerpt(text: str, spans: list[Span], length: int) -> tuple[Piece, ...]:
    """At most about `length` characters, from a little before the first mark where that stands too far behind."""
    first = min((start for start, _, _ in spans), default=0)
    lead = min(_LEAD, length // 2)
    start = _word_start(text, max(first - lead, 0), first) if _is_far(first, length) else 0
    moved = [(a - start, b - start, kind) for a, b, kind in spans]
    shown = pieces(text[start : start + length], moved)
    head = (Piece("… "),) if start else ()
    tail = (Piece(" …"),) if start + length < len(text) else ()
    return head + shown + tail


def excerpt_end(first: int, length: int) -> int:
    """How far into a text its excerpt can go, whose first mark begins at `first`."""
    return first + length if _is_far(first, length) else length


def _is_far(first: int, length: int) -> bool:
    return first >= length * 3 // 4


_NAMES = tuple(
    " ".join(name for bit, name in ((BRAND, "brand"), (BLAME, "blame"), (PRAISE, "praise")) if kinds & bit)
    for kinds in range(8)
)


def _whole(word: str) -> re.Pattern[str]:
    spaced = max(word) < "\u2e80"
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)" if spaced else re.escape(word), re.IGNORECASE)


def _word_start(text: str, near: int, before: int) -> int:
    space = text.find(" ", near, before)
    return near if space < 0 or not near else space + 1
