"""One mention: what is marked, explained and kept; the work on it; blind until labelled; how times and texts are shown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.desk.marks import BLAME, BRAND, PRAISE, brand_spans, excerpt, pieces, word_spans
from listener.desk.mention import snippets
from listener.desk.shown import link, reach, row, span, sure, when
from listener.desk.urgency import flagged
from listener.match import Matcher, parse
from listener.settings import SnippetSettings
from storage.records import Arrival, Author, stamp
from storage.records_desk import Item
from tests.command import ACME
from tests.conftest import NOW
from tests.desk import DeskAt
from tests.made import ago, arrival, audit, mention, post

HTMX = {"HX-Request": "true"}
CONFIG = """
[[brands]]
name = "Acme"
query = "acme"

[[desk.snippets]]
name = "Sorry"
text = "Dear {author}, {brand} is sorry about {link}. {unknown} {0.__class__}"
labels = ["detractor"]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path, CONFIG) as made:
        yield made


def flag(desk: DeskAt, name: str = "1", **others: Any) -> str:
    made = arrival(name, label="detractor", **others)
    desk.store.add_page([made], stamp(desk.now))
    case = flagged(made.mentions[0][0], made.post, desk.config.settings, desk.now)
    assert case is not None
    desk.store.open_case(case)
    return case.mention_id


def act(client: httpx.Client, its_id: str, action: str, **fields: str) -> httpx.Response:
    return client.post(f"/mentions/{its_id}/act", data={"action": action, **fields})


def seen(client: httpx.Client, its_id: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', client.get(f"/mentions/{its_id}").text)
    assert found
    return found[1]


def state(desk: DeskAt, its_id: str) -> str:
    case = desk.store.case(its_id)
    return case.state if case else ""


def flash(client: httpx.Client, answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    found = re.search(r'id="flash"[^>]*>(.*?)</p>', client.get(answer.headers["location"]).text, re.DOTALL)
    assert found
    return html.unescape(found[1])


# -- marks


texts = st.text(max_size=80)
spans = st.lists(
    st.tuples(st.integers(-5, 90), st.integers(-5, 90), st.sampled_from((BRAND, BLAME, PRAISE))), max_size=8
)


@given(texts, spans)
def test_pieces_are_the_text_whatever_is_marked(text: str, marked: list[tuple[int, int, int]]) -> None:
    made = pieces(text, marked)
    assert "".join(piece.text for piece in made) == text
    assert all(piece.text for piece in made)


@given(texts, spans)
def test_a_character_has_the_marks_of_every_span_over_it(text: str, marked: list[tuple[int, int, int]]) -> None:
    names = {BRAND: "brand", BLAME: "blame", PRAISE: "praise"}
    at = 0
    for piece in pieces(text, marked):
        for place in range(at, at + len(piece.text)):
            wanted = {names[kind] for start, end, kind in marked if start <= place < end}
            assert set(piece.kind.split()) == wanted
        at += len(piece.text)


@given(texts, st.lists(st.tuples(st.text(max_size=5), st.floats(-4, 4)), max_size=5))
def test_words_are_marked_where_they_stand(text: str, weighed: list[tuple[str, float]]) -> None:
    for start, end, kind in word_spans(text, weighed):
        assert 0 <= start < end <= len(text)
        assert kind in (BLAME, PRAISE)


def test_words_are_whole_words_in_any_case_and_characters_where_there_are_no_spaces() -> None:
    assert word_spans("Bad. Badly bad", [("bad", -1.0)]) == [(0, 3, BLAME), (11, 14, BLAME)]
    assert word_spans("最悪です", [("悪", -1.4)]) == [(1, 2, BLAME)]
    assert word_spans("a.b aXb", [("a.b", 1.0)]) == [(0, 3, PRAISE)]


def test_the_brand_is_marked_in_title_and_text_and_an_unknown_brand_nowhere() -> None:
    matcher = Matcher({"Acme": parse("acme")})
    of = post(title="About Acme", text="ACME's fine")
    assert brand_spans(matcher, of, "Acme", 100) == ([(6, 10, BRAND)], [(0, 4, BRAND)])
    assert brand_spans(matcher, of, "Gone", 100) == ([], [])


def test_an_excerpt_shows_the_brand_however_far_behind() -> None:
    text = "word " * 100 + "Acme is broken " + "word " * 100
    start = text.index("Acme")
    shown = excerpt(text, [(start, start + 4, BRAND)], 200)
    assert ("Acme", "brand") in shown
    assert shown[0].text == "… "
    assert shown[-1].text == " …"
    assert sum(len(piece.text) for piece in shown) <= 210


@pytest.mark.parametrize("start", [0, 39, 269, 270, 396, 400, 841, 1_198, 3_990])
def test_a_row_shows_the_brand_wherever_in_a_long_text_it_stands_and_no_word_that_only_begins_so(start: int) -> None:
    before = ("für " * 1_000)[:start]
    for word, marked in (("Acme", ["Acme"]), ("Acmeville", [])):
        of = post(text=f"{before[:-1]}{' ' if start else ''}{word} ist kaputt {'so ' * 400}")
        item = Item(mention(of)[0]._replace(brand="Acme"), of, None, None, None, "")
        shown = row(item, Matcher({"Acme": parse("acme")}), "ann", NOW, UTC)
        assert [piece.text for piece in shown.text if piece.kind] == marked


@given(texts, st.integers(0, 79), st.integers(10, 60))
def test_an_excerpt_of_any_text_holds_the_first_mark(text: str, start: int, length: int) -> None:
    if start < len(text):
        assert any(piece.kind == "brand" for piece in excerpt(text, [(start, start + 1, BRAND)], length))


# -- how things are said


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (timedelta(seconds=5), "1 min"),
        (timedelta(minutes=99), "99 min"),
        (timedelta(minutes=100), "1 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=34), "34 d"),
        (timedelta(days=40), "5 wk"),
        (timedelta(days=800), "2 y"),
    ],
)
def test_spans_are_short(time: timedelta, said: str) -> None:
    assert span(time) == said


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36500)))
def test_every_span_can_be_said(time: timedelta) -> None:
    assert re.fullmatch(r"\d{1,3} (min|h|d|wk|y)", span(time))


