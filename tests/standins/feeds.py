"""A feed server: one list of items, rendered as RSS 2.0, Atom, RSS 1.0 and JSON Feed.

with FeedServer() as feeds:
    feeds.publish(Item(id="1", title="Acme is great", published=NOW))
    ...  # pull feeds.url("atom")
    feeds.edit("1", title="Acme was great")
    assert feeds.requests[-1].headers["if-none-match"]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.standins.loopback import Asked, Loopback, Told


@dataclass(frozen=True)
class Item:
    """One entry; "" and None leave its element out. `body` is HTML, times are aware."""

    id: str = ""
    title: str = ""
    body: str = ""
    link: str = ""
    author: str = ""
    published: datetime | None = None
    updated: datetime | None = None


class FeedServer(Loopback):
    """Newest publication first, at most `window` items; `validators=False` sends neither ETag nor Last-Modified."""

    def __init__(self, items: Iterable[Item] = (), *, window: int = 100, validators: bool = True) -> None:
        super().__init__()
        self._items = list(items)
        self._window = window
        self._validators = validators
        self._changed = datetime(2026, 1, 1, tzinfo=UTC)

    def url(self, form: str = "rss") -> str:
        """`form`: rss, atom, rdf or json."""
        return f"{self.base}/feed.{form}"

    def publish(self, *items: Item) -> None:
        """In the order of publication, whatever their dates say."""
        with self.lock:
            self._items.extend(items)

    def edit(self, id: str, **changes: Any) -> None:
        with self.lock:
            self._items = [replace(item, **changes) if item.id == id else item for item in self._items]

    def remove(self, id: str) -> None:
        with self.lock:
            self._items = [item for item in self._items if item.id != id]

    def answer(self, asked: Asked) -> Told:
        form = asked.path.rpartition(".")[2]
        if form not in _RENDERERS:
            return Told(404, b"no such feed")
        kind, render = _RENDERERS[form]
        body = render(self._items[::-1][: self._window], self.base).encode()
        headers = {"Content-Type": kind}
        if self._validators:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            headers["Last-Modified"] = format_datetime(self._changed, usegmt=True)
            if asked.headers.get("if-none-match") == headers["ETag"]:
                return Told(304, b"", headers)
        return Told(200, body, headers)


def rss(items: list[Item], base: str) -> str:
    entries = "".join(
        "<item>"
        + _element("title", item.title)
        + _element("link", item.link)
        + (f'<guid isPermaLink="false">{escape(item.id)}</guid>' if item.id else "")
        + _element("dc:creator", item.author)
        + _element("pubDate", format_datetime(item.published) if item.published else "")
        + _element("description", item.body)
        + "</item>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>Stand-in</title><link>{base}/</link><description>invented</description>\n{entries}</channel></rss>"
    )


def atom(items: list[Item], base: str) -> str:
    entries = "".join(
        "<entry>"
        + _element("id", item.id)
        + _element("title", item.title)
        + (f"<link href={quoteattr(item.link)}/>" if item.link else "")
        + (f"<author>{_element('name', item.author)}</author>" if item.author else "")
        + _element("published", item.published.isoformat() if item.published else "")
        + _element("updated", (item.updated or item.published or _NEVER).isoformat() if item.published else "")
        + (f'<content type="html">{escape(item.body)}</content>' if item.body else "")
        + "</entry>\n"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>Stand-in</title><id>{base}/</id>\n{entries}</feed>"
    )


def rdf(items: list[Item], base: str) -> str:
    entries = "".join(
        (f"<item rdf:about={quoteattr(item.id)}>" if item.id else "<item>")
        + _element("title", item.title)
        + _element("link", item.link)
        + _element("dc:creator", item.author)
        + _element("dc:date", item.published.isoformat() if item.published else "")
        + _element("description", item.body)
        + "</item>\n"
        for item in items
    )
    return (
        '<?xml version="1.0"?>\n<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="{base}/"><title>Stand-in</title></channel>\n{entries}</rdf:RDF>'
    )


def json_feed(items: list[Item], base: str) -> str:
    def filled(item: Item) -> dict[str, Any]:
        fields = {
            "id": item.id,
            "title": item.title,
            "content_html": item.body,
            "url": item.link,
            "authors": [{"name": item.author}] if item.author else None,
            "date_published": item.published.isoformat() if item.published else None,
            "date_modified": item.updated.isoformat() if item.updated else None,
        }
        return {name: value for name, value in fields.items() if value}

    document = {"version": "https://jsonfeed.org/version/1.1", "title": "Stand-in", "items": list(map(filled, items))}
    return json.dumps(document, ensure_ascii=False)


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_RENDERERS = {
    "rss": ("application/rss+xml", rss),
    "atom": ("application/atom+xml", atom),
    "rdf": ("application/rdf+xml", rdf),
    "json": ("application/feed+json", json_feed),
}
