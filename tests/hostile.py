"""A loopback web server that behaves as badly as the internet does, for tests of what must survive it.

    with HostileServer() as server:
        client.get(server.url("/drip"))
        server.requests[-1].headers["user-agent"]

Every path of `ROUTES` is one kind of misbehaviour (see there); `server.say(path, …)` adds a well-behaved one. It speaks
raw sockets, so that it can lie about anything. Several requests may come over one connection.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

FEED = b'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><item><guid>1</guid></item></channel></rss>'
ETAG = '"v1"'
LAST_MODIFIED = "Sun, 01 Nov 2026 10:00:00 GMT"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `path` holds the query; `headers` have lower-case keys; times are monotonic seconds."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    connection: int


@dataclass
class HostileServer:
    """Use as a context manager. `requests` grows while it runs; `busiest` is the most requests it served at once.

    With `tls`, a server-side context, it speaks https.
    """

    requests: list[Seen] = field(default_factory=list)
    busiest: int = 0
    connections: int = 0
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.stopped = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._active = 0
        self._said: dict[str, bytes] = {}
        self._thread = threading.Thread(target=self._accept, name="hostile", daemon=True)

    def __enter__(self) -> HostileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        # A plain close would not wake the thread that waits in accept.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(5)
        self._socket.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side was quicker.

    def url(self, path: str = "/") -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def say(self, path: str, body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """Answer `path` with this from now on. Returns its whole address."""
        self._said[path] = _answer(status, body, headers or {})
        return self.url(path)

    def seen(self, path: str) -> list[Seen]:
        return [request for request in self.requests if request.path == path]

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.stopped.is_set():
                connection.close()
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        pending = b""
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.add(connection)
            while not self.stopped.is_set():
                request, pending = _read_request(connection, pending, number)
                with self._lock:
                    self.requests.append(request)
                    self._active += 1
                    self.busiest = max(self.busiest, self._active)
                try:
                    self._behave(connection, request)
                finally:
                    with self._lock:
                        self._active -= 1
        except (OSError, EOFError):
            pass  # The other side left, or a route ended the connection.
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _behave(self, connection: socket.socket, request: Seen) -> None:
        said = self._said.get(request.path)
        if said is not None:
            connection.sendall(said)
            return
        name = urlsplit(request.path).path.split("/")[1]
        ROUTES.get(name, _not_found)(Exchange(self, connection, request))


@dataclass(frozen=True)
class Exchange:
    """What a route works with. Raising EOFError ends the connection."""

    server: HostileServer
    connection: socket.socket
    request: Seen

    @property
    def argument(self) -> str:
        """The path's segment after the route's name, percent-decoded."""
        return unquote((urlsplit(self.request.path).path + "/").split("/")[2])

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        self.send(_answer(status, body, {key.replace("_", "-"): value for key, value in headers.items()}))

    def drip(self, data: bytes, every: float = 0.1) -> None:
        """Send `data` over and over, one piece each `every` seconds, until the test ends or the client leaves."""
        while not self.server.stopped.wait(every):
            self.send(data)

    def flood(self, data: bytes) -> None:
        while not self.server.stopped.is_set():
            self.send(data)


def _read_request(connection: socket.socket, pending: bytes, number: int) -> tuple[Seen, bytes]:
    while b"\r\n\r\n" not in pending:
        pending += _some(connection)
        if pending[:1] == b"\x16":  # a TLS hello, which a web server without TLS answers in plain text
            connection.sendall(_answer(400, b"plain HTTP only", {}))
            raise EOFError
    head, _, pending = pending.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(pending) < length:
        pending += _some(connection)
    return Seen(method, path, headers, pending[:length], time.monotonic(), number), pending[length:]


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise EOFError
    return data


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    all_headers = {"Content-Length": str(len(body)), **headers}
    if status in (204, 304):
        del all_headers["Content-Length"]
        body = b""
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode("latin-1") + body


def _bomb(megabytes: int) -> bytes:
    """A gzip stream that inflates to so many megabytes of zeros, about 1 kB for each, without taking the time."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeeze.compress(bytes(1_000_000)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + block * megabytes


def _not_found(x: Exchange) -> None:
    x.answer(b"no such page", status=404)


def _ok(x: Exchange) -> None:
    x.answer(x.argument.encode() or b"fine", Content_Type="text/plain")


def _feed(x: Exchange) -> None:
    x.answer(FEED, Content_Type="application/rss+xml")


def _etag(x: Exchange) -> None:
    same = x.request.headers.get("if-none-match") == ETAG
    same = same or x.request.headers.get("if-modified-since") == LAST_MODIFIED
    if same:
        x.answer(status=304, ETag=ETAG, Last_Modified=LAST_MODIFIED)
    else:
        x.answer(FEED, ETag=ETAG, Last_Modified=LAST_MODIFIED, Content_Type="application/rss+xml")


def _say(x: Exchange) -> None:
    """/say?status=429&body=…&h=Name:value, as many h as wanted."""
    status, body, headers = 200, "", {}
    for key, value in parse_qsl(urlsplit(x.request.path).query):
        if key == "status":
            status = int(value)
        elif key == "body":
            body = value
        elif key == "h":
            name, _, text = value.partition(":")
            headers[name] = text
    x.send(_answer(status, body.encode(), headers))


