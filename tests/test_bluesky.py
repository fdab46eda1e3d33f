"""Bluesky's search against a server that behaves like a PDS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.bluesky import BlueskyOptions, BlueskySearch
from connectors.bluesky_record import body_of, permalink, published
from connectors.errors import AuthError, BadAnswer, FetchError
from connectors.fields import Fields
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.bluesky import HANDLE, PASSWORD, BlueskyServer, uri_of, view
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data" / "bluesky"
START = NOW - timedelta(days=10)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def search(server: BlueskyServer, **options: Any) -> BlueskySearch:
    shown = {"handle": HANDLE, "app_password": PASSWORD, "base_url": server.base, **options}
    return BlueskySearch(BlueskyOptions.model_validate(shown))


def ask(connector: BlueskySearch, http: HttpClient, cursor: str = "", now: datetime = NOW) -> list[Page]:
    return list(connector.pull(Question(now=now, term="acme", cursor=cursor, since=START), http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


class TestBluesky(ConnectorContract):
    @pytest.fixture(params=[10_000, 400])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with BlueskyServer(deepest=request.param) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(*(view(one.number, one.text, at=one.at) for one in samples if one.at))

            connector = search(server)
            ask(connector, http)  # signs in, so that an answer is one to the search
            yield World(
                connector,
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(uri_of(number), text),
                remove=lambda number: server.remove(uri_of(number)),
                wrong_shapes=(
                    b"",
                    b"[]",
                    b"{}",
                    b'{"posts": {}}',
                    b'{"posts": [1]}',
                    b'{"posts": [{"uri": "https://bsky.app/x"}]}',
                    b'{"posts": [], "cursor": 5}',
                    json.dumps({"posts": [{**view(1, "acme", at=NOW), "author": None}]}).encode(),
                    json.dumps({"posts": [{**view(1, "acme", at=NOW), "record": None}]}).encode(),
                    json.dumps({"posts": [{**view(1, "acme", at=NOW), "author": {}}]}).encode(),
                ),
                late=timedelta(minutes=30),
                optional=frozenset(
                    {"labels", "langs", "displayName", "likeCount", "replyCount", "cid", "createdAt", "quoteCount"}
                ),
            )


def test_a_recorded_shape_becomes_posts_field_by_field(http: HttpClient) -> None:
    stored = json.loads((DATA / "search.json").read_text())
    with BlueskyServer() as server:
        server.twist = lambda document: {"posts": stored["posts"]} if "posts" in document else document
        reply, link = posts(ask(search(server), http))
    assert link == Post(
        kind="bluesky",
        source_id="at://did:plc:qw7bo3xk2m5nv4rt6yhs8zpd/app.bsky.feed.post/3mzz2aaaaaa2c",
        url="https://bsky.app/profile/did:plc:qw7bo3xk2m5nv4rt6yhs8zpd/post/3mzz2aaaaaa2c",
        body="📈 Worth reading: https://acme.example/blog/why-we-rewrote-it?ref=b #rust",
        author=Author(
            "did:plc:qw7bo3xk2m5nv4rt6yhs8zpd",
            "Mira 🌻",
            "https://bsky.app/profile/did:plc:qw7bo3xk2m5nv4rt6yhs8zpd",
        ),
        published_at=datetime(2026, 11, 19, 17, 8, 27, 677_000, tzinfo=UTC),
        language="en",
        thread="at://did:plc:qw7bo3xk2m5nv4rt6yhs8zpd/app.bsky.feed.post/3mzz2aaaaaa2c",
        reach={"likes": 14, "reposts": 3, "replies": 2, "quotes": 1},
    )
    assert (reply.genre, reply.language, reply.body) == ("comment", "", "Acme taugt nichts.")
    assert reply.thread == "at://did:plc:zz/app.bsky.feed.post/3mzz0root222"
    assert reply.author is not None and reply.author.name == "tom.example"
    assert reply.published_at == datetime(2026, 11, 19, 16, 0, 0, 500_000, tzinfo=UTC)  # not in 2031


def test_one_sign_in_serves_many_pulls_and_many_threads(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        threads = [threading.Thread(target=ask, args=(connector, http)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked("createSession")) == 1 and len(server.asked("searchPosts")) == 5
        assert server.requests[0].params == {} and PASSWORD.encode() in server.requests[0].body


def test_an_expired_token_is_refreshed_without_the_password(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        server.publish(view(1, "acme", at=NOW))
        ask(connector, http)
        server.expire()
        assert len(posts(ask(connector, http))) == 1
        assert len(server.asked("createSession")) == len(server.asked("refreshSession")) == 1


def test_a_session_that_is_over_is_begun_anew(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        ask(connector, http)
        server.expire(refreshable=False)
        ask(connector, http)
        assert len(server.asked("createSession")) == 2


def test_a_wrong_password_is_tried_once_an_hour_and_the_message_says_what_to_do(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server, app_password="not-the-one")
        for minutes in (0, 15, 30, 61):
            with pytest.raises(AuthError, match="make an app password at https://bsky.app/settings") as caught:
                ask(connector, http, now=NOW + timedelta(minutes=minutes))
            assert "not-the-one" not in str(caught.value) and HANDLE not in str(caught.value)
        assert len(server.asked("createSession")) == 2
        with pytest.raises(AuthError):
            list(connector.recheck([Known(uri_of(1))], http))
        assert len(server.asked("createSession")) == 2


def test_a_block_at_the_edge_does_not_blame_the_password(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        ask(connector, http)
        world = World(connector, http, server, lambda _: None)
        world.answer(403, "text/html", b"<html><body>Forbidden</body></html>")
        with pytest.raises(FetchError, match="turns this machine away") as caught:
            ask(connector, http)
        assert not isinstance(caught.value, AuthError)


def test_a_refused_question_names_the_errors_name_only(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        ask(connector, http)
        world = World(connector, http, server, lambda _: None)
        world.answer(400, "application/json", b'{"error": "InvalidRequest", "message": "<b>secret</b>"}')
        with pytest.raises(BadAnswer, match=r"did not accept searchPosts \(InvalidRequest\)"):
            ask(connector, http)


def test_an_author_who_is_shown_to_members_only_is_left_out_and_later_taken_away(http: HttpClient) -> None:
    shy = view(2, "acme", at=NOW)
    with BlueskyServer() as server:
        connector = search(server)
        server.publish(view(1, "acme", at=NOW), shy)
        assert len(posts(ask(connector, http))) == 2
        shy["author"]["labels"] = [{"val": "!no-unauthenticated", "src": "did:plc:ann"}]
        assert [post.source_id for post in posts(ask(connector, http))] == [uri_of(1)]
        checked = list(connector.recheck([Known(uri_of(1)), Known(uri_of(2)), Known("https://no.uri/")], http))
        assert [(one.source_id, one.post is None) for one in checked] == [(uri_of(1), False), (uri_of(2), True)]


def test_a_mark_of_the_source_that_is_no_text_is_sent_back_all_the_same(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        ask(connector, http)
        server.override = Told(200, b'{"posts": [], "cursor": "\\ud800"}')
        (page, _) = ask(connector, http)
        assert not page.posts


def test_a_recheck_asks_for_25_at_once(http: HttpClient) -> None:
    with BlueskyServer() as server:
        server.publish(*(view(number, "acme", at=NOW) for number in range(60)))
        checked = list(search(server).recheck([Known(uri_of(number)) for number in range(60)], http))
        assert len(checked) == 60 and all(one.post for one in checked)
        assert len(server.asked("getPosts")) == 3


def test_a_walk_that_comes_to_its_limit_goes_on_next_time_and_says_so(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.bluesky._REQUESTS", 7)
    count = 900
    with BlueskyServer() as server:
        server.publish(*(view(n, "acme", at=START + timedelta(minutes=1 + n)) for n in range(count)))
        connector = search(server)
        first = ask(connector, http)
        assert "come next time" in first[-1].gap and max(len(page.posts) for page in first) <= 600
        server.publish(view(count, "acme", at=NOW))
        second = ask(connector, http, first[-2].cursor)
        assert len({post.id for post in posts(first + second)}) == count + 1
        assert not any(page.gap for page in second) and json.loads(second[-1].cursor)["rest"] is None
        before = len(server.requests)
        ask(connector, http, second[-1].cursor)
        assert len(server.requests) == before + 1


def test_the_watermark_waits_for_an_index_that_stands_still(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        server.publish(view(1, "acme", at=NOW - timedelta(hours=9)))
        cursor = ask(connector, http)[-1].cursor
        cursor = ask(connector, http, cursor, NOW + timedelta(hours=6))[-1].cursor  # nothing new for six hours
        server.publish(view(2, "acme", at=NOW - timedelta(hours=8)))
        assert len(posts(ask(connector, http, cursor, NOW + timedelta(hours=7)))) == 2


def test_an_absence_longer_than_the_first_pull_reaches_back_loses_nothing(http: HttpClient) -> None:
    with BlueskyServer() as server:
        server.publish(view(1, "acme 1", at=START))
        cursor = ask(search(server), http, now=START + timedelta(hours=1))[-1].cursor
        server.publish(view(2, "acme 2", at=START + timedelta(days=1)))
        # `since` is as far before now as it always is, and now is days later.
        late = Question(now=NOW, term="acme", cursor=cursor, since=NOW - timedelta(hours=1))
        assert uri_of(2) in {post.source_id for post in posts(list(search(server).pull(late, http)))}


def test_terms_are_asked_once_and_as_phrases(http: HttpClient) -> None:
    with BlueskyServer() as server:
        connector = search(server)
        assert connector.terms(["Acme", "acme", "#acme", '"', "acme cloud"]) == ["Acme", "acme cloud"]
        list(connector.pull(Question(now=NOW, term='acme from:"bob"'), http))
        assert server.asked("searchPosts")[0].params["q"] == '"acme from: bob"'


@pytest.mark.parametrize("cursor", ["nonsense", "[]", "{}", '{"seen": 5, "rest": null}', '{"seen": "", "rest": 7}'])
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str) -> None:
    with BlueskyServer() as server:
        server.publish(view(1, "acme", at=START + timedelta(hours=1)))
        assert len(posts(ask(search(server), http, cursor))) == 1


def record(text: str, *links: tuple[int, int, str], **more: Any) -> Fields:
    facets = [{"index": {"byteStart": start, "byteEnd": end}, "features": [{"uri": uri}]} for start, end, uri in links]
    return Fields({"text": text, "facets": facets, **more}, "here")


def card(uri: str) -> dict[str, Any]:
    return {"embed": {"external": {"uri": uri, "title": "somebody else's words"}}}


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (record("no links"), "no links"),
        (record("é acme.io/a... !", (3, 15, "https://acme.io/abc")), "é https://acme.io/abc !"),
        (record("see our blog", (4, 12, "https://acme.io/")), "see our blog\nhttps://acme.io/"),
        (record("é acme.io", (1, 9, "https://acme.io")), "é acme.io\nhttps://acme.io"),  # cuts the é in two
        (record("acme.io", (0, 99, "https://acme.io")), "acme.io\nhttps://acme.io"),
        (record("acme.io", (0, 7, "javascript:alert()")), "acme.io"),
        (record("look", **card("https://acme.io/")), "look\nhttps://acme.io/"),
        (record("", **card("https://acme.io/")), "https://acme.io/"),
        (record("at https://acme.io/", **card("https://acme.io/")), "at https://acme.io/"),
        (record("haha", **card("https://media.tenor.com/x.gif")), "haha"),
        (record("a", embed={"media": {"external": {"uri": "https://acme.io/"}}}), "a\nhttps://acme.io/"),
        (record("a", embed=[1]), "a"),
        (Fields({"text": "a", "facets": 5, "reply": 5}, "here"), "a"),
        (Fields({"text": "a", "facets": [{"index": 1}]}, "here"), "a"),
    ],
)
def test_links_are_written_out_where_a_reader_finds_them(said: Fields, body: str) -> None:
    assert body_of(said) == body


@given(
    st.text(max_size=30),
    st.lists(
        st.tuples(st.integers(-2, 90), st.integers(-2, 90), st.text(max_size=9).map("https://".__add__)), max_size=5
    ),
)
def test_hostile_facets_lose_no_address_and_never_raise(text: str, links: list[tuple[int, int, str]]) -> None:
    body = body_of(record(text, *links))
    assert all(uri in body for start, end, uri in links if 0 <= start < end)


def test_an_author_cannot_date_a_post_into_the_future() -> None:
    assert published(NOW + timedelta(days=400), NOW) == NOW
    assert published(NOW - timedelta(days=400), NOW) == NOW - timedelta(days=400)
    assert published(datetime(1, 1, 1, tzinfo=UTC), NOW) == NOW
    assert published(None, NOW) == published(NOW, None) == NOW and published(None, None) is None


@pytest.mark.parametrize(
    "uri",
    ["", "at://x", "at://did:plc:a/app.bsky.feed.like/1", "at://did:plc:a/app.bsky.feed.post/1?x", "https://bsky.app/"],
)
def test_only_the_address_of_a_post_has_a_permalink(uri: str) -> None:
    assert permalink(uri) == ""
