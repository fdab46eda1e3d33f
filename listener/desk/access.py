"""Who comes in: passwords, sessions, a proxy that vouches; logging in and out, and the page of accounts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.desk.context import Desk, Entry, desk_of, page, user_of
from listener.desk.security import form_of, local_path, see_other
from storage.errors import StoreBusy
from storage.records import moment, stamp
from storage.records_desk import ROLES, Session, User

SHORTEST, LONGEST = 10, 1024
"""Characters of a password."""

_LONGEST_NAME = 64
_LONGEST_SESSION = timedelta(days=7)
_TOUCHES = 50
"""A session is prolonged at most this often while it lasts unused: a page seen costs no write."""

_BAD_WITHIN = timedelta(minutes=15)
_BAD_BY_NAME, _BAD_BY_ADDRESS = 5, 20
_PROXY_SECRET = "X-Listener-Proxy-Secret"

_hasher = PasswordHasher()
_one_at_a_time = threading.Lock()
_in_line = threading.BoundedSemaphore(8)


# -- passwords


def hashed(password: str) -> str:
    return _hasher.hash(password)


def matches(user: User | None, password: str) -> bool:
    """As much work for nobody as for somebody, so that the time it takes tells no names."""
    known = user is not None and user.disabled_at is None and user.password != ""
    try:
        _hasher.verify(user.password if user and known else _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return known


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


# -- who asks


def admit(request: Request) -> User | None:
    """Who asks, by the proxy's word or by session; None: nobody we know. Raises HTTPException when the proxy vouches
    for somebody who has no account."""
    desk = desk_of(request)
    if names := _vouched_for(request, desk):
        user = desk.store.user(names[0].strip()) if len(names) == 1 else None
        if user is None or user.disabled_at is not None:
            raise HTTPException(403, "You have no account at this desk: ask one of its admins for one.")
        return user
    secret = request.cookies.get(cookie_name(desk), "")
    return _in_session(desk, secret) if secret else None


def cookie_name(desk: Desk) -> str:
    return "__Host-listener" if _is_https(desk) else "listener"


def _in_session(desk: Desk, secret: str) -> User | None:
    now = desk.now()
    found = desk.store.session(_session_id(secret), stamp(now))
    if found is None:
        return None
    session, user = found
    lasts = desk.config.settings.desk.session
    if now - moment(session.seen_at) >= lasts / _TOUCHES:
        ends = min(now + lasts, moment(session.began_at) + _LONGEST_SESSION)
        try:
            desk.store.touch_session(session.id, stamp(now), stamp(ends))
        except StoreBusy:
            pass  # the next page prolongs it
    return user


def _session_id(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _is_https(desk: Desk) -> bool:
    return desk.address.startswith("https://")


def _vouched_for(request: Request, desk: Desk) -> list[str]:
    """Whom the proxy names; more than one is a forgery that it let through."""
    header = desk.config.settings.desk.proxy_header
    return request.headers.getlist(header) if header and _is_from_proxy(request, desk) else []


def _is_from_proxy(request: Request, desk: Desk) -> bool:
    secret = desk.config.settings.desk.proxy_secret
    given = request.headers.get(_PROXY_SECRET, "")
    wanted = secret.get_secret_value() if secret else ""
    return bool(wanted and given) and compare_digest(given.encode(), wanted.encode())


def _address_of(request: Request, desk: Desk) -> str:
    """Whose bad logins are counted together: an address, or the network that an IPv6 household has. A proxy's word for
    it counts where there has to be one."""
    address = _ip(request.client.host if request.client else "")
    if _is_from_proxy(request, desk) or (desk.address and address and address.is_loopback):
        address = _ip(request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()) or address
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(address, IPv6Address) else str(address or "")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


# -- logging in and out


def login_page(request: Request) -> Response:
    onwards = local_path(request.query_params.get("next", "/"))
    return see_other(onwards) if admit(request) else _asked(request, onwards)


def login(request: Request) -> Response:
    desk, form = desk_of(request), form_of(request)
    name, password = str(form.get("name", "")).strip()[:_LONGEST_NAME], str(form.get("password", ""))
    onwards = local_path(str(form.get("next", "/")))
    with _turn():
        user = desk.store.user(name)
        counted, address = (user.name if user else name.casefold()), _address_of(request, desk)
        _refuse_guessing(desk, counted, address)
        good = len(password) <= LONGEST and matches(user, password)
        desk.store.note_login(counted, address, stamp(desk.now()), good=good)
    if not good or user is None:
        return _asked(request, onwards, 403, name=name, wrong="The name or the password is wrong.")
    if _hasher.check_needs_rehash(user.password):
        desk.store.set_user(user._replace(password=hashed(password)))
    return _begun(request, desk, user, onwards)


def logout(request: Request) -> Response:
    desk = desk_of(request)
    if _vouched_for(request, desk):
        return see_other("/", "The proxy has logged you in: log out there.")
    name = cookie_name(desk)
    if secret := request.cookies.get(name, ""):
        desk.store.end_sessions(session_id=_session_id(secret))
    response = see_other("/login", "You are logged out.")
    response.delete_cookie(name, path="/", secure=_is_https(desk), httponly=True, samesite="lax")
    return response


def _begun(request: Request, desk: Desk, user: User, onwards: str) -> Response:
    """With a new secret, whatever cookie came with it."""
    now, name, secret = desk.now(), cookie_name(desk), secrets.token_urlsafe(32)
    if old := request.cookies.get(name, ""):
        desk.store.end_sessions(session_id=_session_id(old))
    desk.store.end_sessions(before=stamp(now))
    ends = min(now + desk.config.settings.desk.session, now + _LONGEST_SESSION)
    desk.store.add_session(Session(_session_id(secret), user.name, stamp(now), stamp(now), stamp(ends)))
    response = see_other(onwards)
    longest = int(_LONGEST_SESSION.total_seconds())
    response.set_cookie(name, secret, longest, path="/", secure=_is_https(desk), httponly=True, samesite="lax")
    return response


def _asked(request: Request, onwards: str, status: int = 200, name: str = "", wrong: str = "") -> Response:
    users = desk_of(request).store.users()
    nobody = not any(user.disabled_at is None for user in users)
    return page(request, "login.html", status, onwards=onwards, name=name, wrong=wrong, nobody=nobody)


@contextmanager
def _turn() -> Iterator[None]:
    """One password at a time: each takes 64 MiB, and guesses in parallel would be counted too late. Raises
    HTTPException when the line is long, so that it never holds all the threads that others' pages need."""
    if not _in_line.acquire(blocking=False):
        raise HTTPException(429, "Too many people are logging in: try again in a moment.", {"Retry-After": "2"})
    try:
        with _one_at_a_time:
            yield
    finally:
        _in_line.release()


