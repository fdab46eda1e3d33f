"""The fence around the desk: who may ask at all, how much, from where; and what every answer carries."""

from __future__ import annotations

import logging
import re
from asyncio import timeout
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import cast
from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

BODY_LIMIT = 256 * 1024
FIELD_LIMIT = 500
_DRAINED = 16 * BODY_LIMIT
"""How much of a body that is too large is read all the same: who is cut off while sending never sees why."""

_BODY_SECONDS = 20.0
_READING = ("GET", "HEAD")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TRUSTED = {"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}
_PLAIN = {"Referrer-Policy": "same-origin"}
"""Over plain http to another machine. There browsers leave Sec-Fetch-Site out, and a page that allows no referrer makes
them send "Origin: null" with its own forms, which then could not be told from another site's. An opener policy they
ignore there, and complain."""

_SAID = "listener-said"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Refuse = Callable[[Request, HTTPException], Response]


class Fence:
    """ASGI middleware around everything. What it refuses, and what nobody else has caught, becomes the page that
    `refuse` makes; `names` are the host names that the desk goes by besides addresses and localhost, `address` is where
    people reach it."""

    def __init__(self, app: ASGIApp, names: frozenset[str], address: str, refuse: Refuse) -> None:
        self._app = app
        self._names = names
        self._address = address
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope, receive)
        answer = _Answer(request, send, _TRUSTED if _is_trusted(request, self._address) else _PLAIN)
        try:
            self._check(request)
            body = await _body(receive, request.headers.get("content-length", ""))
            await self._app(scope, _again(body, receive), answer.send)
        except ClientDisconnect:
            return
        except HTTPException as error:
            await self._refuse(request, error)(scope, receive, answer.send)
        except Exception as error:
            if answer.started:
                raise
            log.exception("%s %r went wrong", request.method, scope["path"])
            failed = HTTPException(500, f"This is a mistake in Listener, not yours ({type(error).__name__}).")
            await self._refuse(request, failed)(scope, receive, answer.send)

    def _check(self, request: Request) -> None:
        path: str = request.scope["path"]
        raw: bytes = request.scope["query_string"]
        if any(mark in path for mark in "\ufffd\\\r\n\t") or _CONTROLS.search(path):
            raise HTTPException(400, "The address holds characters that no page has.")
        if raw.count(b"&") >= FIELD_LIMIT or _BAD_ESCAPE.search(raw) or not _is_text(request):
            raise HTTPException(400, "What follows the question mark in the address cannot be read.")
        host = request.headers.get("host", "")
        if len(request.headers.getlist("host")) != 1 or not is_our_name(host, self._names):
            raise HTTPException(400, f"The desk does not go by the name '{host[:100]}': set desk.address to it.")
        if request.method not in _READING and not is_from_here(request.headers, self._address):
            raise HTTPException(403, "This came from another site, so nothing was done.")


