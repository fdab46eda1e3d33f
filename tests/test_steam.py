"""The Steam connector against a server that behaves like Steam's review service."""

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

from connectors.errors import BadAnswer, RateLimited
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question
from connectors.steam import Steam, SteamOptions
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.feeding import Canned
from tests.standins.loopback import Told
from tests.standins.steam import SteamServer, review

DATA = Path(__file__).parent / "data" / "steam"
SINCE = NOW - timedelta(days=30)
SECOND = int(NOW.timestamp())
HOUR, DAY = 3_600, 86_400


class TestTheContract(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with SteamServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                known = {sample.number: sample for sample in samples}  # Steam lists no review twice
                server.publish(
                    *(review(n, one.text, created=int(one.at.timestamp())) for n, one in known.items() if one.at)
                )

            yield World(
                Steam(SteamOptions(app=620, base_url=server.base)),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(number, text, SECOND),
                wrong_shapes=(
                    b"",
                    b"[]",
                    b"{}",
                    b'{"response": []}',
                    b'{"response": {"query_summary": {"num_reviews": 3}}}',
                    b'{"response": {"reviews": 1}}',
                    b'{"response": {"reviews": [1]}}',
                    b'{"response": {"reviews": [{"recommendationid": null}]}}',
                    b'{"response": {"reviews": [{"recommendationid": "1", "author": 5}]}}',
                    b'{"response": {"reviews": [{"recommendationid": "1", "review": {}}]}}',
                ),
                many=350,
                optional=frozenset(
                    {
                        "author",
                        "language",
                        "timestamp_updated",
                        "votes_up",
                        "weighted_vote_score",
                        "voted_up",
                    }
                ),
            )


@pytest.fixture
def steam() -> Iterator[SteamServer]:
    with SteamServer() as server:
        yield server


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def pull(server: SteamServer, http: HttpClient, cursor: str = "", **options: Any) -> list[Page]:
    connector = Steam(SteamOptions(**{"app": 620, "base_url": server.base, **options}))
    return list(connector.pull(Question(now=NOW, cursor=cursor, since=SINCE), http))


def ids(pages: list[Page]) -> set[int]:
    return {int(post.source_id) for page in pages for post in page.posts}


def fill(server: SteamServer, count: int, *, first: int = 0, newest: int = SECOND, step: int = 60) -> None:
    server.publish(*(review(first + n, "fine", created=newest - step * (count - 1 - n)) for n in range(count)))


def test_a_page_becomes_posts_field_by_field(steam: SteamServer, http: HttpClient) -> None:
    steam.override = Told(200, (DATA / "page.json").read_bytes())
    page = pull(steam, http, app=7)[0]
    plain, thumbs_down = page.posts
    assert thumbs_down == Post(
        kind="steam",
        source_id="18446744073709551615",
        url="https://steamcommunity.com/profiles/76561198000000007/recommended/7/",
        body="[h1]还行[/h1]\n[b]Anvil[/b] 很慢",
        markup="bbcode",
        author=Author("76561198000000007", "", "https://steamcommunity.com/profiles/76561198000000007"),
        published_at=datetime.fromtimestamp(1763500000, UTC),
        edited_at=datetime.fromtimestamp(1763590000, UTC),
        genre="review",
        rating=0.0,
        rating_scale=1.0,
        language="zh",
        reach={"helpful": 12, "comments": 2, "helpfulness_percent": 61, "minutes_played": 480},  # funny had underflowed
    )
    assert (plain.rating, plain.author, plain.edited_at, plain.language) == (1.0, None, None, "")
    assert plain.url == "https://steamcommunity.com/app/7/reviews/"
    assert plain.reach == {"helpful": 0, "funny": 0, "helpfulness_percent": 0, "minutes_played": 15}


def test_what_is_asked_for_is_the_newest_of_all_reviews(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 120)
    pull(steam, http, languages=["english", "koreana", "english"])
    first, second = (json.loads(asked.params["input_json"]) for asked in steam.requests[:2])
    assert first.pop("cursor") == "*" and second.pop("cursor").startswith("+/=")
    assert first == second == {
        "appid": 620,
        "filter": 1,
        "languages": ["english", "koreana"],
        "review_type": 0,
        "purchase_type": 1,
        "num_per_page": 100,
        "filter_offtopic_activity": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("english", "en"),
        ("schinese", "zh"),
        ("tchinese", "zh"),
        ("koreana", "ko"),
        ("latam", "es"),
        ("brazilian", "pt"),
        ("", ""),
    ],
)
def test_steams_names_of_languages_are_given_as_codes(
    steam: SteamServer, http: HttpClient, name: str, code: str
) -> None:
    steam.publish(review(1, "ok", created=SECOND, language=name))
    assert pull(steam, http)[0].posts[0].language == code


