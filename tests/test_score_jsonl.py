"""`listener score`: one line out for each line in, whatever comes in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.sentiment.jsonl import score_lines
from listener.sentiment.scorer import DefaultScorer

SCORER = DefaultScorer()


def answers(*lines: object) -> list[dict[str, object]]:
    asked = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return [json.loads(line) for line in score_lines(asked, SCORER)]


def test_a_scored_line_says_all_the_verdict_says() -> None:
    (answer,) = answers({"text": "The search is slow and buggy", "lang": "en", "source": "ignored"})
    assert answer == {
        "label": "detractor",
        "value": answer["value"],
        "probabilities": answer["probabilities"],
        "confidence": answer["confidence"],
        "language": "en",
        "scorer": SCORER.id,
        "explanation": [["buggy", -2.0], ["slow", -1.7]],
        "tags": [],
    }
    probabilities = answer["probabilities"]
    assert isinstance(probabilities, dict)
    assert list(probabilities) == ["detractor", "passive", "promoter"]
    assert answer["confidence"] == max(probabilities.values())


def test_an_unscored_line_says_why_in_place_of_a_label() -> None:
    czech, empty, null = answers(
        {"text": "Aplikace je bohužel velmi pomalá a pořád padá"}, {"text": " "}, {"text": None}
    )
    assert (czech["label"], czech["language"]) == ("unscored(language)", "cs")
    assert empty["label"] == "unscored(empty)"
    assert null == empty


def test_ratings_and_their_scales_are_read() -> None:
    rated = answers(
        {"text": "", "rating": 5},
        {"text": "", "rating": 4, "rating_scale": "1-5"},
        {"text": "", "rating": 4, "rating_scale": 10},
        {"text": "", "rating": True},
        {"text": "", "rating": False, "rating_scale": "thumbs"},
        {"text": "Love it, works perfectly", "lang": "en", "rating": None, "rating_scale": None},
    )
    labels = ["promoter", "passive", "detractor", "promoter", "detractor", "promoter"]
    assert [answer["label"] for answer in rated] == labels


def test_the_brand_narrows_what_is_read() -> None:
    scorer = DefaultScorer(rivals={"Acme": ["Foo"]})
    line = json.dumps({"text": "Acme is wonderful, Foo is terrible and awful", "brand": "Acme"})
    assert json.loads(next(score_lines([line], scorer)))["label"] == "promoter"


def test_an_id_is_echoed_as_it_came() -> None:
    echoed = answers(*({"text": "", "id": id_} for id_ in ("a-1", 7, 0.5, None, 2**70)))
    assert [answer["id"] for answer in echoed] == ["a-1", 7, 0.5, None, 2**70]
    assert "id" not in answers({"text": ""})[0]


BAD = {
    "": "is blank",
    "  \t": "is blank",
    "nope": "is not JSON",
    "[1, 2]": "must be a JSON object",
    '"text"': "must be a JSON object",
    "{}": 'has no "text"',
    '{"text": 5}': '"text" must be a string',
    '{"text": "x", "lang": []}': '"lang" must be a string',
    '{"text": "x", "brand": 1}': '"brand" must be a string',
    '{"text": "x", "rating": "5"}': '"rating" must be a number',
    '{"text": "x", "rating": 6}': "does not lie on its scale",
    '{"text": "x", "rating": NaN}': "no JSON number",
    '{"text": "x", "rating": 1e999}': "does not lie on its scale",
    '{"text": "x", "rating": 1' + "0" * 400 + "}": "does not lie on its scale",
    '{"text": "x", "rating": 1, "rating_scale": "hearts"}': "is unknown",
    '{"text": "x", "rating": 1, "rating_scale": []}': '"rating_scale" must be',
    '{"text": "x", "id": {}}': '"id" must be',
    '{"text": "x", "id": 1e999}': '"id" must be',
    '{"text": "x", "id": 1' + "0" * 5_000 + "}": "line 2",
    '{"text": "x", "id": ' + "[" * 100_000: "line 2",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_line_becomes_an_error_in_its_place(line: str) -> None:
    good = '{"text": "great", "lang": "en"}'
    before, bad, after = answers(good, line, good)
    assert before["label"] == after["label"] == "promoter"
    assert list(bad) == ["error"]
    error = str(bad["error"])
    assert error.startswith("line 2: ")
    assert BAD[line] in error
    assert len(error) < 250


def test_every_script_is_readable_and_lone_surrogates_cannot_break_the_output() -> None:
    lines = [
        '{"text": "", "id": "日本\\ud83d x"}',
        '{"text": "", "id": "a\udcffb"}',
        '\ufeff{"text": "", "id": "\u2028"}\r\n',
    ]
    out = list(score_lines(lines, SCORER))
    "\n".join(out).encode()
    assert "日本" in out[0]
    assert [json.loads(line)["id"] for line in out] == ["日本\ud83d x", "a\udcffb", "\u2028"]
    assert all("\n" not in line for line in out)


def test_lines_are_answered_while_more_are_still_to_come() -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield json.dumps({"text": "great", "id": taken})

    answered = score_lines(endless(), SCORER, batch=4)
    assert [json.loads(next(answered))["id"] for _ in range(10)] == list(range(1, 11))
    assert taken <= 12


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
keys = st.sampled_from(["text", "lang", "brand", "rating", "rating_scale", "id", "other"])
objects = st.dictionaries(keys, json_values).map(json.dumps)


@settings(deadline=None)
@given(st.lists(st.text() | objects, max_size=8), st.integers(1, 5))
def test_any_lines_in_give_as_many_json_lines_out(lines: list[str], batch: int) -> None:
    out = list(score_lines(lines, SCORER, batch))
    assert len(out) == len(lines)
    for number, line in enumerate(out, 1):
        line.encode()
        answer = json.loads(line, parse_constant=pytest.fail)
        assert "label" in answer or answer["error"].startswith(f"line {number}: ")