def test_times_are_relative_and_exact_in_the_zone() -> None:
    assert when(ago(hours=3), NOW, UTC) == ("2026-11-22T09:00:00.000Z", "3 h ago", "Sun 22 Nov 2026, 09:00 UTC")
    assert when(ago(seconds=20), NOW, UTC).ago == "just now"
    assert when(ago(hours=-30), NOW, UTC).ago == "in 30 h"


def test_reach_and_confidence_are_short() -> None:
    assert [reach(n) for n in (None, 0, 999, 1000, 1999, 12_345, 3_400_000, 2**53)] == [
        *("", "0", "999", "1k", "1.9k", "12k", "3.4M", "9007199bn"),
    ]
    assert [sure(p) for p in (0.5, 0.994, 0.996, 1.0)] == ["50%", "99%", ">99%", "100%"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//x.example", " https://x", "", "vbscript:x"]
)
def test_only_web_addresses_are_links(url: str) -> None:
    assert link(url) == ""


# -- snippets


def item(author: str = "ann", label: str = "detractor", **others: Any) -> Item:
    of = post(author=author)
    return Item(mention(of, label=label)[0], of, None, None, None, "")._replace(**others)


def test_snippets_are_filled_in_one_pass_and_never_run() -> None:
    (one,) = snippets([SnippetSettings(name="x", text="{author} {brand} {link} {0.__class__}")], item("{link}{{7*7}}"))
    assert one.text == "{link}{{7*7}} Acme https://blog.example/1 {0.__class__}"


