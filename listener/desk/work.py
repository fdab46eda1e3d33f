"""What people do with a mention, and what becomes of the work on it. Pure: nothing here reads or stores anything.

    action    done in          leads to                                  also
    --------  ---------------  ----------------------------------------  ----------------------------------------------
    label     any              see below                                 a review; the clock is that of the label
    not_us    all but not_us   not_us                                    a review; the claim ends
    assign    any              assigned                                  the claim goes with it
    claim     open             the same                                  not an event: it ends by itself
    release   open             new                                       nobody has it, nobody claims it
    answered  all but answered answered                                  `answered_at`; the claim ends
    thanked   any              answered                                  `thanked_at`; the claim ends
    ignore    open, none       ignored                                   the claim ends
    snooze    open, none       waiting                                   `snoozed_until`; the claim ends
    note      any              the same
    reopen    closed           assigned where somebody has it, else new
    undo      any              what it was before the event              the event's review is taken back

"any" includes mentions without a case ("none"): these get one. A label is a judgement and no answer. What somebody has,
has answered, or has chosen to ignore stays as it is. Everything else is new when an answer is due under the label, and
closed ("ignored") when none is: a label that clears a false alarm takes one key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from connectors.post import short_id
from connectors.text import clean
from listener.audits import ANSWERS, NOT_US
from listener.desk.claims import Refused, refuse_held
from listener.desk.urgency import clock, published
from listener.quantities import parse_duration
from listener.settings import Settings
from storage.records import Mention, Post, stamp
from storage.records_desk import CLOSED, OPEN, Case, CaseEvent
from storage.records_nps import Draw
from storage.records_scoring import Review

Action = Literal[
    "label", "not_us", "assign", "claim", "release", "answered", "thanked", "ignore", "snooze", "note", "reopen", "undo"
]
ACTIONS: tuple[Action, ...] = get_args(Action)

NOTE = 4_000
"""Characters of a private note that are kept."""

_LONGEST_SNOOZE = timedelta(days=365)


class Subject(NamedTuple):
    """What is worked on. `review` is the person's label that holds; `reach` the author's; `draw` the audit's, where it
    waits for a blind label."""

    mention: Mention
    post: Post
    case: Case | None
    review: Review | None = None
    reach: int | None = None
    draw: Draw | None = None

    @property
    def label(self) -> str:
        """The one that holds, a person's before the machine's; "" none."""
        return self.review.label if self.review else self.mention.label or ""


class Work(NamedTuple):
    """What to store: `storage.contract_desk.Working.act`. `takes_back` is the id of the event that is undone."""

    event: CaseEvent
    after: Case
    review: Review | None = None
    takes_back: str = ""


class _Doing(NamedTuple):
    subject: Subject
    value: str
    who: str
    now: datetime
    settings: Settings


# -- the work


def perform(subject: Subject, action: str, value: str, who: str, now: datetime, settings: Settings) -> Work:
    """Do one of ACTIONS but claim (see `claims`) and undo (see `undone`). Raises Refused, and Held where another claim
    stands. `value`: the label; whom to assign ("" oneself); how long to snooze, as "1d" ("" a day); the note."""
    if action not in _DO:
        raise Refused("There is no such action.")
    refuse_held(subject.case, who, now)
    _refuse_state(action, subject.case)
    after, what, detail, label = _DO[action](_Doing(subject, value.strip(), who, now, settings))
    event = _event(subject, now, who, what, detail)
    review = _review(subject, label, event) if label else None
    return Work(event, after, review)


def undone(subject: Subject, event: CaseEvent, who: str, now: datetime) -> Work:
    """Make the case again what it was before `event`, which must be the newest of the mention that is not undone. No
    claim comes back, and no work on a post that was taken away. A case that was not there before stays, with nothing to
    do in it."""
    refuse_held(subject.case, who, now)
    if event.undone_at is not None:
        raise Refused("That was undone already.")
    if subject.case is None:
        raise Refused("There is nothing to undo.")
    before = from_json(event.before) or subject.case._replace(state="ignored", assignee="", due_at=None, flagged=0)
    after = _unclaimed(before)
    if subject.post.deleted_at and after.state in OPEN:
        after = after._replace(state="ignored", snoozed_until=None)
    made = _event(subject, now, who, "undone", event.id)
    # Itself nothing to undo: undoing again goes one step further back.
    return Work(made._replace(undone_at=made.happened_at), after, None, event.id)


# -- what each action does: the case after it, its event's (what, detail), and the label it gives


_Done = tuple[Case, str, str, str]


def _label(doing: _Doing) -> _Done:
    label, said = doing.value, doing.subject.review
    if label not in ANSWERS:
        raise Refused(f"There is no label '{label[:20]}'.")
    if said is not None and (said.label, said.reviewer) == (label, doing.who):
        raise Refused(f"You said already that this is {label.replace('_', ' ')}.")
    if label == NOT_US:
        return _not_us(doing)
    return _judged(doing, label), "labelled", label, label


def _judged(doing: _Doing, label: str) -> Case:
    """The case under another label: what somebody has, has done or decided stays as it is."""
    mention, post, known, _, reach, _ = doing.subject
    if known is not None and not (known.state in OPEN or _idle(known)):
        return known
    due_at, urgent_at = clock(mention, post, label, reach, doing.settings)
    case = _had(doing)._replace(due_at=due_at, urgent_at=urgent_at)
    if known is not None and known.state in ("assigned", "waiting"):
        return case
    recent = published(post) >= doing.now - doing.settings.desk.open_within
    wanted = due_at is not None and (recent or (known is not None and known.state == "new"))
    return case._replace(state="new") if wanted else _unclaimed(case._replace(state="ignored"))


def _idle(case: Case) -> bool:
    """Closed because there was nothing to do, not because somebody had done or decided it."""
    return case.state == "not_us" or (case.state == "ignored" and case.due_at is None)


def _not_us(doing: _Doing) -> _Done:
    return _unclaimed(_had(doing)._replace(state="not_us", snoozed_until=None)), "not_us", "", NOT_US


def _assign(doing: _Doing) -> _Done:
    assignee = doing.value or doing.who
    case = _unclaimed(_had(doing)._replace(state="assigned", assignee=assignee, snoozed_until=None))
    if assignee == doing.who:
        until = stamp(doing.now + doing.settings.desk.claim)
        case = case._replace(claimed_by=assignee, claimed_until=until)
    return case, "assigned", assignee, ""


def _release(doing: _Doing) -> _Done:
    return _unclaimed(_had(doing)._replace(state="new", assignee="", snoozed_until=None)), "released", "", ""


def _answered(doing: _Doing) -> _Done:
    case = _had(doing)
    at = case.answered_at or stamp(doing.now)
    return _unclaimed(case._replace(state="answered", answered_at=at, snoozed_until=None)), "answered", "", ""


def _thanked(doing: _Doing) -> _Done:
    case, _, _, _ = _answered(doing)
    return case._replace(thanked_at=case.thanked_at or stamp(doing.now)), "thanked", "", ""


def _ignore(doing: _Doing) -> _Done:
    return _unclaimed(_had(doing)._replace(state="ignored", snoozed_until=None)), "ignored", "", ""


def _snooze(doing: _Doing) -> _Done:
    try:
        for_long = parse_duration(doing.value or "1d")
    except ValueError as error:
        raise Refused(f"{error}.") from None
    if not timedelta() < for_long <= _LONGEST_SNOOZE:
        raise Refused("Snooze for more than nothing and at most a year.")
    until = stamp(doing.now + for_long)
    return _unclaimed(_had(doing)._replace(state="waiting", snoozed_until=until)), "snoozed", until, ""


def _note(doing: _Doing) -> _Done:
    text = clean(doing.value, NOTE).strip()
    if not text:
        raise Refused("The note is empty.")
    return doing.subject.case or _taken_up(doing)._replace(state="ignored"), "noted", text, ""


def _reopen(doing: _Doing) -> _Done:
    case = _had(doing)
    return case._replace(state="assigned" if case.assignee else "new", snoozed_until=None), "reopened", "", ""


_DO: dict[str, Callable[[_Doing], _Done]] = {
    "label": _label,
    "not_us": _not_us,
    "assign": _assign,
    "release": _release,
    "answered": _answered,
    "thanked": _thanked,
    "ignore": _ignore,
    "snooze": _snooze,
    "note": _note,
    "reopen": _reopen,
}

_EVERY: tuple[str, ...] = ("", *OPEN, *CLOSED)
_IN: dict[str, tuple[str, ...]] = {
    "not_us": tuple(state for state in _EVERY if state != "not_us"),
    "release": OPEN,
    "answered": tuple(state for state in _EVERY if state != "answered"),
    "ignore": ("", *OPEN),
    "snooze": ("", *OPEN),
    "reopen": CLOSED,
}
"""The states in which an action may be done, where that is not in all; "" is no case."""


def _refuse_state(action: str, case: Case | None) -> None:
    state = case.state if case else ""
    if state in _IN.get(action, _EVERY):
        return
    if action == "reopen":
        raise Refused("This is open already.")
    raise Refused(f"This is {state.replace('_', ' ')} already." if state else "Nobody works on this yet.")


# -- parts


def _had(doing: _Doing) -> Case:
    return doing.subject.case or _taken_up(doing)


def _taken_up(doing: _Doing) -> Case:
    """The case of a mention that a person, not the machine, found worth one."""
    mention, post, _, _, reach, _ = doing.subject
    due_at, urgent_at = clock(mention, post, doing.subject.label, reach, doing.settings)
    return Case(mention.id, mention.brand, "new", "", stamp(doing.now), due_at, urgent_at, flagged=0)


def _unclaimed(case: Case) -> Case:
    return case._replace(claimed_by="", claimed_until=None)


def _event(subject: Subject, now: datetime, who: str, what: str, detail: str) -> CaseEvent:
    at, before = stamp(now), to_json(subject.case)
    its_id = short_id("event", subject.mention.id, at, who, what, detail, before)
    return CaseEvent(its_id, subject.mention.id, at, who, what, detail, before)


def _review(subject: Subject, label: str, event: CaseEvent) -> Review:
    draw, flag = subject.draw, subject.case is not None and subject.case.flagged
    by = "audit" if draw else "flag" if flag else "free"
    review = Review(short_id("review", event.id), event.mention_id, label, event.who, event.happened_at, by)
    return review._replace(inclusion_prob=draw.inclusion_prob, audit_id=draw.audit_id) if draw else review


def to_json(case: Case | None) -> str:
    return "" if case is None else json.dumps(case._asdict(), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Case | None:
    return Case(**json.loads(text)) if text else None
