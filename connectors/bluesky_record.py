"""What a record of Bluesky says (lexicon app.bsky.feed.post), however it was come by: search and stream agree on it."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlsplit

from connectors.dates import plausible
from connectors.errors import BadAnswer
from connectors.fields import Fields
from connectors.post import Genre

KIND = "bluesky"

_URI = re.compile(r"at://(did:[a-z0-9]{1,32}:[\w.:%-]{1,200})/app\.bsky\.feed\.post/([\w.~:-]{1,512})", re.ASCII)
_WEB = ("http://", "https://")
_MOST_FACETS = 100
_GIFS = frozenset({"media.tenor.com", "t.gifs.bsky.app", "static.klipy.com"})
"""Bluesky keeps an animated picture as a link card to one of these: it is no link that anybody reads."""


class _Link(NamedTuple):
    start: int
    end: int
    uri: str


def permalink(uri: str) -> str:
    """The web address of an at:// URI, by DID: handles change hands. "" for a URI that is not one of a post."""
    found = _URI.fullmatch(uri)
    return f"https://bsky.app/profile/{found[1]}/post/{found[2]}" if found else ""


def profile(did: str) -> str:
    return f"https://bsky.app/profile/{did}"


def body_of(record: Fields) -> str:
    """The text with the addresses of its links, plain.

    Bluesky keeps links beside the text, as ranges of bytes, and shows them shortened ("acme.example/blog/wh..."): such
    a text gives way to the address it stands for. The address of any other link (behind words, or beside its place, as
    some clients count characters for bytes) and that of a link card follow below the text, one to a line. A card's
    headline is somebody else's words and stays out.
    """
    text = record.text("text")
    links = _links(record)
    if links:
        text = _written_out(text, links)
    addresses = dict.fromkeys([*(link.uri for link in links), _card(record)])
    below = [uri for uri in addresses if uri not in text]  # nor "", which every text holds
    return "\n".join([text, *below]) if text else "\n".join(below)


def language_of(record: Fields) -> str:
    """The one language its author declared; of several none is sure."""
    languages = record.texts("langs")
    return languages[0] if len(languages) == 1 else ""


def thread_of(record: Fields, uri: str) -> str:
    """The URI of the post that began the conversation."""
    try:
        reply = record.one("reply")
        root = reply.one("root") if reply else None
        return (root.text("uri") if root else "") or uri
    except BadAnswer:
        return uri


def genre_of(record: Fields) -> Genre:
    return "comment" if "reply" in record else "post"


def published(created: datetime | None, indexed: datetime | None) -> datetime | None:
    """When it was written: the author's client says it, the server's time of indexing bounds it.

    The earlier of the two is what Bluesky itself sorts by ("sortAt"). A year before 1990 is nobody's.
    """
    if created is None or indexed is None:
        return created if created is not None else indexed
    return created if created <= indexed and plausible(created, indexed) else indexed


def _links(record: Fields) -> list[_Link]:
    """In order of place. What somebody's client wrote wrongly is no link, and no reason to lose the post."""
    found: list[_Link] = []
    try:
        for facet in islice(record.many("facets", "a facet", optional=True), _MOST_FACETS):
            index = facet.one("index")
            start, end = (index.count("byteStart"), index.count("byteEnd")) if index else (None, None)
            for feature in islice(facet.many("features", "a feature", optional=True), _MOST_FACETS):
                uri = feature.text("uri")
                if uri.startswith(_WEB) and start is not None and end is not None and 0 <= start < end:
                    found.append(_Link(start, end, uri))
    except BadAnswer:
        pass
    return sorted(found)


def _written_out(text: str, links: list[_Link]) -> str:
    """`text` with the addresses of those links that it shows shortened."""
    raw = text.encode("utf-8", "surrogatepass")
    parts: list[str] = []
    at = 0
    for start, end, uri in links:
        if start < at or end > len(raw):
            continue
        try:
            before, shown = (raw[a:b].decode("utf-8", "surrogatepass") for a, b in ((at, start), (start, end)))
        except UnicodeDecodeError:  # the range cuts a character in two
            continue
        if _shortens(shown, uri):
            parts += [before, uri]
            at = end
    return "".join(parts) + raw[at:].decode("utf-8", "surrogatepass")


def _shortens(shown: str, uri: str) -> bool:
    beginning = shown.removesuffix("...").removesuffix("…")
    return "." in beginning and (uri.startswith(beginning) or uri.partition("://")[2].startswith(beginning))


def _card(record: Fields) -> str:
    """The address of the link card, "" where there is none."""
    try:
        embed = record.one("embed")
        media = embed.one("media") if embed else None  # a quote with a card holds the card one floor down
        holder = media or embed
        external = holder.one("external") if holder else None
        uri = external.text("uri") if external else ""
    except BadAnswer:
        return ""
    return uri if uri.startswith(_WEB) and _host(uri) not in _GIFS else ""


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""
