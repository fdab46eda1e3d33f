"""What every database is to the rest of the program. The suite that checks it is tests/contracts/store.py.

Obligations that hold for every method:
- a method is one transaction: after a kill at any instant it has happened whole or not at all;
- methods may be called from any thread, and several processes may work on one database: nobody waits longer than
  `storage.errors.StoreBusy` allows, and no database error other than StoreError leaves this floor;
- lists come in a stated order and are bounded by the caller;
- text is stored as given: whoever calls has cleaned it. Any text may be asked for: one that a database cannot hold, as
  with a lone surrogate or NUL, is simply not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from storage.contract_alerts import Alerting
from storage.contract_desk import Desking
from storage.contract_figures import Figuring
from storage.contract_nps import Estimating
from storage.contract_people import Befriending
from storage.contract_rules import Ruling
from storage.contract_states import Judging
from storage.contract_tokens import Serving
from storage.records import (
    Arrival,
    Bookmark,
    Coverage,
    Finding,
    Mention,
    PageCount,
    Post,
    Run,
    Score,
    Trouble,
    Watch,
    Yield,
)
from storage.records_scoring import Calibration, Labelled, Rescored, Review, Stale, WordRule
from storage.records_sweep import Standing, Sweep
from storage.transfer import Side


class Opening(Protocol):
    """Who opens a database."""

    @property
    def place(self) -> str:
        """Where it is, as a person would say it; no password."""

    def migrate(self) -> None:
        """Bring the schema up to date; safe when several processes start at once. Raises NewerSchema."""

    def claim(self, name: str) -> AbstractContextManager[bool]:
        """Try to be the only one, over threads and processes, who works on `name`; False when somebody else
        does. Never waits; a killed process holds nothing."""

    def size(self) -> int:
        """Bytes on its disk, indexes and logs included."""

    @property
    def side(self) -> Side:
        """As `storage.transfer` sees it."""

    def make_way(self) -> None:
        """Many rows are about to be copied in, and nothing else happens until `settle_in`."""

    def settle_in(self) -> None:
        """After rows were copied in: numbers go on from the last, and all indexes are there."""

    def close(self) -> None: ...


class Pulling(Protocol):
    """Who pulls."""

    def sync_watches(self, wanted: Sequence[Watch]) -> None:
        """Make the active watches those of the configuration: new ones are added as given, known ones keep their
        memory, all others become inactive."""

    def watches(self) -> list[Watch]:
        """The active ones, by source and term."""

    def watch(self, watch_id: str) -> Watch | None: ...

    def due_watches(self, now: str) -> list[Watch]:
        """Active, not closed, `next_due` <= now; the longest waiting first."""

    def fingerprints(self, post_ids: Sequence[str]) -> dict[str, str]:
        """id → fingerprint of those that are stored."""

    def add_page(
        self, arrivals: Sequence[Arrival], now: str, watch_id: str = "", bookmark: Bookmark | None = None
    ) -> PageCount:
        """Store a page and the watch's bookmark behind it.

        A new post brings its author, mentions, scores, alerts and deliveries. One that is known with another
        fingerprint keeps its first_seen_at and `at`, leaves a revision, gets new scores, and raises no alert; only the
        source that first brought it may change it. One that is known with the same fingerprint changes nothing, even
        if somebody else stored it a moment ago. One that has been taken away (`deleted_at`), by whichever source of its
        kind says so, loses its words wherever they are and keeps ids, times and labels; it never comes back. One that
        was never stored is not stored to be deleted."""

    def finish_run(self, run: Run, next_due: str, closed: str = "", trouble: Trouble = "", moved_to: str = "") -> None:
        """Record how a run ended: on the watch (failures, baseline, last times), in `runs`, in `coverage` and, if it
        brought something new, in what the watch yields. `moved_to` "" keeps what is stored."""

    def yields(self, since_day: str) -> dict[str, Yield]:
        """By watch, what it gave from that UTC day on; those that gave nothing are not in it."""

    def forget_runs(self, before: str, limit: int = 5000) -> int:
        """Delete up to `limit` runs, and the daily yields, from before that time; how many runs. Coverage stays, and
        which hours were heard for two months more."""

    def index_posts(self, limit: int = 5000) -> int:
        """Put up to `limit` posts that are not yet searchable into the full-text index; how many."""


class Sweeping(Protocol):
    """Who asks about stored posts again."""

    def standing(self, kinds: Sequence[str], below: int, since: str, limit: int) -> list[Standing]:
        """Posts of these kinds that stand, first seen since then, with a `seq` below that; newest first."""

    def sweep(self, name: str) -> Sweep: ...

    def set_sweep(self, name: str, sweep: Sweep) -> None: ...


class Scoring(Protocol):
    """Who scores again, labels and calibrates. Nothing is deleted: what is undone stays, with its time."""

    def stale(self, brand: str, scorer: str, after: int, limit: int) -> list[Stale]:
        """Matched mentions of the brand, their posts standing, whose score is of another scorer; by `seq` > after."""

    def count_stale(self, brand: str, scorer: str) -> int: ...

    def rescore(self, rescored: Sequence[Rescored]) -> None:
        """A changed score is added and holds from now on; of an unchanged one only the mention's scorer is noted. Where
        the post was edited or taken away since it was scored, nothing is stored: the mention stays stale."""

    def add_reviews(self, reviews: Iterable[Review]) -> None:
        """Known ids change nothing."""

    def undo_review(self, review_id: str, now: str) -> bool: ...

    def labelled(self, brand: str = "") -> list[Labelled]:
        """Each mention that a person has labelled, with the last label that holds, the oldest label first; "" means of
        any brand."""

    def add_word_rule(self, rule: WordRule) -> None: ...

    def undo_word_rule(self, rule_id: str, now: str) -> bool: ...

    def word_rules(self) -> list[WordRule]:
        """All, the undone too, the oldest first."""

    def add_calibration(self, calibration: Calibration) -> None: ...

    def undo_calibration(self, brand: str, now: str) -> bool:
        """Undo the brand's newest one; the one before it holds again."""

    def calibrations(self) -> list[Calibration]:
        """All, the undone too, the oldest first."""


