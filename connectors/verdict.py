"""What a status or a failure means to whoever asked: one of our errors, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

import httpcore
import httpx

from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, Gone
from connectors.guard import Call
from connectors.reply import Received


def refuse(got: Received, where: str, wish: datetime | None) -> NoReturn:
    """Raise what a status means that is neither a success nor a wish to be left alone until `wish`."""
    status = got.status
    kind: type[FetchError] = FetchError
    what = f"{'redirects' if 300 <= status < 400 else 'answered'} with HTTP {status}."
    if status in (401, 403):
        kind, what = AuthError, f"refuses access (HTTP {status}); check the credentials and permissions."
    elif status == 410:
        kind, what = Gone, "is gone for good (HTTP 410)."
    elif status == 304:
        kind, what = BadAnswer, "answered 304 to a request that was not conditional."
    elif status == 404:
        what = "was not found (HTTP 404); check the address."
    raise kind(f"{where} {what}", status=status, retry_after=wish, answer=got.body)


def explained(exc: Exception, call: Call) -> FetchError:
    """One sentence without the exception's own words: they may hold the address with its secrets."""
    where = call.where
    if isinstance(exc, httpx.InvalidURL):
        return BlockedAddress(f"{where} is not an address that can be asked.")
    if isinstance(exc, httpx.PoolTimeout):
        return FetchError(f"{where} was not asked: no connection became free within {call.limit:g} s.")
    if isinstance(exc, httpx.RemoteProtocolError):
        return FetchError(f"{where} broke off or sent something that is not HTTP.")
    if isinstance(exc, httpx.HTTPError | httpcore.NetworkError | OSError):
        return FetchError(f"The connection to {where} broke off.")
    return FetchError(f"{where} was not asked: its address, headers or body cannot be sent.")


@contextmanager
def in_our_words(call: Call) -> Iterator[None]:
    """Whatever goes wrong is one of our errors."""
    try:
        yield
    except FetchError:
        raise
    except (
        *(httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpcore.NetworkError),
        *(OSError, ValueError, TypeError),
    ) as exc:
        raise explained(exc, call) from None
