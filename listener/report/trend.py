"""How a window compares with the one before it, and how it went week by week."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from listener.coverage import before, heard_share, source_health
from listener.measure import Measured, Read, measure, measured, read
from listener.nps.estimate import COUNTED, Figure, Figures, Gate
from listener.nps.population import VALUE
from listener.nps.trend import Change, Split, Votes, change, split
from listener.report.days import midnights
from storage.contract import Store
from storage.records_nps import Progress, Seam, Tally

WEEKLY = timedelta(days=13, hours=23)
"""From this length on (14 local days, of which one may lack the hour that clocks are put forward) a window is also told
week by week,"""

LONGEST = timedelta(days=3 * 366)
"""and up to this one: nobody reads more weeks than that."""

ONE_SCORER = 0.99
"""The share of the labels that one scorer must have given, for counts of them to be compared: what was taken away by
its source cannot be scored again."""


class Trend(NamedTuple):
    """`inps` is the figure of the window before, as long, which began at `since`; `change` what happened since then, or
    None with the `reason` why nothing can be said. `split` is NET's by the machine's labels, by source; None where NET
    or those labels cannot be compared."""

    since: datetime
    inps: Figure
    change: Change | None
    reason: str
    split: Split | None


class Week(NamedTuple):
    """Seven local days, or what the window has of them; `mentions` are the eligible ones."""

    since: datetime
    until: datetime
    figures: Figures
    mentions: int


def trend(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    now: Measured,
    gate: Gate,
    seams: Sequence[Seam],
    unasked: Sequence[str] = (),
) -> Trend:
    """`now` is the window itself, `seams` are those of both windows."""
    began = before(since, until - since)
    coverage = heard_share(source_health(store, began, since, unasked))
    past = measure(store, brand, began, since, coverage, gate)
    then, today = past.figures.inps, now.figures.inps
    scorers = past.population.scorers + now.population.scorers
    alike = max(scorers.values(), default=0) >= ONE_SCORER * scorers.total()
    reason = _incomparable(then, today, seams) or ("" if alike else _rescored(today, scorers, seams))
    if reason or then.estimate is None or today.estimate is None:
        return Trend(began, then, None, reason, None)
    told = alike and past.figures.net.estimate and now.figures.net.estimate
    parts = split(_votes(past.tallies), _votes(now.tallies)) if told else None
    return Trend(began, then, change(then.estimate, today.estimate), "", parts)


def _incomparable(then: Figure, today: Figure, seams: Sequence[Seam]) -> str:
    if today.estimate is None:
        return "there is no number now"
    if then.estimate is None:
        return f"there was no number before: {then.reason}"
    if then.method != today.method:
        return f"come by in another way before ({then.badge})"
    return _changed("query", seams)


def _rescored(today: Figure, scorers: Iterable[str], seams: Sequence[Seam]) -> str:
    """People's labels hold whatever the machine was."""
    if today.method != COUNTED:
        return ""
    mixed = f"labels by different scorers ({', '.join(sorted(scorers))}): see `listener rescore`"
    return _changed("scorer", seams) or mixed


def _changed(what: str, seams: Sequence[Seam]) -> str:
    dates = dict.fromkeys(seam.noted_at[:10] for seam in seams if seam.what == what)
    return f"the {what} changed on {', '.join(dates)}" if dates else ""


def _votes(tallies: Iterable[Tally]) -> dict[str, Votes]:
    """By source, what NET counts."""
    votes: dict[str, Votes] = {}
    for tally in tallies:
        if tally.label and not tally.left_out:
            of = votes.get(tally.source, Votes(0.0, 0.0))
            worth = VALUE.get(tally.label, 0) * tally.mentions
            votes[tally.source] = Votes(of.votes + tally.mentions, of.total + worth)
    return votes


def read_week(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    unasked: Sequence[str] = (),
    draws: Sequence[Progress] | None = None,
) -> tuple[Read, float | None]:
    """What a week's figures are made of, and the share of the sources that were heard: all that takes the store.
    `draws` as for `read`."""
    return read(store, brand, since, until, draws=draws), heard_share(source_health(store, since, until, unasked))


def reckoned_week(since: datetime, until: datetime, told: tuple[Read, float | None], gate: Gate) -> Week:
    found = measured(*told, gate)
    return Week(since, until, found.figures, found.population.eligible)


def week(store: Store, brand: str, since: datetime, until: datetime, gate: Gate, unasked: Sequence[str] = ()) -> Week:
    """One by itself, for those who count several at once."""
    return reckoned_week(since, until, read_week(store, brand, since, until, unasked), gate)


def weeks(
    store: Store, brand: str, since: datetime, until: datetime, zone: tzinfo, gate: Gate, unasked: Sequence[str] = ()
) -> tuple[Week, ...]:
    return tuple(week(store, brand, *edges, gate, unasked) for edges in edges_of_weeks(since, until, zone))


def edges_of_weeks(since: datetime, until: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """From Monday to Monday in `zone`, the first and the last as far as the window goes."""
    mondays = [begin for begin in midnights(since, until, zone) if begin.astimezone(zone).weekday() == 0]
    return pairwise([since, *mondays, until])
