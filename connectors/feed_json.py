"""JSON Feed 1.0 and 1.1."""

from __future__ import annotations

import json
import re
from typing import Any

from connectors.errors import BadAnswer
from connectors.feed_entry import Channel, Entry, joined
from connectors.feed_reader import MAX_ENTRIES, TEXT_LIMIT

_LARGEST = 5_000_000
_MOST_VALUES = 300_000
_ITEMS = re.compile(r'"items"\s*:\s*\[')
_NEXT_ITEM = re.compile(r"\s*,?\s*\{")
_BROKEN = "\0broken"
_TEXTS = {
    "url": "link",
    "external_url": "external",
    "title": "title",
    "content_html": "content",
    "content_text": "summary",
    "summary": "dc_description",
    "date_published": "published",
    "date_modified": "updated",
    "language": "language",
}


def read(body: bytes) -> Channel:
    """Parses `body`. Raises BadAnswer naming what is not as JSON Feed has it; one bad item costs only itself."""
    document = _document(body)
    items = document.get("items")
    if not isinstance(items, list):
        raise BadAnswer(f'JSON whose "items" is {_kind(items)}, not a list: not a JSON Feed')
    channel = Channel()
    _about(document, channel)
    bad = [number for number, item in enumerate(items[:MAX_ENTRIES]) if not _read_item(item, channel)]
    if bad:
        channel.malformed = True
        channel.gap = f"{len(bad)} items of the feed have a wrong shape, the first is items[{bad[0]}]"
    elif _BROKEN in document:
        channel.malformed = True
        channel.gap = f"the feed breaks off, only its first {len(items)} items could be read"
    elif len(items) > MAX_ENTRIES:
        channel.gap = f"only the first {MAX_ENTRIES:,} entries of the feed were read"
    return channel


def _document(body: bytes) -> dict[str, Any]:
    # Counted before anything is built: a list of ten million empty lists is 600 MB.
    if len(body) > _LARGEST:
        raise BadAnswer(f"a JSON document of more than {_LARGEST // 1_000_000} MB")
    if body.count(b"[") + body.count(b"{") + body.count(b",") > _MOST_VALUES + len(body) // 20:
        raise BadAnswer("a JSON document of too many values")
    text = body.decode("utf-8", "replace")
    try:
        document = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        document = _whole_items(text)
        if document is None:
            where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise BadAnswer(f"something that begins like JSON and is not{where}") from None
    if not isinstance(document, dict):
        raise BadAnswer(f"JSON that is {_kind(document)}, not an object: not a JSON Feed")
    return document


def _whole_items(text: str) -> dict[str, Any] | None:
    """The items before the place where `text` breaks, None when there are none."""
    start = _ITEMS.search(text)
    if start is None:
        return None
    items: list[Any] = []
    at = start.end()
    try:
        while opening := _NEXT_ITEM.match(text, at):
            item, at = _DECODER.raw_decode(text, opening.end() - 1)
            items.append(item)
    except (ValueError, RecursionError):
        pass  # here it breaks
    return {"items": items, _BROKEN: True} if items else None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _about(document: dict[str, Any], channel: Channel) -> None:
    if language := _text(document.get("language")):
        channel.about["language"] = language
    _read_authors(document, channel.about)
    channel.next_url = _text(document.get("next_url"))


def _read_item(item: Any, channel: Channel) -> bool:
    """Whether `item` had the shape of an item."""
    if not isinstance(item, dict):
        return False
    entry: Entry = {}
    given = item.get("id")
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        entry["id"] = str(given)
    elif text := _text(given):
        entry["id"] = text
    for name, key in _TEXTS.items():
        value = item.get(name)
        if value is not None and not isinstance(value, str):
            return False
        if value and (value := value.strip()):
            entry[key] = value[:TEXT_LIMIT]
    entry["title_type"] = entry["summary_type"] = entry["dc_description_type"] = "text"
    entry["content_type"] = "html"
    if "link" not in entry and "external" in entry:
        entry["link"] = entry["external"]
    _read_authors(item, entry)
    _read_rating(item.get("_rating"), entry)
    channel.entries.append(entry)
    return True


def _read_rating(given: Any, into: Entry) -> None:
    """`"_rating": {"value": 4, "best": 5}`, an extension of ours: names with "_" are free in JSON Feed."""
    if isinstance(given, dict):
        for name, key in (("value", "rating"), ("best", "rating_best")):
            number = given.get(name)
            if isinstance(number, (int, float)) and not isinstance(number, bool) and abs(number) < 1e9:
                into[key] = str(number)


def _read_authors(holder: dict[str, Any], into: Entry) -> None:
    authors = holder.get("authors")
    author = authors[0] if isinstance(authors, list) and authors else holder.get("author")
    if isinstance(author, dict):
        for name, key in (("name", "author_name"), ("url", "author_uri")):
            if text := _text(author.get(name)):
                into[key] = text
    elif text := _text(author):
        into["author"] = text


def continuation(channel: Channel, url: str) -> str:
    """The address of the older entries, "" when there are none (or they are somewhere else)."""
    return joined(url, channel.next_url) if channel.next_url else ""


def _text(value: Any) -> str:
    return value.strip()[:TEXT_LIMIT] if isinstance(value, str) else ""


# strict=False: raw control characters inside strings are common
_DECODER = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a yes or no", type(None): "missing"}
    return names.get(type(value), "a number")
