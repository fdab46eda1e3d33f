"""The desk as one ASGI application: its pages behind the roles they need, its errors as pages, the fence around it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from listener.app import App
from listener.desk import access, api, asked, assets, dashboard, deliveries, mention, metrics, people, queue, sources
from listener.desk.context import Desk, Entry, is_partial, page
from listener.desk.security import Fence, read_form
from storage.errors import StoreBusy, StoreError, StoreFull
from storage.records_desk import ROLES


def help_page(request: Request) -> Response:
    return page(request, "help.html")


ENTRIES: tuple[Entry, ...] = (
    *queue.ENTRIES,
    *mention.ENTRIES,
    *people.ENTRIES,
    *asked.ENTRIES,
    *dashboard.ENTRIES,
    *sources.ENTRIES,
    *deliveries.ENTRIES,
    Entry("/help", help_page),
    *api.ENTRIES,
    *metrics.ENTRIES,
    *access.ENTRIES,
    *assets.ENTRIES,
)

_SENTENCES = {
    400: "That cannot be understood.",
    403: "You may not do that.",
    404: "There is no such page.",
    405: "That cannot be done here.",
    429: "That was too often: try again later.",
    503: "The database is busy: try again in a moment.",
}


def create(app: App, bind: str = "") -> Starlette:
    """The desk on an App's store; `bind` is the name or address it is served at, if it is not the configured one."""
    settings = app.config.settings.desk
    address = settings.address.rstrip("/")
    names = {bind or settings.bind, urlsplit(address).hostname or ""} - {""}
    fence = Middleware(Fence, frozenset(name.lower() for name in names), address, error_page)
    handlers = {HTTPException: error_page, StoreError: _store_failed}
    desk = Starlette(routes=_routes(ENTRIES), middleware=[fence], exception_handlers=handlers)  # type: ignore[arg-type]
    desk.router.redirect_slashes = False
    _ = app.store  # built here: threads that met it unbuilt would each build one
    desk.state.desk = Desk(app, app.now, _templates(), address)
    return desk


def error_page(request: Request, error: HTTPException) -> Response:
    """What was wrong in one sentence, for people, for htmx and for programs."""
    plain = error.detail if error.detail != HTTPException(error.status_code).detail else ""
    sentence = plain or _SENTENCES.get(error.status_code, "That did not work.")
    path: str = request.scope["path"]
    if path.startswith("/api/") or path.endswith(".json"):
        response: Response = JSONResponse({"error": sentence}, error.status_code)
    else:
        response = page(request, "error.html", error.status_code, code=error.status_code, sentence=sentence)
    response.headers.update(error.headers or {})
    return response


# -- details


def _routes(entries: Iterable[Entry]) -> list[Route]:
    """One for each path, so that it knows all its methods."""
    by_path: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        by_path.setdefault(entry.path, {}).update(dict.fromkeys(entry.methods, entry))
    return [_route(path, by_method) for path, by_method in by_path.items()]


def _route(path: str, by_method: dict[str, Entry]) -> Route:
    if "GET" in by_method:
        by_method["HEAD"] = by_method["GET"]
    allowed = {"Allow": ", ".join(sorted({*by_method, "OPTIONS"}))}

    async def answer(request: Request) -> Response:
        entry = by_method.get(request.method)
        if entry is None:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=allowed)
            raise HTTPException(405, headers=allowed)
        if request.method not in ("GET", "HEAD"):
            await read_form(request)
        return await run_in_threadpool(_let_in, entry, request)

    route = Route(path, answer)
    route.methods = None  # `answer` takes them all, to say which there are
    return route


def _let_in(entry: Entry, request: Request) -> Response:
    if entry.role is not None:
        user = access.admit(request)
        if user is None:
            return _stranger(request)
        request.state.user = user
        if ROLES.index(user.role) < ROLES.index(entry.role):
            raise HTTPException(403, f"That takes the role {entry.role}; yours is {user.role}.")
    return entry.endpoint(request)


def _stranger(request: Request) -> Response:
    if is_partial(request):  # a redirect would be followed, and the login page put in place of a row
        raise HTTPException(403, "You are logged out.", {"HX-Redirect": "/login"})
    if request.method not in ("GET", "HEAD"):
        raise HTTPException(403, "You are not logged in, so nothing was done.")
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}", 303)


def _store_failed(request: Request, error: StoreError) -> Response:
    if isinstance(error, StoreBusy):
        return error_page(request, HTTPException(503, headers={"Retry-After": "5"}))
    full = isinstance(error, StoreFull)
    return error_page(request, HTTPException(503, f"{'The disk is full' if full else 'The database does not work'}."))


def _templates() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a page includes many templates: each would be looked for on disk
    )
    made.globals["asset"] = assets.asset_path
    made.filters["unquoted"] = unquote
    for name in made.list_templates():
        made.get_template(name)  # compiled now: the first who looks does not wait for it
    return made
