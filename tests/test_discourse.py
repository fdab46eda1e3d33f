"""The Discourse connector against a server that behaves like a forum."""

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

from connectors.discourse import Discourse, DiscourseOptions
from connectors.errors import AuthError, BadAnswer, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.discourse import DiscourseServer, Message, minutes
from tests.standins.loopback import Asked, Loopback, Told

DATA = Path(__file__).parent / "data" / "discourse"
START = NOW - timedelta(days=10)
_KEYLESS = frozenset({"name", "user_id", "updated_at", "version", "raw", "reads", "actions_summary", "trust_level"})
OPTIONAL = _KEYLESS | {
    "post_type",
    "staff",
    "hidden",
    "deleted_at",
    "user_deleted",
    "score",
    "reply_count",
    "topic_slug",
}


def message(sample: Sample) -> Message:
    """Every second sample begins a topic of its own."""
    first = sample.number % 2 == 0
    number = 500 + sample.number
    return Message(
        number,
        "" if first else sample.text,
        sample.at,
        topic=number if first else 11,
        place=1 if first else 2,
        title=sample.text if first else "Something else",
    )


def world(http: HttpClient, server: DiscourseServer, mode: str, **more: Any) -> World:
    def publish(samples: Sequence[Sample]) -> None:
        server.publish(*map(message, samples))

    return World(
        Discourse(DiscourseOptions.model_validate({"url": server.base, "mode": mode})),
        http,
        server,
        publish,
        remove=lambda number: server.change(500 + number, gone=True),
        **more,
    )


class TestWholeForum(ConnectorContract):
    @pytest.fixture(params=[False, True])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with DiscourseServer(old=request.param) as server, visitor() as http:
            yield world(
                http,
                server,
                "posts",
                edit=lambda number, text: server.change(500 + number, text=text, edited=NOW),
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"latest_posts": {}}',
                    b'{"latest_posts": [1]}',
                    b'{"latest_posts": [{}]}',
                    b'{"latest_posts": [{"id": 1, "topic_id": 2}]}',
                    b'{"latest_posts": [{"id": 1, "cooked": "x"}]}',
                    b'{"latest_posts": [{"id": 1, "topic_id": 2, "cooked": 3}]}',
                ),
                undated=True,
                optional=OPTIONAL,
            )


