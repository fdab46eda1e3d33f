"""The Stack Exchange connector against a server that behaves like its API."""

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
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from connectors.stackexchange import StackExchange, StackExchangeOptions
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.loopback import Asked, Loopback, Told
from tests.standins.stackexchange import Entry, StackExchangeServer

DATA = Path(__file__).parent / "data" / "stackexchange"
SECOND = int((NOW - timedelta(days=10)).timestamp())


def entry(sample: Sample, number: int) -> Entry:
    """Every third sample is an answer."""
    assert sample.at is not None
    return Entry(number, sample.text, int(sample.at.timestamp()), question=4 if sample.number % 3 == 0 else 0)


class TestStackExchange(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with StackExchangeServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(*(entry(sample, 1_000 + sample.number) for sample in samples))

            yield World(
                StackExchange(StackExchangeOptions(base_url=server.base_url)),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(1_000 + number, text, int(NOW.timestamp())),
                remove=lambda number: server.hidden.add(1_000 + number),
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"items": {}}',
                    b'{"items": [1]}',
                    b'{"items": [{}]}',
                    b'{"items": [], "has_more": true}',
                    b'{"items": [{"item_type": "question", "question_id": "x", "creation_date": 5}]}',
                    b'{"items": [{"item_type": "answer", "question_id": 5, "creation_date": 5}]}',
                    b'{"items": [{"item_type": "question", "question_id": 5}]}',
                ),
                many=250,
                optional=frozenset(
                    {"owner", "title", "score", "view_count", "answer_count", "last_activity_date", "excerpt", "tags"}
                    | {"quota_max", "quota_remaining", "content_license", "link", "last_edit_date", "reputation"}
                ),
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def connector(server: StackExchangeServer, **options: Any) -> StackExchange:
    return StackExchange(StackExchangeOptions(base_url=server.base_url, **options))


def ask(
    stack: StackExchange, http: HttpClient, cursor: str = "", now: datetime = NOW, term: str = "acme"
) -> list[Page]:
    question = Question(now=now, term=term, cursor=cursor, since=NOW - timedelta(days=30))
    return list(stack.pull(question, http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def methods(server: Loopback) -> list[str]:
    return [asked.path.split("/")[2] for asked in server.requests]


class Recorded(Loopback):
    """Answers each method with the body of a file."""

    def answer(self, asked: Asked) -> Told:
        name = "search_excerpts" if "search" in asked.path else asked.path.split("/")[2]
        return Told(200, (DATA / f"{name}.json").read_bytes(), {"Content-Type": "application/json"})


def test_a_question_and_an_answer_become_posts_field_by_field(http: HttpClient) -> None:
    with Recorded() as server:
        stack = StackExchange(StackExchangeOptions(base_url=f"{server.base}/2.3/", site="superuser"))
        question, answer = posts(ask(stack, http))
    assert question == Post(
        kind="stackexchange",
        source_id="superuser|q|4101",
        url="https://superuser.com/q/4101",
        body="<p>Since the last upgrade <code>acme-cli</code> stops half way and says it can't read its own lock file."
        "</p>\n<p>Very annoying.</p>\n",
        markup="html",
        title="Why can't Acme read its own lock file?",
        author=Author("superuser|5150", "Bo & Co", "https://superuser.com/users/5150", 431),
        published_at=datetime(2026, 11, 17, 10, tzinfo=UTC),
        edited_at=datetime(2026, 11, 17, 10, 10, tzinfo=UTC),
        genre="question",
        language="en",
        thread="superuser|q|4101",
        reach={"score": 2, "views": 118, "answers": 1},
    )
    assert answer == Post(
        kind="stackexchange",
        source_id="superuser|a|4107",
        url="https://superuser.com/a/4107",
        body="<p>Acme leaves it behind when it is killed: delete <code>.lock</code>.</p>\n",
        markup="html",
        author=Author("superuser|user99", "user99"),
        published_at=datetime(2026, 11, 17, 10, 25, tzinfo=UTC),
        genre="answer",
        language="en",
        thread="superuser|q|4101",
        reach={"score": 5},
    )


def test_the_whole_text_is_read_not_the_excerpt(http: HttpClient) -> None:
    text = "one two three four five and only then acme"
    with StackExchangeServer(Entry(1, text, SECOND)) as server:
        (post,) = posts(ask(connector(server), http))
    assert post.body == f"<p>{text}</p>\n"


@pytest.mark.parametrize(
    ("site", "name", "link", "language"),
    [
        ("stackoverflow", "stackoverflow", "https://stackoverflow.com/q/1", "en"),
        ("https://Unix.StackExchange.com/", "unix", "https://unix.stackexchange.com/q/1", ""),
        ("es.stackoverflow.com", "es.stackoverflow", "https://es.stackoverflow.com/q/1", "es"),
        ("ru.stackoverflow", "ru.stackoverflow", "https://ru.stackoverflow.com/q/1", "ru"),
        ("meta.stackexchange.com", "meta.stackexchange", "https://meta.stackexchange.com/q/1", ""),
        ("mathoverflow.net", "mathoverflow.net", "https://mathoverflow.net/q/1", ""),
        ("unix.meta", "unix.meta", "https://unix.meta.stackexchange.com/q/1", ""),
    ],
)
def test_every_spelling_of_a_site_gives_its_own_ids_and_links(
    http: HttpClient, site: str, name: str, link: str, language: str
) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND)) as server:
        (post,) = posts(ask(connector(server, site=site), http))
        assert server.requests[0].params["site"] == name
    assert (post.source_id, post.url, post.language) == (f"{name}|q|1", link, language)


