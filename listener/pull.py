"""The unit of work: one watch, one run."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.contract import Http
from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, Gone, RateLimited, Stopped
from connectors.post import Page, Question, Validators, short_id
from connectors.redact import redact
from connectors.text import clean
from listener.config import Source
from listener.intake import Intake, Origin
from storage.contract import Store
from storage.errors import StoreError
from storage.records import Bookmark, Outcome, PageCount, Run, Trouble, Watch, stamp
from storage.texts import holdable

log = logging.getLogger(__name__)

_TROUBLES: tuple[tuple[type[FetchError], Trouble], ...] = (
    (Stopped, ""),
    (RateLimited, "throttled"),
    (AuthError, "refused"),
    (BlockedAddress, "forbidden"),
    (BadAnswer, "garbled"),
    (Gone, "gone"),
    (FetchError, "unreachable"),
)
_HURRY = 4
"""So many times faster is a source asked that lost posts between two pulls."""

_FAITH = 3
"""A new address that fails so often in a row is given up for the configured one."""

_RETURN = timedelta(seconds=10)
"""Between two beginnings of a stream that is not listened to for as long as was meant."""

_SHORTEST = timedelta(seconds=60)
"""A failing source is left alone for at least this long, however short its interval."""


@dataclass
class _Tally:
    """What a run has brought so far."""

    read: int = 0
    stored: PageCount = field(default_factory=PageCount)
    changed: bool = False
    overrun: bool = False
    gap: str = ""
    moved_to: str = ""
    poll_after: timedelta = timedelta(0)
    left: bool = False
    """A stream that was not listened to for as long as was meant: it was closed, or this process is being stopped."""

    def add(self, page: Page, count: PageCount) -> None:
        self.read += len(page.posts)
        self.stored = PageCount(*(a + b for a, b in zip(self.stored, count, strict=True)))
        self.changed |= not page.unchanged
        self.overrun |= page.turnover and count.new == len(page.posts)
        self.gap = self.gap or page.gap
        self.moved_to = page.moved_to or self.moved_to
        self.poll_after = max(self.poll_after, page.poll_after or timedelta(0))


class Puller:
    def __init__(
        self,
        store: Store,
        http: Http,
        intake: Intake,
        now: Callable[[], datetime],
        chance: random.Random,
        max_backoff: timedelta,
    ) -> None:
        self._store = store
        self._http = http
        self._intake = intake
        self._now = now
        self._chance = chance
        self._max_backoff = max_backoff

    def pull(
        self, watch_id: str, source: Source, *, due_only: bool = True, stay: timedelta = timedelta()
    ) -> Run | None:
        """Ask the watch's question and store the answer page by page. A stream is listened to for `stay` longer.

        None when there was nothing to do: somebody else is at it, or has just done it; or the program is being stopped
        before anything came: then the watch stays due. Never raises for anything a source does; raises StoreError when
        the answer could not be kept, and then the watch stays due, too.
        """
        with self._store.claim(f"watch:{watch_id}") as mine:
            watch = self._store.watch(watch_id) if mine else None
            started = self._now()
            if watch is None or (due_only and (watch.closed or watch.next_due > stamp(started))):
                return None
            tally = _Tally()
            problem = self._read_pages(watch, source, self._question(watch, source, started, stay), tally)
            if isinstance(problem, Stopped) and not tally.read:
                return None
            tally.left = source.connector.facts.stream and self._now() < started + stay
            if tally.overrun and not watch.baseline and not tally.gap:
                tally.gap = (
                    f"all {tally.stored.new} entries are new since the last pull, so others may have come and gone "
                    "unseen: set a shorter interval."
                )
            return self._finish(watch, source, started, tally, problem)

    def give_up(self, watch_id: str, source: Source, why: str) -> None:
        """Note that the watch could not be asked, if it is still due and nobody is at it."""
        with self._store.claim(f"watch:{watch_id}") as mine:
            watch = self._store.watch(watch_id) if mine else None
            now = self._now()
            if watch is not None and watch.next_due <= stamp(now):
                self._finish(watch, source, now, _Tally(), FetchError(f"{source.name} was given up: {why}"))

    def _question(self, watch: Watch, source: Source, started: datetime, stay: timedelta) -> Question:
        return Question(
            now=started,
            term=watch.term,
            cursor=watch.cursor,
            validators=Validators(watch.validators_url, watch.etag, watch.last_modified, watch.body_hash),
            since=started - source.settings.backfill,
            address=watch.moved_to if watch.failures < _FAITH else "",
            stay=stay,
            relevant=(lambda _: True) if source.settings.about else self._intake.relevant,
        )

    def _read_pages(self, watch: Watch, source: Source, question: Question, tally: _Tally) -> FetchError | None:
        origin = Origin(source.name, source.settings.about, source.settings.keep == "all", bool(watch.baseline))
        try:
            for page in source.connector.pull(question, self._http):
                tally.add(page, self._store_page(watch, page, origin))
        except FetchError as error:
            return error
        except StoreError:
            raise
        except Exception as error:  # a connector's own mistake must not take the others down
            log.debug("%s: the connector failed", source.name, exc_info=True)
            return BadAnswer(f"the {watch.kind} connector failed: {type(error).__name__}: {error}.")
        return None

    def _store_page(self, watch: Watch, page: Page, origin: Origin) -> PageCount:
        bookmark = _bookmark(watch, page)
        if not page.posts and bookmark is None:
            return PageCount()
        now = self._now()
        arrivals = self._intake.arrivals(page.posts, origin, self._store, now)
        if not arrivals and bookmark is None:
            return PageCount()
        return self._store.add_page(arrivals, stamp(now), watch.id, bookmark)

    def _finish(
        self, watch: Watch, source: Source, started: datetime, tally: _Tally, problem: FetchError | None
    ) -> Run:
        now = self._now()
        outcome = _outcome(tally, problem)
        run = Run(
            id=short_id(watch.id, stamp(started), str(self._chance.random())),
            watch_id=watch.id,
            source=source.name,
            started_at=stamp(started),
            finished_at=stamp(now),
            outcome=outcome,
            read=tally.read,
            new=tally.stored.new,
            edited=tally.stored.edited,
            mentions=tally.stored.mentions,
            error=clean(_note(tally, problem)),
        )
        closed = str(problem) if isinstance(problem, Gone) else ""
        next_due = stamp(self._next_due(watch, source, started, tally, problem))
        self._store.finish_run(run, next_due, closed, _trouble(problem), _lasting(tally.moved_to))
        return run

    def _next_due(
        self, watch: Watch, source: Source, started: datetime, tally: _Tally, problem: FetchError | None
    ) -> datetime:
        now = self._now()
        if isinstance(problem, Stopped):
            return started
        if problem is None and tally.left:
            return max(now, started + min(source.interval, _RETURN))
        if problem is None:
            interval = source.interval / _HURRY if tally.overrun else source.interval
            # From the start, so that a stream that was listened to all the time goes on at once.
            return max(now, started + max(interval, tally.poll_after))
        wait = source.interval
        if not isinstance(problem, RateLimited) or problem.retry_after is None:
            doubled = max(source.interval, _SHORTEST) * 2 ** min(watch.failures, 10)
            wait = min(doubled * self._chance.uniform(0.9, 1.1), max(self._max_backoff, source.interval))
        return max(now + wait, problem.retry_after or now)


def _trouble(problem: FetchError | None) -> Trouble:
    return next((trouble for kind, trouble in _TROUBLES if isinstance(problem, kind)), "")


def _note(tally: _Tally, problem: FetchError | None) -> str:
    if problem is not None:
        return str(problem)
    if tally.gap or not tally.moved_to:
        return tally.gap
    what = "where it is asked from now on." if _lasting(tally.moved_to) else "which may hold a secret: change its url."
    return f"moved for good to {redact(tally.moved_to)}, {what}"


def _lasting(moved_to: str) -> str:
    """The new address, if it may be written down: one with a query or a token stays in the configuration alone."""
    return moved_to if redact(moved_to) == moved_to else ""


def _outcome(tally: _Tally, problem: FetchError | None) -> Outcome:
    if problem is not None:
        return "partial" if tally.read else "failed"
    if tally.gap:
        return "partial"
    if tally.stored.new or tally.stored.edited:
        return "ok"
    return "empty" if tally.changed else "unchanged"


def _bookmark(watch: Watch, page: Page) -> Bookmark | None:
    """What the page moves, or None when it leaves everything where it was."""
    stored = (watch.validators_url, watch.etag, watch.last_modified, watch.body_hash)
    proof = page.validators or Validators(*stored)
    proved = (proof.url, proof.etag, proof.last_modified, proof.body_hash)
    (there,) = holdable((page.cursor,))
    cursor = there if there and there != watch.cursor else None
    if proved == stored:
        return Bookmark(cursor) if cursor else None
    return Bookmark(cursor, *proved)
