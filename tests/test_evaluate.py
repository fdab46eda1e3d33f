"""How right a scorer is said to be: hand-worked figures, invariants, and what `listener evaluate` prints."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.sentiment.contract import LABELS, Label, Text, Verdict
from listener.sentiment.evaluate import GOLD, POLARITY, UNSCORED, Evaluation, Figures, Judged, calibration_error
from listener.sentiment.labelled import LabelledText, read_labelled
from storage.records_scoring import Review
from storage.sqlite import SqliteStore
from tests.command import Command, Ended, listener
from tests.made import AT, arrival

_OF = {"d": "detractor", "a": "passive", "p": "promoter", "n": "no_opinion"}


def verdict(label: Label | None, probabilities: tuple[float, ...] = (), language: str = "en") -> Verdict:
    return Verdict(label, 0.0, probabilities, 0.5, language, "" if label else "language", (), "fake@1")


def judged(gold: str, said: str, *, language: str = "", source: str = "") -> Judged:
    """Labels by their letters; "-" for unscored."""
    label: Label | None = None if said == "-" else _OF[said]  # type: ignore[assignment]
    return Judged(_OF.get(gold, gold), verdict(label), language, source)


def figures(gold: str, said: str) -> Figures:
    return Evaluation(judged(*pair) for pair in zip(gold, said, strict=True)).overall


class Reader:
    """A scorer that reads its label off the text: "they say promoter", or "they say nothing" (unscored); the rating, if
    there is one, decides first. Knows no language."""

    id = "reader@1"

    def __init__(self, languages: Sequence[str] = (), **rules: Mapping[str, object]) -> None:
        self.batches: list[int] = []

    def id_for(self, brand: str) -> str:
        return self.id

    def score(self, text: Text) -> Verdict:
        said = text.text.split()[-1]
        if text.rating is not None:
            said = "promoter" if text.rating == 5 else "detractor"
        return verdict(said if said in LABELS else None, (0.2, 0.2, 0.6), text.language)

    def score_many(self, texts: Sequence[Text]) -> list[Verdict]:
        assert len(texts) <= 256
        return [self.score(text) for text in texts]


# -- figures worked by hand


def test_accuracy_macro_f1_and_net_score_are_those_worked_by_hand() -> None:
    #   gold      d d d d a a p p p n
    found = figures("ddddaapppn", "dddaapppdn")
    assert found.n == found.scored == 10
    of = found.labels
    assert (of["detractor"].precision, of["detractor"].recall) == (3 / 4, 3 / 4)
    assert of["detractor"].f1 == pytest.approx(3 / 4)
    assert (of["passive"].precision, of["passive"].recall) == (1 / 2, 1 / 2)
    assert (of["promoter"].precision, of["promoter"].recall) == (2 / 3, 2 / 3)
    assert of["no_opinion"].f1 == 1
    right = found.scored_only
    assert right.accuracy == 7 / 10
    assert right.macro_f1 == pytest.approx((3 / 4 + 1 / 2 + 2 / 3 + 1) / 4)
    assert (right.net_predicted, right.net_true, right.net_error) == (-10, -10, 0)
    assert found.confusion["promoter"] == {
        "promoter": 2, "passive": 0, "detractor": 1, "no_opinion": 0, "unscored": 0
    }  # fmt: skip


def test_what_was_not_read_is_left_out_once_and_counted_as_wrong_once() -> None:
    found = figures("dddpp", "dd--p")
    assert (found.n, found.scored, found.coverage, found.unscored) == (5, 3, 3 / 5, {"language": 2})
    assert (found.scored_only.accuracy, found.scored_only.macro_f1) == (1, 1)
    assert found.all_texts.accuracy == 3 / 5
    assert found.all_texts.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    # Read: −2 + 1 of 3. By people: −1 of 3 among those read, −1 of 5 among all.
    assert found.scored_only.net_error == 0
    assert found.all_texts.net_error == pytest.approx(100 * (-1 / 3 + 1 / 5))


def test_one_three_way_label_makes_the_whole_comparison_three_way() -> None:
    evaluation = Evaluation([judged("neutral", "n"), judged("a", "n"), judged("p", "a"), judged("negative", "d")])
    assert evaluation.three_way
    found = evaluation.overall
    assert found.scored_only.accuracy == 3 / 4
    assert list(found.confusion) == ["negative", "neutral", "positive"]
    assert found.labels["neutral"].recall == 1
    assert figures("an", "na").scored_only.accuracy == 0


def test_a_label_that_only_the_scorer_gives_costs_recall_and_does_not_enter_the_mean() -> None:
    found = figures("ddpp", "ddpn")
    assert found.scored_only.macro_f1 == pytest.approx((1 + 2 / 3) / 2)
    assert found.labels["no_opinion"] == (0, 0, 0, 0, 1)


def test_languages_and_sources_stand_apart_the_largest_first() -> None:
    evaluation = Evaluation(
        [
            judged("d", "p", language="de", source="blog"),
            judged("d", "d", source="forum"),
            judged("p", "p", source="forum"),
        ]
    )
    assert {name: one.scored_only.accuracy for name, one in evaluation.languages.items()} == {"en": 1, "de": 0}
    assert [(name, one.n) for name, one in evaluation.sources.items()] == [("forum", 2), ("blog", 1)]


def test_nothing_at_all_has_figures() -> None:
    found = Evaluation().overall
    assert (found.n, found.coverage, found.ece, found.labels, found.confusion) == (0, 0, None, {}, {})
    assert figures("d", "-").scored_only == (0, 0, 0, 0, 0, 0)


def test_a_foreign_label_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'happy' is no label: there are promoter, passive"):
        Evaluation([Judged("happy", verdict("promoter"))])


def test_thousands_of_sources_are_put_together_beyond_two_hundred() -> None:
    evaluation = Evaluation(judged("d", "d", source=str(number)) for number in range(1000))
    assert len(evaluation.sources) == 201
    assert evaluation.sources["(others)"].n == 800


# -- the calibration error


def test_the_calibration_error_is_the_one_worked_by_hand() -> None:
    # Ten texts, a bin each: the gaps are .5 five times (right) and .6 five times (wrong).
    assert calibration_error([0.5, 0.6], [1, 0]) == pytest.approx((0.5 + 0.6) / 2)
    # Twenty texts in pairs: within a pair one is right, so a pair's gap is |1/2 − mean probability|.
    sureness = [k / 40 for k in range(20)]
    expected = sum(abs(1 / 2 - (sureness[i] + sureness[i + 1]) / 2) for i in range(0, 20, 2)) / 10
    assert calibration_error(sureness, [1, 0] * 10) == pytest.approx(expected)


def test_texts_of_equal_probability_count_with_their_mean() -> None:
    assert calibration_error([0.7] * 10, [1] * 7 + [0] * 3) == pytest.approx(0)
    assert calibration_error([1.0] * 10, [1] * 8 + [0] * 2) == pytest.approx(0.2)


def test_probabilities_that_are_kept_have_a_small_error_and_boasts_a_large_one() -> None:
    chance = random.Random(7)
    sureness = [chance.uniform(1 / 3, 1) for _ in range(20_000)]
    right = [chance.random() < one for one in sureness]
    assert calibration_error(sureness, right) < 0.015
    assert calibration_error([min(1.0, one + 0.2) for one in sureness], right) == pytest.approx(0.17, abs=0.03)


def test_the_error_is_of_the_probability_of_what_was_said() -> None:
    gold_said: list[tuple[str, Label]] = [("d", "detractor"), ("a", "no_opinion")]
    evaluation = Evaluation(Judged(_OF[gold], verdict(said, (0.5, 0.3, 0.2))) for gold, said in gold_said)
    assert evaluation.overall.ece == pytest.approx((0.5 + 0.7) / 2)
    assert Evaluation([judged("d", "d")]).overall.ece is None


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 0.9, 1.0]) | st.floats(0, 1), st.booleans())))
def test_the_calibration_error_lies_in_0_to_1_and_knows_no_order(pairs: list[tuple[float, bool]]) -> None:
    error = calibration_error([p for p, _ in pairs], [hit for _, hit in pairs])
    assert 0 <= error <= 1 + 1e-9
    shuffled = random.Random(1).sample(pairs, len(pairs))
    assert calibration_error([p for p, _ in shuffled], [hit for _, hit in shuffled]) == error


# -- invariants

letters = st.sampled_from("dapn")
pairs = st.lists(st.tuples(st.sampled_from(GOLD), st.sampled_from("dapn-")), max_size=40)


@given(st.lists(letters, min_size=1, max_size=40))
def test_a_perfect_scorer_is_perfect_in_everything(labels: list[str]) -> None:
    found = figures("".join(labels), "".join(labels))
    assert found.scored_only == found.all_texts
    assert (found.scored_only.accuracy, found.scored_only.net_error) == (1, 0)
    assert found.scored_only.macro_f1 == pytest.approx(1)


@given(pairs)
def test_figures_agree_with_each_other_whatever_is_judged(made: list[tuple[str, str]]) -> None:
    evaluation = Evaluation(judged(*pair) for pair in made)
    found = evaluation.overall
    assert found.n == len(made) == sum(sum(row.values()) for row in found.confusion.values())
    assert found.scored == found.n - sum(found.unscored.values())
    assert found.all_texts.accuracy == pytest.approx(found.scored_only.accuracy * found.coverage)
    assert -200 <= found.all_texts.net_error <= 200
    assert sum(one.n for one in evaluation.languages.values()) == found.n
    json.dumps(evaluation.told(), allow_nan=False)


@given(pairs, st.randoms())
def test_the_order_of_texts_changes_nothing(made: list[tuple[str, str]], chance: random.Random) -> None:
    shuffled = chance.sample(made, len(made))
    one, other = (Evaluation(judged(*pair) for pair in some) for some in (made, shuffled))
    assert one.told() == other.told()


@given(pairs)
def test_f1_is_the_harmonic_mean_written_out(made: list[tuple[str, str]]) -> None:
    """The textbook's formulae, with lists in place of counts."""
    read = [(gold, _OF[said]) for gold, said in made if said != "-"]
    if any(gold not in LABELS for gold, _ in made):
        read = [(POLARITY.get(gold, gold), POLARITY[said]) for gold, said in read]
    found = Evaluation(judged(*pair) for pair in made).overall
    for label in {gold for gold, _ in read}:
        hits = sum(gold == said == label for gold, said in read)
        recall = hits / sum(gold == label for gold, _ in read)
        precision = hits / max(1, sum(said == label for _, said in read))
        f1 = 2 * precision * recall / (precision + recall) if hits else 0
        assert found.labels[label][:3] == pytest.approx((precision, recall, f1))


