"""When each source was heard, day by day: gaps are drawn, never smoothed over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from listener.coverage import COVERED
from listener.report.sections import Heard, Strip
from storage.contract import Store
from storage.records import stamp


def strips(store: Store, since: datetime, until: datetime, sources: Sequence[str]) -> tuple[Strip, ...]:
    """Of each of the `sources`, in their order."""
    first, last = since.astimezone(UTC).date(), (until - timedelta(microseconds=1)).astimezone(UTC).date()
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    runs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in store.coverage(stamp(since)[:10], days[-1]):
        runs[row.source, row.day][row.outcome] += row.runs
    return tuple(Strip(source, tuple((day, heard(runs.get((source, day), {}))) for day in days)) for source in sources)


def heard(outcomes: Mapping[str, int]) -> Heard:
    """By a day's runs of each outcome."""
    total, failed = sum(outcomes.values()), outcomes.get("failed", 0)
    if not total:
        return "not asked"
    if failed == total:
        return "failed"
    well = 1 - failed / total >= COVERED and 2 * outcomes.get("partial", 0) <= total
    return "heard" if well else "partly"


def gaps(strip: Strip) -> list[tuple[str, str, Heard]]:
    """(first day, last day, how) of each stretch in which it was not heard well."""
    found: list[tuple[str, str, Heard]] = []
    before = ""
    for day, how in strip.days:
        if how != "heard":
            if found and found[-1][1] == before and found[-1][2] == how:
                found[-1] = (found[-1][0], day, how)
            else:
                found.append((day, day, how))
        before = day
    return found
