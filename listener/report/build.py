"""Everything a report says, gathered once; the renderers only lay it out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import NamedTuple

from listener.coverage import SourceHealth, before, heard_share, source_health
from listener.intake import readable
from listener.measure import Measured, measured, read
from listener.nps.estimate import Figure, Gate
from listener.nps.population import Population
from listener.nps.sensitivity import Band, band, points
from listener.report.gather import Known, gather, shortened
from listener.report.sections import Sections
from listener.report.trend import LONGEST, WEEKLY, Trend, Week, edges_of_weeks, read_week, reckoned_week, trend
from storage.contract import Store
from storage.records import Finding, moment, stamp
from storage.records_nps import Seam, Variant


class Excerpt(NamedTuple):
    """A mention to read: `text` is at most 200 characters, `words` those that carried the score."""

    mention_id: str
    post_id: str
    title: str
    text: str
    url: str
    author: str
    source: str
    at: datetime
    label: str
    confidence: float
    words: tuple[tuple[str, float], ...]
    rating: float | None
    rating_scale: float | None


class Retold(NamedTuple):
    """A story that was told more than once: how it began, by how many voices it was told, in how many mentions."""

    post_id: str
    text: str
    url: str
    mentions: int
    voices: int


@dataclass(frozen=True)
class Report:
    """One brand over one window (since <= t < until), times in `zone`. `band` is what INPS and NET would be under other
    definitions, `with_quarantined` INPS with the quarantined authors among them, None where there are none."""

    brand: str
    since: datetime
    until: datetime
    zone: tzinfo
    measured: Measured
    undated: int
    band: Band | None
    with_quarantined: float | None
    trend: Trend
    weeks: tuple[Week, ...]
    seams: tuple[Seam, ...]
    sources: tuple[SourceHealth, ...]
    stories: tuple[Retold, ...]
    detractors: tuple[Excerpt, ...]
    promoters: tuple[Excerpt, ...]
    sections: Sections

    @property
    def population(self) -> Population:
        return self.measured.population

    @property
    def inps(self) -> Figure:
        return self.measured.figures.inps

    @property
    def net(self) -> Figure:
        return self.measured.figures.net

    @property
    def quoted(self) -> frozenset[str]:
        """The ids of the posts whose words it holds."""
        excerpts = (*self.detractors, *self.promoters)
        told = frozenset([one.post_id for one in self.stories] + [one.post_id for one in excerpts])
        return told | self.sections.quoted

    @property
    def covered(self) -> int:
        return sum(source.covered for source in self.sources)


def build(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    gate: Gate,
    top: int = 5,
    unasked: Sequence[str] = (),
    known: Known = Known(),  # noqa: B008
) -> Report:
    """`unasked` names sources that are configured and have no watch: they are expected, and were not heard."""
    window = (stamp(since), stamp(until))
    weekly = [*edges_of_weeks(since, until, zone)] if WEEKLY <= until - since <= LONGEST else []
    # The database counts on other cores what takes it long, while this thread looks up and reckons what is short: two
    # threads that both run Python would wait for each other at every row.
    with ThreadPoolExecutor(2) as aside:
        counting = aside.submit(store.counted, brand, *window)
        draws = store.audits(brand)
        by_week = [aside.submit(read_week, store, brand, *edges, unasked, draws) for edges in weekly]
        bad = aside.submit(_excerpts, store, brand, window, "detractor", top)
        good = aside.submit(_excerpts, store, brand, window, "promoter", top)
        told = aside.submit(_retold, store, brand, window, top)
        sources = source_health(store, since, until, unasked)
        sections = gather(store, brand, since, until, zone, top, known, [source.source for source in sources])
        both = store.seams(brand, stamp(before(since, until - since)), window[1])
        weeks = tuple(reckoned_week(*edges, one.result(), gate) for edges, one in zip(weekly, by_week, strict=True))
        ballots, variants = counting.result()
        now = measured(read(store, brand, since, until, ballots, draws), heard_share(sources), gate)
        change = trend(store, brand, since, until, now, gate, both, unasked)
    return Report(
        brand=brand,
        since=since,
        until=until,
        zone=zone,
        measured=now,
        undated=store.undated(brand),
        band=band(variants),
        with_quarantined=_with_quarantined(now.population, variants),
        trend=change,
        weeks=weeks,
        seams=tuple(seam for seam in both if seam.noted_at >= window[0]),
        sources=sources,
        stories=told.result(),
        detractors=bad.result(),
        promoters=good.result(),
        sections=sections,
    )


def _with_quarantined(population: Population, variants: Sequence[Variant]) -> float | None:
    if not population.dropped["quarantined"]:
        return None
    wanted = Variant(by_voice=True, no_opinion=False, news=False, quarantined=True, votes=0, total=0.0)[:4]
    return next((points(one) for one in variants if one[:4] == wanted and one.votes), None)


def _retold(store: Store, brand: str, window: tuple[str, str], top: int) -> tuple[Retold, ...]:
    told = store.stories(brand, *window, top)
    first = {post.id: post for post in store.posts_of([story.story for story in told])}
    return tuple(
        Retold(post.id, shortened(readable(post)), post.url, story.mentions, story.voices)
        for story in told
        if (post := first.get(story.story)) is not None and not post.deleted_at
    )


def _excerpts(store: Store, brand: str, window: tuple[str, str], label: str, top: int) -> tuple[Excerpt, ...]:
    return tuple(_excerpt(store, finding) for finding in store.findings(brand, *window, (label,), top))


def _excerpt(store: Store, finding: Finding) -> Excerpt:
    mention, post = finding
    scores = store.scores_of(mention.id)
    words = json.loads(scores[-1].explanation) if scores else []
    return Excerpt(
        mention_id=mention.id,
        post_id=post.id,
        title=post.title,
        text=shortened(post.text),
        url=post.url,
        author=post.author,
        source=post.source,
        at=moment(mention.at or post.first_seen_at),
        label=mention.label or "",
        confidence=mention.confidence,
        words=tuple((str(word), float(weight)) for word, weight in words[:5]),
        rating=post.rating,
        rating_scale=post.rating_scale,
    )
