"""How a brand does: its figures over time, each with the mentions behind it, and none that the report would refuse.

Everything is counted anew for each look at it; the slow part, the weeks, is counted aside on other cores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, time, tzinfo
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.coverage import SourceHealth, heard_share, source_health
from listener.desk import charts
from listener.desk.charts import Chart, Column, Interval
from listener.desk.context import Desk, Entry, desk_of, page
from listener.desk.filters import PERIODS
from listener.desk.responses import responses
from listener.desk.shown import Label, label_of, span
from listener.desk.sources import Heard
from listener.desk.sources import heard as heard_sources
from listener.desk.voice import shares
from listener.measure import Measured, measure
from listener.nps.estimate import Figure, Gate
from listener.nps.share import ShareOfVoice
from listener.quantities import parse_duration
from listener.report import words
from listener.report.days import midnights
from listener.report.trend import WEEKLY, Week, edges_of_weeks, week
from storage.records import stamp
from storage.records_desk import OPEN

WINDOWS = ("7d", "30d", "90d")
_USUAL = "30d"
_LABELS = ("promoter", "passive", "detractor", "no_opinion", "unscored")
_ANSWERS = 5_000
_ASIDE = 2
"""Threads that count weeks."""


class Asked(NamedTuple):
    """What the address asks for; `since` is as the address of a list says it."""

    brand: str
    window: str
    since: datetime
    until: datetime
    zone: tzinfo

    def link(self, since: str = "", until: str = "", **narrowed: str) -> str:
        """The mentions behind a figure."""
        asked = {"brand": self.brand, **narrowed, "since": since or self.window, "until": until}
        return "/mentions?" + urlencode({name: value for name, value in asked.items() if value})

    def between(self, begin: datetime, end: datetime) -> str:
        """The same, of a part of the window."""
        return self.link(_in_address(begin, self.zone), "" if end == self.until else _in_address(end, self.zone))


def _in_address(at: datetime, zone: tzinfo) -> str:
    """A day where it is the beginning of one, else the time."""
    local = at.astimezone(zone)
    return local.date().isoformat() if local.time() == time() else stamp(at)


class Day(NamedTuple):
    name: str
    counts: Mapping[str, int]
    href: str


class Counted(NamedTuple):
    """`by_week` is None where the window is too short to be told by weeks."""

    sources: tuple[SourceHealth, ...]
    measured: Measured
    share: ShareOfVoice
    days: list[Day]
    by_week: tuple[Week, ...] | None


class Strip(NamedTuple):
    """One label's days; `label` None is all of them."""

    label: Label | None
    total: int
    chart: Chart
    href: str


def dashboard(request: Request) -> Response:
    desk = desk_of(request)
    brands = [brand.name for brand in desk.config.settings.brands]
    if not brands:
        raise HTTPException(404, "There is nothing to show: no brand is configured.")
    asked = _asked(request, brands, desk)
    found = _counted(desk, asked, _aside(request))
    values: dict[str, Any] = {
        "asked": asked,
        "brands": brands,
        "windows": [(one, PERIODS[one]) for one in WINDOWS],
        "span": words.window(asked),
        "days": found.days,
        "strips": _strips(asked, found.days),
        "labels": [label_of(label) for label in _LABELS],
        "share": _share(asked, found.share),
    }
    values |= _nps(asked, found) | _answers(desk, asked) | _heard(desk, asked, found)
    return page(request, "dashboard.html", **values)


def _asked(request: Request, brands: Sequence[str], desk: Desk) -> Asked:
    given = request.query_params
    if len(given.getlist("brand")) > 1 or len(given.getlist("window")) > 1:
        raise HTTPException(400, "A brand or a window stands twice in the address.")
    brand, window = given.get("brand") or brands[0], given.get("window") or _USUAL
    if brand not in brands:
        raise HTTPException(400, f"There is no brand '{brand[:100]}'; there are {', '.join(brands)}.")
    if window not in WINDOWS:
        raise HTTPException(400, f"There is no window '{window[:100]}'; there are {', '.join(WINDOWS)}.")
    now = desk.now().astimezone(UTC)
    return Asked(brand, window, now - parse_duration(window), now, desk.zone)


def _aside(request: Request) -> Executor:
    """The same few threads for all looks, however many come at once."""
    state = request.app.state
    found: Executor | None = getattr(state, "dashboard_aside", None)
    if found is None:
        found = state.dashboard_aside = ThreadPoolExecutor(_ASIDE, "dashboard")
    return found


def _counted(desk: Desk, asked: Asked, aside: Executor) -> Counted:
    """As `listener report` counts it."""
    gate = Gate(**desk.config.settings.report.model_dump())
    unasked = desk.app.unasked()
    over = (asked.since, asked.until)
    weekly = asked.until - asked.since >= WEEKLY
    edges = edges_of_weeks(*over, asked.zone) if weekly else ()
    begun = [aside.submit(week, desk.store, asked.brand, *one, gate, unasked) for one in edges]
    sources = source_health(desk.store, *over, unasked)
    measured = measure(desk.store, asked.brand, *over, heard_share(sources), gate)
    share = shares(desk.store, desk.config, *over, sources)
    days = _days(desk, asked)
    return Counted(sources, measured, share, days, tuple(one.result() for one in begun) if weekly else None)


# -- implied NPS


