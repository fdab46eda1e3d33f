"""The state machine that turns expat's events into entries."""

from __future__ import annotations

import base64
import html
from typing import Any

from connectors.errors import BadAnswer
from connectors.feed_entry import Channel, Entry, joined
from connectors.feed_names import (
    BODIES,
    FIELDS,
    ITEM,
    PERSON,
    PERSON_PARTS,
    RDF_ABOUT,
    REPEATED,
    ROOT,
    SKIP,
    SOURCE,
    XML,
    Names,
)

MAX_ENTRIES = 5_000
TEXT_LIMIT = 200_000
"""Characters of one field that are kept."""

_MAX_ATTRIBUTES = 256
_MAX_DEPTH = 200
_USELESS, _USELESS_PER_ENTRY = 20_000, 200
_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "source", "track", "wbr"})
_ITEM_ATTRIBUTES = {RDF_ABOUT: "about", "HREF": "link", "LASTMOD": "updated"}  # the last two: CDF
_MARKED_UP = frozenset({*BODIES, "title"})


class Enough(Exception):
    """The body holds more entries than anybody reads."""


def _unpacked(text: str) -> str:
    """Atom 0.3 may write a text in base64."""
    try:
        return base64.b64decode(text).decode("utf-8")
    except ValueError:
        return text


