"""What programs are told of a mention, as JSON. Pure.

Blind mentions (`Item.audit_id`) lose here all that the machine thinks of them, as they do in `listener.desk.shown`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from listener.desk.claims import held_by, seen
from listener.desk.mention import as_blind_as, tells
from listener.desk.shown import link, weighed
from storage.records import Author, Score, Watch, stamp
from storage.records_desk import OPEN, Case, CaseEvent, Item, Whole
from storage.records_scoring import Review

Told = dict[str, Any]

_WATCH = (
    *("id", "source", "kind", "term", "next_due", "failures", "last_run_at", "last_outcome", "last_error"),
    *("trouble", "heard_at", "news_at", "moved_to", "closed"),
)


def mention(item: Item, now: datetime) -> Told:
    its, post, blind = item.mention, item.post, bool(item.audit_id)
    return {
        "id": its.id,
        "brand": its.brand,
        "source": post.source,
        "genre": post.genre,
        "url": link(post.url),
        "title": post.title,
        "text": post.text,
        "author": post.author,
        "reach": item.reach,
        "rating": post.rating,
        "rating_scale": post.rating_scale,
        "at": its.at,
        "found_at": its.found_at,
        "edited_at": post.edited_at,
        "deleted_at": post.deleted_at,
        "blind": blind,
        **_judged(item),
        "case": _case(item.case, now, blind=blind),
        "seen": None if blind else seen(its.id, item.case, item.review),
    }


def _judged(item: Item) -> Told:
    """The label that holds, a person's before the machine's, and by whom; all None where it is hidden."""
    its, said = item.mention, item.review
    if item.audit_id:
        return {"label": None, "labelled_by": None, "confidence": None, "language": None, "unscored": None}
    told = {"language": its.language, "unscored": its.unscored}
    if said is not None:
        return {"label": said.label, "labelled_by": said.reviewer, "confidence": None, **told}
    if its.label is None:
        return {"label": None, "labelled_by": None, "confidence": None, **told}
    return {"label": its.label, "labelled_by": "machine", "confidence": round(its.confidence, 4), **told}


def _case(case: Case | None, now: datetime, *, blind: bool) -> Told | None:
    """Whether the machine flagged it is part of what is hidden."""
    if case is None or (blind and case.state == "new"):
        return None
    due_at = None if blind else case.due_at
    return {
        "state": case.state,
        "assignee": case.assignee,
        "due_at": due_at,
        "overdue": case.state in OPEN and due_at is not None and due_at <= stamp(now),
        "answered_at": case.answered_at,
        "thanked_at": case.thanked_at,
        "snoozed_until": case.snoozed_until,
        "claimed_by": held_by(case, now),
    }


def whole(found: Whole, now: datetime) -> Told:
    """Everything about a mention."""
    item, blind = found.item, bool(found.item.audit_id)
    related = {"by_author": found.by_author, "in_thread": found.in_thread, "alike": found.alike}
    return {
        **mention(item, now),
        "why": _strings(item.mention.why),
        "by": None if found.author is None else _author(found.author),
        "scores": [] if blind else [_score(one) for one in found.scores],
        "reviews": [] if blind else [review(item.mention.brand, one) for one in found.reviews],
        "events": [_event(one) for one in found.events if not (blind and tells(one))],
        "revisions": [{"replaced_at": at, "title": was, "text": text} for at, was, text in found.revisions],
        **{name: [mention(one, now) for one in as_blind_as(item, items)] for name, items in related.items()},
    }


def review(brand: str, given: Review) -> Told:
    return {"brand": brand, **given._asdict()}


def watch(of: Watch, state: str, reason: str, *, failing: bool) -> Told:
    known = of._asdict()
    return {"state": state, "reason": reason, "failing": failing, **{key: known[key] for key in _WATCH}}


def without(report: Mapping[str, Any], hidden: frozenset[str]) -> Told:
    """A report less what it quotes of those mentions: under "detractors" a text tells its label."""
    quoted: Mapping[str, Sequence[Told]] = {kind: report[kind] for kind in ("detractors", "promoters")}
    return {
        **report,
        **{kind: [one for one in quotes if one["mention_id"] not in hidden] for kind, quotes in quoted.items()},
    }


def _author(author: Author) -> Told:
    told = {key: getattr(author, key) for key in ("id", "handle", "name", "reach", "first_seen_at", "last_seen_at")}
    return {**told, "url": link(author.url), "standing": author.standing}


def _score(score: Score) -> Told:
    told = {key: getattr(score, key) for key in ("scored_at", "scorer", "label", "value", "confidence", "unscored")}
    return {**told, "words": [list(one) for one in weighed(score.explanation)]}


def _event(event: CaseEvent) -> Told:
    return {key: value for key, value in event._asdict().items() if key not in ("mention_id", "before")}


def _strings(text: str) -> list[str]:
    try:
        return [str(one) for one in json.loads(text)]
    except (ValueError, TypeError):
        return []
