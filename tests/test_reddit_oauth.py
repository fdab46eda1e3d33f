"""Reddit's Data API, read through RedditOAuth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from connectors.reddit import RedditFeed, RedditFeedOptions
from connectors.reddit_oauth import RedditOAuth, RedditOAuthOptions
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.feeding import Canned
from tests.standins.loopback import Told, told
from tests.standins.reddit import RedditServer, Thing

DATA = Path(__file__).parent / "data" / "reddit"
HOUR = timedelta(hours=1)
KEYS = {"client_id": "app", "client_secret": "s3cret", "username": "acme_care"}


def of(server: RedditServer, **options: Any) -> RedditOAuth:
    return RedditOAuth(
        RedditOAuthOptions(**{**KEYS, "base_url": server.base, "token_url": server.token_url, **options})
    )


class TestContract(ConnectorContract):
    @pytest.fixture(params=["new", "comments", "search"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        where: str = request.param
        prefix = "t1_" if where == "comments" else "t3_"
        with RedditServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                dated = ((sample, sample.at) for sample in samples if sample.at)
                server.publish(*(Thing(f"{prefix}{s.number:06}", s.text, at, title="A title") for s, at in dated))

            connector = of(server, subreddits=[] if where == "search" else ["acme"])
            list(connector.pull(Question(now=NOW, term=where), http))  # has its token when the trouble begins
            yield World(
                connector,
                http,
                server,
                publish,
                edit=lambda number, text: server.change(f"{prefix}{number:06}", text=text, edited=NOW),
                remove=lambda number: server.take_away(f"{prefix}{number:06}"),
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"kind": "Listing", "data": {}}',
                    b'{"kind": "Listing", "data": {"children": {}}}',
                    b'{"kind": "Listing", "data": {"children": [{"kind": "t3"}]}}',
                    b'{"kind": "Listing", "data": {"children": [{"kind": "t3", "data": {"title": "a"}}]}}',
                    b'{"kind": "Listing", "data": {"children": [{"kind": "t3", "data": {"name": "t3_"}}]}}',
                    b'{"kind": "Listing", "data": {"children": [{"kind": "t1", "data": {"name": "t1_a", "body": 5}}]}}',
                ),
                many=600,
                late=timedelta(hours=5),
                optional=frozenset(
                    {
                        "author_fullname",
                        "score",
                        "num_comments",
                        "permalink",
                        "link_id",
                        "edited",
                        "removed_by_category",
                    }
                    | {"over_18", "before", "hide_score", "score_hidden", "is_self", "url", "subreddit", "id"}
                ),
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


def pages(connector: RedditOAuth, http: HttpClient, term: str = "new", cursor: str = "") -> list[Page]:
    return list(connector.pull(Question(now=NOW, term=term, cursor=cursor, since=NOW - timedelta(days=30)), http))


def posts(*args: Any) -> list[Post]:
    return [post for page in pages(*args) for post in page.posts]


def test_a_post_and_a_comment_become_posts(server: RedditServer, http: HttpClient) -> None:
    server.publish(
        Thing("t3_a1", "Acme > *all*", NOW - HOUR, title="Acme & me", edited=NOW, score=41),
        Thing("t1_c9", "acme it is", NOW, on="t3_a1", author="bo", score=-4),
    )
    connector = of(server, subreddits=["acme"])
    assert posts(connector, http) == [
        Post(
            kind="reddit",
            source_id="t3_a1",
            url="https://www.reddit.com/r/acme/comments/a1/a_title/",
            body="Acme > *all*",
            markup="markdown",
            title="Acme & me",
            author=Author("ann", "ann", "https://www.reddit.com/user/ann"),
            published_at=NOW - HOUR,
            edited_at=NOW,
            thread="t3_a1",
            reach={"points": 41, "comments": 2},
        )
    ]
    (comment,) = posts(connector, http, "comments")
    assert (comment.genre, comment.title, comment.thread, comment.reach) == ("comment", "", "t3_a1", {"points": -4})
    assert comment.url == "https://www.reddit.com/r/acme/comments/a1/a_title/c9/"


def test_both_ways_of_reading_reddit_meet_in_one_post(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "acme", NOW - HOUR, title="Acme"), Thing("t1_c9", "acme", NOW, on="t3_a1"))
    feed = RedditFeed(RedditFeedOptions(base_url=server.base, subreddits=["acme"], listings=["new", "comments"]))
    for listing in ("new", "comments"):
        (one,) = posts(of(server, subreddits=["acme"]), http, listing)
        ((other,),) = (page.posts for page in feed.pull(Question(now=NOW, term=listing), http))
        assert (one.id, one.url, one.author, one.thread) == (other.id, other.url, other.author, other.thread)


def test_a_link_is_its_address_and_a_hidden_score_is_none(server: RedditServer, http: HttpClient) -> None:
    server.publish(Thing("t3_a1", "", NOW - HOUR, title="Acme opens", link="https://acme.example/", hidden=True))
    (post,) = posts(of(server, subreddits=["acme"]), http)
    assert (post.body, post.markup, post.reach) == ("https://acme.example/", "plain", {"comments": 2})


def test_a_search_is_a_phrase_within_the_time_that_is_missing(server: RedditServer, http: HttpClient) -> None:
    connector = of(server)
    assert connector.terms(["acme cloud", "acme", "acme cloud", '"']) == ['"acme cloud"', "acme"]
    pages(connector, http, '"acme cloud"')
    pages(connector, http, "acme", json.dumps({"newest": (NOW - HOUR).isoformat()}))
    first, second = (asked.params for asked in server.requests if asked.path == "/search")
    assert first == {"q": '"acme cloud"', "sort": "new", "t": "year", "type": "link", "limit": "100", "raw_json": "1"}
    assert second["t"] == "day"


def test_the_user_agent_is_as_reddit_wants_it(server: RedditServer, http: HttpClient) -> None:
    pages(of(server, subreddits=["acme"]), http)
    assert {asked.headers["user-agent"] for asked in server.requests} == {"python:listener:v1 (by /u/acme_care)"}
    with pytest.raises(ValidationError):
        of(server, username="a\r\nX-Evil: 1")


def test_threads_share_one_token_and_a_refused_one_is_renewed_once(server: RedditServer, http: HttpClient) -> None:
    connector = of(server, subreddits=["acme"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: pages(connector, http), range(8)))
    assert [asked.method for asked in server.requests].count("POST") == 1
    server.end_tokens()
    pages(connector, http)
    assert [asked.method for asked in server.requests].count("POST") == 2


@pytest.mark.parametrize("said", [None, told({"error": "unsupported_grant_type"}), told({"error": 401}, 403)])
def test_refused_keys_are_an_auth_error_without_the_keys(
    server: RedditServer, http: HttpClient, said: Told | None
) -> None:
    server.override = said
    with pytest.raises(AuthError, match="client_id") as caught:
        pages(of(server, client_secret="wr0ng-one"), http)
    assert "wr0ng-one" not in str(caught.value)


def test_a_token_that_no_header_holds_is_a_bad_answer(server: RedditServer, http: HttpClient) -> None:
    for token in ("", "a\r\nb", None, 5.5):
        server.override = told({"access_token": token})
        with pytest.raises(BadAnswer):
            pages(of(server), http)


def test_a_token_that_is_refused_at_once_is_not_renewed_for_ever(server: RedditServer, http: HttpClient) -> None:
    connector = of(server, subreddits=["acme"])
    pages(connector, http)
    before = len(server.requests)
    server.override = told({"access_token": "x", "message": "Unauthorized"}, 401)
    with pytest.raises(AuthError):
        pages(connector, http)
    assert len(server.requests) - before == 2


def test_a_private_subreddit_is_named_with_its_reason(server: RedditServer, http: HttpClient) -> None:
    server.private.add("acme")
    with pytest.raises(AuthError, match="/r/acme/new is private"):
        pages(of(server, subreddits=["acme"]), http)


def test_the_quota_is_kept_by_its_headers() -> None:
    pace = {"X-Ratelimit-Remaining": "0.0", "X-Ratelimit-Used": "600", "X-Ratelimit-Reset": "312"}
    with (
        RedditServer(pace=pace) as server,
        HttpClient(user_agent="tests", now=lambda: NOW, gap=0.001, allow_private=["127.0.0.1/32"]) as client,
    ):
        connector = of(server, subreddits=["acme"])
        pages(connector, client)
        with pytest.raises(RateLimited) as caught:
            pages(connector, client)
    assert caught.value.retry_after == NOW + timedelta(seconds=312)


def test_a_listing_is_paged_to_the_overlap_and_no_further(server: RedditServer, http: HttpClient) -> None:
    server.publish(*(Thing(f"t3_{n:05}", "acme", NOW - timedelta(minutes=n)) for n in range(1, 700)))
    connector = of(server, subreddits=["acme"])
    found = pages(connector, http)
    assert sum(len(page.posts) for page in found) == 699 and not any(page.gap for page in found)
    before = len(server.requests)
    assert len(posts(connector, http, "new", found[-1].cursor)) == 400 and len(server.requests) - before == 4


def test_what_lies_beyond_the_depth_of_a_listing_is_a_gap(http: HttpClient) -> None:
    with RedditServer(depth=960) as server:
        server.publish(*(Thing(f"t3_{n:05}", "acme", NOW - timedelta(seconds=n)) for n in range(1, 1_200)))
        found = pages(of(server, subreddits=["acme"]), http)
        assert sum(len(page.posts) for page in found) == 960 and "960" in found[0].gap
    with RedditServer(depth=244) as server:
        server.publish(*(Thing(f"t3_{n:05}", "acme", NOW - timedelta(seconds=n)) for n in range(1, 300)))
        assert "244" in pages(of(server), http, "acme")[0].gap


def test_what_was_taken_away_comes_without_words(server: RedditServer, http: HttpClient) -> None:
    server.publish(*(Thing(f"t3_a{n}", "acme", NOW - n * HOUR, title="Acme") for n in range(4)))
    server.publish(Thing("t1_c1", "acme", NOW), Thing("t1_c2", "acme", NOW), Thing("t1_c3", "[deleted]", NOW))
    server.take_away("t3_a1")
    server.take_away("t3_a2", by="moderator")
    server.change("t3_a3", author="[deleted]")  # the account is gone, its words stand
    server.take_away("t1_c1", by="moderator")
    connector = of(server, subreddits=["acme"])
    gone = {post.source_id for term in ("new", "comments") for post in posts(connector, http, term) if post.deleted}
    assert gone == {"t3_a1", "t3_a2", "t1_c1"}
    (orphan,) = (post for post in posts(connector, http) if post.source_id == "t3_a3")
    assert orphan.author is None and orphan.body == "acme"


def test_a_recheck_asks_for_a_hundred_at_a_time_in_one_request(server: RedditServer, http: HttpClient) -> None:
    things = [Thing(f"t3_a{n:03}" if n % 2 else f"t1_a{n:03}", "acme", NOW - n * HOUR) for n in range(250)]
    server.publish(*things)
    server.take_away("t3_a001")
    server.forget("t1_a002")
    connector = of(server)
    checked = list(connector.recheck([Known(thing.name) for thing in things] + [Known("www.reddit.com|x")], http))
    assert len(checked) == 250 and {one.source_id for one in checked if one.post is None} == {"t3_a001", "t1_a002"}
    assert sum(asked.path == "/api/info" for asked in server.requests) == 3


def test_an_answer_without_anything_deletes_nothing(server: RedditServer, http: HttpClient) -> None:
    assert list(of(server).recheck([Known("t3_a1"), Known("t3_a2")], http)) == []


def test_a_recorded_shape_is_read_field_by_field(server: RedditServer, http: HttpClient) -> None:
    connector = of(server, subreddits=["acme"])
    pages(connector, http)
    server.override = Told(200, (DATA / "listing.json").read_bytes(), {"Content-Type": "application/json"})
    old_comment, post, gone = posts(connector, http)
    assert (post.source_id, post.title) == ("t3_48fbm9", "What does the Acme 40 do better than the 30?")
    assert post.published_at == datetime(2026, 11, 19, 8, 37, 38, tzinfo=UTC)
    assert post.edited_at == datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
    assert dict(post.reach) == {"comments": 1} and post.body == "I have *both*.\n\nThe 40 is > the 30."
    assert post.author == Author("RedBarn", "RedBarn", "https://www.reddit.com/user/RedBarn")
    assert (old_comment.source_id, old_comment.thread) == ("t1_d4y8bdp", "t3_4r4inc")
    assert old_comment.url == "https://www.reddit.com/comments/4r4inc/_/d4y8bdp/"
    assert gone == Post("reddit", "t1_d7ltvl0", "", "", deleted=True)


class _FixedHttp:
    def __init__(self, answered: Any) -> None:
        self._answered = answered

    def get(self, url: str, **_: Any) -> Any:
        return self._fixed(self._answered)

    def post(self, url: str, **_: Any) -> Any:
        return self._fixed({"access_token": "x"})

    def _fixed(self, document: Any) -> Any:
        class Fixed(Canned):
            def json(self) -> Any:
                return document

        return Fixed(b"")

    listen = get


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
)
_fields = (
    "title",
    "selftext",
    "body",
    "author",
    "created_utc",
    "edited",
    "permalink",
    "link_id",
    "score",
    "url",
    "is_self",
)
_data = st.fixed_dictionaries({"name": st.just("t3_a") | _values}, optional=dict.fromkeys(_fields, _values))
_children = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(["t1", "t3", "more"]) | _values, "data": _data | _values}) | _values,
    max_size=3,
)


@given(_children | _values, _values)
def test_wrong_types_are_bad_answers_and_nothing_else(children: Any, after: Any) -> None:
    connector = RedditOAuth(RedditOAuthOptions.model_validate(KEYS))
    try:
        for page in connector.pull(
            Question(now=NOW, term="acme"), _FixedHttp({"data": {"children": children, "after": after}})
        ):
            assert all(post.url.startswith("https://www.reddit.com/") for post in page.posts if not post.deleted)
    except BadAnswer as error:
        assert "\n" not in str(error)


def test_an_error_of_the_second_page_keeps_the_first(server: RedditServer, http: HttpClient) -> None:
    server.publish(*(Thing(f"t3_{n:05}", "acme", NOW - timedelta(minutes=n)) for n in range(1, 150)))
    connector, kept = of(server, subreddits=["acme"]), []
    answer = server.answer
    server.answer = lambda asked: Told(500, b"") if "after" in asked.params else answer(asked)  # type: ignore[method-assign]
    with pytest.raises(FetchError):
        for page in connector.pull(Question(now=NOW, term="new"), http):
            kept.append(page)
    assert [(len(page.posts), page.cursor) for page in kept] == [(100, "")]
