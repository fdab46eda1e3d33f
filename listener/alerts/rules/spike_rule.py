"""The rule on "spike": `spike` on what the store knows of a brand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from listener.alerts.rules.hours import Spikes
from listener.alerts.rules.spike import Spike
from listener.alerts.rules.standing import Found, States
from storage.contract import Store
from storage.records import moment, stamp
from storage.records_states import RuleState

COOLDOWN = timedelta(hours=6)
_KEY = "spike"


class SpikeRule:
    """What comes within the cooldown belongs to what was told: a spike is told again when it goes on after that."""

    repeats = True

    def __init__(self, spikes: Spikes, store: Store, cooldown: timedelta = COOLDOWN) -> None:
        self.cooldown = cooldown
        self._spikes = spikes
        self._store = store

    def slot(self, at: datetime) -> datetime:
        return at.replace(second=0, microsecond=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        spike = self._spikes.look(brand, at)
        if spike is None:
            return ()
        before = told.get(_KEY)
        if before is None:
            return (self._found(brand, spike),)
        told_until = max(moment(before.told_until), moment(before.fired_at) + self.cooldown)
        more = self._spikes.look(brand, at, told_until) if told_until < at else None
        return (self._found(brand, more or spike)._replace(fresh=more is not None),)

    def over(self, state: RuleState, at: datetime) -> Found | None:
        return None

    def _found(self, brand: str, spike: Spike) -> Found:
        hours = round((spike.until - spike.since) / timedelta(hours=1))
        top = next((post for post in self._store.posts_of([spike.top_story]) if post.deleted_at is None), None)
        return Found(
            _KEY,
            "brand.spike",
            f"{brand}: {spike.mentions} mentions in {'the last hour' if hours == 1 else f'{hours} hours'}",
            (top.title or top.text) if top else "",
            spike.reasons,
            (("mentions", str(spike.mentions)), ("people", str(spike.authors)), ("stories", str(spike.stories))),
            query=(("brand", brand), ("since", stamp(spike.since)), ("until", stamp(spike.until))),
            url=top.url if top else "",
            told_until=stamp(spike.until),
        )
