"""A stream is guarded, bounded in time and memory, polite, and ends cleanly; whatever goes wrong is one of our errors."""

from __future__ import annotations

import base64
import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.sync.server import ServerConnection, serve
from websockets.uri import parse_uri

from connectors.addresses import AllowList
from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, Gone, RateLimited
from connectors.guard import Call, GuardedBackend, GuardedStream, resolve
from connectors.http import HttpClient
from connectors.websocket import MAX_MESSAGE, WebSocket

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3

Handler = Callable[[ServerConnection], None]
Make = Callable[..., HttpClient]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[HttpClient] = []

    def one(**options: Any) -> HttpClient:
        given_options: dict[str, Any] = {
            "deadline": 2.0,
            "gap": 0.0,
            "allow_private": ["127.0.0.1/32"],
            "now": lambda: NOW,
        } | options
        made.append(HttpClient(user_agent="listener-tests (mailto:tests@example.org)", **given_options))
        return made[-1]

    yield one
    for client in made:
        client.close()


@pytest.fixture
def http(make: Make) -> HttpClient:
    return make()


@contextmanager
def serving(handler: Handler, **options: Any) -> Iterator[str]:
    """The address of a websocket server."""
    with serve(handler, "127.0.0.1", 0, compression=None, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scheme = "wss" if "ssl" in options else "ws"
        yield f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}/stream"


