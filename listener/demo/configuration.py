"""The configuration `listener demo` runs with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from listener.demo.server import DemoServer

BRAND = "Papervane"
RIVAL = "Quillstrand"
_LOOPBACK = ["127.0.0.1/32"]


def config_table(server: DemoServer, folder: Path) -> dict[str, Any]:
    """The demo's listener.toml as a table: two brands, five sources on `server` of which one fails, one channel.

    The database is demo.db in `folder`.
    """
    return {
        "storage": {"url": f"sqlite:///{folder.resolve() / 'demo.db'}"},
        "http": {"gap": 0, "allow_private": _LOOPBACK},
        "alerting": {"max_alert_age": "24h", "allow_private": _LOOPBACK},
        "brands": [
            {"name": BRAND, "query": 'papervane OR "paper vane"', "rivals": [RIVAL]},
            {"name": RIVAL, "query": "quillstrand"},
        ],
        "sources": [
            {"type": "feed", "name": "blogs", "url": f"{server.url}/blog/feed.xml"},
            {"type": "feed", "name": "forum", "url": f"{server.url}/forum/feed.atom"},
            {
                "type": "feed",
                "name": "reviews",
                "url": f"{server.url}/reviews/feed.json",
                "genre": "review",
                "about": BRAND,
            },
            {"type": "hackernews", "name": "hackernews", "base_url": f"{server.url}/hn/api/v1"},
            {"type": "feed", "name": "status-page", "url": f"{server.url}/status/feed.xml"},
        ],
        "channels": [{"type": "webhook", "name": "team-chat", "url": f"{server.url}/webhook", "per_second": 100}],
        "alerts": [
            {
                "name": "unhappy-customer",
                "brands": [BRAND],
                "labels": ["detractor"],
                "min_confidence": 0.6,
                "channels": ["team-chat"],
            }
        ],
    }
