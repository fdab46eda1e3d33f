"""The obligations of a connector, as tests that anybody can run on their own.

    class TestMine(ConnectorContract):
        @pytest.fixture
        def world(self):
            with MyStandIn() as server, visitor() as http:
                yield World(MyConnector(options), http, server, publish=..., wrong_shapes=(b"{}",))

A connector is asked over real HTTP; the stand-in is the author's own server on the loopback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from connectors.contract import Connector, Facts, Http, Options, Rechecks
from connectors.errors import BadAnswer, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.post import Known, Page, Post, Question, Validators
from tests.standins.loopback import Loopback, Told

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_LATER = NOW + timedelta(minutes=15)
_BETTER_AT = NOW + timedelta(minutes=20)
"""When a throttling source wants to be asked again."""


def visitor() -> HttpClient:
    """A client that may ask the loopback."""
    return HttpClient(
        user_agent="listener-tests (mailto:tests@example.org)", now=lambda: NOW, gap=0.0, allow_private=["127.0.0.1/32"]
    )


WISHES = {
    "seconds": ("Retry-After", f"{(_BETTER_AT - NOW).seconds}"),
    "HTTP date": ("Retry-After", format_datetime(_BETTER_AT, usegmt=True)),
    "ISO reset": ("X-RateLimit-Reset", _BETTER_AT.isoformat().replace("+00:00", ".290188Z")),
    "epoch reset": ("RateLimit-Reset", f"{_BETTER_AT.timestamp():.0f}"),
}


@dataclass(frozen=True)
class Sample:
    """A post to be put into the source; its text holds `term` and its number. `at` None: without a date."""

    number: int
    at: datetime | None
    term: str = "acme"

    @property
    def text(self) -> str:
        return f"{self.term} number {self.number} is fine"


@dataclass
class World:
    """A connector and the power over its source.

    `publish` adds posts in that order; the same sample twice is a post that the source lists twice. `edit` gives the
    post of a number another text; None when the source has no edits or does not show them. `remove` takes it away; None
    when the connector cannot ask about stored posts again (it is no `Rechecks`). `wrong_shapes` are bodies of
    status 200 that the source could send and that are not what it promises. `many` is how many posts surely take more
    than one page. `undated`: the source knows posts without a date. `late` is how much older than the newest post one
    may be that arrives after it. `optional` names the JSON fields that may be missing. `lenient`: of an answer that is
    cut off the connector saves what it can.
    """

    connector: Connector
    http: Http
    server: Loopback
    publish: Callable[[Sequence[Sample]], None]
    edit: Callable[[int, str], None] | None = None
    remove: Callable[[int], None] | None = None
    wrong_shapes: Sequence[bytes] = (b"",)
    many: int = 1_100
    undated: bool = False
    late: timedelta = timedelta(hours=20)
    optional: frozenset[str] = frozenset()
    lenient: bool = False
    term: str = "acme"

    def answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Make the source say this to everything."""
        self.server.override = Told(status, body, {"Content-Type": kind, **(headers or {})})


@dataclass
class Keeper:
    """What a store does with pages: keeps posts once, and the cursor and validators of the last stored page."""

    world: World
    cursor: str = ""
    validators: Validators = field(default_factory=Validators)
    posts: dict[str, Post] = field(default_factory=dict)

    def pull(self, now: datetime = NOW, stop_after: int | None = None) -> list[Page]:
        question = Question(
            now=now,
            term=self.world.term,
            cursor=self.cursor,
            validators=self.validators,
            since=NOW - timedelta(days=30),
        )
        pages = []
        for page in self.world.connector.pull(question, self.world.http):
            pages.append(page)
            self._keep(page)
            if len(pages) == stop_after:
                break
        return pages

    def _keep(self, page: Page) -> None:
        self.cursor = page.cursor or self.cursor
        self.validators = page.validators or self.validators
        for post in page.posts:
            self.posts[post.id] = post

    @property
    def known(self) -> list[Known]:
        return [Known(post.source_id, post.ref, post.url) for post in self.posts.values()]

    @property
    def numbers(self) -> set[int]:
        texts = (f"{post.title} {post.body}" for post in self.posts.values())
        return {int(text.split("number ")[1].split()[0]) for text in texts}


def spread(count: int) -> list[Sample]:
    """`count` posts a minute apart, the last one an hour ago."""
    return [Sample(number, NOW - timedelta(hours=1, minutes=count - number)) for number in range(count)]


