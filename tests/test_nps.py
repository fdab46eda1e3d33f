"""The implied NPS: which method speaks, and when there is no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.nps.audits import summarise
from listener.nps.estimate import AUDITED, CORRECTED, COUNTED, STRATIFIED, UNCALIBRATED, Evidence, Figure, Gate, figures
from listener.nps.interval import adjusted_wald, adjusted_wald_of_sums
from listener.nps.population import VALUE, Population, populate
from listener.nps.weights import weigh
from storage.records_nps import Audit, Audited, Ballots, Progress
from tests.test_nps_population import tally, window_of

_OPEN = Gate(min_authors=1, max_half_width=100.0, min_coverage=0.0, max_unscored=1.0)
_LABELS = ("promoter", "passive", "detractor", "no_opinion")


# -- what the machine says as it stands


def test_nobody_is_not_enough_and_never_a_number() -> None:
    found = figures(Population(), Evidence(), None, _OPEN)
    for figure in (found.inps, found.net):
        assert (figure.estimate, figure.reason) == (None, "not enough opinions (n = 0 authors, 1 needed)")
    assert (found.audits.n, found.audits.last, found.audits.accuracy, found.drift) == (0, "", None, None)


def test_without_audits_the_figure_says_that_it_is_uncalibrated() -> None:
    found = figures(window_of(60, 20, no_opinion=20), Evidence(), 1.0, Gate())
    assert found.inps == Figure(adjusted_wald_of_sums(80, 40.0, 80.0), COUNTED, UNCALIBRATED)
    assert found.net == Figure(adjusted_wald(60, 20, 100), COUNTED, UNCALIBRATED)


def test_all_unscored_is_no_number() -> None:
    found = figures(window_of(0, 0, unscored=500), Evidence(), 1.0, Gate())
    assert found.inps.reason == found.net.reason == "not enough opinions (n = 0 authors, 30 needed)"


def test_one_loud_author_is_no_number() -> None:
    loud = populate([tally("promoter", 500, value=400)], Ballots("", 1, 1.0, 1.0, 0.8, 500, 250_000, 500, 0))
    found = figures(loud, Evidence(), 1.0, Gate())
    assert found.inps.reason == found.net.reason == "not enough opinions (n = 1 authors, 30 needed)"


def test_all_of_one_label_is_a_number_with_a_width() -> None:
    found = figures(window_of(100, 0), Evidence(), 1.0, Gate())
    assert found.inps.estimate is not None
    assert found.inps.estimate.value == found.inps.estimate.high == 100
    assert 90 < found.inps.estimate.low < 100


@pytest.mark.parametrize(
    ("people", "coverage", "reason"),
    [
        (window_of(20, 9), 1.0, "not enough opinions (n = 29 authors, 30 needed)"),
        (window_of(16, 15), 1.0, "not enough opinions (n = 31 authors leave ±33 points)"),
        (window_of(80, 20), 0.5, "not enough coverage (50% of the sources were heard, 80% needed)"),
        (window_of(80, 20, unscored=100), 1.0, "too much unread (50% of the mentions could not be scored)"),
    ],
)
def test_a_number_is_withheld_with_its_reason(people: Population, coverage: float, reason: str) -> None:
    found = figures(people, Evidence(), coverage, Gate())
    for figure in (found.inps, found.net):
        assert (figure.estimate, figure.reason) == (None, reason)


def test_the_gate_lets_through_what_stands_exactly_on_it() -> None:
    people = window_of(80, 20, unscored=25)
    assert figures(people, Evidence(), 0.8, Gate(min_authors=100, max_unscored=0.2)).inps.reason == ""


def test_without_any_source_coverage_decides_nothing() -> None:
    assert figures(window_of(80, 20), Evidence(), None, Gate()).inps.reason == ""


# -- audits


def _audits(
    pairs: Iterable[tuple[str, str | None, int]], first: int = 0, probability: float = 0.1, **others: Any
) -> list[Audited]:
    """(a person's label, the machine's, how many), each of a voice of its own."""
    made = []
    for label, machine, times in pairs:
        for _ in range(times):
            n, opinion = first + len(made), machine in VALUE
            value = 0.8 * VALUE.get(machine or "", 0)
            one = Audited(
                "a",
                f"m{n}",
                n + 1,
                "2024-03",
                "",
                probability,
                label,
                machine,
                value,
                n,
                1,
                int(opinion),
                "2024-04-02T10:00:00Z",
            )
            made.append(one._replace(**others))
    return made


def _drawn(size: int, population: int) -> list[Progress]:
    return [Progress(Audit("a", "acme", "", "~", "7", size, population, "2024-03", 0, 10**9), size, 0)]


_SIXTY = [
    ("promoter", "promoter", 20),
    ("detractor", "promoter", 16),
    ("detractor", "detractor", 12),
    ("no_opinion", "no_opinion", 12),
]


def _evidence(**others: Any) -> Evidence:
    return Evidence(_audits(_SIXTY), _drawn(60, 600), 600)._replace(**others)


def test_fifty_audits_of_the_window_speak_instead_of_the_machine() -> None:
    """The machine sees 360 promoters and 120 detractors, where people find 20 and 28 of 60."""
    found = figures(window_of(360, 120, no_opinion=120), _evidence(), 1.0, _OPEN)
    assert (found.net.method, found.net.badge) == (AUDITED, "audited (60 labels, last 2024-04-02)")
    assert found.net.estimate is not None and found.inps.estimate is not None
    assert found.net.estimate.value == pytest.approx(100 * (20 - 28) / 60, abs=0.1)
    assert found.inps.estimate.value == pytest.approx(100 * (20 - 28) / 48, abs=0.5)
    assert (found.net.estimate.n, found.audits.n, found.audits.last[:10]) == (60, 60, "2024-04-02")


def test_an_audit_says_how_often_people_agree_and_where_not() -> None:
    twice = [
        one._replace(inclusion_prob=0.05) for one in _audits([("detractor", "promoter", 1), ("promoter", None, 1)], 90)
    ]
    summary = summarise(weigh([*_audits([("promoter", "promoter", 3)]), *twice], []))
    assert summary.accuracy == pytest.approx(30 / 50)
    assert summary.confusion == Counter(
        {("promoter", "promoter"): 3, ("promoter", "detractor"): 1, ("unscored", "promoter"): 1}
    )


@pytest.mark.parametrize(
    "evidence",
    [
        _evidence(covered=479),
        _evidence(audits=_audits(_SIXTY)[:49]),
        _evidence(audits=_audits(_SIXTY)[:1]),
        _evidence(audits=[one._replace(mention_id=f"m{n // 2}") for n, one in enumerate(_audits(_SIXTY))]),
    ],
    ids=["of too little of the window", "49", "one", "30 mentions that were drawn twice"],
)
def test_too_few_audits_or_of_too_little_leave_the_machine_to_speak(evidence: Evidence) -> None:
    found = figures(window_of(360, 120, no_opinion=120), evidence, 1.0, Gate())
    assert (found.net.method, found.net.badge) == (COUNTED, UNCALIBRATED)


def test_how_many_audits_it_takes_is_the_gates_to_say() -> None:
    evidence = _evidence(audits=_audits(_SIXTY)[:40], draws=_drawn(40, 600))
    people = window_of(360, 120, no_opinion=120)
    assert figures(people, evidence, 1.0, _OPEN._replace(audits=40)).net.method == AUDITED
    assert figures(people, evidence, 1.0, _OPEN._replace(audits=41)).net.method == COUNTED


def test_audits_that_leave_too_wide_an_interval_withhold_the_number_rather_than_fall_back() -> None:
    found = figures(window_of(360, 120, no_opinion=120), _evidence(), 1.0, Gate(max_half_width=5))
    assert found.net.estimate is None
    assert found.net.reason.startswith("not enough opinions (n = 60 audits leave ±")


def test_audits_without_any_opinion_are_no_number_for_inps_and_nought_for_net() -> None:
    silent = _evidence(audits=_audits([("no_opinion", "promoter", 60)]))
    found = figures(window_of(600, 0), silent, 1.0, _OPEN)
    assert found.inps.reason == "not enough opinions (n = 0 among the audits)"
    assert found.net.estimate is not None and found.net.estimate.value == pytest.approx(0, abs=1e-9)


def test_mentions_that_are_not_of_the_brand_count_nowhere() -> None:
    noisy = _evidence(audits=_audits([("promoter", "promoter", 30), ("not_us", "promoter", 30)]))
    found = figures(window_of(600, 0), noisy, 1.0, _OPEN)
    for figure in (found.inps, found.net):
        assert figure.estimate is not None and figure.estimate.value == pytest.approx(100)


def test_one_vote_a_voice_in_the_audited_figure_too() -> None:
    """30 voices praise once, one voice blames 30 times: NET 0, INPS 29/31."""
    praise = _audits([("promoter", "promoter", 30)])
    blame = _audits([("detractor", "detractor", 30)], first=30, voice=99, mentions=30, opinions=30)
    people = populate(
        [tally("promoter", 30, value=24.0), tally("detractor", 30, value=-24.0)],
        Ballots("", 31, 29.0, 31.0, 29 * 0.8, 60, 930, 30, 0),
    )
    whole = [one._replace(inclusion_prob=1.0) for one in (*praise, *blame)]
    found = figures(people, Evidence(whole, _drawn(60, 60), 60), 1.0, Gate(max_half_width=50))
    assert found.net.estimate is not None and found.inps.estimate is not None
    assert found.net.estimate.value == pytest.approx(0, abs=1e-9)
    assert found.inps.estimate.value == pytest.approx(100 * 29 / 31, abs=1)


def test_when_every_flagged_mention_was_read_only_the_rest_is_uncertain() -> None:
    people = window_of(360, 120, no_opinion=120)
    rest = [one for one in _audits(_SIXTY) if one.machine != "detractor"]
    flagged = _audits([("detractor", "detractor", 90), ("promoter", "detractor", 30)], first=1000)
    without = figures(people, _evidence(), 1.0, _OPEN)
    found = figures(people, _evidence(census=flagged), 1.0, _OPEN)
    assert (found.net.method, found.inps.method) == (STRATIFIED, STRATIFIED)
    assert found.net.badge == f"all detractors read, others audited ({len(rest) + 120} labels, last 2024-04-02)"
    assert found.net.estimate is not None and without.net.estimate is not None
    by_hand = (120 * (30 - 90) / 120 + 360 * (20 - 16) / 36) / 600
    assert found.net.estimate.value == pytest.approx(100 * by_hand, abs=0.1)
    assert found.net.estimate.half_width < without.net.estimate.half_width


def test_a_part_read_whole_is_no_use_without_enough_audits_of_the_rest() -> None:
    people, flagged = window_of(360, 120, no_opinion=120), _audits([("detractor", "detractor", 120)], first=1000)
    few = [one for one in _audits(_SIXTY) if one.machine != "detractor"][:29]
    assert figures(people, _evidence(audits=few, census=flagged), 1.0, Gate()).net.method == COUNTED


# -- old errors


def _older(times: int = 10) -> list[Audited]:
    """The machine takes half of the detractors for promoters."""
    pairs = [
        ("promoter", "promoter", 4),
        ("passive", "passive", 4),
        ("detractor", "detractor", 2),
        ("detractor", "promoter", 2),
        ("no_opinion", "no_opinion", 4),
    ]
    return _audits([(label, machine, n * times) for label, machine, n in pairs], first=5000)


def test_without_audits_of_the_window_a_hundred_older_ones_correct_the_count() -> None:
    found = figures(window_of(360, 120, no_opinion=120), Evidence(older=_older()), 1.0, Gate(max_half_width=40))
    assert (found.net.method, found.net.badge) == (CORRECTED, "assumes unchanged errors (160 labels, last 2024-04-02)")
    assert found.net.estimate is not None and found.inps.estimate is not None
    assert found.net.estimate.value == pytest.approx(0, abs=3)
    assert found.inps.estimate.value == pytest.approx(0, abs=4)
    assert found.drift is not None and found.drift.verdict.startswith("too few recent audits")


def test_a_window_audited_enough_does_not_look_back_but_says_whether_errors_changed() -> None:
    found = figures(window_of(360, 120, no_opinion=120), _evidence(older=_older()), 1.0, Gate())
    assert found.net.method == AUDITED
    assert found.drift is not None and found.drift.verdict == "errors look unchanged"


def test_ninety_nine_older_audits_are_too_few() -> None:
    found = figures(window_of(360, 120, no_opinion=120), Evidence(older=_older()[:99]), 1.0, Gate())
    assert (found.net.method, found.drift) == (COUNTED, None)


# -- what holds of every window


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(0, 80)] * 4),
    st.lists(
        st.tuples(st.sampled_from([*_LABELS, "not_us"]), st.sampled_from([*_LABELS, None]), st.integers(0, 15)),
        max_size=12,
    ),
    st.one_of(st.none(), st.floats(0, 1)),
    st.booleans(),
)
def test_there_is_either_a_number_or_a_reason(
    people: tuple[int, int, int, int], pairs: list[tuple[str, str | None, int]], coverage: float | None, old: bool
) -> None:
    population, audits = window_of(*people), _audits(pairs)
    evidence = Evidence(audits, _drawn(max(1, len(audits)), max(1, population.eligible)), population.eligible)
    found = figures(population, evidence._replace(older=_older()) if old else evidence, coverage, Gate(min_authors=3))
    for figure in (found.inps, found.net):
        assert (figure.estimate is None) == bool(figure.reason)
        if figure.estimate:
            assert -100 <= figure.estimate.low <= figure.estimate.value <= figure.estimate.high <= 100
