"""What the audits of a window say of the scorer itself: how many, how recent, how often people agree, and where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from listener.nps.draw import UNSCORED
from listener.nps.weights import Weighted


class AuditSummary(NamedTuple):
    """`n` labelled audits, the last at `last` ("" when there is none). `accuracy` (0..1) is the share of the scored
    mentions of the window that people label as the machine did, None where none was read; `confusion` counts the
    audits by (machine's label or "unscored", person's label)."""

    n: int
    last: str
    accuracy: float | None
    confusion: Counter[tuple[str, str]]


def summarise(sample: Sequence[Weighted]) -> AuditSummary:
    scored = [one for one in sample if one.audited.machine is not None]
    weight = sum(one.weight for one in scored)
    agreed = sum(one.weight for one in scored if one.audited.machine == one.audited.label)
    return AuditSummary(
        n=len(sample),
        last=max((one.audited.reviewed_at for one in sample), default=""),
        accuracy=agreed / weight if weight else None,
        confusion=Counter((one.audited.machine or UNSCORED, one.audited.label) for one in sample),
    )