class Reader:
    """The state machine behind the parser: between fields, inside one, inside one's markup, inside a skipped part."""

    def __init__(self) -> None:
        self.channel = Channel()
        self._names = Names()
        self._into: Entry = self.channel.about
        self._key = ""
        self._chunks: list[str] = []
        self._depth = self._outer = self._useless = self._size = 0
        self._in_person = self._escapes = self._base64 = False

    def attach(self, parser: Any) -> None:
        self._parser = parser
        self._handle(self._root, self._end, self._chunks.append)

    def _handle(self, start: Any, end: Any, text: Any) -> None:
        parser = self._parser
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text

    def trim(self) -> None:
        """Called between pieces, so that a text without end is never held whole."""
        chunks = self._chunks
        if len(chunks) > 3 and sum(map(len, chunks)) > TEXT_LIMIT:
            chunks[:] = ["".join(chunks)[:TEXT_LIMIT]]

    def skipped_entity(self, name: str, is_parameter: bool) -> None:
        if not is_parameter and len(self._chunks) < TEXT_LIMIT:
            text = html.unescape(f"&{name};")
            self._chunks.append(html.escape(text, quote=False) if self._escapes else text)

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        key = self._names[name]
        local = name.rpartition(" ")[2][:80]
        if local.lower() == "html":
            raise BadAnswer("a web page instead of a feed")
        if key not in (ROOT, ITEM):
            raise BadAnswer(f"an XML document <{local}>, which is not a feed")
        self._parser.StartElementHandler = self._start
        self._start(name, attributes)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._key:
            return self._nested(name, attributes)
        self._chunks.clear()
        key = self._names[name]
        if key in FIELDS:  # the common case first, and nothing else done for it
            self._key = key
            if attributes:
                self._attributes(key, attributes)
            return
        self._depth += 1
        self._check(attributes)
        if key == ITEM:
            self._begin_entry()
        elif key == SKIP or (key == PERSON and (PERSON in self._into or "author_name" in self._into)):
            return self._skip()
        elif key == SOURCE:
            return self._source(attributes)
        elif key == PERSON or (key in PERSON_PARTS and self._in_person) or key in REPEATED:
            self._depth -= 1
            self._key = key
        elif key != ROOT:
            self._count_useless()
        if attributes:
            self._attributes(key, attributes)

    def _end(self, name: str) -> None:
        key = self._key
        if not key:
            return self._end_container(name)
        self._key = ""
        chunks = self._chunks
        text = (chunks[0] if len(chunks) == 1 else "".join(chunks)).strip()
        if text and key not in self._into:  # the first one wins
            if len(text) > TEXT_LIMIT:
                text = text[:TEXT_LIMIT]
            if self._base64 or key in REPEATED:
                return self._keep_unusual(key, text)
            self._into[key] = text

    def _end_container(self, name: str) -> None:
        key = self._names[name]
        if key == PERSON and self._in_person:
            self._in_person = False
            return
        self._depth -= 1
        if key == ITEM:
            self._into = self.channel.about

    def _keep_unusual(self, key: str, text: str) -> None:
        if key == "hour":
            if text.isdecimal() and len(text) < 3:
                self.channel.skip_hours.add(int(text) % 24)
        elif key == "day":
            self.channel.skip_days.add(text[:3].lower())
        else:
            self._base64 = False
            self._into[key] = _unpacked(text)

    def _begin_entry(self) -> None:
        entries = self.channel.entries
        if len(entries) >= MAX_ENTRIES:
            raise Enough
        self._into = {}
        entries.append(self._into)

    def _count_useless(self) -> None:
        self._useless += 1
        if self._useless > _USELESS + _USELESS_PER_ENTRY * len(self.channel.entries):
            raise BadAnswer("thousands of elements that mean nothing, not a feed")

    def _check(self, attributes: dict[str, str]) -> None:
        if self._depth > _MAX_DEPTH:
            raise BadAnswer(f"elements nested more than {_MAX_DEPTH} deep, not a feed")
        if len(attributes) > _MAX_ATTRIBUTES:
            raise BadAnswer(f"a tag with more than {_MAX_ATTRIBUTES} attributes, not a feed")

    def _attributes(self, key: str, attributes: dict[str, str]) -> None:
        self._check(attributes)
        into = self._into
        if key == "link":
            self._link(attributes)
        elif key == "id":
            if attributes.get("isPermaLink", "").lower() == "false":
                into["no_permalink"] = "yes"
        elif key in _MARKED_UP:
            self._declared(key, attributes)
        elif key == "views":
            if views := attributes.get("views", "").strip():
                into["views"] = views
        elif key in (ITEM, ROOT):
            for name, meaning in _ITEM_ATTRIBUTES.items():
                if value := attributes.get(name, "").strip():
                    into[meaning] = value
            if base := attributes.get(XML + "base"):
                into["base"] = joined(self.channel.about.get("base", ""), base)
            if language := attributes.get(XML + "lang"):
                into["language"] = language

    def _declared(self, key: str, attributes: dict[str, str]) -> None:
        declared = attributes.get("type", "")
        if declared.startswith(("image/", "audio/", "video/")):
            self._key = ""
            self._depth += 1
            return self._skip()
        self._base64 = attributes.get("mode") == "base64"
        if key not in self._into:
            if declared:
                self._into[key + "_type"] = declared
            if key in BODIES and (language := attributes.get(XML + "lang")):
                self._into["language"] = language

    def _link(self, attributes: dict[str, str]) -> None:
        href = attributes.get("href", "").strip()
        if href and attributes.get("rel", "alternate") in ("alternate", ""):
            base = attributes.get(XML + "base")
            if base:
                href = joined(joined(self.channel.about.get("base", ""), base), href)
            self._into.setdefault("link", href)

    def _source(self, attributes: dict[str, str]) -> None:
        """RSS: who published the entry, with an address. Atom: the head of another feed, which nobody here reads."""
        address = attributes.get("url", "").strip()
        if not address or SOURCE in self._into:
            return self._skip()
        self._depth -= 1
        self._key = SOURCE
        self._into["source_url"] = address

    def _nested(self, name: str, attributes: dict[str, str]) -> None:
        """An element inside a field: a part of a person, or markup of a text."""
        key, chunks = self._key, self._chunks
        if key == PERSON:
            self._key, self._in_person = "", True
            return self._start(name, attributes)
        self._escapes = key in _MARKED_UP
        if self._escapes:
            chunks[:] = [html.escape("".join(chunks), quote=False)]
            if key not in self._into:
                self._into[key + "_type"] = "xhtml"
        self._outer, self._size = self._depth, 0
        self._handle(self._markup_start, self._markup_end, self._markup_text)
        self._markup_start(name, attributes)

    def _markup_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._check(attributes)
        if self._escapes and self._size < TEXT_LIMIT:
            tag = name.rpartition(" ")[2] + "".join(
                f' {key}="{html.escape(value)}"' for key, value in attributes.items() if " " not in key
            )
            self._size += len(tag)
            self._chunks.append(f"<{tag}>")

    def _markup_end(self, name: str) -> None:
        if self._depth == self._outer:
            self._handle(self._start, self._end, self._chunks.append)
            self._escapes = False
            return self._end(name)
        self._depth -= 1
        local = name.rpartition(" ")[2]
        if self._escapes and local not in _VOID and self._size < TEXT_LIMIT:
            self._size += len(local)
            self._chunks.append(f"</{local}>")

    def _markup_text(self, text: str) -> None:
        if self._size < TEXT_LIMIT:
            self._size += len(text)
            self._chunks.append(html.escape(text, quote=False) if self._escapes else text)

    def _skip(self) -> None:
        """Ignores everything up to the end of the element that has just begun (and counts in the depth)."""
        self._outer = self._depth
        self._handle(self._skip_start, self._skip_end, None)

    def _skip_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._check(attributes)
        self._count_useless()

    def _skip_end(self, name: str) -> None:
        if self._depth == self._outer:
            self._handle(self._start, self._end, self._chunks.append)
        self._depth -= 1
