"""A receiver of webhooks on the loopback: answers as it is told to, and remembers what it was sent.

    with ChatServer([*[Say(200)] * 3, Say(429, {"Retry-After": "1"}), RESET, LOST, Say(410)]) as chat:
        ...  # post to chat.url; after the script every answer is 200
        assert [heard.key for heard in chat.accepted] == [...]

`RESET` breaks the connection off before the message is taken, `LOST` takes it and breaks off before the answer.
A `Say` with `delay` (seconds) answers late.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Say:
    """One answer. Status 0 is none: the connection is reset. `taken` says whether the message counts as received."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    delay: float = 0.0
    taken: bool | None = None

    @property
    def takes(self) -> bool:
        return 200 <= self.status < 300 if self.taken is None else self.taken


def as_slack(path: str, body: bytes) -> Say:
    """What a live webhook of Slack says, in its own words: a text is taken, no text and no JSON are refused."""
    try:
        message = json.loads(body)
    except ValueError:
        return Say(400, body=b"invalid_payload")
    return Say() if message.get("text") or message.get("blocks") else Say(400, body=b"no_text")


RESET = Say(0)
LOST = Say(0, taken=True)


@dataclass(frozen=True)
class Heard:
    """One request. `at` is time.monotonic(), `headers` has lower-case keys, `accepted`: it was taken as a message."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    accepted: bool

    @property
    def key(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ChatServer:
    """`script` holds the answers in order; a function of (path, body) decides for each request instead."""

    def __init__(self, script: Iterable[Say] | Callable[[str, bytes], Say] = ()) -> None:
        self._script = script if callable(script) else None
        self._answers = iter(()) if callable(script) else iter(script)
        self._guard = threading.Lock()
        self.heard: list[Heard] = []

    @property
    def accepted(self) -> list[Heard]:
        return [heard for heard in self.heard if heard.accepted]

    @property
    def url(self) -> str:
        return f"{self.origin}/services/T000/B000/secret-token-in-the-path"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ChatServer:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.chat = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> Say:
        with self._guard:
            say = self._script(path, body) if self._script else next(self._answers, Say())
            self.heard.append(Heard(path, headers, body, time.monotonic(), say.takes))
            return say


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    chat: ChatServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5
    wbufsize = 65_536  # head and body in one packet: two would wait for each other's acknowledgement

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        say = self.server.chat.take(self.path, headers, body, self.command)
        if say.delay:
            time.sleep(say.delay)
        if say.status == 0:
            self._reset()
            return
        self.send_response(say.status)
        for name, value in say.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(say.body)))
        self.end_headers()
        self.wfile.write(say.body)

    do_GET = do_POST

    def _reset(self) -> None:
        """Close with RST in place of FIN: the client sees "connection reset by peer"."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass  # the connection was reset on purpose

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""