@pytest.mark.parametrize("site", ["", "..", "a b", "https://unix.example/x", "x" * 9 + "/../y"])
def test_what_is_no_site_is_refused_with_the_configuration(site: str) -> None:
    with pytest.raises(ValidationError, match="name of a site"):
        StackExchangeOptions(site=site)


def test_terms_are_phrases_without_doubles() -> None:
    stack = StackExchange(StackExchangeOptions())
    assert list(stack.terms(["acme", "acme  cloud", '"acme"', " ", 'acme "cloud"'])) == ["acme", '"acme cloud"']


def test_what_has_not_changed_is_not_asked_for_again(http: HttpClient) -> None:
    recent = int((NOW - timedelta(hours=2)).timestamp())
    with StackExchangeServer(Entry(1, "acme", recent), Entry(2, "acme", recent, question=1)) as server:
        stack = connector(server)
        cursor = ask(stack, http)[-1].cursor
        assert methods(server) == ["search", "questions", "answers"]
        assert posts(ask(stack, http, cursor)) == [] and methods(server)[3:] == ["search"]
        server.edit(2, "acme mended", recent + 60)
        (post,) = posts(ask(stack, http, cursor))
    assert post.source_id == "stackoverflow|a|2" and post.edited_at == datetime.fromtimestamp(recent + 60, UTC)
    assert methods(server)[4:] == ["search", "answers"]


def test_the_walk_goes_on_by_time_and_never_by_deep_pages(http: HttpClient) -> None:
    entries = [Entry(number, "acme", SECOND + number * 60) for number in range(1, 321)]
    with StackExchangeServer(*entries) as server:
        pages = ask(connector(server), http)
        searches = [asked.params for asked in server.requests if "search" in asked.path]
    assert len(posts(pages)) == 320 and {params["page"] for params in searches} == {"1"}
    assert all(params["pagesize"] == "100" and params["order"] == "asc" for params in searches)


def test_more_posts_of_one_second_than_a_page_holds_are_paged(http: HttpClient) -> None:
    with StackExchangeServer(*(Entry(number, "acme", SECOND) for number in range(1, 251))) as server:
        assert len(posts(ask(connector(server), http))) == 250
        assert [asked.params["page"] for asked in server.requests if "search" in asked.path] == ["1", "1", "2", "3"]


