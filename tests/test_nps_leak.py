"""What would happen if labels of flagged mentions alone came into the figure, and that they do not."""

from __future__ import annotations

import random
from functools import cache

from listener.nps.draw import draw_sized
from listener.nps.estimate import AUDITED, COUNTED, Evidence, Figures, Gate, figures
from tests.bench.worlds import Window, World, happen, progress

_OPEN = Gate(max_half_width=100.0)


@cache
def _window() -> Window:
    """6,000 mentions by a scorer that misses two detractors in three."""
    return happen(World("weak", "weak", 6000, 100), random.Random(11))


def _audited(n: int = 300) -> Evidence:
    window = _window()
    drawn = draw_sized(window.frame, n, "seed")
    return Evidence([window.audited(*one) for one in drawn], [progress(window, n)], len(window.frame))


def _flagged_corrected() -> float:
    """The machine's count, with every mention that it took for a detractor put right by a person."""
    heard = [one.truth if one.machine == "detractor" else one.machine for one in _window().written if one.machine]
    return 100 * (heard.count("promoter") - heard.count("detractor")) / len(heard)


def _found(evidence: Evidence) -> Figures:
    return figures(_window().population, evidence, 1.0, _OPEN)


def test_counting_is_far_off_and_one_sided_correction_farther() -> None:
    counted = _found(Evidence()).net
    assert counted.method == COUNTED and counted.estimate is not None
    assert counted.estimate.value - _window().net > 10
    assert _flagged_corrected() - _window().net > counted.estimate.value - _window().net


def test_random_audits_hold_the_truth_that_flagged_labels_miss_by_far() -> None:
    found = _found(_audited())
    for figure, truth in ((found.net, _window().net), (found.inps, _window().inps)):
        assert figure.method == AUDITED and figure.estimate is not None
        assert figure.estimate.low < truth < figure.estimate.high
    assert found.net.estimate is not None
    assert not found.net.estimate.low < _flagged_corrected() < found.net.estimate.high


def test_flagged_labels_alone_taken_for_audits_would_be_far_off() -> None:
    """The leak itself: the same labels, as if chance had drawn them."""
    window = _window()
    flagged = [window.audited(one.mention_id, 0.05) for one in window.frame if one.label == "detractor"][:300]
    leaked = _found(Evidence(flagged, [progress(window, len(flagged))], len(window.frame))).net
    assert leaked.estimate is not None
    assert abs(leaked.estimate.value - window.net) > 10
    assert not leaked.estimate.low < window.net < leaked.estimate.high


def test_a_census_of_the_flagged_moves_no_figure_that_rests_on_the_machine() -> None:
    window = _window()
    flagged = [window.audited(one.mention_id, 1.0) for one in window.frame if one.label == "detractor"]
    assert _found(Evidence(census=flagged)).net == _found(Evidence()).net


def test_a_census_of_the_flagged_helps_random_audits_and_does_not_bend_them() -> None:
    window, audits = _window(), _audited()
    flagged = [window.audited(one.mention_id, 1.0) for one in window.frame if one.label == "detractor"]
    alone, helped = _found(audits).net, _found(audits._replace(census=flagged)).net
    assert alone.estimate is not None and helped.estimate is not None
    assert helped.estimate.low < window.net < helped.estimate.high
    assert helped.method == "stratified"
