"""What every database is to those who estimate; the obligations are those of `storage.contract`.

Windows are half open: since <= at < until. Only matched mentions are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Protocol

from storage.records_nps import (
    Audit,
    Audited,
    Ballots,
    Draw,
    Drawn,
    Framed,
    Progress,
    Seam,
    Sketch,
    Speaker,
    StoredReport,
    Story,
    Storyless,
    Tally,
    Told,
    Variant,
)
from storage.records_scoring import Review

ECHOING = timedelta(days=30)
"""Who tells a story again later than that says it anew."""

Frame = tuple[str, str, int, int]
"""(since, until, after_seq, upto_seq) of an audit."""


class Counting(Protocol):
    """Who counts. Tallies are kept in the transaction that changes what they count: they cost the same at any size."""

    def tallies(self, brand: str, since: str, until: str) -> list[Tally]: ...

    def ballots(self, brand: str, since: str, until: str, by: Literal["", "source", "language"] = "") -> list[Ballots]:
        """Of each group, by name; of eligible mentions only. One group "" when `by` is ""; none without a vote."""

    def counted(self, brand: str, since: str, until: str) -> tuple[Ballots | None, list[Variant]]:
        """The ballots of all eligible mentions (None without a vote) and all sixteen variants, in one look at them."""

    def set_standing(self, author_id: str, standing: str) -> int:
        """Whether an author is "staff", "quarantined" or "" counts for all of their mentions, past and to come; how
        many there are by now."""

    def speakers(self, brand: str, since: str, until: str, limit: int) -> list[Speaker]:
        """Known authors, the loudest first."""

    def authors_named(self, name: str, limit: int = 20) -> list[Speaker]:
        """Authors whose handle, name or id that is, whatever its case, with their mentions of any brand and time."""


class Auditing(Protocol):
    """Who draws random mentions for people to label."""

    def frame(self, brand: str, since: str, until: str, after_seq: int = 0) -> Iterator[Framed]:
        """Every eligible mention of the window that came after that place in the order of arrival and whose post
        stands, in that order."""

    def add_audit(self, audit: Audit, draws: Sequence[Draw]) -> bool:
        """False, and nothing changed, when its id is known."""

    def audits(self, brand: str = "") -> list[Progress]:
        """The newest first; "" of any brand."""

    def drawn(self, brand: str = "", audit_id: str = "", *, waiting: bool = True, limit: int = 1000) -> list[Drawn]:
        """The draws of the newest audit first, in the order of the mentions' ids, which tells nothing of them.
        `waiting`: only those that no person has labelled in an audit and whose post stands."""

    def draws_of(self, mention_ids: Sequence[str]) -> list[Draw]:
        """Of these mentions, those of the newest audit first."""

    def reviews_of(self, mention_ids: Sequence[str]) -> list[Review]:
        """Every label any person gave these mentions, the undone too, the oldest first."""

    def audited(self, brand: str, since: str, until: str) -> list[Audited]:
        """Draws whose mention is eligible, in the window, and labelled in an audit: one row a draw, by mention."""

    def census(self, brand: str, since: str, until: str) -> list[Audited]:
        """Every eligible detractor of the machine's in the window with the last label any person gave it, by mention;
        nothing at all unless each has one. `audit_id` is "", `inclusion_prob` 1."""

    def covered(self, brand: str, since: str, until: str, frames: Sequence[Frame]) -> int:
        """How many eligible mentions of the window are in at least one of the frames."""


class Telling(Protocol):
    """Who tells stories apart. A story is a post and those much like it that came within weeks of it."""

    def storyless(self, limit: int) -> list[Storyless]:
        """Posts with mentions that no story has been found for, in the order of arrival; none that were taken away."""

    def alike(self, bands: Sequence[int]) -> list[tuple[int, str, str]]:
        """(band, post id, sketch) of the first posts of stories that have one of these bands; the oldest first."""

    def add_stories(self, told: Sequence[Told], sketches: Sequence[Sketch]) -> int:
        """In the order of arrival. A mention whose known voice told that story of that brand in a mention that came
        before, and is dated within ECHOING of it, is an echo from now on. How many are echoes."""

    def forget_sketches(self, before: str, limit: int = 5000) -> int:
        """Stories that began before that time grow no more."""

    def stories(self, brand: str, since: str, until: str, limit: int = 10) -> list[Story]:
        """Those with more than one mention in the window, echoes counted, the largest first."""


class Remembering(Protocol):
    """Who keeps what was said, and what changed under it."""

    def note(self, brand: str, states: Mapping[str, str], now: str) -> list[Seam]:
        """Write down what (key) is now what (value) where that differs from what was written last; the changes among
        them. What is written first is no change."""

    def seams(self, brand: str, since: str, until: str) -> list[Seam]:
        """Changes noted in the window, the oldest first."""

    def add_report(self, report: StoredReport) -> None:
        """A known id changes nothing."""

    def report(self, report_id: str) -> StoredReport | None:
        """By its id or a beginning that only it has."""

    def reports(self, limit: int = 20) -> list[StoredReport]:
        """The newest first, without their bodies ("")."""


class Estimating(Counting, Auditing, Telling, Remembering, Protocol):
    pass