class _Answer:
    """Gives an answer on its way what all carry."""

    def __init__(self, request: Request, send: Send, further: Mapping[str, str]) -> None:
        self.started = False
        self._request = request
        self._send = send
        self._headers = {**_HEADERS, **further}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update(self._headers)
            headers.setdefault("Cache-Control", "no-store")
            if _SAID in self._request.cookies and message["status"] == 200 and _is_page(self._request, headers):
                headers.append("Set-Cookie", f"{_SAID}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        await self._send(message)


def is_our_name(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header names us. A page elsewhere whose name is made to point here (DNS rebinding) comes with that
    name; a bare address cannot be made to point anywhere."""
    name = _name_in(host)
    return name == "localhost" or name.endswith(".localhost") or name in names or _is_ip(name)


def is_from_here(headers: Mapping[str, str], address: str) -> bool:
    """Whether one of our own pages, or the person at the browser, asks. A token in a header is no cookie: no other site
    can make a browser send it."""
    if headers.get("authorization", "").lower().startswith("bearer ") and "cookie" not in headers:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    try:  # over plain http browsers do not say Sec-Fetch-Site
        origin = urlsplit(headers.get("origin") or headers.get("referer", "")).netloc
    except ValueError:
        return False
    return bool(origin) and origin.lower() in (headers.get("host", "").lower(), urlsplit(address).netloc.lower())


def is_loopback(name: str) -> bool:
    """Whether that names this machine to itself."""
    return name == "localhost" or name.endswith(".localhost") or (_is_ip(name) and ip_address(name).is_loopback)


def form_of(request: Request) -> FormData:
    """What a form has sent; empty where there was none. No files, no control characters but line ends and tabs."""
    return cast(FormData, getattr(request.state, "form", None) or FormData())


def body_of(request: Request) -> bytes:
    """What was sent as it came, at most BODY_LIMIT; only behind an entry with another method than GET."""
    return cast(bytes, request.state.body)


async def read_form(request: Request) -> None:
    """Make `form_of` and `body_of` work for those that cannot wait. Raises HTTPException."""
    request.state.body = await request.body()
    try:
        form = await request.form(max_files=0, max_fields=FIELD_LIMIT)
    except (ValueError, HTTPException) as error:  # python-multipart's FormParserError is a ValueError
        sentence = f"The form cannot be read: it is cut off, brings a file, or has more than {FIELD_LIMIT} fields."
        raise HTTPException(400, sentence) from error
    if any(_CONTROLS.search(name) or _CONTROLS.search(str(value)) for name, value in form.multi_items()):
        raise HTTPException(400, "The form holds control characters.")
    request.state.form = form


def local_path(wanted: str, otherwise: str = "/") -> str:
    """Where to go back to, if that is a page of ours."""
    if not wanted.startswith("/") or wanted[1:2] in ("/", "\\") or _CONTROLS.search(wanted) or len(wanted) > 4000:
        return otherwise
    return wanted if not any(mark in wanted for mark in "\r\n\t") else otherwise


def see_other(path: str, said: str = "") -> RedirectResponse:
    """After a POST: go and look there; `said` is shown once at the top of that page."""
    response = RedirectResponse(local_path(path), 303)
    if said:
        response.set_cookie(_SAID, quote(said[:500], safe=""), max_age=60, httponly=True, samesite="lax")
    return response


# -- details


async def _body(receive: Receive, length: str) -> bytes:
    """All of it, so that nobody who sends slowly holds one of the threads. Raises HTTPException."""
    too_large = HTTPException(413, f"That is more than the {BODY_LIMIT // 1024} kB that may be sent at once.")
    if length.isdigit() and int(length[:12]) > _DRAINED:
        raise too_large
    kept, size = bytearray(), 0
    try:
        async with timeout(_BODY_SECONDS):
            while size <= _DRAINED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                size += len(message.get("body", b""))
                kept += message.get("body", b"") if size <= BODY_LIMIT else b""
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise HTTPException(408, f"What was sent did not arrive within {_BODY_SECONDS:.0f} seconds.") from None
    if size > BODY_LIMIT:
        raise too_large
    return bytes(kept)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, for those behind."""
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _is_trusted(request: Request, address: str) -> bool:
    """As browsers see it: by https, or on the same machine."""
    name = _name_in(request.headers.get("host", ""))
    return is_loopback(name) or "https" in (request.scope["scheme"], urlsplit(address).scheme)


def _name_in(host: str) -> str:
    """Without the port, in lower case; "" when it is no host."""
    try:
        split = urlsplit(f"//{host}")
        return (split.hostname or "") if split.netloc == host and "@" not in host else ""
    except ValueError:
        return ""


def _is_page(request: Request, headers: MutableHeaders) -> bool:
    whole = request.method == "GET" and "hx-request" not in request.headers
    return whole and headers.get("content-type", "").startswith("text/html")


def _is_text(request: Request) -> bool:
    pairs = request.query_params.multi_items()
    return not any(_CONTROLS.search(part) or "\ufffd" in part for pair in pairs for part in pair)


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
