"""Audits: mentions drawn at random for people to label, so that what the labels say holds for all mentions.

Who draws knows what the machine thinks, who labels must not: nothing of the machine's leaves this module with a draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from connectors.post import short_id
from listener.nps.draw import draw_per_label, draw_sized
from listener.sentiment.contract import LABELS
from storage.contract import Reading
from storage.contract_nps import Auditing
from storage.records import moment, stamp
from storage.records_nps import Audit, Draw, Drawn, Framed
from storage.records_scoring import Review

NOT_US = "not_us"
"""What a person says of a mention that does not speak of the brand at all."""

ANSWERS = (*LABELS, NOT_US)

EVERY = 1_000_000
"""More than anybody ever draws: for lists that are wanted whole."""


class Plan(NamedTuple):
    """What to draw of since <= at < until (stamps): `size` mentions, or `size` of each machine label."""

    since: str
    until: str
    size: int
    seed: str
    per_label: bool = False

    @property
    def design(self) -> str:
        return "per-label" if self.per_label else "sized"


class Answer(NamedTuple):
    """What a person says of a mention: one of ANSWERS."""

    mention_id: str
    label: str
    reviewer: str


# -- draws


def draw(store: Auditing, brand: str, plan: Plan, now: datetime) -> tuple[Audit, bool] | None:
    """The audit, and whether it is new: the same plan of the same mentions is the same audit, however often it is
    drawn. None, and nothing written, when no mention of the window counts."""
    frame = list(store.frame(brand, plan.since, plan.until))
    if not frame:
        return None
    upto = frame[-1].seq
    draws = _drawn(frame, plan, short_id(brand, plan.design, str(plan.size), str(upto), plan.seed))
    # Named after what was drawn: "the last 90 days" begin at another instant each time somebody says so.
    id_ = short_id("audit", brand, plan.design, plan.seed, str(upto), *(draw.mention_id for draw in draws))
    audit = Audit(
        id_, brand, plan.since, plan.until, plan.seed, len(draws), len(frame), stamp(now), 0, upto, plan.design
    )
    return audit, store.add_audit(audit, [draw._replace(audit_id=id_) for draw in draws])


def draw_daily(store: Auditing, brand: str, per_day: int, today: date, now: datetime) -> Audit | None:
    """Draw `per_day` of the mentions that came since the last daily draw, once a day (`today`: the local day),
    whichever process asks first. None, and nothing written, when that is done or there is nothing to draw."""
    if per_day < 1:
        return None
    day = today.isoformat()
    daily = [progress.audit for progress in store.audits(brand) if progress.audit.day]
    if any(audit.day == day for audit in daily):
        return None
    after = max((audit.upto_seq for audit in daily), default=0)
    frame = list(store.frame(brand, "", "~", after))
    if not frame:
        return None
    plan = Plan("", "~", per_day, f"{brand} {day}")
    id_ = short_id(brand, "daily", day)
    draws = [draw._replace(audit_id=id_) for draw in _drawn(frame, plan, plan.seed)]
    size = len(draws)
    audit = Audit(id_, brand, "", "~", plan.seed, size, len(frame), stamp(now), after, frame[-1].seq, plan.design, day)
    return audit if store.add_audit(audit, draws) else None


def _drawn(frame: Sequence[Framed], plan: Plan, seed: str) -> list[Draw]:
    """In the order of the mentions' ids, the audit's id still to be filled in. The seed is of one plan alone: two draws
    that share their chance would count as two samples and be hardly more than one."""
    if plan.per_label:
        draws = [Draw("", *one) for one in draw_per_label(frame, plan.size, seed)]
    else:
        draws = [Draw("", its, "", chance) for its, chance in draw_sized(frame, plan.size, seed)]
    return sorted(draws, key=lambda draw: draw.mention_id)


# -- what waits


def once(drawn: Iterable[Drawn]) -> list[Drawn]:
    """A mention that was drawn more than once, only as it was drawn last."""
    first: dict[str, Drawn] = {}
    for one in drawn:
        first.setdefault(one.mention.id, one)
    return list(first.values())


# -- labels


def newest_draws(store: Auditing, mention_ids: Sequence[str]) -> dict[str, Draw]:
    """By mention, the draw of the newest audit; those that were never drawn are not in it."""
    found: dict[str, Draw] = {}
    for draw in store.draws_of(mention_ids):
        found.setdefault(draw.mention_id, draw)
    return found


def refusal(store: Reading, mention_id: str) -> str:
    """Why a mention that is in no audit cannot be labelled in one, as the end of a sentence."""
    known = store.mention(mention_id) is not None
    return f"'{mention_id}' was not drawn in an audit" if known else f"there is no mention '{mention_id}'"


def news(
    store: Auditing, answers: Sequence[Answer], draws: Mapping[str, Draw], now: datetime, *, insist: bool = False
) -> list[Review]:
    """The answers that say something new, as reviews; `draws` are those of `newest_draws`, of every answer's mention.

    What a reviewer said last of a mention is not said again, so that the same answers twice change nothing, and old
    ones do not overrule somebody else's newer. With `insist` it is said again unless it holds. Of two answers of one
    reviewer about one mention the later counts; of several reviewers the last holds.
    """
    said: dict[tuple[str, str], Answer] = {}
    for answer in answers:
        said.pop((answer.mention_id, answer.reviewer), None)
        said[answer.mention_id, answer.reviewer] = answer
    history: dict[str, list[Review]] = {}
    for review in _given(store, list(dict.fromkeys(mention_id for mention_id, _ in said))):
        history.setdefault(review.mention_id, []).append(review)
    made = []
    for answer in said.values():
        before = history.setdefault(answer.mention_id, [])
        if not _told(before, answer, insist):
            made.append(_review(answer, draws[answer.mention_id], before, now))
            before.append(made[-1])
    return made


def holding(store: Auditing, mention_id: str) -> Review | None:
    """The label that holds of those given in audits."""
    given = [review for review in _given(store, [mention_id]) if review.undone_at is None]
    return given[-1] if given else None


def _given(store: Auditing, mention_ids: Sequence[str]) -> list[Review]:
    return [review for review in store.reviews_of(mention_ids) if review.sampled_by == "audit"]


def _told(history: Sequence[Review], answer: Answer, insist: bool) -> bool:
    holding = [review for review in history if review.undone_at is None]
    if not insist:
        holding = [review for review in holding if review.reviewer == answer.reviewer]
    return bool(holding) and (holding[-1].label, holding[-1].reviewer) == (answer.label, answer.reviewer)


def _review(answer: Answer, draw: Draw, history: Sequence[Review], now: datetime) -> Review:
    """Named after all that was said before, so that two processes that store the same answers store them once, and a
    mind that changed back is one that changed. Later than all of it, so that it holds."""
    last = history[-1] if history else None
    at = stamp(now)
    if last is not None and last.reviewed_at >= at:
        at = stamp(moment(last.reviewed_at) + timedelta(milliseconds=1))
    id_ = short_id("review", answer.mention_id, draw.audit_id, answer.reviewer, answer.label, last.id if last else "")
    return Review(
        id_, answer.mention_id, answer.label, answer.reviewer, at, "audit", draw.inclusion_prob, draw.audit_id
    )
