"""The rules that a configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from listener.alerts.rules.drift_rule import DriftRule
from listener.alerts.rules.hours import Spikes
from listener.alerts.rules.mention import Rule
from listener.alerts.rules.nps_rule import NpsRule
from listener.alerts.rules.source_rule import PastWatches, SourceRule, Watches, present
from listener.alerts.rules.spike_rule import COOLDOWN, SpikeRule
from listener.alerts.rules.standing import Standing, StandingRule
from listener.alerts.rules.theme_rule import ThemeRule
from listener.config import Config
from listener.health import HISTORY
from listener.match import search_terms
from listener.nps.estimate import Gate
from listener.settings import AlertSettings
from storage.contract import Store
from storage.records import Watch, stamp

ON_MENTIONS = ("mention", "overdue")


def mention_rules(alerts: Sequence[AlertSettings]) -> list[Rule]:
    """Those on single mentions: new ones, and those whose answer is overdue."""
    return [
        Rule(
            name=alert.name,
            channels=alert.channels,
            brands=alert.brands,
            labels=alert.labels,
            min_confidence=alert.min_confidence,
            on=alert.on,
            min_reach=alert.min_reach,
            max_rating=alert.max_rating,
            first_time=alert.first_time,
            roll_up=alert.roll_up,
        )
        for alert in alerts
        if alert.on in ON_MENTIONS
    ]


def standing_rules(
    config: Config, store: Store, unasked: Sequence[str], past: tuple[datetime, datetime] | None = None
) -> list[Standing]:
    """All others. `unasked` names sources that are configured and have no watch. `past`: they are to be tried on that
    time."""
    kinds = _Kinds(config, store, unasked, past)
    brands = tuple(brand.name for brand in config.settings.brands)
    standing = []
    for alert in config.settings.alerts:
        if alert.on not in ON_MENTIONS:
            rule = kinds.rule(alert)
            cooldown = rule.cooldown if alert.cooldown is None else alert.cooldown
            about = ("",) if alert.on == "source" else alert.brands or brands
            standing.append(Standing(alert.name, alert.on, alert.channels, about, cooldown, rule))
    return standing


class _Kinds:
    def __init__(
        self, config: Config, store: Store, unasked: Sequence[str], past: tuple[datetime, datetime] | None
    ) -> None:
        self._config = config
        self._store = store
        self._unasked = unasked
        self._past = past

    def rule(self, alert: AlertSettings) -> StandingRule:
        settings, store, sources = self._config.settings, self._store, self._config.sources
        if alert.on == "spike":
            spikes = Spikes(store, sources, settings.zone)
            return SpikeRule(spikes, store, COOLDOWN if alert.cooldown is None else alert.cooldown)
        if alert.on == "drift":
            return DriftRule(store, sources)
        if alert.on == "nps":
            gate = Gate(**settings.report.model_dump())
            return NpsRule(store, alert.window, gate, settings.zone, self._unasked)
        if alert.on == "theme":
            names = {name: tuple(search_terms(query)) for name, query in self._config.queries.items()}
            return ThemeRule(store, sources, names)
        return SourceRule(self._watches(), alert.down_for)

    def _watches(self) -> Watches:
        if self._past is None:
            return present(self._configured, self._store.yields)
        since, until = self._past
        return PastWatches(self._configured(), self._store.runs_between(stamp(since - HISTORY), stamp(until)))

    def _configured(self) -> list[Watch]:
        return [watch for watch in self._store.watches() if watch.source in self._config.sources]
