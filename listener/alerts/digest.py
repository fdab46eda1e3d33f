"""Many alerts as one message: what is too much for a channel, and what was held back from it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from heapq import nlargest
from operator import attrgetter
from typing import get_args

from connectors.post import short_id
from listener.alerts.notice import Count, Digest, Line, Notice, cut
from listener.alerts.rules import Raised, delivery
from listener.sentiment.contract import Label
from storage.records import Alert, Outgoing

_SUREST = 10
_MOST_COUNTS = 50
_TITLE_CHARS = 150
_FLOOD, _HELD = "flood guard", "held back"
_HELD_BACK = "This was held back to be told at once; all of it is in Listener."
_DIGEST = "mention.digest"
_TYPE = re.compile(r'\{"type": ?"([a-z_.]*)"')  # what every stored notice begins with
_JOINING = ("mention.", "case.", "brand.", "source.")
_LABELS = {*get_args(Label), "unscored", "unreadable"}


def collapse(channel: str, outgoing: Sequence[Outgoing], *, held: bool = False, desk: str = "") -> Raised:
    """One alert that stands for all of `outgoing` (whatever `joins`, digests too), with its delivery to `channel`.

    `held`: they were held back, and are not too many. `desk` is the desk's address. Its id follows from theirs and its
    time is that of the newest, so that building it twice builds the same.
    """
    members = tuple(one.delivery.id for one in outgoing)
    raised_at = max(one.alert.raised_at for one in outgoing)
    parts = [_part(_notice(one.alert)) for one in outgoing]
    counted: Counter[tuple[str, str]] = Counter()
    for part in parts:
        counted.update({(count.brand, count.label): count.mentions for count in part.counts})
    total = sum(part.total for part in parts)
    digest = Digest(
        total=total,
        counts=tuple(Count(brand, label, count) for (brand, label), count in counted.most_common(_MOST_COUNTS)),
        surest=tuple(nlargest(_SUREST, (line for part in parts for line in part.surest), key=attrgetter("confidence"))),
        members=members,
    )
    notice = Notice(
        type=_DIGEST,
        found_at=raised_at,
        rule=_HELD if held else _FLOOD,
        title=f"{total} {_what(counted)} in one message",
        text=_HELD_BACK if held else "",
        desk=f"{desk}/mentions" if desk else "",
        digest=digest,
    )
    alert = Alert(short_id("digest", channel, *members), notice.rule, "", None, raised_at, notice.to_json())
    return alert, (delivery(alert, channel),)


def joins(outgoing: Outgoing) -> bool:
    """Whether it may be told in a digest: neither what goes with a report, nor what is about the program."""
    if outgoing.alert.mention_id is not None:
        return True
    return _kind(outgoing).startswith(_JOINING)


def is_urgent(outgoing: Outgoing) -> bool:
    """Whether no quiet hours hold it back: trouble with the program, and what somebody is just trying out."""
    if outgoing.alert.mention_id is not None:
        return False
    kind = _kind(outgoing)
    return kind == "test" or kind.startswith("ops.")


def was_held(outgoing: Outgoing) -> bool:
    """Whether it has waited for a time that was set for it, and not because an attempt had failed."""
    delivery = outgoing.delivery
    return delivery.next_try_at > outgoing.alert.raised_at and not delivery.attempts and not delivery.last_error


def members_of(outgoing: Outgoing) -> tuple[str, ...]:
    """The ids of the deliveries this one replaces; none unless it is a digest."""
    if outgoing.alert.mention_id is not None or _kind(outgoing) != _DIGEST:
        return ()
    try:
        digest = Notice.from_json(outgoing.alert.notice).digest
    except ValueError:
        return ()  # whoever sends it will say what is wrong with it
    return digest.members if digest else ()


def _kind(outgoing: Outgoing) -> str:
    """The notice's type, "" if it has none; nothing else of it is read."""
    found = _TYPE.match(outgoing.alert.notice)
    return found[1] if found else ""


def _what(counted: Counter[tuple[str, str]]) -> str:
    return "mentions" if {label for _, label in counted} <= _LABELS else "alerts"


def _notice(alert: Alert) -> Notice:
    try:
        return Notice.from_json(alert.notice)
    except ValueError:
        return Notice(type="unreadable", found_at=alert.raised_at, brand=alert.brand, label="unreadable")


def _part(notice: Notice) -> Digest:
    if notice.digest:
        return notice.digest
    title = cut(notice.title or notice.text, _TITLE_CHARS)
    label = "answer overdue" if notice.type == "case.overdue" else notice.label
    label = label or notice.type.partition(".")[2].replace("_", " ")
    line = Line(notice.brand, label, notice.confidence, title, notice.url)
    return Digest(1, (Count(notice.brand, label, 1),), (line,), ())