def test_options_that_cannot_be_are_refused() -> None:
    for wrong in ({"app": 0}, {"app": "portal"}, {"app": 1, "languages": ["klingon"]}, {"app": 1, "languages": []}):
        with pytest.raises(ValidationError):
            SteamOptions.model_validate(wrong)


def test_short_pages_in_the_middle_are_not_the_end(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 500)
    pages = pull(steam, http)
    assert ids(pages) == set(range(500)) and len(pages) > 5
    assert min(len(page.posts) for page in pages[:4]) < 100 and not any(page.gap for page in pages)


def test_a_repeated_cursor_is_the_end(steam: SteamServer, http: HttpClient) -> None:
    one = review(1, "ok", created=SECOND)
    steam.override = Told(200, json.dumps({"response": {"reviews": [one], "cursor": "same"}}).encode())
    assert ids(pull(steam, http)) == {1} and len(steam.requests) == 2


def test_the_first_pull_goes_back_to_its_bound_and_no_further(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 900, step=2 * HOUR)  # 75 days
    assert len(ids(pull(steam, http))) < 500 and len(steam.requests) < 6


def test_a_second_pull_stops_a_page_behind_what_it_knows(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 1_000)
    cursor = pull(steam, http)[-1].cursor
    asked = len(steam.requests)
    fill(steam, 150, first=2_000, newest=SECOND + 2 * HOUR)
    assert set(range(2_000, 2_150)) <= ids(pull(steam, http, cursor))
    assert len(steam.requests) - asked == 3


def test_a_small_game_costs_one_request(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 90, step=12 * HOUR)
    cursor = pull(steam, http)[-1].cursor
    asked = len(steam.requests)
    assert not pull(steam, http, cursor)[-1].gap and len(steam.requests) == asked + 1


def test_a_game_whose_reviews_are_all_new_has_no_gap(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 5)
    cursor = pull(steam, http)[-1].cursor
    steam.publish(review(9, "late", created=SECOND - HOUR))
    again = pull(steam, http, cursor)
    assert 9 in ids(again) and not any(page.gap for page in again)


def test_a_walk_that_is_too_long_is_taken_up_by_the_next_pull(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 3_000)
    first = pull(steam, http)
    assert len(first) == 20 and "the next pull goes on" in first[-1].gap
    assert not any(page.gap for page in first[:-1])
    fill(steam, 50, first=5_000, newest=SECOND + HOUR)
    second = pull(steam, http, first[-1].cursor)
    assert ids(first) | ids(second) == {*range(3_000), *range(5_000, 5_050)}
    assert not second[-1].gap and json.loads(second[-1].cursor)["walks"] == []


def test_a_kill_in_the_middle_of_a_later_walk_loses_nothing(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 300)
    cursor = pull(steam, http)[-1].cursor
    fill(steam, 700, first=1_000, newest=SECOND + DAY)
    killed = pull(steam, http, cursor)[:3]
    fill(steam, 20, first=9_000, newest=SECOND + DAY + HOUR)
    rest = pull(steam, http, killed[-1].cursor)
    assert ids(killed) | ids(rest) >= {*range(1_000, 1_700), *range(9_000, 9_020)}


def test_a_list_that_ends_before_what_is_known_is_a_gap(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 10, newest=SECOND - 5 * DAY)
    cursor = pull(steam, http)[-1].cursor
    fill(steam, 300, first=1_000)
    steam.forgets_after = len(steam.requests) + 1
    assert "before the reviews that are known" in pull(steam, http, cursor)[-1].gap


