"""Calibration of a brand: what it changes, when it is used, and what `listener calibrate` does."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.calibrations import examples, in_force, parameters_for
from listener.sentiment.calibration import IDENTITY, Parameters, apply, from_json, logarithms, to_json
from listener.sentiment.calibration_fit import LEAST, Example, TooFew, fit
from listener.sentiment.calibration_newton import Row, minimum
from listener.sentiment.contract import Label, Text, Verdict
from listener.sentiment.labels import Thresholds
from storage.records_scoring import Calibration, Review
from storage.sqlite import SqliteStore
from tests.command import Command
from tests.made import AT, arrival

_LABELS: tuple[Label, ...] = ("detractor", "passive", "promoter")
TRUTH = (0.63, 0.21, 0.16)
"""Of mentions of airlines, by people; VADER says (0.19, 0.50, 0.31)."""


def softmax(values: Sequence[float]) -> tuple[float, ...]:
    powers = [math.exp(value - max(values)) for value in values]
    return tuple(power / sum(powers) for power in powers)


def airline(n: int, seed: int, inclusion_prob: float | None = None) -> list[Example]:
    """Texts with the labels of airline mentions and a scorer that knows something of them, but leans like VADER."""
    chance = random.Random(seed)
    made = []
    for _ in range(n):
        label = chance.choices(range(3), TRUTH)[0]
        told = [chance.gauss(1.2 if one == label else 0, 1) + lean for one, lean in enumerate((-1.3, 0.4, 0.3))]
        made.append(Example(softmax(told), _LABELS[label], inclusion_prob))
    return made


def honest(n: int, seed: int) -> list[Example]:
    """Texts whose labels are drawn from the very probabilities that the scorer gives."""
    chance = random.Random(seed)
    told = [softmax([chance.gauss(0, 1.5) for _ in range(3)]) for _ in range(n)]
    return [Example(one, chance.choices(_LABELS, one)[0]) for one in told]


def distorted(example: Example, by: Parameters) -> Example:
    return example._replace(probabilities=apply(by, example.probabilities))


def net(probabilities: Sequence[Sequence[float]]) -> float:
    """Counting the likeliest label."""
    said = [max(range(3), key=one.__getitem__) - 1 for one in probabilities]
    return 100 * sum(said) / len(said)


# -- applying

numbers = st.floats() | st.floats(0, 1)
parameters = st.builds(Parameters, st.floats(-100, 100), st.tuples(*[st.floats(-100, 100)] * 3))
shares = st.tuples(*[st.floats(0.001, 1)] * 3).map(lambda v: tuple(one / sum(v) for one in v))


@given(parameters, st.tuples(numbers, numbers, numbers))
def test_probabilities_come_out_whatever_goes_in(by: Parameters, told: tuple[float, float, float]) -> None:
    new = apply(by, told)
    if not by.changes_nothing:
        assert math.isclose(sum(new), 1)
        assert all(0 <= one <= 1 for one in new)


@given(st.lists(numbers, max_size=6).map(tuple))
def test_the_identity_changes_nothing_and_no_probabilities_stay_none(told: tuple[float, ...]) -> None:
    assert apply(IDENTITY, told) is told
    if len(told) != 3:
        assert apply(Parameters(2.0), told) is told


@given(shares)
def test_near_the_identity_little_changes(told: tuple[float, ...]) -> None:
    assert apply(Parameters(1 + 1e-12), told) == pytest.approx(told, abs=1e-6)


def test_shifts_correct_priors_and_slopes_sharpen() -> None:
    assert apply(Parameters(1, (math.log(2), 0, 0)), (0.25, 0.5, 0.25)) == pytest.approx((0.4, 0.4, 0.2))
    assert apply(Parameters(2), (0.2, 0.2, 0.6)) == pytest.approx((4 / 44, 4 / 44, 36 / 44))
    assert apply(Parameters(0.5, (0, 0, 0)), (0.0, 0.0, 1.0))[2] == pytest.approx(1 / 1.002, abs=1e-6)


@given(parameters)
def test_parameters_survive_being_written_down(by: Parameters) -> None:
    assert from_json(to_json(by)) == by


@pytest.mark.parametrize(
    "text",
    ["", "nope", "[]", "{}", '{"slope":1}', '{"slope":1,"shifts":[1,2]}', '{"slope":1,"shifts":[1,2,3,4]}',
     '{"slope":"1","shifts":[1,2,3]}', '{"slope":NaN,"shifts":[1,2,3]}', '{"slope":1,"shifts":[1e999,2,3]}',
     '{"slope":true,"shifts":[1,2,3]}', '{"slope":1,"shifts":{}}', '{"slope":1,"shifts":[1,2,3],"x":1}', "[" * 99_999],
)  # fmt: skip
def test_parameters_that_nobody_wrote_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="calibration"):
        from_json(text)


# -- fitting


def test_the_optimum_is_the_one_in_closed_form() -> None:
    """Uniform probabilities, so that the slope has no say: with hardly any prior, shifts are the logs of the shares."""
    uniform = (math.log(1 / 3),) * 3
    rows = [Row(uniform, label, 1.0) for label, n in enumerate((600, 300, 100)) for _ in range(n)]
    slope, *shifts = minimum(rows, 1e-6)
    assert slope == pytest.approx(1)
    assert softmax(shifts) == pytest.approx((0.6, 0.3, 0.1), abs=1e-4)
    assert sum(shifts) == pytest.approx(0, abs=1e-6)


def test_weights_count_like_repeated_labels() -> None:
    made = [Row(logarithms(told), _LABELS.index(label), 1.0) for told, label, _ in honest(60, 1)]
    twice = minimum([*made, *made[:20]], 1.0)
    assert minimum([row._replace(weight=1.0 + (i < 20)) for i, row in enumerate(made)], 1.0) == pytest.approx(twice)


def test_a_known_distortion_is_recovered() -> None:
    """What was distorted by (a, b) is put right by (1/a, −b/a)."""
    by = Parameters(0.5, (-0.8, 0.5, 0.3))
    made = [distorted(one, by) for one in honest(3000, 3)]
    rows = [Row(logarithms(told), _LABELS.index(label), 1.0) for told, label, _ in made]
    assert minimum(rows, 0.3) == pytest.approx((2, 1.6, -1.0, -0.6), abs=0.15)
    found = fit(made)
    assert found.used
    assert found.parameters.slope == pytest.approx(2, abs=0.15)
    assert found.parameters.shifts == pytest.approx([found.share * b for b in (1.6, -1.0, -0.6)], abs=0.15)
    assert abs(found.net_after - found.net_true) < abs(found.net_before - found.net_true)


def test_a_scorer_that_is_right_is_left_alone() -> None:
    fits = [fit(honest(100, seed)) for seed in range(8)]
    assert sum(one.used for one in fits) <= 2
    assert all(one.gain < 0.05 for one in fits)


@pytest.mark.parametrize("seed", range(4))
def test_with_a_hundred_labels_the_net_score_moves_to_the_truth(seed: int) -> None:
    found = fit(airline(100, seed))
    others = airline(3000, 1000 + seed)
    before = net([one.probabilities for one in others])
    after = net([apply(found.parameters, one.probabilities) for one in others])
    assert before > 0
    assert found.used
    assert abs(after + 47) < 12
    assert found.net_before > 0 > -25 > found.net_after
    assert abs(found.net_after - found.net_true) < 10
    assert found.net_true == pytest.approx(-47, abs=20)
    assert found.loss_after < found.loss_before - found.error


def test_a_scorer_that_says_the_opposite_is_not_turned_round() -> None:
    upside_down = [one._replace(probabilities=one.probabilities[::-1]) for one in honest(300, 5)]
    sharp = [distorted(one, Parameters(-1)) for one in honest(600, 6)]
    assert fit(sharp).reason.startswith("the probabilities say the opposite")
    assert fit(upside_down).parameters.slope < 1


def test_fewer_than_fifty_labels_are_too_few() -> None:
    with pytest.raises(TooFew, match="49 labels of texts that the scorer reads, 50 are needed"):
        fit(airline(LEAST - 1, 1))
    with pytest.raises(TooFew, match="^0 labels"):
        fit([Example((), "promoter")] * 80)
    assert fit(airline(LEAST, 1)).labels == LEAST


def test_audits_are_used_alone_as_soon_as_there_are_fifty() -> None:
    flagged = [Example((0.8, 0.1, 0.1), "detractor")] * 200
    alone, mixed = fit([*flagged, *airline(50, 1, 0.1)]), fit([*flagged, *airline(49, 1, 0.1)])
    assert (alone.labels, alone.random) == (50, True)
    assert (mixed.labels, mixed.random) == (249, False)
    assert alone == fit(airline(50, 1, 0.1))


def test_audits_weigh_as_much_as_they_stand_for() -> None:
    """Half the draws are from a day on which one in a hundred was drawn, half from one on which all were."""
    rare = [Example((0.3, 0.4, 0.3), "promoter", 0.01)] * 30
    sure = [Example((0.3, 0.4, 0.3), "detractor", 1.0)] * 30
    found = fit([*rare, *sure])
    assert found.net_true == pytest.approx(100 * (3000 - 30) / 3030)
    assert apply(found.parameters, (0.3, 0.4, 0.3))[2] > 0.9


@pytest.mark.parametrize("probability", [0.0, -1.0, 2.0, 1e-300, math.nan, math.inf])
def test_a_chance_that_is_none_is_no_random_draw(probability: float) -> None:
    assert not fit(airline(60, 1, probability)).random


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.tuples(numbers, numbers, numbers), st.sampled_from(_LABELS)), min_size=50, max_size=60))
def test_any_labels_can_be_fitted_and_twice_is_the_same(made: list[tuple[tuple[float, ...], Label]]) -> None:
    given_ = [Example(told, label) for told, label in made]
    found = fit(given_)
    assert found == fit(given_)
    assert math.isfinite(found.loss_after) and found.loss_after >= 0
    assert from_json(to_json(found.parameters)) == found.parameters
    assert sum(apply(found.parameters, (0.2, 0.3, 0.5))) == pytest.approx(1)


def test_all_labels_alike_leave_every_label_possible() -> None:
    found = fit([Example(one.probabilities, "detractor") for one in airline(60, 2)])
    assert min(apply(found.parameters, (0.1, 0.1, 0.8))) > 1e-4


# -- which calibration holds


def stored(brand: str, day: int, undone: bool = False, scorer: str = "fake@1+abc") -> Calibration:
    at = f"2026-11-{day:02}T00:00:00.000Z"
    return Calibration(f"{brand}{day}", brand, scorer, at, 60, f'{{"day":{day}}}', at if undone else None)


def test_the_newest_that_is_not_undone_holds_for_its_scorer() -> None:
    all_ = [stored("Acme", 2), stored("Acme", 1), stored("Acme", 3, undone=True), stored("Foo", 1, undone=True)]
    assert in_force(all_) == {"Acme": all_[0]}
    assert parameters_for(all_, "fake@1") == parameters_for(all_, "fake@1+xyz") == {"Acme": '{"day":2}'}
    assert parameters_for(all_, "fake@2+abc") == {}


# -- the command


class Leaning:
    """A scorer that reads its probabilities off the text, "acme 0.2 0.5 0.3", and takes calibrations."""

    def __init__(
        self,
        languages: Sequence[str] = (),
        rivals: Mapping[str, Sequence[str]] | None = None,
        thresholds: Thresholds = Thresholds(),  # noqa: B008  (immutable)
        words: Mapping[str, Mapping[str, float]] | None = None,
        calibrations: Mapping[str, str] | None = None,
    ) -> None:
        self.id = "leaning@1"
        self._calibrations = {brand: from_json(text) for brand, text in (calibrations or {}).items()}

    def id_for(self, brand: str) -> str:
        return f"{self.id}+{to_json(self._calibrations[brand])}" if brand in self._calibrations else self.id

    def score(self, text: Text) -> Verdict:
        told = apply(self._calibrations.get(text.brand, IDENTITY), tuple(map(float, text.text.split()[1:])))
        label = _LABELS[max(range(3), key=told.__getitem__)]
        return Verdict(label, told[2] - told[0], told, max(told), "en", "", (), self.id_for(text.brand))

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        return [self.score(text) for text in texts]


CONFIG = """
[scoring]
scorer = "tests.test_calibration:Leaning"
[[brands]]
name = "Acme"
query = "acme"
[[brands]]
name = "Foo"
query = "foo"
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, CONFIG)


