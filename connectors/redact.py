"""Addresses without their secrets, for messages and logs."""

from __future__ import annotations

import logging
import re

_ADDRESS = re.compile(r"(?i)\s*(https?|smtp)://(?:[^/?#]*@)?([\w.~-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(?![^/?#])([^?#]*)")
_PIECE = re.compile(r"[A-Za-z]{0,15}|[0-9]{1,10}|[A-Za-z0-9]{1,4}")
_SEPARATORS = re.compile(r"[-_.~@+]")
_MOST = 200  # characters of an address that a message repeats


def redact(url: str, *, host_only: bool = False) -> str:
    """`url` as scheme://host/path for a person's eyes.

    The user, the password, the query and the fragment are left out. A path segment stays only if it is made of
    words (up to 15 letters), numbers (up to 10 digits) or short marks such as "v1"; anything that may be a token
    becomes "…". `host_only` replaces the whole path: in the address of a webhook, any part of it can be the secret.
    What is no http(s) or smtp address at all becomes "(unreadable address)".
    """
    match = _ADDRESS.match(url)
    if match is None:
        return "(unreadable address)"
    scheme, host, port, path = match.groups()
    kept = f"{scheme.lower()}://{host.lower()[:_MOST]}{port or ''}"
    if path in ("", "/"):
        return kept + path
    if host_only:
        return f"{kept}/…"
    shown = "/".join(segment if _is_plain(segment) else "…" for segment in path[: 4 * _MOST].split("/"))
    return kept + (shown if len(shown) <= _MOST else shown[:_MOST] + "…")


def _is_plain(segment: str) -> bool:
    return len(segment) <= 40 and all(_PIECE.fullmatch(piece) for piece in _SEPARATORS.split(segment))


class _Hush(logging.Filter):
    """Drops what is below WARNING, whatever level somebody sets: those lines hold whole addresses and headers."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_HUSH = _Hush()


def hush_http_loggers() -> None:
    """Keep httpx and httpcore from logging addresses and headers. A filter is not inherited, so each one gets it."""
    for name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.addFilter(_HUSH)
