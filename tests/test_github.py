"""GitHub's search against a server that behaves like it."""

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

from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.fields import Fields
from connectors.github import GitHub, GitHubOptions
from connectors.github_posts import discussion as as_discussion
from connectors.github_posts import issue as as_issue
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.github import TOKEN, GitHubServer, comment, discussion, item, user
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data" / "github"
START = NOW - timedelta(days=10)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def github(server: GitHubServer, **options: Any) -> GitHub:
    return GitHub(GitHubOptions.model_validate({"base_url": server.base, "kinds": ["issue"], **options}))


def ask(connector: GitHub, http: HttpClient, cursor: str = "", now: datetime = NOW) -> list[Page]:
    return list(connector.pull(Question(now=now, term="acme", cursor=cursor, since=START), http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def at(minutes: int) -> datetime:
    return START + timedelta(hours=1, minutes=minutes)


class TestIssues(ConnectorContract):
    @pytest.fixture(params=["issue", "pull-request"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with GitHubServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(item(one.number + 1, one.text, at=one.at, kind=request.param) for one in samples if one.at)
                )

            yield World(
                github(server, kinds=["issue", "pull-request"]),
                http,
                server,
                publish,
                edit=lambda number, text: server.update(number + 1, NOW, title=text),
                remove=lambda number: server.remove(number + 1),
                wrong_shapes=(
                    b"",
                    b"[]",
                    b"{}",
                    b'{"items": {}}',
                    b'{"items": [1]}',
                    b'{"items": [{}]}',
                    b'{"items": [{"node_id": "I_1"}]}',
                    b'{"items": [{"node_id": "I_1", "html_url": "javascript:1"}]}',
                    b'{"items": [{"node_id": "I_1", "html_url": "https://a.b/", "title": 5}]}',
                ),
                late=timedelta(minutes=30),
                optional=frozenset(
                    {"body", "user", "comments", "reactions", "created_at", "updated_at", "url", "total_count", "state"}
                ),
                many=950,
            )


class TestDiscussions(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with GitHubServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                known = {one["id"] for one in server.discussions}
                new = [discussion(one.number, one.text, at=one.at) for one in samples if one.at]
                server.discuss(*{one["id"]: one for one in new if one["id"] not in known}.values())

            def edit(number: int, text: str) -> None:
                (one,) = (one for one in server.discussions if one["title"].startswith(f"acme number {number} "))
                one.update(title=text, updatedAt="2026-11-20T12:10:00Z")

            yield World(
                github(server, kinds=["discussion"], token=TOKEN),
                http,
                server,
                publish,
                edit=edit,
                remove=None,
                wrong_shapes=(
                    b"",
                    b"{}",
                    b'{"data": null}',
                    b'{"data": {}}',
                    b'{"data": {"search": {}}}',
                    b'{"data": {"search": {"edges": [{"node": 5}]}}}',
                    b'{"data": {"search": {"edges": [5]}}}',
                    b'{"data": {"search": {"edges": [{"node": {"id": "D"}}]}}}',
                    b'{"data": null, "errors": [{"type": "INSUFFICIENT_SCOPES", "message": "no"}]}',
                ),
                late=timedelta(minutes=30),
                optional=frozenset({"author", "comments", "reactions", "category", "body", "createdAt", "pageInfo"}),
                many=900,
            )

    def test_a_recheck_tells_what_is_gone_from_what_stands(self, world: World) -> None:
        pytest.skip("discussions are not asked about again")

    test_a_source_in_trouble_has_deleted_nothing = test_a_recheck_tells_what_is_gone_from_what_stands


def test_a_result_becomes_a_post_field_by_field() -> None:
    first, second, third = (
        as_issue(one)
        for one in Fields(json.loads((DATA / "search.json").read_text()), "here").many("items", "a result")
    )
    assert first == Post(
        kind="github",
        source_id="I_kwDOExample12",
        url="https://github.com/example/tool/issues/12",
        body="Since 2.4 the **Acme** sync stops.\r\n\r\n```\ntimeout\n```",
        markup="markdown",
        title="Sync with Acme stops after an hour",
        author=Author("4711", "mira-w", "https://github.com/mira-w"),
        published_at=datetime(2026, 11, 18, 8, tzinfo=UTC),
        edited_at=None,  # "updated_at" is that of the last comment
        thread="https://github.com/example/tool/issues/12",
        reach={"comments": 4, "reactions": 6},
        ref="/repos/example/tool/issues/12",
    )
    assert (second.body, second.author, second.reach) == ("", None, {"comments": 0})
    assert third.author is None  # all deleted accounts are shown as one "ghost"


def test_a_discussion_becomes_a_post_field_by_field(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.override = Told(200, (DATA / "discussions.json").read_bytes())
        asked, other = posts(ask(github(server, kinds=["discussion"], token=TOKEN), http))
    assert asked == Post(
        kind="github",
        source_id="D_kwDOExample1",
        url="https://github.com/example/tool/discussions/31",
        body="Is there *any* guide?",
        markup="markdown",
        title="How do I connect Acme?",
        author=Author("815", "tomk", "https://github.com/tomk"),
        published_at=datetime(2026, 11, 10, 8, tzinfo=UTC),
        edited_at=datetime(2026, 11, 11, 8, tzinfo=UTC),
        genre="question",
        thread="https://github.com/example/tool/discussions/31",
        reach={"upvotes": 3, "comments": 2, "reactions": 1},
    )
    assert (other.genre, other.author, other.edited_at) == ("post", None, None)


def test_issues_and_pull_requests_are_asked_for_separately(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(item(1, "acme", at=at(1)), item(2, "acme", at=at(2), kind="pull-request"))
        connector = github(server, kinds=["issue", "pull-request"], repositories=["a/b", "c/d"], qualifiers="-label:x")
        assert len(posts(ask(connector, http))) == 2
        first, second = server.requests
    asked = '"acme" is:issue (repo:a/b OR repo:c/d) -label:x updated:>=2026-11-10T12:00:00Z'
    assert first.params.pop("advanced_search") == "true"
    assert first.params == {"q": asked, "sort": "updated", "order": "asc", "per_page": "100", "page": "1"}
    assert "is:pull-request" in second.params["q"] and "authorization" not in first.headers
    assert first.headers["accept"] == "application/vnd.github+json"


def test_what_is_updated_while_we_page_is_not_lost(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(number, "acme", at=at(number)) for number in range(1, 301)))
        moves = iter(range(1, 300, 7))
        # One that was read moves to the end: by page numbers the first one of the next page would be skipped.
        server.meanwhile.append(lambda: server.update(next(moves), NOW))
        pages = ask(github(server), http)
    assert len({post.id for post in posts(pages)}) == 300 and not any(page.gap for page in pages)


def test_a_pull_that_comes_to_its_limit_goes_on_right_there(http: HttpClient) -> None:
    with GitHubServer() as server:
        # All within the overlap: to begin before the mark again would be to read the same for ever.
        server.publish(*(item(n, "acme", at=START + timedelta(seconds=n)) for n in range(1, 1_501)))
        first = ask(github(server), http)
        assert "more issues than one pull reads" in first[-1].gap
        second = ask(github(server), http, first[-1].cursor)
    assert len({post.id for post in posts(first + second)}) == 1_500 and not second[-1].gap


def test_a_result_that_moved_since_it_was_indexed_does_not_carry_the_mark_with_it(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(n, "acme", at=at(n)) for n in range(1, 251)))
        # The index still has it in the first page, what is shown of it is newer.
        server.shown_from_elsewhere[50] = {"updated_at": NOW.strftime("%Y-%m-%dT%H:%M:%SZ")}
        pages = github(server).pull(Question(now=NOW, term="acme", since=START), http)
        first = next(pages)  # and the program is killed
        again = ask(github(server), http, first.cursor)
    assert len({post.id for post in posts([first, *again])}) == 250


def test_a_full_page_of_one_second_is_not_left_before_it_is_read(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(n, "acme", at=at(1)) for n in range(1, 251)))
        stopped = json.dumps({"issue": [at(1).isoformat(), False, START.isoformat()]})
        first = next(github(server).pull(Question(now=NOW, term="acme", cursor=stopped, since=START), http))
        again = ask(github(server), http, first.cursor)
    assert len({post.id for post in posts([first, *again])}) == 250


def test_an_absence_longer_than_the_first_pull_reaches_back_loses_nothing(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(item(1, "acme", at=START))
        (page,) = ask(github(server), http, now=START + timedelta(hours=1))
        server.publish(item(2, "acme", at=at(60)))
        # `since` is as far before now as it always is, and now is days later.
        late = Question(now=NOW, term="acme", cursor=page.cursor, since=NOW - timedelta(hours=1))
        assert "I_kw00002" in {post.source_id for post in posts(list(github(server).pull(late, http)))}


def test_comments_below_what_the_next_pull_finds_are_read_from_where_the_walk_began(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(n, "acme", at=at(n)) for n in range(1, 101)))
        server.say(100, comment(11, 100, "early", at=at(2)), comment(12, 100, "and late", at=at(500)))
        connector = github(server, comments=True, token=TOKEN)
        first = ask(connector, http)
        assert first[-1].gap
        second = ask(connector, http, first[-1].cursor)
    assert {"early", "and late"} <= {post.body for post in posts(second)}


def test_more_in_one_second_than_can_be_paged_is_a_gap_and_no_standstill(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(n, "acme", at=at(1)) for n in range(1, 1_201)), item(2_000, "acme", at=at(5)))
        cursor, seen = "", set()
        for _ in range(3):
            pages = ask(github(server), http, cursor)
            cursor = pages[-1].cursor
            seen |= {post.id for post in posts(pages)}
    assert len(seen) == 1_001


def test_results_cut_short_by_a_timeout_do_not_move_the_watermark(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(*(item(number, "acme", at=at(number)) for number in range(1, 9)))
        server.incomplete = True
        (page,) = ask(github(server), http)
        assert len(page.posts) == 4 and page.cursor == "" and "ran out of time" in page.gap
        server.incomplete = False
        assert len(posts(ask(github(server), http, page.cursor))) == 8


def test_a_spent_quota_stops_the_pull_and_keeps_what_was_read() -> None:
    with (
        GitHubServer() as server,
        HttpClient(user_agent="tests", now=lambda: NOW, gap=0.001, allow_private=["127.0.0.1/32"]) as http,
    ):
        server.publish(*(item(number, "acme", at=at(number)) for number in range(1, 400)))
        server.quota, server.resets = 2, int(NOW.timestamp()) + 42
        pages = []
        with pytest.raises(RateLimited) as caught:
            for page in github(server).pull(Question(now=NOW, term="acme", since=START), http):
                pages.append(page)
        assert len(pages) == 2 and caught.value.retry_after == NOW + timedelta(seconds=42)
        assert len(server.requests) == 2
        assert json.loads(pages[-1].cursor)["issue"][1] is False


def test_a_secondary_limit_is_no_question_of_access(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.override = Told(403, b'{"message": "You have exceeded a secondary rate limit. Please wait"}')
        with pytest.raises(RateLimited) as caught:
            ask(github(server), http)
        assert caught.value.retry_after == NOW + timedelta(minutes=1)
        server.override = Told(403, b'{"message": "Resource not accessible by integration"}')
        with pytest.raises(AuthError):
            ask(github(server), http)
        server.override = Told(200, b'{"errors": [{"type": "RATE_LIMITED"}]}')
        with pytest.raises(RateLimited):
            ask(github(server, kinds=["discussion"], token=TOKEN), http)


def test_a_search_that_is_refused_says_what_to_check(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.override = Told(422, b'{"message": "Validation Failed", "errors": [{"message": "secret/repo"}]}')
        with pytest.raises(BadAnswer, match="check repositories and qualifiers") as caught:
            ask(github(server), http)
        assert "secret" not in str(caught.value)


def test_a_token_goes_into_the_header_and_into_no_message(http: HttpClient) -> None:
    with GitHubServer() as server:
        ask(github(server, token=TOKEN), http)
        assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        with pytest.raises(AuthError) as caught:
            ask(github(server, token="ghp_revoked"), http)
        assert "ghp_revoked" not in str(caught.value)


def test_credentials_of_a_proxy_are_shown_nowhere(http: HttpClient) -> None:
    with GitHubServer() as server:
        host = server.base.partition("://")[2]
        connector = github(server, base_url=f"http://ann:s3cret@{host}")
        server.override = Told(422, b"{}")
        with pytest.raises(BadAnswer) as caught:
            ask(connector, http)
        assert "s3cret" not in str(caught.value) + connector.address()
        assert server.requests[0].headers["authorization"].startswith("Basic ")


def test_new_comments_below_what_is_found_are_read_on_request(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(item(1, "acme", at=at(1)), item(2, "acme", at=at(2)))
        connector = github(server, comments=True, token=TOKEN, overlap_hours=0)
        server.say(1, comment(11, 1, "works for me", at=at(3)), comment(12, 1, "not here", at=at(4), edited=at(9)))
        pages = ask(connector, http)
        first, second = (post for post in posts(pages) if post.genre == "comment")
        assert (first.body, first.thread, first.edited_at) == (
            "works for me",
            "https://github.com/acme/app/issues/1",
            None,
        )
        assert second.edited_at == at(9) and second.reach == {"reactions": 2}
        assert sum(one.path.endswith("/comments") for one in server.requests) == 1  # the other has none
        server.say(1, comment(13, 1, "late", at=NOW - timedelta(minutes=5)))
        again = [post.body for post in posts(ask(connector, http, pages[-1].cursor)) if post.genre == "comment"]
        assert again == ["not here", "late"]  # from the second of the last update on
        known = [Known(post.source_id, post.ref) for post in posts(pages)]
        assert [one.post is None for one in connector.recheck(known, http)] == [False] * 4


def test_more_comments_below_one_issue_than_are_read_are_a_gap(http: HttpClient) -> None:
    with GitHubServer() as server:
        server.publish(item(1, "acme", at=at(1)))
        server.say(1, *(comment(number, 1, "me too", at=at(2)) for number in range(350)))
        (page,) = ask(github(server, comments=True, token=TOKEN), http)
        assert len(page.posts) == 301 and "more new comments below one issue" in page.gap


def test_only_githubs_own_words_make_a_post_gone(http: HttpClient) -> None:
    known = [Known("I_kw00001", "/repos/acme/app/issues/1"), Known("D_kw00001"), Known("x", "/../user")]
    with GitHubServer() as server:
        connector = github(server)
        assert [(one.source_id, one.post) for one in connector.recheck(known, http)] == [("I_kw00001", None)]
        server.publish(item(1, "acme", at=at(1), node_id="another"))  # another issue by now
        assert not list(connector.recheck(known, http))
        server.override = Told(404, b"<html>Not Found</html>")
        with pytest.raises(FetchError):
            list(connector.recheck(known, http))


@pytest.mark.parametrize(
    "options", [{"kinds": ["discussion"]}, {"comments": True}, {"repositories": ["nobody"]}, {"kinds": []}]
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GitHubOptions.model_validate(options)


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '{"issue": 5}', '{"issue": ["x", 1]}', '{"issue": [5, true]}'])
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str) -> None:
    with GitHubServer() as server:
        server.publish(item(1, "acme", at=at(1), user=user("bo", 8)))
        assert len(posts(ask(github(server), http, cursor))) == 1


def test_terms_are_asked_once_each() -> None:
    assert GitHub(GitHubOptions()).terms(["Acme", "acme", ' "" ', "acme cloud"]) == ["Acme", "acme cloud"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["login", "id", "total_count"]), inner),
)
_names = ("node_id", "id", "html_url", "url", "title", "body", "user", "author", "created_at", "comments", "reactions")


@given(st.dictionaries(st.sampled_from(_names), _values))
def test_wrong_types_are_bad_answers_and_nothing_else(values: dict[str, Any]) -> None:
    for read in (as_issue, as_discussion):
        try:
            read(Fields({"node_id": "I", "id": "D", "html_url": "https://a.b/", **values}, "here"))
        except BadAnswer as error:
            assert "\n" not in str(error)
