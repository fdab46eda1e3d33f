"""Answers are bounded in time and memory, hosts are asked politely, no secret leaves by an error or a log."""

from __future__ import annotations

import gc
import json
import logging
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import quote

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, Gone, RateLimited
from connectors.http import HttpClient, redact, retry_after
from connectors.post import Validators
from tests.hostile import ETAG, FEED, LAST_MODIFIED, HostileServer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MEGABYTE = 1_000_000


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def make() -> Iterator[Callable[..., HttpClient]]:
    made: list[HttpClient] = []

    def one(**options: object) -> HttpClient:
        given_options = {"deadline": 2.0, "gap": 0.0, "allow_private": ["127.0.0.1/32"], "now": lambda: NOW} | options
        made.append(HttpClient(user_agent="listener-tests (mailto:tests@example.org)", **given_options))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def http(make: Callable[..., HttpClient]) -> HttpClient:
    return make()


# ---- time


@pytest.mark.parametrize("path", ["/drip", "/drip-headers", "/endless-1xx", "/hang"])
def test_a_slow_answer_is_cut_within_a_second_of_the_deadline(
    server: HostileServer, make: Callable[..., HttpClient], path: str
) -> None:
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"within 0\.6 s"):
        make(deadline=0.6).get(server.url(path))
    assert 0.5 < time.monotonic() - started < 1.6


def test_the_deadline_covers_all_redirects_together(server: HostileServer, make: Callable[..., HttpClient]) -> None:
    target = quote(server.url("/drip"))
    started = time.monotonic()
    with pytest.raises(FetchError, match="within"):
        make(deadline=0.8).get(server.url(f"/redirect/302?to=/redirect/302?to={target}"))
    assert time.monotonic() - started < 1.8


