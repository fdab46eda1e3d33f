"""The report as one HTML file that needs nothing else: it opens from a mail or a folder, prints, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from listener.desk.charts import Interval
from listener.desk.shown import link
from listener.nps.estimate import Figure
from listener.report import drawing, section_words, words
from listener.report.build import Excerpt, Report
from listener.report.columns import plain
from listener.report.section_words import Entry, Section
from listener.report.sections import Day
from listener.report.trend import Week

_NAMES = {**words.NAMES, "unscored": "unscored"}
_NOT_IN_HTML = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TICKED = re.compile("`([^`]+)`")
_HEAD = ("Implied NPS", "NET", "Coverage")
"""What of the summary stands at the very top."""


_INSTANT = timedelta(microseconds=1)


class Bar(NamedTuple):
    """`share` is how much of the longest it is, in per cent."""

    name: str
    many: int
    share: float


def render(reports: Sequence[Report]) -> str:
    """The same bytes for the same data. Nothing in it is loaded from anywhere, and nothing in it can run."""
    title = ", ".join(dict.fromkeys(report.brand for report in reports))
    shown = [_shown(report, f"r{number}") for number, report in enumerate(reports, 1)]
    rendered: str = _template().render(title=f"{title}: {_days(reports[0])}", reports=shown)
    return rendered + "\n"


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # slow to load: for those who want HTML

    loader = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.finalize = _clean
    made.filters |= {"web": link, "host": _host, "code": _code}
    return made.get_template("report.html")


def _clean(value: Any) -> Any:
    """No text rearranges the page or makes it invalid."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _NOT_IN_HTML.sub("", plain(value))
    return value


def _code(text: str) -> Markup:
    """What our own sentences have in backticks."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(_clean(text)))))


def _host(url: str) -> str:
    """What a reader is told of where a link leads."""
    try:
        return urlsplit(url).hostname or "open"
    except ValueError:
        return "open"


def _shown(report: Report, its_id: str) -> dict[str, Any]:
    summary = [(what, said) for what, said in words.summary(report) if what not in _HEAD]
    return {
        "id": its_id,
        "brand": report.brand,
        "window": words.window(report),
        "inps": _figure(report.inps),
        "net": _figure(report.net),
        "tiles": _tiles(report),
        "summary": summary,
        "course": _course(report, f"{its_id}-course"),
        "weeks": [(_span(week, report), week.mentions, words.figure(week.figures.inps)) for week in report.weeks],
        "sections": section_words.sections(report),
        "themes": _themes(report),
        "stories": [Entry(words.story(one), "", one.url) for one in report.stories],
        "detractors": Section("Detractors, the surest first", "", _excerpts(report.detractors, report)),
        "promoters": Section("Promoters, the surest first", "", _excerpts(report.promoters, report)),
        **_counts(report, its_id),
        **_sources(report),
        "audits": words.confusion(report.measured.figures.audits),
        "method": words.METHOD,
    }


def _figure(of: Figure) -> dict[str, Any]:
    estimate = of.estimate
    if estimate is None:
        return {"value": "", "reason": of.reason, "badge": of.badge}
    low, high = words.signed(estimate.low), words.signed(estimate.high)
    place = drawing.placed(Interval(estimate.value, estimate.low, estimate.high))
    return {"value": words.signed(estimate.value), "low": low, "high": high, "badge": of.badge, "place": place}


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """(what, how many, what to add)."""
    found = report.sections.unanswered
    late = f"{found.late:,}{' or more' if found.more else ''} overdue" if found.late else "none overdue"
    authors = f"by {report.population.authors:,} with an opinion" if report.population.authors else "no opinions"
    lost = [source.source for source in report.sources if not source.covered]
    heard = f"{report.covered} of {len(report.sources)}" if report.sources else "none configured"
    return [
        ("Mentions", f"{report.population.eligible:,}", authors),
        ("Open cases", f"{found.open:,}", late if found.open else ""),
        ("Sources heard", heard, f"not {', '.join(lost)}" if lost else ""),
    ]


# -- drawings


def _course(report: Report, its_id: str) -> drawing.Course | None:
    found = [_interval(week.figures.inps) for week in report.weeks]
    names = [f"{week.since.astimezone(report.zone):%d %b}" for week in report.weeks]
    said = f"{sum(map(bool, found))} of {len(found)} weeks have a number; the table below has all of them."
    return drawing.course(its_id, f"Implied NPS of {report.brand} by week", said, names, found)


def _interval(of: Figure) -> Interval | None:
    return Interval(of.estimate.value, of.estimate.low, of.estimate.high) if of.estimate else None


def _counts(report: Report, its_id: str) -> dict[str, Any]:
    """Mentions by day and by label, and what became of them."""
    days = report.sections.days
    several = drawing.columns(days)
    labels = [label for label in drawing.LABELS if any(day.counts.get(label) for day in days)]
    names = [f"{day.since.astimezone(report.zone):%d %b}" for day in several]
    total, most = (f(sum(day.counts.values()) for day in days) if days else 0 for f in (sum, max))
    said = f"{total:,} mentions on {len(days):,} days, {most:,} at most on one; the table below has them by label."
    chart = drawing.volume(
        f"{its_id}-volume", f"Mentions of {report.brand} by day and label", said, names, [day.counts for day in several]
    )
    return {
        "volume": chart if len(days) > 2 and total else None,
        "days": [(_span(day, report), [day.counts.get(label, 0) for label in labels]) for day in several],
        "labels": [(label, _NAMES[label]) for label in labels],
        "bars": _bars(report),
        "waterfall": words.waterfall(report),
    }


def _bars(report: Report) -> list[tuple[str, Bar]]:
    """(label, its bar)."""
    people = report.population
    counted = [(label, name, people.labels[label]) for label, name in words.NAMES.items()]
    counted += [("unscored", f"unscored ({reason})", n) for reason, n in sorted(people.unscored.items())]
    most = max((n for _, _, n in counted), default=0)
    return [(label, Bar(name, n, _share(n, most))) for label, name, n in counted]


def _themes(report: Report) -> dict[str, Any]:
    """The section whose entries have bars, and how long they are."""
    found = report.sections.complaints.themes
    most = max((theme.authors for theme in found), default=0)
    return {"title": section_words.COMPLAINTS, "shares": [_share(theme.authors, most) for theme in found]}


def _share(part: int, most: int) -> float:
    return round(100 * part / most, 2) if most else 0.0


# -- tables


def _sources(report: Report) -> dict[str, Any]:
    strips = {strip.source: drawing.ribbon(strip) for strip in report.sections.heard}
    days = next((strip.days for strip in report.sections.heard), ())
    rows = [
        (
            source.source,
            source.covered,
            words.health(source, report),
            section_words.gaps_of(source.source, report),
            strips.get(source.source),
        )
        for source in report.sources
    ]
    return {"sources": rows, "heard": words.heard(report.sources), "ends": (days[0][0], days[-1][0]) if days else None}


def _excerpts(excerpts: Sequence[Excerpt], report: Report) -> tuple[Entry, ...]:
    return tuple(Entry(words.headline(one), words.byline(one, report), one.url) for one in excerpts)


def _span(of: Day | Week, report: Report) -> str:
    """'2026-11-16', or the first and the last of several days."""
    first, last = words.when(of.since, report)[:10], words.when(of.until - _INSTANT, report)[:10]
    return first if first == last else f"{first} to {last}"


def _days(report: Report) -> str:
    return _span(Day(report.since, report.until, {}), report)
