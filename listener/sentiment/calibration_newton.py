"""The optimum of a calibration's parameters: Newton's method on (slope, three shifts)."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, log
from typing import NamedTuple

_STEPS = 30
_CLOSE = 1e-10


class Row(NamedTuple):
    """A text: the logarithms of its three probabilities, which of them a person said is true, what it weighs."""

    x: tuple[float, float, float]
    label: int
    weight: float


Vector = tuple[float, float, float, float]

START: Vector = (1.0, 0.0, 0.0, 0.0)
"""The slope and the shifts that change nothing."""


def minimum(rows: Sequence[Row], strength: float, start: Vector = START) -> Vector:
    """Where minus the log-likelihood plus strength/2 · ((slope − 1)² + Σ shift²) is least, starting at `start`.

    The function is convex; steps are full ones while they lead downhill, and halved where they do not.
    """
    here, (value, gradient, hessian) = start, _objective(rows, strength, start)
    for _ in range(_STEPS):
        step = _solve(hessian, gradient)
        if fsum(g * s for g, s in zip(gradient, step, strict=True)) < _CLOSE * len(rows):
            break
        share = 1.0
        while (tried := _objective(rows, strength, there := _moved(here, step, share)))[0] > value and share > _CLOSE:
            share /= 2
        here, (value, gradient, hessian) = there, tried
    return here


def _moved(here: Vector, step: Sequence[float], share: float) -> Vector:
    a, b, c, d = (h - share * s for h, s in zip(here, step, strict=True))
    return a, b, c, d


def _objective(rows: Sequence[Row], strength: float, at: Vector) -> tuple[float, list[float], list[list[float]]]:
    """Value, gradient and Hessian. Spelled out rather than looped over the classes: this is where all the time goes."""
    a, b0, b1, b2 = at
    loss = ga = g0 = g1 = g2 = haa = ha0 = ha1 = ha2 = h00 = h11 = h22 = h01 = h02 = h12 = 0.0
    for x, label, w in rows:
        x0, x1, x2 = x
        z0, z1, z2 = a * x0 + b0, a * x1 + b1, a * x2 + b2
        top = max(z0, z1, z2)
        q0, q1, q2 = exp(z0 - top), exp(z1 - top), exp(z2 - top)
        total = q0 + q1 + q2
        loss += w * (log(total) + top - (z0, z1, z2)[label])
        q0, q1, q2 = q0 / total, q1 / total, q2 / total
        mean = q0 * x0 + q1 * x1 + q2 * x2
        ga += w * (mean - x[label])
        w0, w1, w2 = w * q0, w * q1, w * q2
        g0, g1, g2 = g0 + w0, g1 + w1, g2 + w2
        if label == 0:
            g0 -= w
        elif label == 1:
            g1 -= w
        else:
            g2 -= w
        c0, c1, c2 = w0 * (x0 - mean), w1 * (x1 - mean), w2 * (x2 - mean)
        haa += c0 * x0 + c1 * x1 + c2 * x2
        ha0, ha1, ha2 = ha0 + c0, ha1 + c1, ha2 + c2
        h00, h11, h22 = h00 + w0 - w0 * q0, h11 + w1 - w1 * q1, h22 + w2 - w2 * q2
        h01, h02, h12 = h01 - w0 * q1, h02 - w0 * q2, h12 - w1 * q2
    s = strength
    value = loss + s / 2 * ((a - 1) ** 2 + b0 * b0 + b1 * b1 + b2 * b2)
    gradient = [ga + s * (a - 1), g0 + s * b0, g1 + s * b1, g2 + s * b2]
    hessian = [[haa + s, ha0, ha1, ha2], [ha0, h00 + s, h01, h02], [ha1, h01, h11 + s, h12], [ha2, h02, h12, h22 + s]]
    return value, gradient, hessian


def _solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Of a symmetric positive definite matrix, which needs no pivots."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for i in range(size):
        for j in range(i + 1, size):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [b - factor * a for a, b in zip(rows[i], rows[j], strict=True)]
    solution = [0.0] * size
    for i in reversed(range(size)):
        known = fsum(rows[i][j] * solution[j] for j in range(i + 1, size))
        solution[i] = (rows[i][size] - known) / rows[i][i]
    return solution
