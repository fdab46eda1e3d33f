"""What is found, where, why, and how fast: words of every script, several brands at once, hostile texts."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from listener.match import Match, Matcher, QueryError, Subject, parse
from listener.match.syntax import And, Near, Node, Not, Or, Term
from listener.match.words import normalise, normalise_term
from tests.bench import match as bench

FOUND = [
    ("acme", "I love ACME!"),
    ("acme", "Acme's app"),
    ("acme", "Acme’s app"),
    ("acme", "l'Acme et d’autres"),
    ("acme", "#acme @acme"),
    ("acme", "acme-cloud"),
    ("acme", "ａｃｍｅ"),
    ("acme", "ac\u200bm\u00ade"),
    ("acme", "Acmeを使う"),
    ("acme", "Acme는 좋다"),
    ("acme", "\ud800acme\udfff"),
    ("straße", "STRASSE"),
    ("İstanbul", "i\u0307stanbul"),
    ("café", "cafe\u0301"),
    ("ΌΣΟΣ", "όσος"),
    ("fish", "ﬁsh"),
    ("O'Reilly", "o’reilly media"),
    ("Yahoo!", "yahoo! is back"),
    ("AT&T", "my at&t bill"),
    ("c++", "learn C++, now"),
    ("c#", "C#"),
    (".net", "ASP.NET and .NET"),
    ("node.js", "Node.js 20"),
    ("3M", "a 3m tape"),
    ("coca-cola", "Coca‑Cola"),
    ('"acme cloud"', "Acme\n\n  Cloud"),
    ('"acme cloud"', "acme\u00a0cloud"),
    ("東京", "東京電力の株"),
    ("ソニー", "新ソニー製"),
    ("กรุงเทพ", "ไปกรุงเทพแล้ว"),
    ("삼성", "삼성은 삼성전자"),
    ("हिन्दी", "यह हिन्दी है"),
    ("👍", "ok👍🏽"),
    ("out*", "outage"),
    ('"acme clo"*', "acme clouds"),
    ("c", "c, c. c-d"),
    ("*", ""),
]

NOT_FOUND = [
    ("acme", "ACMEs"),
    ("acme", "acme_corp"),
    ("acme", "acme2"),
    ("acme", "acme\u0301"),
    ("cafe", "café"),
    ("ai", "training"),
    ("c", "c++ and C#"),
    ("objective-c", "objective-c++"),
    ("3M", "13m"),
    ('"acme cloud"', "acme, cloud"),
    ("out*", "about"),
    ("हिन्द", "हिन्दी"),
    ("삼성", "신삼성"),
    ("acme", ""),
]


def _matches(query: str, subject: Subject) -> bool:
    return bool(Matcher({"brand": parse(query)}).match(subject))


@pytest.mark.parametrize(("query", "text"), FOUND)
def test_a_word_is_found_however_it_is_written(query: str, text: str) -> None:
    assert _matches(query, Subject(text))
    assert _matches(query, Subject("", title=text))


@pytest.mark.parametrize(("query", "text"), NOT_FOUND)
def test_a_part_of_a_word_is_not_the_word(query: str, text: str) -> None:
    assert not _matches(query, Subject(text))


@pytest.mark.parametrize(
    ("query", "subject", "expected"),
    [
        ("site:example.com", Subject("", url="https://blog.Example.com/x"), True),
        ("site:example.com", Subject("", url="https://notexample.com/"), False),
        ("site:example.com", Subject("", url="https://[broken"), False),
        ("site:münchen.de", Subject("", url="https://www.münchen.de/"), True),
        ("author:jane", Subject("", author="@Jane"), True),
        ("author:jane", Subject("", author="Jane Doe"), False),
        ("lang:en", Subject("", language="en-GB"), True),
        ("lang:en-gb", Subject("", language="en"), False),
        ("lang:en", Subject("", language=""), False),
        ("source:hn", Subject("", source="HN"), True),
        ("type:review", Subject("", genre="review"), True),
        ("type:review", Subject(""), False),
        ("rating:<=3", Subject("", rating=3.0), True),
        ("rating:<3", Subject("", rating=3.0), False),
        ("rating:1..3", Subject("", rating=2.5), True),
        ("rating:1", Subject("", rating=1), True),
        ("rating:>4", Subject(""), False),
        ("title:acme", Subject("acme"), False),
        ("title:acme", Subject("", title="Acme"), True),
        ('"acme cloud"', Subject("cloud", title="acme"), False),
        ("acme near/5 cloud", Subject("cloud", title="acme"), False),
        ("acme cloud", Subject("cloud", title="acme"), True),
        ("acme NOT title:jobs", Subject("acme jobs"), True),
        ("acme NOT jobs", Subject("acme", title="Jobs"), False),
        ("a near/2 b", Subject("b x a"), True),
        ("a near/1 b", Subject("b x a"), False),
        ("a near/1 a", Subject("a"), False),
        ("a near/1 a", Subject("a a"), True),
        ('"a b" near/1 b', Subject("a b"), False),
        ("don near/1 me", Subject("don't tell me"), False),
        ("(a OR b) near/2 out*", Subject("b, the outage"), True),
        (".net near/1 foo", Subject("the foo .net"), True),
    ],
)
def test_fields_and_distances_decide(query: str, subject: Subject, expected: bool) -> None:
    assert _matches(query, subject) is expected


def test_matches_come_in_the_order_of_the_brands_and_say_why() -> None:
    matcher = Matcher(
        {
            "all": parse("*"),
            "Zeta": parse('"Acme Cloud" OR Acme OR foo*'),
            "Acme": parse("acme AND (slow OR crash OR rating:1) NOT jobs"),
            "none": parse("nothing"),
        }
    )
    assert matcher.match(Subject("ACME cloud is slow", rating=1)) == [
        Match("all", ("*",)),
        Match("Zeta", ('"Acme Cloud"', "Acme")),
        Match("Acme", ("acme", "slow", "rating:1")),
    ]


def test_a_matcher_without_brands_matches_nothing() -> None:
    assert Matcher({}).match(Subject("acme", title="acme")) == []
    assert Matcher({"all": parse("*")}).match(Subject("")) == [Match("all", ("*",))]


def test_spans_index_the_original_strings() -> None:
    subject = Subject("  Ｃafé\u200b ⅻ  İ “Acme’s”\n\nACME  Cloud\u0301 outages", title="ﬁne acme")
    matcher = Matcher({"b": parse('acme OR "acme clou"* OR out* OR xii NOT (jobs OR cloud)')})
    cut = [(where, getattr(subject, where)[start:end]) for where, start, end in matcher.spans(subject, "b")]
    assert cut == [
        ("title", "acme"),
        ("text", "ⅻ"),
        ("text", "Acme"),
        ("text", "ACME"),
        ("text", "ACME  Cloud\u0301"),
        ("text", "outages"),
    ]
    assert matcher.spans(Subject("none"), "b") == ()


def test_an_explanation_says_of_each_part_what_was_found_where() -> None:
    matcher = Matcher({"Acme": parse("acme (crash* OR down near/2 app) NOT jobs lang:en"), "Foo": parse("foo")})
    first, second = matcher.explain(Subject("Acme’s app is not down. FOObar", title="Jobs", language="de"))
    assert str(first).splitlines() == [
        "Acme: does not match",
        "  ✗ all of these:",
        "    ✓ acme — in the text: “Acme’s app is not down. FOOb…”",
        "    ✗ at least one of these:",
        "      ✗ crash* — not found",
        "      ✗ down near/2 app — both are there, but not within 2 words of one another",
        "        ✓ down — in the text: “Acme’s app is not down. FOObar”",
        "        ✓ app — in the text: “Acme’s app is not down. FOObar”",
        "    ✗ NOT jobs — in the title: “Jobs”",
        "    ✗ lang:en — the post has de",
    ]
    assert (second.matched, second.lines) == (
        False,
        ("  ✗ foo — not a word of its own, only part of “FOObar” in the text",),
    )


_LETTERS = "abé_1"
_ALPHABET = _LETTERS + "ÉA'-+#. 東\u0301"
_WORDS = re.compile(f"[{_LETTERS}\u0301][{_LETTERS}\u0301']*|東{{1,2}}")


def _by_hand(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def _occurrences(term: Term, text: str) -> list[tuple[int, int]]:
    pattern = _by_hand(term.text)
    word = f"[{_LETTERS}\u0301]"
    left = f"(?<!{word})" if re.match(word, pattern) else ""
    right = ""
    if re.search(f"{word}$", pattern) and not term.prefix:
        right = f"(?!{word})" if re.search(f"{word}{word}$", pattern) else rf"(?!{word}|#|\+\+)"
    return [match.span(1) for match in re.finditer(f"(?=({left}{re.escape(pattern)}{right}))", text)]


def _near_by_hand(node: Near, text: str) -> bool:
    starts = [word.start() for word in _WORDS.finditer(text)]

    def word_at(position: int) -> int:
        return sum(start <= position for start in starts)

    def solid(span: tuple[int, int]) -> list[int]:
        return [i for i in range(*span) if re.match(f"[{_LETTERS}\u0301東']", text[i])] or [span[0]]

    def follows(first: tuple[int, int], second: tuple[int, int]) -> bool:
        gap = word_at(solid(second)[0]) - word_at(solid(first)[-1])
        return first[1] <= second[0] and gap <= node.distance

    left = [span for term in node.left for span in _occurrences(term, text)]
    right = [span for term in node.right for span in _occurrences(term, text)]
    return any(follows(a, b) or follows(b, a) for a in left for b in right)


def _holds_by_hand(node: Node, text: str) -> bool:
    match node:
        case Term():
            return bool(_occurrences(node, text))
        case Near():
            return _near_by_hand(node, text)
        case Not(part):
            return not _holds_by_hand(part, text)
        case And(parts):
            return all(_holds_by_hand(part, text) for part in parts)
        case Or(parts):
            return any(_holds_by_hand(part, text) for part in parts)
    return True


_TERMS = st.text(alphabet=_ALPHABET, min_size=1, max_size=4).filter(lambda text: text.strip() != "").map('"{}"'.format)
_LEAVES = _TERMS | _TERMS.map("{}*".format)
_PARTS = st.recursive(
    _LEAVES
    | st.just("*")
    | st.tuples(_LEAVES, st.sampled_from([" near/1 ", " near/2 "]), _LEAVES).map("({0[0]}{0[1]}{0[2]})".format),
    lambda inner: st.tuples(inner, st.sampled_from([" AND ", " OR ", " AND NOT "]), inner).map(
        "({0[0]}{0[1]}{0[2]})".format
    ),
    max_leaves=5,
)


@given(st.lists(_PARTS, min_size=1, max_size=4), st.text(alphabet=_ALPHABET, max_size=30))
def test_all_brands_at_once_decide_like_each_by_hand(queries: list[str], text: str) -> None:
    parsed = {str(number): parse(query) for number, query in enumerate(queries)}
    expected = [name for name, query in parsed.items() if _holds_by_hand(query.root, _by_hand(text))]
    matcher, subject = Matcher(parsed), Subject(text)
    assert [match.brand for match in matcher.match(subject)] == expected
    assert [each.brand for each in matcher.explain(subject) if each.matched] == expected


@given(
    st.text(max_size=40), st.text(alphabet="aAé\u0301ﬁfiß ss\u200b\n'’ガｶﾞ각ㄱㅏ\u1100\u1161㍿İ", max_size=25), st.data()
)
def test_every_span_holds_the_term_it_stands_for(noise: str, tangled: str, data: st.DataObject) -> None:
    text = noise + tangled
    assume(normalise_term(text))
    start = data.draw(st.integers(0, len(text) - 1))
    piece = text[start : data.draw(st.integers(start + 1, len(text)))]
    try:
        query = parse('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"')
    except QueryError:
        assume(False)
    subject = Subject(text, title=tangled)
    assert isinstance(query.root, Term)
    for where, first, end in Matcher({"b": query}).spans(subject, "b"):
        original = subject.title if where == "title" else subject.text
        assert query.root.pattern in normalise(original[first:end])


@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=20))
def test_no_text_makes_the_matcher_raise(text: str, title: str, url: str) -> None:
    subject = Subject(text, title, url, author=title, language=url, source=title, genre=url, rating=float("nan"))
    query = "acme OR a* near/3 東 OR site:example.com OR lang:en OR author:x OR source:y OR rating:1..2"
    matcher = Matcher({"b": parse(query)})
    matched = bool(matcher.match(subject))
    assert matched or not matcher.spans(subject, "b")
    assert matcher.explain(subject)[0].matched == matched


@pytest.mark.parametrize(
    "text",
    [
        "acme crash " * 18_000,
        "a" * 200_000,
        "-a" * 100_000,
        "c++ " * 50_000,
        "\u0301\u0316" * 100_000,
        "\uff9e\u0334" * 100_000,
        "東京" * 100_000,
        "\n" * 200_000,
        "\ufdfa" * 50_000,
        "\ud800" * 200_000,
    ],
    ids=[
        "terms",
        "one word",
        "prefixes",
        "symbols",
        "marks",
        "half-width marks",
        "han",
        "lines",
        "expanding",
        "surrogates",
    ],
)
def test_a_hostile_text_takes_no_more_than_linear_time(text: str) -> None:
    queries = ("acme near/3 crash", "a* OR b", "c OR c++", "東京 near/2 東", "acme NOT crash")
    matcher, subject = Matcher({query: parse(query) for query in queries}), Subject(text)
    begun = time.process_time()
    for match in matcher.match(subject):
        matcher.spans(subject, match.brand)
    assert time.process_time() - begun < 3


def test_the_benchmark_agrees_with_a_regular_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_ROUNDS", 1)
    assert "10 -> 10,000 terms" in bench.run()
