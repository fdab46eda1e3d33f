"""How well a window was listened to: silence is never mistaken for calm."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from listener.health import HISTORY, UNASKED, silent
from storage.contract import Store
from storage.records import Coverage, Watch, moment, stamp

COVERED = 0.8
"""A source was heard when at least this share of its runs did not fail."""


@dataclass(frozen=True)
class SourceHealth:
    """How well a source was heard in the window. `runs` counts by outcome; `news_at` is when it last gave something
    new; `trouble` is the last run's error, "" when it had none; `silent` says in a sentence that it answered and gave
    nothing although it should have; `deaf` that one of its watches has not been answered since the window began."""

    source: str
    runs: Counter[str]
    heard_at: datetime | None
    news_at: datetime | None
    trouble: str
    silent: str = ""
    deaf: bool = False

    @property
    def covered(self) -> bool:
        total = self.runs.total()
        return total > 0 and 1 - self.runs["failed"] / total >= COVERED and not self.silent and not self.deaf


def before(at: datetime, length: timedelta) -> datetime:
    """`length` earlier, or the beginning of time as Python knows it."""
    beginning = datetime.min.replace(tzinfo=UTC)
    return at - length if at - beginning > length else beginning


def heard_share(sources: Sequence[SourceHealth]) -> float | None:
    """The share of the sources that were heard, 0..1; None where there is none."""
    return sum(source.covered for source in sources) / len(sources) if sources else None


def source_health(
    store: Store, since: datetime, until: datetime, unasked: Sequence[str] = ()
) -> tuple[SourceHealth, ...]:
    """Of every active source, by name; days are UTC days touched by the window. `unasked` names sources that are
    configured and have no watch: they are expected, and were not heard."""
    last_day = until - timedelta(microseconds=1)
    runs: dict[str, Counter[str]] = defaultdict(Counter)
    for row in store.coverage(stamp(since)[:10], stamp(last_day)[:10]):
        _count(runs, row)
    watches: dict[str, list[Watch]] = defaultdict(list)
    mute: dict[str, str] = {}
    deaf: set[str] = set()
    yields = store.yields(stamp(before(until, HISTORY))[:10])
    for watch in store.watches():
        watches[watch.source].append(watch)
        at_the_time = (watch.news_at or "") < stamp(until) and (watch.heard_at or "") > stamp(since)
        if at_the_time and (silence := silent(watch, yields.get(watch.id))):
            mute.setdefault(watch.source, silence)
        if watch.last_run_at and (watch.heard_at or "") < stamp(since):
            deaf.add(watch.source)
    known = [_health(name, watches[name], runs[name], mute.get(name, ""), name in deaf) for name in watches]
    never = [SourceHealth(name, Counter(), None, None, UNASKED.reason) for name in unasked]
    return tuple(sorted(known + never, key=lambda source: source.source))


def _count(runs: dict[str, Counter[str]], row: Coverage) -> None:
    runs[row.source][row.outcome] += row.runs


def _health(name: str, watches: list[Watch], runs: Counter[str], silent: str, deaf: bool) -> SourceHealth:
    heard = [watch.heard_at for watch in watches if watch.heard_at]
    news = [watch.news_at for watch in watches if watch.news_at]
    trouble = next((watch.closed or watch.last_error for watch in watches if watch.closed or watch.last_error), "")
    return SourceHealth(
        name,
        runs,
        moment(min(heard)) if len(heard) == len(watches) else None,
        moment(max(news)) if news else None,
        trouble,
        silent,
        deaf,
    )