class Reading(Protocol):
    """Who reports. Windows are half open: since <= at < until."""

    def findings(
        self,
        brand: str,
        since: str,
        until: str,
        labels: Sequence[str] = (),
        limit: int = 10,
    ) -> list[Finding]:
        """Matched mentions that count, their posts standing, the surest first, then the newest; () means any label."""

    def posts(self, limit: int, before: int | None = None) -> list[tuple[int, Post]]:
        """(seq, post), newest first, `seq` < before: pages by key."""

    def posts_of(self, ids: Sequence[str]) -> list[Post]:
        """Those that are stored, in no order."""

    def search(self, text: str, limit: int = 20) -> list[Post]:
        """Posts with all the words of `text`, newest first. Any text is a valid query."""

    def coverage(self, since_day: str, until_day: str) -> list[Coverage]:
        """Runs by source, UTC day and outcome, days inclusive."""

    def counts(self) -> Mapping[str, int]:
        """Rows of posts, mentions, alerts: for `check` and `sources`."""

    def scores_of(self, mention_id: str) -> list[Score]:
        """Oldest first: the last one holds."""

    def mention(self, mention_id: str) -> Mention | None: ...

    def revisions(self, post_id: str) -> int:
        """How often a post was edited."""

    def undated(self, brand: str) -> int:
        """Matched mentions that no window counts, because their date is implausible."""


class Store(
    Opening,
    Pulling,
    Sweeping,
    Scoring,
    Reading,
    Alerting,
    Estimating,
    Desking,
    Figuring,
    Serving,
    Befriending,
    Ruling,
    Judging,
    Protocol,
):
    pass