@contextmanager
def raw(talk: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """The address of a server that reads a request and then does as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            try:
                peer, _ = listening.accept()
                with peer:
                    talk(peer, peer.recv(65_536))
            except OSError:
                pass  # the other side has hung up, as it should

        threading.Thread(target=run, daemon=True).start()
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/stream?token=s3cret"


def agreement(request: bytes) -> bytes:
    key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def heard(http: HttpClient, url: str, **options: Any) -> list[bytes]:
    """Every message until the end."""
    with http.listen(url, **options) as messages:
        return [message for message in messages if message is not None]


def until_gone(connection: ServerConnection) -> None:
    try:
        for _ in connection:
            pass
    except ConnectionClosed:
        pass


# ---- what is heard


def test_messages_come_whole_and_in_order(http: HttpClient) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send("first")
        connection.send(b"\x00second")
        connection.send(["in ", "three ", "parts"])

    with serving(talk) as url:
        assert heard(http, url) == [b"first", b"\x00second", b"in three parts"]


def test_the_server_learns_who_listens_and_is_offered_no_compression(http: HttpClient) -> None:
    seen = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(dict(connection.request.headers.raw_items()) | {"path": connection.request.path})

    with serving(talk) as url:
        heard(http, f"{url}?a=1&b=two")
    assert seen[0]["User-Agent"].startswith("listener-tests") and "Sec-WebSocket-Extensions" not in seen[0]
    assert seen[0]["path"] == "/stream?a=1&b=two"


def test_idle_seconds_give_none_and_the_messages_go_on(http: HttpClient) -> None:
    go_on = threading.Event()

    def talk(connection: ServerConnection) -> None:
        go_on.wait(5)
        connection.send("late")

    with serving(talk) as url, http.listen(url, idle=0.02) as messages:
        assert list(islice(messages, 3)) == [None] * 3
        go_on.set()
        assert [message for message in messages if message is not None] == [b"late"]


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50), st.integers(1, 700))
def test_however_messages_are_cut_they_come_out_the_same(sent: list[bytes], fragment: int, piece: int) -> None:
    wire = b"".join(frames(message, fragment) for message in sent) + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(
        mask=False
    )
    ours, theirs = socket.socketpair()
    with theirs:
        guard = GuardedBackend(AllowList(), resolve, time.monotonic)
        guard.call = Call("http://host.example/", False, 2.0, time.monotonic() + 2.0)
        protocol = ClientProtocol(parse_uri("ws://host.example/"), state=State.OPEN)
        stream = WebSocket(guard, GuardedStream(guard, ours), protocol)
        piece = max(piece, len(wire) // 100 + 1)  # what nobody reads yet must fit into the socket
        for start in range(0, len(wire), piece):
            theirs.sendall(wire[start : start + piece])
        try:
            assert list(stream.messages(1.0, threading.Event())) == sent
        finally:
            stream.close()


def frames(message: bytes, size: int) -> bytes:
    """A message in fragments, with pings in between."""
    parts = [message[start : start + size] for start in range(0, len(message), size)] or [b""]
    last = len(parts) - 1
    ping = Frame(Opcode.PING, b"?").serialize(mask=False)
    return ping.join(
        Frame(Opcode.CONT if n else Opcode.BINARY, part, fin=n == last).serialize(mask=False)
        for n, part in enumerate(parts)
    )


# ---- where to


def test_only_websocket_addresses_are_listened_to(http: HttpClient) -> None:
    for url in ("http://127.0.0.1:1/x", "ftp://127.0.0.1/x", "ws://", "nonsense", ""):
        with pytest.raises(BlockedAddress, match=r"ws://|cannot be asked"):
            heard(http, url)


def test_private_addresses_are_refused_whatever_their_name(make: Make) -> None:
    def fail(connection: ServerConnection) -> None:
        pytest.fail("the server was reached")

    with serving(fail) as url:
        port = url.split(":")[2].split("/")[0]
        named = make(allow_private=[], resolve=lambda host, port: ["127.0.0.1"])
        for address in (url, f"ws://innocent.example:{port}/"):
            with pytest.raises(BlockedAddress, match=r"private address 127\.0\.0\.1"):
                heard(named, address)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    ask = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext"
    names = "subjectAltName=IP:127.0.0.1,DNS:secure.example"
    subprocess.run(
        [openssl, *ask.split(), names, "-keyout", pem, "-out", f"{pem}.crt"], check=True, capture_output=True
    )
    pem.write_text(pem.read_text() + Path(f"{pem}.crt").read_text())
    return pem


def test_tls_is_verified(http: HttpClient, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda connection: connection.send("x" * 200_000), ssl=context) as url:
        with pytest.raises(FetchError, match="not trusted"):
            heard(http, url)
        monkeypatch.setattr("connectors.http.tls_context", lambda: ssl.create_default_context(cafile=certificate))
        assert heard(http, url) == [b"x" * 200_000]


# ---- the handshake


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, AuthError, "refuses access"),
        (403, AuthError, "refuses access"),
        (404, FetchError, "was not found"),
        (410, Gone, "gone for good"),
        (429, RateLimited, "fewer requests"),
        (500, FetchError, "HTTP 500"),
        (503, RateLimited, "fewer requests"),
        (200, BadAnswer, "HTTP 200 in place of a stream"),
        (302, BadAnswer, r"redirects the stream to https://else\.example/new"),
    ],
)
def test_an_answer_that_is_no_stream_is_the_error_it_means(
    http: HttpClient, status: int, kind: type[FetchError], says: str
) -> None:
    def talk(peer: socket.socket, _: bytes) -> None:
        more = "Location: https://else.example/new?token=s3cret\r\n" + "Retry-After: 90\r\n" * (kind is RateLimited)
        peer.sendall(f"HTTP/1.1 {status} Well\r\n{more}Content-Length: 4\r\n\r\nwhy?".encode())

    with raw(talk) as url, pytest.raises(kind, match=says) as caught:
        heard(http, url)
    assert type(caught.value).__mro__.index(kind) < 2 and caught.value.status == status
    assert "s3cret" not in str(caught.value)
    if kind is RateLimited:
        assert caught.value.retry_after == NOW + timedelta(seconds=90)


def test_a_host_that_asked_to_be_left_alone_is_left_alone(make: Make) -> None:
    http = make(gap=0.01)
    with raw(lambda peer, _: peer.sendall(b"HTTP/1.1 429 No\r\nRetry-After: 90\r\n\r\n")) as url:
        with pytest.raises(RateLimited):
            heard(http, url)
        with pytest.raises(RateLimited, match="left alone"):
            heard(http, url)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "not speak websocket"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "not speak websocket"),
        (b"HTTP/1.1 101 Switching\r\nX: " + b"x" * 300_000 + b"\r\n", "before its answer began"),
        (b"HTTP/1.1 101 Switching\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", "not speak websocket"),
        (b"", "broke off"),
    ],
)
def test_an_answer_that_is_no_handshake_is_told_in_one_sentence(http: HttpClient, answer: bytes, says: str) -> None:
    with raw(lambda peer, _: peer.sendall(answer)) as url, pytest.raises(FetchError, match=says) as caught:
        heard(http, url)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_handshake_that_hangs_is_cut_at_the_deadline(make: Make) -> None:
    hang = threading.Event()

    def talk(peer: socket.socket, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 101 Swi")
        hang.wait(5)

    with raw(talk) as url:
        started = time.monotonic()
        with pytest.raises(FetchError, match=r"within 0\.5 s"):
            heard(make(deadline=0.5), url)
        assert time.monotonic() - started < 1.5
        hang.set()


def test_a_long_connection_does_not_hold_the_turn_of_its_host(http: HttpClient) -> None:
    with (
        serving(until_gone) as url,
        http.listen(url, idle=0.01) as first,
        http.listen(url, idle=0.01) as second,
    ):
        assert next(first) is None and next(second) is None and next(first) is None


# ---- bounds


def test_a_message_that_is_too_large_is_refused(http: HttpClient) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send("x" * MAX_MESSAGE)
        connection.send("y" * 1000 for _ in range(MAX_MESSAGE // 500))

    with serving(talk) as url, http.listen(url) as messages:
        assert len(next(messages) or b"") == MAX_MESSAGE
        with pytest.raises(BadAnswer, match="more than 1,048,576 bytes"):
            list(messages)


@pytest.mark.parametrize("wire", [b"\xc1\x00", b"\x83\x00", b"\x81\x80abcd", b"\x80\x01x", b"\x88\x01x"])
def test_what_is_no_websocket_message_is_a_bad_answer(http: HttpClient, wire: bytes) -> None:
    with (
        raw(lambda peer, request: peer.sendall(agreement(request) + wire)) as url,
        pytest.raises(BadAnswer, match="not a websocket message"),
    ):
        heard(http, url)


def fast_clock() -> float:
    """A minute passes in a good half second."""
    return time.monotonic() * 100


def test_a_server_that_has_fallen_silent_is_given_up(make: Make) -> None:
    gone = threading.Event()

    def talk(peer: socket.socket, request: bytes) -> None:
        peer.sendall(agreement(request))
        gone.wait(5)

    with raw(talk) as url:
        with pytest.raises(FetchError, match="answered no ping for 60 s"):
            heard(make(monotonic=fast_clock), url)
        gone.set()


def test_a_quiet_server_that_answers_pings_is_not(make: Make) -> None:
    with serving(until_gone, ping_interval=None) as url, make(monotonic=fast_clock).listen(url, idle=30.0) as messages:
        assert list(islice(messages, 5)) == [None] * 5  # 150 s of its clock


def test_noise_that_is_no_message_does_not_keep_the_reader_waiting(http: HttpClient) -> None:
    def talk(peer: socket.socket, request: bytes) -> None:
        peer.sendall(agreement(request))
        while True:
            peer.sendall(b"\x8a\x00" * 1_000)  # pongs that nobody asked for

    with raw(talk) as url, http.listen(url, idle=0.05) as messages:
        assert list(islice(messages, 3)) == [None] * 3


def test_a_server_that_takes_no_answers_is_given_up(make: Make) -> None:
    def talk(peer: socket.socket, request: bytes) -> None:
        peer.sendall(agreement(request))
        while True:
            peer.sendall(b"\x89\x7d" + b"x" * 125)  # pings, whose answers it never reads

    started = time.monotonic()
    with raw(talk) as url, pytest.raises(FetchError, match="within"):
        heard(make(monotonic=fast_clock, deadline=100.0), url)
    assert time.monotonic() - started < 5


# ---- the end


@pytest.mark.parametrize("code", [1000, 1001, 1012])
def test_a_stream_that_the_server_closes_ends(http: HttpClient, code: int) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send("bye")
        connection.close(code)

    with serving(talk) as url:
        assert heard(http, url) == [b"bye"]


@pytest.mark.parametrize("code", [1002, 1008, 1011, 1013, 4000])
def test_a_stream_that_the_server_breaks_off_says_so(http: HttpClient, code: int) -> None:
    with serving(lambda connection: connection.close(code)) as url, pytest.raises(FetchError, match=f"code {code}"):
        heard(http, url)


@pytest.mark.parametrize("rest", [b"", b"\x81", b"\x81\x05hel"])
def test_a_connection_that_breaks_is_no_end(http: HttpClient, rest: bytes) -> None:
    whole = Frame(Opcode.TEXT, b"whole").serialize(mask=False)
    with (
        raw(lambda peer, request: peer.sendall(agreement(request) + whole + rest)) as url,
        http.listen(url) as messages,
    ):
        assert next(messages) == b"whole"
        with pytest.raises(FetchError, match="broke off"):
            next(messages)


@pytest.mark.parametrize("how", ["close", "stop_listening"])
def test_stopping_ends_what_listens_within_a_second(make: Make, how: str) -> None:
    http = make()
    listening = threading.Event()
    got: list[list[bytes]] = []

    def listen(url: str) -> None:
        with http.listen(url, idle=30.0) as messages:
            listening.set()
            got.append([message for message in messages if message is not None])

    with serving(until_gone) as url:
        thread = threading.Thread(target=listen, args=(url,))
        thread.start()
        assert listening.wait(5)
        started = time.monotonic()
        getattr(http, how)()
        thread.join(5)
        assert got == [[]] and time.monotonic() - started < 1.0
        with pytest.raises(FetchError, match="being stopped"):
            heard(http, url)


def test_stopping_to_listen_leaves_other_requests_alone(http: HttpClient) -> None:
    http.stop_listening()
    with raw(lambda peer, _: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as url:
        assert http.get(url.replace("ws://", "http://")).body == b"ok"


class Mine(Exception):
    pass


@pytest.mark.parametrize("error", [Mine, ValueError, OSError, None])
def test_the_connection_is_closed_in_every_case_and_the_readers_errors_are_its_own(
    http: HttpClient, error: type[Exception] | None
) -> None:
    ended = threading.Event()

    def talk(connection: ServerConnection) -> None:
        connection.send("hello")
        until_gone(connection)
        ended.set()

    with serving(talk) as url:
        if error is None:
            with http.listen(url) as messages:
                next(messages)
        else:
            with pytest.raises(error, match="mine"), http.listen(url) as messages:
                next(messages)
                raise error("mine")
        assert ended.wait(5)


def test_other_requests_may_be_made_while_listening(http: HttpClient) -> None:
    def talk(connection: ServerConnection) -> None:
        connection.ping().wait(5)
        connection.send("after the pong")

    with (
        serving(talk) as url,
        raw(lambda peer, _: peer.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as other,
        http.listen(url) as messages,
    ):
        with pytest.raises(FetchError, match="HTTP 500"):
            http.get(other.replace("ws://", "http://"))
        assert next(message for message in messages if message is not None) == b"after the pong"
