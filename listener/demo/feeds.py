"""The week as the three feed formats, each with the habits of the software that writes it in the wild."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from listener.demo.week import Entry

PLANET = "https://planet.tidydesk.example"
FORUM = "https://forum.notekeepers.example"
REVIEWS = "https://papervane.example/reviews"


def rss(entries: Sequence[Entry], now: datetime, address: str) -> bytes:
    """RSS 2.0 of a blog planet: bodies in CDATA or escaped, some links relative, some dates missing or nonsense."""
    items = "\n".join(_rss_item(entry, now) for entry in entries)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
<title>Planet Tidydesk</title>
<link>{PLANET}/</link>
<atom:link href={quoteattr(address)} rel="self" type="application/rss+xml" />
<description>Blogs about notes, files and keeping them</description>
<language>en</language>
<ttl>15</ttl>
{items}
</channel>
</rss>
""".encode()


def _rss_item(entry: Entry, now: datetime) -> str:
    date = format_datetime(entry.written_at(now).astimezone(UTC), usegmt=True) if entry.date is None else entry.date
    link = entry.link or entry.id
    if entry.form == "cdata":
        body = f"<content:encoded><![CDATA[{entry.body}]]></content:encoded>"
    else:
        body = f"<description>{escape(entry.body)}</description>"
    return f"""<item>
<title>{escape(entry.title)}</title>
<link>{escape(link)}</link>
<guid isPermaLink="{str(link == entry.id).lower()}">{escape(entry.id)}</guid>
<dc:creator>{escape(entry.author)}</dc:creator>
{f"<pubDate>{date}</pubDate>" if date else ""}
{body}
</item>"""


def atom(entries: Sequence[Entry], now: datetime, address: str) -> bytes:
    """Atom of a forum: escaped HTML, one body as XHTML, links relative to xml:base, edits told by `updated`."""
    newest = max(entry.changed_at(now) for entry in entries)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{FORUM}/" xml:lang="en">
<title>Notekeepers Forum</title>
<id>tag:forum.notekeepers.example,2026:latest</id>
<link rel="self" href={quoteattr(address)} />
<link rel="alternate" type="text/html" href="latest" />
<updated>{_rfc3339(newest)}</updated>
{"".join(_atom_entry(entry, now) for entry in entries)}</feed>
""".encode()


def _atom_entry(entry: Entry, now: datetime) -> str:
    if entry.form == "xhtml":
        body = f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{entry.body}</div></content>'
    else:
        body = f'<content type="html">{escape(entry.body)}</content>'
    number = entry.id.rpartition("/")[2]
    return f"""<entry xml:lang="{entry.language}">
<title type="text">{escape(entry.title)}</title>
<id>{entry.id}</id>
<link rel="alternate" type="text/html" href="p/{number}" />
<author><name>{escape(entry.author)}</name><uri>u/{entry.author}</uri></author>
<published>{_rfc3339(entry.written_at(now))}</published>
<updated>{_rfc3339(entry.changed_at(now))}</updated>
{body}
</entry>
"""


def json_feed(entries: Sequence[Entry], now: datetime, address: str) -> bytes:
    """JSON Feed 1.1 of a review page. The stars are an extension: `"_rating": {"value": 2, "best": 5}`."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Papervane: what people say",
        "home_page_url": REVIEWS,
        "feed_url": address,
        "language": "en",
        "items": [_json_item(entry, now) for entry in entries],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1).encode()


def _json_item(entry: Entry, now: datetime) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": entry.id,
        "url": f"{REVIEWS}/{entry.id}",
        "title": entry.title,
        "content_html" if entry.form == "html" else "content_text": entry.body,
        "date_published": _rfc3339(entry.written_at(now)),
        "language": entry.language,
        "authors": [{"name": entry.author}],
    }
    if entry.stars is not None:
        item["_rating"] = {"value": entry.stars, "best": 5}
    return item


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
