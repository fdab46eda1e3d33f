"""What every feed format is reduced to, and how that becomes a Post."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urljoin, urlsplit

from connectors.dates import parse, plausible
from connectors.feed_names import BODIES
from connectors.post import Author, Genre, Markup, Post
from connectors.text import plain

Entry = dict[str, str]
"""The texts of one entry under the keys of feed_names, as the feed gave them, stripped, none empty.

A key + "_type" holds an explicit type ("html", "xhtml", "text/plain" ...), "about" the rdf:about, "base" the xml:base;
"no_permalink" is there when the feed says that the id is no address.
"""

TITLE_LIMIT = 2_000
_ID_LIMIT = 2_000
_URL_LIMIT = 4_000

_HTML_TYPES = frozenset({"html", "xhtml", "text/html", "application/xhtml+xml"})
_PLAIN_TYPES = frozenset({"text", "text/plain"})
_LOOKS_HTML = re.compile(
    r"</?(?:a|abbr|address|article|b|big|blockquote|br|center|cite|code|dd|del|div|dl|dt|em|embed|figure|font|h[1-6]|hr"
    r"|i|iframe|img|ins|kbd|li|object|ol|p|pre|q|s|samp|section|small|span|strike|strong|sub|sup|svg|table|tbody|td|th"
    r"|tr|tt|u|ul|var|video|wbr|script|style)(?:\s[^<>]*+)?/?>|&(?:#\d+|#[xX][\da-fA-F]+|[a-zA-Z][\da-zA-Z]*);"
)
_EMAIL_AND_NAME = re.compile(r"(\S+@\S+?)\s*\(([^()]*)\)")
_NAME_AND_EMAIL = re.compile(r"([^<>]*?)\s*<\s*(?:mailto:)?([^<>\s]+@[^<>\s]+)\s*>")
_GLOBAL = ("http://", "https://", "tag:", "urn:")

_NO_REACH: Mapping[str, int] = {}


@dataclass(slots=True)
class Channel:
    """One parsed body: entries in document order, what the feed says of itself, and what went wrong on the way.

    `malformed`: the body was not what its format demands, so its validators prove nothing.
    """

    entries: list[Entry] = field(default_factory=list)
    about: Entry = field(default_factory=dict)
    skip_hours: set[int] = field(default_factory=set)
    skip_days: set[str] = field(default_factory=set)
    gap: str = ""
    malformed: bool = False
    next_url: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is the same for all posts of one pull. `host` scopes ids that are unique only within their feed."""

    kind: str
    host: str
    url: str
    now: datetime
    genre: Genre
    about: Mapping[str, str]
    authors: dict[tuple[str, str, str], Author] = field(default_factory=dict)
    """Those met so far: most feeds have one."""


def hash_of(entry: Entry) -> str:
    """16 hexadecimal digits that change with any text of the entry; of one with a link, not with its id, because some
    feeds make up new ids at every pull."""
    texts = entry
    if "id" in entry and "link" in entry:
        texts = dict(entry)
        del texts["id"]
        if "views" in texts:  # YouTube, where both move at every sight
            del texts["views"]
            texts.pop("updated", None)
    read = "\x1f".join([*texts, *texts.values()]).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(read, digest_size=8).hexdigest()


def to_post(entry: Entry, origin: Origin) -> Post:
    get = entry.get
    given = get("id") or get("about") or get("dc_identifier", "")
    # A guid is an address unless it denies it; one that is "tag:..." or the like falls out as not http.
    link = get("link") or ("" if "no_permalink" in entry else given)
    url = _address(link, entry, origin)
    title = _title(entry)
    body, markup = _body(entry)
    published, edited = _dates(entry, origin.now)
    rating, scale = _rating(entry)
    return Post(
        kind=origin.kind,
        source_id=_identity(given, url, title, body, origin.host),
        url=url,
        body=body,
        markup=markup,
        title=title,
        author=_author(entry, origin),
        published_at=published,
        edited_at=edited,
        genre="review" if rating is not None and origin.genre == "post" else origin.genre,
        rating=rating,
        rating_scale=scale,
        language=(get("language") or origin.about.get("language", ""))[:35],
        reach=_reach(entry) if "comments" in entry or "views" in entry else _NO_REACH,
    )


def _reach(entry: Entry) -> dict[str, int]:
    counts = {name: entry.get(name, "") for name in ("comments", "views")}
    return {name: int(count) for name, count in counts.items() if count.isdecimal() and len(count) < 15}


def _rating(entry: Entry) -> tuple[float | None, float]:
    """(rating, top of its scale); what does not lie on its scale is no rating."""
    if "rating" not in entry:
        return None, 5.0
    rating, best = float(entry["rating"]), float(entry.get("rating_best", "5"))
    return (rating, best) if 0 <= rating <= best and 0 < best <= 1000 else (None, 5.0)


