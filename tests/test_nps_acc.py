"""Adjusting by old errors, and the check whether they are still the errors."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.acc import TRUTHS, errors_of, inps_corrected, net_corrected, unmixed
from listener.nps.drift import Drift, drift, g_statistic
from listener.nps.population import Population, populate
from listener.nps.weights import weigh
from storage.records_nps import Audited, Ballots, Tally
from tests.test_interval import GOLDEN

_SHARES = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda parts: [part / sum(parts) for part in parts])

_GOOD = {
    "promoter": (0.8, 0.1, 0.05, 0.05),
    "passive": (0.1, 0.75, 0.1, 0.05),
    "detractor": (0.1, 0.1, 0.7, 0.1),
    "no_opinion": (0.05, 0.1, 0.05, 0.8),
}
_BAD = dict(zip(TRUTHS, [_GOOD[truth] for truth in ("detractor", "passive", "promoter", "no_opinion")], strict=True))


def _audits(rows: dict[str, tuple[float, ...]], each: int, chance: random.Random | None = None) -> list[Audited]:
    made = []
    for truth in TRUTHS:
        said = chance.choices(TRUTHS, rows[truth], k=each) if chance else _exactly(rows[truth], each)
        made += [_audited(f"{truth}{n}", truth, answer) for n, answer in enumerate(said)]
    return made


def _exactly(row: tuple[float, ...], each: int) -> list[str]:
    return [answer for answer, share in zip(TRUTHS, row, strict=True) for _ in range(round(share * each))]


def _audited(its: str, truth: str, answer: str | None, **others: Any) -> Audited:
    made = Audited("a", its, 1, "2024", "", 0.1, truth, answer, 0.0, 1, 1, 1, "2024-04-02T00:00:00Z")
    return made._replace(**others)


def _window(counts: dict[str, int]) -> Population:
    """Every mention of a voice of its own."""
    p, o, d = (counts.get(label, 0) for label in ("promoter", "passive", "detractor"))
    n = p + o + d
    tallies = [Tally("blogs", "post", "en", "s", "", label, "", count, 0.0) for label, count in counts.items()]
    return populate(tallies, Ballots("", n, p - d, p + d, 0.0, n, n, 1, 0))


@pytest.mark.parametrize("case", GOLDEN["simplex"])
def test_least_squares_over_the_simplex_as_in_scipy(case: dict[str, Any]) -> None:
    found = unmixed(case["rows"], case["answers"])
    off = sum(
        (sum(p * row[j] for p, row in zip(found, case["rows"], strict=True)) - answer) ** 2
        for j, answer in enumerate(case["answers"])
    )
    assert off <= case["off"] + 1e-9
    assert found == pytest.approx(case["shares"], abs=1e-4)


@given(_SHARES)
def test_shares_that_were_mixed_are_unmixed(truth: list[float]) -> None:
    rows = [(*_GOOD[label], 0.0) for label in TRUTHS]
    answers = [sum(share * row[j] for share, row in zip(truth, rows, strict=True)) for j in range(5)]
    assert unmixed(rows, answers) == pytest.approx(truth, abs=1e-9)


@given(_SHARES, st.lists(_SHARES, min_size=4, max_size=4))
def test_whatever_is_answered_comes_of_shares(answers: list[float], rows: list[list[float]]) -> None:
    found = unmixed(rows, answers)
    assert sum(found) == pytest.approx(1)
    assert min(found) >= 0


def test_a_machine_that_says_the_same_of_everything_tells_nothing_and_breaks_nothing() -> None:
    assert sum(unmixed([[0.0, 1.0, 0.0, 0.0, 0.0]] * 4, [0.0, 1.0, 0.0, 0.0, 0.0])) == pytest.approx(1)


def test_known_errors_are_taken_back() -> None:
    """40/20/30/10 of 1,000 through the good rows; classify and count says +7.5."""
    truth = dict(zip(TRUTHS, (400, 200, 300, 100), strict=True))
    counts = {answer: round(sum(truth[t] * _GOOD[t][j] for t in TRUTHS)) for j, answer in enumerate(TRUTHS)}
    errors = errors_of(weigh(_audits(_GOOD, 400), []))
    net, inps = net_corrected(errors, _window(counts), "seed"), inps_corrected(errors, _window(counts), "seed")
    assert errors.labels == 1600
    assert net.value == pytest.approx(10, abs=0.5)
    assert inps.value == pytest.approx(100 * 100 / 900, abs=0.5)
    assert net.low < 10 < net.high and inps.low < 100 / 9 < inps.high


def test_the_same_seed_gives_the_same_interval_and_fewer_labels_a_wider_one() -> None:
    window = _window({"promoter": 300, "passive": 200, "detractor": 300, "no_opinion": 200})
    few, many = (errors_of(weigh(_audits(_GOOD, each), [])) for each in (20, 400))
    assert net_corrected(few, window, "1") == net_corrected(few, window, "1") != net_corrected(few, window, "2")
    assert net_corrected(few, window, "1").half_width > 1.5 * net_corrected(many, window, "1").half_width


def test_errors_of_weighted_audits_count_what_they_stand_for() -> None:
    rare = [
        _audited("x", "promoter", "promoter", inclusion_prob=0.9),
        _audited("y", "promoter", None, inclusion_prob=0.1),
    ]
    (first, *_), labels = errors_of(weigh(rare, []))
    assert labels == 2
    assert first[4] / first[0] == pytest.approx(9)
    assert sum(first) == pytest.approx((1 / 0.9 + 10) ** 2 / (1 / 0.81 + 100))


def test_what_is_not_of_the_brand_counts_as_no_opinion_of_it() -> None:
    errors = errors_of(weigh([_audited("x", "not_us", "promoter")], []))
    assert errors.rows[3][0] == 1.0


# -- drift


@pytest.mark.parametrize(("one", "other", "statistic"), GOLDEN["g"])
def test_the_g_statistic_is_scipys(one: list[int], other: list[int], statistic: float) -> None:
    rows = (Counter({str(i): count for i, count in enumerate(row)}) for row in (one, other))
    assert g_statistic(*rows) == pytest.approx(statistic, abs=1e-9)


def test_errors_that_turned_over_look_different_and_others_do_not() -> None:
    older = _audits(_GOOD, 100)
    assert drift(_audits(_BAD, 20), older, "seed").verdict == "errors look different"
    assert drift(_audits(_GOOD, 20), older, "seed").verdict == "errors look unchanged"


def test_a_handful_says_nothing_of_drift() -> None:
    found = drift(_audits(_GOOD, 20)[:19], _audits(_GOOD, 60), "seed")
    assert found == Drift(None, 19)
    assert found.verdict == "too few recent audits to check its errors (19, 20 needed)"


def test_unchanged_errors_are_called_different_one_time_in_twenty() -> None:
    chance = random.Random(1)
    times = 200
    alarms = sum(
        drift(_audits(_GOOD, 10, chance), _audits(_GOOD, 40, chance), str(n), rounds=60).p < 0.05  # type: ignore[operator]
        for n in range(times)
    )
    assert alarms / times < 0.10
