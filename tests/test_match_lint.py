"""Advice on queries that will match too much, or never."""

from __future__ import annotations

import pytest

from listener.match import lint, parse
from listener.match.search import common_words


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("zoom", '("zoom" AND (call OR meeting OR video))'),
        ("zoom OR acmecorp", '("zoom" AND (call OR meeting OR video))'),
        ("zoom NOT lens lang:en", '("zoom" AND (call OR meeting OR video))'),
        ("You", "everyday word"),
        ("monday", "(board OR workflow OR crm)"),
        ("ai", "short"),
        ("3M", "short"),
        ("ac*", "write at least 3 letters before the *"),
        ("acmecorp NOT x*", "write at least 3 letters before the *"),
        ("acme AND NOT acme", "acme can never match because NOT acme excludes it"),
        ("(acme OR foobar) NOT (jobs OR FOOBAR)", "foobar can never match"),
        ("acme NOT acm*", "acme can never match"),
        ("acme OR foobar OR Acme", "written more than once"),
        ("acme near/3 (down OR down)", "written more than once"),
        ("salt or pepper", "write OR"),
        ("not acmecorp", "write NOT"),
    ],
)
def test_each_weakness_is_named_with_its_fix(query: str, said: str) -> None:
    found = lint("Acme", parse(query))
    assert [said in line for line in found].count(True) == 1, found
    assert all(line.startswith("Acme: ") and "\n" not in line for line in found)


@pytest.mark.parametrize(
    "query",
    [
        "acmecorp",
        "zoom (call OR meeting)",
        "zoom near/5 call",
        '"zoom call"',
        "acme NOT title:acme",
        "acme NOT (acme jobs)",
        "(acme x) OR (acme y)",
        "東京 OR 삼성",
        "*",
        "lang:en rating:<=3",
    ],
)
def test_a_sound_query_gets_no_advice(query: str) -> None:
    assert lint("Acme", parse(query)) == []


def test_nothing_is_said_twice() -> None:
    found = lint("Acme", parse("zoom OR zoom OR ZOOM"))
    assert len(found) == len(set(found))


def test_the_word_list_is_clean() -> None:
    words = common_words()
    assert 900 < len(words) < 1_500
    assert all(word == word.casefold().strip() and " " not in word for word in words)
    assert {"you", "monday", "zoom", "apple", "target", "orange", "notion", "slack", "the"} <= words.keys()