# -- files


def rows(text: str, form: str = "jsonl", *, ratings: bool = False) -> list[object]:
    return list(read_labelled(io.StringIO(text, newline=""), form, ratings=ratings))


def test_rows_are_read_from_json_lines_and_csv_alike() -> None:
    table = [
        {"text": 'so "good",\nreally', "label": "Promoter", "lang": "en-GB", "brand": "Acme", "source": "forum"},
        {"text": "日本", "label": "neutral", "lang": "", "brand": "", "source": ""},
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(table[0]))
    writer.writeheader()
    writer.writerows(table)
    expected = [
        LabelledText(Text('so "good",\nreally', "Acme", "en-GB"), "promoter", "forum"),
        LabelledText(Text("日本"), "neutral"),
    ]
    assert rows("\n".join(map(json.dumps, table))) == rows(out.getvalue(), "csv") == expected


def test_ratings_are_looked_at_only_when_asked_for() -> None:
    (given_none,) = rows('{"text": "x", "label": "promoter", "rating": "nonsense"}')
    assert isinstance(given_none, LabelledText) and given_none.text.rating is None
    (rated,) = rows('{"text": "x", "label": "promoter", "rating": 9, "rating_scale": "nps"}', ratings=True)
    assert isinstance(rated, LabelledText) and rated.text[3:5] == (9, 10)