class ConnectorContract:
    """Subclass it, give it a fixture `world`."""

    def test_it_says_what_it_is(self, world: World) -> None:
        connector = world.connector
        assert isinstance(connector, Connector)
        assert connector.kind == connector.kind.lower().strip() != ""
        assert issubclass(connector.options, Options)
        assert isinstance(connector.facts, Facts) and all((connector.facts.hears, connector.facts.misses))
        assert len(set(connector.terms(["acme", "acme cloud"]))) > 0
        with pytest.raises(ValidationError):
            connector.options.model_validate({"no_such_option": 1})
        address = urlsplit(connector.address())
        networked = address.scheme in ("http", "https", "ws", "wss") and address.hostname
        assert (networked or address.scheme == "file") and not address.username

    def test_the_same_input_gives_the_same_keys_in_the_same_order(self, world: World) -> None:
        world.publish(spread(7))
        first = [post.id for page in Keeper(world).pull() for post in page.posts]
        again = [post.id for page in Keeper(world).pull() for post in page.posts]
        assert first == again and len(set(first)) == len(first) == 7

    def test_posts_come_oldest_first(self, world: World) -> None:
        world.publish(spread(7))
        dates = [post.published_at for page in Keeper(world).pull() for post in page.posts]
        assert all(earlier <= later for earlier, later in pairwise(date for date in dates if date is not None))

    def test_posts_are_well_formed(self, world: World) -> None:
        world.publish(spread(3))
        for page in Keeper(world).pull():
            for post in page.posts:
                assert post.kind == world.connector.kind and post.source_id
                assert post.url == "" or urlsplit(post.url).scheme in ("http", "https")
                assert post.published_at is None or post.published_at.utcoffset() == timedelta()

    def test_an_empty_source_is_a_page_without_posts(self, world: World) -> None:
        pages = Keeper(world).pull()
        assert pages and not any(page.posts for page in pages)

    def test_nothing_is_lost_when_items_arrive_late(self, world: World) -> None:
        keeper = Keeper(world)
        world.publish([Sample(1, NOW - timedelta(hours=3)), Sample(2, NOW - timedelta(hours=1))])
        keeper.pull()
        world.publish([Sample(3, NOW - timedelta(hours=1) - world.late), Sample(4, NOW - timedelta(minutes=70))])
        keeper.pull(_LATER)
        assert keeper.numbers == {1, 2, 3, 4}

    def test_nothing_is_lost_when_items_share_a_second(self, world: World) -> None:
        keeper = Keeper(world)
        moment = NOW - timedelta(minutes=1)
        world.publish([Sample(number, moment) for number in range(5)])
        keeper.pull()
        world.publish([Sample(number, moment) for number in range(5, 9)])
        keeper.pull(_LATER)
        assert keeper.numbers == set(range(9))

    def test_undated_items_arrive_once_and_without_a_guess(self, world: World) -> None:
        if not world.undated:
            pytest.skip("the source dates every post")
        keeper = Keeper(world)
        world.publish([Sample(1, None), Sample(2, NOW)])
        keeper.pull()
        world.publish([Sample(3, None)])
        keeper.pull()
        assert len(keeper.posts) == 3 and keeper.numbers == {1, 2, 3}
        assert sum(post.published_at is None for post in keeper.posts.values()) == 2

    def test_a_kill_between_two_pages_loses_nothing(self, world: World) -> None:
        world.publish(spread(world.many))
        keeper = Keeper(world)
        keeper.pull(stop_after=1)
        assert 0 <= len(keeper.posts) < world.many
        keeper.pull()
        assert len(keeper.posts) == world.many

    def test_a_web_page_is_not_an_empty_result(self, world: World) -> None:
        world.answer(200, "text/html", b"<!DOCTYPE html><html><title>Log in</title><p>Please log in</p></html>")
        with pytest.raises(BadAnswer):
            Keeper(world).pull()

    def test_a_wrong_shape_is_a_bad_answer_that_tells_what(self, world: World) -> None:
        for body in world.wrong_shapes:
            world.answer(200, "application/octet-stream", body)
            with pytest.raises(BadAnswer) as caught:
                Keeper(world).pull()
            assert 10 < len(str(caught.value)) < 500 and "\n" not in str(caught.value)

    def test_a_post_listed_twice_is_one_post(self, world: World) -> None:
        sample = Sample(1, NOW - timedelta(hours=2))
        world.publish([sample, sample, Sample(2, NOW - timedelta(hours=1))])
        ids = [post.id for page in Keeper(world).pull() for post in page.posts]
        assert len(ids) == len(set(ids)) == 2

    def test_an_edited_post_keeps_its_id_and_comes_again(self, world: World) -> None:
        if world.edit is None:
            pytest.skip("the source shows no edits")
        keeper = Keeper(world)
        world.publish(spread(3))
        keeper.pull()
        before = set(keeper.posts)
        world.edit(1, "acme number 1 was mended")
        keeper.pull(_LATER)
        assert set(keeper.posts) == before
        assert [post for post in keeper.posts.values() if "was mended" in post.body + post.title]

    def test_a_recheck_tells_what_is_gone_from_what_stands(self, world: World) -> None:
        if world.remove is None:
            assert not isinstance(world.connector, Rechecks)
            pytest.skip("the source cannot be asked about single posts")
        keeper = Keeper(world)
        world.publish(spread(4))
        keeper.pull()
        assert isinstance(world.connector, Rechecks)
        posts = {post.body + post.title: post for post in keeper.posts.values()}
        (removed,) = (post.source_id for text, post in posts.items() if "number 2 " in text)
        world.remove(2)
        checked = list(world.connector.recheck(keeper.known, world.http))
        assert {one.source_id for one in checked if one.post is None} == {removed}
        standing = {one.post.id: one.post.fingerprint for one in checked if one.post is not None}
        stored = {post.id: post.fingerprint for post in keeper.posts.values() if post.source_id != removed}
        assert standing == stored

    def test_a_source_in_trouble_has_deleted_nothing(self, world: World) -> None:
        keeper = Keeper(world)
        world.publish(spread(2))
        keeper.pull()
        if not isinstance(world.connector, Rechecks):
            pytest.skip("the source cannot be asked about single posts")
        for status, body in ((500, b"{}"), (200, b"<!DOCTYPE html><html><title>Log in</title></html>"), (403, b"no")):
            world.answer(status, "text/html", body)
            checked = []
            with pytest.raises(FetchError):
                for one in world.connector.recheck(keeper.known, world.http):
                    checked.append(one)
            assert not checked

    def test_fields_that_nobody_knows_change_nothing(self, world: World) -> None:
        world.publish(spread(5))
        plain = _but_for_counts(Keeper(world).pull())
        world.server.twist = with_strangers
        assert _but_for_counts(Keeper(world).pull()) == plain

    def test_optional_fields_may_be_missing(self, world: World) -> None:
        world.publish(spread(5))
        ids = [post.id for page in Keeper(world).pull() for post in page.posts]
        world.server.twist = lambda document: without(document, world.optional)
        assert sorted(post.id for page in Keeper(world).pull() for post in page.posts) == sorted(ids)

    def test_an_answer_that_is_cut_off_is_not_taken_for_the_whole(self, world: World) -> None:
        world.publish(spread(6))
        world.server.cut = 0.7
        keeper = Keeper(world)
        if world.lenient:
            pages = keeper.pull()
            assert any(page.gap for page in pages) or not any(v.etag for v in (keeper.validators,))
        else:
            with pytest.raises(BadAnswer):
                keeper.pull()
        world.server.cut = 1.0
        keeper.pull()
        assert keeper.numbers == set(range(6))

    @pytest.mark.parametrize("header", sorted(WISHES))
    def test_a_source_that_throttles_says_until_when(self, world: World, header: str) -> None:
        name, value = WISHES[header]
        world.answer(429, "application/json", b"{}", {name: value})
        with pytest.raises(RateLimited) as caught:
            Keeper(world).pull()
        wish = caught.value.retry_after
        assert wish is not None and abs(wish - _BETTER_AT) < timedelta(seconds=2)


def _but_for_counts(pages: Sequence[Page]) -> list[Post]:
    """The posts, without what moves at every sight."""
    return [post._replace(reach={}) for page in pages for post in page.posts]


def with_strangers(value: Any) -> Any:
    """`value` with a field that nobody knows in every object."""
    if isinstance(value, dict):
        return {**{key: with_strangers(one) for key, one in value.items()}, "x_unheard_of": {"deep": [1, None, "x"]}}
    return [with_strangers(one) for one in value] if isinstance(value, list) else value


def without(value: Any, names: frozenset[str]) -> Any:
    """`value` with none of `names` in any object."""
    if isinstance(value, dict):
        return {key: without(one, names) for key, one in value.items() if key not in names}
    return [without(one, names) for one in value] if isinstance(value, list) else value
