"""The audit draw: exactly as many as asked, with the probabilities it says, by the same chance every time."""

from __future__ import annotations

import random
from collections import Counter
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.draw import UNSCORED, draw_per_label, draw_sized
from storage.records_nps import Framed

_FRAMES = st.lists(
    st.tuples(
        st.integers(0, 5), st.sampled_from(["promoter", "passive", "detractor", "no_opinion", None]), st.floats(-1, 1)
    ),
    max_size=60,
).map(lambda rows: [Framed(f"m{seq}", seq, *row) for seq, row in enumerate(rows)])


def _made(values: list[float], voices: list[int] | None = None) -> list[Framed]:
    return [Framed(f"m{i}", i, voices[i] if voices else i, "promoter", value) for i, value in enumerate(values)]


@given(_FRAMES, st.integers(0, 70), st.text(max_size=5))
def test_as_many_different_mentions_as_asked_with_probabilities_that_add_up(
    frame: list[Framed], n: int, seed: str
) -> None:
    drawn = draw_sized(frame, n, seed)
    assert len(drawn) == len({its for its, _ in drawn}) == min(n, len(frame))
    assert all(0 < probability <= 1 for _, probability in drawn)


@given(_FRAMES, st.integers(1, 70), st.text(max_size=5), st.randoms())
def test_the_same_frame_in_any_order_gives_the_same_draw(
    frame: list[Framed], n: int, seed: str, chance: random.Random
) -> None:
    shuffled = list(frame)
    chance.shuffle(shuffled)
    assert sorted(draw_sized(frame, n, seed)) == sorted(draw_sized(shuffled, n, seed))
    assert draw_per_label(frame, n, seed) == draw_per_label(shuffled, n, seed)


def test_another_seed_is_another_draw() -> None:
    frame = _made([0.0] * 200)
    assert draw_sized(frame, 10, "1") != draw_sized(frame, 10, "2")


def test_sizes_by_hand() -> None:
    """Three mentions, voices a, a, b: (1/6 + 1/8), (1/6 + 1/8), (1/6 + 1/4) times the doubt 1, 0.6 and (at least) 0.5."""
    drawn = dict(draw_sized(_made([0.0, 0.8, 1.0], [1, 1, 2]), 1, "seed"))
    sizes = [7 / 24 * 1.0, 7 / 24 * 0.6, 10 / 24 * 0.5]
    (its, probability), *_ = drawn.items()
    assert probability == pytest.approx(sizes[int(its[1:])] / sum(sizes))


def test_without_opinion_three_quarters_of_the_size() -> None:
    frame = [Framed("a", 1, 1, "no_opinion", 0.0), Framed("b", 2, 2, "passive", 0.0)]
    for seed in "123456":
        ((its, probability),) = draw_sized(frame, 1, seed)
        assert probability == pytest.approx({"a": 0.75 / 1.75, "b": 1 / 1.75}[its])


def test_what_is_too_large_is_certain_and_the_rest_shares_the_rest() -> None:
    """One voice of its own among 40 mentions of another: half of the vote by voice is its."""
    frame = _made([0.0] * 41, [1] * 40 + [2])
    drawn = dict(draw_sized(frame, 10, "seed"))
    assert drawn["m40"] == 1.0
    assert {round(probability, 12) for its, probability in drawn.items() if its != "m40"} == {round(9 / 40, 12)}


def test_every_mention_is_drawn_as_often_as_its_probability_says() -> None:
    chance = random.Random(1)
    frame = _made([chance.uniform(-1, 1) for _ in range(40)], [chance.randrange(9) for _ in range(40)])
    rounds, seen, said = 4000, Counter[str](), dict[str, float]()
    for seed in range(rounds):
        drawn = draw_sized(frame, 12, str(seed))
        seen.update(its for its, _ in drawn)
        said.update(drawn)
    assert sum(said.values()) == pytest.approx(12)
    for its, probability in said.items():
        error = sqrt(probability * (1 - probability) / rounds)
        assert seen[its] / rounds == pytest.approx(probability, abs=4.5 * error + 1e-9)


def test_a_draw_by_label_takes_so_many_of_each_label_and_of_the_unscored() -> None:
    labels = ["promoter"] * 30 + ["detractor"] * 10 + [None] * 3
    drawn = draw_per_label([Framed(f"m{i}", i, i, label, 0.0) for i, label in enumerate(labels)], 5, "seed")
    assert Counter(stratum for _, stratum, _ in drawn) == Counter(promoter=5, detractor=5, **{UNSCORED: 3})
    assert {stratum: probability for _, stratum, probability in drawn} == {
        "promoter": 5 / 30,
        "detractor": 0.5,
        UNSCORED: 1.0,
    }


@given(_FRAMES, st.integers(0, 70))
def test_a_draw_by_label_stands_for_the_whole_frame(frame: list[Framed], k: int) -> None:
    drawn = draw_per_label(frame, k, "seed")
    assert len({its for its, _, _ in drawn}) == len(drawn)
    if k:
        assert sum(1 / probability for _, _, probability in drawn) == pytest.approx(len(frame))
    else:
        assert not drawn


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw_sized([], 5, "seed") == [] == draw_per_label([], 5, "seed")
    assert draw_sized(_made([0.5]), 0, "seed") == []
