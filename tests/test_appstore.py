"""The App Store connector against a server that behaves like Apple's review feed."""

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

from connectors.appstore import AppStore, AppStoreOptions
from connectors.errors import BadAnswer
from connectors.http import HttpClient
from connectors.post import Author, Page, Post, Question
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.feeding import Canned
from tests.standins.appstore import AppStoreServer, review
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data" / "appstore"
SINCE = NOW - timedelta(days=30)


class TestTheContract(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with AppStoreServer() as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish("us", *(review(one.number, one.text, at=one.at) for one in samples))

            yield World(
                AppStore(AppStoreOptions(app=1, base_url=server.base)),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit("us", number, text, NOW),
                wrong_shapes=(
                    b"",
                    b"[]",
                    b"{}",
                    b'{"feed": []}',
                    b'{"feed": {"entry": "x"}}',
                    b'{"feed": {"entry": [1]}}',
                    b'{"feed": {"entry": {"im:rating": {"label": "5"}}}}',
                    b'{"feed": {"entry": {"im:rating": {"label": "good"}, "id": {"label": "1"}}}}',
                    b'{"feed": {"entry": {"im:rating": {"label": "5"}, "id": {"label": "1"}, "title": "x"}}}',
                ),
                many=180,
                optional=frozenset({"author", "updated", "title", "im:version", "im:voteSum", "im:voteCount", "link"}),
                term="us",
            )


@pytest.fixture
def store() -> Iterator[AppStoreServer]:
    with AppStoreServer() as server:
        yield server


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def pull(server: AppStoreServer, http: HttpClient, cursor: str = "", **options: Any) -> list[Page]:
    connector = AppStore(AppStoreOptions(**{"app": 1, "base_url": server.base, **options}))
    return list(connector.pull(Question(now=NOW, term="us", cursor=cursor, since=SINCE), http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def ids(pages: list[Page]) -> list[str]:
    return [post.source_id for post in posts(pages)]


def fill(server: AppStoreServer, count: int, *, step: timedelta = timedelta(minutes=1), first: int = 0) -> None:
    """`count` reviews, the last one now, each `step` after the one before."""
    samples = range(first, first + count)
    server.publish("us", *(review(n, "fine", at=NOW - step * (first + count - 1 - n)) for n in samples))


def served(store: AppStoreServer, http: HttpClient, name: str) -> list[Post]:
    """The posts of a stored page; of an XML one as it is asked for when the JSON is empty."""
    body = (DATA / name).read_bytes()
    connector = AppStore(AppStoreOptions(app=42, base_url=store.base))
    store.answer = lambda asked: Told(
        200, body if asked.path.rpartition("/")[2] == Path(name).suffix[1:] else b'{"feed": {}}'
    )  # type: ignore[method-assign]
    return posts(list(connector.pull(Question(now=NOW, term="fr", cursor='{"newest": "", "torn": false}'), http)))


def test_a_page_becomes_posts_field_by_field(store: AppStoreServer, http: HttpClient) -> None:
    undated, slow = served(store, http, "page.json")
    assert slow == Post(
        kind="appstore",
        source_id="9007199254740999",
        url="https://apps.apple.com/fr/app/id42?see-all=reviews",
        body="L'appli <3 plante & rame.\nDommage…",
        title="Trop lent",
        author=Author("7007", "Élodie✏️", "https://itunes.apple.com/fr/reviews/id7007?l=en"),
        published_at=datetime(2026, 11, 19, 12, 5, 35, tzinfo=UTC),
        genre="review",
        rating=2.0,
        thread="42/3.1",
        reach={"votes": 4, "votes_for": 3},
    )
    assert (undated.source_id, undated.rating, undated.published_at) == ("9007199254740900", 5.0, None)
    assert (undated.author, undated.body, undated.thread, undated.reach) == (Author("Bo", "Bo"), "", "", {})


def test_the_atom_of_a_page_is_the_same_post(store: AppStoreServer, http: HttpClient) -> None:
    (atom,) = served(store, http, "page.xml")
    assert atom == served(store, http, "page.json")[1]


def test_both_formats_of_a_page_give_the_same_text_whatever_surrounds_it(
    store: AppStoreServer, http: HttpClient
) -> None:
    store.publish("us", review(1, "fine \n", at=NOW))
    from_json = pull(store, http)[0].posts
    store.blank = {(1, "json")}
    from_atom = pull(store, http, json.dumps({"newest": "", "torn": False}))[0].posts
    assert from_atom[0].fingerprint == from_json[0].fingerprint


def test_each_country_is_a_watch() -> None:
    connector = AppStore(AppStoreOptions(app=1, countries=["US", "gb", "us "]))
    assert connector.terms(["acme"]) == ("us", "gb")


@pytest.mark.parametrize(
    "wrong", [{"app": "x"}, {"app": 0}, {"app": 1, "countries": ["usa"]}, {"app": 1, "countries": []}]
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AppStoreOptions(**wrong)


def test_all_ten_pages_are_read_and_never_the_eleventh(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 600)
    pages = pull(store, http)
    assert len(posts(pages)) == len(set(ids(pages))) == 500
    assert len(store.requests) == 10 and not any("page=11" in asked.path for asked in store.requests)
    assert "500 newest" in pages[-1].gap and not any(page.gap for page in pages[:-1])


def test_a_store_that_goes_less_deep_says_so_and_is_believed(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 120)
    answer = store.answer
    too_deep = Told(200, b"CustomerReviews RSS page depth is limited to 1")
    store.answer = lambda asked: answer(asked) if "page=1/" in asked.path else too_deep  # type: ignore[method-assign]
    pages = pull(store, http)
    assert len(posts(pages)) == 50 and "50 newest" in pages[-1].gap


def test_a_second_pull_stops_where_it_meets_what_it_knows(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 400, step=timedelta(hours=2))
    first = pull(store, http)
    asked = len(store.requests)
    store.publish("us", review(1_000, "new", at=NOW + timedelta(hours=1)))
    assert "1000" in ids(pull(store, http, first[-1].cursor))
    assert len(store.requests) == asked + 1


def test_a_pull_that_comes_too_late_says_what_it_missed(store: AppStoreServer, http: HttpClient) -> None:
    store.publish("us", review(1, "old", at=NOW - timedelta(days=20)))
    cursor = pull(store, http)[-1].cursor
    fill(store, 600, first=10)
    assert "were not seen" in pull(store, http, cursor)[-1].gap


def test_a_single_review_is_an_object_in_place_of_a_list(store: AppStoreServer, http: HttpClient) -> None:
    store.publish("us", review(1, "alone", at=NOW))
    assert ids(pull(store, http)) == ["1"]


def test_the_app_itself_is_no_review(http: HttpClient) -> None:
    with AppStoreServer(begins_with_app=True) as store:
        fill(store, 3)
        assert ids(pull(store, http)) == ["0", "1", "2"]


def test_an_app_without_reviews_is_an_empty_page(store: AppStoreServer, http: HttpClient) -> None:
    assert pull(store, http) == [Page([])]


def test_an_unknown_app_is_an_error_that_says_what_to_check(store: AppStoreServer, http: HttpClient) -> None:
    with pytest.raises(BadAnswer, match="knows no app 77, or no review of it"):
        pull(store, http, app=77)


def test_a_false_empty_is_asked_for_in_the_other_format(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 5)
    cursor = pull(store, http)[-1].cursor
    store.blank = {(1, "json")}
    pages = pull(store, http, cursor)
    assert ids(pages) == ["0", "1", "2", "3", "4"] and pages[-1].cursor == cursor
    assert [asked.path.rpartition("/")[2] for asked in store.requests[1:3]] == ["json", "xml"]


def test_a_pull_whose_json_is_all_empty_is_read_as_atom(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 130)
    store.blank = {(page, "json") for page in range(1, 11)}
    assert len(posts(pull(store, http, '{"newest": "2026-11-01T00:00:00+00:00", "torn": false}'))) == 130


def test_empty_in_both_formats_is_no_success_where_there_were_reviews(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 5)
    cursor = pull(store, http)[-1].cursor
    store.blank = {(1, "json"), (1, "xml")}
    with pytest.raises(BadAnswer, match="answered empty although it had reviews"):
        pull(store, http, cursor)


def test_a_hole_in_the_middle_is_a_gap_that_is_read_again(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 200)
    store.blank = {(3, "json"), (3, "xml")}
    torn = pull(store, http)
    assert len(posts(torn)) == 100 and "page 3 of 4" in torn[-1].gap
    store.blank = {(3, "json")}
    healed = pull(store, http, torn[-1].cursor)
    assert len(posts(healed)) == 200 and not healed[-1].gap


def test_a_page_that_stays_empty_is_told_twice_and_then_given_up(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 200, step=timedelta(hours=2))
    store.blank = {(3, "json"), (3, "xml")}
    once = pull(store, http)
    twice = pull(store, http, once[-1].cursor)
    assert "page 3 of 4" in once[-1].gap and "page 3 of 4" in twice[-1].gap
    assert not pull(store, http, twice[-1].cursor)[-1].gap


def test_reviews_without_dates_are_read_to_the_end(store: AppStoreServer, http: HttpClient) -> None:
    store.publish("us", *(review(n, "fine", at=None) for n in range(120)))
    pages = pull(store, http)
    assert ids(pages) == [str(n) for n in range(120)] and json.loads(pages[-1].cursor) == {"newest": "", "torn": False}
    assert len(posts(pull(store, http, pages[-1].cursor))) == 120


def test_an_edit_keeps_the_id_and_moves_the_date(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 120, step=timedelta(hours=3))
    cursor = pull(store, http)[-1].cursor
    store.edit("us", 5, "now it crashes", NOW + timedelta(minutes=5))
    edited = posts(pull(store, http, cursor))[-1]
    assert (edited.source_id, edited.body) == ("5", "now it crashes")


def test_a_body_is_utf8_whatever_its_header_says(store: AppStoreServer, http: HttpClient) -> None:
    store.publish("us", review(1, "très bien 👍", at=NOW))
    store.blank = {(1, "json")}
    (post,) = posts(pull(store, http, '{"newest": "2026-11-01T00:00:00+00:00", "torn": false}'))  # told to be Latin-1
    assert post.body == "très bien 👍"


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "{}",
        "[]",
        '{"newest": 5, "torn": 0}',
        '{"newest": "soon", "torn": 0}',
        '{"newest": "0001-01-01", "torn": 0}',
        "null",
    ],
)
def test_a_foreign_cursor_reads_everything_again(store: AppStoreServer, http: HttpClient, cursor: str) -> None:
    fill(store, 60, step=timedelta(hours=4))
    assert len(posts(pull(store, http, cursor))) == 60


def test_a_rating_off_the_scale_is_none(store: AppStoreServer, http: HttpClient) -> None:
    store.publish(
        "us", review(1, "x", at=NOW, stars=0), review(2, "x", at=NOW, stars=9), review(3, "x", at=NOW, stars=1)
    )
    assert {post.source_id: post.rating for post in posts(pull(store, http))} == {"1": None, "2": None, "3": 1.0}


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
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["label", "rel", "name"]), inner),
)
_labels = _values | st.builds(lambda text: {"label": text}, st.sampled_from(["1", "5", "2026-11-01", "x"]) | _values)
_reviews = st.dictionaries(
    st.sampled_from(["id", "im:rating", "author", "updated", "title", "im:voteSum", "content"]), _labels
)


@given(st.fixed_dictionaries({"entry": _reviews | st.lists(_reviews | _values, max_size=3) | _values, "link": _values}))
def test_wrong_types_are_bad_answers_and_nothing_else(feed: dict[str, Any]) -> None:
    connector = AppStore(AppStoreOptions(app=1))
    try:
        found = list(connector.pull(Question(now=NOW, term="us", since=SINCE), _Fixed({"feed": feed})))
    except BadAnswer as error:
        assert "\n" not in str(error)
    else:
        assert all(post.source_id for post in posts(found))


def test_a_late_review_behind_newer_ones_is_found(store: AppStoreServer, http: HttpClient) -> None:
    fill(store, 150, step=timedelta(minutes=10))
    cursor = pull(store, http)[-1].cursor
    store.publish("us", review(900, "late", at=NOW - timedelta(hours=20)))
    assert "900" in ids(pull(store, http, cursor))