def label(command: Command, made: Sequence[Example], first: int = 0, **others: Any) -> None:
    """Mentions of Acme with what people said of them."""
    store = SqliteStore(command.database)
    store.migrate()
    for number, one in enumerate(made, first):
        text = " ".join(["acme", *(f"{p:.6f}" for p in one.probabilities)])
        arrived = arrival(str(number), text=text, **others)
        store.add_page([arrived], AT)
        sampled_by = "flag" if one.inclusion_prob is None else "audit"
        its = Review(str(number), arrived.mentions[0][0].id, one.label, "ann", AT, sampled_by, one.inclusion_prob)
        store.add_reviews([its])
    store.close()


def test_a_calibration_is_fitted_stored_used_and_taken_back(command: Command) -> None:
    label(command, airline(100, 1, 0.2))
    ended = command("calibrate", "--brand", "Acme")
    assert (ended.code, ended.err) == (0, "")
    assert "Acme: 100 labels of audits, scorer leaning@1" in ended.out
    assert "used from now on. `listener rescore` applies it" in ended.out
    ((parameters, labels),) = command.rows("SELECT parameters, labels FROM calibrations")
    assert labels == 100

    gold = command.file("gold.jsonl", '{"text": "acme 0.3 0.4 0.3", "label": "detractor", "brand": "Acme"}\n')
    told = command("evaluate", gold, "--json").json["scorers"]["tests.test_calibration:Leaning"]
    assert told["overall"]["scored_only"]["accuracy"] == 1
    again = command("calibrate", "--brand", "Acme")
    assert "in force already" in again.out
    assert len(command.rows("SELECT id FROM calibrations")) == 1

    assert command("calibrate", "--brand", "Acme", "--undo").out.startswith("Acme: undone; the scorer's own prob")
    told = command("evaluate", gold, "--json").json["scorers"]["tests.test_calibration:Leaning"]
    assert told["overall"]["scored_only"]["accuracy"] == 0
    (undone,) = command("calibrate", "--list", "--json").json
    assert (undone["state"][:6], undone["parameters"]) == ("undone", json.loads(parameters))
    nothing = command("calibrate", "--brand", "Acme", "--undo")
    assert (nothing.code, nothing.err) == (1, "Acme: there is no calibration to undo.\n")


