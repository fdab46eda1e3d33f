"""What feeds of every shape become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import BadAnswer
from connectors.feed import PAGE, Feed, FeedOptions, parse
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question, Validators
from tests.feeding import DATA, NOW, Canned, CannedHttp, posts, pull, stored
from tests.standins.feeds import FeedServer, Item


def rss(*items: str) -> str:
    return '<rss version="2.0"><channel>' + "".join(f"<item>{item}</item>" for item in items) + "</channel></rss>"


def test_an_rss_item_becomes_a_post() -> None:
    undated, plain, rich = posts(stored("rss2_rich.xml"))
    assert rich == Post(
        kind="feed",
        source_id="host.example|harbour-77",
        url="https://host.example/2026/ferry",
        body="<p>The whole &amp; long text about Acme.</p>",
        markup="html",
        title="Ferry & bus: Acme pays",
        author=Author("host.example|Ann O'Hara", "Ann O'Hara"),
        published_at=datetime(2026, 11, 18, 14, 30, tzinfo=UTC),
        language="en-GB",
        reach={"comments": 12},
    )
    assert (plain.title, plain.markup, plain.body) == ("Vec<T> is not HTML", "plain", "one line\nsecond line")
    assert plain.author == Author("host.example|bob@harbour.example", "Bob Quay")
    assert plain.source_id == "https://harbour.example/2026/vec"
    assert (undated.published_at, undated.title) == (None, "No date, no guid here")


def test_an_atom_entry_becomes_a_post() -> None:
    second, first = posts(stored("atom_xhtml.xml"))
    assert first.title == "Use of <b> in Acme"
    assert first.body == '<div><p>a &lt; b &amp; c<br><a href="x.html">x</a></p></div>' and first.markup == "html"
    assert (first.url, first.language) == ("https://blog.example/base/one.html", "en")
    assert first.author == Author("https://blog.example/team", "Redaktion", "https://blog.example/team")
    assert first.published_at == datetime(2026, 11, 9, 9, tzinfo=UTC)
    assert first.edited_at == datetime(2026, 11, 9, 12, tzinfo=UTC)
    assert (first.source_id, first.reach) == ("tag:blog.example,2026:1", {"comments": 3})
    assert (second.url, second.title) == ("https://real.example/a?b=1", "Only updated")
    assert (second.published_at, second.edited_at) == (datetime(2026, 11, 8, 9, 0, 0, 500_000, UTC), None)
    assert second.author == Author("host.example|gast@blog.example", "Gast")


def test_an_rdf_item_becomes_a_post() -> None:
    (post,) = posts(stored("rss1.rdf"))
    assert (post.source_id, post.title, post.body) == ("https://papers.example/1", "Café Acme", "Abstract.")
    assert post.author == Author("host.example|Zoë, Q.", "Zoë, Q.")
    assert post.published_at == datetime(2026, 11, 7, tzinfo=UTC)


def test_a_json_item_becomes_a_post_and_a_bad_one_costs_only_itself() -> None:
    (page,) = pull(stored("jsonfeed11.json"))
    second, first = page.posts
    assert (first.source_id, first.url, first.title) == ("host.example|42", "https://host.example/a", "A <b>")
    assert (first.body, first.markup, first.language) == ("<p>corps</p>", "html", "fr")
    assert first.author == Author("https://ed.example", "Ed", "https://ed.example")
    assert first.edited_at == datetime(2026, 11, 6, 8, tzinfo=UTC)
    assert (second.body, second.url) == ("tab\there\nline", "https://out.example/x")
    assert "items[2]" in page.gap and page.validators == Validators("https://host.example/dir/feed", body_hash="hash")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("rss091_named_dtd.xml", "Old étoile"),
        ("utf16.xml", "Acme ☂"),
        ("microblog.xml", ""),
    ],
)
def test_odd_but_well_formed_feeds_keep_their_validators(name: str, title: str) -> None:
    (page,) = pull(stored(name))
    assert [post.title for post in page.posts] == [title]
    assert page.validators is not None and page.validators.etag


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("latin1_undeclared.xml", "Promoção Acme"),
        ("gb2312.xml", "中文标题"),
        ("bare_ampersand.xml", "R&D at AT&T"),
        ("control_characters.xml", "Acme bell"),
        ("unbound_prefix.xml", "Unbound"),
        ("cut_off.xml", "Whole"),
        ("php_warning.xml", "After junk"),
        ("json_cut_off.json", ""),
    ],
)
def test_malformed_feeds_are_read_and_their_validators_are_not_kept(name: str, title: str) -> None:
    (page,) = pull(stored(name))
    assert title in [post.title for post in page.posts]
    assert page.validators == Validators("https://host.example/dir/feed", body_hash="hash")


def test_a_reference_to_a_surrogate_harms_nothing() -> None:
    try:
        assert all("\ud800" not in post.title for post in posts(stored("lone_surrogate.xml")))
    except BadAnswer:
        pass  # refused in a sentence is right as well


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "nothing at all"),
        (b"  \n", "nothing at all"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "a web page instead of a feed"),
        (b'<html><link rel="alternate" type="application/rss+xml" href="/real.xml"></html>', "/real.xml"),
        (b"<urlset></urlset>", "<urlset>"),
        (b'{"version": "x"}', "items"),
        (b'{"items": 3}', "items"),
        (b"[]", "a list"),
        (b"{]", "not (line 1)"),
        (b"nothing here", "not a feed"),
        (b'<!DOCTYPE a [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><rss><channel/></rss>', "DTD"),
        (b"<rss>" + b"<a>" * 1000, "nested"),
        (b"<rss><item " + b" ".join(b"a%d=''" % n for n in range(300)) + b"/></rss>", "attributes"),
        (b"<rss><channel><title>cut before any it", "malformed"),
    ],
)
def test_what_is_no_feed_is_a_bad_answer_that_says_why(body: bytes, said: str) -> None:
    with pytest.raises(BadAnswer, match=r"^https://host\.example/dir/feed answered ") as caught:
        pull(body)
    assert said in str(caught.value)


def test_an_external_dtd_and_entity_are_never_loaded() -> None:
    with FeedServer() as server:
        body = f'<!DOCTYPE rss SYSTEM "{server.base}/x.dtd">' + rss("<title>t &x;</title>")
        assert [post.title for post in posts(body)] == ["t &x;"]
        assert server.requests == []


ODD = {
    "no guid": ["<title>a</title><link>http://x.example/1</link>"],
    "no guid, no link": ["<title>a</title>", "<title>b</title>"],
    "no title": ["<description>only text</description>"],
    "nothing": ["", "<author>x</author>"],
    "scoped guid": ["<guid isPermaLink='false'>1</guid><title>a</title>"],
    "twice the same": [
        "<guid>http://x.example/1</guid><title>new</title>",
        "<guid>http://x.example/1</guid><title>old</title>",
    ],
    "one link for all": [f"<title>{n}</title><guid>{n}</guid><link>http://x.example/</link>" for n in range(3)],
    "changing date": ["<title>a</title><pubDate>Tue, 10 Nov 2026 12:00:00 GMT</pubDate>"],
    "long guid": [f"<guid>{'g' * 5000}</guid>"],
    "spaces": ["<guid>\n  http://x.example/1 \n</guid>"],
}


@pytest.mark.parametrize("items", ODD.values(), ids=ODD.keys())
def test_odd_identities_stay_the_same(items: list[str]) -> None:
    keys = {post.id for post in posts(rss(*items))}
    again = [post.id for _ in range(9) for post in posts(rss(*reversed(items)))]
    redated = {post.id for post in posts(rss(*items).replace("10 Nov", "11 Nov"))}
    assert keys == set(again) == redated and len(again) == 9 * len(keys)


def test_an_edited_entry_keeps_its_id_and_changes_its_fingerprint() -> None:
    (before,), (after,) = (posts(rss(f"<guid>7</guid><title>{title}</title>")) for title in ("good", "bad"))
    assert before.id == after.id and before.fingerprint != after.fingerprint


def test_of_repeated_entries_the_newest_is_kept() -> None:
    assert [post.title for post in posts(rss(*ODD["twice the same"]))] == ["new"]


def test_a_guid_of_another_feed_is_another_post() -> None:
    body = rss("<guid isPermaLink='false'>1</guid>")
    assert posts(body, url="https://a.example/")[0].id != posts(body, url="https://b.example/")[0].id


def test_a_feed_in_ascending_order_is_not_reversed() -> None:
    items = [f"<title>{day}</title><pubDate>{day:02} Nov 2026 00:00:00 GMT</pubDate>" for day in (1, 2, 3, 4)]
    titles = ["1", "2", "3", "4"]
    assert [post.title for post in posts(rss(*items))] == titles
    assert [post.title for post in posts(rss(*reversed(items)))] == titles


@pytest.mark.parametrize(
    ("date", "year"), [("1989-12-31T00:00:00Z", 1989), ("9999-12-31", 9999), ("0000-00-00", None), ("1725962400", None)]
)
def test_a_date_is_handed_on_as_the_feed_says_it_for_others_to_believe(date: str, year: int | None) -> None:
    (post,) = posts(rss(f"<title>t</title><pubDate>{date}</pubDate>"))
    assert (post.published_at and post.published_at.year) == year


def test_of_two_dates_the_plausible_one_counts() -> None:
    (post,) = posts(rss("<title>t</title><pubDate>9999-12-31</pubDate><dc:date>2026-11-01T00:00:00Z</dc:date>"))
    assert post.published_at is not None and post.published_at.year == 2026


def test_a_link_that_is_not_of_the_web_is_dropped() -> None:
    for link in ("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:a@b.example", "http://[bad"):
        assert posts(rss(f"<title>t</title><link>{link}</link>"))[0].url == ""


def test_an_unchanged_answer_is_not_parsed() -> None:
    canned = Canned(b"<not parsed", unchanged=True)
    (page,) = Feed(FeedOptions(url=canned.url)).pull(Question(now=NOW), CannedHttp({canned.url: canned}))
    assert page == Page(unchanged=True, validators=canned.validators)


def test_large_feeds_come_in_pages_and_only_the_last_one_closes_the_pull() -> None:
    pages = pull(rss(*(f"<guid>{n}</guid>" for n in range(2 * PAGE + 1))) + "\n")
    assert [len(page.posts) for page in pages] == [PAGE, PAGE, 1]
    assert [page.validators is not None for page in pages] == [False, False, True]
    assert pages[0].posts[0].source_id == f"host.example|{2 * PAGE}"


def test_entries_beyond_the_limit_are_a_gap() -> None:
    pages = pull(rss(*["<title>x</title>"] * 5_001))
    assert "5,000" in pages[-1].gap


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        ("", None),
        ("<ttl>60</ttl>", timedelta(hours=1)),
        ("<ttl>1</ttl>", timedelta(minutes=5)),
        ("<ttl>99999999999999</ttl>", timedelta(hours=24)),
        ("<ttl>-5</ttl>", None),
        ("<skipHours><hour>12</hour><hour>13</hour></skipHours>", timedelta(hours=2)),
        ("<skipDays><day>Friday</day></skipDays>", timedelta(hours=12)),
        ("<ttl>60</ttl><skipHours><hour>13</hour></skipHours>", timedelta(hours=2)),
        ("<skipHours>" + "".join(f"<hour>{n}</hour>" for n in range(24)) + "</skipHours>", None),
    ],
)
def test_the_feed_says_how_often_it_wants_to_be_read(hints: str, expected: timedelta | None) -> None:
    (page,) = pull(f"<rss><channel>{hints}</channel></rss>")
    assert page.poll_after == expected


def test_the_syndication_module_is_matched_by_its_address() -> None:
    (page,) = pull(stored("rss2_rich.xml"))
    assert page.poll_after == timedelta(minutes=45)  # the longer of ttl 45 and two an hour


def test_next_url_is_followed_on_the_same_host_and_a_failure_there_is_a_gap() -> None:
    first, second = "https://host.example/1", "https://host.example/2"
    http = CannedHttp(
        {
            first: Canned(b'{"items": [{"id": "b"}], "next_url": "2"}', first),
            second: Canned(b'{"items": [{"id": "a"}], "next_url": "https://elsewhere.example/3"}', second),
        }
    )
    (page,) = Feed(FeedOptions(url=first)).pull(Question(now=NOW), http)
    assert [post.source_id for post in page.posts] == ["host.example|a", "host.example|b"]
    assert http.asked == [first, second] and page.gap == ""
    http = CannedHttp(
        {first: Canned(b'{"items": [{"id": "b"}], "next_url": "2"}', first), second: Canned(b"oops", second)}
    )
    (page,) = Feed(FeedOptions(url=first)).pull(Question(now=NOW), http)
    assert "older entries" in page.gap and page.validators is None and len(page.posts) == 1


def test_options_are_checked() -> None:
    for url in ("file:///etc/passwd", "ftp://x.example/", "example.org/feed", "http://"):
        with pytest.raises(ValidationError, match="must be an http"):
            FeedOptions(url=url)
    assert Feed(FeedOptions(url="https://u:secret@x.example/f?token=secret")).address() == "https://x.example/f"


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(
        user_agent="tests (mailto:t@example.org)", now=lambda: NOW, gap=0.0, allow_private=["127.0.0.1/32"]
    ) as client:
        yield client


@pytest.mark.parametrize("form", ["rss", "atom", "rdf", "json"])
def test_over_real_http_a_feed_is_read_once_and_then_unchanged(http: HttpClient, form: str) -> None:
    item = Item(id="1", title="Acme <3", body="<p>x</p>", link="https://x.example/1", author="Ann", published=NOW)
    with FeedServer([item]) as server:
        feed = Feed(FeedOptions(url=server.url(form)))
        (page,) = feed.pull(Question(now=NOW), http)
        assert [(post.title, post.body, post.url) for post in page.posts] == [("Acme <3", "<p>x</p>", item.link)]
        assert page.validators is not None
        (again,) = feed.pull(Question(now=NOW, validators=page.validators), http)
        assert again.unchanged and server.requests[-1].headers["if-none-match"]
        server.edit("1", title="Acme broke")
        (edited,) = feed.pull(Question(now=NOW, validators=page.validators), http)
        assert [post.id for post in edited.posts] == [post.id for post in page.posts]


SEEDS = [path.read_bytes() for path in sorted(DATA.iterdir())]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        end = at + draw(st.integers(0, 60))
        body[at:end] = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"<", b"&#0;", b"]]>", b"<item>", b"\xff"]))
        )
    return bytes(body)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), mutated()))
def test_no_body_raises_anything_but_bad_answer_and_the_same_body_gives_the_same_keys(body: bytes) -> None:
    def keys() -> list[str] | str:
        try:
            return [post.id for post in posts(body)]
        except BadAnswer as error:
            return str(error)

    assert keys() == keys()


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_json_of_wrong_types_raises_nothing_but_bad_answer(value: object) -> None:
    names = (
        "id",
        "url",
        "title",
        "content_html",
        "content_text",
        "summary",
        "date_published",
        "authors",
        "author",
        "language",
    )
    item = dict.fromkeys(names, value)
    try:
        parse(json.dumps({"items": [item, value], "language": value, "next_url": value}).encode(), "", "http://x/")
    except BadAnswer:
        pass


def test_a_token_in_the_path_of_a_feed_is_in_no_message() -> None:
    with pytest.raises(BadAnswer, match=r"https://host\.example/private/…/feed answered") as caught:
        pull("<urlset/>", "https://host.example/private/9f8e7d6c5b4a39281706f5e4/feed")
    assert "9f8e" not in str(caught.value)


def test_the_address_of_a_feed_is_one_whatever_its_host() -> None:
    assert Feed(FeedOptions(url="http://u:p@[::1]:8080/a?b=1")).address() == "http://[::1]:8080/a"
