"""Whether a report has anything to say that the one before, over a window as long, had not."""

from __future__ import annotations

from collections.abc import Sequence

from listener.coverage import before, source_health
from listener.report.build import Report
from storage.contract import Store
from storage.records import stamp
from storage.records_desk import Filter

_CASES = 200


def news(store: Store, report: Report, unasked: Sequence[str] = ()) -> list[str]:
    """In words; empty when nothing is new. While no source is heard at all there is always news: nobody can say that
    it was quiet."""
    told = []
    if many := report.population.pool:
        told.append(f"{many:,} new mention{'s' if many > 1 else ''}")
    if report.trend.change is not None and report.trend.change.detectable:
        told.append(report.trend.change.words)
    if report.sources and not report.covered:
        told.append("no source was heard")
    elif lost := _lost(store, report, unasked):
        told.append(f"no longer heard: {', '.join(lost)}")
    if late := _newly_late(store, report):
        told.append(f"{late:,} answer{'s' if late > 1 else ''} newly overdue")
    return told


def _lost(store: Store, report: Report, unasked: Sequence[str]) -> list[str]:
    """Sources that were heard in the window before."""
    began = before(report.since, report.until - report.since)
    well = {source.source for source in source_health(store, began, report.since, unasked) if source.covered}
    return [source.source for source in report.sources if not source.covered and source.source in well]


def _newly_late(store: Store, report: Report) -> int:
    """Open cases that came to be overdue within the window."""
    since, until = stamp(report.since), stamp(report.until)
    late, after = 0, ""
    while True:
        page = store.queue(Filter(brands=(report.brand,)), until, after, _CASES, audits=0)
        cases = [item.case for item in page.items if item.case is not None]
        late += sum(since < case.due_at <= until for case in cases if case.due_at)
        after = page.after
        if not after or (cases and cases[-1].urgent_at > until):  # those that follow are not yet urgent, nor late
            return late
