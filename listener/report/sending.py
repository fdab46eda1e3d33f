"""A report as a notice in the outbox: to each channel once for its brands and its period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from connectors.post import short_id
from listener.alerts.notice import Notice
from listener.report import section_words, words
from listener.report.build import Report
from storage.records import Alert, Delivery, stamp

RULE = "report"
_FEW = 3
"""More brands than these are told in a line each, and not by name in the title: the date would be lost."""

_INSTANT = timedelta(microseconds=1)


def alert_id(brands: Sequence[str], since: datetime, until: datetime, channel: str) -> str:
    """The same for the same brands in any order, period and channel."""
    return short_id("report", *sorted(brands), stamp(since), stamp(until), channel)


def delivery_id(alert: str, channel: str) -> str:
    return short_id(alert, channel)


def raised(notice: Notice, reports: Sequence[Report], channel: str) -> tuple[Alert, tuple[Delivery, ...]]:
    """As `store.add_alerts` takes it; due at once."""
    brands = [report.brand for report in reports]
    its_id = alert_id(brands, reports[0].since, reports[0].until, channel)
    brand = brands[0] if len(brands) == 1 else ""
    alert = Alert(its_id, RULE, brand, None, notice.found_at, notice.to_json())
    waiting = Delivery(delivery_id(its_id, channel), its_id, channel, "waiting", 0, notice.found_at, "", None)
    return alert, (waiting,)


def notice_of(
    reports: Sequence[Report], stored: str, now: datetime, address: str = "", reasons: Sequence[str] = ()
) -> Notice:
    """`stored` is the id of the stored report in HTML, `address` that of the desk ("" nobody knows it)."""
    one = reports[0] if len(reports) == 1 else None
    lines = None if len(reports) <= _FEW else 1
    narrowed = f"?{urlencode({'brand': one.brand})}" if one else ""
    return Notice(
        type="report",
        found_at=stamp(now),
        brand=one.brand if one else "",
        title=_title(reports),
        text="\n".join(
            line for report in reports for line in _lines(report, "" if one else f"{report.brand}: ")[:lines]
        ),
        facts=tuple(_facts(one)) if one else tuple((report.brand, _in_short(report)) for report in reports),
        reasons=tuple(reasons),
        desk=f"{address}/dashboard{narrowed}" if address else "",
        report=stored,
    ).bounded()


def _title(reports: Sequence[Report]) -> str:
    few = len(reports) <= _FEW
    return f"{', '.join(report.brand for report in reports) if few else f'{len(reports)} brands'} {_when(reports[0])}"


def _when(report: Report) -> str:
    first = report.since.astimezone(report.zone).date()
    last = (report.until - _INSTANT).astimezone(report.zone).date()
    return f"on {_day(last)}" if first == last else f"from {_day(first)} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _lines(report: Report, whose: str) -> list[str]:
    """What there is to know at once, a sentence a line; nothing that a stranger said but the words of themes."""
    found = report.sections
    lines = [
        _figure(report),
        f"Change: {words.change(report)}.",
        f"Answers: {section_words.unanswered(found.unanswered)}.",
    ]
    if themes := found.complaints.themes:
        told = ", ".join(f"{theme.term} ({theme.authors} authors)" for theme in themes[:3])
        lines.append(f"Detractors say more than before: {told}.")
    if report.covered < len(report.sources) or not report.sources:
        lines.append(f"Coverage: {words.heard(report.sources)}.")
    return [f"{whose}{line}" for line in lines]


def _facts(report: Report) -> list[tuple[str, str]]:
    return [
        ("Implied NPS", _number(report)),
        ("Mentions", f"{report.population.eligible:,}"),
        ("Open cases", _cases(report)),
        ("Sources heard", f"{report.covered} of {len(report.sources)}"),
    ]


def _in_short(report: Report) -> str:
    return f"implied NPS: {_number(report)}; {_mentions(report)}; open cases: {_cases(report)}"


def _mentions(report: Report) -> str:
    many = report.population.eligible
    return f"{many:,} mention{'' if many == 1 else 's'}"


def _cases(report: Report) -> str:
    found = report.sections.unanswered
    more = " or more" if found.more else ""
    return f"{found.open:,}" + (f" ({found.late:,}{more} overdue)" if found.late else "")


def _figure(report: Report) -> str:
    if report.inps.estimate is None:
        return f"{_mentions(report)}, no implied NPS: {report.inps.reason}."
    return f"Implied NPS {_number(report)}, {_mentions(report)}."


def _number(report: Report) -> str:
    estimate = report.inps.estimate
    if estimate is None:
        return "no number"
    return f"{words.signed(estimate.value)} ({words.signed(estimate.low)} to {words.signed(estimate.high)})"