class TestSearch(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with DiscourseServer() as server, visitor() as http:
            yield world(
                http,
                server,
                "search",
                many=45,
                wrong_shapes=(
                    b"null",
                    b"{}",
                    b'{"posts": []}',
                    b'{"grouped_search_result": {}}',
                    b'{"posts": [{}], "grouped_search_result": {}}',
                    b'{"posts": [{"id": "x"}], "grouped_search_result": {}}',
                ),
                optional=OPTIONAL | {"topics", "users", "term", "post_ids", "blurb", "like_count", "created_at"},
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def connector(server: Loopback, **options: Any) -> Discourse:
    return Discourse(DiscourseOptions.model_validate({"url": server.base, **options}))


def ask(forum: Discourse, http: HttpClient, cursor: str = "", term: str = "acme", now: datetime = NOW) -> list[Page]:
    return list(forum.pull(Question(now=now, term=term, cursor=cursor, since=NOW - timedelta(days=30)), http))


def posts(pages: Sequence[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def numbers(pages: Sequence[Page]) -> list[int]:
    return [int(post.source_id.split("|")[1]) for post in posts(pages)]


class Recorded(Loopback):
    def answer(self, asked: Asked) -> Told:
        below = int(asked.params.get("before", 1_000)) <= 901
        body = b'{"latest_posts": []}' if below else (DATA / "posts.json").read_bytes()
        return Told(200, body, {"Content-Type": "application/json"})


def test_a_first_post_and_a_reply_become_posts_field_by_field(http: HttpClient) -> None:
    with Recorded() as server:
        first, reply = posts(ask(connector(server), http))
    home, forum = server.base, server.base.removeprefix("http://")
    assert first == Post(
        kind="discourse",
        source_id=f"{forum}|901",
        url=f"{home}/t/77/1",
        body="<p>Every time I switch windows &amp; come back, my draft is gone.</p>",
        markup="html",
        title="Acme loses my drafts & <my> patience",
        author=Author(f"{forum}|58", "zoë", f"{home}/u/zo%C3%AB"),
        published_at=datetime(2026, 11, 18, 8, tzinfo=UTC),
        genre="post",
        thread=f"{forum}|77",
        reach={"replies": 2, "reads": 40, "trust_level": 0},
        ref="77",
    )
    assert reply == Post(
        kind="discourse",
        source_id=f"{forum}|902",
        url=f"{home}/t/77/2",
        body="<p>Sorry about that! Fixed in <strong>3.2</strong>.</p>",
        markup="html",
        author=Author(f"{forum}|3", "Kim of Acme", f"{home}/u/kim"),
        published_at=datetime(2026, 11, 18, 9, 10, 7, 971_000, tzinfo=UTC),
        edited_at=datetime(2026, 11, 18, 9, 12, tzinfo=UTC),
        genre="comment",
        thread=f"{forum}|77",
        reach={"likes": 6, "replies": 1, "reads": 31, "trust_level": 4, "staff": 1},
    )


def test_what_no_visitor_wrote_or_may_read_is_no_post(http: HttpClient) -> None:
    odd = [{"post_type": 3}, {"post_type": 4}, {"hidden": True}, {"cooked_hidden": True, "cooked": "was flagged"}]
    messages = [Message(number, "acme", START, more=more) for number, more in enumerate(odd, 1)]
    with DiscourseServer(*messages, Message(9, "acme", START)) as server:
        assert numbers(ask(connector(server), http)) == [9]


@pytest.mark.parametrize("more", [{"user_deleted": True}, {"deleted_at": "2026-11-19T10:00:00.000Z"}])
def test_a_post_withdrawn_by_its_author_is_deleted(http: HttpClient, more: dict[str, Any]) -> None:
    with DiscourseServer(Message(1, "(post deleted by author)", START, more=more)) as server:
        (post,) = posts(ask(connector(server), http))
        assert post.deleted and post.body == ""
        (checked,) = connector(server).recheck([Known(post.source_id)], http)
    assert checked.post is None and checked.source_id == post.source_id


def test_likes_that_touch_the_time_of_change_are_no_edit(http: HttpClient) -> None:
    with DiscourseServer(Message(1, "acme", START, more={"updated_at": "2026-11-19T10:00:00.000Z"})) as server:
        (post,) = posts(ask(connector(server), http))
    assert post.edited_at is None


@pytest.mark.parametrize("old", [False, True])
def test_a_quiet_pull_is_one_request_and_shows_the_edits_of_the_newest(http: HttpClient, old: bool) -> None:
    with DiscourseServer(*minutes(120, START), old=old) as server:
        forum = connector(server)
        cursor = ask(forum, http)[-1].cursor
        assert json.loads(cursor) == {"read": 120, "top": 0, "below": 0}
        asked = len(server.requests)
        server.change(110, text="acme, mended", edited=NOW)
        bodies = [post.body for post in posts(ask(forum, http, cursor))]
        assert len(server.requests) == asked + 1 and "<p>acme, mended</p>" in bodies


@pytest.mark.parametrize("old", [False, True])
def test_ids_that_visitors_may_not_see_hide_nothing_below_them(http: HttpClient, old: bool) -> None:
    messages = [Message(number, "acme", START, private=60 < number < 400) for number in range(1, 410)]
    with DiscourseServer(*messages, old=old) as server:
        pages = ask(connector(server), http)
        assert sorted(numbers(pages)) == [*range(1, 61), *range(400, 410)]


@pytest.mark.parametrize(("old", "asked"), [(False, 3), (True, 40)])
def test_a_small_public_part_of_a_large_forum_is_read_in_few_requests_where_the_forum_allows(
    http: HttpClient, old: bool, asked: int
) -> None:
    with DiscourseServer(*(Message(number, "acme", START) for number in (2_001, 2_002)), old=old) as server:
        pages = ask(connector(server), http)
        assert numbers(pages) == [2_001, 2_002] and len(server.requests) == asked


def test_the_first_pull_goes_no_further_back_than_it_is_asked_to(http: HttpClient) -> None:
    old = [Message(number, "acme", NOW - timedelta(days=400 - number)) for number in range(1, 400)]
    with DiscourseServer(*old) as server:
        read = numbers(ask(connector(server), http))
        assert len(server.requests) == 2
    assert read[0] == 300 and read[-1] == 399


def test_more_than_one_pull_reads_is_a_gap_and_comes_with_the_next_ones(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.discourse_walk._ANSWERS", 4)
    monkeypatch.setattr("connectors.discourse_walk._ASKED", 3)
    cursor, read = "", list[int]()
    with DiscourseServer(*minutes(500, START)) as server:
        forum = connector(server)
        first = ask(forum, http)
        assert [len(page.posts) for page in first] == [150, 50] and "goes on below 301" in first[-1].gap
        read, cursor = numbers(first), first[-1].cursor
        server.publish(*(Message(number, "acme", NOW) for number in range(501, 521)))  # while it catches up
        for _ in range(4):
            pages = ask(forum, http, cursor)
            read, cursor = read + numbers(pages), pages[-1].cursor
    assert set(read) == set(range(1, 521)) and not pages[-1].gap


def test_a_forum_that_lost_its_newest_posts_is_read_on(http: HttpClient) -> None:
    with DiscourseServer(*minutes(100, START)) as server:
        forum = connector(server)
        cursor = ask(forum, http)[-1].cursor
        for number in range(41, 101):
            server.change(number, gone=True)
        cursor = ask(forum, http, cursor)[-1].cursor
        server.publish(*(Message(number, "acme again", NOW) for number in range(200, 290)))
        assert set(numbers(ask(forum, http, cursor))) >= set(range(200, 290))


def test_trouble_in_the_middle_keeps_what_was_read_before(http: HttpClient) -> None:
    class Tired(DiscourseServer):
        left = 3

        def answer(self, asked: Asked) -> Told:
            self.left -= 1
            return super().answer(asked) if self.left >= 0 else Told(429, b"{}", {"Retry-After": "10"})

    with Tired(*minutes(300, START)) as server:
        forum, read = connector(server), list[Page]()
        with pytest.raises(RateLimited):
            for page in forum.pull(Question(now=NOW, since=START), http):
                read.append(page)
        assert len(posts(read)) == 150
        server.left = 100
        rest = ask(forum, http, read[-1].cursor)
    assert set(numbers(read) + numbers(rest)) == set(range(1, 301))


@pytest.mark.parametrize("mode", ["posts", "search"])
def test_a_forum_for_members_says_what_to_do_and_opens_with_a_key(http: HttpClient, mode: str) -> None:
    with DiscourseServer(Message(1, "acme", START), members_only=True) as server:
        with pytest.raises(AuthError, match="api_key and api_user"):
            ask(connector(server, mode=mode), http)
        assert numbers(ask(connector(server, mode=mode, api_key="secret", api_user="bot"), http)) == [1]
        assert not any("secret" in str(asked.params) for asked in server.requests)


@pytest.mark.parametrize("half", [{"api_key": "secret"}, {"api_user": "bot"}, {"api_key": "", "api_user": "bot"}])
def test_half_a_key_is_a_mistake_of_the_configuration(half: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="belong together") as caught:
        DiscourseOptions.model_validate({"url": "https://forum.example", **half})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown", "forum"),
    [
        ("https://Forum.Example/", "https://forum.example", "forum.example|1"),
        ("https://a:b@x.example/talk/", "https://x.example/talk", "x.example/talk|1"),
    ],
)
def test_a_forum_in_a_folder_or_behind_a_password_has_plain_links(url: str, shown: str, forum: str) -> None:
    from connectors.fields import Fields

    it = Discourse(DiscourseOptions(url=url))
    post = it.post(Fields({"id": 1, "topic_id": 2, "post_number": 3, "cooked": "x", "username": "a/b"}, "here"))
    assert it.address() == shown and post is not None and post.author is not None
    assert (post.url, post.source_id, post.author.url) == (f"{shown}/t/2/3", forum, f"{shown}/u/a%2Fb")


def test_a_throttle_in_the_forums_own_words_says_until_when(http: HttpClient) -> None:
    with DiscourseServer() as server:
        server.searches = 0
        with pytest.raises(RateLimited) as caught:
            ask(connector(server, mode="search"), http)
    assert caught.value.retry_after == NOW + timedelta(seconds=37)


def test_a_forum_too_busy_to_search_has_not_found_nothing(http: HttpClient) -> None:
    with DiscourseServer() as server:
        server.busy = "We are under extreme load."
        with pytest.raises(FetchError, match="extreme load"):
            ask(connector(server, mode="search"), http)


def test_terms_too_short_to_search_are_left_out() -> None:
    forum = Discourse(DiscourseOptions(url="https://forum.example", mode="search"))
    assert list(forum.terms(["ab", "acme", "acme  one", "語", "c++", "acme", "user:x"])) == [
        *("acme", '"acme one"', "語", "c++", '"user x"')
    ]
    assert list(Discourse(DiscourseOptions(url="https://forum.example")).terms(["acme"])) == [""]


def test_a_search_reads_whole_posts_with_their_topics_title(http: HttpClient) -> None:
    long = Message(3, "a very long text in which acme comes late", START, topic=5, place=1, title="Long & short")
    with DiscourseServer(long) as server:
        (post,) = posts(ask(connector(server, mode="search"), http))
        assert server.requests[0].params["q"] == "acme order:latest after:2026-10-20"
    assert (post.title, post.body) == ("Long & short", "<p>a very long text in which acme comes late</p>")


def test_both_ways_to_read_a_forum_give_the_same_posts(http: HttpClient) -> None:
    messages = [Message(1, "acme", START, topic=4, place=1, title="One"), Message(2, "acme", START, topic=4)]
    with DiscourseServer(*messages) as server:
        assert posts(ask(connector(server), http)) == posts(ask(connector(server, mode="search"), http))


def test_a_search_asks_for_each_post_once(http: HttpClient) -> None:
    with DiscourseServer(*(Message(n, "acme", NOW - timedelta(hours=1)) for n in range(1, 4))) as server:
        forum = connector(server, mode="search")
        cursor = ask(forum, http)[-1].cursor
        server.publish(Message(9, "acme", NOW))
        assert numbers(ask(forum, http, cursor)) == [9]
        assert [asked.path for asked in server.requests[4:]] == ["/search.json", "/posts/9.json"]


def test_a_hit_that_went_private_or_away_meanwhile_is_left_out(http: HttpClient) -> None:
    class Slow(DiscourseServer):
        def answer(self, asked: Asked) -> Told:
            said = super().answer(asked)
            if asked.path == "/search.json":
                self.change(1, gone=True)
                self.change(2, private=True)
            return said

    with Slow(*(Message(n, "acme", START) for n in (1, 2, 3))) as server:
        assert numbers(ask(connector(server, mode="search"), http)) == [3]


def test_a_search_with_more_hits_than_it_shows_goes_on_below_them(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.discourse_search._PAGES", 2)
    daily = [Message(n, "acme", NOW - timedelta(days=30 - n // 2)) for n in range(1, 61)]
    with DiscourseServer(*daily) as server:
        server.per_page = 10
        forum, cursor, read, gaps = connector(server, mode="search"), "", list[int](), list[str]()
        for _ in range(5):
            pages = ask(forum, http, cursor)
            read, cursor, gaps = read + numbers(pages), pages[-1].cursor, [*gaps, pages[-1].gap]
        assert set(read) == set(range(1, 61)) and len(read) == len(set(read))
        assert [bool(gap) for gap in gaps] == [True, True, True, False, False]
        server.publish(Message(99, "acme", NOW))
        assert numbers(ask(forum, http, cursor)) == [99]


def test_more_hits_on_one_day_than_are_shown_are_a_gap_that_says_which_day(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.discourse_search._PAGES", 2)
    with DiscourseServer(*(Message(n, "acme", START) for n in range(1, 31))) as server:
        server.per_page = 10
        forum = connector(server, mode="search")
        first = ask(forum, http)[-1]
        second = ask(forum, http, first.cursor)[-1]
    assert "before 2026-11-11" in first.gap and "2026-11-10" in second.gap and "missing" in second.gap


def test_a_throttle_in_the_middle_of_a_day_skips_nothing_of_it(http: HttpClient) -> None:
    with DiscourseServer(*(Message(n, "acme", START) for n in range(1, 31))) as server:
        server.per_page = 10
        forum, cursor, read = connector(server, mode="search"), "", list[Page]()
        for searches in (1, 1, 10):
            server.searches = searches
            question = Question(now=NOW, term="acme", cursor=cursor, since=START)
            try:
                for page in forum.pull(question, http):
                    read.append(page)
                    cursor = page.cursor or cursor
            except RateLimited:
                continue
    assert sorted(numbers(read)) == list(range(1, 31)) and not read[-1].gap


def test_more_new_hits_than_one_pull_asks_for_come_with_the_next(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.discourse_search._POSTS", 30)
    with DiscourseServer(*minutes(45, START)) as server:
        forum = connector(server, mode="search")
        first = ask(forum, http)
        assert "45 new hits" in first[-1].gap and len(posts(first)) == 30
        second = ask(forum, http, [page.cursor for page in first if page.cursor][-1])
    assert numbers(first + second) == list(range(1, 46)) and not second[-1].gap


def test_a_search_with_more_hits_than_it_remembers_comes_to_its_end(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_PAGES": 2, "_POSTS": 8, "_BATCH": 4, "_REMEMBERED": 24}.items():
        monkeypatch.setattr(f"connectors.discourse_search.{name}", value)
    daily = [Message(n, "acme", NOW - timedelta(days=30 - n // 4)) for n in range(1, 113)]
    with DiscourseServer(*daily) as server:
        server.per_page = 10
        forum, cursor, read = connector(server, mode="search"), "", set[int]()
        for _ in range(30):
            pages = ask(forum, http, cursor)
            read |= set(numbers(pages))
            cursor = [page.cursor for page in pages if page.cursor][-1]
    assert read == set(range(1, 113))


def test_a_search_throttled_on_a_later_page_keeps_the_earlier_ones(http: HttpClient) -> None:
    with DiscourseServer(*minutes(120, START)) as server:
        server.searches = 1
        read = []
        with pytest.raises(RateLimited):
            for page in connector(server, mode="search").pull(Question(now=NOW, term="acme", since=START), http):
                read.append(page)
    assert numbers(read) == list(range(71, 121)) and "goes on before" in read[-1].gap


def test_a_recheck_takes_the_forums_word_for_gone_and_nobody_elses(http: HttpClient) -> None:
    first, private = Message(1, "acme", START, topic=4, place=1), Message(2, "acme", START, private=True)
    with DiscourseServer(first, private, Message(3, "acme", START, gone=True)) as server:
        name = server.base.removeprefix("http://")
        known = [Known(f"{name}|1", "4"), Known(f"{name}|2"), Known(f"{name}|3"), Known("other.example|1")]
        checked = list(connector(server).recheck([*known, Known(f"{name}|8", "88")], http))
        assert [(one.source_id, one.post is None) for one in checked] == [
            (f"{name}|1", False),
            (f"{name}|3", True),
            (f"{name}|8", True),
        ]
        for status in (404, 410):
            server.override = Told(status, b"<html>parked</html>", {"Content-Type": "text/html"})
            with pytest.raises(FetchError):
                list(connector(server).recheck(known, http))


def test_a_first_post_that_moved_to_another_topic_is_not_gone(http: HttpClient) -> None:
    with DiscourseServer(Message(1, "acme", START, topic=4, place=1)) as server:
        known = [Known(f"{server.base.removeprefix('http://')}|2", "4")]
        assert list(connector(server).recheck(known, http)) == []


@pytest.mark.parametrize("mode", ["posts", "search"])
@pytest.mark.parametrize(
    "cursor",
    [
        *("nonsense", "{}", "[]", '{"read": "x"}', '{"read": -1, "top": 0, "below": 0}', '{"read": 1}', "[" * 9_999),
        *('{"after": "yesterday", "before": "", "then": "", "seen": []}', '{"after": 3}'),
        '{"after": "2026-11-19", "before": "", "then": "", "seen": ["x"]}',
    ],
)
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str, mode: str) -> None:
    with DiscourseServer(Message(1, "acme", START)) as server:
        assert numbers(ask(connector(server, mode=mode), http, cursor)) == [1]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "count"]), inner, max_size=2),
)
_names = ("cooked", "topic_id", "post_number", "username", "user_id", "created_at", "version", "updated_at", "staff")


@given(
    st.fixed_dictionaries(
        {"id": st.just(5) | _values},
        optional=dict.fromkeys((*_names, "actions_summary", "like_count", "hidden", "topic_title"), _values),
    )
)
def test_wrong_types_are_bad_answers_and_nothing_else(item: dict[str, Any]) -> None:
    from connectors.fields import Fields

    try:
        Discourse(DiscourseOptions(url="https://forum.example")).post(Fields(item, "https://forum.example"))
    except BadAnswer as error:
        assert "\n" not in str(error)