def test_walks_never_pile_up_beyond_measure(steam: SteamServer, http: HttpClient) -> None:
    many = {"newest": SECOND, "walks": [[f"+/={n}", 0, 0, False] for n in range(15)]}
    one = review(1, "ok", created=SECOND)
    steam.override = Told(200, json.dumps({"response": {"reviews": [one], "cursor": "*"}}).encode())
    page = pull(steam, http, json.dumps(many))[0]
    assert "left out" in page.gap and len(json.loads(page.cursor)["walks"]) == 10


def test_a_time_that_is_yet_to_come_moves_no_mark(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 150)
    steam.publish(review(999, "from tomorrow", created=SECOND + 30 * DAY))
    pages = pull(steam, http)
    assert len(ids(pages)) == 151 and json.loads(pages[-1].cursor)["newest"] == SECOND


def test_a_cursor_without_end_is_refused(steam: SteamServer, http: HttpClient) -> None:
    steam.override = Told(200, json.dumps({"response": {"reviews": [], "cursor": "x" * 5_000}}).encode())
    with pytest.raises(BadAnswer, match='"cursor" is too long'):
        pull(steam, http)


def test_empty_is_no_success_where_there_were_reviews(steam: SteamServer, http: HttpClient) -> None:
    fill(steam, 5)
    cursor = pull(steam, http)[-1].cursor
    steam.forgets_after = 0
    with pytest.raises(BadAnswer, match="answered empty for app 620 although it had reviews"):
        pull(steam, http, cursor)


def test_a_game_without_reviews_is_an_empty_page(steam: SteamServer, http: HttpClient) -> None:
    (page,) = pull(steam, http)  # the list is not even there
    assert not page.posts and not page.gap


def test_an_unknown_game_is_an_error_that_says_what_to_check(steam: SteamServer, http: HttpClient) -> None:
    with pytest.raises(BadAnswer, match="says nothing of app 8: check the number"):
        pull(steam, http, app=8)


def test_the_shops_front_page_is_no_answer(steam: SteamServer, http: HttpClient) -> None:
    steam.override = Told(200, b"<!DOCTYPE html><title>Welcome to Steam</title>", {"Content-Type": "text/html"})
    with pytest.raises(BadAnswer, match="text/html in place of JSON"):
        pull(steam, http)


def test_too_many_requests_are_told_as_such(steam: SteamServer, http: HttpClient) -> None:
    steam.override = Told(429, b"<html>Too Many Requests</html>", {"Content-Type": "text/html"})
    with pytest.raises(RateLimited):
        pull(steam, http)


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "{}",
        "[]",
        "5",
        '{"newest": "x", "walks": []}',
        '{"newest": 1, "walks": [["a", 1]]}',
        '{"newest": 1e999, "walks": []}',
    ],
)
def test_a_foreign_cursor_reads_everything_again(steam: SteamServer, http: HttpClient, cursor: str) -> None:
    fill(steam, 150)
    assert ids(pull(steam, http, cursor)) == set(range(150))


class _Fixed:
    def __init__(self, answered: Any) -> None:
        self._answered = answered

    def get(self, url: str, **_: Any) -> Any:
        answered = self._answered

        class Answer(Canned):
            def json(self) -> Any:
                return answered

        return Answer(b"{}", url)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["steamid", "personaname"]), inner),
)
_reviews = st.fixed_dictionaries(
    {"recommendationid": st.just("12") | _values},
    optional=dict.fromkeys(
        (
            "author",
            "language",
            "review",
            "timestamp_created",
            "timestamp_updated",
            "voted_up",
            "votes_up",
            "weighted_vote_score",
        ),
        _values,
    ),
)
_responses = st.fixed_dictionaries(
    {"reviews": st.lists(_reviews | _values, max_size=3) | _values},
    optional={"cursor": st.text(max_size=3) | _values, "query_summary": _values},
)


@given(_responses)
def test_wrong_types_are_bad_answers_and_nothing_else(response: dict[str, Any]) -> None:
    connector = Steam(SteamOptions(app=1))
    try:
        pages = list(connector.pull(Question(now=NOW, since=SINCE), _Fixed({"response": response})))
    except BadAnswer as error:
        assert "\n" not in str(error)
    else:
        for page in pages:
            assert json.loads(page.cursor) and all(post.source_id for post in page.posts)
