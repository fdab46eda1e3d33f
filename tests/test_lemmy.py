"""The Lemmy connector against an instance that speaks as 0.19 and as 1.0 do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.lemmy import Lemmy, LemmyOptions
from connectors.post import Author, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.feeding import Canned
from tests.standins.lemmy import LemmyServer, Thing
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data" / "lemmy"
HOUR = timedelta(hours=1)


class TestContract(ConnectorContract):
    @pytest.fixture(params=[("0.19.5", False), ("1.0.0-beta.1", False), ("1.0.0", True)])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        version, combined = request.param
        with LemmyServer(version, combined=combined) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                dated = ((sample, sample.at) for sample in samples if sample.at)
                server.publish(*(Thing(s.number + 1, s.text, at, on=999 * (s.number % 2)) for s, at in dated))

            yield World(
                Lemmy(LemmyOptions(instance=server.base)),
                http,
                server,
                publish,
                edit=lambda number, text: server.change(number + 1, text=text, updated=NOW),
                remove=lambda number: server.change(number + 1, removed=True),
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"version": 5.5, "posts": [], "comments": []}',
                    b'{"version": "0.19.5", "posts": []}',
                    b'{"version": "0.19.5", "posts": 1, "comments": []}',
                    b'{"version": "0.19.5", "posts": [1], "comments": []}',
                    b'{"version": "0.19.5", "posts": [{"post": {"id": 1}}], "comments": []}',
                    b'{"version": "1.0.0", "search": {}}',
                    b'{"version": "1.0.0", "search": [{"comment": {"ap_id": "x", "id": 1, "content": []}}]}',
                ),
                many=600,
                optional=frozenset(
                    {"creator", "counts", "updated", "updated_at", "language_id", "all_languages", "url"}
                ),
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


@pytest.fixture(params=["0.19.5", "1.0.0"])
def server(request: pytest.FixtureRequest) -> Iterator[LemmyServer]:
    with LemmyServer(request.param) as lemmy:
        yield lemmy


def of(server: LemmyServer, **options: Any) -> Lemmy:
    return Lemmy(LemmyOptions(instance=server.base, **options))


def pages(connector: Lemmy, http: HttpClient, cursor: str = "", now: datetime = NOW) -> list[Page]:
    question = Question(now=now, term="acme", cursor=cursor, since=NOW - timedelta(days=30))
    return list(connector.pull(question, http))


def posts(*args: Any, **options: Any) -> list[Post]:
    return [post for page in pages(*args, **options) for post in page.posts]


def test_a_post_and_a_comment_become_posts_whatever_the_version(server: LemmyServer, http: HttpClient) -> None:
    server.publish(
        Thing(5, "Is **acme** down?", NOW - 2 * HOUR, title="Outage", language=32, updated=NOW - HOUR, score=4),
        Thing(6, "acme works here", NOW - HOUR, on=5, author="bo"),
    )
    first, second = posts(of(server), http)
    assert first == Post(
        kind="lemmy",
        source_id="https://lemmy.example/post/5",
        url="https://lemmy.example/post/5",
        body="Is **acme** down?",
        markup="markdown",
        title="Outage",
        author=Author("https://lemmy.example/u/ann", "ann", "https://lemmy.example/u/ann"),
        published_at=NOW - 2 * HOUR + timedelta(microseconds=375),
        edited_at=NOW - HOUR + timedelta(microseconds=375),
        language="de",
        thread="https://lemmy.example/post/5",
        reach={"points": 4, "likes": 4, "dislikes": 0, "comments": 7},
        ref=f"{server.base}/post/5",
    )
    assert (second.genre, second.title, second.thread, second.ref) == (
        "comment",
        "",
        "https://lemmy.example/post/5",
        f"{server.base}/comment/6",
    )
    assert second.language == "" and second.reach["comments"] == 2


def test_a_link_without_words_is_its_address(server: LemmyServer, http: HttpClient) -> None:
    server.publish(Thing(5, "acme opens", NOW - HOUR, link="https://acme.example/open"))
    (post,) = posts(of(server), http)
    assert (post.body, post.markup, post.title) == ("https://acme.example/open", "plain", "acme opens")


def test_what_a_bot_writes_is_kept_and_is_nobodys_opinion(server: LemmyServer, http: HttpClient) -> None:
    server.publish(Thing(5, "acme news of today", NOW - HOUR, is_bot=True))
    assert [post.genre for post in posts(of(server), http)] == ["news"]


def test_the_version_is_asked_for_once(server: LemmyServer, http: HttpClient) -> None:
    connector = of(server)
    pages(connector, http)
    pages(connector, http)
    assert sum(asked.path.endswith("/site") for asked in server.requests) == (1 if server.version < "1" else 2)
    assert [asked.path for asked in server.requests].count(f"/api/v{3 if server.version < '1' else 4}/search") == 2


def test_an_instance_that_is_upgraded_is_understood_at_the_second_try(http: HttpClient) -> None:
    with LemmyServer("0.19.5") as server:
        connector = of(server)
        server.publish(Thing(5, "acme", NOW - HOUR))
        assert len(posts(connector, http)) == 1
        server.version = "1.0.0"
        with pytest.raises(FetchError):
            pages(connector, http)
        assert len(posts(connector, http)) == 1


def test_a_pull_reads_back_to_the_overlap_and_no_further(server: LemmyServer, http: HttpClient) -> None:
    server.publish(*(Thing(n, "acme", NOW - n * HOUR) for n in range(1, 201)))
    connector = of(server)
    cursor = pages(connector, http)[-1].cursor
    assert json.loads(cursor) == {"newest": (NOW - HOUR + timedelta(microseconds=375)).isoformat()}
    before = len(server.requests)
    assert len(posts(connector, http, cursor)) == 50 and len(server.requests) - before == 1
    assert len(posts(of(server, overlap_days=4), http, cursor)) == 100


def test_a_post_of_tomorrow_does_not_move_the_cursor_past_now(server: LemmyServer, http: HttpClient) -> None:
    server.publish(Thing(5, "acme", NOW + 9 * HOUR), Thing(6, "acme", NOW - HOUR))
    assert datetime.fromisoformat(json.loads(pages(of(server), http)[-1].cursor)["newest"]) < NOW


def test_more_than_twenty_requests_bring_is_a_gap(server: LemmyServer, http: HttpClient) -> None:
    server.publish(*(Thing(n, "acme", NOW - timedelta(minutes=n)) for n in range(1, 1_100)))
    found = pages(of(server), http)
    assert sum(len(page.posts) for page in found) == 1_000
    assert [bool(page.gap) for page in found] == [True, False, False] and "1,000" in found[0].gap


def test_a_walk_that_is_throttled_keeps_what_it_has_and_its_place(server: LemmyServer, http: HttpClient) -> None:
    server.publish(*(Thing(n, "acme", NOW - timedelta(minutes=n)) for n in range(1, 131)))
    server.quota = 2
    connector, kept = of(server), []
    with pytest.raises(RateLimited) as caught:
        for page in connector.pull(Question(now=NOW, term="acme"), http):
            kept.append(page)
    assert sum(len(page.posts) for page in kept) == 100 and not any(page.cursor for page in kept)
    assert caught.value.retry_after == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("said_by_site", [True, False])
def test_a_private_instance_is_an_auth_error(server: LemmyServer, http: HttpClient, said_by_site: bool) -> None:
    connector = of(server)
    if not said_by_site:
        pages(connector, http)
    server.private = True
    with pytest.raises(AuthError, match="members only"):
        pages(connector, http)


def test_what_is_removed_deleted_or_purged_is_gone(server: LemmyServer, http: HttpClient) -> None:
    server.publish(*(Thing(n, f"acme {n}", NOW - n * HOUR, on=n % 2) for n in range(1, 6)))
    connector = of(server)
    known = [Known(post.source_id, post.ref, post.url) for post in posts(connector, http)]
    server.change(1, deleted=True)
    server.change(2, removed=True)
    server.forget(3)
    server.forget(4)
    checked = {one.source_id[-1]: one.post for one in connector.recheck(known, http)}
    assert [n for n, post in sorted(checked.items()) if post is None] == ["1", "2", "3", "4"] and "5" in checked


def test_what_another_instance_numbered_is_left_out_of_a_recheck(server: LemmyServer, http: HttpClient) -> None:
    server.publish(Thing(5, "acme", NOW - HOUR))
    known = [
        Known("https://other.example/post/5", "https://other.example/post/5"),
        Known("https://lemmy.example/post/77", f"{server.base}/post/5"),  # a number that was given out anew
        Known("https://lemmy.example/post/5", ""),
        Known("https://lemmy.example/post/5", f"{server.base}/post/5/../../x"),
    ]
    assert list(of(server).recheck(known, http)) == []


@pytest.mark.parametrize("body", [b"", b"gone", b'{"error": "unknown"}', b'{"error": 5}', b"[1]"])
def test_a_404_that_is_not_lemmys_word_deletes_nothing(server: LemmyServer, http: HttpClient, body: bytes) -> None:
    connector = of(server)
    pages(connector, http)
    server.override = Told(404, body, {})
    with pytest.raises(FetchError):
        list(connector.recheck([Known("https://lemmy.example/post/5", f"{server.base}/post/5")], http))


def test_credentials_of_an_instance_are_used_and_shown_nowhere(http: HttpClient) -> None:
    with LemmyServer() as server:
        host = server.base.partition("://")[2]
        connector = Lemmy(LemmyOptions(instance=f"http://ann:s3cret@{host}"))
        server.override = Told(400, b'{"error": "instance_is_private"}')
        with pytest.raises(AuthError) as caught:
            list(connector.pull(Question(now=NOW, term="acme"), http))
        assert "s3cret" not in str(caught.value) + connector.address()
        assert server.requests[0].headers["authorization"].startswith("Basic ")


def test_terms_are_tidied_and_asked_once() -> None:
    connector = Lemmy(LemmyOptions(instance="https://lemmy.example/"))
    assert connector.terms(["acme  cloud", "acme cloud", " ", "acme"]) == ["acme cloud", "acme"]
    assert connector.address() == "https://lemmy.example"


def test_a_recorded_shape_is_read_field_by_field(http: HttpClient) -> None:
    with LemmyServer("0.19.5") as server:
        connector = of(server)
        pages(connector, http)
        server.override = Told(200, (DATA / "search_v3.json").read_bytes(), {"Content-Type": "application/json"})
        post, comment = posts(connector, http)
        assert (post.title, post.body, post.markup) == (
            "Acme Cloud, a month in",
            "Fast, but the *invoices* are a maze.",
            "markdown",
        )
        assert (post.source_id, post.ref) == ("https://away.example/post/9120", f"{server.base}/post/180")
        assert post.author == Author("https://away.example/u/rowan", "rowan", "https://away.example/u/rowan")
        assert post.published_at == datetime(2026, 11, 18, 9, 30, 1, 250000, UTC) and post.edited_at is not None
        assert dict(post.reach) == {"points": 12, "likes": 14, "dislikes": 2, "comments": 3} and post.language == "en"
        assert (comment.genre, comment.body, comment.thread) == (
            "comment",
            "Same here: Acme support took *nine days*.",
            post.source_id,
        )
        assert comment.author is not None and comment.author.name == "ivo" and comment.reach["points"] == 5


class _FixedHttp:
    def __init__(self, site: Any, answered: Any) -> None:
        self._bodies = [site, answered]

    def get(self, url: str, **_: Any) -> Any:
        document = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]

        class Fixed(Canned):
            def json(self) -> Any:
                return document

        return Fixed(b"")

    post = listen = get


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
)
_things = st.fixed_dictionaries(
    {"ap_id": st.just("https://a.example/post/1") | _values, "id": st.just(1) | _values},
    optional=dict.fromkeys(
        ("name", "body", "content", "url", "published", "updated_at", "deleted", "language_id"), _values
    ),
)
_views = st.fixed_dictionaries(
    {}, optional={"post": _things | _values, "comment": _things | _values, "counts": _values, "creator": _values}
)


@given(st.sampled_from(["0.19", "1.0"]), st.lists(_views | _values, max_size=3) | _values, _values)
def test_wrong_types_are_bad_answers_and_nothing_else(version: str, views: Any, cursor: Any) -> None:
    document = {"posts": views, "comments": [], "next_page": cursor}
    try:
        list(
            Lemmy(LemmyOptions(instance="https://a.example")).pull(
                Question(now=NOW), _FixedHttp({"version": version}, document)
            )
        )
    except BadAnswer as error:
        assert "\n" not in str(error)
