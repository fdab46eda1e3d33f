"""The estimator behind the audited figures: against ppi-python, by enumeration of every possible sample, by hand."""

from __future__ import annotations

import random
from itertools import combinations, product
from statistics import fmean, variance
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from listener.nps.loudness import share_of_voice_vote
from listener.nps.ratio import Known, Ratio, Seen, ratio
from listener.nps.weights import weigh
from storage.records_nps import Audit, Audited, Progress
from tests.test_interval import GOLDEN

_SEEN = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1), st.floats(0.1, 20)), min_size=3, max_size=40
).map(lambda rows: [Seen(y, 1.0, f, 1.0, w) for y, f, w in rows])


def _must(found: Ratio | None) -> Ratio:
    assert found is not None
    return found


# -- PPI++


def _known(case: dict[str, Any]) -> Known:
    """ppi-python is told of the unread; we of all, read or not: in its terms λ' = λ·unread/all."""
    n, weights = len(case["f"]), case["weights"]
    read = sum(w * f for w, f in zip(weights, case["f"], strict=True)) / sum(weights)
    everyone = n + case["unread"]
    return Known(everyone, (case["unread"] * case["unread_mean"] + n * read) / everyone, 1.0)


def _sample(case: dict[str, Any]) -> list[Seen]:
    return [Seen(y, 1.0, f, 1.0, w) for y, f, w in zip(case["y"], case["f"], case["weights"], strict=True)]


@pytest.mark.parametrize("case", GOLDEN["ppi"])
def test_the_mean_is_that_of_ppi_python_for_any_trust(case: dict[str, Any]) -> None:
    known = _known(case)
    for theirs, value in case["by_trust"]:
        ours = theirs * known.mentions / case["unread"]
        assert _must(ratio(_sample(case), known, trust=ours)).value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("case", [case for case in GOLDEN["ppi"] if set(case["weights"]) == {1.0}])
def test_tuned_as_in_ppi_python_but_for_how_the_spread_of_the_predictions_is_reckoned(case: dict[str, Any]) -> None:
    """They take the predictions' variance from all of them, we from the sample, which is all we have of weights."""
    found = _must(ratio(_sample(case), _known(case)))
    low, high = case["tuned_interval"]
    assert found.value == pytest.approx(case["tuned"], abs=0.02)
    assert 2 * 1.96 * (found.sampling + found.spread) ** 0.5 == pytest.approx(high - low, rel=0.06)


# -- enumeration

_WINDOW = [(1.0, 0.6), (1.0, 0.9), (0.0, 0.4), (0.0, -0.2), (-1.0, 0.1), (-1.0, -0.8), (-1.0, -0.7), (1.0, -0.3)]


@pytest.mark.parametrize("trust", [0.0, 0.5, 1.0])
def test_over_every_possible_sample_the_mean_is_true_and_so_is_the_variance(trust: float) -> None:
    """3 of 8 without replacement, all 56 samples: the variance is exact, finite population correction included."""
    truth, f_mean = fmean(y for y, _ in _WINDOW), fmean(f for _, f in _WINDOW)
    found = [
        _must(ratio([Seen(y, 1.0, f, 1.0, 8 / 3, 1 - 3 / 8) for y, f in some], Known(8, f_mean, 1.0), trust=trust))
        for some in combinations(_WINDOW, 3)
    ]
    assert fmean(one.value for one in found) == pytest.approx(truth, abs=1e-12)
    spread = fmean((one.value - truth) ** 2 for one in found)
    assert fmean(one.sampling for one in found) == pytest.approx(spread, rel=1e-9)


def test_over_every_possible_sample_of_two_strata_too() -> None:
    """2 of the 4 of each stratum, simple draws; and with a third that is read whole."""
    strata, census = {"a": _WINDOW[:4], "b": _WINDOW[4:]}, [(1.0, 0.5), (-1.0, 0.5)]
    everyone = [*_WINDOW, *census]
    truth = fmean(y for y, _ in everyone)
    known = Known(8, fmean(f for _, f in _WINDOW), 1.0)
    whole = [Seen(y, 1.0, f, 1.0) for y, f in census]
    found = [
        _must(
            ratio(
                [Seen(y, 1.0, f, 1.0, 2.0, 0.5, s) for s, some in (("a", a), ("b", b)) for y, f in some],
                known,
                whole,
                0.5,
            )
        )
        for a, b in product(combinations(strata["a"], 2), combinations(strata["b"], 2))
    ]
    assert fmean(one.value for one in found) == pytest.approx(truth, abs=1e-12)
    spread = fmean((one.value - truth) ** 2 for one in found)
    assert fmean(one.sampling for one in found) == pytest.approx(spread, rel=1e-9)


