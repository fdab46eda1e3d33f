"""What every database is to rules that look at what is stored, beside the counting; the obligations are those of
`storage.contract`.

Mentions count that are matched, not left out, and no history that a first run or an import brought. `known_by` keeps
out what was found later, so that a rule can be tried on the past.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from storage.records import Alert, Delivery, Run
from storage.records_figures import Saying
from storage.records_states import DayCount, RuleLook, RuleState, Snooze


class Judging(Protocol):
    """Who judges whether something is worth telling."""

    def rule_states(self) -> list[RuleState]:
        """By rule, brand and key."""

    def rule_looks(self) -> list[RuleLook]:
        """By rule and brand."""

    def fire(
        self,
        alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]],
        states: Iterable[RuleState],
        looks: Iterable[RuleLook] = (),
    ) -> None:
        """Raise alerts (known ids change nothing) and remember what was told and looked at: all or nothing."""

    def ack_rule(self, rule: str, brand: str, now: str) -> int:
        """Acknowledge what the rule told that still lasts, of one brand or ("") of all; how much there was."""

    def snoozes(self, now: str) -> list[Snooze]:
        """Those that hold, by rule and brand."""

    def snooze_rule(self, snooze: Snooze) -> None:
        """In place of the one before."""

    def wake_rule(self, rule: str, brand: str) -> int:
        """End its snoozes, of one brand or ("") all, and what is acknowledged is so no longer; how many there were."""

    def has_spoken(self, brand: str, voice: int, before: str) -> bool:
        """Whether a mention of the brand by that voice was found before that time, whether it counts or not."""

    def complaints(self, brand: str, since: str, until: str, known_by: str, limit: int) -> list[Saying]:
        """The newest `limit` mentions of since <= at < until that count and that the machine takes for detractors',
        less those whose post was taken away."""

    def days_said(self, brand: str, since_day: str, until_day: str) -> list[DayCount]:
        """Of since <= day < until."""

    def runs_between(self, since: str, until: str) -> list[Run]:
        """That began in since <= started_at < until, in that order."""
