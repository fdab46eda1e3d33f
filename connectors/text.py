"""Markup to plain text, and the one border every text crosses before it is stored or shown."""

from __future__ import annotations

import re
from html import unescape

from connectors.post import Markup

TEXT_LIMIT = 200_000
"""Characters of one body that are read; the rest is dropped."""

# Expressions instead of an HTML parser: four times as fast on short bodies (a lexbor document costs 28 us before it
# holds a word), and linear in any input, where parsers are quadratic in depth (200 kB of "<div>": 3 s in lexbor).
# Possessive quantifiers, and no "<" inside an attribute: each start is scanned at most up to the next one.
_INSIDE = r"""(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>"""
_BLOCK = re.compile(
    r"</?(?:p|br|div|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|pre|hr|dl|dt|dd|article|section|header|footer|figure"
    r"|figcaption|option|title)(?:>|(?=[\s/])" + _INSIDE + ")",
    re.IGNORECASE,
)
_TAG = re.compile(rf"</?[a-zA-Z]{_INSIDE}|</?[a-zA-Z][^<>]*+>?|<[!?][^>]*+>?")
_HIDDEN = re.compile(r"<(?:(script|style|template)(?=[\s>/])|!--)", re.IGNORECASE)
_CLOSING = {name: re.compile(rf"</{name}[^>]*+>?", re.IGNORECASE) for name in ("script", "style", "template")} | {
    "": re.compile(r"--!?>")
}

_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    "\ud800-\udfff]"
)
_UNWANTED_ASCII = bytes(code for code in range(128) if _UNWANTED.match(chr(code)))
_NEWLINES = str.maketrans({"\r": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})

_MARKDOWN = (
    (re.compile(r"```[^\n`]{0,80}\n?|`"), ""),
    (re.compile(r"!?\[([^\[\]\n]{0,2000})\]\([^()\s]{0,2000}(?:\s\"[^\"\n]{0,300}\")?\)"), r"\1"),
    (re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]|>[ \t]?|[-*+][ \t]|-{3,}$)", re.MULTILINE), ""),
    (re.compile(r"(\*{1,3}|~~)(?=\S)([^*~\n]{1,2000}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<!\w)(_{1,2})(?=\S)([^_\n]{1,2000}?)(?<=\S)\1(?!\w)"), r"\2"),
)
_BBCODE_BREAK = re.compile(r"\[(?:\*|/?(?:list|olist|quote|h[1-6]|hr|table|tr|td|th|p)(?:=[^\[\]]{0,200})?)\]", re.I)
_BBCODE_TAG = re.compile(
    r"\[/?(?:b|i|u|s|strike|url|img|code|noparse|spoiler|color|size|font|center|left|right|youtube|video)"
    r"(?:=[^\[\]]{0,2000})?\]",
    re.I,
)


def plain(body: str, markup: Markup) -> str:
    """What a reader sees of `body`: one line per paragraph, single spaces, no tags, no scripts.

    Reads at most TEXT_LIMIT characters, in linear time, and never raises. The result is not cleaned: see `clean`.
    """
    body = body[:TEXT_LIMIT]
    if markup == "html":
        return _html(body)
    if markup == "markdown":
        for pattern, replacement in _MARKDOWN:
            body = pattern.sub(replacement, body)
        return _html(body) if "</" in body or "&" in body else _tidy(body)
    if markup == "bbcode":
        body = _BBCODE_TAG.sub("", _BBCODE_BREAK.sub("\n", body))
    return _tidy(body)


def clean(text: str, limit: int | None = None) -> str:
    """`text` as it may be stored and printed, at most `limit` characters of it.

    Removes NUL, control characters other than line feed and tab, lone surrogates, noncharacters and the invisible
    marks that reorder text; every kind of line break becomes a line feed.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit]
    if text.isascii():  # four times faster than the expression, and most texts are
        if len(text.encode().translate(None, _UNWANTED_ASCII)) == len(text):
            return text
    elif _UNWANTED.search(text) is None:
        return text
    return _UNWANTED.sub("", text.replace("\r\n", "\n").translate(_NEWLINES))


def _html(body: str) -> str:
    if "<" in body:
        if _HIDDEN.search(body) is not None:
            body = _without_hidden(body)
        # Line ends of the source mean nothing in HTML; from here on "\n" is a line a reader sees.
        body = _TAG.sub("", _BLOCK.sub("\n", body.replace("\n", " ")))
    elif "&" not in body:
        return " ".join(body.split())
    else:
        body = body.replace("\n", " ")
    return _tidy(unescape(body))


def _tidy(text: str) -> str:
    return "\n".join([line for raw in text.split("\n") if (line := " ".join(raw.split()))])


def _without_hidden(body: str) -> str:
    """Drops comments and elements nobody sees; an unclosed one hides the rest, as it does in a browser."""
    kept, at = [], 0
    while found := _HIDDEN.search(body, at):
        kept.append(body[at : found.start()])
        end = _CLOSING[(found.group(1) or "").lower()].search(body, found.end())
        if end is None:
            return "".join(kept)
        at = end.end()
    kept.append(body[at:])
    return "".join(kept)