def test_a_server_that_does_not_read_is_cut(server: HostileServer, make: Callable[..., HttpClient]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        started = time.monotonic()
        with pytest.raises(FetchError, match="within"):
            make(deadline=0.5).post(f"http://127.0.0.1:{deaf.getsockname()[1]}/x", content=bytes(20 * MEGABYTE))
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_closing_ends_requests_in_flight_within_a_second(
    server: HostileServer, make: Callable[..., HttpClient], path: str
) -> None:
    client = make(deadline=20.0)
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(client.get, server.url(path))
        while not server.requests:
            time.sleep(0.01)
        started = time.monotonic()
        client.close()
        with pytest.raises(FetchError, match="stopped"):
            request.result(2)
        assert time.monotonic() - started < 1.0
    with pytest.raises(FetchError, match="stopped"):
        client.get(server.url("/ok"))


# ---- size


@pytest.mark.parametrize(
    "path", ["/endless", "/endless-chunked", "/bomb/1000", "/huge-length", "/flood-1xx", "/huge-headers", "/crumbs"]
)
def test_no_answer_takes_more_memory_than_the_cap_allows(
    server: HostileServer, make: Callable[..., HttpClient], path: str
) -> None:
    client = make(deadline=20.0, max_body=10 * MEGABYTE)
    client.get(server.url("/ok"))
    gc.collect()
    tracemalloc.start()
    try:
        started = time.process_time()
        with pytest.raises(FetchError):
            client.get(server.url(path))
        # The server's own buffers are in this process, so the bound has room for them.
        assert tracemalloc.get_traced_memory()[1] < 32 * MEGABYTE
        assert time.process_time() - started < 5.0
    finally:
        tracemalloc.stop()


def test_a_body_at_the_cap_is_taken_and_one_byte_more_is_not(
    server: HostileServer, make: Callable[..., HttpClient]
) -> None:
    client = make(max_body=1000)
    assert len(client.get(server.say("/at", b"x" * 1000)).body) == 1000
    with pytest.raises(BadAnswer, match="more than 1,000 bytes"):
        client.get(server.say("/over", b"x" * 1001))


@pytest.mark.parametrize("kind", ["gzip", "padded", "deflate", "raw-deflate"])
def test_compressed_bodies_are_inflated(server: HostileServer, http: HttpClient, kind: str) -> None:
    assert http.get(server.url(f"/encoded/{kind}")).body == FEED
    assert server.requests[-1].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("kind", ["nested", "br", "zstd", "broken"])
def test_an_encoding_that_was_not_asked_for_is_a_bad_answer(server: HostileServer, http: HttpClient, kind: str) -> None:
    with pytest.raises(BadAnswer):
        http.get(server.url(f"/encoded/{kind}"))


def test_gzip_of_several_members_is_whole_and_of_very_many_refused(server: HostileServer, http: HttpClient) -> None:
    assert http.get(server.url("/members/3")).body == b"part " * 3
    with pytest.raises(BadAnswer, match="too many parts"):
        http.get(server.url("/members/65"))


# ---- broken answers


@pytest.mark.parametrize("path", ["/short", "/reset", "/encoded/truncated"])
def test_a_body_that_breaks_off_is_an_error_and_not_a_short_body(
    server: HostileServer, http: HttpClient, path: str
) -> None:
    with pytest.raises(FetchError, match="broke off"):
        http.get(server.url(path))


def test_a_body_longer_than_announced_is_cut_and_does_not_spoil_the_next_answer(
    server: HostileServer, http: HttpClient
) -> None:
    assert http.get(server.url("/long")).body == FEED[:-20]
    assert http.get(server.url("/ok")).body == b"fine"


def test_an_answer_that_was_planted_behind_another_is_not_believed(server: HostileServer, http: HttpClient) -> None:
    assert http.get(server.url("/smuggle")).body == b"first"
    with pytest.raises(BadAnswer, match="before it was asked"):
        http.get(server.url("/ok"))
    assert http.get(server.url("/ok")).body == b"fine"


def test_headers_outside_ascii_are_read_and_sent_back_verbatim(server: HostileServer, http: HttpClient) -> None:
    answer = http.get(server.url("/latin"))
    assert answer.body == b"ok"
    again = http.get(server.url("/latin"), validators=answer.validators)
    assert again.unchanged
    assert server.requests[-1].headers["if-none-match"] == '"\xff\xfe\xe9"'


@pytest.mark.parametrize(
    "path", ["/garbage", "/reset-always", "/status/206", "/status/500", "/status/304", "/status/300"]
)
def test_what_is_no_whole_answer_is_an_error_of_one_sentence(
    server: HostileServer, http: HttpClient, path: str
) -> None:
    with pytest.raises(FetchError) as caught:
        http.get(server.url(path))
    assert re.fullmatch(r"[^\n]*127\.0\.0\.1[^\n]*\.", str(caught.value))


def test_a_connection_reset_before_any_byte_is_retried_once_for_get(server: HostileServer, http: HttpClient) -> None:
    assert http.get(server.url("/reset-once")).body == b"fine"
    with pytest.raises(FetchError):
        http.get(server.url("/reset-always"))
    assert len(server.seen("/reset-always")) == 2


def test_a_post_is_never_retried(server: HostileServer, http: HttpClient) -> None:
    with pytest.raises(FetchError):
        http.post(server.url("/reset-always"), json={})
    assert len(server.requests) == 1


# ---- redirects


def test_a_redirect_loop_ends(server: HostileServer, http: HttpClient) -> None:
    with pytest.raises(BadAnswer, match="more than 5 times"):
        http.get(server.url("/loop"))
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target", ["data:text/html,x", "javascript:alert(1)", "file:///etc/passwd", "ftp://127.0.0.1/"]
)
def test_a_redirect_away_from_http_is_blocked(server: HostileServer, http: HttpClient, target: str) -> None:
    with pytest.raises(BlockedAddress):
        http.get(server.url(f"/redirect/302?to={quote(target)}"))


@pytest.mark.parametrize("target", ["http://[::1", "http://x:99999/", "http://" + "a" * 9000, "\x7f\x01"])
def test_a_redirect_to_nonsense_is_an_error(server: HostileServer, http: HttpClient, target: str) -> None:
    server.say("/nonsense", status=302, headers={"Location": target})
    with pytest.raises((BadAnswer, BlockedAddress)):
        http.get(server.url("/nonsense"))


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/ok/caf\u00c3\u00a9", "/ok/caf%C3%A9"),
        ("/ok/caf\u00e9", "/ok/caf%C3%A9"),
        ("/ok/1#part", "/ok/1"),
        ("?q=1", "/away?q=1"),
    ],
)
def test_a_location_is_resolved_as_browsers_do(
    server: HostileServer, http: HttpClient, location: str, path: str
) -> None:
    server.say("/away", status=302, headers={"Location": location})
    server.say("/away?q=1", b"query")
    assert http.get(server.url("/away")).url == server.url(path)


