"""Everything a report says, gathered once; the renderers only lay it out."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from listener.health import HISTORY, UNASKED, silent
from listener.nps.estimate import Figure, Gate, inps, net
from listener.nps.population import ELIGIBLE, Population, populate
from storage.contract import Store
from storage.records import Coverage, Finding, Watch, moment, stamp

COVERED = 0.8
"""A source was heard when at least this share of its runs did not fail."""


class Excerpt(NamedTuple):
    """A mention to read: `text` is at most 200 characters, `words` those that carried the score."""

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


@dataclass(frozen=True)
class SourceHealth:
    """How well a source was heard in the window. `runs` counts by outcome; `news_at` is when it last gave something
    new; `trouble` is the last run's error, "" when it had none; `silent` says in a sentence that it answered and gave
    nothing although it should have; `deaf` that one of its watches has not been answered since the window began."""

    source: str
    runs: Counter[str]
    heard_at: datetime | None
    news_at: datetime | None
    trouble: str
    silent: str = ""
    deaf: bool = False

    @property
    def covered(self) -> bool:
        total = self.runs.total()
        return total > 0 and 1 - self.runs["failed"] / total >= COVERED and not self.silent and not self.deaf


@dataclass(frozen=True)
class Report:
    """One brand over one window (since <= t < until), times in `zone`."""

    brand: str
    since: datetime
    until: datetime
    zone: tzinfo
    population: Population
    undated: int
    inps: Figure
    net: Figure
    sources: tuple[SourceHealth, ...]
    detractors: tuple[Excerpt, ...]
    promoters: tuple[Excerpt, ...]

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
) -> Report:
    """`unasked` names sources that are configured and have no watch: they are expected, and were not heard."""
    window = (stamp(since), stamp(until))
    population = populate(store.voices(brand, *window))
    never = (SourceHealth(name, Counter(), None, None, UNASKED.reason) for name in unasked)
    sources = tuple(sorted((*source_health(store, since, until), *never), key=lambda source: source.source))
    coverage = sum(source.covered for source in sources) / len(sources) if sources else None
    return Report(
        brand=brand,
        since=since,
        until=until,
        zone=zone,
        population=population,
        undated=store.undated(brand),
        inps=inps(population, coverage, gate),
        net=net(population, coverage, gate),
        sources=sources,
        detractors=_excerpts(store, store.findings(brand, *window, ("detractor",), ELIGIBLE, top)),
        promoters=_excerpts(store, store.findings(brand, *window, ("promoter",), ELIGIBLE, top)),
    )


def source_health(store: Store, since: datetime, until: datetime) -> tuple[SourceHealth, ...]:
    """Of every active source, by name; days are UTC days touched by the window."""
    last_day = until - timedelta(microseconds=1)
    runs: dict[str, Counter[str]] = defaultdict(Counter)
    for row in store.coverage(stamp(since)[:10], stamp(last_day)[:10]):
        _count(runs, row)
    watches: dict[str, list[Watch]] = defaultdict(list)
    mute: dict[str, str] = {}
    deaf: set[str] = set()
    yields = store.yields(stamp(until - HISTORY)[:10])
    for watch in store.watches():
        watches[watch.source].append(watch)
        at_the_time = (watch.news_at or "") < stamp(until) and (watch.heard_at or "") > stamp(since)
        if at_the_time and (silence := silent(watch, yields.get(watch.id))):
            mute.setdefault(watch.source, silence)
        if watch.last_run_at and (watch.heard_at or "") < stamp(since):
            deaf.add(watch.source)
    return tuple(_health(name, watches[name], runs[name], mute.get(name, ""), name in deaf) for name in sorted(watches))


def _count(runs: dict[str, Counter[str]], row: Coverage) -> None:
    runs[row.source][row.outcome] += row.runs


def _health(name: str, watches: list[Watch], runs: Counter[str], silent: str, deaf: bool) -> SourceHealth:
    heard = [watch.heard_at for watch in watches if watch.heard_at]
    news = [watch.news_at for watch in watches if watch.news_at]
    trouble = next((watch.closed or watch.last_error for watch in watches if watch.closed or watch.last_error), "")
    return SourceHealth(
        name,
        runs,
        moment(min(heard)) if len(heard) == len(watches) else None,
        moment(max(news)) if news else None,
        trouble,
        silent,
        deaf,
    )


def _excerpts(store: Store, findings: list[Finding]) -> tuple[Excerpt, ...]:
    return tuple(_excerpt(store, finding) for finding in findings)


def _excerpt(store: Store, finding: Finding) -> Excerpt:
    mention, post = finding
    scores = store.scores_of(mention.id)
    words = json.loads(scores[-1].explanation) if scores else []
    return Excerpt(
        title=post.title,
        text=_shortened(post.text, 200),
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


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"
