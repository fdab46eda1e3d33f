"""What is remembered of rules that look at what is stored; see `storage.records`."""

from __future__ import annotations

from typing import NamedTuple


class RuleState(NamedTuple):
    """What a rule last told of a brand ("" for rules that are about none), by what it was about (`key`). `told_until`
    is the time up to which that told, "" if it has no end. `lasting` is 1 until a look no longer finds it; it is quiet
    for as long if somebody has acknowledged it."""

    rule: str
    brand: str
    key: str
    fired_at: str
    told_until: str
    lasting: int
    acked_at: str | None


class RuleLook(NamedTuple):
    """As of when a rule has looked at a brand last."""

    rule: str
    brand: str
    slot: str


class Snooze(NamedTuple):
    """A rule that is to be quiet, about one brand or ("") about all."""

    rule: str
    brand: str
    until: str


class DayCount(NamedTuple):
    """Mentions that count, of one day (UTC), one source and one label of the machine's ("": it could not read them), by
    the day on which they were found."""

    day: str
    found_day: str
    source: str
    label: str
    mentions: int
