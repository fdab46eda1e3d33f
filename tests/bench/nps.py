"""Whether the intervals of the implied NPS hold the truth as often as they say, in worlds where the truth is known.

Every replication is an audit drawn with `draw_sized` (or its like), labelled, and estimated with the functions that the
report uses. The truth is the mean figure of all windows of a world: what windows like it come to. Beside it stand the
ways that fail: counting what the machine says, and correcting only what it flagged.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean

from listener.nps.acc import errors_of, net_corrected
from listener.nps.audited import inps_audited, net_audited
from listener.nps.draw import draw_per_label, draw_sized
from listener.nps.interval import Estimate, adjusted_wald
from listener.nps.weights import Weighted, weigh
from storage.records_nps import Audited
from tests.bench.worlds import Window, World, happen, progress

REPLICATIONS = 2000
AUDITED_AGAIN = 250
"""A window is audited once for every so many mentions in it: the larger, the less of the luck is its own."""

FANS = (0.85, 0.05, 0.02, 0.08)
WORLDS = (
    World("good scorer", "good", 400, 60),
    World("weak scorer", "weak", 400, 60),
    World("adversarial scorer", "hostile", 400, 60),
    World("drifted scorer", "drifted", 400, 60),
    World("nearly all fans", "good", 400, 60, mix=FANS),
    World("flagged + 20 a label", "weak", 400, 60, design="flagged"),
    World("loud tenth, good", "good", 2000, 100, loud=True),
    World("loud tenth, weak", "weak", 2000, 100, loud=True),
    World("loud, adversarial", "hostile", 2000, 100, loud=True),
    World("two draws, weak", "weak", 2000, 100, design="twice"),
    World("large, good", "good", 10_000, 100),
    World("large and loud, weak", "weak", 10_000, 100, loud=True),
)


@dataclass
class Tried:
    """What came of one figure in one world."""

    estimates: list[Estimate] = field(default_factory=list)
    alone: list[Estimate] = field(default_factory=list)
    truths: list[float] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, bool]:
        truth = fmean(self.truths)
        bias = fmean(one.value for one in self.estimates) - truth
        rmse = fmean((one.value - truth) ** 2 for one in self.estimates) ** 0.5
        covered = fmean(one.low <= truth <= one.high for one in self.estimates)
        width, alone = fmean(one.half_width for one in self.estimates), fmean(one.half_width for one in self.alone)
        good = abs(bias) < 1 and 0.93 <= covered <= 0.97 and width <= alone
        line = f"{name:<36} {truth:>6.1f} {bias:>+6.2f} {rmse:>5.1f} {covered:>9.1%} {width:>6.1f} {alone:>12.1f}"
        return line, good


def run(option: str = "") -> str:
    """The table; `--quick` for a tenth of the replications. Raises AssertionError when a world misses the marks (not
    when quick: then chance alone would)."""
    quick, started = option == "--quick", time.perf_counter()
    replications = REPLICATIONS // 10 if quick else REPLICATIONS
    lines = [f"{replications} replications; points. (N mentions / audits)"]
    lines.append(f"{'':<36} {'truth':>6} {'bias':>6} {'rmse':>5} {'coverage':>9} {'±':>6} {'labels only ±':>12}")
    missed = []
    for seed, world in enumerate(WORLDS):
        for figure, tried in _try(world, replications, random.Random(seed)).items():
            line, good = tried.row(f"{world.name} {world.mentions}/{world.audits} {figure}")
            lines.append(line + ("" if good else "  <- misses a mark"))
            missed += [] if good else [line]
    lines += [
        "",
        "What is done elsewhere (NET, the same worlds)",
        f"{'':<36} {'truth':>6} {'bias':>6} {'rmse':>5} {'coverage':>9}",
    ]
    lines += _elsewhere(replications)
    lines.append(f"{time.perf_counter() - started:.0f} s")
    assert quick or not missed, "\n".join([*lines, "", "missed a mark:", *missed])
    return "\n".join(lines)


def _try(world: World, replications: int, chance: random.Random) -> dict[str, Tried]:
    tried = {"NET": Tried(), "INPS": Tried()}
    for window in _windows(world, replications, chance):
        sample, census = _read(world, window, str(chance.random()))
        for name, estimate, truth in (("NET", net_audited, window.net), ("INPS", inps_audited, window.inps)):
            made = estimate(sample, window.population, census)
            bare = estimate(sample, window.population, census, 0.0)
            assert made is not None and bare is not None
            tried[name].estimates.append(made.estimate(world.audits))
            tried[name].alone.append(bare.estimate(world.audits))
            tried[name].truths.append(truth)
    return tried


def _windows(world: World, replications: int, chance: random.Random) -> Iterator[Window]:
    again = round(world.mentions / AUDITED_AGAIN)
    for number in range(replications):
        if number % again == 0:
            window = happen(world, chance)
        yield window


def _read(world: World, window: Window, seed: str) -> tuple[list[Weighted], list[Audited]]:
    """A random sample, and the part that was read whole."""
    if world.design == "flagged":
        drawn = draw_per_label(window.frame, world.audits // 3, seed)
        read = [window.audited(its, chance, stratum=label) for its, label, chance in drawn if label != "detractor"]
        flagged = [window.audited(one.mention_id, 1.0) for one in window.frame if one.label == "detractor"]
        return weigh(read, [progress(window, len(drawn), "per-label")]), flagged
    if world.design == "twice":
        halves = {audit: draw_sized(window.frame, world.audits // 2, seed + audit) for audit in "ab"}
        read = [window.audited(its, chance, audit) for audit, drawn in halves.items() for its, chance in drawn]
        return weigh(read, [progress(window, len(drawn), audit=audit) for audit, drawn in halves.items()]), []
    drawn_once = draw_sized(window.frame, world.audits, seed)
    return weigh([window.audited(*one) for one in drawn_once], [progress(window, len(drawn_once))]), []


def _elsewhere(replications: int) -> Iterator[str]:
    """Counting, one-sided correction, and adjusting by 300 old audits of the good scorer, before and after drift."""
    ways: tuple[tuple[str, Callable[[Window, random.Random], Estimate], int], ...] = (
        ("classify and count", _counted, replications // 4),
        ("only flagged corrected", _flagged_corrected, replications // 4),
        ("ACC, 300 old labels of good", _adjusted, replications // 20),
    )
    for name, way, times in ways:
        for scorer in ("good", "weak", "drifted"):
            chance = random.Random(5)
            windows = [happen(World(name, scorer, 400, 60), chance) for _ in range(times)]
            estimates = [way(window, chance) for window in windows]
            tried = Tried(estimates, estimates, [window.net for window in windows])
            yield tried.row(f"{name}, {scorer}")[0].rsplit(maxsplit=2)[0]


def _counted(window: Window, _: random.Random) -> Estimate:
    labels = window.population.labels
    return adjusted_wald(labels["promoter"], labels["detractor"], window.population.scored)


def _flagged_corrected(window: Window, _: random.Random) -> Estimate:
    labels = [one.truth if one.machine == "detractor" else one.machine for one in window.written if one.machine]
    return adjusted_wald(labels.count("promoter"), labels.count("detractor"), len(labels))


def _adjusted(window: Window, chance: random.Random) -> Estimate:
    before = happen(World("", "good", 1000, 300), chance)
    drawn = draw_sized(before.frame, 300, str(chance.random()))
    older = weigh([before.audited(*one) for one in drawn], [progress(before, 300)])
    return net_corrected(errors_of(older), window.population, str(chance.random()), rounds=100)
