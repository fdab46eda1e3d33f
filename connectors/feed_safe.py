"""The patient way: for bodies that strict XML parsing refuses. Slow, so everything is bounded before it starts."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from connectors.errors import BadAnswer
from connectors.feed_entry import Channel, Entry
from connectors.feed_reader import TEXT_LIMIT
from connectors.feed_xml import NotWellFormed
from connectors.feed_xml import read as read_strictly

_LARGEST = 1_000_000
_MAX_ENTRIES = 1_000
_MAX_TAGS = 40_000
_MAX_ATTRIBUTES = 256
_LONGEST_TAG = 16_000

_DECLARATION = re.compile(r"\s*<\?xml[^>]{0,300}\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""")
# Those that can hide no "<" from the look-out below are decoded here, so any of these may be named.
_ENCODING = re.compile(r"(?:utf|iso|cp\d|koi8|gb|big5|shift|euc|mac|ascii|latin|tis|johab|hz|windows|ptcp|kz)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_BARE_AMPERSAND = re.compile(r"&(?!#\d{1,7};|#[xX][\da-fA-F]{1,6};|[a-zA-Z][\da-zA-Z]{1,31};)")
_ENTRY = re.compile(r"<(?:[\w-]{1,40}:)?(?:item|entry)[\s>/]", re.IGNORECASE)
_TAG = re.compile(r"""<[A-Za-z](?:[^<>"']++|"[^"]*+"|'[^']*+')*+""")
_QUOTED = re.compile(r""""[^"]*+"|'[^']*+'""")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def read(body: bytes, charset: str, url: str) -> Channel:
    """Parses a malformed `body`: mended and read strictly where that is enough, else by feedparser.

    Reads at most 1 MB, 1,000 entries. Raises BadAnswer where even feedparser finds no feed, and for tags made to
    exhaust it (it is quadratic in attributes).
    """
    cut = len(body) > _LARGEST
    text = _DECLARATION.sub("", _CONTROL.sub("", decode(body[:_LARGEST], charset)), count=1).lstrip("\ufeff \t\r\n")
    channel = None if cut else _mended(text)
    if channel is None:
        short, fewer = _shortened(text)
        _refuse_monsters(short)
        channel = _patiently(short, url)
        cut = cut or fewer
    channel.malformed = True
    if cut:
        read_so_far = f"the feed is malformed and too large to mend, only {len(channel.entries)} entries were read"
        channel.gap = "; ".join(filter(None, (read_so_far, channel.gap)))
    return channel


def decode(body: bytes, charset: str) -> str:
    """`body` as text: its BOM, its own declaration, the transport's charset, UTF-8, else Windows-1252. Never raises."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, "replace")
    declared = _DECLARED.search(body[:500])
    for name in (declared.group(1).decode("ascii") if declared else "", charset, "utf-8"):
        try:
            if name and _ENCODING.match(codecs.lookup(name).name):
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    # A few broken bytes among good UTF-8 are damage; bytes that are nearly all broken are another encoding.
    if len(body) - len(text) >= bad:
        return text
    return body.decode("windows-1252", "replace")


def _mended(text: str) -> Channel | None:
    """The strict parser's reading once encoding, control characters and bare ampersands are put right."""
    for attempt in (text, _BARE_AMPERSAND.sub("&amp;", text)):
        try:
            return read_strictly(attempt.encode("utf-8", "ignore"), "utf-8")
        except NotWellFormed:
            continue
    return None


def _shortened(text: str) -> tuple[str, bool]:
    """Cut before the entry, or the tag, that is one too many for feedparser; and whether it was."""
    for marks, most in ((_ENTRY.finditer(text), _MAX_ENTRIES), (re.finditer("<", text), _MAX_TAGS)):
        beyond = next(islice(marks, most, None), None)
        if beyond is not None:
            return _shortened(text[: beyond.start()])[0], True
    return text, False


def _refuse_monsters(text: str) -> None:
    for found in _TAG.finditer(text):
        start, end = found.span()
        if end - start > _LONGEST_TAG:
            raise BadAnswer(f"a malformed feed with a tag of more than {_LONGEST_TAG // 1000} kB")
        if end - start > 2 * _MAX_ATTRIBUTES:
            bare = _QUOTED.sub('""', found.group())
            if max(bare.count("="), len(bare.split())) > _MAX_ATTRIBUTES:
                raise BadAnswer(f"a malformed feed with a tag of more than {_MAX_ATTRIBUTES} attributes")


def _patiently(text: str, url: str) -> Channel:
    import feedparser  # late: only malformed feeds need it, and it is slow to import

    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    try:
        # Never a str or bytes: feedparser opens those that name a file, and fetches those that name a URL.
        parsed = feedparser.parse(
            io.BytesIO(text.encode("utf-8", "ignore")),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:  # feedparser raises anything on hostile input
        raise BadAnswer(f"a malformed feed that cannot be read ({type(error).__name__})") from None
    if not parsed.get("entries"):
        if parsed.get("version"):
            raise BadAnswer(f"a malformed feed without an entry that can be read ({_reason(parsed)})")
        raise BadAnswer(f"something that is not a feed ({_reason(parsed)})")
    return _channel(parsed)


def _reason(parsed: Mapping[str, Any]) -> str:
    return " ".join(str(parsed.get("bozo_exception") or "no feed element").split())[:120]


def _channel(parsed: Any) -> Channel:
    channel = Channel()
    bad = 0
    for entry in parsed["entries"][:_MAX_ENTRIES]:
        try:
            channel.entries.append(_entry(entry))
        except Exception:  # feedparser's properties compute, and raise, on access
            bad += 1
    about = parsed.get("feed", {})
    for key in ("language", "ttl"):
        if text := _text(about.get(key)):
            channel.about[key] = text
    _author(about.get("author_detail"), channel.about)
    if bad:
        channel.gap = f"{bad} entries of the feed could not be read"
    return channel


def _entry(found: Any) -> Entry:
    entry: Entry = {}
    names = (
        ("id", "id"),
        ("link", "link"),
        ("title", "title"),
        ("published", "published"),
        ("updated", "updated"),
        ("created", "created"),
        ("slash_comments", "comments"),
    )
    for name, key in names:
        if text := _text(dict.get(found, name)):
            entry[key] = text
    for content in dict.get(found, "content") or ():
        if text := _text(content.get("value")):
            entry["encoded"] = text
            break
    if text := _text(dict.get(found, "summary")):
        entry["summary"] = text
    if not _author(dict.get(found, "author_detail"), entry) and (text := _text(dict.get(found, "author"))):
        entry["author"] = text
    return entry


def _author(detail: Any, into: Entry) -> bool:
    if not detail:
        return False
    for name, key in (("name", "author_name"), ("email", "author_email"), ("href", "author_uri")):
        if text := _text(detail.get(name)):
            into[key] = text
    return True


def _text(value: Any) -> str:
    return value.strip()[:TEXT_LIMIT] if isinstance(value, str) else ""
