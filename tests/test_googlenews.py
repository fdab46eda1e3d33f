"""The Google News connector against a server that behaves like its search."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import BadAnswer, FetchError, RateLimited
from connectors.feed_xml import read
from connectors.googlenews import GoogleNews, GoogleNewsOptions
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.feeding import Canned, CannedHttp
from tests.standins.googlenews import Article, GoogleNewsServer
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data" / "googlenews"
SINCE = NOW - timedelta(days=30)


class TestTheContract(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with GoogleNewsServer(now=NOW) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(*(Article(one.text, one.at) for one in samples if one.at))

            yield World(
                GoogleNews(GoogleNewsOptions(base_url=server.base)),
                http,
                server,
                publish,
                wrong_shapes=(b"", b"just text", b"{}", b"<urlset><url/></urlset>", b"<feed", b"<rss><channel/></rs"),
                many=90,
            )


@pytest.fixture
def news() -> Iterator[GoogleNewsServer]:
    with GoogleNewsServer(now=NOW) as server:
        yield server


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def ask(
    server: GoogleNewsServer,
    http: Any,
    term: str = "acme",
    cursor: str = "",
    since: datetime | None = SINCE,
    **options: Any,
) -> Page:
    connector = GoogleNews(GoogleNewsOptions(**{"base_url": server.base, **options}))
    pages = list(connector.pull(Question(now=NOW, term=term, cursor=cursor, since=since), http))
    return replace(pages[-1], posts=[post for page in pages for post in page.posts])


def read_posts(body: bytes) -> Sequence[Post]:
    url = "https://news.google.com/rss/search"
    (page,) = GoogleNews(GoogleNewsOptions()).pull(
        Question(now=NOW, term="anvil"), CannedHttp({url: Canned(body, url)})
    )
    return page.posts


def test_a_search_becomes_posts_field_by_field() -> None:
    prices, recall = read_posts((DATA / "search.rss").read_bytes())
    assert recall._replace(source_id="") == Post(
        kind="googlenews",
        source_id="",
        url="https://news.google.com/rss/articles/CBMiQ0FVX3lxTE1?oc=5",
        body="",
        markup="html",
        title="Anvil & Sons recalls its hammer - again",
        author=Author("daily.example", "The Daily Example", "https://www.daily.example"),
        published_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        genre="news",
        language="en-US",
    )
    assert (prices.title, prices.author) == ("Anvil prices - up again", Author("Hammer Weekly", "Hammer Weekly", ""))


def test_a_story_is_one_post_whatever_its_token_says(news: GoogleNewsServer, http: HttpClient) -> None:
    news.publish(Article("Acme opens", NOW - timedelta(hours=5)), Article("Acme  OPENS", NOW - timedelta(hours=2)))
    (american,) = ask(news, http).posts
    (british,) = ask(news, http, edition="GB:en").posts
    assert american.id == british.id and american.url != british.url


def test_the_same_headline_of_two_papers_is_two_posts(news: GoogleNewsServer, http: HttpClient) -> None:
    news.publish(
        Article("Acme opens", NOW - timedelta(hours=5)),
        Article("Acme opens", NOW - timedelta(hours=4), "The Sheet", "https://sheet.example/"),
        Article("Acme closes", NOW - timedelta(hours=3)),
    )
    posts = ask(news, http).posts
    assert len({post.id for post in posts}) == 3
    assert [post.author.id for post in posts if post.author] == ["paper.example", "sheet.example", "paper.example"]


@pytest.mark.parametrize(
    ("edition", "hl", "gl"),
    [("US:en", "en-US", "US"), ("GB:en", "en-GB", "GB"), ("DE:de", "de", "DE"), ("BR:pt-419", "pt-BR", "BR"),
     ("TW:zh-Hant", "zh-TW", "TW"), ("CN:zh-Hans", "zh-CN", "CN"), ("AR:es-419", "es-419", "AR")],
)  # fmt: skip
def test_the_three_parameters_of_an_edition_agree(
    news: GoogleNewsServer, http: HttpClient, edition: str, hl: str, gl: str
) -> None:
    ask(news, http, edition=edition)
    params = news.requests[0].params
    assert (params["hl"], params["gl"], params["ceid"]) == (hl, gl, edition)


@pytest.mark.parametrize("wrong", [{"edition": "en-US"}, {"edition": "us:en"}, {"window_hours": 0}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GoogleNewsOptions(**wrong)


def test_terms_are_phrases_that_no_operator_hides_in(news: GoogleNewsServer, http: HttpClient) -> None:
    terms = GoogleNews(GoogleNewsOptions()).terms(["Acme  cloud", 'say "acme"', "acme CLOUD", "x", '"'])
    assert list(terms) == ["acme CLOUD", "say acme"]
    ask(news, http, term="acme -site:x OR y")
    assert news.requests[0].params["q"] == '"acme -site:x OR y" when:30d'


@pytest.mark.parametrize(
    ("pause", "options", "window"),
    [
        (timedelta(minutes=15), {}, "1d"),
        (timedelta(minutes=15), {"window_hours": 6}, "6h"),
        (timedelta(hours=7, minutes=1), {"window_hours": 6}, "8h"),
        (timedelta(hours=25), {}, "2d"),
        (timedelta(days=9), {}, "9d"),
        (timedelta(hours=-3), {}, "1d"),
    ],
)
def test_the_window_is_as_long_as_the_pause(
    news: GoogleNewsServer, http: HttpClient, pause: timedelta, options: dict[str, Any], window: str
) -> None:
    ask(news, http, cursor=json.dumps({"asked": (NOW - pause).timestamp()}), **options)
    assert news.requests[0].params["q"].endswith(f"when:{window}")


@pytest.mark.parametrize("cursor", ["nonsense", "{}", "[]", '{"asked": "x"}', '{"asked": 1e300}'])
def test_a_foreign_cursor_looks_as_far_back_as_the_first_pull(
    news: GoogleNewsServer, http: HttpClient, cursor: str
) -> None:
    ask(news, http, cursor=cursor)
    assert news.requests[0].params["q"].endswith("when:30d")


def test_a_full_answer_is_a_gap(news: GoogleNewsServer, http: HttpClient) -> None:
    news.publish(*(Article(f"Acme {n}", NOW - timedelta(minutes=n)) for n in range(130)))
    page = ask(news, http)
    assert len(page.posts) == 100 and "as many as it ever does" in page.gap
    assert [post.published_at for post in page.posts] == sorted(p.published_at for p in page.posts if p.published_at)


def test_a_page_that_asks_for_consent_is_named_as_such(news: GoogleNewsServer) -> None:
    port = news.base.rpartition(":")[2]
    consent = f"http://consent.google.example:{port}/m?continue=x"
    page = Told(200, b"<!doctype html><title>Before you continue</title>", {"Content-Type": "text/html"})
    news.answer = lambda asked: page if asked.path == "/m" else Told(302, b"", {"Location": consent})  # type: ignore[method-assign]
    with (
        HttpClient(
            user_agent="t (mailto:t@example.org)",
            now=lambda: NOW,
            gap=0.0,
            allow_private=["127.0.0.1/32"],
            resolve=lambda host, port: ["127.0.0.1"],
        ) as http,
        pytest.raises(BadAnswer, match="asks for consent"),
    ):
        ask(news, http)


@pytest.mark.parametrize(
    "refusal",
    [
        Told(503, b"<html>Sorry...</html>"),
        Told(429, b"<html>unusual traffic</html>"),
        Told(302, b"", {"Location": "/sorry/index"}),
    ],
)
def test_a_machine_that_is_taken_for_a_robot_stays_away_for_an_hour(
    news: GoogleNewsServer, http: HttpClient, refusal: Told
) -> None:
    sorry = Told(200, b"<html>Sorry...</html>", {"Content-Type": "text/html"})
    news.answer = lambda asked: sorry if asked.path.startswith("/sorry") else refusal  # type: ignore[method-assign]
    with pytest.raises(RateLimited, match="as it does with robots") as caught:
        ask(news, http)
    assert caught.value.retry_after == NOW + timedelta(hours=1)


def test_other_trouble_stays_what_it_is(news: GoogleNewsServer, http: HttpClient) -> None:
    news.answer = lambda asked: Told(500, b"")  # type: ignore[method-assign]
    with pytest.raises(FetchError, match="HTTP 500"):
        ask(news, http)


def test_an_unchanged_answer_is_not_parsed(news: GoogleNewsServer, http: HttpClient) -> None:
    news.publish(Article("Acme opens", NOW - timedelta(hours=1)))
    first = ask(news, http)
    connector = GoogleNews(GoogleNewsOptions(base_url=news.base))
    assert first.validators is not None
    question = Question(now=NOW, term="acme", validators=first.validators, since=SINCE)
    (again,) = connector.pull(question, http)
    assert again.unchanged and not again.posts


def test_a_text_that_is_no_link_is_kept() -> None:
    item = "<item><title>Acme opens - P</title><description>A real summary</description><source url='https://p.example'>P</source></item>"
    (post,) = read_posts(f"<rss version='2.0'><channel>{item}</channel></rss>".encode())
    assert (post.title, post.body, post.published_at) == ("Acme opens", "A real summary", None)


def test_the_source_of_an_atom_entry_is_another_feeds_head() -> None:
    entry = "<entry><id>1</id><title>Mine</title><source><id>2</id><title>Not mine</title></source></entry>"
    channel = read(f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry}</feed>".encode())
    assert channel.entries == [{"id": "1", "title": "Mine"}]


def test_a_source_that_holds_markup_or_comes_twice_disturbs_nothing() -> None:
    item = (
        "<item><source url='https://a.example'>A <b>bold</b> paper</source><source url='https://b.example'>B</source>"
        "<source>C</source><source url=''>D</source><title>Acme</title></item><item><title>next</title></item>"
    )
    first, second = read(f"<rss><channel>{item}</channel></rss>".encode()).entries
    assert first == {"source_url": "https://a.example", "source": "A bold paper", "title": "Acme"}
    assert second == {"title": "next"}


_xml_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)


@given(
    title=_xml_text,
    publisher=_xml_text,
    site=_xml_text | st.sampled_from(["https://[x", "http://a.example:99999/", "//b"]),
)
def test_any_headline_and_publisher_make_one_well_formed_post(title: str, publisher: str, site: str) -> None:
    source = f"<source url={quoteattr(site)}>{escape(publisher)}</source>"
    item = f"<item><title>{escape(title)} - {escape(publisher)}</title>{source}</item>"
    (post,) = read_posts(f"<rss version='2.0'><channel>{item}</channel></rss>".encode())
    assert post.source_id and (post.author is None or post.author.id)
