"""A list of mentions as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/). Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from listener.desk.shown import label, link, words
from storage.records_desk import Item, Page


def feed(name: str, query: str, found: Page, address: str) -> dict[str, Any]:
    """`address` is where the desk is reached. Posts that were taken away are not in it."""
    its_address = f"{address}/views/{quote(name, safe='')}.json"
    told = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": f"{name} – Listener",
        "home_page_url": f"{address}/mentions" + (f"?{query}" if query else ""),
        "feed_url": its_address,
        "items": [_item(item, address) for item in found.items if not item.post.deleted_at],
    }
    return told | ({"next_url": f"{its_address}?{urlencode({'after': found.after})}"} if found.after else {})


def _item(item: Item, address: str) -> dict[str, Any]:
    """The tags hold the label, unless that is hidden from whoever is to judge."""
    mention, post, blind = item.mention, item.post, bool(item.audit_id)
    optional = {
        "external_url": link(post.url),
        "title": post.title,
        "authors": [{"name": post.author}] if post.author else [],
        "language": "" if blind else mention.language,
        "date_modified": post.edited_at,
    }
    return {
        "id": mention.id,
        "url": f"{address}/mentions/{mention.id}",
        "content_text": post.text or post.title or "(without words)",
        "date_published": post.at or post.first_seen_at,
        "tags": [mention.brand, post.source, *([] if blind else [words(label(item).name)])],
        **{key: value for key, value in optional.items() if value},
    }
