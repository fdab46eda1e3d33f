"""Ten pulls of a feed with odd identities end with the rows of the first, and lose nothing that is really new."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from connectors.feed import Feed, FeedOptions
from listener.config import Source
from listener.intake import Intake
from listener.match import Matcher, parse
from listener.pull import Puller
from listener.sentiment.scorer import DefaultScorer
from listener.settings import SourceSettings
from storage.records import Run
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.feeding import Canned, CannedHttp
from tests.made import watch

_URL = "https://host.example/feed"
_SCORER = DefaultScorer()


def _item(number: int, **parts: str) -> str:
    given = {"title": f"Acme {number}", "link": f"https://host.example/{number}", "guid": f"g{number}"} | parts
    given["description"] = given.get("description", f"Acme text {number}")
    return "<item>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in given.items() if text) + "</item>"


def _items(change: Callable[[int], dict[str, str]]) -> str:
    return "".join(_item(number, **change(number)) for number in range(5))


def _shuffled(turn: int) -> str:
    order = list(range(5))
    random.Random(turn).shuffle(order)
    return "".join(_item(number) for number in order)


ODD: dict[str, tuple[Callable[[int], str], int]] = {
    "no guid": (lambda turn: _items(lambda n: {"guid": ""}), 5),
    "no link": (lambda turn: _items(lambda n: {"link": ""}), 5),
    "no date, no guid, no link": (lambda turn: _items(lambda n: {"guid": "", "link": ""}), 5),
    "no title": (lambda turn: _items(lambda n: {"title": ""}), 5),
    "changing guids": (lambda turn: _items(lambda n: {"guid": f"{turn}-{n}"}), 5),
    "changing guids that are addresses": (lambda turn: _items(lambda n: {"guid": f"https://h.example/{turn}-{n}"}), 5),
    "changing links": (lambda turn: _items(lambda n: {"link": f"https://host.example/{n}?utm={turn}"}), 5),
    "every item twice": (lambda turn: _items(lambda n: {}) * 2, 5),
    "another order each time": (_shuffled, 5),
    "one guid for two texts": (lambda turn: _item(1) + _item(1, description="Acme, older"), 1),
    "an edit each time": (lambda turn: _items(lambda n: {"description": f"Acme {turn}"}), 5),
    "one address for all, with guids": (lambda turn: _items(lambda n: {"link": "https://host.example/"}), 5),
}


def _pull(store: SqliteStore, body: str) -> Run:
    source = Source("blogs", Feed(FeedOptions(url=_URL)), SourceSettings(type="feed"), timedelta(minutes=5))
    http = CannedHttp({_URL: Canned(f"<rss><channel>{body}</channel></rss>".encode(), _URL)})
    intake = Intake(Matcher({"Acme": parse("acme")}), _SCORER, (), timedelta(hours=24))
    puller = Puller(store, http, intake, lambda: NOW, random.Random(1), timedelta(hours=24))
    run = puller.pull(watch().id, source, due_only=False)
    assert run is not None
    return run


@pytest.mark.parametrize("name", ODD)
def test_the_tenth_pull_has_the_rows_of_the_first(store: SqliteStore, name: str) -> None:
    body, expected = ODD[name]
    store.sync_watches([watch()])
    rows = []
    for turn in range(10):
        _pull(store, body(turn))
        rows.append(store.counts()["posts"])
    assert rows == [expected] * 10


def test_a_new_text_at_an_old_address_is_new(store: SqliteStore) -> None:
    """A status page that always links to itself must not swallow its next incident."""
    store.sync_watches([watch()])
    for turn in range(3):
        link = "https://status.example/"
        assert _pull(store, _item(turn, guid=f"g{turn}", link=link)).new == 1


def test_ten_late_items_of_one_second_all_arrive(store: SqliteStore) -> None:
    store.sync_watches([watch()])
    date = "Sun, 01 Nov 2026 10:00:00 GMT"
    for turn in range(10):
        body = "".join(_item(number, pubDate=date) for number in range(turn + 1))
        assert _pull(store, body).new == 1


def test_an_entry_that_has_not_changed_word_for_word_is_not_looked_at_again(store: SqliteStore) -> None:
    store.sync_watches([watch()])
    assert _pull(store, _item(1) + _item(2)).read == 2
    second = _pull(store, _item(3) + _item(1) + _item(2, description="Acme, edited"))
    assert (second.read, second.new, second.edited) == (2, 1, 1)
    assert _pull(store, _item(3) + _item(1) + _item(2)).edited == 1  # back to the first words
