"""The audit draw: which mentions a person reads, by seeded chance, each with the probability it was drawn with."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate, islice
from math import sqrt
from operator import attrgetter

from storage.records_nps import Framed

UNSCORED = "unscored"
"""The stratum of mentions without a machine label."""


def draw_sized(frame: Sequence[Framed], n: int, seed: str) -> list[tuple[str, float]]:
    """`n` different mentions (all, when there are no more) with their inclusion probabilities, in order of drawing.

    Randomised systematic sampling with probability proportional to size (W. G. Madow, "On the Theory of Systematic
    Sampling, II", Annals of Mathematical Statistics 20, 1949; shuffled first: H. O. Hartley and J. N. K. Rao, same
    journal 33, 1962). A mention's size is half its share in a vote by mention and half its share in a vote by voice,
    times how unsure its value leaves the machine: sqrt(max(¼, 1 − value²)), which is the standard deviation of a vote
    of ±1 with that mean; a mention without opinion, which a vote by voice leaves out, counts ¾ of that. The same
    frame (in any order) and seed give the same draw.
    """
    if n >= len(frame):
        return [(framed.mention_id, 1.0) for framed in frame]
    if n < 1:
        return []
    ordered = sorted(frame, key=attrgetter("seq"))
    probabilities = _inclusion(_sizes(ordered), n)
    chance = random.Random(seed)
    order = list(range(len(ordered)))
    chance.shuffle(order)
    drawn = _systematic(order, probabilities, chance.random(), n)
    return [(ordered[i].mention_id, probabilities[i]) for i in drawn]


def draw_per_label(frame: Sequence[Framed], k: int, seed: str) -> list[tuple[str, str, float]]:
    """Of every machine label, and of the unscored, `k` mentions (all, when there are no more) by simple chance: mention
    id, stratum (the label) and inclusion probability."""
    strata: dict[str, list[str]] = defaultdict(list)
    for framed in sorted(frame, key=attrgetter("seq")):
        strata[framed.label or UNSCORED].append(framed.mention_id)
    chance = random.Random(seed)
    return [
        (mention_id, label, min(1.0, k / len(strata[label])))
        for label in sorted(strata)
        for mention_id in chance.sample(strata[label], min(max(0, k), len(strata[label])))
    ]


def _sizes(frame: Sequence[Framed]) -> list[float]:
    loudness = Counter([framed.voice for framed in frame])
    by_mention = 0.5 / len(frame)
    weight = {voice: by_mention + 0.5 / (len(loudness) * mentions) for voice, mentions in loudness.items()}
    return [
        weight[voice]
        * (sqrt(doubt) if (doubt := 1 - value * value) > 0.25 else 0.5)
        * (0.75 if label == "no_opinion" else 1.0)
        for _, _, voice, label, value in frame
    ]


def _inclusion(sizes: Sequence[float], n: int) -> list[float]:
    """Proportional to size, none above 1, `n` in sum: what would be above is certain, and the rest shares the rest."""
    left, total, most = n, sum(sizes), float("inf")
    while True:
        certain = [size for size in sizes if left * size >= total and size < most]
        if not certain:
            return [1.0 if size >= most else left * size / total for size in sizes]
        most = min(certain)
        left, total = n - sum(size >= most for size in sizes), sum(size for size in sizes if size < most)


def _systematic(order: Sequence[int], probabilities: Sequence[float], start: float, n: int) -> list[int]:
    """Those of `order` in whose stretch of the summed probabilities start + 0, 1, … n − 1 falls."""
    reached = list(accumulate(map(probabilities.__getitem__, order)))
    drawn = list(dict.fromkeys(order[bisect_right(reached, start + k)] for k in range(n) if start + k < reached[-1]))
    if len(drawn) < n:  # rounding left the sum just short of the last mark
        taken = set(drawn)
        spare = (index for index in reversed(order) if index not in taken and probabilities[index] > 0)
        drawn += islice(spare, n - len(drawn))
    return drawn
