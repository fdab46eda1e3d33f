"""Tells whoever wants to hear of it that an answer is overdue: once, for as long as its time stays the same.

What is told and that it was told are stored together, so a crash repeats all of it or nothing. An alert's id follows
from what it speaks of, so two processes that find the same case at once tell one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from connectors.post import short_id
from listener.alerts.notice import Notice
from listener.alerts.rules import Raised, Rule, delivery, desk_link, first_come, matched_terms
from listener.settings import Settings
from storage.contract_desk import Working
from storage.records import Alert, moment, stamp
from storage.records_desk import Case, Item, Reminder

_SLICE = 100


Quiet = Callable[[str, str], bool]
"""(rule, brand) → whether somebody wants it to be quiet now."""


def remind(
    store: Working,
    rules: Sequence[Rule],
    settings: Settings,
    now: datetime,
    quiet: Quiet = lambda rule, brand: False,
) -> int:
    """Put cases whose snooze has ended back to work, then raise alerts for each that is past its time; how many cases
    were found so. Raises StoreError.

    In slices, so that nobody waits for the write lock for long. A case that no rule wants, or only rules that are
    `quiet`, is passed for good, as those are that were told. Without any rule on "overdue" none is: the first such rule
    tells what is overdue by then."""
    at = stamp(now)
    while store.wake(at, _SLICE):
        pass
    wanting = [rule for rule in rules if rule.on == "overdue"]
    found = 0
    while wanting and (due := store.overdue(at, _SLICE)):
        heard = [_but(wanting, quiet, item.mention.brand) for item in due]
        found += store.remind(list(_reminders(due, heard, settings, at)), at)
    return found


def _but(rules: Sequence[Rule], quiet: Quiet, brand: str) -> list[Rule]:
    return [rule for rule in rules if not quiet(rule.name, brand)]


def _reminders(
    due: Sequence[Item], heard: Sequence[Sequence[Rule]], settings: Settings, now: str
) -> Iterator[Reminder]:
    for item, rules in zip(due, heard, strict=True):
        if item.case is not None:
            yield Reminder(item.case, _raised(item, item.case, rules, settings, now))


def _raised(item: Item, case: Case, rules: Sequence[Rule], settings: Settings, now: str) -> tuple[Raised, ...]:
    """Of a post that was taken away there is nothing to tell, nor of history that nobody has touched and that was
    overdue before anybody here could know of it; of others by the label that holds, of which a person is sure."""
    history = item.mention.backfill and case.state == "new" and (case.due_at or "") <= case.opened_at
    if item.post.deleted_at or history:
        return ()
    review, judged = item.review, item.mention
    if review is not None:
        judged = judged._replace(label=review.label, confidence=1.0)
    notice = _notice(item, case, settings, now)
    wanting = [rule for rule in rules if rule.wants(judged)]
    return tuple(_alert(rule, channels, case, notice, now) for rule, channels in first_come(wanting))


def _alert(rule: Rule, channels: Sequence[str], case: Case, notice: Notice, now: str) -> Raised:
    its_id = short_id("overdue", rule.name, case.mention_id, case.due_at or "")
    told = replace(notice, rule=rule.name).bounded()
    alert = Alert(its_id, rule.name, case.brand, case.mention_id, now, told.to_json())
    return alert, tuple(delivery(alert, channel) for channel in channels)


def _notice(item: Item, case: Case, settings: Settings, now: str) -> Notice:
    """Where the mention waits for a blind label, it says nothing of what the machine thinks."""
    mention, post, blind = item.mention, item.post, bool(item.audit_id)
    return Notice(
        type="case.overdue",
        found_at=now,
        brand=mention.brand,
        label="" if blind else item.review.label if item.review else mention.label or "",
        value=0.0 if blind else mention.value,
        confidence=0.0 if blind else mention.confidence,
        language=mention.language,
        source=post.source,
        author=post.author,
        title=post.title,
        text=post.text,
        url=post.url,
        published_at=post.published_at,
        why=matched_terms(mention.why),
        mention_id=mention.id,
        reasons=_reasons(item, case, settings.zone),
        desk=desk_link(settings.desk.address, mention.id),
    )


def _reasons(item: Item, case: Case, zone: tzinfo) -> tuple[str, ...]:
    post, review = item.post, item.review
    began = f"published {_at(post.at, zone)}" if post.at else f"first seen {_at(post.first_seen_at, zone)}"
    labelled = [f"{review.reviewer} labelled it {review.label.replace('_', ' ')}"] if review else []
    assigned = f"assigned to {case.assignee}" if case.assignee else "assigned to nobody"
    return (f"an answer was due {_at(case.due_at or case.urgent_at, zone)}", began, *labelled, assigned)


def _at(stamped: str, zone: tzinfo) -> str:
    return moment(stamped).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
