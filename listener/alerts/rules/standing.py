"""Rules that look at what is stored every so often, and what becomes of what they find.

A rule finds what holds at a time; whether that is told is decided here, from what it told before. It is a pure
decision: `listener alerts try` makes it for times that are past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

from connectors.post import short_id
from listener.alerts.notice import Notice
from listener.alerts.rules.mention import Raised, delivery
from storage.records import Alert, moment, stamp
from storage.records_states import RuleState


class Found(NamedTuple):
    """Something that holds at a time. `key` says what it is about, among all that the rule may find of a brand; `type`
    is that of the notice. `page` is the desk's that shows what was counted, with the `query` of its URL. `told_until`
    is the time up to which this tells, "" if it has no end. `fresh` says whether there is more to tell than was told
    last."""

    key: str
    type: str
    title: str
    text: str = ""
    reasons: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    page: str = "mentions"
    query: tuple[tuple[str, str], ...] = ()
    url: str = ""
    told_until: str = ""
    fresh: bool = True


States = Mapping[str, RuleState]
"""What a rule told of a brand, by key."""


class StandingRule(Protocol):
    """One kind of rule. What it finds as of a time follows from what was known by then: it passes over what was found
    later."""

    @property
    def repeats(self) -> bool:
        """Whether something that lasts is told again when the cooldown is over."""

    @property
    def cooldown(self) -> timedelta:
        """For how long it does not tell the same again, unless the configuration says otherwise."""

    def slot(self, at: datetime) -> datetime:
        """As of when it looks at that time: not later. Twice in the same slot it finds the same."""

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        """All that holds at `at`, the start of a slot. `brand` is "" for a rule that is about none."""

    def over(self, state: RuleState, at: datetime) -> Found | None:
        """What to tell when something that was told no longer holds."""


@dataclass(frozen=True)
class Standing:
    """A rule as it is configured. `brands` are those it looks at, ("",) where it is about none."""

    name: str
    on: str
    channels: tuple[str, ...]
    brands: tuple[str, ...]
    cooldown: timedelta
    rule: StandingRule


class Judged(NamedTuple):
    """What is to be told, each with the time at which the same was told last ("" never), and what to remember of it."""

    told: list[tuple[Found, str]]
    states: list[RuleState]


def judge(rule: Standing, brand: str, found: Sequence[Found], told: States, at: datetime, *, quiet: bool) -> Judged:
    """What becomes of all that holds at `at`. `quiet`: somebody has told the rule to be; what lasts beyond that is told
    then."""
    judged = Judged([], [])
    for one in found:
        before = told.get(one.key)
        if not quiet and _is_news(rule, one, before, at):
            judged.told.append((one, before.fired_at if before else ""))
            judged.states.append(RuleState(rule.name, brand, one.key, stamp(at), one.told_until, 1, None))
    holding = {one.key for one in found}
    for before in told.values():
        if before.lasting and before.key not in holding:
            judged.states.append(before._replace(lasting=0, acked_at=None))
            if not quiet and (end := rule.rule.over(before, at)):
                judged.told.append((end, before.fired_at))
    return judged


def _is_news(rule: Standing, found: Found, before: RuleState | None, at: datetime) -> bool:
    if before is None:
        return found.fresh
    if before.acked_at or (before.lasting and not rule.rule.repeats):
        return False
    return found.fresh and at - moment(before.fired_at) >= rule.cooldown


def raised(rule: Standing, brand: str, found: Found, last: str, at: datetime, desk: str) -> Raised:
    """The alert for what is to be told, with its deliveries. `desk` is the address of the review desk, or "". Its id
    follows from when the same was told `last`, so that telling it twice tells it once."""
    notice = Notice(
        type=found.type,
        found_at=stamp(at),
        brand=brand,
        rule=rule.name,
        title=found.title,
        text=found.text,
        url=found.url,
        reasons=found.reasons,
        facts=found.facts,
        desk=f"{desk}/{found.page}{'?' * bool(found.query)}{urlencode(found.query)}" if desk else "",
    ).bounded()
    its_id = short_id("standing", rule.name, brand, found.key, found.type, last)
    alert = Alert(its_id, rule.name, brand, None, stamp(at), notice.to_json())
    return alert, tuple(delivery(alert, channel) for channel in dict.fromkeys(rule.channels))
