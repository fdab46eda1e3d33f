"""Invented worlds for the benchmark of the implied NPS: who writes, what people mean, and how a scorer gets it wrong."""

from __future__ import annotations

import random
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from listener.nps.population import VALUE, populate
from storage.records_nps import Audit, Audited, Ballots, Framed, Progress, Tally

LABELS = ("promoter", "passive", "detractor", "no_opinion")
ANSWERS = (*LABELS, None)
Mix = tuple[float, float, float, float]

SCORERS: dict[str, dict[str, tuple[float, ...]]] = {
    "good": {
        "promoter": (0.82, 0.09, 0.04, 0.05, 0.0),
        "passive": (0.09, 0.80, 0.06, 0.05, 0.0),
        "detractor": (0.04, 0.08, 0.82, 0.06, 0.0),
        "no_opinion": (0.04, 0.06, 0.04, 0.86, 0.0),
    },
    "weak": {
        "promoter": (0.60, 0.20, 0.05, 0.10, 0.05),
        "passive": (0.25, 0.45, 0.10, 0.15, 0.05),
        "detractor": (0.20, 0.25, 0.35, 0.15, 0.05),
        "no_opinion": (0.20, 0.20, 0.05, 0.50, 0.05),
    },
    "hostile": {
        "promoter": (0.05, 0.10, 0.80, 0.05, 0.0),
        "passive": (0.30, 0.30, 0.30, 0.10, 0.0),
        "detractor": (0.80, 0.10, 0.05, 0.05, 0.0),
        "no_opinion": (0.30, 0.20, 0.30, 0.20, 0.0),
    },
    "drifted": {
        "promoter": (0.75, 0.12, 0.08, 0.05, 0.0),
        "passive": (0.35, 0.50, 0.10, 0.05, 0.0),
        "detractor": (0.35, 0.20, 0.35, 0.10, 0.0),
        "no_opinion": (0.20, 0.15, 0.05, 0.60, 0.0),
    },
}
"""Rows: what a person would say; columns: promoter, passive, detractor, no_opinion and unscored from the machine."""


class Written(NamedTuple):
    voice: int
    truth: str
    machine: str | None
    value: float


@dataclass(frozen=True)
class World:
    """`loud`: a tenth of the voices writes four fifths of the mentions, and thinks as `loud_mix`. A voice says what it
    said last with probability `steady`. `design`: "sized", "twice" (two draws of half as many), or "flagged": everything
    that the machine takes for a detractor is read, and `audits` more, as many of each other label."""

    name: str
    scorer: str
    mentions: int
    audits: int
    mix: Mix = (0.20, 0.20, 0.40, 0.20)
    loud: bool = False
    loud_mix: Mix = (0.10, 0.10, 0.60, 0.20)
    steady: float = 0.2
    design: str = "sized"


class Window:
    """A window of a world as the store would tell it, and the truth about it in points."""

    def __init__(self, written: list[Written]) -> None:
        self.written = written
        self.frame = [
            Framed(str(seq), seq, voice, machine, value) for seq, (voice, _, machine, value) in enumerate(written, 1)
        ]
        self.population = populate(_tallies(written), _ballots(written))
        votes = _votes((one.voice, one.truth) for one in written)
        self.inps = 100 * sum(votes) / len(votes)
        self.net = 100 * sum(VALUE.get(one.truth, 0) for one in written) / len(written)
        self._wrote = Counter([one.voice for one in written])
        self._claimed = Counter([one.voice for one in written if one.machine in VALUE])

    def audited(self, its: str, probability: float, audit: str = "a", stratum: str = "") -> Audited:
        """What a person makes of the mention: the truth."""
        voice, truth, machine, value = self.written[int(its) - 1]
        wrote, claimed = self._wrote[voice], self._claimed[voice]
        at = day = "2024"
        return Audited(
            audit, its, int(its), at, stratum, probability, truth, machine, value, voice, wrote, claimed, day
        )


def happen(world: World, chance: random.Random) -> Window:
    return Window(_write(world, chance))


def progress(window: Window, drawn: int, design: str = "sized", audit: str = "a") -> Progress:
    """A draw from all of a window that a person has labelled whole."""
    size = len(window.written)
    return Progress(Audit(audit, "b", "", "~", "s", drawn, size, "2024", 0, size, design), drawn, 0)


def _write(world: World, chance: random.Random) -> list[Written]:
    rows = {truth: _cumulative(row) for truth, row in SCORERS[world.scorer].items()}
    mixes = _cumulative(world.mix), _cumulative(world.loud_mix)
    written: list[Written] = []
    said: dict[int, str] = {}
    draw = chance.random
    quiet, crowd = round(world.mentions * (0.45 if world.loud else 0.7)), world.mentions // 20
    for _ in range(world.mentions):
        loud = world.loud and draw() < 0.8
        voice = int(draw() * crowd) if loud else crowd + int(draw() * quiet)
        truth = said.get(voice, "") if draw() < world.steady else ""
        truth = truth or LABELS[min(3, bisect(mixes[loud], draw()))]
        said[voice] = truth
        machine = ANSWERS[min(4, bisect(rows[truth], draw()))]
        written.append(Written(voice, truth, machine, _value(machine, machine == truth, draw())))
    return written


def _cumulative(shares: Iterable[float]) -> list[float]:
    return list(accumulate(shares))


def _value(machine: str | None, right: bool, sure: float) -> float:
    """p(promoter) − p(detractor): surer, as a rule, where it is right."""
    if machine in ("promoter", "detractor"):
        value = 0.5 + 0.5 * sure if right else 0.3 + 0.6 * sure
        return value if machine == "promoter" else -value
    return 0.0 if machine is None else 0.4 * sure - 0.2


def _votes(said: Iterable[tuple[int, str | None]]) -> list[float]:
    by_voice: dict[int, list[int]] = defaultdict(list)
    for voice, label in said:
        if label is not None and label in VALUE:
            by_voice[voice].append(VALUE[label])
    return [sum(votes) / len(votes) for votes in by_voice.values()]


def _tallies(written: list[Written]) -> list[Tally]:
    values: dict[str, list[float]] = defaultdict(list)
    for one in written:
        values[one.machine or ""].append(one.value)
    return [
        Tally("blogs", "post", "en", "s", "", label, "" if label else "language", len(of_it), sum(of_it))
        for label, of_it in values.items()
    ]


def _ballots(written: list[Written]) -> Ballots:
    by_voice: dict[int, list[Written]] = defaultdict(list)
    for one in written:
        if one.machine in VALUE:
            by_voice[one.voice].append(one)
    votes = _votes((one.voice, one.machine) for one in written)
    sizes = [len(ones) for ones in by_voice.values()]
    lean = sum(sum(one.value for one in ones) / len(ones) for ones in by_voice.values())
    squares, crowd = sum(vote * vote for vote in votes), sum(size * size for size in sizes)
    return Ballots("", len(votes), sum(votes), squares, lean, sum(sizes), crowd, max(sizes, default=0), 0)