def test_moved_to_is_the_address_after_permanent_redirects_only(server: HostileServer, http: HttpClient) -> None:
    answer = http.get(server.url("/redirect/301?to=/redirect/308?to=/feed"))
    assert answer.moved_to == answer.url == server.url("/feed")
    assert http.get(server.url("/redirect/301?to=/redirect/302?to=/feed")).moved_to == ""
    assert http.get(server.url("/feed")).moved_to == ""


def test_no_header_of_ours_crosses_an_origin(server: HostileServer, http: HttpClient) -> None:
    secrets = {"Authorization": "Bearer s3cret", "Cookie": "a=b", "X-Api-Key": "s3cret"}
    with HostileServer() as other:
        http.get(server.url(f"/redirect/302?to={other.url('/ok')}"), headers=secrets)
        assert not {"authorization", "cookie", "x-api-key"} & set(other.requests[0].headers)
        http.get(server.url("/redirect/302?to=/ok"), headers=secrets)
        assert server.requests[-1].headers["x-api-key"] == "s3cret"


def test_credentials_in_an_address_become_a_header_for_that_origin_only(
    server: HostileServer, http: HttpClient
) -> None:
    with HostileServer() as other:
        there = quote(other.url("/ok"))
        answer = http.get(f"http://me:p%40ss@127.0.0.1:{server.port}/redirect/301?to={there}")
        assert server.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
        assert "authorization" not in other.requests[0].headers
    assert "p%40ss" not in repr(answer)
    assert answer.moved_to == ""


def test_no_cookie_is_kept(server: HostileServer, http: HttpClient) -> None:
    http.get(server.url("/cookie"))
    http.get(server.url("/ok"))
    assert "cookie" not in server.requests[-1].headers


def test_a_post_that_must_not_follow_fails_with_the_status(server: HostileServer, http: HttpClient) -> None:
    with pytest.raises(FetchError) as caught:
        http.post(server.url("/redirect/307?to=/ok"), json={"a": 1}, follow=False)
    assert caught.value.status == 307
    assert len(server.requests) == 1


def test_a_body_stays_with_its_origin(server: HostileServer, http: HttpClient) -> None:
    http.post(server.url("/redirect/307?to=/ok"), json={"a": 1})
    assert server.requests[-1].body == b'{"a":1}'
    http.post(server.url("/redirect/303?to=/ok"), json={"a": 1})
    assert (server.requests[-1].method, server.requests[-1].body) == ("GET", b"")
    with HostileServer() as other, pytest.raises(BadAnswer, match="another host"):
        http.post(server.url(f"/redirect/307?to={other.url('/ok')}"), json={"a": 1})


# ---- conditional requests


def test_every_repeat_of_a_get_is_conditional(server: HostileServer, http: HttpClient) -> None:
    answer = http.get(server.url("/etag"))
    assert not answer.unchanged
    for _ in range(20):
        answer = http.get(server.url("/etag"), validators=answer.validators)
        assert (answer.status, answer.unchanged, answer.body) == (304, True, b"")
    for request in server.requests[1:]:
        assert request.headers["if-none-match"] == ETAG
        assert request.headers["if-modified-since"] == LAST_MODIFIED
    assert server.connections == 1


def test_the_same_body_counts_as_unchanged_without_validators_of_the_server(
    server: HostileServer, http: HttpClient
) -> None:
    first = http.get(server.url("/feed"))
    assert not first.unchanged
    assert first.validators.url == server.url("/feed")
    assert http.get(server.url("/feed"), validators=first.validators).unchanged
    server.say("/feed", b"new")
    assert not http.get(server.url("/feed"), validators=first.validators).unchanged


def test_validators_are_not_used_for_another_address(server: HostileServer, http: HttpClient) -> None:
    known = http.get(server.url("/etag"), params={"key": "s3cret"}).validators
    assert "s3cret" not in repr(known)
    assert http.get(server.url("/etag"), params={"key": "s3cret"}, validators=known).status == 304
    assert http.get(server.url("/etag"), params={"key": "other"}, validators=known).status == 200
    assert "if-none-match" not in server.requests[-1].headers


def test_validators_follow_a_redirect(server: HostileServer, http: HttpClient) -> None:
    url = server.url("/redirect/302?to=/etag")
    assert http.get(url, validators=http.get(url).validators).unchanged


