"""Subscription lists (OPML 1.0 and 2.0), as every feed reader exports them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from connectors.text import clean

_MOST = 50_000
_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0">
  <head><title>Listener</title></head>
  <body>"""
_LINE = '    <outline type="rss" text={0} title={0} xmlUrl={1}/>'


class Outline(NamedTuple):
    title: str
    url: str


class NoOpml(Exception):
    """In a sentence, without its subject, why the text is no subscription list."""


def read(body: bytes) -> list[Outline]:
    """The feeds in the order of the list, each address once. Raises NoOpml."""
    found: dict[str, Outline] = {}
    root = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal root
        root = root or name
        if name != "outline" or len(found) > _MOST:
            return
        given = {key.lower(): clean(value).strip() for key, value in attributes.items()}
        url = given.get("xmlurl", "")
        if url.startswith(("http://", "https://")):
            found.setdefault(url, Outline(given.get("title") or given.get("text") or url, url))

    def refuse(*_: object) -> None:
        raise NoOpml("declares entities, which no subscription list needs")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: encodings that expat does not know
        raise NoOpml(f"is not XML: {error}") from None
    if root.lower() != "opml":
        raise NoOpml(f"begins with <{root[:40]}> where <opml> should be")
    return list(found.values())


def write(outlines: Iterable[Outline]) -> str:
    lines = [_LINE.format(quoteattr(one.title), quoteattr(one.url)) for one in outlines]
    return "\n".join([_HEAD, *lines, "  </body>", "</opml>", ""])
