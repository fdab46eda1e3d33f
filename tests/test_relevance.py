"""A stream may drop what `Matcher.relevant` refuses: no brand can match it, whatever else is known of the post."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from listener.match import Matcher, Subject, parse

_WORDS = st.sampled_from(
    [
        "acme",
        "Acme",
        "ＡＣＭＥ",
        "ac\u00adme",
        "acmeish",
        "cloud",
        "pen",
        "c",
        "c++",
        "삼성은",
        "naïve",
        "AT&T",
        "\n",
        ".",
    ]
)
_TEXTS = st.lists(_WORDS, max_size=6).map(" ".join)
_QUERIES = st.sampled_from(
    [
        *(
            "acme",
            "acm*",
            '"acme cloud"',
            "title:acme",
            "acme NOT cloud",
            "* NOT cloud",
            "pen near/2 acme",
            "c++",
            "삼성",
        ),
        *(
            "acme AND (cloud OR pen)",
            "acme OR lang:de",
            "lang:de acme",
            "lang:de NOT pen",
            "*",
            "at&t OR naïve",
            "author:ann",
            "rating:5",
        ),
    ]
)


@given(st.lists(_QUERIES, max_size=4), _TEXTS, _TEXTS)
def test_whatever_a_brand_matches_is_relevant(queries: list[str], title: str, text: str) -> None:
    matcher = Matcher({f"{number} {query}": parse(query) for number, query in enumerate(queries)})
    subject = Subject(text, title, "https://x.example/", "ann", "de", "s", "review", 5.0)
    assert matcher.relevant(f"{title}\n{text}") or not matcher.match(subject)


def test_what_names_no_brand_is_not_relevant() -> None:
    matcher = Matcher({"acme": parse("acme NOT cloud"), "pens": parse("(pen OR pencil) near/3 ink")})
    assert not any(map(matcher.relevant, ("", "the cloud", "acmeish", "nothing at all")))
    assert all(map(matcher.relevant, ("ACME!", "of ink", "l\u2019acme")))


def test_everything_is_relevant_to_a_brand_that_no_word_decides() -> None:
    for query in ("*", "lang:de", "* NOT acme", "acme OR site:acme.example"):
        assert Matcher({"a": parse("acme"), "b": parse(query)}).relevant("nothing")


def test_nothing_is_relevant_without_a_brand() -> None:
    assert not Matcher({}).relevant("acme")
