"""Filters as they stand in the URL, so that a list can be sent to a colleague, saved, and come back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple, get_args
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from listener.audits import ANSWERS
from listener.config import Config
from listener.desk.shown import words
from listener.quantities import parse_when
from storage.records import stamp
from storage.records_desk import Filter, State

LABELS = (*ANSWERS, "unscored")
STATES = (*get_args(State), "none")
PERIODS = {"24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days", "90d": "last 90 days"}
RATINGS = ("1", "2", "3", "4")

_SEVERAL = ("brand", "source", "label", "language", "state")
_ONE = ("assignee", "rating", "since", "until", "q")
_LONGEST = 200
_MOST = 50


class Wanted(NamedTuple):
    """`given` is what the URL says, in its order, without what is empty."""

    filter: Filter
    given: tuple[tuple[str, str], ...]

    @property
    def query(self) -> str:
        """As it stands in the URL, in one spelling; "" for everything."""
        return urlencode(self.given)

    def without(self, name: str, value: str) -> str:
        """The query that lacks one of its filters."""
        return urlencode([one for one in self.given if one != (name, value)])

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.given if key == name]

    def value(self, name: str) -> str:
        return next(iter(self.values(name)), "")


class Choice(NamedTuple):
    """A filter with what can be chosen: (value, as people write it)."""

    name: str
    title: str
    options: Sequence[tuple[str, str]]


def wanted(params: QueryParams, user: str, now: datetime, zone: tzinfo) -> Wanted:
    """What a URL asks for. Raises HTTPException 400 for what no list can be narrowed to."""
    given = tuple(
        (name, value.strip()) for name, value in params.multi_items() if name in (*_SEVERAL, *_ONE) and value.strip()
    )
    if len(given) > _MOST or any(len(value) > _LONGEST for _, value in given):
        raise HTTPException(400, "That is a longer filter than this page reads.")
    asked = Wanted(Filter(), given)
    one = {name: _once(asked, name) for name in _ONE}
    return Wanted(
        Filter(
            brands=tuple(asked.values("brand")),
            sources=tuple(asked.values("source")),
            labels=_of(asked.values("label"), LABELS, "label"),
            languages=tuple(asked.values("language")),
            states=_of(asked.values("state"), STATES, "state"),
            assignee=user if one["assignee"] == "me" else one["assignee"],
            rating_at_most=_rating(one["rating"]),
            since=_time(one["since"], zone, now),
            until=_time(one["until"], zone, now),
            text=one["q"],
        ),
        given,
    )


def choices(config: Config, states: Sequence[str] = STATES) -> list[Choice]:
    """The filters that several values can be chosen of."""
    brands = [brand.name for brand in config.settings.brands]
    offered = (
        Choice("brand", "Brand", _same(brands)),
        Choice("source", "Source", _same(sorted(config.sources))),
        Choice("label", "Label", [(label, words(label)) for label in LABELS]),
        Choice("state", "State", [(state, "no case" if state == "none" else words(state)) for state in states]),
        Choice("language", "Language", _same(sorted(config.settings.scoring.languages))),
    )
    return [choice for choice in offered if len(choice.options) > 1]


def unoffered(asked: Wanted, offered: Sequence[Choice], people: Sequence[str]) -> list[tuple[str, str]]:
    """What it is narrowed to that no picker shows, such as a source that was dropped: the form must not lose it."""
    known = {(one.name, value) for one in offered for value, _ in one.options} | {("assignee", name) for name in people}
    return [one for one in asked.given if one[0] in (*_SEVERAL, "assignee") and one not in {*known, ("assignee", "me")}]


def active(asked: Wanted) -> list[tuple[str, str]]:
    """(what it is narrowed to, the query without that)."""
    return [(_WORDED.get(name, _plain)(name, value), asked.without(name, value)) for name, value in asked.given]


_WORDED: dict[str, Callable[[str, str], str]] = {
    "q": lambda _, value: f"“{value}”",
    "rating": lambda _, value: f"at most {value} stars",
    "since": lambda _, value: PERIODS.get(value, f"since {value}"),
    "assignee": lambda _, value: "mine" if value == "me" else f"assigned to {value}",
    "label": lambda _, value: words(value),
    "state": lambda _, value: "no case" if value == "none" else words(value),
}


def _plain(name: str, value: str) -> str:
    return value if name in ("brand", "source") else f"{name} {value}"


def _same(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _once(asked: Wanted, name: str) -> str:
    values = asked.values(name)
    if len(values) > 1:
        raise HTTPException(400, f"The filter '{name}' stands twice in the address.")
    return values[0] if values else ""


def _of(values: Sequence[str], known: Sequence[str], name: str) -> tuple[str, ...]:
    for value in values:
        if value not in known:
            raise HTTPException(400, f"There is no {name} '{value}'; there are {', '.join(known)}.")
    return tuple(values)


def _rating(text: str) -> float | None:
    try:
        stars = float(text) if text else None
    except ValueError:
        stars = -1.0
    if stars is not None and not 0 <= stars <= 5:
        raise HTTPException(400, "A rating is a number of stars, 0 to 5.")
    return stars


def _time(text: str, zone: tzinfo, now: datetime) -> str:
    try:
        return stamp(parse_when(text, zone, now)) if text else ""
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{str(error)[:300]}.") from None


def page_key(params: QueryParams) -> str:
    """Where a list goes on."""
    keys = params.getlist("after")
    if len(keys) > 1 or any(len(key) > _LONGEST for key in keys):
        raise HTTPException(400, "The address does not say where to go on.")
    return keys[0] if keys else ""