def test_the_stratified_estimator_by_hand() -> None:
    """θ = Σ W_h ȳ_h and var = Σ W_h² s_h²/k_h (1 − k_h/N_h), over 20 flagged, all read, and two others."""
    sizes, seen = {"p": 50, "q": 30}, {"p": [1.0, 1.0, 0.0, 1.0, -1.0], "q": [0.0, -1.0, -1.0, 0.0, 1.0, 0.0]}
    flagged = [-1.0] * 15 + [0.0] * 5
    sample = [
        Seen(y, 1.0, 0.0, 1.0, sizes[h] / len(seen[h]), 1 - len(seen[h]) / sizes[h], h) for h in seen for y in seen[h]
    ]
    found = _must(ratio(sample, Known(80, 0.0, 1.0), [Seen(y, 1.0, 0.0, 1.0) for y in flagged]))
    assert found.value == pytest.approx((50 * 0.4 + 30 * (-1 / 6) - 15) / 100)
    by_hand = sum(
        (sizes[h] / 100) ** 2 * variance(seen[h]) / len(seen[h]) * (1 - len(seen[h]) / sizes[h]) for h in seen
    )
    assert found.sampling == pytest.approx(by_hand)


@given(st.randoms(use_true_random=False), st.integers(20, 60))
def test_the_variance_of_a_ratio_is_about_that_of_the_jackknife(chance: random.Random, n: int) -> None:
    """Another way to the same: leave each out in turn (λ held)."""
    sample = []
    for _ in range(n):
        o, y = chance.choice([0.25, 0.5, 1.0]), chance.choice([-1, 0, 1])
        sample.append(Seen(o * y, o, o * max(-1, min(1, 0.5 * y + chance.gauss(0, 0.3))), o, chance.uniform(0.8, 1.25)))
    known, trust = Known(10_000, 0.05, 0.5), 0.6
    found = _must(ratio(sample, known, trust=trust))
    left = [_must(ratio(sample[:i] + sample[i + 1 :], known, trust=trust)).value for i in range(n)]
    jackknife = (n - 1) / n * sum((value - fmean(left)) ** 2 for value in left)
    assert found.sampling == pytest.approx(jackknife, rel=0.25)


# -- what must hold of any sample


@given(_SEEN, st.floats(-1, 1))
def test_never_less_sure_than_labels_alone(sample: list[Seen], f_mean: float) -> None:
    even, known = [seen._replace(weight=1.0) for seen in sample], Known(1000, f_mean, 1.0)
    assert _must(ratio(even, known)).sampling <= _must(ratio(even, known, trust=0.0)).sampling + 1e-12


@given(_SEEN, st.floats(-1, 1))
def test_mirrored_votes_mirror_the_estimate(sample: list[Seen], f_mean: float) -> None:
    one = _must(ratio(sample, Known(1000, f_mean, 1.0)))
    other = _must(ratio([seen._replace(y=-seen.y, f=-seen.f) for seen in sample], Known(1000, -f_mean, 1.0)))
    assert (other.value, other.sampling, other.trust) == pytest.approx((-one.value, one.sampling, one.trust), abs=1e-9)


@given(_SEEN, st.floats(0.1, 50))
def test_only_the_proportions_of_the_weights_matter(sample: list[Seen], scale: float) -> None:
    known = Known(1000, 0.1, 1.0)
    one, other = ratio(sample, known), ratio([s._replace(weight=scale * s.weight) for s in sample], known)
    assert _must(one)[:4] == pytest.approx(_must(other)[:4], abs=1e-9)


@given(_SEEN)
def test_a_useless_machine_is_not_listened_to(sample: list[Seen]) -> None:
    deaf = [seen._replace(f=0.3) for seen in sample]
    assert _must(ratio(deaf, Known(1000, 0.3, 1.0))).trust == 0.0


@given(_SEEN)
def test_the_interval_holds_the_value_and_never_closes(sample: list[Seen]) -> None:
    estimate = _must(ratio(sample, Known(1000, 0.0, 1.0))).estimate(len(sample))
    assert -100 <= estimate.low <= estimate.value <= estimate.high <= 100
    assert estimate.half_width > 0


def test_sixty_who_all_agree_leave_room_for_some_who_do_not() -> None:
    """None of 60 disagreed: by the rule of three up to 3/60 of all may."""
    sample = [Seen(1.0, 1.0, 0.9, 1.0, 100.0, 0.99) for _ in range(60)]
    estimate = _must(ratio(sample, Known(6000, 0.9, 1.0))).estimate(60)
    assert (estimate.value, estimate.high) == (100.0, 100.0)
    assert 90 < estimate.low < 95


def test_labels_of_nothing_that_counts_are_no_number() -> None:
    silent = [Seen(0.0, 0.0, 0.5, 1.0)] * 60
    assert ratio(silent, Known(1000, 0.5, 1.0)) is None
    assert ratio([Seen(1.0, 1.0, 1.0, 1.0)], Known(1000, 0.5, 1.0)) is None
    assert ratio([], Known(1000, 0.5, 1.0)) is None


# -- one vote a voice


