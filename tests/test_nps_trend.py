"""Change, its split, the band over definitions and the share of voice."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.interval import Z95, Estimate, adjusted_wald
from listener.nps.sensitivity import band
from listener.nps.share import share_of_voice
from listener.nps.trend import NO_CHANGE, Votes, change, split
from storage.records_nps import Variant
from tests.test_interval import GOLDEN

_COUNTS = st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300))
_GROUPS = st.dictionaries(
    st.sampled_from("abcde"),
    st.tuples(st.integers(0, 500), st.floats(-1, 1)).map(lambda g: Votes(g[0], g[0] * g[1])),
    max_size=5,
)


def _counted(promoters: int, detractors: int, passives: int) -> Estimate:
    return adjusted_wald(promoters, detractors, promoters + detractors + passives)


# -- change


def test_the_adjusted_wald_interval_of_a_difference_by_hand() -> None:
    """50/20/30 of 100, then 60/10/30: each variance with its three votes, and the two added."""

    def centre_and_variance(p: int, d: int, n: int) -> tuple[float, float]:
        return (p - d) / (n + 3), ((p + d + 1.5) / (n + 3) - ((p - d) / (n + 3)) ** 2) / (n + 3)

    (c0, v0), (c1, v1) = centre_and_variance(50, 20, 100), centre_and_variance(60, 10, 100)
    found = change(_counted(50, 20, 30), _counted(60, 10, 30))
    assert found.difference == pytest.approx(20)
    assert (found.low, found.high) == pytest.approx(
        (100 * (c1 - c0 - Z95 * math.sqrt(v0 + v1)), 100 * (c1 - c0 + Z95 * math.sqrt(v0 + v1)))
    )


def test_a_change_is_told_only_when_it_is_beyond_doubt() -> None:
    small = change(_counted(50, 20, 30), _counted(53, 20, 27))
    assert (small.detectable, small.words) == (False, NO_CHANGE)
    up = change(_counted(500, 200, 300), _counted(600, 100, 300))
    assert (up.detectable, up.words) == (True, "up 20 points (14 to 26)")
    down = change(_counted(600, 100, 300), _counted(500, 200, 300))
    assert (down.detectable, down.words) == (True, "down 20 points (14 to 26)")


@given(_COUNTS, _COUNTS)
def test_the_interval_of_a_change_holds_it_and_turns_with_time(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    there, back = change(_counted(*one), _counted(*other)), change(_counted(*other), _counted(*one))
    assert there.low <= there.difference <= there.high
    assert (back.difference, back.low, back.high) == pytest.approx((-there.difference, -there.high, -there.low))


@given(_COUNTS)
def test_nothing_changed_when_nothing_changed(counts: tuple[int, int, int]) -> None:
    same = change(_counted(*counts), _counted(*counts))
    assert (same.difference, same.detectable) == (0.0, False)


# -- split


def test_a_split_is_that_of_statsmodels_oaxaca() -> None:
    """Its three-fold split, the interaction halved between the two, with the sign of later less earlier."""
    golden = GOLDEN["oaxaca"]
    earlier, later = ({name: Votes(*g) for name, g in golden["windows"][when].items()} for when in ("earlier", "later"))
    found = split(earlier, later)
    assert found is not None
    assert found.change == pytest.approx(-100 * golden["gap"])
    assert found.mix == pytest.approx(-100 * (golden["endowments"] + golden["interaction"] / 2))
    assert found.sentiment == pytest.approx(-100 * (golden["coefficients"] + golden["interaction"] / 2))


def test_a_split_by_hand() -> None:
    """a: 60 % at +20, then 20 % at +30; b: 40 % at −25, then 80 % at −41⅔."""
    found = split({"a": Votes(60, 12), "b": Votes(40, -10)}, {"a": Votes(30, 9), "b": Votes(120, -50)})
    assert found is not None
    assert found.mix == pytest.approx(100 * (-0.4 * 0.25 + 0.4 * (-1 / 3)))
    assert found.sentiment == pytest.approx(100 * (0.4 * 0.1 + 0.6 * (-1 / 6)))
    assert found.fixed_mix == pytest.approx(100 * (0.6 * 0.3 + 0.4 * (-5 / 12)))


@given(_GROUPS, _GROUPS)
def test_the_parts_of_a_split_are_exactly_the_change(earlier: dict[str, Votes], later: dict[str, Votes]) -> None:
    def mean(window: dict[str, Votes]) -> float:
        return 100 * sum(g.total for g in window.values()) / sum(g.votes for g in window.values())

    found = split(earlier, later)
    if found is None:
        assert not sum(g.votes for g in earlier.values()) or not sum(g.votes for g in later.values())
        return
    assert found.mix + found.sentiment == pytest.approx(found.change)
    assert found.change == pytest.approx(mean(later) - mean(earlier), abs=1e-9)
    assert found.fixed_mix is None or -100.0001 <= found.fixed_mix <= 100.0001


def test_a_source_that_comes_or_goes_is_a_change_of_mix_alone() -> None:
    with_it, without = {"blogs": Votes(50, 20), "forum": Votes(50, -40)}, {"blogs": Votes(80, 32)}
    for earlier, later in ((with_it, without), (without, with_it)):
        found = split(earlier, later)
        assert found is not None
        assert found.sentiment == pytest.approx(0)
        assert found.fixed_mix == pytest.approx(
            100 * sum(g.total for g in earlier.values()) / sum(g.votes for g in earlier.values())
        )


def test_the_same_voices_in_another_mood_are_a_change_of_sentiment_alone() -> None:
    found = split({"a": Votes(10, 5), "b": Votes(30, 0)}, {"a": Votes(20, 0), "b": Votes(60, -30)})
    assert found is not None
    assert (found.mix, found.sentiment) == pytest.approx((0, found.change))
    assert found.fixed_mix == pytest.approx(100 * -30 / 80)


def test_two_windows_without_a_source_in_common_have_no_fixed_mix() -> None:
    found = split({"a": Votes(10, 5)}, {"b": Votes(10, -5)})
    assert found is not None
    assert (found.mix, found.sentiment, found.fixed_mix) == pytest.approx((-100, 0, None))


# -- sensitivity


def _variant(votes: int, total: float, **others: bool) -> Variant:
    made = Variant(True, False, False, False, votes, total)
    return made._replace(**others)  # type: ignore[arg-type]


def test_the_band_is_from_the_least_to_the_greatest_definition() -> None:
    least, most = _variant(50, -10.0), _variant(200, 30.0, news=True)
    found = band([_variant(100, 5.0, by_voice=False), most, least, _variant(0, 0.0, quarantined=True)])
    assert found is not None
    assert (found.low, found.high, found.definitions, found.flips) == (-20.0, 15.0, 3, True)
    assert (found.lowest, found.highest) == (least, most)


@pytest.mark.parametrize(
    ("totals", "flips"), [((1.0, 9.0), False), ((0.0, 9.0), False), ((-9.0, -1.0), False), ((-0.1, 0.1), True)]
)
def test_the_sign_flips_when_one_definition_is_above_nought_and_another_below(
    totals: tuple[float, float], flips: bool
) -> None:
    found = band([_variant(10, total) for total in totals])
    assert found is not None and found.flips is flips


def test_no_votes_have_no_band() -> None:
    assert band([]) is None
    assert band([_variant(0, 0.0)]) is None


# -- share of voice


def test_brands_are_compared_over_the_sources_that_were_heard_for_all() -> None:
    found = share_of_voice(
        {"acme": {"blogs": 30, "forum": 70, "reviews": 5}, "rival": {"blogs": 10, "forum": 40}},
        {"acme": {"blogs", "forum", "reviews"}, "rival": {"blogs", "reviews", "radio"}},
    )
    assert (found.sources, found.passed_over) == (("blogs", "reviews"), ("forum", "radio"))
    assert found.mentions == {"acme": 35, "rival": 10}
    assert found.shares == pytest.approx({"acme": 35 / 45, "rival": 10 / 45})
    assert found.reason == ""


@pytest.mark.parametrize(
    ("counts", "heard", "reason"),
    [
        ({}, {}, "nothing to compare: a share of voice needs two brands or more"),
        ({"acme": {"blogs": 3}}, {"acme": {"blogs"}}, "nothing to compare: a share of voice needs two brands or more"),
        (
            {"acme": {"blogs": 3}, "rival": {"forum": 3}},
            {"acme": {"blogs"}, "rival": {"forum"}},
            "no comparison: no source was heard for all of acme, rival",
        ),
        (
            {"acme": {"blogs": 3}, "rival": {}},
            {"acme": {"blogs"}},
            "no comparison: no source was heard for all of acme, rival",
        ),
        (
            {"acme": {}, "rival": {}},
            {"acme": {"blogs"}, "rival": {"blogs"}},
            "no comparison: nothing was said of any brand where all were listened for",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    counts: dict[str, dict[str, int]], heard: dict[str, set[str]], reason: str
) -> None:
    found = share_of_voice(counts, heard)
    assert (found.shares, found.reason) == ({}, reason)


@given(
    st.dictionaries(st.sampled_from("xyz"), st.dictionaries(st.sampled_from("abc"), st.integers(0, 50))),
    st.dictionaries(st.sampled_from("xyz"), st.sets(st.sampled_from("abc"))),
)
def test_shares_add_up_to_one_or_there_are_none(counts: dict[str, dict[str, int]], heard: dict[str, set[str]]) -> None:
    found = share_of_voice(counts, heard)
    assert bool(found.shares) != bool(found.reason)
    if found.shares:
        assert sum(found.shares.values()) == pytest.approx(1)
        assert all(source in heard[brand] for source in found.sources for brand in counts)
