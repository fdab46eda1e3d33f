"""A small HTTP server on 127.0.0.1, port 0: what the stand-ins of sources are built on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. Header names are in lower case; of a repeated parameter `params` holds the last, `every` all."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""
    every: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Told:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def told(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Told:
    """`document` as JSON."""
    return Told(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})


class Loopback:
    """Serves `answer` between enter and exit. `requests` logs what was asked.

    `override` answers everything instead. `twist` changes the JSON of every success, `cut` (0..1) is how much of its
    body goes out.
    """

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.override: Told | None = None
        self.twist: Callable[[Any], Any] | None = None
        self.cut = 1.0
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Asked) -> Told:
        """Called with the lock held."""
        raise NotImplementedError

    def tell(self, asked: Asked) -> Told:
        if self.override is not None:
            return self.override
        said = self.answer(asked)
        if said.status != 200:
            return said
        body = said.body
        if self.twist is not None and body[:1] in (b"{", b"["):
            body = json.dumps(self.twist(json.loads(body))).encode()
        return replace(said, body=body[: int(len(body) * self.cut)])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(loopback: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body go out apart: the second would wait 40 ms for an ACK

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            every = tuple(parse_qsl(parts.query, keep_blank_values=True))
            body = self.rfile.read(int(headers.get("content-length", "0")))
            asked = Asked(parts.path, dict(every), headers, self.command, body, every)
            with loopback.lock:
                loopback.requests.append(asked)
                told = loopback.tell(asked)
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            if told.status != 304:
                self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            if told.status != 304:
                self.wfile.write(told.body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
