"""The fields a query can ask for: how their values are written and when they hold."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from listener.match.syntax import Field, Node, Rating, Term
from listener.match.words import normalise_term

FIELDS = ("site", "author", "lang", "title", "source", "type", "rating")
GENRES = ("post", "comment", "review", "question", "answer", "news")

_RATING = re.compile(r"(<=|>=|<|>|=)?(\d{1,6}(?:\.\d{1,6})?)")
_RATING_RANGE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\.\.(\d{1,6}(?:\.\d{1,6})?)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Subject(NamedTuple):
    """What is asked whether it speaks of a brand.

    `text` is the body as plain text; a word may match in it or in `title`. `language` is BCP-47, `source` the
    configured source's name, `genre` one of GENRES, `rating` the author's own on the queries' scale (stars, 0..5).
    """

    text: str
    title: str = ""
    url: str = ""
    author: str = ""
    language: str = ""
    source: str = ""
    genre: str = "post"
    rating: float | None = None


def field_node(name: str, value: str, *, prefix: bool = False) -> Node:
    """The node for `name:value`. Raises ValueError with a sentence about the value."""
    if name == "title":
        return Term(value, prefix=prefix, title_only=True)
    if prefix:
        raise ValueError(f"{name}: takes no *")
    if name == "rating":
        return _rating(value)
    return Field(name, _CANONICAL[name](value))


def _rating(value: str) -> Rating:
    if bounds := _RATING_RANGE.fullmatch(value):
        low, high = float(bounds[1]), float(bounds[2])
        if low > high:
            raise ValueError(f"rating:{value} is empty, write the smaller number first")
        return Rating("..", low, high)
    if single := _RATING.fullmatch(value):
        return Rating(single[1] or "=", float(single[2]))
    raise ValueError("rating: takes a number such as rating:1, rating:<=3, rating:>4 or rating:1..3")


def _site(value: str) -> str:
    host = value
    if "://" in value:
        host = host_of(value)
    host = _ascii_host(host.casefold().strip(".").removeprefix("www."))
    if not _HOST.fullmatch(host):
        raise ValueError("site: takes a host name such as site:example.com")
    return host


def _author(value: str) -> str:
    name = normalise_term(value).removeprefix("@")
    if not name:
        raise ValueError('author: takes a name such as author:jane or author:"Jane Doe"')
    return name


def _language(value: str) -> str:
    tag = language_tag(value)
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError("lang: takes a language code such as lang:en or lang:pt-br")
    return tag


def _source(value: str) -> str:
    name = normalise_term(value)
    if not name:
        raise ValueError("source: takes the name of a source")
    return name


def _type(value: str) -> str:
    genre = value.casefold()
    if genre not in GENRES:
        raise ValueError(f"type: is one of {', '.join(GENRES)}")
    return genre


_CANONICAL: dict[str, Callable[[str], str]] = {
    "site": _site,
    "author": _author,
    "lang": _language,
    "source": _source,
    "type": _type,
}


def field_holds(field: Field, subject: Subject) -> bool:
    return _HOLDS[field.name](field.value, subject)


def rating_holds(wanted: Rating, subject: Subject) -> bool:
    """A post without a rating has none of any size."""
    if subject.rating is None:
        return False
    if wanted.relation == "..":
        return wanted.value <= subject.rating <= wanted.upper
    return _RELATIONS[wanted.relation](subject.rating, wanted.value)


def field_value(node: Field | Rating, subject: Subject) -> str:
    """What the subject has in place of the wanted value, for an explanation."""
    name = node.name if isinstance(node, Field) else "rating"
    found: Any = {
        "site": host_of(subject.url),
        "author": subject.author,
        "lang": subject.language,
        "source": subject.source,
        "type": subject.genre,
        "rating": subject.rating,
    }[name]
    return "" if found is None else str(found)


def host_of(url: str) -> str:
    """The host of an address, in lower case and ASCII; "" when it has none."""
    try:
        return _ascii_host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def language_tag(language: str) -> str:
    return language.casefold().replace("_", "-")


def _ascii_host(host: str) -> str:
    if host.isascii() or len(host) > 253:
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _same_site(value: str, subject: Subject) -> bool:
    host = host_of(subject.url).rstrip(".")
    return host == value or host.endswith("." + value)


def _same_language(value: str, subject: Subject) -> bool:
    tag = language_tag(subject.language)
    return tag == value or tag.startswith(value + "-")


_HOLDS: dict[str, Callable[[str, Subject], bool]] = {
    "site": _same_site,
    "author": lambda value, subject: normalise_term(subject.author).removeprefix("@") == value,
    "lang": _same_language,
    "source": lambda value, subject: normalise_term(subject.source) == value,
    "type": lambda value, subject: subject.genre == value,
}
