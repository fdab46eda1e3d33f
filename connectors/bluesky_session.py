"""Signed-in requests to a PDS of Bluesky: one session for all threads, renewed when its token has expired."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from connectors.contract import Http
from connectors.errors import AuthError, BadAnswer, FetchError
from connectors.fields import Fields

_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})
_NAME = re.compile(r"[A-Za-z]{1,40}")
_LET_BE = timedelta(hours=1)
"""How long a refused password is not tried again: 300 sign-ins a day, and Bluesky shuts the account's owner out too."""


class _Tokens(NamedTuple):
    access: str
    refresh: str
    service: str
    """The account's own server; it passes questions on to the network's index."""


class Session:
    """`base_url` is where accounts sign in; `handle` and `password` are never part of a message."""

    def __init__(self, base_url: str, handle: str, password: str) -> None:
        self._base = base_url.rstrip("/")
        self._handle = handle
        self._password = password
        self._lock = threading.Lock()
        self._tokens: _Tokens | None = None
        self._refused_until: datetime | None = None

    def get(
        self, method: str, params: Sequence[tuple[str, str | int]], http: Http, now: datetime | None = None
    ) -> Fields:
        """The answer to an XRPC query. `now` None: a password that was refused is not tried. Raises FetchError."""
        tokens = self._signed_in(None, http, now)
        try:
            return self._ask(tokens, method, params, http)
        except FetchError as error:
            if _name(error) not in _EXPIRED:
                raise _explained(error, method) from None
        tokens = self._signed_in(tokens, http, now)
        try:
            return self._ask(tokens, method, params, http)
        except FetchError as error:
            raise _explained(error, method) from None

    def _ask(self, tokens: _Tokens, method: str, params: Sequence[tuple[str, str | int]], http: Http) -> Fields:
        url = f"{tokens.service}/xrpc/{method}"
        answer = http.get(
            f"{url}?{urlencode(params, errors='replace')}", headers={"Authorization": f"Bearer {tokens.access}"}
        )
        return Fields(answer.json(), url)

    def _signed_in(self, expired: _Tokens | None, http: Http, now: datetime | None) -> _Tokens:
        """The tokens that are in use; new ones where there are none or these are still the `expired` ones."""
        with self._lock:
            if self._tokens is not None and self._tokens is not expired:
                return self._tokens
            if self._tokens is not None:
                self._tokens = self._refreshed(self._tokens, http)
            if self._tokens is None:
                self._tokens = self._sign_in(http, now)
            return self._tokens

    def _refreshed(self, tokens: _Tokens, http: Http) -> _Tokens | None:
        """None when the session is over and the password has to be shown again."""
        url = f"{self._base}/xrpc/com.atproto.server.refreshSession"
        try:
            answer = http.post(url, headers={"Authorization": f"Bearer {tokens.refresh}"}, follow=False)
        except FetchError as error:
            if error.status in (400, 401):
                return None
            raise _explained(error, "refreshSession") from None
        return self._read(Fields(answer.json(), url, "a session"))

    def _sign_in(self, http: Http, now: datetime | None) -> _Tokens:
        url = f"{self._base}/xrpc/com.atproto.server.createSession"
        if self._refused_until is not None and (now is None or now < self._refused_until):
            raise self._refusal()
        self._refused_until = None
        try:
            answer = http.post(url, json={"identifier": self._handle, "password": self._password}, follow=False)
        except FetchError as error:
            if error.status not in (400, 401) or not _name(error):
                raise _explained(error, "createSession") from None
            if now is not None:
                self._refused_until = now + _LET_BE
            raise self._refusal() from None
        return self._read(Fields(answer.json(), url, "a session"))

    def _refusal(self) -> AuthError:
        return AuthError(
            f"{self._base} refuses the handle or the app password: make an app password at "
            "https://bsky.app/settings/app-passwords (the account's own will not do) and set app_password to it.",
            status=401,
        )

    def _read(self, session: Fields) -> _Tokens:
        access, refresh = session.text("accessJwt"), session.text("refreshJwt")
        for name, token in (("accessJwt", access), ("refreshJwt", refresh)):
            if not (token.isascii() and token.isprintable() and token):
                raise session.wrong(name, "is missing" if not token else "is no token")
        return _Tokens(access, refresh, self._service(session))

    def _service(self, session: Fields) -> str:
        """Where the account lives, as its DID document says; the place of signing in where it does not."""
        document = session.one("didDoc")
        for service in document.many("service", "a service", optional=True) if document else ():
            address = service.text("serviceEndpoint").rstrip("/")
            # Never down from https to http: the token goes along.
            if service.text("id").endswith("#atproto_pds") and address.startswith(("https://", self._base)):
                return address
        return self._base


def _name(error: FetchError) -> str:
    """The error's name in an XRPC answer, "" in any other (a web page, an empty body)."""
    try:
        said = json.loads(error.answer)
    except (ValueError, RecursionError):
        return ""
    name = said.get("error") if isinstance(said, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _explained(error: FetchError, method: str) -> FetchError:
    """`error`, or a better one where the body tells more than the status."""
    name = _name(error)
    if error.status == 403 and not name:
        return FetchError(
            "Bluesky turns this machine away before it looks at the account (HTTP 403 without its own words); "
            "try later or from another network.",
            status=403,
            retry_after=error.retry_after,
        )
    if error.status == 400 and name:
        return BadAnswer(f"Bluesky did not accept {method.rpartition('.')[2]} ({name}).", status=400)
    return error
