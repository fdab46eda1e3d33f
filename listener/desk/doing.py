"""Doing what `listener.desk.work` decides: the mention is read, the work stored, or told why it was not."""

from __future__ import annotations

import re
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from listener.audits import newest_draws
from listener.desk import claims, work
from listener.desk.claims import Held, Refused
from listener.desk.context import Desk
from listener.desk.shown import Row, row, when, words
from listener.desk.work import Subject
from listener.match import Matcher
from storage.records import stamp
from storage.records_desk import Case, CaseEvent, Item, Role, Whole

_ID = re.compile(r"([0-9a-f]{20}-[0-9a-f]{12})(?:\.([0-9a-f]{8}))?")
_MOST = 500
"""Events that are undone at once: no page does more in one go."""

_NEEDS_A_POST = ("label", "not_us", "assign", "snooze", "reopen")
_CHANGED = "Somebody changed this meanwhile, so nothing was done: this is how it stands."
_DONE = {
    "answered": "Answered.",
    "thanked": "Thanked.",
    "ignored": "Ignored.",
    "reopened": "Open again.",
    "released": "Given back: it is nobody's now.",
    "noted": "Note kept.",
    "not_us": "Labelled not us.",
}


class Order(NamedTuple):
    """What somebody wants done: one of work.ACTIONS, with its value; `seen` is what they saw (`claims.seen`) or "".
    Only an admin may undo what others did."""

    action: str
    value: str
    who: str
    seen: str = ""
    role: Role = "reviewer"


def matcher_of(request: Request) -> Matcher:
    """Of the configured brands; built once."""
    state = request.app.state
    found: Matcher | None = getattr(state, "matcher", None)
    if found is None:
        found = state.matcher = Matcher(request.app.state.desk.config.queries)
    return found


def parse_order(text: str) -> tuple[str, str]:
    """(action, value) of a button, which has room for one of both only: "label:promoter"."""
    action, _, value = text.partition(":")
    return action, value


def parse_id(text: str) -> tuple[str, str]:
    """(mention id, what was seen of it or ""). Raises HTTPException 404."""
    found = _ID.fullmatch(text)
    if found is None:
        raise HTTPException(404, "There is no such mention.")
    return found[1], found[2] or ""


def whole(desk: Desk, mention_id: str) -> Whole:
    """Raises HTTPException 404."""
    found = desk.store.whole(mention_id)
    if found is None:
        raise HTTPException(404, "There is no such mention.")
    return found


def shown(request: Request, item: Item, user: str) -> Row:
    desk: Desk = request.app.state.desk
    return row(item, matcher_of(request), user, desk.now(), desk.zone)


def do(desk: Desk, mention_id: str, order: Order) -> str:
    """Do it; what was done, as a sentence. Raises Refused with why nothing was, and HTTPException 404."""
    found = whole(desk, mention_id)
    if order.seen and order.seen != claims.seen(mention_id, found.item.case, found.item.review):
        raise Refused(_changed(found, order.who))
    if order.action in ("claim", "release") and found.item.audit_id and _is_untouched(found.item.case):
        raise Refused("Nobody works on this yet: say first what you think of it.")  # the same, flagged or not
    if order.action == "claim":
        return _claim(desk, found, order.who)
    if order.action == "undo":
        return _undo(desk, found, order)
    return _perform(desk, found, order)


def take_back(desk: Desk, who: str) -> tuple[list[str], str]:
    """Undo what somebody did last, all of it if it was done to several mentions at once: (their ids, a sentence).
    Raises Refused."""
    first = desk.store.last_event(who)
    if first is None:
        raise Refused("You have done nothing that could be undone.")
    undone: list[str] = []
    event: CaseEvent | None = first
    while event is not None and _same_go(event, first) and len(undone) < _MOST:
        try:
            said = do(desk, event.mention_id, Order("undo", event.id, who))
        except Refused:
            if not undone:
                raise
            break
        undone.append(event.mention_id)
        event = desk.store.last_event(who)
    return undone, said if len(undone) == 1 else f"Undone on {len(undone)} mentions."


def _is_untouched(case: Case | None) -> bool:
    return case is None or case.state == "new"


def _same_go(one: CaseEvent, other: CaseEvent) -> bool:
    return (one.happened_at, one.what, one.detail) == (other.happened_at, other.what, other.detail)


def _subject(desk: Desk, found: Whole) -> Subject:
    item = found.item
    draw = newest_draws(desk.store, [item.mention.id]).get(item.mention.id) if item.audit_id else None
    return Subject(item.mention, item.post, item.case, item.review, item.reach, draw)


def _perform(desk: Desk, found: Whole, order: Order) -> str:
    value = order.value
    if order.action == "assign" and value:
        user = desk.store.user(value)
        if user is None or user.disabled_at is not None or user.role == "viewer":
            raise Refused(f"Nobody called '{value[:60]}' works here.")
        value = user.name
    if order.action in _NEEDS_A_POST and found.item.post.deleted_at:
        raise Refused("The post was taken away: there is nothing left to judge or to answer.")
    settings = desk.config.settings
    made = work.perform(_subject(desk, found), order.action, value, order.who, desk.now(), settings)
    _store(desk, made, order.who)
    return _sentence(made.event, order.who, desk)


def _undo(desk: Desk, found: Whole, order: Order) -> str:
    event_id, who = order.value, order.who
    standing = [event for event in found.events if event.undone_at is None]
    if not standing:
        raise Refused("There is nothing to undo here.")
    newest = standing[-1]
    if event_id and event_id != newest.id:
        known = any(event.id == event_id for event in standing)
        raise Refused(_changed(found, who) if known else "That was undone already.")
    if newest.who != who and order.role != "admin":
        others = f"{newest.who or 'Listener'} did the last thing here ({words(newest.what)})"
        raise Refused(f"{others}: only {'an admin' if not newest.who else 'they or an admin'} can undo it.")
    _store(desk, work.undone(_subject(desk, found), newest, who, desk.now()), who)
    did = _sentence(newest, who, desk).rstrip(".")
    return f"Undone: {did[:1].lower()}{did[1:]}."


def _store(desk: Desk, made: work.Work, who: str) -> None:
    if desk.store.act(made.event, made.after, made.review, made.takes_back):
        return
    claims.refuse_held(desk.store.case(made.event.mention_id), who, desk.now())
    raise Refused(_CHANGED)


def _claim(desk: Desk, found: Whole, who: str) -> str:
    now = desk.now()
    until = claims.claimed_until(found.item.case, who, now, desk.config.settings)
    mention_id = found.item.mention.id
    if desk.store.claim_case(mention_id, who, stamp(now), until) is None:
        claims.refuse_held(desk.store.case(mention_id), who, now)
        raise Held("Somebody else is working on this. Nothing was changed.")
    return "Claimed: nobody else can answer it for now."


def _changed(found: Whole, who: str) -> str:
    """Why what was seen is no longer so."""
    last = found.events[-1] if found.events else None
    if last is None or last.who in ("", who):
        return _CHANGED
    return f"{last.who} was here meanwhile ({words(last.what)}), so nothing was done: this is how it stands."


def _sentence(event: CaseEvent, who: str, desk: Desk) -> str:
    if event.what == "labelled":
        return f"Labelled {words(event.detail)}."
    if event.what == "assigned":
        return "Assigned to you." if event.detail == who else f"Assigned to {event.detail}."
    if event.what == "snoozed":
        return f"Snoozed until {when(event.detail, desk.now(), desk.zone).exact}."
    return _DONE.get(event.what, "Done.")