@pytest.mark.parametrize("etag", ['"a"\r\nX-Injected: 1', '"snow ☃"', '"nul\x00"', '"' + "x" * 5000 + '"'])
def test_a_validator_that_cannot_be_a_header_is_not_sent(server: HostileServer, http: HttpClient, etag: str) -> None:
    http.get(server.url("/ok"), validators=Validators(server.url("/ok"), etag=etag))
    assert not {"if-none-match", "x-injected"} & set(server.requests[-1].headers)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X": "☃"}, {"X Y": "a"}, {"": "a"}])
def test_a_header_that_cannot_be_sent_is_an_error(
    server: HostileServer, http: HttpClient, headers: dict[str, str]
) -> None:
    with pytest.raises(FetchError):
        http.get(server.url("/ok"), headers=headers)
    assert not server.requests


# ---- statuses and waits


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("status=401", AuthError),
        ("status=403", AuthError),
        ("status=403&h=X-RateLimit-Remaining:0", RateLimited),
        ("status=403&h=Retry-After:60", RateLimited),
        ("status=404", FetchError),
        ("status=410", Gone),
        ("status=429", RateLimited),
        ("status=500", FetchError),
        ("status=503", FetchError),
        ("status=503&h=Retry-After:60", RateLimited),
        ("status=302", BadAnswer),
    ],
)
def test_each_status_is_its_own_error(
    server: HostileServer, http: HttpClient, query: str, error: type[FetchError]
) -> None:
    with pytest.raises(FetchError) as caught:
        http.get(server.url(f"/say?{query}"))
    assert type(caught.value) is error
    assert caught.value.status == int(query[7:10])


def test_an_empty_answer_is_an_answer(server: HostileServer, http: HttpClient) -> None:
    assert http.get(server.url("/status/204")).body == b""
    assert http.get(server.url("/say")).body == b""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Sun, 22 Nov 2026 12:05:00 GMT"}, 300),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "99999999999999999999"}, 86400),
        ({"retry-after": "9" * 399}, 86400),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86400),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"x-ratelimit-reset": "2026-11-22T12:01:00.250Z"}, 60.25),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"x-ratelimit-reset": f"{NOW.timestamp() + 2.5}"}, 2.5),
        ({"ratelimit-reset": "45"}, 45),
        ({"retry-after": "soon", "ratelimit-reset": "45"}, 45),
        ({"retry-after": "10", "ratelimit-reset": "45"}, 10),
        ({"x-ratelimit-reset": "0001-01-01T00:00:00+23:00"}, 0),
    ],
)
def test_the_wait_a_host_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert retry_after(headers, NOW) == expected


def test_a_quota_reset_counts_only_for_a_limited_answer() -> None:
    assert retry_after({"x-ratelimit-reset": "45"}, NOW, limited=False) is None


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-reset"]), st.text(max_size=60)))
def test_any_header_gives_a_wait_between_now_and_a_day_or_none(headers: dict[str, str]) -> None:
    wish = retry_after(headers, NOW)
    assert wish is None or NOW <= wish <= NOW + timedelta(hours=24)


@given(st.floats(allow_nan=True) | st.integers() | st.datetimes().map(datetime.isoformat))
def test_any_number_or_date_gives_a_wait_between_now_and_a_day_or_none(value: object) -> None:
    wish = retry_after({"x-ratelimit-reset": str(value)}, NOW)
    assert wish is None or NOW <= wish <= NOW + timedelta(hours=24)


def test_a_host_that_asked_for_peace_is_not_asked_before_its_time(
    server: HostileServer, make: Callable[..., HttpClient]
) -> None:
    clock = [NOW]
    client = make(now=lambda: clock[0], gap=0.001)
    with pytest.raises(RateLimited) as caught:
        client.get(server.url("/retry-after/60"))
    assert caught.value.retry_after == NOW + timedelta(seconds=60)
    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            client.get(server.url("/ok"))
        assert caught.value.retry_after == NOW + timedelta(seconds=60)
    assert len(server.requests) == 1
    with HostileServer() as other:
        assert client.get(other.url("/ok")).status == 200
    clock[0] += timedelta(seconds=60)
    assert client.get(server.url("/ok")).status == 200


