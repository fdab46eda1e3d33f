"""What goes out: a request on one hop, and the request that a redirect makes of it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes, urlencode

import httpx

from connectors.errors import BadAnswer, BlockedAddress
from connectors.post import Validators
from connectors.redact import redact

Header = tuple[bytes, bytes]

_LONGEST_URL = 8_192
_VALIDATOR = re.compile(r"[\x20-\x7e\xa0-\xff]{1,1024}")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it goes out on one hop. `own` are the headers that must not reach another origin."""

    method: str
    url: httpx.URL
    own: Sequence[Header] = ()
    conditions: Sequence[Header] = ()
    content: bytes = b""
    follow: bool = True

    @property
    def address(self) -> tuple[str, int]:
        return self.url.raw_host.decode("ascii"), self.url.port or (443 if self.url.scheme == "https" else 80)

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.url.scheme, *self.address)


def new_ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    conditions: Sequence[Header] = (),
    content: bytes = b"",
    follow: bool = True,
) -> Ask:
    """Raises BlockedAddress for what is not a usable http(s) address, ValueError for unusable headers."""
    if len(url) > _LONGEST_URL:
        raise BlockedAddress(f"{redact(url[:_LONGEST_URL])} is longer than {_LONGEST_URL} characters.")
    parsed = httpx.URL(url)
    own = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    if parsed.userinfo and not any(name.lower() == b"authorization" for name, _ in own):
        own.append((b"Authorization", b"Basic " + base64.b64encode(unquote_to_bytes(parsed.userinfo))))
    return Ask(method, _usable(parsed), own, conditions, content, follow)


def new_upgrade(url: str) -> Ask:
    """The handshake of a websocket whose address is `url` with http for ws; "" for an address of another kind."""
    if not url.partition("://")[2]:
        raise BlockedAddress("The address of a stream must begin with ws:// or wss:// and name a host.")
    return new_ask("GET", url, {}, follow=False)


def _usable(url: httpx.URL) -> httpx.URL:
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise BlockedAddress("An address must begin with http:// or https:// and name a host.")
    if url.port is not None and not 0 < url.port < 65536:
        raise BlockedAddress(f"{redact(str(url))} names a port outside 1..65535.")
    return url.copy_with(userinfo=b"", fragment=None) if url.userinfo or url.fragment else url


def redirected(ask: Ask, status: int, location: str, where: str) -> Ask:
    """The request that a redirect asks for. What is secret or ours alone stays with the origin it was meant for."""
    try:
        if not location or len(location) > _LONGEST_URL:
            raise ValueError("no usable Location")
        target = ask.url.join(_as_utf8(location))
    except (httpx.InvalidURL, ValueError):
        raise BadAnswer(f"{where} redirects (HTTP {status}) to an unusable address.", status=status) from None
    if target.scheme not in ("http", "https"):
        raise BlockedAddress(f"{where} redirects to something that is not http or https.", status=status)
    following = replace(ask, url=_usable(target))
    if status in (301, 302, 303) and ask.method == "POST":
        kept = [header for header in ask.own if not header[0].lower().startswith(b"content-")]
        following = replace(following, method="GET", content=b"", own=kept)
    if following.origin != ask.origin:
        if following.method == "POST":
            raise BadAnswer(f"{where} redirects a POST to another host.", status=status)
        following = replace(following, own=())
    return following


def _as_utf8(header: str) -> str:
    """Many servers put bare UTF-8 into Location; headers are read as latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def conditions(known: Validators) -> list[Header]:
    pairs = ((b"If-None-Match", valid(known.etag)), (b"If-Modified-Since", valid(known.last_modified)))
    return [(name, value.encode("latin-1")) for name, value in pairs if value]


def valid(validator: str) -> str:
    """A validator goes back verbatim or not at all: it came from a stranger and becomes a header."""
    return validator if _VALIDATOR.fullmatch(validator) else ""


def with_params(url: str, params: Mapping[str, str | int] | None) -> tuple[str, str]:
    """The full address, and what validators call it: whatever in it may hold a key is remembered as a hash."""
    base, _, _ = url.partition("#")
    query = urlencode(params or {}, errors="replace")
    full = f"{base}{'&' if '?' in base else '?'}{query}" if params else base
    scheme, slashes, rest = full.partition("://")
    authority, slash, path = rest.partition("/")
    identity = f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}"
    if redact(identity) == identity:
        return full, identity
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return full, f"{redact(identity)}#{digest}"
