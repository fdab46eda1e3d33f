"""Writes tests/data/nps_golden.json: what independent implementations make of the numbers that test_nps_golden reads.

They bring 20 packages and half a minute of installing, so they are no part of the dev extra. To make the file again:

    python3 -m venv golden && golden/bin/pip install ppi-python==0.2.3 statsmodels==0.15.0
    golden/bin/python tests/golden_nps.py
"""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy.optimize import minimize
from scipy.stats import chi2_contingency, t
from statsmodels.stats.oaxaca import OaxacaBlinder
from statsmodels.stats.weightstats import DescrStatsW

FILE = Path(__file__).parent / "data" / "nps_golden.json"


def main() -> None:
    FILE.parent.mkdir(exist_ok=True)
    packages = ("ppi-python", "statsmodels", "scipy", "numpy")
    golden = {
        "versions": {name: version(name) for name in packages},
        "ppi": [_ppi(seed, weighted) for seed in (1, 2, 3) for weighted in (False, True)],
        "weightstats": [_weightstats(*counts) for counts in ((10, 3, 20), (300, 100, 1000), (1, 0, 1), (40, 0, 40))],
        "t": [[p, df, float(t.ppf(p, df))] for p in (0.9, 0.975, 0.995) for df in (1, 2, 3, 5, 10, 30, 48, 98, 1000)],
        "g": [_g(*rows) for rows in (([20, 5, 3], [40, 30, 9]), ([7, 0, 2, 1], [11, 4, 0, 9]))],
        "simplex": [_simplex(seed) for seed in range(6)],
        "oaxaca": _oaxaca(),
    }
    FILE.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def _ppi(seed: int, weighted: bool) -> dict[str, Any]:
    """60 labelled, 2,000 not; votes −1, 0, 1 and a prediction that follows them loosely."""
    chance = random.Random(seed)
    truth = [float(chance.choices((-1, 0, 1), (5, 3, 2))[0]) for _ in range(2060)]
    predicted = [round(max(-1.0, min(1.0, 0.6 * v + chance.gauss(0.1, 0.4))), 3) for v in truth]
    y, f, rest = np.array(truth[:60]), np.array(predicted[:60]), np.array(predicted[60:])
    w = np.array([round(chance.uniform(0.3, 3), 3) for _ in y]) if weighted else np.ones(60)
    return {
        "y": y.tolist(),
        "f": f.tolist(),
        "weights": w.tolist(),
        "unread_mean": float(rest.mean()),
        "unread": len(rest),
        "by_trust": [
            [lam, float(np.squeeze(ppi_mean_pointestimate(y, f, rest, lam=lam, w=w)))] for lam in (0.0, 0.4, 0.9)
        ],
        "tuned": float(np.squeeze(ppi_mean_pointestimate(y, f, rest))),
        "tuned_interval": [float(np.squeeze(end)) for end in ppi_mean_ci(y, f, rest, alpha=0.05)],
    }


def _weightstats(promoters: int, detractors: int, n: int) -> list[float]:
    weights = [detractors + 0.75, n - promoters - detractors + 1.5, promoters + 0.75]
    votes = DescrStatsW(np.array([-1.0, 0.0, 1.0]), weights=np.array(weights), ddof=0)
    return [promoters, detractors, n, float(votes.mean), float(votes.var / votes.nobs) ** 0.5]


def _g(one: list[int], other: list[int]) -> list[Any]:
    return [one, other, float(chi2_contingency([one, other], correction=False, lambda_="log-likelihood").statistic)]


def _simplex(seed: int) -> dict[str, Any]:
    """Least squares over the simplex by sequential quadratic programming."""
    chance = np.random.default_rng(seed)
    rows = chance.dirichlet(np.ones(5), size=4)
    answers = chance.dirichlet(np.ones(5) * 0.7)
    found = minimize(
        lambda p: float(((rows.T @ p - answers) ** 2).sum()),
        np.full(4, 0.25),
        jac=lambda p: 2 * rows @ (rows.T @ p - answers),
        method="SLSQP",
        bounds=[(0, 1)] * 4,
        constraints=[{"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones(4)}],
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return {"rows": rows.tolist(), "answers": answers.tolist(), "shares": found.x.tolist(), "off": float(found.fun)}


def _oaxaca() -> dict[str, Any]:
    """Two sources in two windows, a dummy for the second source: the threefold decomposition, from which the split with
    both windows' mean follows as mix = endowments + interaction/2 and sentiment = coefficients + interaction/2."""
    windows = {"earlier": {"a": (60, 12), "b": (40, -10)}, "later": {"a": (30, 9), "b": (120, -50)}}
    votes, source, window = [], [], []
    for when, groups in windows.items():
        for name, (n, total) in groups.items():
            votes += [float(np.sign(total))] * abs(total) + [0.0] * (n - abs(total))
            source += [float(name == "b")] * n
            window += [float(when == "later")] * n
    exogenous = np.column_stack([np.array(window), np.array(source)])
    model = OaxacaBlinder(np.array(votes), exogenous, 0, hasconst=False, swap=False)
    endowments, coefficients, interaction, gap = (float(part) for part in model.three_fold().params)
    return {
        "windows": windows,
        "endowments": endowments,
        "coefficients": coefficients,
        "interaction": interaction,
        "gap": gap,
    }


main()
