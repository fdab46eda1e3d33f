"""The connectors of places where apps and plugins are reviewed, against servers that behave like these."""

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

from connectors.amo import Amo, AmoOptions
from connectors.contract import Connector
from connectors.errors import BadAnswer, FetchError
from connectors.fields import Fields
from connectors.http import HttpClient
from connectors.jetbrains import JetBrains, JetBrainsOptions
from connectors.odrs import Odrs, OdrsOptions
from connectors.post import Author, Known, Page, Post, Question
from connectors.wordpress import WordPress, WordPressOptions
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World, visitor
from tests.standins import reviews as places
from tests.standins.loopback import Told

DATA = Path(__file__).parent / "data"


def put(server: Any, make: Callable[..., Any]) -> Callable[[Sequence[Sample]], None]:
    """How samples become reviews of `server`."""

    def publish(samples: Sequence[Sample]) -> None:
        server.publish(*(make(sample.number, sample.text, sample.at) for sample in samples))

    return publish


class TestAmo(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with places.AmoServer("acme-tabs") as server, visitor() as http:
            yield World(
                Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url)),
                http,
                server,
                put(server, places.amo_review),
                edit=lambda number, text: server.edit(number, body=text),
                remove=server.remove,
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"results": {}}',
                    b'{"results": [1]}',
                    b'{"results": [{"body": "x"}]}',
                    b'{"results": [{"id": 1, "body": []}]}',
                    b'{"results": [{"id": 1, "score": "good"}]}',
                ),
                many=530,
                optional=frozenset(
                    {"user", "version", "addon", "reply", "is_latest", "count", "score", "previous_count"}
                ),
                term="acme-tabs",
            )