def test_two_are_built_in_and_the_one_that_fits_comes_first() -> None:
    assert [one.name for one in snippets((), item(label="detractor"))] == ["Apology", "Thanks"]
    assert [one.name for one in snippets((), item(label="promoter"))] == ["Thanks", "Apology"]
    assert [one.name for one in snippets((), item(label="detractor", audit_id="a"))] == ["Thanks", "Apology"]
    assert "Hi there," in snippets((), item(""))[0].text


# -- the page


def test_the_page_says_what_was_said_by_whom_and_why_it_is_here(desk: DeskAt) -> None:
    its_id = flag(desk, handle="Käthe", title="Oh Acme", text="Acme is great\nnot", rating=1.0, rating_scale=5.0)
    page = desk.client().get(f"/mentions/{its_id}").text
    for part in (
        "Käthe",
        "blogs",
        "★ 1/5",
        "Found for acme",
        "60 min ago",
        'rel="noopener nofollow"',
        "70% sure",
        "+3.1",
    ):
        assert part in page
    assert '<mark class="brand">Acme</mark> is <mark class="praise">great</mark>' in page
    assert "Dear Käthe, Acme is sorry about https://blog.example/1. {unknown} {0.__class__}" in html.unescape(page)


def test_what_else_there_is_around_it_is_shown(desk: DeskAt) -> None:
    its_id = flag(desk, handle="ann", thread="t1")
    others = [arrival("2", handle="ann", text="Acme again"), arrival("3", handle="bob", thread="t1", text="Acme too")]
    desk.store.add_page(others, stamp(desk.now))
    page = desk.client().get(f"/mentions/{its_id}").text
    assert "More by this author" in page
    assert "In the same thread" in page
    assert "1 other mention" in page


def test_an_edit_leaves_the_earlier_version_to_read(desk: DeskAt) -> None:
    its_id = flag(desk, text="Acme is bad")
    desk.later(hours=1)
    edited = arrival("1", label="detractor", text="Acme is worse", fingerprint="f2")
    desk.store.add_page([edited], stamp(desk.now))
    page = desk.client().get(f"/mentions/{its_id}").text
    assert "Earlier versions" in page
    assert "Acme is bad" in page


@pytest.mark.parametrize("its_id", ["0" * 20 + "-" + "0" * 12, "x", "..%2f..%2fetc", "0" * 20])
def test_there_is_no_such_mention(desk: DeskAt, its_id: str) -> None:
    client = desk.client()
    assert client.get(f"/mentions/{its_id}").status_code == 404
    assert client.post(f"/mentions/{its_id}/act", data={"action": "answered"}).status_code == 404


def test_a_post_that_was_taken_away_is_not_labelled(desk: DeskAt) -> None:
    its_id = flag(desk)
    gone = arrival("1").post._replace(deleted_at=stamp(desk.now), fingerprint="f2")
    desk.store.add_page([Arrival(gone, None)], stamp(desk.now))
    client = desk.client()
    assert "took this post away" in client.get(f"/mentions/{its_id}").text
    assert "nothing left to judge" in flash(client, act(client, its_id, "label:promoter"))


