"""Programs at the door: a token in a header, never in an address, where it would end up in logs.

`Authorization: Bearer TOKEN` does all that the token's user may. `Authorization: Basic`, with the token as password and
any name, only reads: feed readers know no other way, and browsers send it by themselves, also for other sites. A person
who is logged in may read without a token.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Callable
from functools import wraps
from hashlib import sha256

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.desk.access import admit
from listener.desk.context import Desk, desk_of
from storage.errors import StoreBusy
from storage.records import stamp
from storage.records_desk import ROLES, Role, User

Endpoint = Callable[[Request], Response]

_PREFIX = "listener_"
"""So that whoever finds one, or a program that looks for them, knows what it is."""

_LONGEST = 500
_READING = ("GET", "HEAD")


def new_token() -> str:
    return _PREFIX + secrets.token_urlsafe(32)


def token_id(secret: str) -> str:
    """What is stored of it: nobody can guess 256 random bits, so a plain hash is enough."""
    return sha256(secret.encode()).hexdigest()


def guarded(role: Role, endpoint: Endpoint, challenge: str = "Bearer") -> Endpoint:
    """Only for those who show that they have that role; `challenge` is the scheme that strangers are asked for."""

    @wraps(endpoint)
    def admitting(request: Request) -> Response:
        user = caller(request)
        if user is None:
            raise HTTPException(401, _asked_for(request), {"WWW-Authenticate": f'{challenge} realm="listener"'})
        if ROLES.index(user.role) < ROLES.index(role):
            raise HTTPException(403, f"That takes the role {role}; yours is {user.role}.")
        request.state.user = user
        return endpoint(request)

    return admitting


def caller(request: Request) -> User | None:
    """Who asks; None: nobody we know. Who shows a token as Bearer is known by that alone; what comes as Basic may be
    meant for a proxy before us, which passes it on."""
    shown = request.headers.getlist("authorization")
    scheme, _, value = shown[0].strip().partition(" ") if len(shown) == 1 else ("", "", "")
    reads = request.method in _READING
    found = None
    if scheme.lower() == "bearer":
        return _by_token(desk_of(request), value.strip())
    if scheme.lower() == "basic" and reads:
        found = _by_token(desk_of(request), _password(value))
    return admit(request) if found is None and reads and len(shown) < 2 else found


def _by_token(desk: Desk, secret: str) -> User | None:
    found = desk.store.token(token_id(secret)) if 0 < len(secret) <= _LONGEST else None
    if found is None:
        return None
    token, user = found
    today = stamp(desk.now())[:10]
    if token.used_on < today:
        try:
            desk.store.touch_token(token.id, today)
        except StoreBusy:
            pass  # the next time notes it
    return user


def _password(value: str) -> str:
    """Of Basic; "" where it is garbled."""
    try:
        return b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _asked_for(request: Request) -> str:
    if "authorization" in request.headers:
        return "That token is not known here, was revoked, or is not shown in a way that works for this."
    return "Show a token: Authorization: Bearer TOKEN; `listener users token NAME` makes one."
