from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import feedparser
import httpx
import pytest

from listener.demo import BRAND, RIVAL, DemoServer, config_table
from listener.demo.week import SOURCES, Entry, entries
from listener.match import lint, parse
from listener.settings import Settings

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SEARCH = "/hn/api/v1/search_by_date"
FEEDS = ("/blog/feed.xml", "/forum/feed.atom", "/reviews/feed.json")


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(NOW) as running:
        yield running


@pytest.fixture
def later() -> Iterator[DemoServer]:
    """A server of its own, for a test that lets time go on."""
    with DemoServer(NOW) as running:
        yield running


def get(server: DemoServer, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.get(server.url + path, headers=headers, trust_env=False)


def feed(server: DemoServer, path: str) -> Any:
    """As feedparser reads it; anything malformed fails."""
    answer = get(server, path)
    ElementTree.fromstring(answer.content)
    read = feedparser.parse(BytesIO(answer.content), response_headers=dict(answer.headers))
    assert not read.bozo
    return read


def search(server: DemoServer, **params: str | int) -> Any:
    answer = httpx.get(server.url + SEARCH, params=params, trust_env=False)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.raise_for_status().json()


def ids(hits: Any) -> list[str]:
    return [hit["objectID"] for hit in hits["hits"]]


def everything(*, second_pull: bool = True) -> list[Entry]:
    return [entry for source in SOURCES for entry in entries(source, second_pull=second_pull)]


# ---- the data ----------------------------------------------------------------------------------------------------


def test_every_post_has_its_own_id_and_lies_within_the_last_week() -> None:
    posts = everything()
    assert len({post.id for post in posts}) == len(posts)
    assert all(0 <= post.hours <= 7 * 24 for post in posts)


def test_enough_people_speak_for_an_implied_nps_to_be_printed() -> None:
    speaks = [post for post in everything() if post.stars or re.search("paper ?vane", post.title + post.body, re.I)]
    assert len({post.author for post in speaks}) >= 80
    assert len(speaks) > len({post.author for post in speaks})  # some speak more than once


def test_a_seventh_of_the_posts_is_not_in_english() -> None:
    posts = everything()
    foreign = [post for post in posts if post.language != "en"]
    assert 0.1 < len(foreign) / len(posts) < 0.2
    assert {post.language for post in foreign} >= {"de", "es", "fr", "ja", "pt"}


def test_the_first_pull_lacks_only_what_is_late() -> None:
    missing = {post.id for post in everything()} - {post.id for post in everything(second_pull=False)}
    assert missing == {"https://planet.tidydesk.example/?p=8848", "990001055"}


# ---- feeds -------------------------------------------------------------------------------------------------------


def test_the_blog_is_rss_with_a_ttl_cdata_and_dates_missing_or_nonsense(server: DemoServer) -> None:
    read = feed(server, "/blog/feed.xml")
    assert read.version == "rss20"
    assert read.feed.ttl == "15"
    assert len(read.entries) == len(entries("blog", second_pull=False))
    undated = [entry.title for entry in read.entries if not entry.get("published_parsed")]
    assert undated == ["Why I pay for Papervane", "Links of the week"]
    source = get(server, "/blog/feed.xml").text
    assert "<![CDATA[" in source and "&lt;p&gt;" in source and "some time after lunch" in source


def test_the_forum_is_atom_with_absolute_permalinks_one_xhtml_body_and_hostile_markup(server: DemoServer) -> None:
    read = feed(server, "/forum/feed.atom")
    assert read.version == "atom10"
    assert all(entry.link.startswith("https://forum.notekeepers.example/p/") for entry in read.entries)
    assert sum(entry.content[0].type == "application/xhtml+xml" for entry in read.entries) == 1
    assert any("<!channel>" in entry.title for entry in read.entries)
    assert all(entry.published == entry.updated for entry in read.entries)


def test_the_reviews_are_a_json_feed_with_stars_under_an_extension(server: DemoServer) -> None:
    answer = get(server, "/reviews/feed.json")
    assert answer.headers["content-type"] == "application/feed+json"
    read = answer.json()
    assert read["version"] == "https://jsonfeed.org/version/1.1"
    assert {item["_rating"]["value"] for item in read["items"] if "_rating" in item} == {1, 2, 3, 4, 5}
    assert sum("_rating" not in item for item in read["items"]) == 1
    assert all(("content_text" in item) != ("content_html" in item) for item in read["items"])


def test_a_feed_asked_again_answers_304_to_either_validator_and_nothing_else(server: DemoServer) -> None:
    for path in FEEDS[:2]:
        first = get(server, path)
        for header, validator in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            again = get(server, path, {header: first.headers[validator]})
            assert (again.status_code, again.content) == (304, b"")
        stale = {"If-None-Match": '"other"', "If-Modified-Since": first.headers["Last-Modified"]}
        assert get(server, path, stale).status_code == 200
        for nonsense in ("yesterday", "Fri, 20 Nov 2026 09:30:00"):
            assert get(server, path, {"If-Modified-Since": nonsense}).status_code == 200


def test_bodies_are_packed_only_for_those_who_ask(server: DemoServer) -> None:
    packed = get(server, "/forum/feed.atom", {"Accept-Encoding": "gzip"})
    plain = get(server, "/forum/feed.atom", {"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content


def test_the_status_page_fails_with_html_and_a_time_to_come_back(server: DemoServer) -> None:
    answer = get(server, "/status/feed.xml")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
    assert answer.headers["content-type"].startswith("text/html")
    assert get(server, "/robots.txt").status_code == 404


# ---- Hacker News -------------------------------------------------------------------------------------------------


def test_search_finds_every_word_and_the_beginning_of_the_last(server: DemoServer) -> None:
    found = search(server, query="papervane")
    assert found["nbHits"] == len(found["hits"]) > 10
    assert ids(search(server, query="paperv")) == ids(found)
    assert ids(search(server, query="vane"))  # a beginning of a path in a link
    assert search(server, query='"papervane client"')["nbHits"] == 0
    assert ids(search(server, query='"android client"')) == ["990001011"]
    assert ids(search(server, query="papervane heapdust")) == []


def test_a_comment_is_found_by_the_title_of_its_story(server: DemoServer) -> None:
    hit = next(hit for hit in search(server, query="papervane")["hits"] if hit["objectID"] == "990001007")
    assert "apervane" not in hit["comment_text"] and "Papervane" in hit["story_title"]


def test_search_pages_and_counts_newest_first(server: DemoServer) -> None:
    whole = search(server, query="papervane", hitsPerPage=5000)
    assert whole["hitsPerPage"] == 1000
    times = [hit["created_at_i"] for hit in whole["hits"]]
    assert times == sorted(times, reverse=True)
    pages = [search(server, query="papervane", hitsPerPage=4, page=page) for page in range(whole["nbHits"])]
    assert [one for page in pages for one in ids(page)] == ids(whole)
    assert {page["nbHits"] for page in pages} == {whole["nbHits"]}
    assert {page["nbPages"] for page in pages} == {-(-whole["nbHits"] // 4)}


def test_search_bounds_the_time_on_either_side(server: DemoServer) -> None:
    day = int((NOW - timedelta(hours=24)).timestamp())
    recent = search(server, numericFilters=f"created_at_i>{day}")
    older = search(server, numericFilters=f"created_at_i<={day}", hitsPerPage=1000)
    assert ids(recent) == ["990001052", "990001049"]
    assert not set(ids(recent)) & set(ids(older))
    assert recent["nbHits"] + older["nbHits"] == len(entries("hn", second_pull=False))
    exact = recent["hits"][0]["created_at_i"]
    assert ids(search(server, numericFilters=f"created_at_i>={exact},created_at_i<={exact}")) == ["990001052"]


def test_tags_join_with_and_and_with_or_inside_parentheses(server: DemoServer) -> None:
    stories = search(server, tags="story")
    comments = search(server, tags="comment", hitsPerPage=1000)
    both = search(server, tags="(story,comment)", hitsPerPage=1000)
    assert stories["nbHits"] == 3
    assert both["nbHits"] == stories["nbHits"] + comments["nbHits"]
    assert ids(search(server, tags="comment,author_lowtidecoder,story_990001030")) == ["990001036"]
    assert ids(search(server, tags="(show_hn,ask_hn)")) == ["990001015", "990001001"]


def test_hits_carry_the_fields_and_the_markup_of_the_real_index(server: DemoServer) -> None:
    hits = {hit["objectID"]: hit for hit in search(server, hitsPerPage=1000)["hits"]}
    comment, story = hits["990001005"], hits["990001001"]
    assert "I&#x27;ve used" in comment["comment_text"] and "<p>The format" in comment["comment_text"]
    assert (
        '<a href="https:&#x2F;&#x2F;codepond.example&#x2F;vane&#x2F;format.html" rel="nofollow">'
        in comment["comment_text"]
    )
    assert comment["parent_id"] == comment["story_id"] == 990001001
    assert (story["points"], story["num_comments"]) == (143, 4)
    assert "title" not in comment and "comment_text" not in story


@pytest.mark.parametrize(
    "params",
    [{"numericFilters": "created_at_i~5"}, {"hitsPerPage": "-1"}, {"page": "x"}, {"numericFilters": "karma>1"}],
)
def test_a_wrong_query_answers_400_with_a_message(server: DemoServer, params: dict[str, str]) -> None:
    answer = httpx.get(server.url + SEARCH, params=params, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["message"]


# ---- time goes on ------------------------------------------------------------------------------------------------


def test_advancing_edits_one_post_and_adds_one_late_and_one_new(later: DemoServer) -> None:
    validators = {path: get(later, path).headers for path in FEEDS[:2]}
    before = {entry.id: entry for entry in feed(later, "/forum/feed.atom").entries}
    blogs = [entry.id for entry in feed(later, "/blog/feed.xml").entries]
    later.advance()
    for path, headers in validators.items():
        assert get(later, path, {"If-None-Match": headers["ETag"]}).status_code == 200
        assert get(later, path, {"If-Modified-Since": headers["Last-Modified"]}).status_code == 200
    after = {entry.id: entry for entry in feed(later, "/forum/feed.atom").entries}
    [edited] = [one for one in after if after[one].content != before[one].content]
    assert after.keys() == before.keys()
    assert after[edited].updated > before[edited].updated == before[edited].published == after[edited].published
    with_late = [entry.id for entry in feed(later, "/blog/feed.xml").entries]
    assert with_late[0] == blogs[0] and len(with_late) == len(blogs) + 1
    assert ids(search(later, query="papervane"))[0] == "990001055"


def test_the_reviews_stay_the_same_to_the_byte(later: DemoServer) -> None:
    before = get(later, "/reviews/feed.json").content
    later.advance()
    assert get(later, "/reviews/feed.json").content == before


# ---- the chat ----------------------------------------------------------------------------------------------------


def test_the_webhook_keeps_what_it_is_sent(later: DemoServer) -> None:
    sent = {"type": "mention.detractor", "data": {"text": "<!channel>"}}
    answer = httpx.post(later.url + "/webhook", json=sent, headers={"Webhook-Id": "msg_1"}, trust_env=False)
    assert answer.status_code == 200
    [received] = later.received
    assert received.json() == sent
    assert received.headers["webhook-id"] == "msg_1"


def test_a_post_elsewhere_or_too_large_is_refused_and_not_kept(later: DemoServer) -> None:
    assert httpx.post(later.url + "/blog/feed.xml", content=b"x", trust_env=False).status_code == 404
    with closing(HTTPConnection("127.0.0.1", urlsplit(later.url).port or 0)) as connection:
        connection.request("POST", "/webhook", headers={"Content-Length": str(1 << 30)})
        assert connection.getresponse().status == 413
    assert later.received == []


# ---- the configuration -------------------------------------------------------------------------------------------


def test_the_configuration_is_valid_and_its_queries_raise_no_warning(server: DemoServer, tmp_path: Path) -> None:
    settings = Settings.model_validate(config_table(server, tmp_path))
    assert [brand.name for brand in settings.brands] == [BRAND, RIVAL]
    assert settings.storage.url == f"sqlite:///{tmp_path}/demo.db"
    assert [line for brand in settings.brands for line in lint(brand.name, parse(brand.query))] == []
    json.dumps(config_table(server, tmp_path))  # plain values only, as TOML would give


def test_every_source_of_the_configuration_is_served(server: DemoServer, tmp_path: Path) -> None:
    table = config_table(server, tmp_path)
    status = {
        source["name"]: httpx.get(
            source.get("url") or source["base_url"] + SEARCH.removeprefix("/hn/api/v1"), trust_env=False
        ).status_code
        for source in table["sources"]
    }
    assert status == {"blogs": 200, "forum": 200, "reviews": 200, "hackernews": 200, "status-page": 503}
