"""Does it work? Each source is asked for one page that is not kept, each channel whether it would take a message."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.contract import Http
from connectors.errors import FetchError
from connectors.post import Page, Question
from connectors.redact import redact
from listener.alerts.channels.contract import Channel, DeliveryError, Probes
from listener.config import Source
from listener.intake import Intake, Origin
from storage.records import Arrival

log = logging.getLogger(__name__)

_RECENT = timedelta(days=1)
"""How far back a source that searches by time is asked to look: one page of the newest, not the first of a backfill."""

_JUST_NOW = timedelta(minutes=1)
"""The same for a stream, which is read from there to its end."""


class SourceTrial(NamedTuple):
    """What one page of a source showed: `matching` of its `posts` speak of a brand, `newest` is their latest date.

    `error` says in a sentence why there was no page, `note` what to know of the one there was.
    """

    source: str
    term: str
    posts: int = 0
    matching: int = 0
    newest: str | None = None
    note: str = ""
    error: str = ""


class ChannelTrial(NamedTuple):
    """`said` is what was learnt, `error` why the channel would take no message; neither: it cannot be tried."""

    channel: str
    said: str = ""
    error: str = ""


class _NothingStored:
    def fingerprints(self, post_ids: Sequence[str]) -> dict[str, str]:
        return {}


def try_source(source: Source, term: str, http: Http, intake: Intake, now: datetime) -> SourceTrial:
    """Ask for the first page as a new watch would, but for what is new since yesterday. Never raises for anything that
    the source or its connector does."""
    recent = _JUST_NOW if source.connector.facts.stream else _RECENT
    question = Question(now=now, term=term, since=now - min(source.settings.backfill, recent))
    trial = SourceTrial(source.name, term)
    try:
        page = _first(source.connector.pull(question, http))
        arrivals = intake.arrivals(page.posts, Origin(source.name, source.settings.about), _NothingStored(), now)
    except FetchError as error:
        return trial._replace(error=str(error))
    except Exception as error:  # a connector's own mistake must not hide what the other sources say
        log.debug("%s: the connector failed", source.name, exc_info=True)
        kind = source.connector.kind
        return trial._replace(error=f"the {kind} connector failed: {type(error).__name__}: {error}.")
    moved = f"moved for good to {redact(page.moved_to)}: change its url." if page.moved_to else ""
    return trial._replace(
        posts=len(page.posts),
        matching=sum(bool(arrival.mentions) for arrival in arrivals),
        newest=_newest(arrivals),
        note=page.gap or moved,
    )


def try_channel(name: str, channel: Channel, http: Http) -> ChannelTrial:
    """Never raises for anything that the channel does."""
    if not isinstance(channel, Probes):
        return ChannelTrial(name)
    try:
        return ChannelTrial(name, said=channel.probe(http))
    except DeliveryError as error:
        return ChannelTrial(name, error=str(error))
    except Exception as error:  # as above
        log.debug("%s: the channel failed", name, exc_info=True)
        return ChannelTrial(name, error=f"the {channel.kind} channel failed: {type(error).__name__}: {error}.")


def _first(pages: Iterator[Page]) -> Page:
    with ExitStack() as hung_up:
        if isinstance(pages, Generator):  # a stream's connection is not to stay open until somebody collects it
            hung_up.callback(pages.close)
        return next(pages, Page())


def _newest(arrivals: Sequence[Arrival]) -> str | None:
    return max((arrival.post.published_at for arrival in arrivals if arrival.post.published_at), default=None)
