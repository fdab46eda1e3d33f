"""What all channels share: the parts of a message, and how they are made to fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.alerts.message import (
    HARMLESS,
    Budget,
    Message,
    clean,
    fitted,
    harmless,
    message_of,
    shorten,
    untagged,
    utf8,
    utf16,
    web_address,
)
from listener.alerts.notice import Count, Digest, Notice
from tests.notices import DIGEST, MENTION, OPS, OVERDUE, REPORT, SPIKE

WHOLE = Budget()
SIZES = st.sampled_from([len, utf16, utf8])
ESCAPES = st.sampled_from(
    [str, lambda text: text.replace("&", "&amp;"), untagged, lambda text: text.replace("*", r"\*")]
)


# -- what is said


@pytest.mark.parametrize(
    ("notice", "head"),
    [
        (MENTION, "Acme: detractor"),
        (replace(MENTION, label="no_opinion"), "Acme: no opinion"),
        (DIGEST, "143 mentions in one message"),
        (OVERDUE, "Acme: answer overdue"),
        (SPIKE, "Acme: 23 mentions in 3 hours, 6 are usual"),
        (replace(SPIKE, title="a new theme: crashes"), "Acme: a new theme: crashes"),
        (REPORT, "Acme on 21 November 2026"),
        (OPS, 'The channel "team-chat" has stopped'),
        (Notice(type="ops.x", found_at=""), "Listener"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_head_says_what_it_is_about(notice: Notice, head: str) -> None:
    assert message_of(notice).head == head


def test_every_notice_says_why_it_came() -> None:
    told = [message_of(notice).lines[-1] for notice in (MENTION, DIGEST, OVERDUE, SPIKE, OPS)]
    assert all(line.startswith("Why you got this: ") for line in told)
    assert told[2] == (
        "Why you got this: an answer was due today at 00:00 · assigned to ann · rule late · matched acme"
    )


def test_a_case_whose_label_is_not_told_shows_no_score() -> None:
    blind = message_of(replace(OVERDUE, label="", confidence=0.0, value=0.0))
    assert "score" not in " ".join(blind.lines)


def test_a_digest_says_in_its_own_words_why_it_is_one() -> None:
    assert "Too many waited" in message_of(DIGEST).lines[0]
    assert message_of(replace(DIGEST, text="Told after the quiet hours.")).lines[0] == "Told after the quiet hours."


def test_links_are_those_that_a_browser_may_open_and_that_fit() -> None:
    def words(notice: Notice, budget: Budget = WHOLE, longest: int = 2_000) -> list[str]:
        return [link.words for link in message_of(notice, budget, longest_link=longest).links]

    assert words(MENTION) == ["Open post", "Open at the desk"]
    assert words(replace(MENTION, url="javascript:alert(1)")) == ["Open at the desk"]
    assert words(MENTION, longest=30) == []
    long = replace(MENTION, url="https://example.org/" + "p" * 1_000)
    assert words(long, longest=1_000) == ["Open at the desk"]
    assert words(long, Budget(links=1)) == ["Open at the desk"]
    assert words(long, Budget(links=0)) == []


@pytest.mark.parametrize("url", ["https://x\u202e.example", "https://x\x00y", "http://", "ftp://x", "https://x y"])
def test_an_address_that_could_deceive_is_none(url: str) -> None:
    assert web_address(url) == ""


@given(st.text(alphabet=st.characters(), max_size=80))
def test_no_text_holds_a_control_or_half_a_sign(text: str) -> None:
    digest = Digest(1, (Count(text, text, 1),), (), ())
    for notice in (replace(MENTION, title=text, text=text, author=text, brand=text), replace(DIGEST, digest=digest)):
        message = message_of(notice)
        for shown in (message.head, message.title, message.quote, message.short, *message.lines):
            shown.encode()
            assert clean(shown) == shown
        for shown in (message.head, message.title, message.short, *message.lines):
            assert "\n" not in shown


@given(st.text(alphabet="@＠a](<! \n", max_size=30))
def test_what_is_harmless_looks_as_it_did(text: str) -> None:
    assert harmless(text).replace(HARMLESS, "") == text
    assert untagged(text).replace(HARMLESS, "") == text
    assert untagged(untagged(text)).count("@" + HARMLESS) == untagged(text).count("@" + HARMLESS)


# -- how it fits


@given(st.text(max_size=80), st.integers(1, 60), ESCAPES, SIZES)
def test_what_is_shortened_fits_and_begins_as_it_did(text, limit, show, size) -> None:  # type: ignore[no-untyped-def]
    shown = shorten(text, limit, show, size)
    assert size(shown) <= limit
    if size(show(text)) <= limit:
        assert shown == show(text)
    elif shown:
        assert shown.endswith("…")
        assert show(text).startswith(shown[:-1].rstrip("\\" + HARMLESS))


@given(st.text(alphabet="ab&😀", min_size=1, max_size=60), st.integers(6, 60), SIZES)
def test_no_more_is_cut_than_must_be(text, limit, size) -> None:  # type: ignore[no-untyped-def]
    def show(part: str) -> str:
        return part.replace("&", "&amp;")

    shown = shorten(text, limit, show, size)
    if size(show(text)) > limit:
        kept = len(shown[:-1].replace("&amp;", "&"))
        assert size(show(text[: kept + 1] + "…")) > limit


@pytest.mark.parametrize("limit", range(0, 2_600, 97))
def test_the_quote_gives_way_first_and_the_link_last(limit: int) -> None:
    notice = replace(MENTION, text="q" * 2_000, facts=(("what", "f" * 300),))
    facts, links = sum(map(len, notice.facts[0])), len(MENTION.url) + len(MENTION.desk)

    def lay(budget: Budget) -> Message:
        return message_of(notice, budget)

    def size(message: Message) -> int:
        told = sum(len(what) + len(said) for what, said in message.facts)
        return len(message.quote) + told + sum(len(url) for _, url in message.links)

    message = fitted(lay, size, limit)
    assert size(message) <= limit
    if limit >= facts + links:
        assert len(message.facts[0][1]) == 300
        assert len(message.quote) == min(2_000, limit - facts - links)
    else:
        assert message.quote == ""
    if limit >= links:
        assert len(message.links) == 2
