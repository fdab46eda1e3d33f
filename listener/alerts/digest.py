"""The flood guard: when too much waits for one channel, the oldest of it becomes one message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import nlargest
from operator import attrgetter

from connectors.post import short_id
from listener.alerts.notice import Count, Digest, Line, Notice, cut
from listener.alerts.rules import Raised, delivery
from storage.records import Alert, Outgoing

_SUREST = 10
_MOST_COUNTS = 50
_TITLE_CHARS = 150


def collapse(channel: str, outgoing: Sequence[Outgoing]) -> Raised:
    """One alert that stands for all of `outgoing` (mentions, and digests of mentions), with its delivery to `channel`.

    Its id follows from theirs and its time is that of the newest, so that building it twice builds the same.
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
        type="mention.digest",
        found_at=raised_at,
        rule="flood guard",
        title=f"{total} mentions in one message",
        digest=digest,
    )
    alert = Alert(short_id("digest", channel, *members), "flood guard", "", None, raised_at, notice.to_json())
    return alert, (delivery(alert, channel),)


def members_of(outgoing: Outgoing) -> tuple[str, ...]:
    """The ids of the deliveries this one replaces; none unless it is a digest."""
    if outgoing.alert.mention_id is not None:
        return ()
    try:
        digest = Notice.from_json(outgoing.alert.notice).digest
    except ValueError:
        return ()  # whoever sends it will say what is wrong with it
    return digest.members if digest else ()


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
    line = Line(notice.brand, label, notice.confidence, title, notice.url)
    return Digest(1, (Count(notice.brand, label, 1),), (line,), ())
