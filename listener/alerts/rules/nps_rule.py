"""The rule on "nps": whether the implied NPS of the last days differs for certain from that of as many before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from listener.alerts.rules.standing import Found, States
from listener.coverage import before, heard_share, source_health
from listener.measure import measure
from listener.nps.estimate import Gate
from listener.nps.trend import Change
from listener.report.trend import trend
from storage.contract import Store
from storage.records import stamp
from storage.records_states import RuleState


class NpsRule:
    """Looks once a day, at whole days in `zone`. The past is what is known of it today: a rule that is tried on it also
    sees what was found, or labelled by people, later."""

    repeats = True

    def __init__(self, store: Store, window: timedelta, gate: Gate, zone: tzinfo, unasked: Sequence[str] = ()) -> None:
        """`window` in whole days."""
        self._store = store
        self._window = window
        self._gate = gate
        self._zone = zone
        self._unasked = unasked

    @property
    def cooldown(self) -> timedelta:
        return self._window

    def slot(self, at: datetime) -> datetime:
        return at.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        until = self.slot(at)
        since = until - self._window  # as the clock on the wall has it: midnight too
        health = source_health(self._store, since, until, self._unasked)
        now = measure(self._store, brand, since, until, heard_share(health), self._gate)
        estimate = now.figures.inps.estimate
        if estimate is None:
            return ()
        seams = self._store.seams(brand, stamp(before(since, until - since)), stamp(until))
        found = trend(self._store, brand, since, until, now, self._gate, seams, self._unasked)
        if found.change is None or not found.change.detectable or found.inps.estimate is None:
            return ()
        window = (("brand", brand), ("since", stamp(since)), ("until", stamp(until)))
        figures = f"{found.inps.estimate.value:+.0f}", f"{estimate.value:+.0f}"
        return (self._found(brand, found.change, figures)._replace(query=window, told_until=stamp(until)),)

    def over(self, state: RuleState, at: datetime) -> Found | None:
        return None

    def _found(self, brand: str, change: Change, figures: tuple[str, str]) -> Found:
        days, (then, now) = self._window.days, figures
        return Found(
            "up" if change.difference > 0 else "down",
            "brand.nps",
            f"{brand}: implied NPS {change.words}",
            reasons=(
                f"{now} in the last {days} days, {then} in the {days} days before.",
                f"The 95 % interval of the difference, {change.low:+.0f} to {change.high:+.0f}, leaves out 0.",
            ),
            facts=(("before", then), ("now", now)),
        )