def _by_convolution(likely: int, unlikely: int, p: float, q: float) -> float:
    chances = [1.0]
    for probability in [p] * likely + [q] * unlikely:
        chances = [
            (chances[k] if k < len(chances) else 0.0) * (1 - probability) + (chances[k - 1] * probability if k else 0.0)
            for k in range(len(chances) + 1)
        ]
    return sum(chance / (1 + k) for k, chance in enumerate(chances))


@given(st.integers(0, 70), st.integers(0, 70), st.floats(0, 1), st.floats(0, 1))
def test_the_share_of_a_voices_vote_is_that_of_the_whole_distribution(
    likely: int, unlikely: int, p: float, q: float
) -> None:
    assert share_of_voice_vote(likely, unlikely, p, q) == pytest.approx(
        _by_convolution(likely, unlikely, p, q), rel=1e-9
    )


@given(st.integers(0, 100_000), st.floats(0.001, 1))
def test_a_very_loud_voice_too(others: int, p: float) -> None:
    """Of one kind of mention alone there is a closed form: (1 − (1 − p)^(n+1)) / ((n + 1) p)."""
    closed = (1 - (1 - p) ** (others + 1)) / ((others + 1) * p)
    assert share_of_voice_vote(others, 0, p, 0.5) == pytest.approx(closed, rel=1e-8)


# -- weights


def _audited(its: str = "m1", audit: str = "a", seq: int = 5, at: str = "2024-03", **others: Any) -> Audited:
    made = Audited(audit, its, seq, at, "", 0.1, "promoter", "promoter", 0.9, 1, 1, 1, "2024-04")
    return made._replace(**others)


def _progress(its: str = "a", size: int = 10, population: int = 100, labelled: int = 10, **others: Any) -> Progress:
    made = Audit(its, "acme", "", "~", "seed", size, population, "2024-03", 0, 100)
    return Progress(made._replace(**others), labelled, 0)


def test_a_mention_of_one_draw_stands_for_as_many_as_its_chance_left_out() -> None:
    (one,) = weigh([_audited()], [_progress()])
    assert (one.weight, one.spared) == pytest.approx((10, 0.9))


def test_half_of_a_draw_labelled_stands_for_twice_as_many() -> None:
    (one,) = weigh([_audited()], [_progress(labelled=5)])
    assert (one.weight, one.spared) == pytest.approx((20, 0.95))


def test_two_draws_of_the_same_frame_share_it_by_what_they_read() -> None:
    """20 and 60 of 100: a quarter of the window is the first one's, three quarters the second's."""
    draws = [_progress("a", 20, labelled=20), _progress("b", 60, labelled=60)]
    first, second = weigh([_audited("m1", "a", inclusion_prob=0.2), _audited("m2", "b", inclusion_prob=0.6)], draws)
    assert (first.weight, second.weight) == pytest.approx((0.25 / 0.2, 0.75 / 0.6))


def test_a_draw_that_could_not_have_taken_it_has_no_share_in_it() -> None:
    others = [
        _progress("b", after_seq=5),
        _progress("c", upto_seq=4),
        _progress("d", until="2024-03"),
        _progress("e", since="2024-04"),
    ]
    (one,) = weigh([_audited()], [_progress("a"), *others])
    assert one.weight == pytest.approx(10)


def test_a_mention_of_two_draws_is_one_label_with_the_weight_of_both() -> None:
    (one,) = weigh([_audited(audit="a"), _audited(audit="b")], [_progress("a"), _progress("b")])
    assert (one.weight, one.spared) == pytest.approx((10, 0.81))


def test_without_its_draw_a_mention_weighs_what_its_chance_says() -> None:
    (one,) = weigh([_audited(inclusion_prob=0.25)], [])
    assert (one.weight, one.spared) == (4, 0.75)


def test_what_nobody_has_labelled_weighs_nothing() -> None:
    assert weigh([_audited(label="")], [_progress()]) == []


@given(st.data())
def test_over_many_overlapping_draws_the_weights_of_a_mention_are_one_in_expectation(data: st.DataObject) -> None:
    """Σ over draws d that cover it of π_d·r_d·w_d, exactly."""
    draws, chances = [], {}
    for number in range(data.draw(st.integers(1, 5))):
        size = data.draw(st.integers(1, 50))
        labelled = data.draw(st.integers(1, size))
        draws.append(_progress(f"d{number}", size, 200, labelled, after_seq=data.draw(st.integers(0, 9))))
        chances[f"d{number}"] = data.draw(st.floats(0.01, 1))
    covering = [draw for draw in draws if draw.audit.after_seq < 5]
    assume(covering)
    expected = 0.0
    for draw in covering:
        its = draw.audit.id
        (one,) = weigh([_audited(audit=its, inclusion_prob=chances[its])], draws)
        expected += chances[its] * draw.labelled / draw.audit.size * one.weight
    assert expected == pytest.approx(1)
