"""Lets the standing rules look, and tells what they find; or says what they would have told in the past."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from listener.alerts.rules.standing import Found, Standing, States, judge, raised
from storage.contract_states import Judging
from storage.records import stamp
from storage.records_states import RuleLook, RuleState

log = logging.getLogger(__name__)

STEP = timedelta(hours=1)
"""How often a rule that is tried on the past looks."""


class Fired(NamedTuple):
    """What a rule tells of a brand ("": of none) at a time."""

    rule: str
    brand: str
    at: datetime
    found: Found


class Lookout:
    """Only one process at a time may look: `claim("rules")`."""

    def __init__(
        self, store: Judging, rules: Sequence[Standing], desk: str, failed: Callable[[str, Exception], None]
    ) -> None:
        """`desk` is the address of the review desk, "" where it has none; `failed` gets the name of a rule that fails,
        with why."""
        self._store = store
        self._rules = rules
        self._desk = desk
        self._failed = failed

    def look(self, now: datetime) -> int:
        """How many alerts were raised. A rule that fails keeps none of the others from looking."""
        if not self._rules:
            return 0
        states = self._store.rule_states()
        quiet = {(snooze.rule, snooze.brand) for snooze in self._store.snoozes(stamp(now))}
        looked = {(look.rule, look.brand): look.slot for look in self._store.rule_looks()}
        count = 0
        for rule in self._rules:
            slot = rule.rule.slot(now)
            for brand in rule.brands:
                if looked.get((rule.name, brand)) == stamp(slot):
                    continue
                told = {one.key: one for one in states if (one.rule, one.brand) == (rule.name, brand)}
                asleep = not quiet.isdisjoint({(rule.name, ""), (rule.name, brand)})
                try:
                    count += self._look(rule, brand, slot, now, told, quiet=asleep)
                except Exception as error:
                    log.error("the rule %s%s fails: %s", rule.name, f" for {brand}" if brand else "", error)
                    log.debug("what went wrong", exc_info=True)
                    self._failed(rule.name, error)
        return count

    def _look(self, rule: Standing, brand: str, slot: datetime, now: datetime, told: States, *, quiet: bool) -> int:
        judged = judge(rule, brand, list(rule.rule.look(brand, slot, told)), told, now, quiet=quiet)
        alerts = [raised(rule, brand, found, last, now, self._desk) for found, last in judged.told]
        # A rule that is quiet looks again: what lasts is told when it wakes up.
        looks = [] if quiet else [RuleLook(rule.name, brand, stamp(slot))]
        if judged.states or looks:
            self._store.fire(alerts, judged.states, looks)
        return len(judged.told)


def replay(rule: Standing, since: datetime, until: datetime) -> Iterator[Fired]:
    """What the rule would have told, had it looked every hour and nobody told it to be quiet; the oldest first."""
    told: dict[str, dict[str, RuleState]] = {brand: {} for brand in rule.brands}
    seen: dict[str, datetime] = {}
    at = since
    while at <= until:
        for brand, states in told.items():
            slot = rule.rule.slot(at)
            if seen.get(brand) == slot:
                continue
            seen[brand] = slot
            judged = judge(rule, brand, list(rule.rule.look(brand, slot, states)), states, at, quiet=False)
            states.update((state.key, state) for state in judged.states)
            yield from (Fired(rule.name, brand, at, found) for found, _ in judged.told)
        at += STEP
