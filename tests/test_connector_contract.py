"""Our first connectors keep the obligations that strangers' connectors are asked to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from connectors.feed import Feed, FeedOptions
from connectors.hackernews import HackerNews, HackerNewsOptions
from tests.contracts.connectors import ConnectorContract, Sample, World, visitor
from tests.standins.feeds import FeedServer, Item
from tests.standins.hackernews import HackerNewsServer, hit


class TestFeed(ConnectorContract):
    @pytest.fixture(params=["rss", "atom", "rdf", "json"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with FeedServer(window=2_000) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(Item(id=f"n{sample.number}", title=sample.text, published=sample.at) for sample in samples)
                )

            yield World(
                Feed(FeedOptions(url=server.url(request.param))),
                http,
                server,
                publish,
                edit=lambda number, text: server.edit(f"n{number}", title=text),
                wrong_shapes=(
                    b"",
                    b"just text",
                    b'{"items": {"a": 1}}',
                    b"[1, 2]",
                    b"<urlset><url/></urlset>",
                    b'<!DOCTYPE rss [<!ENTITY a "b">]><rss><channel/></rss>',
                ),
                undated=True,
                optional=frozenset({"url", "date_published", "date_modified", "authors", "content_html"}),
                lenient=True,
            )


class TestHackerNews(ConnectorContract):
    @pytest.fixture(params=[1_000, 100])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with HackerNewsServer(largest_page=request.param) as server, visitor() as http:

            def publish(samples: Sequence[Sample]) -> None:
                server.publish(
                    *(
                        hit(100 + sample.number, sample.text, created=int(sample.at.timestamp()))
                        for sample in samples
                        if sample.at is not None
                    )
                )

            yield World(
                HackerNews(HackerNewsOptions(base_url=server.base_url)),
                http,
                server,
                publish,
                wrong_shapes=(
                    b"[]",
                    b"{}",
                    b'{"hits": 1, "nbHits": 1}',
                    b'{"hits": [1], "nbHits": 1}',
                    b'{"hits": [{}], "nbHits": 1}',
                    b'{"hits": [{"objectID": "1", "created_at_i": "x"}], "nbHits": 1}',
                    b'{"hits": [{"objectID": "1", "created_at_i": 5, "title": []}], "nbHits": 1}',
                ),
                optional=frozenset({"author", "_tags", "created_at", "nbPages", "page", "hitsPerPage", "query"}),
            )
