"""How a window is put together from days, places in the order of arrival, and tallies, for stores to count by."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from storage.contract_nps import Frame
from storage.records import moment
from storage.records_nps import Tally

_MIDNIGHT = "T00:00:00.000Z"


def votes(scored: Iterable[Tally], kinds: Collection[str], no_opinion: bool) -> tuple[int, float]:
    """How many mentions of these kinds have a vote, and the sum of their votes."""
    votes = {"promoter": 1, "detractor": -1}
    counted = [one for one in scored if one.left_out in kinds and (no_opinion or one.label != "no_opinion")]
    return sum(one.mentions for one in counted), sum(votes.get(one.label, 0) * one.mentions for one in counted)


def gaps(frames: Iterable[Frame], last: int) -> list[tuple[int, int]]:
    """What of 0 < seq <= last is in none of the frames, as (after, up to)."""
    left, upto = [], 0
    for _, _, after, end in sorted(frames, key=lambda frame: frame[2]):
        if min(after, last) > upto:
            left.append((upto, min(after, last)))
        upto = max(upto, end)
    return [*left, (upto, last)] if upto < last else left


def by_days(brand: str, since: str, until: str) -> tuple[str, ...]:
    """(brand, first day, day after the last) of the whole days, and (brand, since, until) of the rest at each end."""
    first, last = whole_days(since, until)
    before, after = (since, first and first + _MIDNIGHT), (last + _MIDNIGHT, until)
    if first >= last:
        before, after = (since, until), (until, until)
    return (brand, first, last, brand, *before, brand, *after)


def whole_days(since: str, until: str) -> tuple[str, str]:
    """The first UTC day that begins in the window and the one that `until` lies in: those from the one up to the other
    are wholly inside. "" and "~" leave a side open."""
    first = since[:10]
    if since > first + _MIDNIGHT:
        first = (moment(since) + timedelta(days=1)).strftime("%Y-%m-%d")
    return first, until[:10]