def _refuse_guessing(desk: Desk, name: str, address: str) -> None:
    by_name, by_address = desk.store.bad_logins(name, address, stamp(desk.now() - _BAD_WITHIN))
    if by_name >= _BAD_BY_NAME or by_address >= _BAD_BY_ADDRESS:
        seconds = int(_BAD_WITHIN.total_seconds())
        sentence = f"Too many wrong passwords: try again in {seconds // 60} minutes."
        raise HTTPException(429, sentence, {"Retry-After": str(seconds)})


# -- accounts


def users_page(request: Request) -> Response:
    return page(request, "users.html", users=desk_of(request).store.users(), roles=ROLES)


def change_user(request: Request) -> Response:
    """Form fields: name; action role (with value), disable, enable or sessions."""
    desk, form = desk_of(request), form_of(request)
    action, value = str(form.get("action", "")), str(form.get("value", ""))
    user = desk.store.user(str(form.get("name", "")))
    if user is None:
        raise HTTPException(404, "There is no such account.")
    if user.name == user_of(request).name and action != "sessions":
        raise HTTPException(400, "Nobody changes their own account here; another admin can.")
    changed = _changed(user, action, value, stamp(desk.now()))
    desk.store.set_user(changed)
    if action in ("disable", "sessions"):
        desk.store.end_sessions(user=user.name)
    return see_other("/users", f"{user.name}: done.")


def _changed(user: User, action: str, value: str, now: str) -> User:
    match action:
        case "role":
            for role in ROLES:
                if role == value:
                    return user._replace(role=role)
        case "disable":
            return user._replace(disabled_at=user.disabled_at or now)
        case "enable":
            return user._replace(disabled_at=None)
        case "sessions":
            return user
    raise HTTPException(400, "That cannot be done to an account.")


ENTRIES = (
    Entry("/login", login_page, role=None),
    Entry("/login", login, role=None, methods=("POST",)),
    Entry("/logout", logout, role=None, methods=("POST",)),
    Entry("/users", users_page, role="admin"),
    Entry("/users", change_user, role="admin", methods=("POST",)),
)
