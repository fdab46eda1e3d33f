"""When an answer is due, what comes before what, and which mentions are flagged. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from listener.sentiment.contract import Label
from listener.settings import Settings
from storage.records import Mention, Post, moment, stamp
from storage.records_desk import Case

_READ_BY_MANY = timedelta(minutes=30)  # earlier, for every doubling of those who read the author
_AT_MOST = timedelta(hours=6)
_SURE = timedelta(hours=1)  # earlier or later, for a confidence of 1 or 0 as against a half


def answer_within(settings: Settings, brand: str, label: str) -> timedelta | None:
    """How soon after publication a mention of this label wants an answer: the brand's own rule, else the desk's."""
    own = next((one.answer_within for one in settings.brands if one.name == brand), {})
    by_label: dict[Label, timedelta] = {**settings.desk.answer_within, **own}
    return next((within for one, within in by_label.items() if one == label), None)


def published(post: Post) -> datetime:
    """When its clock began; when it was first seen where its source gives no date, or none to be believed."""
    return moment(post.at or post.first_seen_at)


def clock(mention: Mention, post: Post, label: str, reach: int | None, settings: Settings) -> tuple[str | None, str]:
    """(due_at, urgent_at): due_at = published + answer_within, None where no answer is due; urgent_at is that (the end
    of `open_within` where there is none) minus 30 min × log2(1 + reach), at most 6 h, minus 1 h ×
    (confidence − 1/2)."""
    within = answer_within(settings, mention.brand, label)
    due = published(post) + (settings.desk.open_within if within is None else within)
    read_by = min(_READ_BY_MANY * math.log2(1 + max(reach or 0, 0)), _AT_MOST)
    urgent = due - read_by - _SURE * (mention.confidence - 0.5)
    return None if within is None else stamp(due), stamp(urgent)


def flagged(mention: Mention, post: Post, settings: Settings, now: datetime, reach: int | None = None) -> Case | None:
    """The case of a mention that the machine takes for a detractor surely enough, if it counts, its post stands and was
    published within `desk.open_within`."""
    desk = settings.desk
    wanted = mention.label == "detractor" and mention.confidence >= desk.min_confidence
    if not (wanted and mention.matched and not mention.left_out and post.at and not post.deleted_at):
        return None
    if moment(post.at) < now - desk.open_within:
        return None
    due_at, urgent_at = clock(mention, post, "detractor", reach, settings)
    return Case(mention.id, mention.brand, "new", "", stamp(now), due_at, urgent_at)