def _endless(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
    x.flood(b"<item>more</item>" * 4000)


def _endless_chunked(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    x.flood(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


def _crumbs(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    x.flood(b"1\r\nx\r\n" * 10_000)


def _drip(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    x.drip(b"x")


def _drip_headers(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    x.drip(b"x")


def _endless_1xx(x: Exchange) -> None:
    x.drip(b"HTTP/1.1 102 Processing\r\n\r\n")


def _flood_1xx(x: Exchange) -> None:
    x.flood(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)


def _hang(x: Exchange) -> None:
    x.server.stopped.wait()


def _slow(x: Exchange) -> None:
    x.server.stopped.wait(float(x.argument))
    x.answer(FEED, Content_Type="application/rss+xml")


def _gzip_bomb(x: Exchange) -> None:
    x.answer(_bomb(int(x.argument or "1000")), Content_Encoding="gzip", Content_Type="text/xml")


def _members(x: Exchange) -> None:
    x.answer(gzip.compress(b"part ") * int(x.argument), Content_Encoding="gzip")


def _encoded(x: Exchange) -> None:
    """/encoded/gzip, deflate, raw-deflate, nested, br, truncated, broken."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bare = squeeze.compress(FEED) + squeeze.flush()
    body, encoding = {
        "gzip": (gzip.compress(FEED), "gzip"),
        "padded": (gzip.compress(FEED) + b"\x00" * 20, "gzip"),
        "deflate": (zlib.compress(FEED), "deflate"),
        "raw-deflate": (bare, "deflate"),
        "nested": (gzip.compress(gzip.compress(FEED)), "gzip, gzip"),
        "br": (FEED, "br"),
        "zstd": (FEED, "zstd"),
        "truncated": (gzip.compress(FEED)[:-12], "gzip"),
        "broken": (gzip.compress(FEED)[:-8] + b"\xff" * 8, "gzip"),
    }[x.argument]
    x.answer(body, Content_Encoding=encoding, Content_Type="application/rss+xml")


def _redirect(x: Exchange) -> None:
    """/redirect/302?to=…"""
    to = dict(parse_qsl(urlsplit(x.request.path).query))["to"]
    x.answer(status=int(x.argument), Location=to)


def _redirect_private(x: Exchange) -> None:
    x.answer(status=302, Location=f"http://10.0.0.1:{x.server.port}/ok")


def _loop(x: Exchange) -> None:
    x.answer(status=302, Location="/loop")


def _short(x: Exchange) -> None:
    x.answer(FEED, Content_Length=str(len(FEED) + 50), Connection="close")
    raise EOFError


def _long(x: Exchange) -> None:
    x.answer(FEED, Content_Length=str(len(FEED) - 20))


def _smuggle(x: Exchange) -> None:
    """An answer with a second one behind it, which nobody asked for."""
    x.send(_answer(200, b"first", {}) + _answer(200, b"planted", {}))


def _reset(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + FEED)
    time.sleep(0.05)  # let it arrive: a reset throws away what is still under way
    _hang_up_hard(x.connection)


def _reset_once(x: Exchange) -> None:
    if len(x.server.seen(x.request.path)) == 1:
        _hang_up_hard(x.connection)
    _ok(x)


def _reset_always(x: Exchange) -> None:
    _hang_up_hard(x.connection)


def _hang_up_hard(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise EOFError


def _huge_headers(x: Exchange) -> None:
    x.send(b"HTTP/1.1 200 OK\r\n")
    x.flood(b"X-Filler: " + b"x" * 8000 + b"\r\n")


def _huge_length(x: Exchange) -> None:
    x.answer(FEED, Content_Length="10000000000")


def _latin(x: Exchange) -> None:
    x.send(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "\xff\xfe\xe9"\r\nX-Name: \xe2\x82\xac\r\n\r\nok')


def _garbage(x: Exchange) -> None:
    x.send(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\x02 hello\r\n\r\n")
    raise EOFError


def _status(x: Exchange) -> None:
    x.answer(b"status", status=int(x.argument))


def _retry_after(x: Exchange) -> None:
    """/retry-after/VALUE answers 429."""
    x.answer(b"slow down", status=429, Retry_After=x.argument)


def _html(x: Exchange) -> None:
    x.answer(b"<!doctype html><title>Log in</title>", Content_Type="text/html; charset=utf-8")


def _cookie(x: Exchange) -> None:
    x.answer(b"biscuit", Set_Cookie="session=1; Path=/")


ROUTES: Mapping[str, Callable[[Exchange], None]] = {
    "ok": _ok,
    "feed": _feed,
    "etag": _etag,
    "say": _say,
    "endless": _endless,
    "endless-chunked": _endless_chunked,
    "crumbs": _crumbs,
    "drip": _drip,
    "drip-headers": _drip_headers,
    "endless-1xx": _endless_1xx,
    "flood-1xx": _flood_1xx,
    "hang": _hang,
    "slow": _slow,
    "bomb": _gzip_bomb,
    "members": _members,
    "encoded": _encoded,
    "redirect": _redirect,
    "redirect-private": _redirect_private,
    "loop": _loop,
    "short": _short,
    "long": _long,
    "smuggle": _smuggle,
    "reset": _reset,
    "reset-once": _reset_once,
    "reset-always": _reset_always,
    "huge-headers": _huge_headers,
    "huge-length": _huge_length,
    "latin": _latin,
    "garbage": _garbage,
    "status": _status,
    "retry-after": _retry_after,
    "html": _html,
    "cookie": _cookie,
}
