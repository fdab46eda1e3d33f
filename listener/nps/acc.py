"""Adjusted classify and count: what people would have said, from what the machine says and how it used to err."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from operator import mul
from typing import NamedTuple

from listener.nps.draw import UNSCORED
from listener.nps.interval import Estimate
from listener.nps.population import Population
from listener.nps.weights import Weighted

TRUTHS = ("promoter", "passive", "detractor", "no_opinion")
ANSWERS = (*TRUTHS, UNSCORED)

Shares = Sequence[float]
"""Of each of TRUTHS, or of each of ANSWERS; 1 in sum."""


class Errors(NamedTuple):
    """For each of TRUTHS what the machine answered, as so many independent labels are worth; `labels` were read."""

    rows: tuple[tuple[float, ...], ...]
    labels: int


def errors_of(older: Sequence[Weighted]) -> Errors:
    """From audits of the same scorer. A mention that was none of the brand's has no opinion of it either."""
    rows = []
    for truth in TRUTHS:
        own = [one for one in older if _truth(one) == truth]
        total = sum(one.weight for one in own)
        worth = total**2 / sum(one.weight**2 for one in own) if own else 0.0
        shares = [sum(one.weight for one in own if (one.audited.machine or UNSCORED) == answer) for answer in ANSWERS]
        rows.append(tuple(share / total * worth if total else 0.0 for share in shares))
    return Errors(tuple(rows), len(older))


def net_corrected(errors: Errors, population: Population, seed: str, rounds: int = 400) -> Estimate:
    """Of all eligible mentions, the unscored among them."""
    answers = [population.labels[answer] for answer in TRUTHS] + [population.unscored.total()]
    return _bootstrapped(errors, answers, _net, seed, rounds)


def inps_corrected(errors: Errors, population: Population, seed: str, rounds: int = 400) -> Estimate:
    """By voice: the machine's promoters and detractors are counted as voices hold them, those without opinion in the
    proportion that mentions have none. (The errors are known by mention; how they gather in a voice is not.)"""
    ballots = population.ballots
    extreme = min(ballots.voices, max(ballots.squares, abs(ballots.total)))
    votes = [(extreme + ballots.total) / 2, ballots.voices - extreme, (extreme - ballots.total) / 2]
    silent = [population.labels["no_opinion"], population.unscored.total()]
    per_voice = ballots.voices / population.opinion if population.opinion else 1.0
    return _bootstrapped(errors, votes + [count * per_voice for count in silent], _inps, seed, rounds)


def unmixed(rows: Sequence[Shares], answers: Shares) -> list[float]:
    """The shares p ≥ 0 of TRUTHS, 1 in sum, whose answers Mᵀp come nearest (least squares) to `answers`; `rows` is M.

    G. Forman, "Quantifying Counts and Costs via Classification", Data Mining and Knowledge Discovery 17, 2008; over
    several classes and held to the simplex: D. J. Hopkins and G. King, "A Method of Automated Nonparametric Content
    Analysis for Social Science", American Journal of Political Science 54, 2010. Least squares over a simplex has its
    minimum inside one of its 15 faces, which are tried from the largest.
    """
    products = [[sum(map(mul, row, other)) for other in rows] for row in rows]
    heard = [sum(map(mul, row, answers)) for row in rows]
    best, least = [1 / len(rows)] * len(rows), float("inf")
    for face in _FACES:
        inside = _within(face, products, heard)
        if inside is None or min(inside) < 0:
            continue
        shares = [0.0] * len(rows)
        for i, share in zip(face, inside, strict=True):
            shares[i] = share
        off = sum(
            share * (sum(map(mul, line, shares)) - 2 * told)
            for share, line, told in zip(shares, products, heard, strict=True)
        )
        if off < least:
            best, least = shares, off
        if len(face) == len(rows):
            break
    return best


_FACES = sorted(
    ([i for i in range(len(TRUTHS)) if mask >> i & 1] for mask in range(1, 1 << len(TRUTHS))), key=len, reverse=True
)


def _truth(one: Weighted) -> str:
    return one.audited.label if one.audited.label in TRUTHS else "no_opinion"


def _net(shares: Shares) -> float:
    return shares[0] - shares[2]


def _inps(shares: Shares) -> float:
    opinions = sum(shares[:3])
    return _net(shares) / opinions if opinions > 1e-9 else 0.0


def _bootstrapped(
    errors: Errors, answers: Sequence[float], figure: Callable[[Shares], float], seed: str, rounds: int
) -> Estimate:
    """The errors' rows and the answers are each drawn again from their Dirichlet posterior; the interval is where the
    middle 95 % of the figures lie."""
    chance = random.Random(seed)
    prior = 1 / len(ANSWERS)
    counts = [[cell + prior for cell in row] for row in errors.rows]
    heard = [count + prior for count in answers]
    value = 100 * figure(unmixed([_normal(row) for row in counts], _normal(answers)))
    again = sorted(
        100 * figure(unmixed([_dirichlet(row, chance) for row in counts], _dirichlet(heard, chance)))
        for _ in range(rounds)
    )
    low, high = again[int(0.025 * rounds)], again[min(rounds - 1, int(0.975 * rounds))]
    return Estimate(value, min(low, value), max(high, value), errors.labels)


def _normal(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts] if total else [1 / len(counts)] * len(counts)


def _dirichlet(counts: Sequence[float], chance: random.Random) -> list[float]:
    return _normal([chance.gammavariate(count, 1.0) for count in counts])


def _within(face: Sequence[int], products: Sequence[Sequence[float]], heard: Sequence[float]) -> list[float] | None:
    """The least squares over the truths of `face` with 1 in sum, of whatever sign; None where their rows do not tell
    them apart. By Lagrange: (M Mᵀ) p + μ = M q and Σ p = 1."""
    size = len(face)
    system = [[*(products[i][j] for j in face), 1.0, heard[i]] for i in face]
    solved = _solved([*system, [*[1.0] * size, 0.0, 1.0]])
    return None if solved is None else solved[:size]


def _solved(system: list[list[float]]) -> list[float] | None:
    """Gauss–Jordan elimination with partial pivoting; each line ends in its right side."""
    size = len(system)
    for column in range(size):
        pivot = max(range(column, size), key=lambda line: abs(system[line][column]))
        if abs(system[pivot][column]) < 1e-12:
            return None
        system[column], system[pivot] = system[pivot], system[column]
        head = system[column]
        for line in range(size):
            if line != column and (factor := system[line][column] / head[column]):
                system[line] = [a - factor * b for a, b in zip(system[line], head, strict=True)]
    return [system[i][size] / system[i][i] for i in range(size)]
