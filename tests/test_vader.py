"""The fast engine answers exactly as vaderSentiment does, in linear time."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from listener.sentiment.vader import Vader, _Words, stock

LEXICON, EMOJIS = stock()
ORIGINAL = SentimentIntensityAnalyzer()
FAST = Vader(LEXICON, EMOJIS)


def original_scores(text: str, lexicon: Mapping[str, float] = LEXICON) -> str:
    ORIGINAL.lexicon = dict(lexicon)
    scores = ORIGINAL.polarity_scores(text)
    return repr((scores["neg"], scores["neu"], scores["pos"], scores["compound"]))


# repr tells -0.0 from 0.0 and every last bit.
def assert_identical(text: str, lexicon: Mapping[str, float] = LEXICON, fast: Vader = FAST) -> None:
    assert repr(fast.polarity(text)) == original_scores(text, lexicon), text


SAID = [
    "The update broke everything, but the new search is great!",
    "Not bad at all. I was never so happy with a tool, and never this angry with its price?!",
    "At least it works. The least reliable sync I know; at least, the least helpful one.",
    "Without a doubt the best. Without doubt good. I doubt it is good.",
    "It is kind of nice, sort of ugly, just enough fun; a kind of horror. What a kind person!",
    "This printer is the shit. The bomb! A bad ass phone. Yeah right, it works. It is to die for.",
    "The kiss of death for my weekend; my beating heart loves it. Bus stop ahead. What a badass!",
    "NO good, no bad, no real problem, no fuss or trouble, no joy nor hope. No. no",
    "I LOVE this. i love THIS. I LOVE THIS. VERY good, very GOOD, VERY GOOD, BARELY good",
    "can't complain, CAN'T hate it, don't you like it? Ain't nice, isn't it. n't good cain't",
    "good good good but good but bad but good bad bad good",
    "great but great great but terrible terrible great but BUT but.",
    "😂😂 so good😍! ugly🙂 \U0001f621bad  ©right ™ 👍🏽 é 👩‍👧",
    ":) :-( :D XD ;) <3 </3 :'( =) o_O (-: 8-) meh! :P good:) (good) 'nice' \"bad\" -good- ok... lol!!!!!",
    "",
    " \t\n",
    "?",
    "!!!!!! ??? great??? bad!! ? !? ????",
    "just good\u00a0bad\u2028nice\u3000awful\x1clovely\x85fun",
    "İ GOOD ǅ bad ß GREAT ﬁne Kill \ud800 good \x00bad",
]


@pytest.mark.parametrize("text", SAID)
def test_each_rule_scores_as_the_original(text: str) -> None:
    assert_identical(text)


def test_every_pair_of_texts_joined_scores_as_the_original() -> None:
    for first, second in itertools.product(SAID, repeat=2):
        assert_identical(f"{first} {second}")


RULE_WORDS = """but least at very no or nor so this never without doubt kind of sort just enough to die for the
    bomb shit ass bad bus stop yeah right death heart don't isn't 'n't' x a , ... :) ! ?? 😂 😍good"""
STIRRING = [*BOOSTER_DICT, *NEGATE, *SPECIAL_CASES, *RULE_WORDS.split(), "", "\t", "\n", "\u00a0"]
words = st.sampled_from(sorted(LEXICON)) | st.sampled_from(STIRRING) | st.text(max_size=4)
shaped = st.tuples(
    words,
    st.sampled_from([str, str, str.upper, str.title]),
    st.sampled_from(["", "", "", "!", "?", ",", ".", '"', "😡"]),
).map(lambda made: made[1](made[0]) + made[2])
texts = st.lists(shaped, max_size=30).map(" ".join) | st.text()


@settings(max_examples=1500, deadline=None)
@given(texts)
def test_any_text_scores_as_the_original(text: str) -> None:
    assert_identical(text)


ODD = {
    "but": -1.0,
    "least": 1.5,
    "no": -1.0,
    "never": 2.0,
    "very": 1.0,
    "good": 1.0,
    "bad": -1.0,
    "so": 0.0,
    "nil": 0.0,
}
odd_words = st.sampled_from([*ODD, "not", "kind", "of", "x", "GOOD", "NIL", "BUT", "really", "REALLY", "this", "or"])


@settings(max_examples=1000, deadline=None)
@given(st.lists(odd_words, max_size=14).map(" ".join))
def test_a_lexicon_that_holds_the_words_of_the_rules_changes_nothing_about_identity(text: str) -> None:
    assert_identical(text, ODD, Vader(ODD, EMOJIS))


@given(texts)
def test_the_words_given_as_reasons_add_up_to_the_compound(text: str) -> None:
    polarity = FAST.polarity(text)
    total = sum(weight for _, weight in FAST.words(text))
    spelled = FAST._spelled(text)
    questions = spelled.count("?")
    loud = min(spelled.count("!"), 4) * 0.292 + (0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96)
    total += loud if total > 0 else -loud if total < 0 else 0
    assert polarity[3] == pytest.approx(total / math.sqrt(total * total + 15), abs=1e-4)


@given(texts)
def test_what_was_read_with_one_lexicon_is_weighed_with_another_as_if_read_anew(text: str) -> None:
    other = Vader(ODD, EMOJIS)
    assert repr(FAST.weigh(other.read(text).spoken)) == repr(FAST.read(text))


def test_reasons_carry_the_weight_their_neighbours_left_them() -> None:
    assert FAST.words("Not good") == [("good", 1.9 * -0.74)]
    assert FAST.words("nothing here") == []


def cpu(work: Callable[[], object]) -> float:
    best = math.inf
    for _ in range(3):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


HEAVY = {
    "prose": "I really love how this works but it is not very good when the sync breaks again. ",
    "but": "good but bad but ",
    "capitals": "GREAT AWFUL VERY GOOD ",
    "emoji": "😡😂",
    "one word": "x",
    "spaces": "  ",
}


@pytest.mark.parametrize("unit", HEAVY.values(), ids=HEAVY.keys())
def test_time_grows_with_the_length_and_not_with_its_square(unit: str) -> None:
    short = (unit * 32_000)[:32_000]
    assert cpu(lambda: FAST.polarity(short * 4)) <= 7 * cpu(lambda: FAST.polarity(short)) + 0.005


def test_an_article_of_128_000_characters_takes_less_than_a_quarter_of_a_second() -> None:
    article = (HEAVY["prose"] * 2_000)[:128_000]
    assert cpu(lambda: FAST.polarity(article)) < 0.25


def test_the_memory_of_tokens_is_bounded() -> None:
    remembered = _Words()
    for number in range(70_000):
        assert remembered[f"Token{number}!"] == f"token{number}"
    assert len(remembered) <= 1 << 16
    remembered["y" * 100_000]
    assert "y" * 100_000 not in remembered
