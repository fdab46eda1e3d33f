"""Two people at one mention: who holds it, and whether what one of them saw still stands. Pure."""

from __future__ import annotations

from datetime import datetime

from connectors.post import short_id
from listener.settings import Settings
from storage.records import stamp
from storage.records_desk import OPEN, Case
from storage.records_scoring import Review


class Refused(ValueError):
    """Why nothing was done, as a sentence."""


class Held(Refused):
    """Somebody else is at it."""


def claimed_until(case: Case | None, who: str, now: datetime, settings: Settings) -> str:
    """Until when a claim that is taken now holds. Raises Refused: only open cases are claimed."""
    refuse_held(case, who, now)
    if case is None or case.state not in OPEN:
        raise Refused("There is nothing left to answer here.")
    return stamp(now + settings.desk.claim)


def refuse_held(case: Case | None, who: str, now: datetime) -> None:
    """Raise Held when another's claim stands."""
    holder = held_by(case, now)
    if holder and holder != who:
        raise Held(f"{holder} is working on this. Nothing was changed.")


def held_by(case: Case | None, now: datetime) -> str:
    """Whose claim stands, "" nobody's."""
    standing = case is not None and case.claimed_until is not None and case.claimed_until > stamp(now)
    return case.claimed_by if case is not None and standing else ""


def seen(mention_id: str, case: Case | None, review: Review | None) -> str:
    """Names what somebody saw of a mention: another one means that it has changed meanwhile. Claims do not count."""
    facts = () if case is None else (case.state, case.assignee, case.answered_at, case.thanked_at, case.snoozed_until)
    return short_id("seen", mention_id, review.label if review else "", *map(str, facts))[:8]
