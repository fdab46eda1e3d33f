"""The obligations of a connector, as tests that anybody can run on their own.

    class TestMine(ConnectorContract):
        @pytest.fixture
        def world(self):
            with MyStandIn() as server, HttpClient(...) as http:
                yield World(MyConnector(options), http, publish=..., answer=..., wrong_shapes=(b"{}",))

A connector is asked over real HTTP; the stand-in is the author's own server on the loopback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from connectors.contract import Connector, Http, Options
from connectors.errors import BadAnswer
from connectors.post import Page, Post, Question, Validators

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


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

    `publish` adds posts in that order; `answer` makes the source say (status, content type, body) to everything.
    `wrong_shapes` are bodies of status 200 that the source could send and that are not what it promises.
    `many` is how many posts surely take more than one page. `undated`: the source knows posts without a date.
    """

    connector: Connector
    http: Http
    publish: Callable[[Sequence[Sample]], None]
    answer: Callable[[int, str, bytes], None]
    wrong_shapes: Sequence[bytes] = (b"",)
    many: int = 1_100
    undated: bool = False
    term: str = "acme"


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
        with pytest.raises(ValidationError):
            connector.options.model_validate({"no_such_option": 1})
        address = urlsplit(connector.address())
        assert address.scheme in ("http", "https") and address.hostname and not address.username

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
        world.publish([Sample(3, NOW - timedelta(hours=20)), Sample(4, NOW - timedelta(hours=2))])
        keeper.pull(NOW + timedelta(minutes=15))
        assert keeper.numbers == {1, 2, 3, 4}

    def test_nothing_is_lost_when_items_share_a_second(self, world: World) -> None:
        keeper = Keeper(world)
        moment = NOW - timedelta(minutes=1)
        world.publish([Sample(number, moment) for number in range(5)])
        keeper.pull()
        world.publish([Sample(number, moment) for number in range(5, 9)])
        keeper.pull(NOW + timedelta(minutes=15))
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
