"""A loopback server that speaks like the real sources, and listens like a chat."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from listener.demo import algolia, feeds
from listener.demo.week import Entry, entries

_LARGEST_POST = 1 << 20
_OVERLOADED = b"""<!doctype html>
<html lang="en"><head><title>Down for maintenance</title></head>
<body><h1>We'll be right back</h1><p>The status page is being moved. Please try again in two minutes.</p></body></html>
"""


class Received(NamedTuple):
    """A request to /webhook. `headers` has lower-case keys, `body` is as sent."""

    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class _Reply:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class DemoServer:
    """Serves the bundled week as if it had just ended, on 127.0.0.1 at a free port, while the context is open.

    /blog/feed.xml (RSS), /forum/feed.atom, /reviews/feed.json, /hn/api/v1/search_by_date, /status/feed.xml (always
    503), and /webhook, whose POSTs are kept in `received`. `now` is aware; the posts are as old as week.toml says.
    """

    def __init__(self, now: datetime) -> None:
        self.received: list[Received] = []
        self._now = now
        self._second_pull = False
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.demo = self

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def advance(self) -> None:
        """Time goes on: a forum post is edited, an older blog post turns up late, Hacker News has a new comment."""
        self._second_pull = True

    def __enter__(self) -> DemoServer:
        Thread(target=self._http.serve_forever, args=(0.02,), name="demo-server", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path: str, params: Mapping[str, str]) -> _Reply:
        address = self.url + path
        match path:
            case "/blog/feed.xml":
                body = feeds.rss(self._shown("blog"), self._now, address)
                return _Reply(200, "application/rss+xml; charset=UTF-8", body, self._validators("blog", body))
            case "/forum/feed.atom":
                body = feeds.atom(self._shown("forum"), self._now, address)
                return _Reply(200, "application/atom+xml; charset=utf-8", body, self._validators("forum", body))
            case "/reviews/feed.json":
                body = feeds.json_feed(self._shown("reviews"), self._now, address)
                return _Reply(200, "application/feed+json", body, {"ETag": _etag(body)})
            case "/hn/api/v1/search_by_date":
                return self._search(params)
            case "/status/feed.xml":
                return _Reply(503, "text/html; charset=utf-8", _OVERLOADED, {"Retry-After": "120"})
        return _Reply(404, "text/plain; charset=utf-8", b"Not Found\n")

    def _shown(self, source: str) -> list[Entry]:
        return entries(source, second_pull=self._second_pull)

    def _search(self, params: Mapping[str, str]) -> _Reply:
        try:
            found, status = algolia.search_by_date(self._shown("hn"), self._now, params), 200
        except algolia.BadQuery as error:
            found, status = {"message": str(error), "status": 400}, 400
        return _Reply(status, "application/json; charset=utf-8", json.dumps(found, ensure_ascii=False).encode())

    def _validators(self, source: str, body: bytes) -> dict[str, str]:
        # A late post is older than what is there, yet the file has just been written anew.
        changed = self._now if self._second_pull else max(entry.changed_at(self._now) for entry in self._shown(source))
        return {
            "ETag": _etag(body),
            "Last-Modified": format_datetime(changed.astimezone(UTC), usegmt=True),
            "Cache-Control": "max-age=0, must-revalidate",
        }


def _etag(body: bytes) -> str:
    return f'W/"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    demo: DemoServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # whoever hangs up early is no fault of ours
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "listener-demo"
    sys_version = ""
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        reply = self.server.demo.answer(parts.path, dict(parse_qsl(parts.query)))
        if reply.status == 200 and self._is_known(reply.headers):
            reply = _Reply(304, "", b"", reply.headers)
        self._send(reply)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_POST:
            self.close_connection = True  # the body stays unread
            return self._send(_Reply(413, "text/plain", b"Payload Too Large\n"))
        body = self.rfile.read(int(length))
        if urlsplit(self.path).path != "/webhook":
            return self._send(_Reply(404, "text/plain", b"Not Found\n"))
        self.server.demo.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
        self._send(_Reply(200, "application/json", b'{"ok": true}'))

    def _is_known(self, validators: Mapping[str, str]) -> bool:
        """RFC 9110, 13.2.2: If-None-Match decides; If-Modified-Since only where there is none."""
        if "ETag" not in validators:
            return False
        if (tags := self.headers.get("If-None-Match")) is not None:
            return tags.strip() == "*" or validators["ETag"] in [tag.strip() for tag in tags.split(",")]
        try:
            since = parsedate_to_datetime(self.headers.get("If-Modified-Since", ""))
            return since >= parsedate_to_datetime(validators["Last-Modified"])
        except (ValueError, TypeError):  # TypeError: a date without a zone cannot be compared
            return False

    def _send(self, reply: _Reply) -> None:
        body = reply.body
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Type", reply.content_type)
            if reply.status == 200 and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, compresslevel=1, mtime=0)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent: the terminal belongs to the demo."""
