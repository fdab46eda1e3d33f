"""The report as one table for a spreadsheet: a row for each figure and each line that is quoted.

It begins with a byte order mark, without which Excel takes UTF-8 for something else, and its lines end as RFC 4180 has
it. Texts of strangers compute nothing; figures are plain numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from listener.nps.estimate import Figure
from listener.report import words
from listener.report.build import Excerpt, Report
from listener.report.columns import plain
from listener.report.sections import Quote
from storage.records import stamp

_RUNS = "(?=[\\s'\"\u200b\u2060]*[=+\\-@＝＋－＠﹢﹣﹦﹫])"
_FORMULA = re.compile(f"^{_RUNS}")
_AFTER_SEPARATOR = re.compile(f"(?<=;){_RUNS}")
"""Where the semicolon separates cells, as it does in half of Europe, what follows one is a cell of its own."""

_Cell = str | int | float | None


class Row(NamedTuple):
    """`value` is in `unit`, between `low` and `high` where it is an estimate. Times are UTC; `at` of a day is the day
    itself."""

    brand: str
    since: str
    until: str
    section: str
    name: str
    value: _Cell = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    at: str = ""
    source: str = ""
    author: str = ""
    text: str = ""
    url: str = ""


def render(reports: Sequence[Report]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(Row._fields)
    for report in reports:
        writer.writerows(map(_cell, row) for row in rows(report))
    return "\ufeff" + stream.getvalue()


def rows(report: Report) -> Iterator[Row]:
    blank = Row(report.brand, _time(report.since), _time(report.until), "", "")
    for row in (*_figures(report), *_counts(report), *_work(report), *_lists(report), *_sources(report)):
        yield row._replace(brand=blank.brand, since=row.since or blank.since, until=row.until or blank.until)


def harmless(text: str) -> str:
    """On one line, and such that no spreadsheet computes it."""
    line = " ".join(plain(text.replace("\t", " ").replace("\r", " ")).split())
    return _AFTER_SEPARATOR.sub("'", _FORMULA.sub("'", line))


def _cell(value: _Cell) -> _Cell:
    return harmless(value) if isinstance(value, str) else value


def _row(section: str, name: str, value: _Cell, unit: str = "mentions", **others: Any) -> Row:
    return Row("", "", "", section, name, value, unit=unit)._replace(**others)


def _figures(report: Report) -> Iterator[Row]:
    yield _figure("figures", "implied NPS", report.inps)
    yield _figure("figures", "NET", report.net)
    if change := report.trend.change:
        ends = {"low": _round(change.low), "high": _round(change.high)}
        yield _row("figures", "change", _round(change.difference), "points", text=change.words, **ends)
    else:
        yield _row("figures", "change", None, "points", text=report.trend.reason)
    for week in report.weeks:
        yield _figure("weeks", "implied NPS", week.figures.inps, week.since, week.until)
        yield _row("weeks", "mentions", week.mentions, since=_time(week.since), until=_time(week.until))


def _figure(section: str, name: str, of: Figure, since: datetime | None = None, until: datetime | None = None) -> Row:
    row = _row(section, name, None, "points", text=of.reason or of.badge)
    row = row._replace(since=_time(since) if since else "", until=_time(until) if until else "")
    if (found := of.estimate) is None:
        return row
    return row._replace(value=_round(found.value), low=_round(found.low), high=_round(found.high))


def _counts(report: Report) -> Iterator[Row]:
    people = report.population
    yield from (_row("labels", label, people.labels[label]) for label in words.NAMES)
    yield from (_row("labels", f"unscored ({reason})", n) for reason, n in sorted(people.unscored.items()))
    for step, left, why in words.waterfall(report):
        yield _row("waterfall", step, left, "authors" if step == "authors" else "mentions", text=why)
    for source, counts in sorted(people.by_source.items()):
        yield from (_row("labels by source", label, n, source=source) for label, n in sorted(counts.items()))
    for day in report.sections.days:
        its = {"since": _time(day.since), "until": _time(day.until), "at": words.when(day.since, report)[:10]}
        yield from (_row("days", label, n, **its) for label, n in day.counts.items())


def _work(report: Report) -> Iterator[Row]:
    found, answers = report.sections.unanswered, report.sections.answers
    yield _row("needs an answer", "open", found.open, "cases")
    yield _row("needs an answer", "overdue", found.late, "cases", text="or more" if found.more else "")
    for one in found.first:
        due = f"overdue since {_time(one.due_at)}" if one.late and one.due_at else "open"
        yield _quoted(_row("needs an answer", due, None, ""), one.quote)
    yield _row("response times", "answers", answers.answers, "answers", text="the newest" if answers.more else "")
    for name, length in (("median", answers.median), ("nine of ten within", answers.p90)):
        yield _row("response times", name, None if length is None else round(length.total_seconds() / 60), "minutes")
    yield _row("response times", "due", answers.due, "answers")
    yield _row("response times", "in time", answers.timely, "answers")


def _lists(report: Report) -> Iterator[Row]:
    told = report.sections
    for theme in told.complaints.themes:
        row = _row("themes", theme.term, theme.authors, "authors")
        yield _quoted(row, theme.examples[0]) if theme.examples else row
    yield from (_quoted(_row("questions", one.text, one.askers, "people"), one.quote) for one in told.questions)
    for one in told.advocates:
        yield _row("advocates", one.name, one.praise, source=", ".join(one.sources), author=one.handle, url=one.url)
    yield from (_quoted(_row("praise", praise.permission, None, ""), praise.quote) for praise in told.praise)
    for brand, part in sorted((told.share.shares if told.share else {}).items()):
        yield _row("share of voice", brand, round(100 * part, 2), "per cent")
    yield from (_row("told more than once", "", one.mentions, text=one.text, url=one.url) for one in report.stories)
    for label, excerpts in (("detractors", report.detractors), ("promoters", report.promoters)):
        yield from (_excerpt(label, one) for one in excerpts)


def _sources(report: Report) -> Iterator[Row]:
    for source in report.sources:
        health = words.health(source, report)
        yield _row("sources", "heard", int(source.covered), "yes or no", source=source.source, text=health)
    for strip in report.sections.heard:
        yield from (_row("heard by day", how, 1, "days", at=day, source=strip.source) for day, how in strip.days)


def _quoted(row: Row, quote: Quote) -> Row:
    return row._replace(at=_time(quote.at), source=quote.source, author=quote.author, text=quote.text, url=quote.url)


def _excerpt(section: str, of: Excerpt) -> Row:
    row = _row(section, of.title, round(of.confidence, 4), "confidence", at=_time(of.at), source=of.source)
    return row._replace(author=of.author, text=of.text, url=of.url)


def _round(points: float) -> float:
    return round(points, 2) + 0.0  # no −0.0


def _time(at: datetime) -> str:
    return stamp(at)[:19] + "Z"