def test_what_is_beyond_the_pages_of_one_pull_is_a_gap_and_comes_with_the_next(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.stackexchange._PAGES", 2)
    with StackExchangeServer(*(Entry(number, "acme", SECOND + number) for number in range(1, 301))) as server:
        stack = connector(server)
        first = ask(stack, http)
        assert [bool(page.gap) for page in first] == [False, True]
        second = ask(stack, http, first[-1].cursor)
    assert {post.source_id for post in posts(first + second)} == {f"stackoverflow|q|{n}" for n in range(1, 301)}
    assert not second[-1].gap


def test_a_post_deleted_meanwhile_is_left_out(http: HttpClient) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND), Entry(2, "acme", SECOND)) as server:
        server.hidden.add(1)
        assert [post.source_id for post in posts(ask(connector(server), http))] == ["stackoverflow|q|2"]


def test_backoff_ends_the_walk_after_what_was_read_and_nothing_is_lost(http: HttpClient) -> None:
    entries = [Entry(number, "acme", SECOND + number) for number in range(1, 151)]
    with StackExchangeServer(*entries) as server:
        server.say["search/excerpts"] = {"backoff": 10}
        stack, read = connector(server), []
        with pytest.raises(RateLimited) as caught:
            for page in stack.pull(Question(now=NOW, term="acme", since=NOW - timedelta(days=30)), http):
                read.append(page)
        assert caught.value.retry_after is not None and caught.value.retry_after >= NOW + timedelta(seconds=10)
        assert len(read) == 1 and read[0].poll_after is not None and read[0].poll_after >= timedelta(seconds=10)
        asked = len(server.requests)
        with pytest.raises(RateLimited):  # another term, the same method
            ask(stack, http, term="other")
        assert len(server.requests) == asked
        server.say.clear()
        rest = ask(stack, http, read[-1].cursor, NOW + timedelta(minutes=15))
    assert len({post.id for post in posts(read + rest)}) == 150


def test_backoff_of_the_last_page_delays_the_next_pull_only(http: HttpClient) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND)) as server:
        server.say["questions"] = {"backoff": 0.5}
        (page,) = ask(connector(server), http)
    assert len(page.posts) == 1 and page.poll_after is not None and page.poll_after >= timedelta(seconds=0.5)


def test_the_last_request_of_the_quota_is_the_last_one_for_a_while(http: HttpClient) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND)) as server:
        server.quota = 2
        stack = connector(server)
        assert len(posts(ask(stack, http))) == 1
        with pytest.raises(RateLimited):
            ask(stack, http)
        assert len(server.requests) == 2
        later = NOW + timedelta(hours=2)
        with pytest.raises(RateLimited) as caught:
            ask(stack, http, now=later)
    assert caught.value.retry_after == later + timedelta(seconds=46_472)


@pytest.mark.parametrize("status", [400, 429])
def test_a_throttle_violation_says_until_when(http: HttpClient, status: int) -> None:
    words = "too many requests from this IP, more requests available in 46472 seconds"
    body = json.dumps({"error_id": 502, "error_name": "throttle_violation", "error_message": words}).encode()
    with StackExchangeServer() as server:
        server.override = Told(status, body, {"Content-Type": "application/json"})
        stack = connector(server)
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                ask(stack, http)
            assert caught.value.retry_after == NOW + timedelta(seconds=46_472)
        assert len(server.requests) == 1
        with pytest.raises(RateLimited):
            list(stack.recheck([Known("stackoverflow|q|1")], http))


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (400, FetchError, "check the site"),
        (401, AuthError, "check the key"),
        (403, AuthError, "check the key"),
        (404, FetchError, "out of order"),
        (406, AuthError, "check the key"),
        (500, FetchError, "out of order"),
        (503, FetchError, "out of order"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_error_is_told_by_its_number_not_by_its_status(
    http: HttpClient, number: int, kind: type[FetchError], says: str, status: int
) -> None:
    body = json.dumps({"error_id": number, "error_name": "x", "error_message": 'it\nis "so"'}).encode()
    with StackExchangeServer() as server:
        server.override = Told(status, body, {"Content-Type": "application/json"})
        with pytest.raises(kind, match=says) as caught:
            ask(connector(server), http)
    assert type(caught.value) is kind and "it is 'so'" in str(caught.value) and "\n" not in str(caught.value)


def test_a_compressed_error_is_read_too(http: HttpClient) -> None:
    with StackExchangeServer() as server, pytest.raises(FetchError, match="No site found for name"):
        ask(connector(server, site="nowhere"), http)


def test_the_key_is_sent_and_never_shown(http: HttpClient) -> None:
    with StackExchangeServer() as server:
        stack = connector(server, key="abc((")
        ask(stack, http)
        assert server.requests[0].params["key"] == "abc((" and "abc((" not in stack.address()


def test_hits_in_another_order_than_asked_for_are_a_bad_answer(http: HttpClient) -> None:
    with StackExchangeServer(*(Entry(number, "acme", SECOND + number) for number in range(1, 151))) as server:
        server.twist = lambda document: {**document, "items": document["items"][::-1]}
        with pytest.raises(BadAnswer, match="order"):
            ask(connector(server), http)


def test_posts_that_are_asked_for_and_left_out_for_want_of_room_are_not_gone(http: HttpClient) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND)) as server:
        server.say["questions"] = {"has_more": True}
        with pytest.raises(BadAnswer, match="has_more"):
            list(connector(server).recheck([Known("stackoverflow|q|1")], http))