def test_a_quota_spent_by_a_good_answer_closes_the_host_until_its_reset(
    server: HostileServer, make: Callable[..., HttpClient]
) -> None:
    client = make(gap=0.001)
    url = server.url("/say?body=last&h=X-RateLimit-Remaining:0&h=X-RateLimit-Reset:30")
    assert client.get(url).body == b"last"
    with pytest.raises(RateLimited) as caught:
        client.get(url)
    assert caught.value.retry_after == NOW + timedelta(seconds=30)


def test_a_throttled_address_of_an_own_server_does_not_close_its_neighbours(
    server: HostileServer, http: HttpClient
) -> None:
    with pytest.raises(RateLimited):
        http.get(server.url("/retry-after/60"))
    assert http.get(server.url("/ok")).status == 200


# ---- manners


def test_one_request_at_a_time_and_a_gap_for_each_host(server: HostileServer, make: Callable[..., HttpClient]) -> None:
    client = make(gap=0.1, deadline=5.0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client.get, [server.url("/slow/0.05")] * 4))
    times = [request.at for request in server.requests]
    assert server.busiest == 1
    # From the end of one request (0.05 s after it came) to the start of the next.
    assert min(b - a for a, b in pairwise(times)) >= 0.149


def test_hosts_do_not_wait_for_each_other(server: HostileServer, make: Callable[..., HttpClient]) -> None:
    client = make(deadline=5.0)
    with HostileServer() as other, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.get, server.url("/slow/0.5"))
        started = time.monotonic()
        client.get(other.url("/ok"))
        assert time.monotonic() - started < 0.4
        slow.result()


def test_two_hosts_that_redirect_to_each_other_do_not_lock_up(
    server: HostileServer, make: Callable[..., HttpClient]
) -> None:
    client = make(deadline=5.0)
    with HostileServer() as other, ThreadPoolExecutor(8) as pool:
        here = server.url(f"/redirect/302?to={quote(other.url('/slow/0.01'))}")
        there = other.url(f"/redirect/302?to={quote(server.url('/slow/0.01'))}")
        answers = list(pool.map(client.get, [here, there] * 8))
    assert {answer.status for answer in answers} == {200}


def test_without_a_setting_the_gap_is_none_for_allowed_private_hosts(
    server: HostileServer, make: Callable[..., HttpClient]
) -> None:
    client = make(gap=None)
    started = time.monotonic()
    for _ in range(5):
        client.get(server.url("/ok"))
    assert time.monotonic() - started < 0.9


def test_the_contact_is_in_every_request(server: HostileServer, http: HttpClient) -> None:
    http.get(server.url("/ok"), params={"q": "a b", "n": 2})
    assert server.requests[-1].headers["user-agent"] == "listener-tests (mailto:tests@example.org)"
    assert server.requests[-1].path == "/ok?q=a+b&n=2"


# ---- JSON


def test_json_is_read_with_its_lone_surrogates(server: HostileServer, http: HttpClient) -> None:
    body = b'\xef\xbb\xbf {"text": "\\ud83d", "n": 1.5}'
    assert http.get(server.say("/j", body)).json() == {"text": "\ud83d", "n": 1.5}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[NaN]",
        b"[-Infinity]",
        b"[1e999]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"9" * 5000 + b"]",
        b'"\xff\xfe"',
        b"[" + b"0," * 300_000 + b"0]",
        b"[{}" + b",{}" * 200_000 + b"]",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_not_reasonable_json_is_a_bad_answer(server: HostileServer, http: HttpClient, body: bytes) -> None:
    answer = http.get(server.say("/j", body))
    with pytest.raises(BadAnswer):
        answer.json()


def test_html_in_place_of_json_is_named(server: HostileServer, http: HttpClient) -> None:
    with pytest.raises(BadAnswer, match="text/html in place of JSON"):
        http.get(server.url("/html")).json()


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join(b'{"%d":0}' % number for number in range(125_000)) + b"]",
        json.dumps(["x" * 9_900_000], ensure_ascii=False).encode() + b" ",
        ('["' + "x" * 9_900_000 + '😀"]').encode(),
    ],
    ids=["objects", "text", "wide text"],
)
def test_parsing_json_stays_within_the_memory_bound(server: HostileServer, http: HttpClient, body: bytes) -> None:
    answer = http.get(server.say("/j", body))
    gc.collect()
    tracemalloc.start()
    try:
        answer.json()
    except BadAnswer:
        pass  # Refusing is as good, if it is cheap.
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + len(body) < 64 * MEGABYTE


