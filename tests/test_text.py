"""Markup to plain text, and the border."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Markup
from connectors.text import TEXT_LIMIT, clean, plain


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("no markup   at all\nhere", "no markup at all here"),
        ("a &amp; b &lt;b&gt; &#x27;c&#39; &nbsp; d", "a & b <b> 'c' d"),
        ("<p>one</p><p>two<br/>three</p>", "one\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("in<b>side</b> <i>words</i>", "inside words"),
        ("<script>alert(1)</script>a<style>b{}</style><!-- c --><template>d</template>e", "ae"),
        ("seen<script>never closed <p>hidden", "seen"),
        ('<a title="x > y" href="#">link</a>!', "link!"),
        ("1 < 2 and <3 but 5 > 4", "1 < 2 and <3 but 5 > 4"),
        ("a<\nb", "a< b"),
        ("<table><tr><td>x</td><td>y</td></tr></table>", "x\ny"),
        ("broken <a href='x", "broken"),
        ("<P CLASS=x>Upper</P><BR>case", "Upper\ncase"),
        ("<pre>code</pre><previous>word", "code\nword"),
        ("", ""),
    ],
)
def test_html(html: str, text: str) -> None:
    assert plain(html, "html") == text


def test_markdown() -> None:
    source = (
        "# Head\n\n> quoted **bold** and _thin_, snake_case_name\n- [link](https://x.example/a_b) `code`\n![alt](i.png)"
    )
    assert plain(source, "markdown") == "Head\nquoted bold and thin, snake_case_name\nlink code\nalt"


def test_bbcode() -> None:
    source = (
        "[h1]Head[/h1][b]bold[/b] [url=https://x.example]link[/url] a[0] [list][*]one[*]two[/list][spoiler]x[/spoiler]"
    )
    assert plain(source, "bbcode") == "Head\nbold link a[0]\none\ntwo\nx"


def test_plain_text_keeps_its_lines() -> None:
    assert plain(" a  b \r\n\n c <b>", "plain") == "a b\nc <b>"


HOSTILE = (
    "<div>", "<a ", '<a "<a ', "<a \">\" ", "<a '\">", "<script>", "<!--", "<!-", "<p/", "<br ", '<p "', "</p",
    "&", "&#", "<", "<x>&lt;", "[", "[b", "[a](", "![[", "**", "*a", "_a", "`", "* ", "> ", "~~a", "[url=",
    "\ud800", "\0",
)  # fmt: skip


@pytest.mark.parametrize("markup", ["html", "markdown", "bbcode"])
def test_hostile_text_takes_linear_time(markup: Markup) -> None:
    for unit in HOSTILE:
        start = time.process_time()
        plain(unit * (TEXT_LIMIT // len(unit) + 1), markup)
        assert time.process_time() - start < 1.0, unit


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    assert len(plain("x" * (TEXT_LIMIT + 5), "html")) == TEXT_LIMIT


@given(st.text(st.characters(codec=None), max_size=200), st.sampled_from(["plain", "html", "markdown", "bbcode"]))
def test_plain_never_raises_and_leaves_no_outer_space(text: str, markup: Markup) -> None:
    seen = plain(text, markup)
    assert all(line == line.strip() != "" for line in seen.split("\n")) or seen == ""


def test_clean_removes_what_no_store_and_no_terminal_should_get() -> None:
    assert clean("a\0b\x1b[31m\x07 c\ud800d\u202ee\u2066f\ufeff") == "ab[31m cdef"
    assert clean("1\r\n2\r3\x854\u20285\n6\t7") == "1\n2\n3\n4\n5\n6\t7"
    assert clean("ordinary ünïcode 日本語 👩‍👩‍👧 text") == "ordinary ünïcode 日本語 👩‍👩‍👧 text"
    assert clean("abcdef", 3) == "abc"


@given(st.text(st.characters(codec=None), max_size=200))
def test_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    once.encode("utf-8")
    assert clean(once) == once and "\0" not in once and "\r" not in once and len(once) <= len(text)
