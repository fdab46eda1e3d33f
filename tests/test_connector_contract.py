"""Our connectors keep the obligations that strangers' connectors are asked to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from connectors.feed import Feed, FeedOptions
from connectors.hackernews import HackerNews, HackerNewsOptions
from connectors.http import HttpClient
from tests.contracts.connectors import NOW, ConnectorContract, Sample, World
from tests.standins.feeds import FeedServer, Item
from tests.standins.hackernews import HackerNewsServer, hit
from tests.standins.loopback import Told


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(
        user_agent="listener-tests (mailto:tests@example.org)", now=lambda: NOW, gap=0.0, allow_private=["127.0.0.1/32"]
    ) as client:
        yield client


class TestFeed(ConnectorContract):
    @pytest.fixture(params=["rss", "atom", "rdf", "json"])
    def world(self, request: pytest.FixtureRequest, http: HttpClient) -> Iterator[World]:
        with FeedServer(window=2_000) as server:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(Item(id=f"n{sample.number}", title=sample.text, published=sample.at) for sample in samples)
                )

            def answer(status: int, kind: str, body: bytes) -> None:
                server.override = Told(status, body, {"Content-Type": kind})

            yield World(
                Feed(FeedOptions(url=server.url(request.param))),
                http,
                publish,
                answer,
                wrong_shapes=(
                    b"",
                    b"just text",
                    b'{"items": {"a": 1}}',
                    b"[1, 2]",
                    b"<urlset><url/></urlset>",
                    b'<!DOCTYPE rss [<!ENTITY a "b">]><rss><channel/></rss>',
                ),
                undated=True,
            )


class TestHackerNews(ConnectorContract):
    @pytest.fixture(params=[1_000, 100])
    def world(self, request: pytest.FixtureRequest, http: HttpClient) -> Iterator[World]:
        with HackerNewsServer(largest_page=request.param) as server:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(
                        hit(100 + sample.number, sample.text, created=int(sample.at.timestamp()))
                        for sample in samples
                        if sample.at is not None
                    )
                )

            def answer(status: int, kind: str, body: bytes) -> None:
                server.override = Told(status, body, {"Content-Type": kind})

            yield World(
                HackerNews(HackerNewsOptions(base_url=server.base_url)),
                http,
                publish,
                answer,
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"hits": 1, "nbHits": 1}',
                    b'{"hits": [1], "nbHits": 1}',
                    b'{"hits": [{}], "nbHits": 1}',
                    b'{"hits": [{"objectID": "1", "created_at_i": "x"}], "nbHits": 1}',
                    b'{"hits": [{"objectID": "1", "created_at_i": 5, "title": []}], "nbHits": 1}',
                ),
            )
