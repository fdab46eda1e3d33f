"""The Hacker News connector against a server that behaves like Algolia."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BadAnswer
from connectors.hackernews import HackerNews, HackerNewsOptions
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question
from tests.feeding import NOW, Canned
from tests.standins.hackernews import HackerNewsServer, hit

START = NOW - timedelta(days=10)
SECOND = int(START.timestamp())


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(
        user_agent="tests (mailto:t@example.org)", now=lambda: NOW, gap=0.0, allow_private=["127.0.0.1/32"]
    ) as client:
        yield client


def pull(
    server: HackerNewsServer, http: HttpClient, term: str = "acme", cursor: str = "", **options: Any
) -> list[Page]:
    connector = HackerNews(HackerNewsOptions(base_url=server.base_url, **options))
    return list(connector.pull(Question(now=NOW, term=term, cursor=cursor, since=START), http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def test_a_comment_a_story_and_a_question_become_posts(http: HttpClient) -> None:
    comment = hit(7, "Acme is <i>slow</i>", created=SECOND + 5, author="bo", story_id=3, num_comments=None)
    story = hit(3, "Acme opens", created=SECOND + 1, tag="story", points=9, num_comments=4, url="https://a.example/")
    asked = hit(5, "Ask HN: Is Acme any good?", created=SECOND + 3, tag="story", story_text="I <p>wonder", url="")
    with HackerNewsServer([comment, story, asked]) as server:
        first, second, third = posts(pull(server, http))
    assert first == Post(
        kind="hackernews",
        source_id="3",
        url="https://news.ycombinator.com/item?id=3",
        body="https://a.example/",
        title="Acme opens",
        author=Author("ann", "ann", "https://news.ycombinator.com/user?id=ann"),
        published_at=datetime.fromtimestamp(SECOND + 1, UTC),
        thread="3",
        reach={"points": 9, "comments": 4},
    )
    assert (second.genre, second.body, second.markup) == ("question", "I <p>wonder", "html")
    assert (third.genre, third.title, third.thread, third.body) == ("comment", "", "3", "Acme is <i>slow</i>")


def test_a_term_of_several_words_is_a_phrase(http: HttpClient) -> None:
    hits = [hit(1, "acme cloud", created=SECOND + 1), hit(2, "cloud of acme", created=SECOND + 2)]
    with HackerNewsServer(hits) as server:
        assert [post.source_id for post in posts(pull(server, http, "acme cloud"))] == ["1"]
        params = server.requests[0].params
    assert params["query"] == '"acme cloud"' and params["tags"] == "(story,comment)"
    assert params["typoTolerance"] == "false" and params["hitsPerPage"] == "1000"


def test_a_window_of_too_many_hits_is_halved_until_all_are_reached(http: HttpClient) -> None:
    hits = [hit(number, "acme", created=SECOND + 1 + number * 7) for number in range(950)]
    with HackerNewsServer(hits, reachable=1_000) as server:
        assert len(pull(server, http)) == 1
        server.publish(*(hit(1_000 + number, "acme", created=SECOND + 50_000 + number) for number in range(950)))
        pages = pull(server, http)
    numbers = [post.published_at for post in posts(pages)]
    assert len(pages) > 1 and len({post.id for post in posts(pages)}) == 1_900
    assert numbers == sorted(numbers, key=lambda moment: moment or NOW) and not any(page.gap for page in pages)


def test_more_hits_in_one_second_than_can_be_reached_are_a_gap(http: HttpClient) -> None:
    with HackerNewsServer(hit(number, "acme", created=SECOND + 60) for number in range(1_001)) as server:
        pages = pull(server, http)
    assert len(posts(pages)) == 1_000
    assert ["1,001" in page.gap for page in pages if page.gap] == [True]


def test_pages_are_followed_where_the_server_clips_them(http: HttpClient) -> None:
    with HackerNewsServer([hit(n, "acme", created=SECOND + n) for n in range(1, 100)], largest_page=20) as server:
        assert len(posts(pull(server, http))) == 99
        assert [request.params["page"] for request in server.requests] == ["0", "1", "2", "3", "4"]


def test_the_next_pull_reads_the_overlap_again_and_nothing_older(http: HttpClient) -> None:
    with HackerNewsServer() as server:
        cursor = pull(server, http)[-1].cursor
        assert json.loads(cursor) == {"until": int(NOW.timestamp())}
        server.publish(hit(1, "acme", created=int((NOW - timedelta(days=2)).timestamp())))  # the index had stalled
        server.publish(hit(2, "acme", created=int((NOW - timedelta(days=4)).timestamp())))
        assert [post.source_id for post in posts(pull(server, http, cursor=cursor))] == ["1"]
        assert len(posts(pull(server, http, cursor=cursor, overlap_days=5))) == 2


@pytest.mark.parametrize("cursor", ["", "nonsense", "{}", '{"until": "x"}', '{"until": 1e300}', "[]"])
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str) -> None:
    with HackerNewsServer([hit(1, "acme", created=SECOND + 1)]) as server:
        assert len(posts(pull(server, http, cursor=cursor))) == 1


class _Fixed(Canned):
    answered: Any = None

    def json(self) -> Any:
        return self.answered


class _FixedHttp:
    def __init__(self, answered: Any) -> None:
        self._answer = _Fixed(b"")
        self._answer.answered = answered

    def get(self, url: str, **_: Any) -> _Fixed:
        return self._answer

    def post(self, url: str, **_: Any) -> _Fixed:
        raise AssertionError("a search is a GET")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
)
_hits = st.fixed_dictionaries(
    {"objectID": st.just("12") | _values, "created_at_i": st.just(SECOND) | _values},
    optional=dict.fromkeys(
        ("title", "story_text", "comment_text", "author", "points", "_tags", "story_id", "url"), _values
    ),
)


@given(
    st.fixed_dictionaries(
        {"hits": st.lists(_hits | _values, max_size=3) | _values}, optional={"nbHits": st.integers(-1, 9)}
    )
)
def test_wrong_types_are_bad_answers_and_nothing_else(answered: dict[str, Any]) -> None:
    connector = HackerNews(HackerNewsOptions())
    try:
        list(connector.pull(Question(now=NOW, term="acme", since=START), _FixedHttp(answered)))
    except BadAnswer as error:
        assert "\n" not in str(error)