def _identity(given: str, url: str, title: str, body: str, host: str) -> str:
    if given and len(given) <= _ID_LIMIT:
        return given if given.startswith(_GLOBAL) else f"{host}|{given}"
    if not given and url:
        return url
    seen = given or f"{title}\x1f{body}"
    return f"{host}|{hashlib.blake2b(seen.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def _title(entry: Entry) -> str:
    title = (entry.get("title") or entry.get("dc_title", ""))[: TITLE_LIMIT * 4]
    if ("<" in title or "&" in title) and markup_of(title, entry.get("title_type", "")) == "html":
        title = plain(title, "html") or title  # a title of pictures only
    return " ".join(title.split())[:TITLE_LIMIT]


def _body(entry: Entry) -> tuple[str, Markup]:
    for key in BODIES:
        if body := entry.get(key):
            return body, markup_of(body, entry.get(key + "_type", ""))
    return "", "plain"


def markup_of(text: str, declared: str) -> Markup:
    """What `text` is written in: as declared, else by its looks, since feeds mostly declare nothing."""
    if declared:
        declared = declared.partition(";")[0].strip().lower()
        if declared in _HTML_TYPES:
            return "html"
        if declared in _PLAIN_TYPES:
            return "plain"
    if "<" not in text and "&" not in text:
        return "plain"
    return "html" if _LOOKS_HTML.search(text) is not None else "plain"


def joined(base: str, address: str) -> str:
    """`address` seen from `base`; "" for what cannot be an address."""
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return ""


def _address(link: str, entry: Entry, origin: Origin) -> str:
    """An absolute http(s) address, redirectors taken off, or "" for anything else."""
    if not link or len(link) > _URL_LIMIT:
        return ""
    if not link.startswith(("https://", "http://")):
        link = joined(joined(origin.url, entry.get("base") or origin.about.get("base", "")), link)
        link = link.replace(" ", "%20")
        if not link[:8].lower().startswith(("https://", "http://")):
            return ""
    if "[" in link and not joined(origin.url, link):
        return ""
    if "/url?" in link or "/apiclick.aspx?" in link:
        link = _unwrapped(link)
    return link


def _unwrapped(link: str) -> str:
    """Google Alerts and Bing News link to themselves and name the article in a parameter."""
    try:
        parts = urlsplit(link)
        host, fields = parts.hostname or "", parse_qs(parts.query, max_num_fields=50)
    except ValueError:
        return link
    if not re.fullmatch(r"(?:www\.)?(?:google\.[a-z.]{2,7}|bing\.com)", host):
        return link
    target = (fields.get("url") or fields.get("q") or [""])[0]
    return target if target.startswith(("https://", "http://")) else link


_PUBLISHED = ("published", "date", "created")


def _dates(entry: Entry, now: datetime) -> tuple[datetime | None, datetime | None]:
    """(published, edited) as the feed says; of several the first plausible one, else the first."""
    stated = [moment for key in _PUBLISHED if (text := entry.get(key)) and (moment := parse(text))]
    updated = parse(text) if (text := entry.get("updated")) else None
    published = stated[0] if stated else None
    if published is None or not plausible(published, now):
        published = next((m for m in (*stated[1:], updated) if m and plausible(m, now)), published or updated)
    # YouTube moves `updated` with every view.
    if published is None or updated is None or updated <= published or entry.get("id", "").startswith("yt:"):
        return published, None
    return published, updated


def _author(entry: Entry, origin: Origin) -> Author | None:
    named = _credited(entry)
    if not any(named):
        named = _credited(origin.about)
        if not any(named):
            return None
    author = origin.authors.get(named)
    if author is None:
        author = origin.authors[named] = _make_author(*named, entry, origin)
    return author


def _credited(entry: Mapping[str, str]) -> tuple[str, str, str]:
    """Name, mail, address."""
    get = entry.get
    name = get("author_name") or get("creator") or get("author") or get("itunes_author", "")
    return name, get("author_email", ""), get("author_uri", "")


def _make_author(name: str, email: str, uri: str, entry: Entry, origin: Origin) -> Author:
    if "@" in name and not email:
        name, email = _split_name(name)
    if "<" in name or "&" in name:
        name = plain(name[:TITLE_LIMIT], "html")
    name = " ".join(name.split())[:200]
    url = _address(uri, entry, origin)
    return Author(id=url or f"{origin.host}|{(email or name or uri)[:300]}", name=name or email[:200], url=url)


def _split_name(text: str) -> tuple[str, str]:
    """RSS writes "mail (Name)", others "Name <mail>"."""
    text = text[:500]
    if found := _EMAIL_AND_NAME.fullmatch(text):
        return found.group(2), found.group(1)
    if found := _NAME_AND_EMAIL.fullmatch(text):
        return found.group(1), found.group(2)
    return ("", text) if " " not in text else (text, "")
