"""Who counts: pool → eligible → scored → opinion → authors, with a reason for every drop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from storage.records import ELIGIBLE
from storage.records_nps import OPINIONS, Ballots, Tally

__all__ = ["ELIGIBLE", "NOBODY", "VALUE", "Population", "by_group", "populate"]

VALUE = dict(zip(OPINIONS, (1, 0, -1), strict=True))
"""What an opinion counts. `no_opinion` is not 0: it has no vote."""

NOBODY = Ballots("", 0, 0.0, 0.0, 0.0, 0, 0, 0, 0)


@dataclass
class Population:
    """The counts behind every figure of a window.

    `labels` are the machine's, of the scored; `by_source` has them for each source, and "unscored". `value` is the sum
    of the eligible mentions' values (−1..1 each, 0 where unscored). `ballots` are the votes by voice.
    """

    pool: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    eligible: int = 0
    unscored: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    value: float = 0.0
    by_source: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    languages: Counter[str] = field(default_factory=Counter)
    scorers: Counter[str] = field(default_factory=Counter)
    ballots: Ballots = NOBODY

    @property
    def scored(self) -> int:
        return self.labels.total()

    @property
    def opinion(self) -> int:
        return sum(self.labels[label] for label in VALUE)

    @property
    def authors(self) -> int:
        return self.ballots.voices

    @property
    def unknown_authors(self) -> int:
        return self.ballots.unknown

    @property
    def effective_authors(self) -> float:
        """As many voices of equal loudness would be as concentrated (the inverse Herfindahl index); 0.0 of nobody."""
        return self.ballots.mentions**2 / self.ballots.crowd if self.ballots.crowd else 0.0

    @property
    def top_share(self) -> float:
        """The loudest voice's share of the mentions with an opinion."""
        return _share(self.ballots.loudest, self.ballots.mentions)

    @property
    def unscored_share(self) -> float:
        return _share(self.unscored.total(), self.eligible)

    @property
    def no_opinion_share(self) -> float:
        """Of the scored mentions."""
        return _share(self.labels["no_opinion"], self.scored)

    def language_shares(self) -> list[tuple[str, float]]:
        """Of the eligible mentions, the commonest first, then by name; "" is a language nobody could tell."""
        ranked = sorted(self.languages.items(), key=lambda item: (-item[1], item[0]))
        return [(language, _share(count, self.eligible)) for language, count in ranked]


def populate(tallies: Iterable[Tally], ballots: Ballots = NOBODY) -> Population:
    population = Population(ballots=ballots)
    for tally in tallies:
        population.pool += tally.mentions
        if tally.left_out:
            population.dropped[tally.left_out] += tally.mentions
        else:
            _count(population, tally)
    return population


def by_group(
    tallies: Iterable[Tally], ballots: Iterable[Ballots], key: Callable[[Tally], str]
) -> Mapping[str, Population]:
    """A population for each group that `key` puts a tally into; the ballots of that `group` go with it."""
    groups: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        groups[key(tally)].append(tally)
    votes = {ballot.group: ballot for ballot in ballots}
    return {group: populate(groups[group], votes.get(group, NOBODY)) for group in sorted(groups)}


def _count(population: Population, tally: Tally) -> None:
    population.eligible += tally.mentions
    population.languages[tally.language] += tally.mentions
    population.by_source[tally.source][tally.label or "unscored"] += tally.mentions
    if tally.label:
        population.labels[tally.label] += tally.mentions
        population.scorers[tally.scorer] += tally.mentions
        population.value += tally.value
    else:
        population.unscored[tally.unscored] += tally.mentions


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