# ---- secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org", "https://example.org"),
        ("https://Example.org:8443/feed/atom.xml?token=s#f", "https://example.org:8443/feed/atom.xml"),
        ("https://me:pw@example.org/feed", "https://example.org/feed"),
        ("https://me:p@w@example.org/feed", "https://example.org/feed"),
        ("https://hooks.slack.com/services/T0AB1CD2E/B0AB1CD2E/aBcDeFgHiJkLmNoPqRsTuVwX", "https://hooks.slack.com/services/…/…/…"),
        ("https://discord.com/api/webhooks/123456789012345678/aB-c_D9f", "https://discord.com/api/webhooks/…/aB-c_D9f"),
        ("https://api.telegram.org/bot123456:AAE-x/sendMessage", "https://api.telegram.org/…/sendMessage"),
        ("https://x.example/123e4567-e89b-12d3-a456-426614174000/v1", "https://x.example/…/v1"),
        ("https://x.example/r/python/new.rss", "https://x.example/r/python/new.rss"),
        ("https://[2001:db8::1]:80/a", "https://[2001:db8::1]:80/a"),
        ("javascript:alert(1)", "(unreadable address)"),
        ("https://x\r\ny/", "(unreadable address)"),
        ("", "(unreadable address)"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact(url) == shown
    assert redact(url, host_only=True).count("/") <= 3


@given(st.text(max_size=80))
def test_any_text_is_redacted_to_one_printable_line(text: str) -> None:
    for url in (text, f"https://example.org/{text}"):
        assert redact(url).isprintable()


TOKEN = "T0pS3cretT0ken9f8e7d6c5b4a"
FAILURES = [
    "hang",
    "reset",
    "garbage",
    "status/500",
    "status/401",
    "retry-after/5",
    "loop",
    "bomb/50",
    "html",
    "redirect-private",
]


def test_no_secret_is_in_an_error_or_a_log_at_any_level(
    server: HostileServer, make: Callable[..., HttpClient], caplog: pytest.LogCaptureFixture
) -> None:
    names = ["", "httpx", "httpcore", "httpcore.connection", "httpcore.http11"]
    for name in names:
        caplog.set_level(logging.DEBUG, logger=name)
    said = []
    for path in FAILURES:
        client = make(deadline=0.3)
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        url = f"http://user:{TOKEN}@127.0.0.1:{server.port}/{path}/{TOKEN}?key={TOKEN}"
        for send in (client.get, client.post):
            try:
                send(url, headers={"X-Api-Key": TOKEN}).json()
            except FetchError as exc:
                said.append(f"{exc!r} {exc.__cause__!r}")
    assert len(said) > 10
    assert TOKEN not in "\n".join(said) + caplog.text


def test_a_webhook_is_named_by_its_host_only(server: HostileServer, http: HttpClient) -> None:
    with pytest.raises(FetchError) as caught:
        http.post(server.url("/status/500/my/topic"), json={})
    assert "topic" not in str(caught.value)


# ---- mocks


@respx.mock
def test_respx_still_mocks_the_client(make: Callable[..., HttpClient]) -> None:
    route = respx.post("https://hooks.example.org/x").mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": "2"})]
    )
    with pytest.raises(RateLimited):
        make().post("https://hooks.example.org/x", json={"text": "hi"})
    assert json.loads(route.calls[0].request.content) == {"text": "hi"}
    respx.get("https://api.example.org/y", params={"q": "z"}).respond(json=[1, 2])
    assert make().get("https://api.example.org/y", params={"q": "z"}).json() == [1, 2]
    respx.get("https://api.example.org/t").mock(side_effect=httpx.ConnectTimeout)
    with pytest.raises(FetchError):
        make().get("https://api.example.org/t")


def test_many_threads_share_one_client(make: Callable[..., HttpClient]) -> None:
    client = make(deadline=10.0)
    before = threading.active_count()
    servers = [HostileServer() for _ in range(12)]
    with ThreadPoolExecutor(10) as pool:
        for one in servers:
            one.__enter__()
        urls = [one.url(f"/ok/{number}") for number in range(10) for one in servers]
        bodies = [answer.body for answer in pool.map(client.get, urls)]
        for one in servers:
            one.__exit__()
    assert bodies == [str(number).encode() for number in range(10) for _ in servers]
    client.close()
    while threading.active_count() > before:
        time.sleep(0.01)
