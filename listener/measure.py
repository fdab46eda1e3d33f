"""What a brand's window comes to, read from the store: the one place where counts, labels and estimates meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.coverage import before
from listener.nps.estimate import Evidence, Figures, Gate, figures
from listener.nps.population import NOBODY, Population, populate
from listener.nps.weights import answered
from storage.contract import Store
from storage.contract_nps import Frame
from storage.records import moment, stamp
from storage.records_nps import Ballots, Progress, Tally

MEMORY = timedelta(days=365)
"""For how long the labels of audits tell how a scorer errs."""


@dataclass(frozen=True)
class Measured:
    """`audited` is the share of the eligible mentions that labelled audits could have drawn, 0..1."""

    tallies: tuple[Tally, ...]
    population: Population
    figures: Figures
    audited: float


@dataclass(frozen=True)
class Read:
    """A window as the store has it: all that its figures are made of. `seed` is the window itself."""

    tallies: tuple[Tally, ...]
    population: Population
    evidence: Evidence
    seed: str


def measure(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    coverage: float | None,
    gate: Gate,
) -> Measured:
    """`coverage` is the share of the sources that were heard in the window, None when there is none."""
    return measured(read(store, brand, since, until), coverage, gate)


def read(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    ballots: Ballots | None = None,
    draws: Sequence[Progress] | None = None,
) -> Read:
    """`ballots` are the window's where they were counted already, `draws` all of the brand's where they are known."""
    window = (stamp(since), stamp(until))
    tallies = tuple(store.tallies(brand, *window))
    population = populate(tallies, ballots or next(iter(store.ballots(brand, *window)), NOBODY))
    evidence = _evidence(store, brand, window, population, store.audits(brand) if draws is None else draws)
    return Read(tallies, population, evidence, " ".join((brand, *window)))


def measured(window: Read, coverage: float | None, gate: Gate) -> Measured:
    """Reckoned without the store; `coverage` as for `measure`."""
    population, evidence = window.population, window.evidence
    found = figures(population, evidence, coverage, gate, window.seed)
    audited = evidence.covered / population.eligible if population.eligible else 0.0
    return Measured(window.tallies, population, found, audited)


def _evidence(
    store: Store, brand: str, window: tuple[str, str], population: Population, every: Sequence[Progress]
) -> Evidence:
    draws = [progress for progress in every if progress.labelled]
    if not draws:
        return Evidence()
    since, until = window
    scorer = max(population.scorers, key=lambda one: (population.scorers[one], one), default="")
    earliest = stamp(before(moment(since), MEMORY))
    audits = store.audited(brand, since, until)
    return Evidence(
        audits=audits,
        draws=draws,
        covered=store.covered(brand, since, until, frames(answered(draws, audits))),
        census=store.census(brand, since, until) or None,
        older=[one for one in store.audited(brand, earliest, since) if one.scorer == scorer],
    )


def frames(draws: Iterable[Progress]) -> list[Frame]:
    """What the draws could have drawn, in as few frames as it takes: a daily draw goes on where the last one ended."""
    ranges: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for audit in (progress.audit for progress in draws):
        ranges[audit.since, audit.until].append((audit.after_seq, audit.upto_seq))
    merged: list[Frame] = []
    for (since, until), of_seq in ranges.items():
        upto = -1
        for start, end in sorted(of_seq):
            if start <= upto:
                merged[-1] = (since, until, merged[-1][2], max(upto, end))
            else:
                merged.append((since, until, start, end))
            upto = max(upto, end)
    return merged
