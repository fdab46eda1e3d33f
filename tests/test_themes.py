"""Themes are what more people say than before, not what one says often, all say always, or chance brings up."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.report.themes import LEAST, Telling, Theme, themes

WORDS = [f"word{number}" for number in range(400)]


def told(texts: Iterable[str], *, first: int = 1, language: str = "en") -> list[Telling]:
    """By a different author each."""
    return [Telling(text, voice, language, f"mention {voice}") for voice, text in enumerate(texts, first)]


def chatter(count: int, seed: int = 1) -> list[str]:
    """Twelve words each, a few of which are in most texts and most in few (Zipf)."""
    chance = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]
    return [" ".join(chance.choices(WORDS, weights, k=12)) for _ in range(count)]


def terms(found: Iterable[Theme]) -> list[str]:
    return [theme.term for theme in found]


BEFORE = told(chatter(400), first=10_000)
QUIET = chatter(100, seed=2)


def test_what_many_say_and_nobody_said_before_is_a_theme() -> None:
    complaints = [f"{text} the checkout crashes" for text in chatter(8, seed=3)]
    (theme,) = themes(told(QUIET + complaints), BEFORE)
    assert theme.term == "the checkout crashes"
    assert (theme.authors, theme.mentions, theme.before_authors) == (8, 8, 0)
    assert theme.z >= LEAST
    assert [example.text for example in theme.examples] == complaints[:3]


def test_what_is_said_as_often_as_before_is_none() -> None:
    assert themes(told(QUIET), BEFORE) == ()
    always = [f"{text} the checkout crashes" for text in chatter(400)]
    assert themes(told(always[:100]), told(always[100:], first=10_000)) == ()


def test_of_complaints_dealt_at_random_hardly_ever_a_theme_is_made() -> None:
    false = 0
    for seed in range(30):
        texts = chatter(500, seed)
        false += bool(themes(told(texts[:100]), told(texts[100:], first=10_000)))
    assert false <= 5


def test_a_loud_voice_is_one_author() -> None:
    loud = [Telling("the checkout crashes", 7, "en", f"loud {number}") for number in range(50)]
    assert themes(told(QUIET) + loud, BEFORE) == ()


def test_a_template_that_many_repeat_is_one_telling() -> None:
    copies = [Telling("boycott them now", 900 + number, "en", f"m{number}", story="s") for number in range(50)]
    assert themes(told(QUIET) + copies, BEFORE) == ()
    own_words = [one._replace(story="") for one in copies]
    assert themes(told(QUIET) + own_words, BEFORE)[0].authors == 50


def test_endings_do_not_part_what_is_the_same_word() -> None:
    forms = ["it crashes", "crashed", "a crash", "crashing again", "it crashes", "two crashes"]
    (theme,) = themes(told(QUIET + forms), BEFORE)
    assert (theme.term, theme.authors) == ("crashes", 6)


def test_the_brands_own_names_are_no_theme() -> None:
    named = [f"{text} Acme Cloud" for text in QUIET]
    assert terms(themes(told(named), BEFORE, names=["Acme", "acme cloud"])) == []
    assert terms(themes(told(named), BEFORE)) != []


def test_a_pair_that_tells_more_stands_for_its_words() -> None:
    lost = [f"{text} data loss {text}" for text in chatter(12, seed=4)]
    assert terms(themes(told(QUIET + lost), BEFORE)) == ["data loss"]


def test_words_and_characters_of_a_script_without_spaces_make_no_term_together() -> None:
    mixed = [f"{text} 登录失败 checkout" for text in chatter(12, seed=4)]
    assert terms(themes(told(QUIET + mixed), BEFORE)) in (["登录失败"], ["checkout"])


def test_two_troubles_of_different_people_are_two_themes() -> None:
    crash = [f"{text} checkout" for text in chatter(8, seed=3)]
    bill = [f"{text} invoice" for text in chatter(9, seed=4)]
    found = themes(told(QUIET + crash + bill), BEFORE)
    assert terms(found) == ["invoice", "checkout"]
    assert terms(themes(told(QUIET + crash + bill), BEFORE, most=1)) == ["invoice"]


def test_another_language_than_last_week_is_no_theme() -> None:
    german = told([f"und das ist nicht gut {text}" for text in chatter(60, seed=5)], first=500, language="de")
    assert themes(told(QUIET) + german, BEFORE) == ()


@pytest.mark.parametrize(
    ("usual", "trouble"),
    [
        ("客服回复很慢", "更新之后登录失败"),
        ("サポートが遅い", "ログインできない"),
        ("поддержка отвечает медленно", "вход сломался"),
        ("고객센터가 느려요", "로그인이 안돼요"),
        ("الدعم بطيء", "تسجيل الدخول معطل"),
    ],
)
def test_any_script_has_themes(usual: str, trouble: str) -> None:
    now = told([f"{usual} {n}" for n in range(40)] + [f"{trouble} {n}" for n in range(10)], language="xx")
    before = told([f"{usual} {n}" for n in range(200)], first=10_000, language="xx")
    (theme,) = themes(now, before)
    assert theme.term in trouble and len(theme.term) >= 4
    assert theme.authors == 10


def test_fewer_authors_than_asked_for_are_no_theme() -> None:
    few = [f"{text} checkout" for text in chatter(8, seed=3)]
    assert themes(told(QUIET + few), BEFORE, fewest_authors=9) == ()


def test_the_order_of_the_texts_changes_nothing_but_the_examples() -> None:
    now = told(QUIET + [f"{text} checkout crash" for text in chatter(9, seed=3)])
    first = themes(now, BEFORE)
    again = themes(now[::-1], BEFORE[::-1])
    assert [theme[:5] for theme in first] == [theme[:5] for theme in again] != []


@given(st.lists(st.text(max_size=60), max_size=12), st.lists(st.text(max_size=60), max_size=12), st.text(max_size=9))
def test_any_texts_are_read(now: list[str], before: list[str], name: str) -> None:
    for theme in themes(told(now * 3), told(before), fewest_authors=1, names=[name]):
        assert theme.term and theme.z >= LEAST
        assert 1 <= len(theme.examples) <= theme.authors <= theme.mentions


def test_words_without_end_take_time_in_proportion() -> None:
    chance = random.Random(1)
    endless = told(" ".join(f"{chance.getrandbits(40):x}" for _ in range(320)) for _ in range(600))
    long = told(["a" * 1_000_000, "é́" * 500_000, "登" * 1_000_000, "a " * 500_000])
    begun = time.perf_counter()
    assert themes(endless + long, BEFORE) == ()
    assert time.perf_counter() - begun < 5
