"""200 invented feeds of 50 entries each, and the loopback server (a process of its own) that gives them out."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import ClassVar

ENTRIES = 50
NEW_SHARE = 10  # of 100 entries in a feed's next version
TERMS = tuple(
    f"{a}{b}"
    for a in ("zor", "vel", "quan", "bri", "tam", "osk", "pell", "nym", "dra", "fex")
    for b in (
        f"{c}{d}"
        for c in ("ami", "ode", "uli", "ert", "ion", "axo", "ich", "ume", "ard", "esk")
        for d in ("ta", "lo", "rix", "mo", "sen", "dar", "va", "plex", "ny", "tek")
    )
)
"""1,000 made-up brand names, none of them a word."""

_WORDS = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "for",
    "on",
    "with",
    "this",
    "that",
    "our",
    "their",
    "new",
    "old",
    "team",
    "release",
    "version",
    "update",
    "support",
    "week",
    "month",
    "people",
    "customer",
    "company",
    "product",
    "market",
    "price",
    "report",
    "story",
    "reader",
    "writer",
    "city",
    "river",
    "train",
    "garden",
    "kitchen",
    "music",
    "paper",
    "light",
    "water",
    "morning",
    "evening",
    "question",
    "answer",
    "reason",
    "problem",
    "plan",
    "change",
    "work",
    "home",
    "school",
    "office",
    "phone",
    "screen",
]
_MOODS = [
    "great",
    "love",
    "helpful",
    "fast",
    "reliable",
    "broken",
    "slow",
    "crashes",
    "terrible",
    "useless",
    "happy",
    "annoyed",
    "refund",
    "amazing",
    "bug",
]
_START = datetime(2026, 11, 1, tzinfo=UTC)


def _sentence(chance: random.Random, named: str) -> str:
    words = chance.choices(_WORDS, k=chance.randint(9, 15))
    if chance.random() < 0.4:
        words.insert(chance.randrange(len(words)), chance.choice(_MOODS))
    if named:
        words.insert(chance.randrange(len(words)), named.capitalize())
    return " ".join(words).capitalize() + "."


@lru_cache(maxsize=200_000)
def _entry(feed: int, number: int, naming: float = 0.5) -> str:
    """About 880 bytes; this share of entries names one of the 1,000 terms."""
    chance = random.Random(f"{feed}:{number}")
    named = chance.choice(TERMS) if chance.random() < naming else ""
    sentences = [_sentence(chance, named if n == 1 else "") for n in range(6)]
    html = (
        f'<p>{sentences[0]} {sentences[1]}</p><p><a href="https://news.example/{feed}/{number}?a=1&amp;b=2">More</a> '
        f"{sentences[2]} <em>{sentences[3]}</em></p><ul><li>{sentences[4]}</li><li>{sentences[5]}</li></ul>"
    )
    date = format_datetime(_START + timedelta(minutes=7 * number + feed))
    return (
        f"<item><title>{escape(' '.join(chance.choices(_WORDS, k=6)).capitalize())}</title>"
        f"<link>https://news.example/{feed}/{number}</link>"
        f'<guid isPermaLink="false">https://news.example/{feed}/{number}</guid><pubDate>{date}</pubDate>'
        f"<author>writer{chance.randrange(40)}@news.example</author><description>{escape(html)}</description></item>"
    )


def body(feed: int, version: int, entries: int = ENTRIES, naming: float = 0.5) -> bytes:
    """Version 0, and each next one with 10 % of the entries new, the newest first."""
    newest = entries + version * entries * NEW_SHARE // 100
    items = "".join(_entry(feed, number, naming) for number in range(newest - 1, newest - entries - 1, -1))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Feed {feed}</title>'
        f"<link>https://news.example/{feed}</link><description>Invented</description>{items}</channel></rss>"
    ).encode()


class _Handler(BaseHTTPRequestHandler):
    """/etag/VERSION/FEED and /plain/VERSION/FEED; VERSION 'now' is the one that `advance` has set."""

    protocol_version = "HTTP/1.1"
    version = 0
    bodies: ClassVar[dict[tuple[int, int], bytes]] = {}

    def do_GET(self) -> None:
        _, mode, feed = self.path.split("/")
        if mode == "version":
            type(self).version = int(feed)
            return self._send(200, b"ok")
        key = (int(feed), self.version)
        if key not in self.bodies:
            self.bodies[key] = body(*key)
        content = self.bodies[key]
        tag = f'"{hashlib.sha1(content).hexdigest()}"'
        if mode == "etag" and self.headers.get("If-None-Match") == tag:
            return self._send(304, b"", tag)
        self._send(200, content, tag if mode == "etag" else "")

    def _send(self, status: int, content: bytes, tag: str = "") -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/rss+xml; charset=utf-8\r\n"
        if status != 304:
            head += f"Content-Length: {len(content)}\r\n"
        if tag:
            head += f"ETag: {tag}\r\n"
        self.wfile.write(head.encode() + b"\r\n" + content)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _serve(feeds: int, pipe: Connection) -> None:
    for feed in range(feeds):  # made before anybody's clock runs
        for version in (0, 1):
            _Handler.bodies[feed, version] = body(feed, version)
    server = _Server(("127.0.0.1", 0), _Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def served(feeds: int) -> Iterator[str]:
    """The server's address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(feeds, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