BAD = {
    "nope": "is not JSON",
    "[1]": "is not a JSON object",
    "{}": "has no text",
    '{"text": "x"}': "has the label ''",
    '{"text": "x", "label": "meh"}': "has the label 'meh': there are promoter",
    '{"text": [], "label": "promoter"}': "has a list as its text",
    '{"text": "x", "label": {}}': "has an object as its label",
    '{"text": "x", "label": "promoter", "rating": "x"}': "has the rating 'x'",
    '{"text": "x", "label": "promoter", "rating": 7}': "does not lie on its scale",
    '{"text": "x", "label": "promoter", "rating": 7, "rating_scale": "hearts"}': "is unknown",
    "[" * 100_000: "is not JSON",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_row_is_told_with_its_line(line: str) -> None:
    good = '{"text": "x", "label": "passive"}'
    before, bad, after = rows(f"{good}\n{line}\n\n{good}", ratings=True)
    assert before == after == LabelledText(Text("x"), "passive")
    assert (bad.line, BAD[line] in bad.problem) == (2, True)  # type: ignore[attr-defined]


@given(st.text(), st.sampled_from(["csv", "jsonl"]))
def test_any_file_is_rows_and_bad_rows(text: str, form: str) -> None:
    head = "text,label,rating\n" if form == "csv" else ""
    for row in rows(head + text, form, ratings=True):
        assert isinstance(row, LabelledText) or row.problem  # type: ignore[attr-defined]


# -- the command

READER = "tests.test_evaluate:Reader"


def lines(*said: tuple[str, str], **others: str) -> str:
    return "".join(
        json.dumps({"text": f"they say {_OF.get(b, b)}", "label": _OF.get(a, a), **others}) + "\n" for a, b in said
    )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def evaluate(command: Command, content: str, *options: str, name: str = "gold.jsonl") -> Ended:
    return command("evaluate", command.file(name, content), "--scorer", READER, *options)


def test_a_file_is_evaluated_and_told_in_a_table_and_in_json(command: Command) -> None:
    content = lines(("d", "d"), ("d", "p"), ("p", "p"), ("p", "-"), lang="en", source="forum")
    table, told = evaluate(command, content), evaluate(command, content, "--json")
    assert (table.code, table.err, told.code) == (0, "", 0)
    assert "75.0%" in table.out and "forum" in table.out and "0.667" in table.out
    answer = told.json
    assert list(answer) == ["file", "bad_lines", "scorers"]
    its = answer["scorers"][READER]
    assert (its["id"], its["three_way"], its["overall"]["n"]) == ("reader@1", False, 4)
    assert list(its["languages"]) == ["en"] and list(its["sources"]) == ["forum"]
    assert its["overall"]["scored_only"]["accuracy"] == pytest.approx(2 / 3)
    assert its["overall"]["all_texts"]["accuracy"] == 1 / 2
    assert its["overall"]["confusion"]["promoter"][UNSCORED] == 1


def test_several_scorers_stand_side_by_side(command: Command) -> None:
    ended = evaluate(command, lines(("d", "d"), ("p", "p")), "--scorer", "default")
    assert ended.code == 0
    assert ended.out.splitlines()[0].split() == [READER, "default"]


def test_no_configuration_is_needed_for_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LISTENER_CONFIG", raising=False)
    (tmp_path / "gold.csv").write_text('text,label,lang\n"I love it, great",positive,en\nI hate it,negative,en\n')
    ended = listener("evaluate", "gold.csv", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["scorers"]["default"]["overall"]["scored_only"]["accuracy"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gold.csv"]


def test_bad_lines_are_named_and_skipped_and_the_exit_code_says_so(command: Command) -> None:
    ended = evaluate(command, lines(("d", "d")) + "nope\n" * 30, "--json")
    assert (ended.code, ended.json["bad_lines"]) == (3, 30)
    assert ended.err.splitlines()[0].startswith("line 2: is not JSON")
    assert ended.err.splitlines()[20:] == ["more bad lines follow; only counted from here on."]


def test_a_file_with_nothing_in_it_is_not_evaluated(command: Command) -> None:
    assert evaluate(command, "").code == 1
    ended = evaluate(command, "nope\n")
    assert (ended.code, ended.out) == (1, "")
    assert "no labelled text is in it." in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give either a FILE of labelled texts or --reviews."),
        (["{file}", "--reviews"], "give either a FILE"),
        (["{file}", "--scorer", "nope"], "no scorer type is called 'nope'"),
        (["{file}", "--scorer", "listener.sentiment.contract:Text"], "is no scorer: it has no score_many."),
        (["{file}", "--format", "csv"], "its first line must name the columns"),
        (["missing.jsonl"], "does not exist"),
        (["--reviews", "--brand", "Acmee"], "there is no brand 'Acmee'; there are: Acme."),
    ],
)
def test_a_usage_mistake_is_a_sentence(command: Command, arguments: list[str], sentence: str) -> None:
    file = command.file("gold.jsonl", lines(("d", "d")))
    ended = command("evaluate", *(argument.format(file=file) for argument in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_brand_keeps_its_texts_and_those_that_name_none(command: Command) -> None:
    content = lines(("d", "d"), brand="Acme") + lines(("d", "p"), brand="Foo") + lines(("p", "p"))
    told = evaluate(command, content, "--brand", "Acme", "--json").json["scorers"][READER]["overall"]
    assert (told["n"], told["scored_only"]["accuracy"]) == (2, 1)


def test_ratings_decide_only_when_asked_to(command: Command) -> None:
    content = '{"text": "they say detractor", "label": "promoter", "rating": 5}\n'
    for options, accuracy in (((), 0), (("--use-ratings",), 1)):
        told = evaluate(command, content, *options, "--json").json["scorers"][READER]["overall"]
        assert told["scored_only"]["accuracy"] == accuracy


def test_odd_text_neither_breaks_the_table_nor_the_json(command: Command) -> None:
    row = json.dumps(
        {"text": "\0\ud800 promoter", "label": "promoter", "lang": "\x1b[31m", "source": "a\ud83d\nb" * 99}
    )
    for options in ((), ("--json",)):
        ended = evaluate(command, f"{row}\n", *options)
        assert ended.code == 0
        assert "\x1b" not in ended.out


# -- people's labels


def labelled(command: Command, *said: tuple[str, str, str]) -> None:
    """Stored mentions of Acme with a person's label: (gold, what Reader will say, sampled by)."""
    store = SqliteStore(command.database)
    store.migrate()
    for number, (gold, text, sampled_by) in enumerate(said):
        made = arrival(str(number), text=f"acme: they say {_OF[text]}", language="en", rating=5.0, rating_scale=5.0)
        store.add_page([made], AT)
        review = Review(str(number), made.mentions[0][0].id, _OF[gold], "ann", AT, sampled_by)
        store.add_reviews([review])
    store.close()


def test_peoples_labels_are_evaluated_and_audits_stand_apart(command: Command) -> None:
    labelled(command, ("d", "p", "flag"), ("d", "p", "free"), ("p", "p", "audit"), ("d", "d", "audit"))
    ended = command("evaluate", "--reviews", "--scorer", READER, "--json")
    assert ended.code == 0
    assert ended.json["sampled_by"] == {"audit": 2, "flag": 1, "free": 1}
    assert ended.json["scorers"][READER]["overall"]["scored_only"]["accuracy"] == 1 / 2
    assert ended.json["scorers"][READER]["sources"]["blogs"]["n"] == 4
    assert ended.json["audits"][READER]["overall"]["scored_only"]["accuracy"] == 1
    assert "warning: 2 of 4 labels are no random sample" in ended.err
    assert "Audit labels alone" in command("evaluate", "--reviews", "--brand", "Acme", "--scorer", READER).out


def test_audits_alone_need_no_warning(command: Command) -> None:
    labelled(command, ("d", "d", "audit"))
    ended = command("evaluate", "--reviews", "--scorer", READER, "--json")
    assert (ended.code, ended.err, ended.json["audits"]) == (0, "", {})


def test_without_labels_there_is_nothing_to_evaluate(command: Command) -> None:
    ended = command("evaluate", "--reviews")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "nobody has labelled a mention yet.\n"


def test_the_configuration_names_the_scorer(tmp_path: Path) -> None:
    config = f'[scoring]\nscorer = "{READER}"\nlanguages = ["xx"]\n[[brands]]\nname = "Acme"\nquery = "acme"\n'
    command = Command(tmp_path, config)
    ended = command("evaluate", command.file("gold.jsonl", lines(("d", "d"))), "--json")
    assert (ended.code, list(ended.json["scorers"])) == (0, [READER])
    mistaken = Command(tmp_path, '[scoring]\nscorer = "embedings"\n')("check", "--offline")
    assert mistaken.code == 2
    assert "scoring.scorer: no scorer type is called 'embedings'; did you mean 'embeddings'?" in mistaken.err


class Closed:
    """A scorer that lacks what it needs."""

    def __init__(self, languages: Sequence[str]) -> None:
        raise ValueError("the scorer 'closed' needs: pip install key")

    def score_many(self) -> None: ...


@pytest.mark.parametrize("languages", ["", 'languages = ["en"]'])
def test_a_scorer_that_cannot_be_built_is_a_mistake_of_the_configuration(tmp_path: Path, languages: str) -> None:
    command = Command(tmp_path, f'[scoring]\nscorer = "tests.test_evaluate:Closed"\n{languages}\n')
    ended = command("check", "--offline")
    assert (ended.code, "needs: pip install key." in ended.err) == (2, True)


def test_net_errors_are_in_points_and_counts_add_up() -> None:
    counts = Counter(p=31, a=50, d=19)
    found = figures("d" * 63 + "a" * 21 + "p" * 16, "".join(letter * n for letter, n in counts.items()))
    assert found.scored_only.net_true == pytest.approx(-47)
    assert found.scored_only.net_error == pytest.approx(12 + 47)
    assert math.isclose(sum(of.n for of in found.labels.values()), 100)
