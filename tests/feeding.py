"""An Http that answers one body: for tests of what a feed means, not of how it is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.feed import Feed, FeedOptions
from connectors.post import Page, Post, Question, Validators

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DATA = Path(__file__).parent / "data" / "feeds"


@dataclass
class Canned:
    body: bytes
    url: str = "https://host.example/dir/feed"
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/xml"})
    unchanged: bool = False
    moved_to: str = ""
    status: int = 200

    @property
    def validators(self) -> Validators:
        return Validators(self.url, '"etag"', "yesterday", "hash")

    def json(self) -> Any:
        raise AssertionError("feeds are told by their body")


class CannedHttp:
    """`bodies` by address; the first one answers every address that has none."""

    def __init__(self, bodies: Mapping[str, Canned]) -> None:
        self._bodies = bodies
        self.asked: list[str] = []

    def get(self, url: str, **_: Any) -> Canned:
        self.asked.append(url)
        return self._bodies.get(url) or next(iter(self._bodies.values()))

    def post(self, url: str, **_: Any) -> Canned:
        raise AssertionError("a feed is read with GET")


def pull(body: bytes | str, url: str = "https://host.example/dir/feed", **headers: str) -> list[Page]:
    body = body.encode() if isinstance(body, str) else body
    canned = Canned(body, url, {"content-type": headers.get("content_type", "application/xml")})
    return list(Feed(FeedOptions(url=url)).pull(Question(now=NOW), CannedHttp({url: canned})))


def posts(body: bytes | str, **options: Any) -> list[Post]:
    return [post for page in pull(body, **options) for post in page.posts]


def stored(name: str) -> bytes:
    return (DATA / name).read_bytes()
