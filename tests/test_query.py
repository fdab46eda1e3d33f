"""The query language: what is read, what is refused and how, what is asked of a search API."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.match import QueryError, parse, search_terms

CANONICAL = [
    ("acme", "acme"),
    ('"acme"', "acme"),
    ("acme cloud", "acme AND cloud"),
    ("acme AND cloud OR foo", "acme AND cloud OR foo"),
    ("acme (cloud OR foo)", "acme AND (cloud OR foo)"),
    ("((acme))", "acme"),
    ("a AND (b AND (c AND d))", "a AND b AND c AND d"),
    ("a OR b c near/5 d", "a OR b AND c near/5 d"),
    ("a NEAR/3 (b OR c)", "a near/3 (b OR c)"),
    ("acme -jobs", "acme AND NOT jobs"),
    ('acme -"now hiring" -(a OR b)', 'acme AND NOT "now hiring" AND NOT (a OR b)'),
    ("NOT NOT acme", "acme"),
    ("NOT x y", "NOT x AND y"),
    ("coca-cola", "coca-cola"),
    ('"say \\"hi\\" \\\\ there"', '"say \\"hi\\" \\\\ there"'),
    ("“acme   cloud”", '"acme cloud"'),
    ('"AND" "near/5" near', '"AND" AND "near/5" AND near'),
    ('out* "acme clo"*', 'out* AND "acme clo"*'),
    ('"out*"', '"out*"'),
    (
        "c++ c# .net AT&T node.js 3M O'Reilly Yahoo!",
        "c++ AND c# AND .net AND AT&T AND node.js AND 3M AND O'Reilly AND Yahoo!",
    ),
    ("10:30", '"10:30"'),
    ("Site:HTTPS://www.Example.com/x", "site:example.com"),
    ("site:münchen.de", "site:xn--mnchen-3ya.de"),
    ('author:"@Jane  Doe"', 'author:"jane doe"'),
    ("lang:PT_br", "lang:pt-br"),
    ('title:"acme cloud"', 'title:"acme cloud"'),
    ("title:acm*", "title:acm*"),
    ("rating:<=3 rating:1 rating:>4 rating:1..3.5", "rating:<=3 AND rating:1 AND rating:>4 AND rating:1..3.5"),
    ("type:Review", "type:review"),
    ("* -jobs", "* AND NOT jobs"),
]

REFUSED = [
    ("", 1, "empty"),
    ("   ", 1, "empty"),
    ("NOT acme", 1, "on its own"),
    ("acme OR NOT b", 9, "on its own"),
    ("acme AND", 9, "after AND"),
    ("acme OR OR b", 9, 'write "OR" in quotes'),
    ("(acme", 1, "never closed"),
    ("acme)", 5, "closes nothing"),
    ('"acme', 1, "never closed"),
    ('acme ""', 6, "empty"),
    ('"\u200b"', 1, "empty"),
    ("foo:bar", 1, "site, author, lang, title, source, type, rating"),
    ("see http://example.com", 5, "quotes"),
    ("C:", 1, "no field C:"),
    ("site:", 1, "needs a value"),
    ("site:example.com/path", 1, "host name"),
    ("acme rating:many", 6, "rating:<=3"),
    ("rating:3..1", 1, "smaller number first"),
    ("lang:english-language", 1, "lang:en"),
    ("type:tweet", 1, "post, comment"),
    ("author:jan*", 1, "takes no *"),
    ("a near/0 b", 3, "from 1 to 100"),
    ("a near/x b", 3, "from 1 to 100"),
    ("a near/5 (b c)", 10, "joins words"),
    ("NOT a near/5 b", 1, "NOT (acme near/5 jobs)"),
    ("a near/5 b near/5 c", 12, "(a near/5 b) AND (b near/5 c)"),
    ("a*c", 1, "end of a word"),
    ("acme | foo", 6, "write OR"),
    ("acme, foo", 1, "OR"),
    ("'acme cloud'", 1, "double quotes"),
    ("acme - jobs", 6, "must touch"),
    ("a\0b", 2, "control character"),
    ("(" * 51 + "a" + ")" * 51, 51, "deeper than 50"),
    ("a " * 2_001, 4_001, "2,000"),
    ("a" * 201, 1, "200"),
]

WORDS = st.sampled_from(
    ["acme", '"acme cloud"', "out*", '"a \\" b"', '"é"', "c++", '"NOT"', '"x y"*', '"near/2"', "東京", '":"']
)
FIELDS = st.sampled_from(
    ["site:example.com", "lang:en", 'title:"a b"*', "rating:1..2.5", "rating:>4", 'source:"the ; forum"', "*"]
)


def _combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(parts, st.sampled_from([" AND ", " OR ", " ", " AND NOT "]), parts)
    return pairs.map(lambda pair: f"({pair[0]}{pair[1]}{pair[2]})") | st.tuples(WORDS, WORDS).map(
        "({0[0]} near/4 {0[1]})".format
    )


QUERIES = st.recursive(WORDS | FIELDS, _combined, max_leaves=12)


@pytest.mark.parametrize(("text", "canonical"), CANONICAL)
def test_a_query_is_read_by_the_precedence_not_near_and_or(text: str, canonical: str) -> None:
    query = parse(text)
    assert str(query) == canonical
    assert parse(canonical) == query


@pytest.mark.parametrize(("text", "column", "said"), REFUSED)
def test_what_is_refused_says_where_and_what_to_write(text: str, column: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.column, said in str(caught.value)) == (column, True), str(caught.value)
    assert "\n" not in str(caught.value)


@given(QUERIES)
def test_the_canonical_form_parses_to_an_equal_query(text: str) -> None:
    query = parse(text)
    assert parse(str(query)) == query


@given(st.text(max_size=60) | st.text(alphabet='ab "()*-:/\\“”NOTANDR5near.,|<=>', max_size=80))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        assert parse(str(query)) == query


@pytest.mark.parametrize("text", ["(" * 100_000, "-" * 99_000 + "a", '"' * 99_999, "a OR " * 19_999, "\\" * 100_000])
def test_a_hostile_query_is_refused_at_once(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(QueryError):
        parse(text)
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Acme", ("Acme",)),
        ('"Acme Cloud" OR foo', ("Acme Cloud", "foo")),
        ("acme OR ACME", ("acme",)),
        ("acme cloudflare", ("cloudflare",)),
        ("acme AND (crash OR outage OR down)", ("acme",)),
        ("(zoom AND (call OR meeting)) OR foobar", ("zoom", "foobar")),
        ("zoom support", ("zoom",)),
        ("acme NOT jobs", ("acme",)),
        ("(acme OR foo) near/5 outage", ("outage",)),
        ("out*", ("out",)),
        ("title:acme lang:en", ("acme",)),
        ("acme OR lang:en", ()),
        ("lang:en", ()),
        ("*", ()),
        ("* NOT jobs", ()),
    ],
)
def test_search_terms_miss_nothing_that_the_query_could_match(text: str, wanted: tuple[str, ...]) -> None:
    assert search_terms(parse(text)) == wanted
