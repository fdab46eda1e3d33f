"""A source and a term become a watch that has not been asked yet."""

from __future__ import annotations

from datetime import datetime

from connectors.post import short_id
from listener.config import Source
from storage.records import Watch, stamp


def new_watch(source: Source, term: str, now: datetime) -> Watch:
    return Watch(
        id=short_id(source.name, source.connector.address(), term),
        source=source.name,
        kind=source.connector.kind,
        term=term,
        active=1,
        baseline=1,
        cursor="",
        validators_url="",
        etag="",
        last_modified="",
        body_hash="",
        next_due=stamp(now),
        failures=0,
        last_run_at=None,
        last_outcome="",
        last_error="",
        heard_at=None,
        news_at=None,
        closed="",
    )
