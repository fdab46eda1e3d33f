"""Stored posts are asked about again, and what their source has taken away loses its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from connectors.contract import Facts, Http, Options
from connectors.errors import FetchError
from connectors.post import Checked, Known, Page, Post, Question
from listener.config import Source
from listener.intake import Intake, Origin
from listener.match import Matcher, parse
from listener.sentiment.scorer import DefaultScorer
from listener.settings import SourceSettings
from listener.sweep import Sweeper, SweepReport
from storage.contract import Store
from storage.records import stamp
from tests.conftest import NOW

_WINDOW = timedelta(days=30)


class Forum:
    """A source that knows which of its posts still stand; None as `standing` breaks it."""

    kind: ClassVar[str] = "forum"
    facts: ClassVar[Facts] = Facts(hears="a forum", misses="all else")
    options: ClassVar[type[Options]] = Options

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}
        self.fails_after = 10_000
        self.error: Exception = FetchError("the forum did not answer.")
        self.asked: list[str] = []

    def address(self) -> str:
        return "https://forum.example/"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return ("",)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        yield Page()

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        for number, one in enumerate(known):
            if number == self.fails_after:
                raise self.error
            self.asked.append(one.source_id)
            text = self.standing.get(one.source_id)
            yield Checked(one.source_id, None if text is None else _post(one.source_id, text))


@dataclass
class Place:
    store: Store
    forum: Forum = field(default_factory=Forum)
    time: datetime = NOW

    def __post_init__(self) -> None:
        self.intake = Intake(Matcher({"Acme": parse("acme")}), DefaultScorer(), [], timedelta(days=1))

    def publish(self, count: int) -> None:
        posts = [_post(str(number), f"acme number {number}") for number in range(count)]
        self.forum.standing = {post.source_id: post.body for post in posts}
        arrivals = self.intake.arrivals(posts, Origin("forum"), self.store, self.time)
        self.store.add_page(arrivals, stamp(self.time))

    def sweeper(self, names: Sequence[str] = ("forum",)) -> Sweeper:
        http: Any = None  # the forum asks nobody
        given = SourceSettings(type="forum")
        sources = {name: Source(name, self.forum, given, timedelta(minutes=15)) for name in names}
        return Sweeper(self.store, http, self.intake, sources, lambda: self.time, _WINDOW)

    @property
    def texts(self) -> list[str]:
        return [post.text for _, post in self.store.posts(100)]


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


@pytest.fixture
def place(store: Store) -> Place:
    return Place(store)


def _post(source_id: str, text: str) -> Post:
    return Post("forum", source_id, f"https://forum.example/{source_id}", text, published_at=NOW)


def test_what_is_gone_loses_its_words_and_what_was_edited_gets_its_new_ones(place: Place) -> None:
    place.publish(4)
    del place.forum.standing["1"]
    place.forum.standing["2"] = "acme was mended"
    assert place.sweeper().step(100) == SweepReport(asked=4, changed=2, through=True)
    assert place.texts == ["acme number 3", "acme was mended", "", "acme number 0"]


def test_the_walk_goes_newest_first_in_steps_and_begins_again_a_day_later(place: Place) -> None:
    place.publish(5)
    assert place.sweeper().step(2) == SweepReport(asked=2)
    assert place.sweeper().step(2) == SweepReport(asked=2)
    assert place.forum.asked == ["4", "3", "2", "1"]
    assert place.sweeper().step(2) == SweepReport(asked=1, through=True)
    assert place.sweeper().step(2) == SweepReport(through=True)
    place.time += timedelta(days=1)
    assert place.sweeper().step(9).asked == 5


def test_posts_of_before_the_window_are_left_alone(place: Place) -> None:
    place.publish(2)
    place.time += _WINDOW + timedelta(minutes=1)
    assert place.sweeper().step(9).asked == 0


def test_a_source_that_fails_in_the_middle_keeps_what_it_told_and_deletes_nothing_else(place: Place) -> None:
    place.publish(4)
    place.forum.standing.clear()
    place.forum.fails_after = 1
    report = place.sweeper().step(9)
    assert report.trouble == ("forum: the forum did not answer.",) and report.changed == 1
    assert place.texts == ["", "acme number 2", "acme number 1", "acme number 0"]


def test_a_post_whose_source_is_no_longer_configured_is_asked_about_at_another_of_its_kind(place: Place) -> None:
    place.publish(1)
    place.forum.standing.clear()
    assert place.sweeper(["renamed"]).step(9).changed == 1
    assert place.texts == [""]


def test_a_connectors_own_mistake_is_told_and_does_not_hold_up_the_walk(place: Place) -> None:
    place.publish(3)
    place.forum.fails_after, place.forum.error = 0, KeyError("items")
    report = place.sweeper().step(2)
    assert report == SweepReport(asked=2, trouble=("forum: the forum connector failed: KeyError: 'items'.",))
    assert place.sweeper().step(2).through


def test_another_source_of_its_kind_says_only_what_is_gone_for_it_may_be_about_another_brand(place: Place) -> None:
    place.publish(2)
    place.forum.standing = {"0": "no brand any more"}
    assert place.sweeper(["renamed"]).step(9).changed == 1
    assert place.texts == ["", "acme number 0"]


def test_a_source_that_says_everything_is_gone_is_not_believed(place: Place) -> None:
    place.publish(12)
    place.forum.standing.clear()
    report = place.sweeper().step(50)
    assert report.trouble == ("forum: says that all 12 posts are gone at once, which is not believed.",)
    assert "" not in place.texts


def test_two_sweepers_do_not_ask_twice(place: Place) -> None:
    place.publish(3)
    with place.store.claim("sweep"):
        assert place.sweeper().step(9) == SweepReport(through=True)
    assert place.forum.asked == []
