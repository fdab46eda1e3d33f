"""The rule on "source": a source that cannot be heard, or is silent although it should not be; told when it begins and
when it is over."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from listener.alerts.rules.standing import Found, States
from listener.health import HISTORY, Health, health
from storage.records import Run, Watch, Yield, moment, stamp
from storage.records_states import RuleState

_TWICE = 2
"""So many runs in a row must have failed: between two of them nobody may have asked for long."""


class Asked(NamedTuple):
    """A watch as it was at a time, with what it had given until then."""

    watch: Watch
    given: Yield | None


Watches = Callable[[datetime], Iterable[Asked]]
"""All active watches as of a time."""


class SourceRule:
    repeats = False
    cooldown = timedelta(hours=6)

    def __init__(self, watches: Watches, down_for: timedelta) -> None:
        """`down_for` is how long a source must have failed."""
        self._watches = watches
        self._down_for = down_for
        self._asked: set[str] = set()

    def slot(self, at: datetime) -> datetime:
        return at.replace(second=0, microsecond=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        watches: dict[str, list[Watch]] = defaultdict(list)
        troubles: dict[str, list[Health]] = defaultdict(list)
        for asked in self._watches(at):
            watches[asked.watch.source].append(asked.watch)
            if trouble := self._trouble(asked, at):
                troubles[asked.watch.source].append(trouble)
        self._asked = set(watches)
        return [_found(source, some, len(watches[source])) for source, some in sorted(troubles.items())]

    def over(self, state: RuleState, at: datetime) -> Found | None:
        if state.key not in self._asked:
            return None  # it is configured no longer
        span = at - moment(state.fired_at)
        reasons = (f"It was told to be in trouble {_span(span)} ago; what it had missed is caught up with.",)
        return Found(state.key, "source.well", f"{state.key} is heard again", reasons=reasons, page="sources")

    def _trouble(self, asked: Asked, at: datetime) -> Health | None:
        # That nobody asks is our own doing, and nobody is here to tell it then.
        watch = asked.watch._replace(next_due=stamp(at))
        found = health(watch, asked.given, at)
        if watch.closed:
            return found
        if watch.failures:
            since = moment(watch.failing_since or stamp(at))
            long = moment(watch.last_run_at or stamp(at)) - since >= self._down_for
            return found if long and watch.failures >= _TWICE else None
        silent = found.state == "degraded" and watch.last_outcome not in ("partial", "failed")
        return found if silent else None


def _found(source: str, troubles: Sequence[Health], watches: int) -> Found:
    states = {one.state for one in troubles}
    reasons = list(dict.fromkeys(one.reason for one in troubles))[:3]
    some = "" if len(troubles) == watches else f"{len(troubles)} of {watches} questions put to "
    state = next((state for state in ("dead", "blocked", "degraded") if state in states), "degraded")
    silent = all(one.reason.startswith("answers but") for one in troubles)
    said = "silent though it should not be" if silent else {"dead": "dead", "blocked": "blocked"}.get(state, "down")
    return Found(
        source,
        "source.down",
        f"{some}{source} {'are' if some and len(troubles) > 1 else 'is'} {said}",
        reasons=tuple(reasons),
        facts=(("source", source), ("state", state)),
        page="sources",
    )


def _span(span: timedelta) -> str:
    minutes = max(round(span.total_seconds() / 60), 0)  # a clock may have been set back
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes / 60:.0f} hours" if minutes < 2 * 1440 else f"{minutes / 1440:.0f} days"


# -- the past


class PastWatches:
    """Watches as they were, from the runs that are remembered. Of what never came to a run's record, such as how a
    source's refusal was taken, no more is known than of today."""

    def __init__(self, watches: Sequence[Watch], runs: Iterable[Run]) -> None:
        """`runs` in the order in which they began."""
        self._now = watches
        self._lives = {watch.id: _Life() for watch in watches}
        for run in runs:
            if run.watch_id in self._lives:
                self._lives[run.watch_id].live(run)

    def __call__(self, at: datetime) -> list[Asked]:
        return [asked for watch in self._now if (asked := self._lives[watch.id].at(watch, stamp(at)))]


@dataclass(slots=True)
class _Lived:
    """How a watch stood after a run."""

    failures: int = 0
    failing_since: str | None = None
    outcome: str = ""
    error: str = ""
    heard_at: str | None = None
    news_at: str | None = None
    baseline: int = 1


@dataclass(slots=True)
class _Life:
    ends: list[str] = field(default_factory=list)
    states: list[_Lived] = field(default_factory=list)
    given: list[tuple[str, int, float]] = field(default_factory=list)  # day, new posts, hours of silence before them

    def live(self, run: Run) -> None:
        last = self.states[-1] if self.states else _Lived()
        failed = run.outcome == "failed"
        if run.new and not last.baseline:
            silence = _hours(last.news_at, last.heard_at)
            self.given.append((run.finished_at, run.new, silence))
        self.ends.append(run.finished_at)
        self.states.append(
            _Lived(
                failures=last.failures + 1 if failed else 0,
                failing_since=(last.failing_since or run.started_at) if failed else None,
                outcome=run.outcome,
                error=run.error,
                heard_at=last.heard_at if failed else run.finished_at,
                news_at=run.finished_at if run.new else last.news_at,
                baseline=last.baseline if failed else 0,
            )
        )

    def at(self, now: Watch, at: str) -> Asked | None:
        """None before the first run."""
        place = bisect_right(self.ends, at) - 1
        if place < 0:
            return None
        stood = self.states[place]
        watch = now._replace(
            closed=now.closed if place == len(self.ends) - 1 else "",
            failures=stood.failures,
            failing_since=stood.failing_since,
            last_run_at=self.ends[place],
            last_outcome=stood.outcome,
            last_error=stood.error,
            heard_at=stood.heard_at,
            news_at=stood.news_at,
            trouble="",
        )
        return Asked(watch, self._yielded(now.id, at))

    def _yielded(self, watch_id: str, at: str) -> Yield | None:
        first = stamp(moment(at) - HISTORY)[:10]
        given = [one for one in self.given if first <= one[0] <= at]
        if not given:
            return None
        return Yield(watch_id, given[0][0][:10], sum(new for _, new, _ in given), max(hours for *_, hours in given))


def present(watches: Callable[[], Sequence[Watch]], yields: Callable[[str], Mapping[str, Yield]]) -> Watches:
    """As they stand, whatever time is asked for."""

    def asked(at: datetime) -> list[Asked]:
        given = yields(stamp(at - HISTORY)[:10])
        return [Asked(watch, given.get(watch.id)) for watch in watches()]

    return asked


def _hours(since: str | None, until: str | None) -> float:
    return max((moment(until) - moment(since)).total_seconds() / 3600, 0.0) if since and until else 0.0
