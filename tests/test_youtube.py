"""YouTube's channel feeds and comments, against servers that behave like these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.errors import AuthError, FetchError, Gone, RateLimited
from connectors.http import HttpClient
from connectors.post import Author, Known, Page, Post, Question
from connectors.youtube import YouTubeChannel, YouTubeChannelOptions
from connectors.youtube_comments import YouTubeComments, YouTubeCommentsOptions
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins.loopback import Told
from tests.standins.youtube import CHANNEL, KEY, VIDEO, YouTubeApi, YouTubeFeeds, comment, refusal

DATA = Path(__file__).parent / "data" / "youtube"


def channel(server: YouTubeFeeds) -> YouTubeChannel:
    return YouTubeChannel(YouTubeChannelOptions(channels=[CHANNEL], base_url=server.base))


def comments(server: YouTubeApi, **options: Any) -> YouTubeComments:
    return YouTubeComments(
        YouTubeCommentsOptions(**{"key": KEY, "videos": [VIDEO], "base_url": server.base_url, **options})
    )


class TestYouTubeChannel(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with YouTubeFeeds(window=2_000) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                for sample in samples:
                    assert sample.at is not None
                    server.publish(f"video{sample.number:06}", sample.text, sample.at)

            yield World(
                channel(server),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(f"video{number:06}", text),
                wrong_shapes=(b"", b"just text", b"<urlset><url/></urlset>"),
                lenient=True,
                term=CHANNEL,
            )


class TestYouTubeComments(ConnectorContract):
    @pytest.fixture(params=[VIDEO, CHANNEL])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with YouTubeApi() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(comment(sample.number, sample.text, sample.at) for sample in samples if sample.at is not None)
                )

            yield World(
                comments(server, channels=[CHANNEL]),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(f"Ugx{number}", text),
                remove=lambda number: server.remove(f"Ugx{number}"),
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"items": [1]}',
                    b'{"items": [{"id": "x"}]}',
                    b'{"items": [{"snippet": {"topLevelComment": {"id": "x"}}}]}',
                    b'{"items": [{"snippet": {"topLevelComment": {"id": "x", "snippet": {"textDisplay": 1}}}}]}',
                ),
                many=720,
                optional=frozenset(
                    {"authorChannelId", "authorDisplayName", "likeCount", "updatedAt", "pageInfo", "videoId"}
                ),
                term=request.param,
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def pull(connector: Any, http: HttpClient, term: str = VIDEO, cursor: str = "", now: datetime = NOW) -> list[Page]:
    question = Question(now=now, term=term, cursor=cursor, since=NOW - timedelta(days=30))
    return list(connector.pull(question, http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


# -- channel feeds


def test_a_video_is_read_field_by_field(http: HttpClient) -> None:
    with YouTubeFeeds() as server:
        server.override = Told(200, (DATA / "channel.atom").read_bytes(), {"Content-Type": "text/xml"})
        (video,) = posts(pull(channel(server), http, CHANNEL))
    assert video._replace(reach={}) == Post(
        kind="youtube",
        source_id="aB3_-9xYz01",
        url="https://www.youtube.com/watch?v=aB3_-9xYz01",
        body="Everything new & what is gone.\nhttps://acme.example/cloud",
        title="Acme Cloud 3 in five minutes",
        author=Author(
            "UCacme000000000000000000", "Acme TV", "https://www.youtube.com/channel/UCacme000000000000000000"
        ),
        published_at=datetime(2026, 11, 18, 15, 0, 6, tzinfo=UTC),
        thread="aB3_-9xYz01",
    )


def test_views_that_move_the_date_of_a_video_are_no_edit(http: HttpClient) -> None:
    with YouTubeFeeds() as server:
        server.publish(VIDEO, "Acme news", NOW - timedelta(days=1))
        first = pull(channel(server), http, CHANNEL)
        again = pull(channel(server), http, CHANNEL, cursor=first[-1].cursor)
    assert (posts(first)[0].edited_at, posts(first)[0].reach) == (None, {"views": 1_007})
    assert posts(again) == [], "a video whose views alone have moved is not looked at again"


def test_a_playlist_is_asked_for_as_one(http: HttpClient) -> None:
    with YouTubeFeeds() as server:
        connector = YouTubeChannel(YouTubeChannelOptions(channels=["PL0123456789acme"], base_url=server.base))
        assert list(connector.terms(["acme"])) == ["PL0123456789acme"]
        pull(connector, http, "PL0123456789acme")
        assert server.requests[0].params == {"playlist_id": "PL0123456789acme"}


@pytest.mark.parametrize("status", [404, 410, 500])
def test_an_outage_never_closes_a_channel(http: HttpClient, status: int) -> None:
    with YouTubeFeeds() as server:
        server.override = Told(status, b"<html></html>")
        with pytest.raises(FetchError) as caught:
            pull(channel(server), http, CHANNEL)
    assert not isinstance(caught.value, Gone)
    assert status == 500 or ("days" in str(caught.value) and CHANNEL in str(caught.value))


@pytest.mark.parametrize("name", ["@acme", "Acme TV", "UCshort", "", "UCacme0000000000000000&x=1"])
def test_a_name_is_no_channel_id(name: str) -> None:
    with pytest.raises(ValidationError):
        YouTubeChannelOptions(channels=[name])
    with pytest.raises(ValidationError):
        YouTubeCommentsOptions.model_validate({"key": KEY, "channels": [name]})


# -- comments


def test_a_thread_is_read_field_by_field(http: HttpClient) -> None:
    with YouTubeApi() as server:
        server.override = Told(200, (DATA / "commentThreads.json").read_bytes(), {"Content-Type": "application/json"})
        top, reply = posts(pull(comments(server), http))
        asked = server.requests[0]
    assert top == Post(
        kind="youtube",
        source_id="UgzAcme-1",
        url="https://www.youtube.com/watch?v=aB3_-9xYz01&lc=UgzAcme-1",
        body="Acme & friends: <3 it",
        author=Author(
            "UCnoor00000000000000000", "@noor.films", "https://www.youtube.com/channel/UCnoor00000000000000000"
        ),
        published_at=datetime(2026, 11, 18, 16, 20, tzinfo=UTC),
        edited_at=datetime(2026, 11, 18, 16, 25, 30, tzinfo=UTC),
        genre="comment",
        thread="aB3_-9xYz01",
        reach={"likes": 12, "replies": 1},
        ref="aB3_-9xYz01",
    )
    assert (reply.body, reply.edited_at, reply.author) == (
        "It crashes here",
        None,
        Author("@old account", "@old account"),
    )
    assert asked.params["order"] == "time" and asked.params["videoId"] == VIDEO and "key" not in asked.params
    assert asked.headers["x-goog-api-key"] == KEY


def test_replies_that_do_not_come_along_are_asked_for_once(http: HttpClient) -> None:
    with YouTubeApi() as server:
        server.publish(comment(1, "top", NOW - timedelta(hours=5)))
        server.reply("Ugx1", *(comment(f"Ugx1.{n}", "reply", NOW - timedelta(hours=4, minutes=-n)) for n in range(130)))
        first = pull(comments(server), http)
        assert len(posts(first)) == 131
        assert [asked.path.rpartition("/")[2] for asked in server.requests] == [
            "commentThreads",
            "comments",
            "comments",
        ]
        server.requests.clear()
        again = pull(comments(server), http, cursor=first[-1].cursor)
        assert len(server.requests) == 1 and again[-1].cursor == first[-1].cursor
        server.reply("Ugx1", comment("Ugx1.new", "late", NOW))
        pages = pull(comments(server), http, cursor=again[-1].cursor)
        assert "Ugx1.new" in {post.source_id for post in posts(pages)} and len(posts(pages)) == 132


def test_more_replies_than_one_pull_asks_for_are_a_gap_that_closes(http: HttpClient) -> None:
    with YouTubeApi() as server:
        for n in range(25):
            server.publish(comment(n, "top", NOW - timedelta(hours=5, minutes=n)))
            server.reply(f"Ugx{n}", *(comment(f"Ugx{n}.{m}", "reply", NOW - timedelta(hours=4)) for m in range(6)))
        first = pull(comments(server), http)
        assert "5 comments" in first[-1].gap and len(posts(first)) == 20 * 7 + 5 * 6
        second = pull(comments(server), http, cursor=first[-1].cursor)
        assert not second[-1].gap and {post.source_id for post in posts(first) + posts(second)} == {
            *(f"Ugx{n}" for n in range(25)),
            *(f"Ugx{n}.{m}" for n in range(25) for m in range(6)),
        }


def test_a_spent_quota_waits_for_midnight_in_california(http: HttpClient) -> None:
    with YouTubeApi() as server:
        server.override = refusal(403, "quotaExceeded")
        for now, midnight in (
            (NOW, datetime(2026, 11, 21, 8, tzinfo=UTC)),
            (datetime(2026, 7, 1, 6, 59, tzinfo=UTC), datetime(2026, 7, 1, 7, tzinfo=UTC)),
            (datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)),  # the clocks go back
        ):
            with pytest.raises(RateLimited) as caught:
                pull(comments(server), http, now=now)
            assert caught.value.retry_after == midnight
        with pytest.raises(RateLimited):
            list(comments(server).recheck([Known("Ugx1", VIDEO)], http))


def test_comments_that_are_turned_off_are_a_gap_of_that_video_only(http: HttpClient) -> None:
    with YouTubeApi() as server:
        server.override = refusal(403, "commentsDisabled")
        (page,) = pull(comments(server), http)
    assert page.posts == () and VIDEO in page.gap and page.cursor == ""


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (refusal(400, "keyInvalid"), AuthError),
        (refusal(403, "accessNotConfigured"), AuthError),
        (refusal(403, "rateLimitExceeded"), RateLimited),
        (refusal(404, "videoNotFound"), FetchError),
        (refusal(400, "processingFailure"), FetchError),
        (Told(403, b'{"error": []}'), AuthError),
        (Told(400, b'{"error": {"details": [{"reason": "API_KEY_INVALID"}], "errors": [{}]}}'), AuthError),
    ],
)
def test_googles_reasons_decide_what_an_error_is(http: HttpClient, told: Told, error: type[FetchError]) -> None:
    with YouTubeApi() as server:
        server.override = told
        with pytest.raises(error) as caught:
            pull(comments(server), http)
    assert type(caught.value) is error and KEY not in str(caught.value) and not isinstance(caught.value, Gone)


def test_a_recheck_asks_for_fifty_at_a_time_and_for_comments_only(http: HttpClient) -> None:
    with YouTubeApi() as server:
        server.publish(*(comment(n, "fine", NOW) for n in range(60)))
        known = [Known(VIDEO), *(Known(f"Ugx{n}", VIDEO) for n in range(70))]
        checked = list(comments(server).recheck(known, http))
        assert len(server.requests) == 2
    assert {one.source_id for one in checked if one.post is None} == {f"Ugx{n}" for n in range(60, 70)}
    assert len(checked) == 70


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '{"newest": 5, "replies": [1]}', '{"newest": "0001-01-01"}'])
def test_a_foreign_cursor_reads_everything_again(http: HttpClient, cursor: str) -> None:
    with YouTubeApi() as server:
        server.publish(comment(1, "fine", NOW - timedelta(days=2)))
        assert len(posts(pull(comments(server), http, cursor=cursor))) == 1


def test_the_key_is_never_shown_and_something_must_be_named() -> None:
    with pytest.raises(ValidationError, match="name channels or videos"):
        YouTubeCommentsOptions.model_validate({"key": KEY})
    options = YouTubeCommentsOptions.model_validate({"key": KEY, "videos": [VIDEO]})
    assert KEY not in repr(options) and KEY not in json.dumps(options.model_dump(mode="json"))
