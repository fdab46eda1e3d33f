"""What is listened to and how well it is heard: what `listener sources` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from listener.desk.context import Desk, Entry, desk_of, page
from listener.desk.shown import When, when
from listener.health import STATES, UNASKED, Health
from storage.records import Watch


class Heard(NamedTuple):
    """A watch, or a source that has none (`kind` "" then). `following` None: it is never asked again."""

    name: str
    source: str
    kind: str
    state: str
    reason: str
    outcome: str
    news: When | None
    asked: When | None
    following: When | None


def sources(request: Request) -> Response:
    desk = desk_of(request)
    shown = heard(desk)
    counted = Counter(one.state for one in shown)
    states = [(state, counted[state]) for state in reversed(STATES) if counted[state]]
    return page(request, "sources.html", heard=shown, states=states, configured=bool(desk.config.sources))


def heard(desk: Desk) -> list[Heard]:
    """The worst first, those alike by name. Nothing is asked, and no watch made: `listener run` does that."""
    watches = [watch for watch in desk.store.watches() if watch.source in desk.config.sources]
    known = zip(watches, desk.app.healths(watches), strict=True)
    found = [_heard(one, its, desk.now(), desk.zone) for one, its in known]
    found += _unasked(desk.app.unasked())
    return sorted(found, key=lambda one: (-STATES.index(one.state), one.name))


def _unasked(names: Sequence[str]) -> list[Heard]:
    return [Heard(name, name, "", UNASKED.state, UNASKED.reason, "", None, None, None) for name in names]


def _heard(watch: Watch, its: Health, now: datetime, zone: tzinfo) -> Heard:
    def at(stamped: str | None) -> When | None:
        return when(stamped, now, zone) if stamped else None

    following = None if watch.closed else at(watch.next_due)
    outcome = watch.last_outcome or "none yet"
    return Heard(
        watch.name,
        watch.source,
        watch.kind,
        its.state,
        its.reason,
        outcome,
        at(watch.news_at),
        at(watch.last_run_at),
        following,
    )


ENTRIES = (Entry("/sources", sources),)
