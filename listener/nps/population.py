"""Who counts: pool → eligible → scored → opinion → authors, with a reason for every drop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from storage.records import Voice

VALUE = {"promoter": 1, "passive": 0, "detractor": -1}
"""What an opinion counts. `no_opinion` is not 0: it has no vote."""

ELIGIBLE = ("post", "comment", "review", "answer")
"""Genres that can hold an opinion of the brand; news scores the event."""


@dataclass
class Population:
    """The counts behind every figure of a window. `votes` holds one mean in −1..1 per author; a mention without an
    author is its own author (`unknown_authors` says how many)."""

    pool: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    eligible: int = 0
    unscored: Counter[str] = field(default_factory=Counter)
    scored: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    votes: list[float] = field(default_factory=list)
    unknown_authors: int = 0
    by_source: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def opinion(self) -> int:
        return sum(self.labels[label] for label in VALUE)

    @property
    def authors(self) -> int:
        return len(self.votes)

    @property
    def unscored_share(self) -> float:
        return 0.0 if not self.eligible else 1 - self.scored / self.eligible


def populate(voices: Iterable[Voice]) -> Population:
    population = Population()
    by_author: dict[str, list[int]] = defaultdict(list)
    for voice in voices:
        population.pool += 1
        reason = _why_not(voice)
        if reason:
            population.dropped[reason] += 1
            continue
        population.eligible += 1
        if voice.label is None:
            population.unscored[voice.unscored] += 1
            population.by_source[voice.source]["unscored"] += 1
            continue
        population.scored += 1
        population.labels[voice.label] += 1
        population.by_source[voice.source][voice.label] += 1
        if voice.label in VALUE:
            population.unknown_authors += voice.author_id is None
            by_author[voice.author_id or f"?{voice.mention_id}"].append(VALUE[voice.label])
    population.votes = [sum(values) / len(values) for values in by_author.values()]
    return population


def _why_not(voice: Voice) -> str:
    if voice.standing:
        return voice.standing
    return "" if voice.genre in ELIGIBLE else voice.genre
