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

_KEY = "spike"


class SpikeRule:
    repeats = True
    cooldown = timedelta(hours=6)

    def __init__(self, spikes: Spikes, store: Store) -> None:
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
        # It may be what was told already: is what came after that a spike by itself?
        more = self._spikes.look(brand, at, moment(before.told_until))
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
            (("brand", brand), ("since", stamp(spike.since)), ("until", stamp(spike.until))),
            top.url if top else "",
            stamp(spike.until),
        )
