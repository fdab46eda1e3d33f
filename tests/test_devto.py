"""The dev.to connector against a server that behaves like a Forem."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.devto import DevTo, DevToOptions, tag_of
from connectors.errors import BadAnswer, FetchError
from connectors.fields import Fields
from connectors.http import HttpClient
from connectors.post import Author, Checked, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.devto import DevToServer, article, comment
from tests.standins.loopback import Asked, Told

DATA = Path(__file__).parent / "data" / "devto"
HOUR = timedelta(hours=1)
SINCE = NOW - timedelta(days=30)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


@pytest.fixture
def server() -> Iterator[DevToServer]:
    with DevToServer(now=NOW) as forem:
        yield forem


def pull(server: DevToServer, http: HttpClient, cursor: str = "", **options: Any) -> list[Page]:
    connector = DevTo(DevToOptions(base_url=server.base, **options))
    return list(connector.pull(Question(now=NOW, term="acme", cursor=cursor, since=SINCE), http))


def posts(pages: Sequence[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def ends(found: Sequence[Post]) -> list[str]:
    return [post.source_id.partition("/")[2] for post in found]


class TestDevTo(ConnectorContract):
    @pytest.fixture(params=[1_000, 30])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with DevToServer(now=NOW, largest_page=request.param) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(article(one.number, one.text, tags=["acme"], at=one.at) for one in samples if one.at is not None)
                )

            yield World(
                DevTo(DevToOptions(base_url=server.base)),
                http,
                server,
                publish,
                edit=server.edit,
                remove=server.remove,
                wrong_shapes=(
                    b"",
                    b"{}",
                    b'{"error": "not found"}',
                    b"[1]",
                    b"[{}]",
                    b'[{"id": 1, "title": 2}]',
                    b'[{"id": 1, "user": []}]',
                ),
                many=130,
                optional=frozenset({"user", "description", "edited_at", "language", "tags", "public_reactions_count"}),
            )


def test_an_article_becomes_a_post_field_by_field(http: HttpClient, server: DevToServer) -> None:
    server.override = Told(200, (DATA / "articles.json").read_bytes())
    (post,) = pull(server, http, comments=False)[0].posts
    host = server.base.removeprefix("http://")
    assert post == Post(
        kind="devto",
        source_id=f"{host}/a/900123",
        url="https://dev.to/heidi/why-our-kettle-calls-home-1a2b",
        body="We opened an Acme kettle & looked inside.\n#acme #iot",
        title="Why our kettle calls home",
        author=Author("4711", "Heidi vom Berg", f"{server.base}/heidi"),
        published_at=datetime(2026, 11, 18, 7, 30, tzinfo=UTC),
        edited_at=datetime(2026, 11, 18, 9, tzinfo=UTC),
        language="en",
        thread=f"{host}/a/900123",
        reach={"likes": 17, "comments": 3},
    )
    asked = server.requests[0]
    assert asked.headers["accept"] == "application/vnd.forem.api-v1+json"
    assert asked.params == {"tag": "acme", "top": "30", "per_page": "100", "page": "1"}


def test_comments_become_posts_field_by_field(http: HttpClient, server: DevToServer) -> None:
    server.publish(article(5, "Kettles", tags=["acme"], at=NOW - HOUR))
    server.say(5, *json.loads((DATA / "comments.json").read_bytes()))
    found = posts(pull(server, http))
    host = server.base.removeprefix("http://")
    assert found[1:] == [
        Post("devto", f"{host}/c/2f01c", "", "", deleted=True),
        Post(
            kind="devto",
            source_id=f"{host}/c/2f00b",
            url=f"{server.base}/bo_1/comment/2f00b",
            body="<p>Mine <em>leaks</em> as well.</p>\n\n",
            markup="html",
            author=Author("12", "Bo", f"{server.base}/bo_1"),
            published_at=datetime(2026, 11, 18, 10, tzinfo=UTC),
            genre="comment",
            thread=f"{host}/a/5",
            ref="5",
        ),
    ]


def test_an_article_that_is_gone_while_it_is_listed_hides_no_other_discussion(
    http: HttpClient, server: DevToServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (5, 6, 7):
        server.publish(article(number, "Kettles", tags=["acme"], at=NOW - HOUR))
        server.say(number, *json.loads((DATA / "comments.json").read_bytes()))
    answer = server.answer

    def without_six(asked: Asked) -> Told:
        if asked.params.get("a_id") == "6":
            return Told(404, b'{"error": "not found", "status": 404}', {"Content-Type": "application/json"})
        return answer(asked)

    monkeypatch.setattr(server, "answer", without_six)
    assert {post.thread.rpartition("/")[2] for page in pull(server, http) for post in page.posts[1:]} >= {"5", "7"}


@pytest.mark.parametrize(("text", "tag"), [("Acme Cloud", "acmecloud"), ("AT&T", "att"), ("#a_b", "ab"), ("c++", "")])
def test_a_term_becomes_a_tag(text: str, tag: str) -> None:
    assert tag_of(text) == tag


def test_the_terms_are_the_tags() -> None:
    assert DevTo(DevToOptions()).terms(["acme cloud", "AcmeCloud", "c++"]) == ["acmecloud"]
    assert DevTo(DevToOptions(tags=["Kettle"])).terms(["acme"]) == ["kettle"]
    with pytest.raises(ValidationError):
        DevToOptions(tags=["+"])


def test_a_discussion_is_read_again_only_when_its_count_has_changed(http: HttpClient, server: DevToServer) -> None:
    server.publish(*(article(number, "Kettle", tags=["acme"], at=NOW - HOUR * number) for number in (1, 2, 3)))
    first, second = comment("c1", "It leaks", NOW - HOUR / 2), comment("c2", "It drips", NOW - HOUR / 3)
    server.say(1, first)
    server.say(2, second)
    pages = pull(server, http)
    assert ends(posts(pages))[:3] == ["a/3", "a/2", "a/1"] and set(ends(posts(pages))[3:]) == {"c/c1", "c/c2"}
    server.say(1, comment("c1", "It leaks", NOW - HOUR / 2, comment("c3", "Mine too", NOW)))
    server.requests.clear()
    pages = pull(server, http, pages[-1].cursor)
    assert ends(posts(pages))[3:] == ["c/c1", "c/c3"]
    assert [one.params["a_id"] for one in server.requests if one.path == "/api/comments"] == ["1"]
    server.requests.clear()
    pull(server, http, pages[-1].cursor)
    assert [one.path for one in server.requests] == ["/api/articles"]


def test_a_comment_that_was_deleted_comes_again_as_deleted(http: HttpClient, server: DevToServer) -> None:
    server.publish(article(1, "Kettle", tags=["acme"], at=NOW - HOUR))
    server.say(1, comment("c1", "It leaks", NOW - HOUR / 2))
    cursor = pull(server, http)[-1].cursor
    server.say(1, comment("c1", "[deleted]", NOW - HOUR / 2, comment("c2", "Why?", NOW), user={}))
    found = posts(pull(server, http, cursor))[1:]
    assert [(post.source_id[-2:], post.deleted) for post in found] == [("c1", True), ("c2", False)]


def test_more_discussions_than_one_pull_reads_are_left_for_the_next(http: HttpClient, server: DevToServer) -> None:
    for number in range(1, 36):
        server.publish(article(number, "Kettle", tags=["acme"], at=NOW - HOUR))
        server.say(number, comment(f"c{number}", "It leaks", NOW - HOUR / 2))
    first = pull(server, http)
    assert len(posts(first)) == 35 + 30 and "5 more discussions" in first[-1].gap
    second = pull(server, http, first[-1].cursor)
    assert len(posts(second)) == 35 + 5 and not any(page.gap for page in second)


def test_a_pull_that_is_killed_among_discussions_reads_the_others_next(http: HttpClient, server: DevToServer) -> None:
    for number in (1, 2):
        server.publish(article(number, "Kettle", tags=["acme"], at=NOW - HOUR))
        server.say(number, comment(f"c{number}", "It leaks", NOW - HOUR / 2))
    first = pull(server, http)
    second = pull(server, http, first[1].cursor)
    assert len(first) == 3 and {*ends(posts(first[:2])), *ends(posts(second))} == {"a/1", "a/2", "c/c1", "c/c2"}
    assert len(posts(second)) == 3


def test_a_guarded_tag_that_lists_everything_is_not_read_to_its_end(http: HttpClient, server: DevToServer) -> None:
    server.guarded = {"acme"}
    server.publish(*(article(number, "Kettle", tags=["acme"], at=NOW - number * HOUR) for number in range(1, 2_000)))
    found = posts(pull(server, http))
    assert len({post.id for post in found}) == len(found) and 24 * 30 <= len(found) < 24 * 33
    assert len(server.requests) <= 9


def test_the_next_pull_asks_for_the_overlap_only(http: HttpClient, server: DevToServer) -> None:
    server.publish(article(1, "Kettle", tags=["acme"], at=NOW - 5 * HOUR))
    cursor = pull(server, http)[-1].cursor
    pull(server, http, cursor)
    assert server.requests[-1].params["top"] == "4"


def test_a_recheck_tells_deleted_comments_and_leaves_other_forems_alone(http: HttpClient, server: DevToServer) -> None:
    server.publish(article(1, "Kettle", tags=["acme"], at=NOW - HOUR))
    server.say(1, comment("c1", "It leaks", NOW - HOUR / 2), comment("c2", "It drips", NOW - HOUR / 3))
    found = posts(pull(server, http))
    server.say(1, comment("c1", "[deleted]", NOW - HOUR / 2, user={}), comment("c2", "It drips", NOW - HOUR / 3))
    known = [Known(post.source_id, post.ref) for post in found] + [Known("elsewhere.example/a/1")]
    checked = {one.source_id: one.post for one in DevTo(DevToOptions(base_url=server.base)).recheck(known, http)}
    assert checked == {post.source_id: None if post.source_id.endswith("c1") else post for post in found}


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"error": "no route"}', b'{"status": 404}'])
def test_only_the_forems_own_word_makes_a_post_gone(body: bytes, http: HttpClient, server: DevToServer) -> None:
    connector = DevTo(DevToOptions(base_url=server.base))
    known = [Known(f"{server.base.removeprefix('http://')}/a/7")]
    assert list(connector.recheck(known, http)) == [Checked(known[0].source_id)]
    server.override = Told(404, body)
    with pytest.raises(FetchError):
        list(connector.recheck(known, http))


@pytest.mark.parametrize("cursor", ["x", "{}", "[]", "null", '{"until": "x"}', '{"until": 1e300}'])
def test_a_foreign_cursor_reads_everything_again(cursor: str, http: HttpClient, server: DevToServer) -> None:
    server.publish(article(1, "Kettle", tags=["acme"], at=NOW - timedelta(days=20)))
    assert len(posts(pull(server, http, cursor))) == 1


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["username", "user_id"]), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "id_code", "title", "user", "tag_list", "tags", "created_at", "body_html", "children"]),
        _values,
    )
)
def test_wrong_types_are_bad_answers_and_nothing_else(answered: dict[str, Any]) -> None:
    connector = DevTo(DevToOptions())
    for read in (connector._article, lambda found: connector._said([found], "1")):
        try:
            read(Fields(answered, "here"))
        except BadAnswer as error:
            assert "\n" not in str(error)
