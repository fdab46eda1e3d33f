"""Reddit's feeds, read through RedditFeed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question
from connectors.reddit import RedditFeed, RedditFeedOptions, joined_with_or
from tests.contracts.connectors import NOW, ConnectorContract, Keeper, Sample, World, visitor
from tests.standins.loopback import Told
from tests.standins.reddit import BLOCKED, RedditServer, Thing

DATA = Path(__file__).parent / "data" / "reddit"
HOUR = timedelta(hours=1)


class TestContract(ConnectorContract):
    @pytest.fixture(params=["new", "comments", "search"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        where: str = request.param
        prefix = "t1_" if where == "comments" else "t3_"
        with RedditServer(window=2_000) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                dated = ((sample, sample.at) for sample in samples if sample.at)
                server.publish(*(Thing(f"{prefix}{s.number:06}", s.text, at, title="A title") for s, at in dated))

            chosen: dict[str, Any] = {} if where == "search" else {"subreddits": ["acme"], "listings": [where]}
            yield World(
                RedditFeed(RedditFeedOptions(base_url=server.base, **chosen)),
                http,
                server,
                publish,
                edit=lambda number, text: server.change(f"{prefix}{number:06}", text=text),
                wrong_shapes=(
                    b"",
                    b"just text",
                    b'{"message": "Too Many Requests", "error": 429}',
                    b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>tag:else</id><title>a</title></entry></feed>",
                ),
                lenient=True,
                term="acme" if where == "search" else where,
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


@pytest.fixture
def server() -> Iterator[RedditServer]:
    with RedditServer() as reddit:
        yield reddit


def of(server: RedditServer, **options: Any) -> RedditFeed:
    return RedditFeed(RedditFeedOptions(base_url=server.base, **options))


def pages(connector: RedditFeed, http: HttpClient, term: str = "new") -> list[Page]:
    return list(connector.pull(Question(now=NOW, term=term), http))


def posts(*args: Any) -> list[Post]:
    return [post for page in pages(*args) for post in page.posts]


def test_a_post_loses_reddits_own_words_and_keeps_its_authors(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "I submitted by mail & got [comments] from acme", NOW - HOUR, title="Acme > all"))
    assert posts(of(server, subreddits=["acme"]), http) == [
        Post(
            kind="reddit",
            source_id="t3_a1",
            url="https://www.reddit.com/r/acme/comments/a1/a_title/",
            body='<div class="md"><p>I submitted by mail &amp; got [comments] from acme</p> </div>',
            markup="html",
            title="Acme > all",
            author=Author("ann", "ann", "https://www.reddit.com/user/ann"),
            published_at=NOW - HOUR,
            thread="t3_a1",
        )
    ]


def test_a_comment_belongs_to_its_post_and_has_no_title_of_its_own(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t1_c9", "acme it is", NOW - HOUR, on="t3_a1", edited=NOW))
    (post,) = posts(of(server, subreddits=["acme"], listings=["new", "comments"]), http, "comments")
    assert (post.source_id, post.genre, post.title, post.thread) == ("t1_c9", "comment", "", "t3_a1")
    assert post.edited_at is None


def test_a_link_without_words_is_its_address(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "", NOW - HOUR, title="Acme opens", link="https://acme.example/?a=1&b=2"))
    (post,) = posts(of(server, subreddits=["acme"]), http)
    assert (post.body, post.markup) == ("https://acme.example/?a=1&b=2", "plain")


def test_what_was_taken_away_is_a_post_without_words(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "acme", NOW - HOUR, title="Acme"), Thing("t3_a2", "[deleted]", NOW, title="Literal"))
    server.take_away("t3_a1")
    gone, literal = posts(of(server, subreddits=["acme"]), http)
    assert gone == Post("reddit", "t3_a1", "", "", deleted=True)
    assert literal.author is not None and not literal.deleted


def test_all_subreddits_are_asked_in_one_request(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "one", NOW - HOUR), Thing("t3_a2", "two", NOW, subreddit="widgets"))
    connector = of(server, subreddits=["r/acme", "/r/widgets/"])
    assert connector.terms(["acme", "acme cloud"]) == ["new"]
    assert [post.source_id for post in posts(connector, http)] == ["t3_a1", "t3_a2"]
    (asked,) = server.requests
    assert (asked.path, asked.params) == ("/r/acme+widgets/new/.rss", {"limit": "100"})


def test_a_search_asks_for_posts_only_and_newest_first(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "Acme Cloud is fine", NOW - HOUR), Thing("t3_a2", "widgets", NOW))
    connector = of(server)
    (term,) = connector.terms(["widgetry", "acme cloud", "acme cloud"])
    assert term == 'widgetry OR "acme cloud"'
    assert [post.source_id for post in posts(connector, http, term)] == ["t3_a1"]
    assert server.requests[0].params == {"q": term, "sort": "new", "t": "all", "type": "link", "limit": "100"}


def test_a_search_that_also_finds_subreddits_leaves_them_out(server: RedditServer, http: HttpClient) -> None:
    body = b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>t5_2x</id><title>acme</title></entry></feed>"
    server.override = Told(200, body, {"Content-Type": "application/atom+xml"})
    assert posts(of(server), http, "acme") == []


def test_the_token_of_a_private_feed_is_sent_and_shows_up_nowhere(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "one", NOW - HOUR))
    connector = of(server, subreddits=["acme"], user="ann", feed_token="0123456789abcdef")
    found = pages(connector, http)
    assert server.requests[0].params == {"limit": "100", "feed": "0123456789abcdef", "user": "ann"}
    server.override = Told(200, BLOCKED, {"Content-Type": "text/html"})
    with pytest.raises(BadAnswer) as caught:
        pages(connector, http)
    shown = (
        f"{caught.value} {found} {connector.address()} {RedditFeedOptions(user='a', feed_token='0123456789abcdef')!r}"
    )
    assert "0123456789abcdef" not in shown


def test_a_private_feed_needs_both_its_user_and_its_token() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        RedditFeedOptions(user="ann")
    with pytest.raises(ValidationError, match="name of a subreddit"):
        RedditFeedOptions(subreddits=["acme/../../x"])


def test_the_block_page_says_what_may_help(server: RedditServer, http: HttpClient) -> None:
    server.override = Told(403, BLOCKED, {"Content-Type": "text/html"})
    with pytest.raises(AuthError, match="blocks this address"):
        pages(of(server, subreddits=["acme"]), http)


def test_a_missing_subreddit_is_named(server: RedditServer, http: HttpClient) -> None:
    server.override = Told(404, b'{"reason": "banned", "error": 404}', {"Content-Type": "application/json"})
    with pytest.raises(FetchError, match="acme"):
        pages(of(server, subreddits=["acme"]), http)


def test_a_redirect_to_the_login_is_a_bad_answer_and_not_remembered(server: RedditServer, http: HttpClient) -> None:
    with RedditServer() as login:
        login.override = Told(200, b"<!DOCTYPE html><html><title>Log in</title></html>", {"Content-Type": "text/html"})
        server.override = Told(302, b"", {"Location": f"{login.base}/login/"})
        with pytest.raises(BadAnswer, match="web page"):
            pages(of(server, subreddits=["acme"], user="ann", feed_token="0123456789abcdef"), http)
    server.override = Told(301, b"", {"Location": f"{login.base}/r/acme/new/.rss"})
    with pytest.raises(FetchError):
        pages(of(server, subreddits=["acme"]), http)


def test_one_request_closes_the_host_until_its_reset() -> None:
    pace = {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "1", "x-ratelimit-reset": "47"}
    with (
        RedditServer(pace=pace) as server,
        HttpClient(user_agent="tests", now=lambda: NOW, gap=0.001, allow_private=["127.0.0.1/32"]) as http,
    ):
        connector = of(server, subreddits=["acme"], listings=["new", "comments"])
        pages(connector, http, "new")
        with pytest.raises(RateLimited) as caught:
            pages(connector, http, "comments")
        assert caught.value.retry_after == NOW + timedelta(seconds=47) and len(server.requests) == 1


def test_a_window_without_a_known_post_is_a_turnover(server: RedditServer, http: HttpClient) -> None:
    world = World(of(server, subreddits=["acme"]), http, server, lambda _: None, term="new")
    keeper = Keeper(world)
    server.publish(*(Thing(f"t3_a{n}", f"acme number {n}", NOW - n * HOUR) for n in range(3)))
    keeper.pull()
    server.publish(*(Thing(f"t3_b{n:03}", f"acme number {n}", NOW + n * HOUR) for n in range(100)))
    assert [page.turnover for page in keeper.pull()] == [True]


def test_a_recorded_shape_is_read_entry_by_entry(server: RedditServer, http: HttpClient) -> None:
    server.override = Told(200, (DATA / "new.atom.xml").read_bytes(), {"Content-Type": "application/atom+xml"})
    picture, link, text = posts(of(server, subreddits=["acme"]), http)
    assert (text.source_id, text.title) == ("t3_1x7kq2m", "Is the Acme 40 worth it?")
    assert text.url == "https://www.reddit.com/r/acme/comments/1x7kq2m/is_the_acme_40_worth_it/"
    assert text.author == Author("Quiet_Otter_12", "Quiet_Otter_12", "https://www.reddit.com/user/Quiet_Otter_12")
    assert text.published_at == datetime(2026, 11, 19, 17, 38, 30, tzinfo=UTC)
    assert "worth the price?" in text.body and "submitted by" not in text.body
    assert (link.source_id, link.body, link.markup) == (
        "t3_1x7kp00",
        "https://news.example/acme-recall?id=4&x=5",
        "plain",
    )
    assert (picture.source_id, picture.body, picture.thread) == ("t3_1x7ka11", "", "t3_1x7ka11")


def test_the_old_form_is_known_by_its_addresses(server: RedditServer, http: HttpClient) -> None:
    server.override = Told(200, (DATA / "old_form.rss").read_bytes(), {"Content-Type": "application/rss+xml"})
    comment, post = posts(of(server, subreddits=["acme"]), http)
    assert (post.source_id, post.body) == ("t3_42babr", "https://pictures.example/a.gif")
    assert (comment.source_id, comment.thread) == ("t1_cz9x0", "t3_42babr")


@given(st.lists(st.text(max_size=700), max_size=12))
def test_queries_are_short_and_hold_every_term(terms: list[str]) -> None:
    queries = joined_with_or(terms)
    assert all(len(query) <= 500 or " OR " not in query for query in queries)
    shown = " OR ".join(queries)
    assert all(" ".join(term.replace('"', " ").split()) in shown for term in terms)
