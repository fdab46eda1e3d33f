"""What every page of the desk is given: the store, the configuration, the clock, who asks; and how it is laid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any, NamedTuple, cast

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from listener.app import App
from listener.config import Config
from listener.vitals import Vitals
from storage.contract import Store
from storage.records_desk import Role, User


@dataclass(frozen=True)
class Desk:
    """`app` is the composition root it stands on; `address` how people reach it from outside, without a slash at its
    end ("" as the request came)."""

    app: App
    now: Callable[[], datetime]
    templates: Environment
    address: str = ""

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def config(self) -> Config:
        return self.app.config

    @cached_property
    def vitals(self) -> Vitals:
        return Vitals(self.app)

    @property
    def zone(self) -> tzinfo:
        return self.config.settings.zone


class Entry(NamedTuple):
    """A route and the least role that may take it; None: everybody, without an account. Only these change something:
    methods other than GET."""

    path: str
    endpoint: Callable[[Request], Response]
    role: Role | None = "viewer"
    methods: tuple[str, ...] = ("GET",)


def desk_of(request: Request) -> Desk:
    return cast(Desk, request.app.state.desk)


def user_of(request: Request) -> User:
    """Who asks; only behind an entry that has a role."""
    return cast(User, request.state.user)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template with `desk`, `user` (None before they logged in), `request`, `now`, and `values`."""
    desk = desk_of(request)
    user = getattr(request.state, "user", None)
    common = {"desk": desk, "user": user, "request": request, "now": desk.now(), "path": request.url.path}
    return HTMLResponse(desk.templates.get_template(template).render(common | values), status)


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page to put in place."""
    return request.headers.get("HX-Request") == "true"
