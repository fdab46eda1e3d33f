"""What of a mention is shown, in the words people read. Pure; templates only lay it out.

A blind item (`Item.audit_id`) loses here all that the machine thinks of it, so that no template can show it: its label,
value, confidence, words, tags and what follows from them, the clock and the state of a case that was flagged for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from listener.desk.claims import held_by, seen
from listener.desk.marks import Piece, Span, brand_spans, excerpt, excerpt_end
from listener.match import Matcher
from storage.records import Post, moment, stamp
from storage.records_desk import CLOSED, OPEN, Case, Item

_EXCERPT = 360
_LOOKS = (400, 1_200, 4_000)
"""Characters of a text that a list looks into: at more only where the brand is not found in fewer. To find the places
in a text that is not plain ASCII takes a microsecond for each."""
_SOON = timedelta(hours=1)
_MINUTE, _NONE = timedelta(minutes=1), timedelta()

LETTERS = {"promoter": "P", "passive": "S", "detractor": "D", "no_opinion": "N", "not_us": "X", "unscored": "?"}
"""Label → the key that gives it, which also stands on its chip: colour alone tells nobody who cannot see it."""


class When(NamedTuple):
    """A time: as machines read it, how long ago, and exactly, in the configured zone."""

    iso: str
    ago: str
    exact: str


class Clock(NamedTuple):
    """The time left for an answer; `kind` is "overdue", "soon" or "due"."""

    kind: str
    text: str
    due: When


class Label(NamedTuple):
    """`by` is who says so, "" the machine; `sure` such as "87 %", only the machine's."""

    name: str
    letter: str
    word: str
    sure: str
    by: str


class Row(NamedTuple):
    """A mention in a list. `label` is None where it is hidden (`blind`). `state` "" is no case, or a hidden one."""

    id: str
    seen: str
    blind: bool
    brand: str
    source: str
    genre: str
    author: str
    reach: str
    rating: str
    language: str
    url: str
    gone: bool
    at: When
    title: tuple[Piece, ...]
    text: tuple[Piece, ...]
    label: Label | None
    state: str
    closed: bool
    assignee: str
    held_by: str
    until: When | None
    clock: Clock | None


def row(item: Item, matcher: Matcher, user: str, now: datetime, zone: tzinfo) -> Row:
    """`user` is who looks: what they hold themselves is not held."""
    mention, post, case = item.mention, item.post, item.case
    blind = bool(item.audit_id)
    of_title, of_text = _brand_in(post, mention.brand, matcher)
    holder = held_by(case, now)
    shows = case is not None and not (blind and case.state == "new")
    return Row(
        id=mention.id,
        seen=seen(mention.id, case, item.review),
        blind=blind,
        brand=mention.brand,
        source=post.source,
        genre=post.genre,
        author=post.author,
        reach=reach(item.reach),
        rating=rating(post),
        language="" if blind else mention.language,
        url=link(post.url),
        gone=post.deleted_at is not None,
        at=when(post.at or post.first_seen_at, now, zone),
        title=excerpt(post.title, of_title, 160) if post.title and not post.text.startswith(post.title) else (),
        text=excerpt(post.text[: _LOOKS[-1]], of_text, _EXCERPT),
        label=None if blind else label(item),
        state=case.state if case and shows else "",
        closed=case is not None and shows and case.state in CLOSED,
        assignee=case.assignee if case and shows else "",
        held_by=holder if holder != user else "",
        until=when(case.snoozed_until, now, zone) if case and shows and case.snoozed_until else None,
        clock=None if blind else clock(case, now, zone),
    )


def _brand_in(post: Post, brand: str, matcher: Matcher) -> tuple[list[Span], list[Span]]:
    """Of the title and of the text, as far as an excerpt shows it."""
    for read in _LOOKS:
        of_title, of_text = brand_spans(matcher, post, brand, read)
        if read >= len(post.text) or (of_text and excerpt_end(of_text[0][0], _EXCERPT) <= read):
            break
    return of_title, of_text


def label(item: Item) -> Label:
    """The one that holds: a person's before the machine's."""
    if item.review is not None:
        return label_of(item.review.label, by=item.review.reviewer)
    if item.mention.label is None:
        return label_of("unscored")
    return label_of(item.mention.label, sure=sure(item.mention.confidence))


def sure(confidence: float) -> str:
    """No model is sure altogether; only an author's own rating is."""
    return ">99%" if 0.995 <= confidence < 1 else f"{confidence:.0%}"


def label_of(name: str, by: str = "", sure: str = "") -> Label:
    return Label(name, LETTERS.get(name, "?"), words(name), sure, by)


def words(name: str) -> str:
    """A label, a state or a genre as people write it."""
    return name.replace("_", " ")


def clock(case: Case | None, now: datetime, zone: tzinfo) -> Clock | None:
    asleep = case is not None and case.snoozed_until is not None and case.snoozed_until > stamp(now)
    if case is None or case.state not in OPEN or case.due_at is None or asleep:
        return None
    left = moment(case.due_at) - now
    due = when(case.due_at, now, zone)
    if left <= _NONE:
        return Clock("overdue", f"overdue {span(-left)}", due)
    return Clock("soon" if left <= _SOON else "due", f"{span(left)} left", due)


def when(at: str, now: datetime, zone: tzinfo) -> When:
    passed = now - moment(at)
    ago = f"{span(passed)} ago" if passed >= _MINUTE else "just now"
    if passed < _NONE:
        ago = f"in {span(-passed)}"
    return When(at, ago, _exact(at, zone))


@lru_cache(maxsize=4096)
def _exact(at: str, zone: tzinfo) -> str:
    """Remembered: all who work at a queue are shown the same times, and nothing else of a row costs as much."""
    return f"{moment(at).astimezone(zone):%a %d %b %Y, %H:%M %Z}"


def span(time: timedelta) -> str:
    """In the largest unit that leaves a number above 1: "45 min", "3 h", "12 d", "5 wk", "2 y"."""
    minutes = max(time // _MINUTE, 1)
    for unit, size in (("y", 2 * 525_600), ("wk", 5 * 10_080), ("d", 2 * 1_440), ("h", 100), ("min", 0)):
        if minutes >= size:
            return f"{minutes // _UNITS[unit]} {unit}"
    raise AssertionError("minutes are never below 0")


_UNITS = {"y": 525_600, "wk": 10_080, "d": 1_440, "h": 60, "min": 1}


def reach(readers: int | None) -> str:
    """Such as "950", "12k", "3.4M"; "" where nobody knows."""
    if readers is None:
        return ""
    for size, unit in ((1_000_000_000, "bn"), (1_000_000, "M"), (1_000, "k")):
        if readers >= size:
            count = readers / size
            return f"{math.floor(count * 10) / 10:g}{unit}" if count < 10 else f"{int(count)}{unit}"
    return str(readers)


def rating(post: Post) -> str:
    """The author's own, such as "2/5"; "" none."""
    return "" if post.rating is None or not post.rating_scale else f"{post.rating:g}/{post.rating_scale:g}"


def link(url: str) -> str:
    """What a browser may safely open, else ""."""
    return url if url.lower().startswith(("http://", "https://")) else ""


def weighed(explanation: str) -> list[tuple[str, float]]:
    """(word, weight) of a stored explanation; nothing of one that cannot be read."""
    try:
        return [(str(word), float(weight)) for word, weight in json.loads(explanation)]
    except (ValueError, TypeError):
        return []


def rows(items: Iterable[Item], matcher: Matcher, user: str, now: datetime, zone: tzinfo) -> list[Row]:
    return [row(item, matcher, user, now, zone) for item in items]