def _nps(asked: Asked, found: Counted) -> dict[str, Any]:
    figures = found.measured.figures
    told = [(week, _week_name(week, asked)) for week in found.by_week or ()]
    columns = [Column(name, f"{name}: {words.figure(week.figures.inps)}", _behind(week, asked)) for week, name in told]
    numbers = [_interval(week.figures.inps) for week, _ in told]
    said = f"{sum(map(bool, numbers))} of {len(numbers)} weeks have a number; the table below has all of them."
    return {
        "inps": figures.inps,
        "inps_number": words.signed(figures.inps.estimate.value) if figures.inps.estimate else "",
        "inps_interval": words.figure(figures.inps).partition(" ")[2][1:-1],
        "inps_words": words.figure(figures.inps),
        "net_words": words.figure(figures.net),
        "audit_words": words.audits(found.measured),
        "method": words.METHOD,
        "weekly": found.by_week is not None,
        "weeks": [(name, week.mentions, words.figure(week.figures.inps), _behind(week, asked)) for week, name in told],
        "nps_chart": charts.intervals("nps", f"Implied NPS of {asked.brand} by week", said, columns, numbers),
    }


def _interval(of: Figure) -> Interval | None:
    return Interval(of.estimate.value, of.estimate.low, of.estimate.high) if of.estimate else None


def _week_name(week: Week, asked: Asked) -> str:
    return f"{week.since.astimezone(asked.zone):%d %b}"


def _behind(week: Week, asked: Asked) -> str:
    return asked.between(week.since, week.until)


# -- volume


def _days(desk: Desk, asked: Asked) -> list[Day]:
    """Local days; of the first and the last what the window has of them."""
    edges = [asked.since, *midnights(asked.since, asked.until, asked.zone), asked.until]
    counted = desk.store.volumes(asked.brand, [stamp(edge) for edge in edges])
    days = []
    for (begin, end), counts in zip(pairwise(edges), counted, strict=True):
        named = {label or "unscored": many for label, many in counts.items()}
        name = f"{begin.astimezone(asked.zone):%d %b}"
        days.append(Day(name, named, asked.between(begin, end)))
    return days


def _strips(asked: Asked, days: Sequence[Day]) -> list[Strip]:
    """All on one scale, so that they can be compared with each other."""
    most = max((sum(day.counts.values()) for day in days), default=0)
    return [_strip(asked, days, label, most) for label in ("", *_LABELS)]


def _strip(asked: Asked, days: Sequence[Day], label: str, most: int) -> Strip:
    counts = [day.counts.get(label, 0) if label else sum(day.counts.values()) for day in days]
    named = label_of(label) if label else None
    word = named.word if named else "all mentions"
    columns = [
        Column(day.name, f"{day.name}: {count:,} {word}", f"{day.href}&label={label}" if label else day.href)
        for day, count in zip(days, counts, strict=True)
    ]
    said = f"{sum(counts):,} in all, {max(counts, default=0):,} at most on a day; the table below has every day."
    chart = charts.strip(f"v-{label or 'all'}", f"{word} a day", said, columns, counts, most, label or "all")
    return Strip(named, sum(counts), chart, asked.link(label=label))


# -- answers


def _answers(desk: Desk, asked: Asked) -> dict[str, Any]:
    window = (stamp(asked.since), stamp(asked.until))
    found = responses(desk.store.answered(asked.brand, *window, _ANSWERS))
    counted = desk.store.open_counts(stamp(desk.now()))
    behind = "/mentions?" + urlencode({"brand": asked.brand, "state": "answered"})
    columns = [Column(name, f"{name}: {count:,} answers", behind) for name, count in found.spread]
    said = "; ".join(column.hint for column in columns)
    chart = charts.bars("took", "First answers by how long they took", said, columns, [n for _, n in found.spread])
    return {
        "responses": found,
        "response_chart": chart if found.answers else None,
        "response_median": span(found.median) if found.median is not None else "",
        "at_most": _ANSWERS if found.answers == _ANSWERS else 0,
        "answered_link": behind,
        "waiting": sum(many for (brand, state), many in counted.items() if brand == asked.brand and state in OPEN),
        "waiting_link": "/?" + urlencode({"brand": asked.brand}),
    }


# -- sources and shares


def _heard(desk: Desk, asked: Asked, found: Counted) -> dict[str, Any]:
    worst: dict[str, Heard] = {}
    for one in heard_sources(desk):  # the worst watch of a source comes first
        worst.setdefault(one.source, one)
    counts = found.measured.population.by_source
    rows = [_source(asked, one, worst.get(one.source), counts.get(one.source, Counter())) for one in found.sources]
    return {"sources": rows, "coverage_words": words.heard(found.sources)}


def _source(asked: Asked, source: SourceHealth, now: Heard | None, counted: Counter[str]) -> dict[str, Any]:
    """`now` is None for a source that is no longer configured."""
    return {
        "name": source.source,
        "state": now.state if now else "",
        "reason": now.reason if now else "no longer configured",
        "covered": source.covered,
        "runs": ", ".join(f"{outcome} {n:,}" for outcome, n in sorted(source.runs.items())),
        "mentions": counted.total(),
        "href": asked.link(source=source.source),
    }


def _share(asked: Asked, found: ShareOfVoice) -> dict[str, Any]:
    ranked = sorted(found.shares.items(), key=lambda one: (-one[1], one[0]))
    over = [("source", source) for source in found.sources]
    rows = [
        {
            "brand": brand,
            "share": share,
            "mentions": found.mentions[brand],
            "href": "/mentions?" + urlencode([("brand", brand), *over, ("since", asked.window)]),
        }
        for brand, share in ranked
    ]
    return {"rows": rows, "reason": found.reason, "sources": found.sources, "passed_over": found.passed_over}


ENTRIES = (Entry("/dashboard", dashboard),)
