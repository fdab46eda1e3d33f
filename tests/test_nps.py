"""The implied NPS: who counts, what the number is, how sure it is, and when there is none."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.estimate import UNCALIBRATED, Gate, inps, net
from listener.nps.interval import Z95, Estimate, adjusted_wald, adjusted_wald_of_means
from listener.nps.population import Population, populate
from storage.records import Voice
from tests.made import AT

_WHOLE = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=200)
_MEANS = st.lists(st.floats(-1, 1), min_size=1, max_size=200)
_OPEN = Gate(min_authors=1, max_half_width=100.0, min_coverage=0.0, max_unscored=1.0)


def _voice(number: int, label: str | None = "promoter", author: str | None = "ann", **others: str) -> Voice:
    made = Voice(f"m{number}", "blogs", author, AT, "post", label, "" if label else "language", "en", "")
    return made._replace(**others)


# -- interval


def test_ten_promoters_and_three_detractors_of_twenty() -> None:
    """By hand: p = 10.75/23, d = 3.75/23; centre 7/23; variance p + d − (p − d)² = 0.53781; reach 1.95996·√(0.53781/23)."""
    centre, variance = 7 / 23, 14.5 / 23 - (7 / 23) ** 2
    reach = 1.959964 * math.sqrt(variance / 23)
    estimate = adjusted_wald(10, 3, 20)
    assert (estimate.value, estimate.n) == (35.0, 20)
    assert estimate.low == pytest.approx(100 * (centre - reach), abs=1e-3) == pytest.approx(0.4638, abs=1e-3)
    assert estimate.high == pytest.approx(100 * (centre + reach), abs=1e-3) == pytest.approx(60.4057, abs=1e-3)


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
        adjusted_wald_of_means([])


@given(_MEANS)
def test_the_interval_holds_the_value_within_the_scale(votes: list[float]) -> None:
    estimate = adjusted_wald_of_means(votes)
    assert -100 <= estimate.low <= estimate.value <= estimate.high <= 100
    assert estimate.half_width > 0


@given(_MEANS)
def test_swapping_praise_and_blame_mirrors_the_interval(votes: list[float]) -> None:
    estimate, mirrored = adjusted_wald_of_means(votes), adjusted_wald_of_means([-vote for vote in votes])
    assert mirrored[:3] == pytest.approx((-estimate.value, -estimate.high, -estimate.low), abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(2, 6))
def test_more_votes_of_the_same_mix_are_surer(promoters: int, detractors: int, passives: int, times: int) -> None:
    n = promoters + detractors + passives
    if n > 0 and promoters < n and detractors < n:
        few, many = (
            adjusted_wald(promoters, detractors, n),
            adjusted_wald(promoters * times, detractors * times, n * times),
        )
        assert many.half_width < few.half_width
        assert many.value == pytest.approx(few.value)


@given(_WHOLE)
def test_the_interval_of_means_is_that_of_counts_when_votes_are_whole(votes: list[float]) -> None:
    counted = adjusted_wald(votes.count(1.0), votes.count(-1.0), len(votes))
    assert adjusted_wald_of_means(votes) == pytest.approx(counted, abs=1e-9)


def test_z_is_the_95_percent_quantile() -> None:
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)


# -- population


def test_every_voice_is_counted_or_dropped_for_a_reason() -> None:
    population = populate(
        [
            _voice(1),
            _voice(2, "detractor", "bob"),
            _voice(3, "no_opinion", "cid"),
            _voice(4, None, "dan"),
            _voice(5, "promoter", "eve", standing="staff"),
            _voice(6, "promoter", "fay", genre="news"),
            _voice(7, "promoter", "gus", genre="question"),
        ]
    )
    assert (population.pool, population.eligible, population.scored) == (7, 4, 3)
    assert population.dropped == Counter(staff=1, news=1, question=1)
    assert population.unscored == Counter(language=1)
    assert (population.opinion, population.authors) == (2, 2)
    assert population.unscored_share == pytest.approx(0.25)
    assert dict(population.by_source) == {"blogs": Counter(promoter=1, detractor=1, no_opinion=1, unscored=1)}


def test_an_author_has_one_vote_however_much_they_write() -> None:
    population = populate([_voice(1), _voice(2), _voice(3, "detractor"), _voice(4, "detractor", "bob")])
    assert sorted(population.votes) == [-1.0, pytest.approx(1 / 3)]
    assert population.labels == Counter(promoter=2, detractor=2)


def test_a_mention_without_an_author_is_its_own_author_and_said_to_be() -> None:
    population = populate([_voice(1, author=None), _voice(2, author=None), _voice(3)])
    assert (population.authors, population.unknown_authors) == (3, 2)


def test_no_opinion_is_not_a_vote_of_zero() -> None:
    population = populate([_voice(1), _voice(2, "no_opinion", "bob")])
    assert population.votes == [1.0]
    assert populate([_voice(1), _voice(2, "passive", "bob")]).votes == [1.0, 0.0]


_LABELS = st.sampled_from(["promoter", "passive", "detractor", "no_opinion", None])
_VOICES = st.lists(
    st.builds(
        lambda n, label, author, genre, standing: _voice(n, label, author, genre=genre, standing=standing),
        st.integers(0, 10**6),
        _LABELS,
        st.sampled_from(["ann", "bob", "cid", None]),
        st.sampled_from(["post", "news", "review"]),
        st.sampled_from(["", "", "staff"]),
    ),
    max_size=40,
    unique_by=lambda voice: voice.mention_id,
)


@given(_VOICES)
def test_the_waterfall_loses_nothing(voices: list[Voice]) -> None:
    p = populate(voices)
    assert p.pool == len(voices) == p.eligible + p.dropped.total()
    assert p.eligible == p.scored + p.unscored.total()
    assert p.scored == p.labels.total() == p.opinion + p.labels["no_opinion"]
    assert p.authors <= p.opinion
    assert sum(counts.total() for counts in p.by_source.values()) == p.eligible
    assert all(-1 <= vote <= 1 for vote in p.votes)


@given(_VOICES)
def test_the_order_of_voices_does_not_matter(voices: list[Voice]) -> None:
    one, other = populate(voices), populate(reversed(voices))
    assert sorted(one.votes) == sorted(other.votes)
    assert (one.labels, one.dropped, one.by_source) == (other.labels, other.dropped, other.by_source)


# -- estimate


def _people(promoters: int, detractors: int, **others: int) -> Population:
    return populate(
        [_voice(n, "promoter", f"p{n}") for n in range(promoters)]
        + [_voice(1000 + n, "detractor", f"d{n}") for n in range(detractors)]
        + [_voice(2000 + n, None, f"u{n}") for n in range(others.get("unscored", 0))]
        + [_voice(3000 + n, "no_opinion", f"n{n}") for n in range(others.get("no_opinion", 0))]
    )


def test_nobody_is_not_enough_and_never_a_number() -> None:
    for figure in (inps(Population(), None, _OPEN), net(Population(), None, _OPEN)):
        assert figure.estimate is None
        assert figure.reason == "not enough opinions (n = 0 authors, 1 needed)"


def test_the_figure_says_that_it_is_uncalibrated() -> None:
    figure = inps(_people(60, 20), 1.0, Gate())
    assert isinstance(figure.estimate, Estimate)
    assert (figure.estimate.value, figure.badge, figure.reason) == (50.0, UNCALIBRATED, "")


def test_inps_leaves_out_those_without_opinion_and_net_does_not() -> None:
    people = _people(40, 10, no_opinion=50)
    first, second = inps(people, 1.0, _OPEN).estimate, net(people, 1.0, _OPEN).estimate
    assert first is not None and second is not None
    assert (first.value, second.value, first.n, second.n) == (60.0, 30.0, 50, 100)


@pytest.mark.parametrize(
    ("people", "coverage", "reason"),
    [
        (_people(20, 9), 1.0, "not enough opinions (n = 29 authors, 30 needed)"),
        (_people(16, 15), 1.0, "not enough opinions (n = 31 authors leave ±33 points)"),
        (_people(80, 20), 0.5, "not enough coverage (50% of the sources were heard, 80% needed)"),
        (_people(80, 20, unscored=100), 1.0, "too much unread (50% of the mentions could not be scored)"),
    ],
)
def test_a_number_is_withheld_with_its_reason(people: Population, coverage: float, reason: str) -> None:
    for figure in (inps(people, coverage, Gate()), net(people, coverage, Gate())):
        assert (figure.estimate, figure.reason) == (None, reason)


def test_the_gate_lets_through_what_stands_exactly_on_it() -> None:
    people = _people(80, 20, unscored=25)
    assert inps(people, 0.8, Gate(min_authors=100, max_unscored=0.2)).reason == ""


def test_without_any_source_coverage_decides_nothing() -> None:
    assert inps(_people(80, 20), None, Gate()).reason == ""


@given(_VOICES, st.one_of(st.none(), st.floats(0, 1)))
def test_there_is_either_a_number_or_a_reason(voices: list[Voice], coverage: float | None) -> None:
    for figure in (inps(populate(voices), coverage, Gate(min_authors=3)), net(populate(voices), coverage, Gate(3))):
        assert (figure.estimate is None) == bool(figure.reason)