def test_undoing_goes_back_to_the_one_before(command: Command) -> None:
    label(command, airline(100, 1, 0.2))
    command("calibrate", "--brand", "Acme")
    label(command, airline(100, 2, 0.2), first=100)
    first, second = command("calibrate", "--brand", "Acme", "--json"), command("calibrate", "--list").out
    assert first.json[0]["held"]["labels"] == 100
    assert ["100 labels" in second, "200 labels" in second] == [True, True]
    undone = command("calibrate", "--brand", "Acme", "--undo", "--json").json
    assert (undone["undone"], undone["held"]["labels"]) == (True, 100)


def test_a_dry_run_stores_nothing(command: Command) -> None:
    label(command, airline(100, 1))
    ended = command("calibrate", "--brand", "Acme", "--dry-run")
    assert ended.code == 0
    assert "would be used; nothing is stored." in ended.out
    assert "warning: fewer than 50 labels are audits" in ended.out
    assert command.rows("SELECT * FROM calibrations") == []


def test_a_fit_that_does_not_help_is_not_stored(command: Command) -> None:
    label(command, honest(100, 2))
    ended = command("calibrate", "--brand", "Acme", "--json")
    (told,) = ended.json
    assert (ended.code, told["used"], told["stored"]) == (0, False, False)
    assert "not used: it would not predict the labels clearly better." in command("calibrate", "--brand", "Acme").out


