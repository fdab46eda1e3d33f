"""Jetstream is heard without loss, in bounded pages, and its silence is told from calm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contract import Connector, Facts
from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, RateLimited
from connectors.http import HttpClient
from connectors.jetstream import Jetstream, JetstreamOptions
from connectors.post import Author, Page, Post, Question
from tests.contracts.connectors import NOW, WISHES, visitor, with_strangers, without
from tests.standins.jetstream import (
    ANN,
    BOB,
    POSTS,
    Event,
    JetstreamServer,
    account,
    commit,
    deleted,
    identity,
    like,
    micros,
    odd,
    post,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DATA = Path(__file__).parent / "data" / "jetstream"
TICK = identity(at=NOW + SECOND)
"""What tells a reader that its time has come; without it, it waits for silence."""


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with visitor() as client:
        yield client


@pytest.fixture
def server() -> Iterator[JetstreamServer]:
    with JetstreamServer() as running:
        running.hum = NOW + HOUR
        yield running


def jetstream(*hosts: str, **options: Any) -> Jetstream:
    return Jetstream(JetstreamOptions(hosts=list(hosts) or ["ws://host.example"], **options))


def question(cursor: str = "", **more: Any) -> Question:
    given_more: dict[str, Any] = {"now": NOW, "cursor": cursor} | more
    return Question(**given_more)


def at_cursor(time: datetime, host: str) -> str:
    return json.dumps({"time_us": micros(time), "host": host})


def time_of(cursor: str) -> int:
    time_us: int = json.loads(cursor)["time_us"]
    return time_us


def keys(pages: Iterable[Page]) -> list[str]:
    return [post.source_id.rpartition("/")[2] for page in pages for post in page.posts]


def spread(count: int, first: datetime = NOW - timedelta(minutes=30)) -> list[Event]:
    return [post(f"3k{number}", f"acme number {number}", at=first + number * SECOND) for number in range(count)]


@dataclass
class Script:
    """An Http whose streams are written down: bytes, None for an idle second, an error to be raised.

    What is not written down is silence, for ever.
    """

    streams: list[list[bytes | FetchError | None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def listen(self, url: str, *, idle: float = 1.0) -> Iterator[Iterator[bytes | None]]:
        assert idle == 1.0
        self.asked.append(url)
        yield self._messages(self.streams.pop(0) if self.streams else [])

    def _messages(self, stream: list[bytes | FetchError | None]) -> Iterator[bytes | None]:
        for said in stream:
            if isinstance(said, FetchError):
                raise said
            yield said
        for _ in range(10_000):
            yield None
        pytest.fail("the reader listens for ever")

    def get(self, url: str, **_: Any) -> Any:
        raise AssertionError

    post = get


def script(*events: Event | FetchError | None) -> Script:
    return Script([[event.message.encode() if isinstance(event, Event) else event for event in events]])


# ---- what it is and what it says


def test_it_says_what_it_is() -> None:
    connector = jetstream("wss://one.example/", "https://two.example")
    assert isinstance(connector, Connector) and isinstance(connector.facts, Facts)
    assert connector.kind == "bluesky" and connector.terms(["acme", "acme cloud"]) == ("",)
    assert connector.address() == "https://one.example/subscribe"
    assert all(len(fact) <= 160 and "|" not in fact for fact in connector.facts if isinstance(fact, str))
    assert Jetstream(JetstreamOptions()).address().startswith("https://jetstream")


@pytest.mark.parametrize(
    "options",
    [
        {"no_such": 1},
        {"hosts": []},
        {"hosts": ["ftp://x"]},
        {"hosts": ["wss://x/?cursor=1"]},
        {"hosts": ["wss://ann:s3cret@x"]},  # it would be in the cursor
        {"overlap_seconds": -1},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JetstreamOptions.model_validate(options)


def test_events_in_the_recorded_shapes_are_read_field_by_field() -> None:
    lines = (DATA / "events.jsonl").read_bytes().splitlines()
    messages = Script([[*lines, TICK.message.encode()]])
    (page,) = jetstream(lookback_hours=2).pull(question(), messages)
    ann, bob = "did:plc:7iza6de2dwap2sbkpav7c6c6", "did:web:people.acme.example"
    start = datetime(2026, 11, 20, 11, 43, 20, tzinfo=UTC)
    reply, edited, gone, empty = page.posts
    assert reply == Post(
        kind="bluesky",
        source_id=f"at://{bob}/app.bsky.feed.post/3mx2",
        url=f"https://bsky.app/profile/{bob}/post/3mx2",
        body="Switched to Acme — see https://acme.example/blog/why-we-moved-house and @ann",
        author=Author(bob, url=f"https://bsky.app/profile/{bob}"),
        published_at=start + SECOND,
        genre="comment",
        thread=f"at://{ann}/app.bsky.feed.post/3mw0",
    )
    assert (edited.source_id, edited.body) == (
        f"at://{ann}/app.bsky.feed.post/3mx1",
        "Der neue Füller schmiert doch nicht.",
    )
    assert (edited.published_at, edited.edited_at, edited.language) == (start, start + 2 * SECOND, "de")
    assert gone.deleted and gone.source_id == f"at://{bob}/app.bsky.feed.post/3mw9" and gone.body == ""
    assert (empty.body, empty.published_at) == (
        "",
        start + 4 * SECOND,
    )  # its clock says the year 1: the server's counts
    assert not page.gap


def test_only_what_a_brand_may_match_becomes_a_post_and_the_cursor_moves_all_the_same() -> None:
    asked = []

    def relevant(text: str) -> bool:
        asked.append(text)
        return "acme" in text

    link = {"index": {"byteStart": 0, "byteEnd": 10}}
    shortened: dict[str, Any] = {"facets": [link | {"features": [{"uri": "https://long.example/acme"}]}]}
    card: dict[str, Any] = {
        "embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://card.example/acme"}}
    }
    said = script(
        post("3k1", "about nothing", at=NOW - 4 * SECOND),
        post("3k2", "of acme", at=NOW - 3 * SECOND),
        post("3k3", "long.ex...", at=NOW - 2 * SECOND, **shortened),
        post("3k4", "look", at=NOW - 2 * SECOND, **card),
        like("3k5", at=NOW - SECOND),
        post("3k6", "nothing at all", at=NOW),
    )
    pages = list(jetstream().pull(question(relevant=relevant), said))
    assert keys(pages) == ["3k2", "3k3", "3k4"] and time_of(pages[-1].cursor) == micros(NOW)
    assert asked[0] == "about nothing" and len(asked) == 5


def test_what_is_no_post_is_passed_over() -> None:
    said = script(
        identity(at=NOW - 3 * SECOND), account(at=NOW - 2 * SECOND, active=False), like("3k1", at=NOW - SECOND), TICK
    )
    (page,) = jetstream().pull(question(), said)
    assert not page.posts and not page.gap


@pytest.mark.parametrize("record", [None, [], "text", {"text": 5}, {"text": ["acme"], "facets": []}])
def test_a_record_that_bluesky_would_not_show_is_not_a_post(record: Any) -> None:
    said = script(commit("3k1", record, at=NOW - SECOND), post("3k2", "acme", at=NOW))
    (page,) = jetstream().pull(question(), said)
    assert keys([page]) == ["3k2"] and not page.gap


def test_deletions_and_edits_come_whether_or_not_they_name_a_brand() -> None:
    said = script(
        deleted("3k1", at=NOW - 2 * SECOND),
        post("3k2", "the name is gone", at=NOW - SECOND, operation="update"),
        TICK,
    )
    (page,) = jetstream().pull(question(relevant=lambda _: False), said)
    gone, edited = page.posts
    assert gone == Post("bluesky", f"at://{ANN}/{POSTS}/3k1", gone.url, "", deleted=True)
    assert edited.edited_at == NOW - SECOND


def test_the_last_word_on_a_post_counts_within_a_page() -> None:
    said = script(
        post("3k1", "acme", at=NOW - 5 * SECOND),
        post("3k2", "acme again", at=NOW - 4 * SECOND),
        post("3k2", "acme mended", at=NOW - 3 * SECOND, operation="update"),
        deleted("3k1", at=NOW - 2 * SECOND),
        post("3k2", "acme mended", at=NOW - 3 * SECOND, operation="update"),
        TICK,
    )
    (page,) = jetstream().pull(question(), said)
    assert [(post.body, post.deleted) for post in page.posts] == [("", True), ("acme mended", False)]


def test_fields_that_nobody_knows_or_that_are_missing_change_no_key() -> None:
    events = [post("3k1", "acme", at=NOW - SECOND), deleted("3k2", at=NOW - SECOND), TICK]
    plain = [post for page in jetstream().pull(question(), script(*events)) for post in page.posts]
    twists: list[Callable[[Any], Any]] = [
        with_strangers,
        lambda event: without(event, frozenset({"createdAt", "langs", "cid", "rev", "$type"})),
    ]
    for twist in twists:
        odd_ones = [event._replace(message=json.dumps(twist(json.loads(event.message)), indent=1)) for event in events]
        found = [post for page in jetstream().pull(question(), script(*odd_ones)) for post in page.posts]
        assert [post.id for post in found] == [post.id for post in plain]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "commit", "record", "text", "time_us", "did", "facets", "index", "reply"]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_no_message_whatever_it_is_breaks_the_stream(value: Any) -> None:
    shaped = {"did": ANN, "time_us": micros(NOW) - 5, "kind": "commit", "commit": value}
    record = {**shaped, "commit": {"operation": "create", "collection": POSTS, "rkey": "3kx", "record": value}}
    strange = [odd(json.dumps(one), at=NOW) for one in (value, shaped, record)]
    said = script(post("3k1", "acme", at=NOW - SECOND), *strange, post("3k2", "acme", at=NOW - SECOND), TICK)
    found = keys(jetstream().pull(question(), said))
    assert found[0] == "3k1" and "3k2" in found


# ---- nothing is lost


def test_the_same_stream_gives_the_same_keys_in_the_same_order(server: JetstreamServer, http: HttpClient) -> None:
    server.publish(*spread(7), spread(7)[3])
    connector = jetstream(server.base)
    first, again = (keys(connector.pull(question(), http)) for _ in range(2))
    assert first == again and len(set(first)) == len(first) == 7


def test_a_kill_between_two_pages_loses_nothing(server: JetstreamServer, http: HttpClient) -> None:
    server.publish(*spread(1_300))
    connector = jetstream(server.base)
    first = next(iter(connector.pull(question(), http)))
    assert 0 < len(first.posts) <= 500
    rest = list(connector.pull(question(first.cursor), http))
    assert set(keys([first, *rest])) == {f"3k{number}" for number in range(1_300)}
    assert server.connections[1].cursor == time_of(first.cursor) - 10_000_000


def test_events_out_of_order_and_of_one_moment_arrive(server: JetstreamServer, http: HttpClient) -> None:
    server.publish(*(post(f"3k{number}", "acme", at=NOW - MINUTE) for number in range(3)))
    connector = jetstream(server.base)
    server.hum = NOW - 30 * SECOND
    seen = list(connector.pull(question(now=NOW - MINUTE), http))
    server.publish(post("3k3", "acme", at=NOW - 35 * SECOND), post("3k4", "acme", at=NOW - 38 * SECOND))
    server.hum = NOW + HOUR
    seen += connector.pull(question(seen[-1].cursor), http)
    assert set(keys(seen)) == {f"3k{number}" for number in range(5)}


def test_a_connection_that_is_cut_is_taken_up_again(server: JetstreamServer, http: HttpClient) -> None:
    server.publish(*spread(900))
    server.cuts = [250, 300]
    pages = list(jetstream(server.base).pull(question(), http))
    assert set(keys(pages)) == {f"3k{number}" for number in range(900)} and len(server.connections) == 3
    assert not any(page.gap for page in pages)


def test_another_host_takes_over_and_goes_further_back(server: JetstreamServer, http: HttpClient) -> None:
    with JetstreamServer(spread(900)) as second:
        second.hum = NOW + HOUR
        server.publish(*spread(900))
        server.cuts = [400]
        server.refusal = None
        pull = jetstream(server.base, second.base).pull(question(), http)
        pages = [next(pull)]
        server.refusal = (503, {}, b"restarting")
        pages += pull
        assert set(keys(pages)) == {f"3k{number}" for number in range(900)}
        assert second.connections[0].cursor == time_of(pages[0].cursor) - 60_000_000
        assert json.loads(pages[-1].cursor)["host"] == second.base


def test_a_position_belongs_to_the_host_that_told_it() -> None:
    told_by_one, told_by_two = post("3k1", "acme", at=NOW - MINUTE), post("3k2", "acme", at=NOW - MINUTE - 30 * SECOND)
    cut = FetchError("cut")
    # The second host's clock is late: what is behind its events would be skipped if the first one's position were its.
    http = Script(
        [[told_by_one.message.encode(), cut], [cut], [told_by_two.message.encode(), cut]],
    )
    pages = list(jetstream("ws://one.example", "ws://two.example").pull(question(), http))
    assert keys(pages) == ["3k1", "3k2"] and [url.partition("/sub")[0] for url in http.asked] == [
        "ws://one.example",
        "ws://one.example",
        "ws://two.example",
    ]
    assert {page.cursor for page in pages if page.cursor} == {at_cursor(NOW - MINUTE, "ws://one.example")}


def test_the_host_that_was_heard_last_is_asked_first(server: JetstreamServer, http: HttpClient) -> None:
    cursor = at_cursor(NOW - MINUTE, server.base)
    list(jetstream("ws://127.0.0.1:9", server.base).pull(question(cursor), http))
    assert server.connections[0].cursor == micros(NOW - MINUTE) - 10_000_000


def test_a_host_that_begins_earlier_than_asked_does_not_move_the_cursor_back(http: HttpClient) -> None:
    with JetstreamServer(spread(600, NOW - timedelta(hours=2)), early=3 * HOUR) as server:
        server.hum = NOW
        pages = list(jetstream(server.base).pull(question(at_cursor(NOW - MINUTE, server.base)), http))
        assert len(keys(pages)) == 600
        assert time_of(pages[0].cursor) == micros(NOW - MINUTE) and time_of(pages[-1].cursor) == micros(NOW)


def test_what_a_host_no_longer_keeps_is_a_gap(http: HttpClient) -> None:
    with JetstreamServer(spread(5, NOW - 2 * HOUR), keeps=HOUR) as server:
        server.publish(*spread(5, NOW - MINUTE), TICK)
        cursor = at_cursor(NOW - 40 * HOUR, server.base)
        (page,) = jetstream(server.base).pull(question(cursor), http)
        assert page.gap == (
            f"{server.base} keeps nothing older any more: posts from 2026-11-18 20:00:00 to "
            "2026-11-20 11:59:00 UTC were not heard."
        )
        (page,) = jetstream(server.base).pull(question(page.cursor), http)
        assert not page.gap


def test_the_first_pull_goes_back_as_far_as_it_may_and_no_further(server: JetstreamServer, http: HttpClient) -> None:
    for since, hours in ((None, 1), (NOW - 5 * HOUR, 1), (NOW - 0.5 * HOUR, 0.5)):
        list(jetstream(server.base).pull(question(since=since), http))
        assert server.connections[-1].cursor == micros(NOW - hours * HOUR) - 10_000_000


@pytest.mark.parametrize(
    "cursor",
    ["x", "[]", "{}", '{"time_us": "1", "host": ""}', '{"time_us": true, "host": ""}', "1" * 5_000, "[" * 9_999],
)
def test_a_cursor_that_cannot_be_read_begins_again(cursor: str) -> None:
    said = script(TICK)
    list(jetstream().pull(question(cursor), said))
    assert f"cursor={micros(NOW - HOUR) - 10_000_000}" in said.asked[0]


def test_a_cursor_of_the_future_is_now() -> None:
    said = script(TICK)
    list(jetstream().pull(question(at_cursor(NOW + HOUR, "ws://host.example")), said))
    assert f"cursor={micros(NOW) - 10_000_000}" in said.asked[0]


def test_only_posts_are_asked_for_and_nothing_that_could_break_the_connection(
    server: JetstreamServer, http: HttpClient
) -> None:
    list(jetstream(server.base).pull(question(), http))
    params = server.connections[0].params
    assert params["wantedCollections"] == "app.bsky.feed.post" and int(params["maxMessageSizeBytes"]) < 2**20


# ---- when it ends, and what is handed on meanwhile


def test_a_pull_ends_with_what_had_happened_when_it_began() -> None:
    said = script(*spread(5), post("3klast", "acme", at=NOW), post("3kafter", "acme", at=NOW + SECOND))
    assert keys(jetstream().pull(question(), said))[-1] == "3klast"


def test_it_stays_as_long_as_it_is_told_to() -> None:
    live = [post(f"3k{number}", "acme", at=NOW + number * SECOND) for number in range(200)]
    found = keys(jetstream().pull(question(stay=100 * SECOND), script(*live)))
    assert found[-1] == "3k100"


def test_live_posts_wait_seconds_for_their_page_and_positions_half_a_minute() -> None:
    live = [post(f"3k{number}", "acme", at=NOW + number * SECOND) for number in range(61)]
    pages = list(jetstream().pull(question(stay=MINUTE), script(*live)))
    assert max(len(page.posts) for page in pages[1:]) <= 3
    quiet = [like(f"3k{number}", at=NOW + number * SECOND) for number in range(61)]
    assert 2 <= len(list(jetstream().pull(question(stay=MINUTE), script(*quiet)))) <= 4


def test_silence_counts_as_time_and_what_is_held_is_handed_on_at_once() -> None:
    said = script(post("3k1", "acme", at=NOW - SECOND), None, post("3k2", "acme", at=NOW), *[None] * 29, TICK)
    pages = list(jetstream().pull(question(stay=20 * SECOND), said))
    assert [keys([page]) for page in pages] == [["3k1"], ["3k2"]]


def test_catching_up_makes_full_pages_and_moves_on_where_nothing_is_relevant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.jetstream_events._MOST_EVENTS", 2_000)
    many = [post(f"3k{number}", "x", at=NOW - HOUR + number * SECOND / 2) for number in range(4_500)]
    assert [len(page.posts) for page in jetstream().pull(question(), script(*many, TICK))] == [500] * 9 + [0]
    moved = [page.cursor for page in jetstream().pull(question(relevant=lambda _: False), script(*many, TICK))]
    assert len(set(moved)) == len(moved) == 3


def test_a_page_is_bounded_in_bytes() -> None:
    large = [post(f"3k{number}", "x" * 200_000, at=NOW - MINUTE) for number in range(60)]
    assert max(len(page.posts) for page in jetstream().pull(question(), script(*large, TICK))) <= 20


def test_a_stream_that_is_never_caught_up_with_ends_the_pull_with_the_cursor_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.jetstream_events._MOST_HEARD", 700)
    (first, second) = jetstream().pull(question(), script(*spread(1_000)))
    assert len(first.posts) == 500 and len(second.posts) == 200 and not second.gap
    assert time_of(second.cursor) == spread(700)[-1].time_us


# ---- trouble


def test_a_stream_that_stands_still_is_not_calm() -> None:
    (page,) = jetstream().pull(question(), script())
    assert page.gap == "ws://host.example gave nothing at all: its stream may stand still." and not page.cursor
    old = script(post("3k1", "acme", at=NOW - 9 * HOUR))
    pages = list(jetstream().pull(question(at_cursor(NOW - 9 * HOUR, "ws://host.example")), old))
    assert pages[-1].gap == "ws://host.example gave nothing since 2026-11-20 03:00 UTC: its stream may stand still."
    fresh = script(post("3k1", "acme", at=NOW - MINUTE))
    assert not any(page.gap for page in jetstream().pull(question(), fresh))


@pytest.mark.parametrize("header", sorted(WISHES))
def test_a_host_that_throttles_says_until_when(server: JetstreamServer, http: HttpClient, header: str) -> None:
    name, value = WISHES[header]
    server.refusal = (429, {name: value}, b"{}")
    with pytest.raises(RateLimited) as caught:
        list(jetstream(server.base).pull(question(), http))
    wish = caught.value.retry_after
    assert wish is not None and abs(wish - (NOW + timedelta(minutes=20))) < timedelta(seconds=2)


def test_when_no_host_answers_the_last_reason_is_told(server: JetstreamServer, http: HttpClient) -> None:
    server.refusal = (403, {}, b"no")
    with pytest.raises(AuthError, match="refuses access"):
        list(jetstream("ws://127.0.0.1:9", server.base).pull(question(), http))


def test_a_private_host_needs_leave(server: JetstreamServer) -> None:
    with HttpClient(user_agent="x", now=lambda: NOW) as careful, pytest.raises(BlockedAddress):
        list(jetstream(server.base).pull(question(), careful))


def test_a_web_page_is_not_a_stream(http: HttpClient, server: JetstreamServer) -> None:
    server.refusal = (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Log in</html>")
    with pytest.raises(BadAnswer, match="in place of a stream"):
        list(jetstream(server.base).pull(question(), http))


@pytest.mark.parametrize(
    "message", ["<html>", "", "[]", "5", "{}", '{"time_us": "x"}', '{"time_us": 812345}', "[" * 9_999]
)
def test_messages_that_are_no_events_are_a_bad_answer_that_tells_what(message: str) -> None:
    for said in (script(*[odd(message, at=NOW)] * 3), script(*[odd(message, at=NOW)] * 500)):
        with pytest.raises(BadAnswer, match=r"no event in JSON|time_us") as caught:
            list(jetstream().pull(question(), said))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_strange_event_holds_nothing_up_and_is_told(place: int) -> None:
    events: list[Event] = [*spread(2), TICK]
    events.insert(place, odd('{"did": 5}', at=NOW - HOUR))
    pages = list(jetstream().pull(question(), script(*events)))
    assert keys(pages) == ["3k0", "3k1"]
    if place:
        assert "time_us" in "".join(page.gap for page in pages)


def test_a_connection_that_breaks_after_it_gave_something_ends_the_pull_in_peace() -> None:
    broken = FetchError("The stream broke off.")
    said = script(post("3k1", "acme", at=NOW - MINUTE), broken)
    said.streams += [[broken]]
    pages = list(jetstream().pull(question(), said))
    assert keys(pages) == ["3k1"] and not any(page.gap for page in pages)
    said = script(post("3k1", "acme", at=NOW - 3 * HOUR), broken)
    said.streams += [[broken]]
    pages = list(jetstream().pull(question(), said))
    assert pages[-1].gap == "The stream broke off."


def test_stopping_the_program_ends_a_pull_with_its_pages(server: JetstreamServer, http: HttpClient) -> None:
    server.hum = None
    server.publish(*spread(3), post("3know", "acme", at=NOW))
    pages = []
    for page in jetstream(server.base).pull(question(stay=HOUR), http):
        pages.append(page)
        http.stop_listening()
    assert keys(pages) == ["3k0", "3k1", "3k2", "3know"] and not any(page.gap for page in pages)


def test_the_stand_in_sends_what_was_wanted_and_no_more(server: JetstreamServer, http: HttpClient) -> None:
    server.publish(like("3k1", at=NOW - MINUTE), post("3k2", "acme", at=NOW - MINUTE, did=BOB, seq=7))
    with http.listen(f"{server.base}/subscribe?wantedCollections={POSTS}&cursor=0") as messages:
        first = json.loads(next(messages) or b"")
    assert first["commit"]["rkey"] == "3k2" and first["cursor"] == 7
