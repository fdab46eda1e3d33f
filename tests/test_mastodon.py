"""The Mastodon connector against a server that behaves like an instance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import AuthError, BadAnswer, FetchError
from connectors.fields import Fields
from connectors.http import HttpClient
from connectors.mastodon import Mastodon, MastodonOptions, tag_of
from connectors.mastodon_status import read
from connectors.post import Author, Checked, Known, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Keeper, Sample, World, visitor
from tests.standins.loopback import Told
from tests.standins.mastodon import MastodonServer, account, flake, snowflake, status

DATA = Path(__file__).parent / "data" / "mastodon"
HOUR = timedelta(hours=1)
SINCE = NOW - timedelta(days=30)
WRONG_STATUSES = (
    b"",
    b"{}",
    b"[1]",
    b'[{"id": true}]',
    b'[{"id": "1", "content": "no uri"}]',
    b'[{"id": "1", "uri": "u", "content": 5}]',
    b'[{"id": "1", "uri": "u", "account": []}]',
)
OPTIONAL = frozenset(
    {"edited_at", "spoiler_text", "language", "in_reply_to_id", "reblog", "poll", "account", "url", "visibility"}
    | {"replies_count", "reblogs_count", "favourites_count", "configuration"}
)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as instance:
        yield instance


def mastodon(server: MastodonServer, **options: Any) -> Mastodon:
    return Mastodon(MastodonOptions(instance=server.base, **options))


def pull(server: MastodonServer, http: HttpClient, term: str = "#acme", cursor: str = "", **options: Any) -> list[Page]:
    question = Question(now=NOW, term=term, cursor=cursor, since=SINCE)
    return list(mastodon(server, **options).pull(question, http))


def bodies(pages: Sequence[Page]) -> list[str]:
    return [post.body.removeprefix("<p>").removesuffix("</p>") for page in pages for post in page.posts]


def publisher(server: MastodonServer) -> Callable[[Sequence[Sample]], None]:
    def publish(samples: Sequence[Sample]) -> None:
        for one in samples:
            assert one.at is not None
            server.publish(status(f"{one.text} #acme", at=one.at, uri=f"https://toot.example/statuses/{one.number}"))

    return publish


class TestHashtagTimeline(ConnectorContract):
    @pytest.fixture(params=[snowflake, flake])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with MastodonServer(number=request.param) as server, visitor() as http:
            yield World(
                mastodon(server),
                http,
                server,
                publisher(server),
                edit=lambda number, text: server.edit(f"number {number} ", text, NOW),
                remove=lambda number: server.remove(f"number {number} "),
                wrong_shapes=WRONG_STATUSES,
                many=130,
                late=timedelta(minutes=50),
                optional=OPTIONAL,
            )


class TestFullTextSearch(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with MastodonServer() as server, visitor() as http:
            server.publish(status("I like Mastodon", at=NOW - timedelta(days=300)))
            yield World(
                mastodon(server, token="s3cret", search=True),
                http,
                server,
                publisher(server),
                edit=lambda number, text: server.edit(f"number {number} ", text, NOW),
                remove=lambda number: server.remove(f"number {number} "),
                wrong_shapes=(b"", b"[]", b"{}", *(b'{"statuses": ' + one + b"}" for one in WRONG_STATUSES)),
                many=130,
                late=timedelta(minutes=50),
                optional=OPTIONAL - {"configuration"},
            )


def test_statuses_become_posts_field_by_field() -> None:
    reply, announcement = (
        read(Fields(one, "here"), "toot.example", unindexed=False)
        for one in json.loads((DATA / "timeline.json").read_bytes())
    )
    assert reply.post == Post(
        kind="mastodon",
        source_id="https://berg.example/users/heidi/statuses/77",
        url="https://berg.example/@heidi/77",
        body='<p>Der Kessel von <a href="https://toot.example/tags/acme" class="mention hashtag" rel="tag">#<span>acme'
        "</span></a> tropft.<br>Was nun?</p><p>Umtausch &amp; Geld</p><p>Abwarten</p>",
        markup="html",
        title="Complaint about a kettle",
        author=Author("https://berg.example/users/heidi", "Heidi vom Berg", "https://berg.example/@heidi", 321),
        published_at=datetime(2026, 11, 19, 8, 15, 30, 120_000, UTC),
        edited_at=datetime(2026, 11, 19, 9, tzinfo=UTC),
        genre="comment",
        language="de-CH",
        thread="115570000000000001",
        reach={"likes": 5, "reposts": 4, "replies": 3, "quotes": 1},
        ref="toot.example 115580000000000002",
    )
    post = announcement.post
    assert post is not None and (post.genre, post.language, post.edited_at) == ("news", "", None)
    assert post.url == post.source_id == "https://toot.example/users/feeds/statuses/115579000000000001"
    assert post.author == Author("https://toot.example/@feeds", "feeds", "https://toot.example/@feeds", 0)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("acme cloud", "acmecloud"),
        ("Acme-Cloud", "acmecloud"),
        ("#Acme", "acme"),
        ("AT&T", "att"),
        ("ＡＣＭＥ", "acme"),
        ("Müller", "müller"),
        ("เก้าอี้", "เก้าอี้"),
        ("アクメ・クラウド", "アクメ・クラウド"),
        ("c++", ""),
        ("365", ""),
        ("!?", ""),
    ],
)
def test_a_term_becomes_the_tag_people_would_write(text: str, tag: str) -> None:
    assert tag_of(text) == tag


@given(st.text(max_size=12))
def test_the_tag_of_a_tag_is_itself(text: str) -> None:
    assert tag_of(f"#{tag_of(text)}") == tag_of(text)


def test_the_terms_are_tags_and_with_search_the_words_too(server: MastodonServer) -> None:
    wanted = ["acme cloud", "Acme Cloud", "c++"]
    assert mastodon(server).terms(wanted) == ["#acmecloud"]
    assert mastodon(server, tags=["#Kettle", "tea pot"]).terms(wanted) == ["#kettle", "#teapot"]
    searching = mastodon(server, token="s3cret", search=True)
    assert searching.terms(wanted) == ["#acmecloud", "acme cloud", "Acme Cloud"]


@pytest.mark.parametrize("options", [{"search": True}, {"tags": ["365"]}, {"instance": "mastodon.social"}])
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MastodonOptions.model_validate(options)


def test_a_quiet_tag_costs_one_request_that_is_answered_with_nothing(server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme old", at=NOW - timedelta(days=3)), status("#acme", at=NOW - timedelta(days=2)))
    world = World(mastodon(server), http, server, publish=lambda _: None, term="#acme")
    keeper = Keeper(world)
    for _ in range(2):
        keeper.pull()
    server.requests.clear()
    (page,) = keeper.pull()
    assert page.unchanged and len(server.requests) == 1


def test_a_post_that_arrives_late_under_an_older_id_is_read(server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme 1", at=NOW - 3 * HOUR), status("#acme 2", at=NOW - HOUR))
    cursor = pull(server, http)[-1].cursor
    server.publish(status("#acme late", at=NOW - 1.9 * HOUR))
    assert bodies(pull(server, http, cursor=cursor)) == ["#acme late", "#acme 2"]


def test_an_old_date_or_one_in_the_future_does_not_move_the_overlap(server: MastodonServer, http: HttpClient) -> None:
    server.publish(
        status("#acme 1", at=NOW - HOUR),
        status("#acme from the attic", at=NOW - timedelta(days=900), arrived=NOW - HOUR / 2),
        status("#acme from the future", at=NOW + timedelta(days=900), arrived=NOW - HOUR / 3),
    )
    cursor = pull(server, http)[-1].cursor
    server.publish(status("#acme late", at=NOW - 0.9 * HOUR))
    assert "#acme late" in bodies(pull(server, http, cursor=cursor))
    later = [status("#acme", at=NOW + 3 * HOUR, arrived=NOW + 3 * HOUR)]
    server.publish(*later)
    question = Question(now=NOW + 4 * HOUR, term="#acme", cursor=cursor)
    (page,) = mastodon(server).pull(question, http)
    assert int(json.loads(page.cursor)["after"]) > int(json.loads(cursor)["after"]), "it is read again for ever"


@pytest.mark.parametrize("number", [snowflake, flake])
def test_the_first_pull_begins_at_the_date_it_was_given(number: Callable[..., str], http: HttpClient) -> None:
    with MastodonServer(number=number) as server:
        old = [status(f"#acme {day}", at=NOW - timedelta(days=day)) for day in range(31, 131)]
        new = [status(f"#acme {day}", at=NOW - timedelta(days=day)) for day in range(1, 30)]
        server.publish(*old, *new)
        read_days = [int(text.split()[1]) for text in bodies(pull(server, http))]
    assert set(read_days) >= set(range(1, 30)) and max(read_days) < 60


def test_a_timeline_longer_than_one_pull_is_read_on_by_the_next(server: MastodonServer, http: HttpClient) -> None:
    moments = [NOW - timedelta(minutes=20) + timedelta(seconds=one) for one in range(1_100)]
    server.publish(*(status(f"#acme {count}", at=moment) for count, moment in enumerate(moments)))
    first = pull(server, http)
    assert len(bodies(first)) == 1_000 and "the next pull goes on" in first[-1].gap
    second = pull(server, http, cursor=first[-1].cursor)
    assert len(bodies(second)) == 100 and not any(page.gap for page in second)


def test_a_long_timeline_that_ends_within_the_overlap_is_not_begun_again(
    server: MastodonServer, http: HttpClient
) -> None:
    moments = [NOW - timedelta(minutes=2 * one) for one in reversed(range(1_010))]
    server.publish(*(status(f"#acme {count}", at=moment) for count, moment in enumerate(moments)))
    cursor = pull(server, http)[-1].cursor
    cursor = pull(server, http, cursor=cursor)[-1].cursor
    third = pull(server, http, cursor=cursor)
    assert len(bodies(third)) < 60 and not third[-1].gap
    server.publish(status("#acme late", at=NOW - timedelta(minutes=40)))
    assert "#acme late" in bodies(pull(server, http, cursor=third[-1].cursor))


def test_posts_that_are_not_for_everybody_or_not_their_authors_are_left_out(
    server: MastodonServer, http: HttpClient
) -> None:
    server.publish(
        status("#acme fine", at=NOW - HOUR, visibility="unlisted"),
        status("#acme followers", at=NOW - HOUR, visibility="private"),
        status("#acme direct", at=NOW - HOUR, visibility="direct"),
        status("#acme boost", at=NOW - HOUR, reblog={"id": "5"}),
    )
    assert bodies(pull(server, http)) == ["#acme fine"]


@pytest.mark.parametrize(
    "profile",
    [
        {"noindex": True},
        {"note": '<p>Baker. <a href="https://toot.example/tags/NoBot" rel="tag">#<span>NoBot</span></a></p>'},
        {"fields": [{"name": "Please", "value": "#nobots #noindex"}]},
        {"indexable": False},
    ],
)
def test_people_who_opt_out_are_left_out(profile: dict[str, Any], server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme", at=NOW - HOUR, account=account("otto", **profile)))
    assert bodies(pull(server, http)) == []
    assert len(bodies(pull(server, http, unindexed=True))) == ("indexable" in profile)


def test_an_instance_that_has_switched_hashtags_off_is_no_silence(server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme", at=NOW - HOUR))
    server.access = {"local": "disabled", "remote": "disabled"}
    with pytest.raises(AuthError, match="switched its hashtag timelines off: listen on another instance"):
        pull(server, http)


def test_an_instance_that_wants_a_login_gets_the_token_and_says_so_without(
    server: MastodonServer, http: HttpClient
) -> None:
    server.publish(status("#acme", at=NOW - HOUR))
    server.access = {"local": "authenticated", "remote": "authenticated"}
    with pytest.raises(AuthError, match="with a login only: set token"):
        pull(server, http)
    assert bodies(pull(server, http, token="s3cret")) == ["#acme"]


@pytest.mark.parametrize("code", [401, 422])
def test_an_older_instance_that_wants_a_login_says_so_by_its_status(
    code: int, server: MastodonServer, http: HttpClient
) -> None:
    server.access, server.old_login_error = None, code
    with pytest.raises(AuthError, match=rf"login only \(HTTP {code}\): set token") as caught:
        pull(server, http)
    assert caught.value.status == code


def test_a_token_that_is_refused_is_not_in_the_message(server: MastodonServer, http: HttpClient) -> None:
    with pytest.raises(AuthError, match="refuses the token") as caught:
        pull(server, http, token="wr0ng-t0ken")
    assert "wr0ng" not in str(caught.value)


def test_an_instance_that_hides_other_instances_is_a_gap_unless_only_its_own_are_wanted(
    server: MastodonServer, http: HttpClient
) -> None:
    away = account("bo", "far.example")
    server.publish(status("#acme near", at=NOW - HOUR), status("#acme far", at=NOW - HOUR, account=away))
    assert len(bodies(pull(server, http))) == 2 and bodies(pull(server, http, local=True)) == ["#acme near"]
    server.access = {"local": "public", "remote": "disabled"}
    (page,) = pull(server, http)
    assert len(page.posts) == 1 and "no posts of other instances" in page.gap
    assert not pull(server, http, local=True)[0].gap


def test_what_an_instance_shows_is_asked_once_a_day(server: MastodonServer, http: HttpClient) -> None:
    connector = mastodon(server)
    for hours in (0, 1, 23, 25):
        list(connector.pull(Question(now=NOW + hours * HOUR, term="#acme"), http))
    assert [one.path for one in server.requests].count("/api/v2/instance") == 2


def test_a_search_asks_for_the_phrase_and_gets_on_by_offset(server: MastodonServer, http: HttpClient) -> None:
    server.publish(*(status(f"Acme Cloud {count}", at=NOW - HOUR * (100 - count)) for count in range(90)))
    pages = pull(server, http, "Acme Cloud", token="s3cret", search=True)
    assert bodies(pages) == [f"Acme Cloud {count}" for count in range(90)]
    asked = [one.params for one in server.requests]
    assert [one["offset"] for one in asked] == ["0", "40", "80"] and {one["type"] for one in asked} == {"statuses"}
    assert asked[0]["q"] == '"Acme Cloud" after:2026-10-19'
    assert all(
        one.headers["authorization"] == "Bearer s3cret" and "s3cret" not in str(one.params) for one in server.requests
    )


def test_a_search_stops_at_what_the_last_one_knew(server: MastodonServer, http: HttpClient) -> None:
    server.publish(*(status(f"acme {count}", at=NOW - HOUR * (100 - count)) for count in range(90)))
    options = {"token": "s3cret", "search": True}
    cursor = pull(server, http, "acme", **options)[-1].cursor
    server.requests.clear()
    server.publish(status("acme late", at=NOW - 11.5 * HOUR), status("acme new", at=NOW - HOUR))
    assert bodies(pull(server, http, "acme", cursor, **options))[-3:] == ["acme late", "acme 89", "acme new"]
    assert len(server.requests) == 1


def test_a_search_is_not_ended_by_a_post_that_was_delivered_late(server: MastodonServer, http: HttpClient) -> None:
    options = {"token": "s3cret", "search": True}
    server.publish(status("acme first", at=NOW - 5 * HOUR))
    cursor = pull(server, http, "acme", **options)[-1].cursor
    server.publish(*(status(f"acme {count}", at=NOW - 2 * HOUR + timedelta(minutes=count)) for count in range(60)))
    server.publish(status("acme late", at=NOW - 20 * HOUR, arrived=NOW - HOUR / 2))
    assert len(bodies(pull(server, http, "acme", cursor, **options))) == 62


def test_a_search_that_never_finds_anything_is_not_silence(server: MastodonServer, http: HttpClient) -> None:
    options = {"token": "s3cret", "search": True}
    server.publish(status("Hello Mastodon", at=NOW - HOUR))
    assert bodies(pull(server, http, "acme", **options)) == []
    server.indexed = False
    with pytest.raises(AuthError, match="no full-text search, or the token lacks read:search"):
        pull(server, http, "acme", **options)


def test_a_search_with_more_than_can_be_read_says_so(server: MastodonServer, http: HttpClient) -> None:
    server.publish(*(status("acme", at=NOW - timedelta(seconds=count + 1)) for count in range(1_050)))
    pages = pull(server, http, "acme", token="s3cret", search=True)
    assert len(bodies(pages)) == 1_000 and "more than the 1,000 newest" in pages[-1].gap


def test_a_recheck_asks_nothing_about_posts_that_came_by_another_instance(
    server: MastodonServer, http: HttpClient
) -> None:
    known = [Known("https://a.example/1", "elsewhere.example 12"), Known("https://a.example/2", "")]
    assert list(mastodon(server).recheck(known, http)) == [] == server.requests


def test_a_number_that_is_another_status_now_says_nothing(server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme", at=NOW - HOUR))
    (post,) = pull(server, http)[0].posts
    assert list(mastodon(server).recheck([Known("https://a.example/other", post.ref)], http)) == []


def test_an_author_who_opts_out_later_is_not_taken_for_a_deletion(server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme", at=NOW - HOUR))
    (post,) = pull(server, http)[0].posts
    server.twist = lambda document: {**document, "account": account(noindex=True)}
    assert list(mastodon(server).recheck([Known(post.source_id, post.ref)], http)) == []


@pytest.mark.parametrize(
    ("code", "body", "gone"),
    [
        (404, b'{"error":"Enregistrement introuvable"}', True),
        (410, b"", True),
        (404, b"<html>not here</html>", False),
        (404, b"[]", False),
    ],
)
def test_only_the_instances_own_word_makes_a_post_gone(
    code: int, body: bytes, gone: bool, server: MastodonServer, http: HttpClient
) -> None:
    server.override = Told(code, body)
    known = Known("https://a.example/1", f"{server.base.removeprefix('http://')} 12")
    checked = mastodon(server).recheck([known], http)
    if gone:
        assert list(checked) == [Checked("https://a.example/1")]
    else:
        with pytest.raises(FetchError):
            list(checked)


def test_credentials_in_the_address_are_in_no_message(server: MastodonServer, http: HttpClient) -> None:
    connector = Mastodon(MastodonOptions(instance=server.base.replace("://", "://me:pa55@")))
    assert "pa55" not in connector.address()
    server.override = Told(200, b"{}")
    with pytest.raises(BadAnswer) as caught:
        list(connector.pull(Question(now=NOW, term="#acme"), http))
    assert "pa55" not in str(caught.value)
    assert server.requests[-1].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "cursor", ["nonsense", "{}", "[]", '{"after": 5}', '{"until": "x"}', "null", '{"until": 1e300}']
)
def test_a_foreign_cursor_reads_everything_again(cursor: str, server: MastodonServer, http: HttpClient) -> None:
    server.publish(status("#acme", at=NOW - HOUR))
    assert len(bodies(pull(server, http, cursor=cursor))) == 1
    assert len(bodies(pull(server, http, "acme", cursor, token="s3cret", search=True))) == 1


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["acct", "note", "options"]), inner),
)


@given(
    st.fixed_dictionaries(
        {"id": st.just("5") | _values, "uri": st.just("https://a.example/1") | _values},
        optional=dict.fromkeys(
            ("created_at", "url", "content", "account", "poll", "reblog", "visibility", "spoiler_text", "edited_at"),
            _values,
        ),
    )
)
def test_wrong_types_are_bad_answers_and_nothing_else(answered: dict[str, Any]) -> None:
    try:
        found = read(Fields(answered, "here", "a status"), "toot.example", unindexed=False)
        found.tells_the_time(NOW)
    except BadAnswer as error:
        assert "\n" not in str(error)