def test_too_few_labels_are_said_and_rated_mentions_are_no_labels_of_texts(command: Command) -> None:
    label(command, airline(60, 1), rating=5.0, rating_scale=5.0)
    label(command, airline(20, 2), first=60)
    ended = command("calibrate")
    assert ended.code == 1
    assert ended.out.splitlines() == [
        "Acme: 20 labels of texts that the scorer reads, 50 are needed.",
        "Foo: 0 labels of texts that the scorer reads, 50 are needed.",
    ]


def test_the_fit_is_to_the_scorers_own_probabilities(command: Command) -> None:
    """Were it fitted to calibrated ones, the second fit would find nothing left to do."""
    label(command, airline(100, 1))
    first = command("calibrate", "--brand", "Acme", "--json").json[0]
    label(command, airline(5, 2), first=100)
    second = command("calibrate", "--brand", "Acme", "--json").json[0]
    assert second["parameters"]["shifts"] == pytest.approx(first["parameters"]["shifts"], abs=0.3)
    assert second["stored"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--undo"], "add --brand NAME"),
        (["--undo", "--list", "--brand", "Acme"], "exclude each other"),
        (["--brand", "Acm"], "there is no brand 'Acm'; there are: Acme, Foo."),
    ],
)
def test_a_usage_mistake_is_a_sentence(command: Command, options: list[str], sentence: str) -> None:
    ended = command("calibrate", *options)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_labels_of_unread_texts_and_of_no_opinion_are_taken_for_what_they_are(store: SqliteStore) -> None:
    arrived = arrival("1", text="acme 0.2 0.5 0.3")
    store.add_page([arrived], AT)
    store.add_reviews([Review("1", arrived.mentions[0][0].id, "no_opinion", "ann", AT, "audit", 0.5)])
    assert examples(store.labelled("Acme"), Leaning()) == [Example((0.2, 0.5, 0.3), "no_opinion", 0.5)]
