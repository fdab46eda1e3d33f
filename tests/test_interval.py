"""Intervals of a net score, against hand calculation and independent implementations (`tests/golden_nps.py`)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.interval import Z95, Estimate, adjusted_wald, adjusted_wald_of_sums, t_quantile

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "nps_golden.json").read_text(encoding="utf-8"))

_WHOLE = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=200)
_MEANS = st.lists(st.floats(-1, 1), min_size=1, max_size=200)


def _of(votes: list[float]) -> Estimate:
    return adjusted_wald_of_sums(len(votes), math.fsum(votes), math.fsum(vote * vote for vote in votes))


def test_ten_promoters_and_three_detractors_of_twenty() -> None:
    """By hand: p = 10.75/23, d = 3.75/23; centre 7/23; variance p + d − (p − d)² = 0.53781; reach 1.95996·√(0.53781/23)."""
    centre, variance = 7 / 23, 14.5 / 23 - (7 / 23) ** 2
    reach = 1.959964 * math.sqrt(variance / 23)
    estimate = adjusted_wald(10, 3, 20)
    assert (estimate.value, estimate.n) == (35.0, 20)
    assert estimate.low == pytest.approx(100 * (centre - reach), abs=1e-3) == pytest.approx(0.4638, abs=1e-3)
    assert estimate.high == pytest.approx(100 * (centre + reach), abs=1e-3) == pytest.approx(60.4057, abs=1e-3)


@pytest.mark.parametrize(("promoters", "detractors", "n", "centre", "error"), GOLDEN["weightstats"])
def test_the_padded_votes_have_the_mean_and_error_that_statsmodels_finds(
    promoters: int, detractors: int, n: int, centre: float, error: float
) -> None:
    estimate = adjusted_wald(promoters, detractors, n)
    value = 100 * (promoters - detractors) / n
    assert estimate.value == value
    assert estimate.low == pytest.approx(max(-100, min(value, 100 * (centre - Z95 * error))), abs=1e-9)
    assert estimate.high == pytest.approx(min(100, max(value, 100 * (centre + Z95 * error))), abs=1e-9)


@pytest.mark.parametrize(
    ("promoters", "detractors", "n", "low", "high"),
    [(0, 0, 1, -60.01, 60.01), (1, 0, 1, -48.5, 100.0), (50, 50, 100, -19.17, 19.17), (300, 100, 1000, 16.22, 23.66)],
)
def test_known_answers_from_the_spread_of_the_padded_votes(
    promoters: int, detractors: int, n: int, low: float, high: float
) -> None:
    estimate = adjusted_wald(promoters, detractors, n)
    assert (round(estimate.low, 2), round(estimate.high, 2)) == (low, high)


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_what_is_no_count_of_votes_is_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not a count of votes"):
        adjusted_wald(*counts)


def test_no_votes_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no votes"):
        adjusted_wald_of_sums(0, 0.0, 0.0)


@given(_MEANS)
def test_the_interval_holds_the_value_within_the_scale(votes: list[float]) -> None:
    estimate = _of(votes)
    assert -100 <= estimate.low <= estimate.value <= estimate.high <= 100
    assert estimate.half_width > 0


@given(_MEANS)
def test_swapping_praise_and_blame_mirrors_the_interval(votes: list[float]) -> None:
    estimate, mirrored = _of(votes), _of([-vote for vote in votes])
    assert mirrored[:3] == pytest.approx((-estimate.value, -estimate.high, -estimate.low), abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(2, 6))
def test_more_votes_of_the_same_mix_are_surer(promoters: int, detractors: int, passives: int, times: int) -> None:
    n = promoters + detractors + passives
    if n > 0 and promoters < n and detractors < n:
        few = adjusted_wald(promoters, detractors, n)
        many = adjusted_wald(promoters * times, detractors * times, n * times)
        assert many.half_width < few.half_width
        assert many.value == pytest.approx(few.value)


@given(_WHOLE)
def test_the_interval_of_means_is_that_of_counts_when_votes_are_whole(votes: list[float]) -> None:
    counted = adjusted_wald(votes.count(1.0), votes.count(-1.0), len(votes))
    assert _of(votes) == pytest.approx(counted, abs=1e-9)


def test_z_is_the_95_percent_quantile() -> None:
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize(("probability", "degrees", "quantile"), GOLDEN["t"])
def test_students_t_as_in_scipy(probability: float, degrees: int, quantile: float) -> None:
    off = 1e-9 if degrees < 3 else 1e-2 if degrees < 5 else 1e-3 if degrees < 10 else 1e-4
    assert t_quantile(probability, degrees) == pytest.approx(quantile, rel=off)


def test_a_t_without_degrees_of_freedom_is_refused() -> None:
    with pytest.raises(ValueError, match="no degrees of freedom: 0"):
        t_quantile(0.975, 0)