def test_a_recheck_asks_for_a_hundred_at_once_and_for_its_own_site_only(http: HttpClient) -> None:
    entries = [Entry(number, "acme", SECOND, question=number % 2) for number in range(1, 251)]
    known = [Known(f"stackoverflow|{'a' if number % 2 else 'q'}|{number}") for number in range(1, 251)]
    with StackExchangeServer(*entries) as server:
        checked = list(connector(server).recheck([*known, Known("superuser|q|1"), Known("nonsense")], http))
        assert methods(server) == ["questions", "questions", "answers", "answers"]
    assert {one.source_id for one in checked} == {one.source_id for one in known}
    assert all(one.post is not None and one.post.source_id == one.source_id for one in checked)


def test_a_recheck_that_is_told_to_back_off_leaves_the_rest_for_later(http: HttpClient) -> None:
    entries = [Entry(number, "acme", SECOND) for number in range(1, 151)]
    with StackExchangeServer(*entries) as server:
        server.say["questions"] = {"backoff": 10}
        known = [Known(f"stackoverflow|q|{number}") for number in range(1, 151)]
        assert len(list(connector(server).recheck(known, http))) == 100


def test_hits_of_which_no_body_can_be_had_are_not_passed_over(http: HttpClient) -> None:
    with StackExchangeServer(*(Entry(number, "acme", SECOND) for number in range(1, 31))) as server:
        server.say["questions"] = {"items": []}
        with pytest.raises(BadAnswer, match="none of 30"):
            ask(connector(server), http)


def test_an_answer_that_knows_none_of_many_posts_has_deleted_none(http: HttpClient) -> None:
    with StackExchangeServer() as server, pytest.raises(BadAnswer, match="none of 20"):
        list(connector(server).recheck([Known(f"stackoverflow|q|{number}") for number in range(1, 21)], http))


@pytest.mark.parametrize(
    "cursor",
    [
        *("nonsense", "{}", "[]", '{"from": "x", "seen": {}}', '{"from": 1, "seen": 3}'),
        *('{"from": 1e400, "seen": {}}', '{"from": 5, "seen": {"q1": 3}}', '{"from": 5, "seen": {"q1": ["a", 3]}}'),
        *('{"from": -5, "seen": {}}', "[" * 9_999),
    ],
)
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str) -> None:
    with StackExchangeServer(Entry(1, "acme", SECOND)) as server:
        assert len(posts(ask(connector(server), http, cursor))) == 1


@given(st.integers(0, 10**10), st.dictionaries(st.text(max_size=4), st.tuples(st.integers(0, 99), st.integers(0, 99))))
def test_a_cursor_survives_the_store(start: int, seen: dict[str, tuple[int, int]]) -> None:
    from connectors.stackexchange import _cursor, _resumed

    kept = {key: times for key, times in seen.items() if times[0] >= start}
    assert _resumed(Question(now=NOW, cursor=_cursor(start, seen))) == (start, kept)