class TestOdrs(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with places.OdrsServer("org.acme.Editor") as server, visitor() as http:
            yield World(
                Odrs(OdrsOptions(apps=["org.acme.Editor"], base_url=server.base_url)),
                http,
                server,
                put(server, places.odrs_review),
                edit=lambda number, text: server.edit(number, description=text),
                remove=server.remove,
                wrong_shapes=(
                    b"{}",
                    b'"down for maintenance"',
                    b"[1]",
                    b'[{"rating": 20}]',
                    b'[{"review_id": 1, "summary": 7}]',
                    b'[{"review_id": 1, "rating": "high"}]',
                ),
                optional=frozenset(
                    {"user_hash", "user_display", "locale", "karma_up", "karma_down", "rating", "version"}
                ),
                term="org.acme.Editor",
            )


class TestJetBrains(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with places.JetBrainsServer("4242") as server, visitor() as http:
            yield World(
                JetBrains(JetBrainsOptions(plugins=["4242"], base_url=server.base_url)),
                http,
                server,
                put(server, places.jetbrains_comment),
                edit=lambda number, text: server.edit(number, comment=text),
                wrong_shapes=(
                    b"{}",
                    b"[[]]",
                    b'[{"comment": "x"}]',
                    b'[{"id": 1, "comment": {}}]',
                    b'[{"id": 1, "author": "x"}]',
                    b'[{"id": 1, "rating": "best"}]',
                ),
                many=530,
                optional=frozenset({"author", "plugin", "votes", "rating", "repliesCount", "vendor", "markedAsSpam"}),
                term="4242",
            )


class TestWordPress(ConnectorContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with places.WordPressServer("acme-seo") as server, visitor() as http:
            server.window = 2_000
            yield World(
                WordPress(WordPressOptions(plugins=["acme-seo"], base_url=server.base)),
                http,
                server,
                put(server, places.topic),
                edit=lambda number, text: server.edit(number, body=f"<p>{text}</p>"),
                wrong_shapes=(b"", b"just text", b"<urlset><url/></urlset>"),
                undated=True,
                lenient=True,
                term="acme-seo",
            )


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


def pull(connector: Connector, http: HttpClient, term: str, cursor: str = "", days: int | None = None) -> list[Page]:
    since = NOW - timedelta(days=days) if days else None
    return list(connector.pull(Question(now=NOW, term=term, cursor=cursor, since=since), http))


def posts(pages: list[Page]) -> list[Post]:
    return [post for page in pages for post in page.posts]


def recorded(server: places._Reviews, name: str) -> None:
    kind = "application/rss+xml" if name.endswith(".rss") else "application/json"
    server.override = Told(200, (DATA / name).read_bytes(), {"Content-Type": kind})


# -- Firefox add-ons


def test_an_amo_answer_is_read_field_by_field(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        recorded(server, "amo/ratings.json")
        connector = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        older, newer = posts(pull(connector, http, "acme-tabs"))
        assert server.requests[0].params == {
            "addon": "acme-tabs",
            "filter": "without_empty_body",
            "page_size": "50",
            "page": "1",
        }
    assert newer == Post(
        kind="amo",
        source_id="2210044",
        url="https://addons.mozilla.org/firefox/addon/acme-tabs/reviews/2210044/",
        body="Lost all my tabs after the update.\nNot amused.",
        author=Author("15551", "Marta", "https://addons.mozilla.org/en-US/firefox/user/15551/"),
        published_at=datetime(2026, 11, 18, 7, 5, 9, tzinfo=UTC),
        genre="review",
        rating=1.0,
        thread="acme-tabs",
    )
    assert (older.rating, older.author) == (5.0, Author("15552", "Firefox user 15552"))


def test_amo_pages_are_followed_on_its_own_host_and_no_further_than_needed(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        connector = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        server.publish(*(places.amo_review(n, "fine", NOW - timedelta(days=n)) for n in range(1, 301)))
        first = pull(connector, http, "acme-tabs", days=120)
        assert len(posts(first)) == 150 and not first[-1].gap
        assert [asked.params["page"] for asked in server.requests] == ["1", "2", "3"]
        server.requests.clear()
        again = pull(connector, http, "acme-tabs", cursor=first[-1].cursor)
        assert len(server.requests) == 1 and len(posts(again)) == 50


def test_more_amo_reviews_than_one_pull_reads_are_a_gap(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        connector = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        server.publish(*(places.amo_review(n, "fine", NOW - timedelta(hours=n)) for n in range(1, 1_100)))
        pages = pull(connector, http, "acme-tabs")
    assert len(posts(pages)) == 1_000 and [bool(page.gap) for page in pages] == [False, True]


def test_an_overlap_that_is_too_much_for_one_pull_is_no_gap(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        connector = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        server.publish(*(places.amo_review(n, "fine", NOW - timedelta(minutes=n)) for n in range(1, 1_100)))
        first = pull(connector, http, "acme-tabs")
        assert first[-1].gap
        assert not any(page.gap for page in pull(connector, http, "acme-tabs", cursor=first[-1].cursor))


def test_an_unknown_addon_is_named(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server, pytest.raises(FetchError, match="'acme-tab'"):
        pull(Amo(AmoOptions(addons=["acme-tab"], base_url=server.base_url)), http, "acme-tab")


def test_only_amos_own_404_is_a_deletion(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        connector = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        assert [one.post for one in connector.recheck([Known("5")], http)] == [None]
        server.override = Told(404, b"<html>no such site</html>", {"Content-Type": "text/html"})
        with pytest.raises(FetchError):
            list(connector.recheck([Known("5")], http))
        server.override = Told(200, json.dumps({"id": 5, "is_deleted": True}).encode())
        assert [one.post for one in connector.recheck([Known("5")], http)] == [None]


# -- GNOME ODRS


def test_an_odrs_answer_is_read_field_by_field(http: HttpClient) -> None:
    with places.OdrsServer("org.acme.Editor") as server:
        recorded(server, "odrs/app.json")
        connector = Odrs(OdrsOptions(apps=["org.acme.Editor"], base_url=server.base_url))
        older, newer = posts(pull(connector, http, "org.acme.Editor"))
    assert newer == Post(
        kind="odrs",
        source_id="880912",
        url="",
        body="Opens huge files at once.\nNo crash so far.",
        title="Fast",
        author=Author("0f3c9a3e5d1b7c2244aa90bb12cd34ef56ab7890", "Jo"),
        published_at=datetime(2026, 11, 12, 8, 0, tzinfo=UTC),
        genre="review",
        rating=100.0,
        rating_scale=100.0,
        language="en_GB",
        thread="org.acme.Editor",
        reach={"likes": 4, "dislikes": 0},
        ref="org.acme.Editor",
    )
    assert (older.rating, older.author, older.language) == (20.0, None, "")


def test_odrs_placeholders_and_deleted_reviews_are_no_posts(http: HttpClient) -> None:
    with places.OdrsServer("org.acme.Editor") as server:
        connector = Odrs(OdrsOptions(apps=["org.acme.Editor"], base_url=server.base_url))
        placeholder = {"app_id": "org.acme.Editor", "score": 0, "user_hash": "ab", "user_skey": "cd"}
        gone = places.odrs_review(2, "gone", NOW, date_deleted=NOW.timestamp())
        server.override = Told(200, json.dumps([placeholder, gone]).encode())
        assert posts(pull(connector, http, "org.acme.Editor")) == []


def test_an_unchanged_odrs_list_is_not_read_again(http: HttpClient) -> None:
    with places.OdrsServer("org.acme.Editor") as server:
        connector = Odrs(OdrsOptions(apps=["org.acme.Editor"], base_url=server.base_url))
        server.publish(places.odrs_review(1, "fine", NOW - timedelta(days=1)))
        last = pull(connector, http, "org.acme.Editor")[-1]
        assert last.validators is not None
        question = Question(now=NOW, term="org.acme.Editor", cursor=last.cursor, validators=last.validators)
        assert [page.unchanged for page in connector.pull(question, http)] == [True]


def test_an_empty_odrs_list_deletes_nothing(http: HttpClient) -> None:
    with places.OdrsServer("org.acme.Editor") as server:
        connector = Odrs(OdrsOptions(apps=["org.acme.Editor"], base_url=server.base_url))
        assert list(connector.recheck([Known("1", "org.acme.Editor"), Known("2")], http)) == []
        server.publish(places.odrs_review(3, "fine", NOW))
        assert [one.source_id for one in connector.recheck([Known("1", "org.acme.Editor")], http)] == ["1"]


# -- JetBrains Marketplace


def test_a_jetbrains_answer_is_read_field_by_field(http: HttpClient) -> None:
    with places.JetBrainsServer("4242") as server:
        recorded(server, "jetbrains/comments.json")
        connector = JetBrains(JetBrainsOptions(plugins=[4242], base_url=server.base_url))  # type: ignore[list-item]
        reply, review = posts(pull(connector, http, "4242"))
    assert review == Post(
        kind="jetbrains",
        source_id="60117",
        url="https://plugins.jetbrains.com/plugin/4242-acme-lint/reviews#review=60117",
        body="<p>Indexing takes <b>minutes</b> now &amp; freezes the editor.</p>",
        markup="html",
        author=Author("a81f-22", "Priya", "https://plugins.jetbrains.com/author/a81f-22"),
        published_at=datetime(2026, 11, 19, 10, 30, 15, 250_000, tzinfo=UTC),
        genre="review",
        rating=2.0,
        thread="60117",
        reach={"replies": 1, "likes": 3, "dislikes": 1},
    )
    assert (reply.genre, reply.rating, reply.thread, reply.author) == ("comment", None, "60001", Author("Acme", "Acme"))


def test_spam_is_left_out_and_a_server_without_paging_is_read_once(http: HttpClient) -> None:
    with places.JetBrainsServer("4242") as server:
        server.paging = False
        connector = JetBrains(JetBrainsOptions(plugins=["4242"], base_url=server.base_url))
        server.publish(*(places.jetbrains_comment(n, "fine", NOW - timedelta(minutes=n)) for n in range(60)))
        server.edit(3, markedAsSpam=True)
        assert len(posts(pull(connector, http, "4242"))) == 49
        assert len(server.requests) == 2


def test_a_jetbrains_page_of_nothing_but_spam_is_not_the_end(http: HttpClient) -> None:
    with places.JetBrainsServer("4242") as server:
        connector = JetBrains(JetBrainsOptions(plugins=["4242"], base_url=server.base_url))
        server.publish(
            *(places.jetbrains_comment(n, "x", NOW - timedelta(minutes=n), markedAsSpam=n < 50) for n in range(55))
        )
        assert len(posts(pull(connector, http, "4242"))) == 5


def test_an_unknown_plugin_is_named(http: HttpClient) -> None:
    with places.JetBrainsServer("4242") as server, pytest.raises(FetchError, match="plugin 7 "):
        pull(JetBrains(JetBrainsOptions(plugins=["7"], base_url=server.base_url)), http, "7")
    with pytest.raises(ValidationError):
        JetBrainsOptions(plugins=["acme-lint"])


# -- WordPress.org


def test_a_wordpress_feed_is_read_field_by_field(http: HttpClient) -> None:
    with places.WordPressServer("acme-seo") as server:
        recorded(server, "wordpress/reviews.rss")
        connector = WordPress(WordPressOptions(plugins=["acme-seo"], base_url=server.base))
        unrated, reply, rated = posts(pull(connector, http, "acme-seo"))
    assert rated._replace(author=None) == Post(
        kind="wordpress",
        source_id="https://wordpress.org/support/topic/broke-my-shop/",
        url="https://wordpress.org/support/topic/broke-my-shop/",
        body="<p>After the last update the checkout was blank. 5 stars before that.</p>",
        markup="html",
        title="Broke my shop",
        published_at=datetime(2026, 11, 19, 15, 20, 11, tzinfo=UTC),
        genre="review",
        rating=1.0,
        reach={"replies": 2},
    )
    assert rated.author is not None and rated.author.name == "tomek77"
    assert (unrated.genre, unrated.rating, unrated.title) == ("review", None, "Does what it says")
    assert (reply.genre, reply.rating, reply.title) == ("comment", None, "Broke my shop")


def test_a_reply_to_a_review_does_not_look_like_an_edit(http: HttpClient) -> None:
    with places.WordPressServer("acme-seo") as server:
        connector = WordPress(WordPressOptions(plugins=["acme-seo"], base_url=server.base))
        server.publish(places.topic(1, "fine", NOW))
        before = posts(pull(connector, http, "acme-seo"))
        server.edit(1, head="<p>Replies: 4</p>\n<p>Rating: 5 stars</p>\n")
        after = posts(pull(connector, http, "acme-seo"))
    assert after[0].fingerprint == before[0].fingerprint and after[0].reach == {"replies": 4}


@pytest.mark.parametrize(
    ("title", "head", "text", "rating"),
    [
        ("Fine", "<p>Rating: 3 stars</p>", "ok", 3),
        ("Fine", "<p><strong>Rating:</strong> 1 star</p>", "ok", 1),
        ("Fine (4 out of 5 stars)", "", "ok", 4),
        ("Fine", "", "★★☆☆☆ ok", 2),
        ("Fine", "", "★★★★★★★ ok", None),
        ("Fine", "<p>Rating: 9 stars</p>", "ok", None),
        ("Fine", "", "It would get 5 out of 5 stars if it ever worked", None),
        ("I wanted to give 5 stars", "", "but no", None),
    ],
)
def test_stars_are_found_where_the_feed_may_show_them(
    http: HttpClient, title: str, head: str, text: str, rating: int | None
) -> None:
    with places.WordPressServer("acme-seo") as server:
        connector = WordPress(WordPressOptions(plugins=["acme-seo"], base_url=server.base))
        server.publish({**places.topic(1, text, NOW, title), "head": head})
        assert posts(pull(connector, http, "acme-seo"))[0].rating == rating


def test_an_unknown_wordpress_plugin_is_named(http: HttpClient) -> None:
    with places.WordPressServer("acme-seo") as server, pytest.raises(FetchError, match="'acme-se'"):
        pull(WordPress(WordPressOptions(plugins=["acme-se"], base_url=server.base)), http, "acme-se")
    with pytest.raises(ValidationError):
        WordPressOptions(plugins=["../../evil"])


# -- all of them


def test_a_recheck_survives_whatever_comes_with_a_404(http: HttpClient) -> None:
    with places.AmoServer("acme-tabs") as server:
        server.override = Told(404, b"[" * 15_000, {"Content-Type": "application/json"})
        with pytest.raises(FetchError):
            list(Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url)).recheck([Known("7")], http))


def test_halves_of_characters_in_a_name_cost_no_review(http: HttpClient) -> None:
    review = {"id": 7, "body": "ok", "addon": {"slug": "\ud800"}}
    with places.AmoServer("acme-tabs") as server:
        server.override = Told(200, json.dumps({"results": [review], "next": None}).encode())
        amo = Amo(AmoOptions(addons=["acme-tabs"], base_url=server.base_url))
        assert [post.body for post in posts(pull(amo, http, "acme-tabs"))] == ["ok"]


@pytest.mark.parametrize(("link", "url"), [("//[", ""), ("//evil.example/x", ""), ("/author/1", "/author/1")])
def test_an_account_is_on_the_marketplace_or_nowhere(http: HttpClient, link: str, url: str) -> None:
    comment = {"id": 1, "comment": "ok", "author": {"name": "Ann", "link": link}}
    with places.JetBrainsServer("4242") as server:
        server.override = Told(200, json.dumps([comment]).encode())
        connector = JetBrains(JetBrainsOptions(plugins=["4242"], base_url=server.base_url))
        (post,) = posts(pull(connector, http, "4242"))
    assert post.author is not None and post.author.url == (url and f"https://plugins.jetbrains.com{url}")


@given(st.text("-0123456789", max_size=8))
def test_a_count_written_in_any_way_is_a_number_or_nothing(text: str) -> None:
    count = Fields({"n": text}, "here").count("n")
    assert count is None or count == int(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("id", "name", "slug")), inner),
)
_names = [
    "id",
    "review_id",
    "body",
    "created",
    "score",
    "user",
    "addon",
    "cdate",
    "comment",
    "rating",
    "author",
    "votes",
    "plugin",
    "parentId",
    "summary",
    "description",
    "date_created",
    "locale",
    "karma_up",
]
_review = st.fixed_dictionaries(
    {"id": st.integers(1, 9) | _values, "review_id": st.integers(1, 9) | _values},
    optional=dict.fromkeys(_names[2:], _values),
)


class _Fixed:
    status, url, headers, body, unchanged, moved_to, validators = 200, "", {}, b"", False, "", None  # type: ignore[var-annotated]

    def __init__(self, document: Any) -> None:
        self._document = document

    def json(self) -> Any:
        return self._document

    def get(self, url: str, **_: Any) -> _Fixed:
        return self


@pytest.mark.parametrize("source", ["amo", "odrs", "jetbrains"])
@given(
    reviews=st.lists(_review | _values, max_size=3) | _values,
    cursor=st.text(max_size=20) | st.just('{"newest":"0001-01-01"}'),
)
def test_wrong_types_are_bad_answers_and_nothing_else(source: str, reviews: Any, cursor: str) -> None:
    made: dict[str, Connector] = {
        "amo": Amo(AmoOptions(addons=["a"])),
        "odrs": Odrs(OdrsOptions(apps=["a"])),
        "jetbrains": JetBrains(JetBrainsOptions(plugins=["1"])),
    }
    document = {"results": reviews} if source == "amo" else reviews
    http: Any = _Fixed(document)
    try:
        list(made[source].pull(Question(now=NOW, term="1", cursor=cursor), http))
    except BadAnswer as error:
        assert "\n" not in str(error)