def test_a_case_is_closed_with_the_post_and_nothing_opens_it_again(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client(name="ann")
    act(client, its_id, "assign")
    gone = arrival("1").post._replace(deleted_at=stamp(desk.now), fingerprint="f2")
    desk.store.add_page([Arrival(gone, None)], stamp(desk.now))
    assert state(desk, its_id) == "ignored"
    page = client.get(f"/mentions/{its_id}").text
    assert "closed it: its source took the post away" in page and ">Reopen<" not in page
    for action in ("reopen", "assign", "snooze"):
        assert "nothing left" in flash(client, act(client, its_id, action))
    assert "Undone" in flash(client, act(client, its_id, "undo"))
    assert state(desk, its_id) == "ignored"
    assert "nothing to undo" in flash(client, act(client, its_id, "undo"))


# -- blind


def test_an_audited_mention_is_blind_until_its_label_and_open_after_it(desk: DeskAt) -> None:
    its_id = flag(desk, handle="ann", text="Acme is great")
    drawn, twin = arrival("1", label="detractor"), arrival("2", label="detractor", text="Acme is great", handle="ann")
    desk.store.add_page([twin], stamp(desk.now))
    desk.store.add_audit(*audit(drawn, population=8))
    client = desk.client(name="ann")
    page = client.get(f"/mentions/{its_id}").text
    for hidden in ("70%", "+3.1", 'class="praise"', "chip detractor", "left</time>", "overdue", "listener@", "test@1"):
        assert hidden not in page
    assert "hidden until you have labelled it" in page
    act(client, its_id, "label:promoter")
    whole = desk.store.whole(its_id)
    assert whole is not None
    review = whole.item.review
    assert review is not None
    assert (review.label, review.sampled_by, review.inclusion_prob) == ("promoter", "audit", 0.125)
    page = client.get(f"/mentions/{its_id}").text
    assert "70% sure" in page
    assert "blind, for the audit" in page


def test_what_may_be_done_with_an_audited_mention_does_not_tell_whether_it_was_flagged(desk: DeskAt) -> None:
    flagged, drawn, client = flag(desk), arrival("2", label="promoter"), desk.client()
    desk.store.add_page([drawn], stamp(desk.now))
    desk.store.add_audit(*audit(arrival("1", label="detractor"), drawn))
    for action in ("claim", "release"):
        for its_id in (flagged, drawn.mentions[0][0].id):
            assert "say first what you think" in flash(client, act(client, its_id, action))


# -- work


def test_what_was_done_is_told_in_the_desks_zone_and_with_names_as_they_are_written(tmp_path: Path) -> None:
    with DeskAt(tmp_path, 'timezone = "Europe/Berlin"\n' + ACME) as desk:
        its_id, client = flag(desk), desk.client(name="Ann")
        desk.add("Bob")
        assert "Snoozed until Mon 23 Nov 2026, 13:00 CET." in flash(client, act(client, its_id, "snooze"))
        assert "Undone: snoozed until Mon 23 Nov 2026, 13:00 CET." in flash(client, act(client, its_id, "undo"))
        act(client, its_id, "assign", value="bob")
        assert "Undone: assigned to Bob." in flash(client, act(client, its_id, "undo"))


def test_every_action_works_as_a_plain_form_and_comes_back(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client(name="ann")
    for action, value, became in (
        ("label", "detractor", "new"),
        ("assign", "", "assigned"),
        ("snooze", "2d", "waiting"),
        ("release", "", "new"),
        ("note", "they called", "new"),
        ("answered", "", "answered"),
        ("reopen", "", "new"),
        ("thanked", "", "answered"),
        ("reopen", "", "new"),
        ("ignore", "", "ignored"),
        ("undo", "", "new"),
        ("not_us", "", "not_us"),
    ):
        answer = act(client, its_id, action, value=value, back="/?state=new")
        assert answer.headers["location"] == "/?state=new"
        assert state(desk, its_id) == became, action
    page = client.get(f"/mentions/{its_id}").text
    for part in (
        "labelled it detractor",
        "took it",
        "snoozed it until Tue 24 Nov",
        "they called",
        "(undone)",
    ):
        assert part in page


def test_what_somebody_else_did_last_is_undone_by_them_or_an_admin(desk: DeskAt) -> None:
    its_id = flag(desk)
    ann, bea, admin = desk.client(name="ann"), desk.client(name="bea"), desk.client("admin")
    act(ann, its_id, "ignore")
    act(bea, its_id, "note", value="mine")
    refused = flash(ann, act(ann, its_id, "undo"))
    assert "bea did the last thing here (noted): only they or an admin can undo it." in html.unescape(refused)
    assert "Undone: note kept." in flash(bea, act(bea, its_id, "undo"))
    assert "ann did the last thing here" in flash(bea, act(bea, its_id, "undo"))
    assert state(desk, its_id) == "ignored"
    assert "Undone" in flash(admin, act(admin, its_id, "undo"))
    assert state(desk, its_id) == "new"


def test_what_listener_did_itself_is_undone_by_an_admin(desk: DeskAt) -> None:
    its_id = flag(desk)
    act(desk.client(name="ann"), its_id, "snooze:1d")
    desk.later(days=2)
    ann, admin = desk.client(name="ann"), desk.client("admin")
    desk.store.wake(stamp(desk.now))
    assert "Listener did the last thing here (woken): only an admin" in flash(ann, act(ann, its_id, "undo"))
    assert "Undone" in flash(admin, act(admin, its_id, "undo"))
    assert state(desk, its_id) == "waiting"


def test_the_row_is_given_back_where_htmx_asks(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client(name="ann")
    answer = client.post(f"/mentions/{its_id}/act", data={"action": "label:promoter", "back": "/"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<li")
    assert 'data-said="Labelled promoter."' in answer.text
    assert 'aria-pressed="true"' in answer.text


def test_two_people_do_not_answer_the_same_post(desk: DeskAt) -> None:
    its_id = flag(desk)
    ann, bea = desk.client(name="ann"), desk.client(name="bea")
    act(ann, its_id, "claim")
    assert "ann is working on this" in flash(bea, act(bea, its_id, "answered"))
    refused = bea.post(f"/mentions/{its_id}/act", data={"action": "claim"}, headers=HTMX)
    assert refused.status_code == 409
    assert "ann</bdi> is on it" in refused.text
    assert state(desk, its_id) == "new"
    assert "ann</bdi> is working on this" in bea.get(f"/mentions/{its_id}").text
    desk.later(minutes=11)
    assert flash(bea, act(bea, its_id, "answered")) == "Answered."


def test_what_was_seen_before_somebody_else_acted_is_not_acted_on(desk: DeskAt) -> None:
    its_id = flag(desk)
    ann, bea = desk.client(name="ann"), desk.client(name="bea")
    as_it_was = seen(ann, its_id)
    act(bea, its_id, "answered")
    assert "bea was here meanwhile (answered)" in flash(ann, act(ann, its_id, "thanked", seen=as_it_was))
    assert flash(ann, act(ann, its_id, "thanked", seen=seen(ann, its_id))) == "Thanked."


def test_it_is_assigned_only_to_somebody_who_works_here(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client(name="ann")
    desk.add("vic", "viewer")
    desk.add("old", disabled_at=stamp(NOW))
    desk.add("Bea")
    for nobody in ("vic", "old", "zoe", "<b>"):
        assert "works here" in flash(client, act(client, its_id, "assign", value=nobody))
    assert flash(client, act(client, its_id, "assign", value="bea")) == "Assigned to Bea."
    case = desk.store.case(its_id)
    assert case is not None
    assert case.assignee == "Bea"


def test_unknown_actions_change_nothing(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client()
    before = desk.store.case(its_id)
    for action in ("", "delete", "label", "label:great", "snooze:never", "undo:nothing", "__init__"):
        assert act(client, its_id, action).status_code == 303
    assert desk.store.case(its_id) == before


def test_viewers_may_look_and_not_act(desk: DeskAt) -> None:
    its_id = flag(desk)
    client = desk.client("viewer")
    assert "<textarea" not in client.get(f"/mentions/{its_id}").text
    assert act(client, its_id, "answered").status_code == 403
    assert state(desk, its_id) == "new"


def test_an_author_without_a_page_is_no_link(desk: DeskAt) -> None:
    its_id = flag(desk, handle="ann")
    made = arrival("9", handle="ann")
    assert made.author is not None
    evil: Author = made.author._replace(url="javascript:alert(1)")
    desk.store.add_page([made._replace(author=evil)], stamp(desk.now))
    assert "javascript" not in desk.client().get(f"/mentions/{its_id}").text
