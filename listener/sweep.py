"""The deletion duty: stored posts are asked about again, the newest first; what is gone there loses its words here.

A walk over all that was first seen within a window, in steps, each as small as the caller likes; when it is through,
the next one begins a day after it began. Late edits that no feed shows come to light on the way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.contract import Http, Rechecks
from connectors.errors import FetchError
from connectors.post import Checked, Known, Post
from listener.config import Source
from listener.intake import Intake, Origin
from storage.contract import Store
from storage.records import moment, stamp
from storage.records_sweep import Standing, Sweep

log = logging.getLogger(__name__)

_NAME = "recheck"
_ROUND = timedelta(days=1)
_TOO_MANY = 10
"""So many posts of a source, and all of them gone: an answer that came out empty is likelier."""
_END = 2**62


class SweepReport(NamedTuple):
    """`asked` posts were looked at, of which `changed` were edited or taken away; `through`: nothing is left to ask
    about today. `trouble` holds a sentence for each source that could not be asked."""

    asked: int = 0
    changed: int = 0
    through: bool = False
    trouble: tuple[str, ...] = ()


class Sweeper:
    """`window` is how long after its first sight a post is asked about."""

    def __init__(
        self,
        store: Store,
        http: Http,
        intake: Intake,
        sources: Mapping[str, Source],
        now: Callable[[], datetime],
        window: timedelta,
    ) -> None:
        self._store = store
        self._http = http
        self._intake = intake
        self._now = now
        self._window = window
        self._by_name = {name: source for name, source in sources.items() if isinstance(source.connector, Rechecks)}
        self._by_kind = {source.connector.kind: source for source in self._by_name.values()}

    def step(self, limit: int) -> SweepReport:
        """Ask about up to `limit` posts. Does nothing while another process is at it."""
        with self._store.claim("sweep") as mine:
            if not mine or not self._by_kind:
                return SweepReport(through=True)
            now = self._now()
            sweep = self._resumed(now)
            if sweep is None:
                return SweepReport(through=True)
            since = stamp(now - self._window)
            batch = self._store.standing(tuple(self._by_kind), sweep.position, since, limit)
            told = [self._ask(source, posts) for source, posts in self._by_source(batch)]
            through = len(batch) < limit
            self._store.set_sweep(_NAME, Sweep(0 if through else batch[-1].seq, sweep.began_at))
            trouble = tuple(sentence for _, sentence in told if sentence)
            return SweepReport(len(batch), sum(changed for changed, _ in told), through, trouble)

    def _resumed(self, now: datetime) -> Sweep | None:
        """Where to go on; None while the round of today is through."""
        sweep = self._store.sweep(_NAME)
        if sweep.position:
            return sweep
        if sweep.began_at and now - moment(sweep.began_at) < _ROUND:
            return None
        return Sweep(_END, stamp(now))

    def _by_source(self, batch: Sequence[Standing]) -> list[tuple[Source, list[Standing]]]:
        """A post is asked about at the source that brought it, or at another of its kind if that is gone."""
        groups: dict[str, list[Standing]] = {}
        for post in batch:
            source = self._by_name.get(post.source, self._by_kind[post.kind])
            groups.setdefault(source.name, []).append(post)
        return [(self._by_name[name], posts) for name, posts in groups.items()]

    def _ask(self, source: Source, posts: Sequence[Standing]) -> tuple[int, str]:
        """How many posts had changed, and what went wrong. What was learnt before a failure is kept. What another
        source brought may be about another brand: of that only deletions are taken."""
        brought_by = {post.source_id: post.source for post in posts}
        known = [Known(post.source_id, post.ref, post.url) for post in posts]
        found: dict[str, list[Post]] = {}
        trouble = ""
        try:
            for checked in source.connector.recheck(known, self._http):  # type: ignore[attr-defined]
                post, name = _as_post(checked, source), brought_by.get(checked.source_id)
                if name == source.name or (name is not None and post.deleted):
                    found.setdefault(name, []).append(post)
        except FetchError as error:
            trouble = f"{source.name}: {error}"
        except Exception as error:  # a connector's own mistake must not hold up the walk for ever
            log.debug("%s: the connector failed", source.name, exc_info=True)
            kind = source.connector.kind
            trouble = f"{source.name}: the {kind} connector failed: {type(error).__name__}: {error}."
        told = [post for some in found.values() for post in some]
        if len(told) >= _TOO_MANY and all(post.deleted for post in told):
            return 0, f"{source.name}: says that all {len(told)} posts are gone at once, which is not believed."
        return sum(self._store_changes(source, name, posts) for name, posts in found.items()), trouble

    def _store_changes(self, source: Source, brought_by: str, posts: Sequence[Post]) -> int:
        origin = Origin(brought_by, source.settings.about, backfill=True)
        now = self._now()
        arrivals = self._intake.arrivals(posts, origin, self._store, now)
        return self._store.add_page(arrivals, stamp(now)).edited if arrivals else 0


def _as_post(checked: Checked, source: Source) -> Post:
    kind = source.connector.kind
    return checked.post or Post(kind=kind, source_id=checked.source_id, url="", body="", deleted=True)
