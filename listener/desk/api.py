"""What the desk shows, for programs: JSON, and a feed of each saved view. `listener.desk.api_spec` describes it all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.text import clean
from listener.audits import ANSWERS
from listener.coverage import heard_share, source_health
from listener.desk import api_spec, api_told
from listener.desk.api_access import guarded
from listener.desk.api_feed import feed
from listener.desk.claims import Refused
from listener.desk.context import Desk, Entry, desk_of, page, user_of
from listener.desk.doing import Order, do, parse_id, whole
from listener.desk.filters import Wanted, page_key, wanted
from listener.desk.security import body_of
from listener.desk.work import ACTIONS
from listener.health import UNASKED
from listener.measure import measure
from listener.nps.estimate import Gate
from listener.quantities import parse_when
from listener.report import json as as_json
from listener.report.build import build
from listener.report.known import known
from storage.records import stamp
from storage.records_desk import Filter, Page

_PAGE, _MOST = 50, 200
_AUDITS = 20
_QUOTED = 5


class Window(NamedTuple):
    """What a report or a figure is of."""

    brand: str
    since: datetime
    until: datetime
    zone: tzinfo


# -- mentions and cases


def mentions(request: Request) -> Response:
    desk, asked = desk_of(request), _asked(request)
    return _listed(desk, desk.store.mentions(asked.filter, page_key(request.query_params), _limit(request)))


def cases(request: Request) -> Response:
    """As the queue: the waiting audit sample is mixed in, or whoever is listed would be known as flagged."""
    desk, asked = desk_of(request), _asked(request)
    audits = _AUDITS if asked.filter == Filter(brands=asked.filter.brands) else 0
    after, limit = page_key(request.query_params), _limit(request)
    return _listed(desk, desk.store.queue(asked.filter, stamp(desk.now()), after, limit, audits))


def mention(request: Request) -> Response:
    desk = desk_of(request)
    return JSONResponse(api_told.whole(whole(desk, _mention_id(request.path_params["id"])), desk.now()))


def act(request: Request) -> Response:
    """JSON: action, value, seen."""
    told = _told(request, ("action",), ("value", "seen"))
    if told["action"] not in ACTIONS:
        raise HTTPException(400, f"There is no such action; there are {', '.join(ACTIONS)}.")
    user = user_of(request)
    order = Order(told["action"], told.get("value", ""), user.name, told.get("seen", ""), user.role)
    return _done(desk_of(request), _mention_id(request.path_params["id"]), order)


def reviews(request: Request) -> Response:
    desk, asked = desk_of(request), _asked(request)
    found = desk.store.reviews(asked.filter.brands, page_key(request.query_params), _limit(request))
    told = [api_told.review(brand, given) for brand, given in found.reviews]
    return JSONResponse({"reviews": told, "after": found.after})


def label(request: Request) -> Response:
    """JSON: mention_id, label."""
    told = _told(request, ("mention_id", "label"))
    if told["label"] not in ANSWERS:
        raise HTTPException(400, f"There is no such label; there are {', '.join(ANSWERS)}.")
    order = Order("label", told["label"], user_of(request).name)
    return _done(desk_of(request), _mention_id(told["mention_id"]), order, 201)


def _listed(desk: Desk, found: Page) -> Response:
    now = desk.now()
    return JSONResponse({"mentions": [api_told.mention(item, now) for item in found.items], "after": found.after})


def _done(desk: Desk, mention_id: str, order: Order, status: int = 200) -> Response:
    try:
        said = do(desk, mention_id, order)
    except Refused as error:
        raise HTTPException(409, str(error)) from None
    item = whole(desk, mention_id).item
    return JSONResponse({"done": said, "mention": api_told.mention(item, desk.now())}, status)


# -- figures


def report(request: Request) -> Response:
    """The build that `listener report` prints; nothing is stored for it."""
    desk, of = desk_of(request), _window(request)
    gate = Gate(**desk.config.settings.report.model_dump())
    brand, since, until, _ = of
    unasked = desk.app.unasked()
    knows = known(desk.store, desk.config, since, until, unasked)
    told = as_json.as_dict(build(desk.store, *of, gate, _QUOTED, unasked, knows[brand]))
    quoted = {one["mention_id"] for kind in ("detractors", "promoters") for one in told[kind]}
    waiting = frozenset(one for one in quoted if (found := desk.store.whole(one)) and found.item.audit_id)
    return JSONResponse(api_told.without(told, waiting))


def nps(request: Request) -> Response:
    desk, of = desk_of(request), _window(request)
    gate = Gate(**desk.config.settings.report.model_dump())
    sources = source_health(desk.store, of.since, of.until, desk.app.unasked())
    measured = measure(desk.store, of.brand, of.since, of.until, heard_share(sources), gate)
    return JSONResponse(as_json.head(of) | as_json.numbers(measured, sources, desk.store.undated(of.brand)))


def sources(request: Request) -> Response:
    app = desk_of(request).app
    watches = app.store.watches()
    known = zip(watches, app.healths(watches), strict=True)
    told = [api_told.watch(watch, its.state, its.reason, failing=its.failing) for watch, its in known]
    told += [{"source": name, "failing": True, **UNASKED._asdict()} for name in app.unasked()]
    return JSONResponse({"sources": told})


def _window(request: Request) -> Window:
    """Raises HTTPException 400."""
    desk, params = desk_of(request), request.query_params
    brand = _once(params, "brand")
    if brand not in desk.config.queries:
        raise HTTPException(400, f"Say which brand; there are {', '.join(desk.config.queries) or 'none'}.")
    now = desk.now()
    try:
        since = parse_when(_once(params, "since") or "7d", desk.zone, now)
        until = parse_when(_once(params, "until"), desk.zone, now) if _once(params, "until") else now
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{str(error)[:300]}.") from None
    if since >= until:
        raise HTTPException(400, "The window is empty: since is not before until.")
    return Window(brand, since, until, desk.zone)


# -- what there is


def openapi(request: Request) -> Response:
    return JSONResponse(api_spec.document(_address(request)))


def described(request: Request) -> Response:
    return page(request, "api.html", operations=api_spec.OPERATIONS, address=_address(request))


def view(request: Request) -> Response:
    """JSON Feed of a saved view; of two with the same name one's own."""
    desk, user, name = desk_of(request), user_of(request), request.path_params["name"]
    saved = sorted((one for one in desk.store.views(user.name) if one.name == name), key=lambda one: one.owner == "")
    if not saved:
        raise HTTPException(404, "There is no such view of yours.")
    asked = wanted(QueryParams(saved[0].query), user.name, desk.now(), desk.zone)
    found = desk.store.mentions(asked.filter, page_key(request.query_params), _PAGE)
    told = feed(name, asked.query, found, _address(request))
    return Response(json.dumps(told, ensure_ascii=False), media_type="application/feed+json")


# -- what was asked


def _asked(request: Request) -> Wanted:
    desk = desk_of(request)
    return wanted(request.query_params, user_of(request).name, desk.now(), desk.zone)


def _once(params: QueryParams, name: str) -> str:
    values = params.getlist(name)
    if len(values) > 1:
        raise HTTPException(400, f"'{name}' stands twice in the address.")
    return values[0].strip() if values else ""


def _limit(request: Request) -> int:
    text = _once(request.query_params, "limit")
    if not text:
        return _PAGE
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _MOST):
        raise HTTPException(400, f"limit is a number, 1 to {_MOST}.")
    return int(text)


def _mention_id(text: str) -> str:
    its_id, seen = parse_id(text)
    if seen:
        raise HTTPException(404, "There is no such mention.")
    return its_id


def _told(request: Request, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The texts of a JSON object. Raises HTTPException 400 and 415."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send JSON, as application/json.")
    try:
        told: Any = json.loads(body_of(request))
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body is no JSON.") from None
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise HTTPException(400, "The body is no JSON object of strings.")
    known = (*required, *optional)
    if strange := [name for name in told if name not in known]:
        raise HTTPException(400, f"There is no '{clean(strange[0], 60)}' here; there are {', '.join(known)}.")
    if missing := [name for name in required if not told.get(name)]:
        raise HTTPException(400, f"'{missing[0]}' is missing.")
    return {name: clean(value) for name, value in told.items()}


def _address(request: Request) -> str:
    """Where the desk is reached, without a slash at its end."""
    return desk_of(request).address or f"{request.url.scheme}://{request.url.netloc}"


_SERVED: dict[tuple[str, str], Callable[[Request], Response]] = {
    ("GET", "/api/mentions"): mentions,
    ("GET", "/api/mentions/{id}"): mention,
    ("GET", "/api/cases"): cases,
    ("POST", "/api/cases/{id}/act"): act,
    ("GET", "/api/reviews"): reviews,
    ("POST", "/api/reviews"): label,
    ("GET", "/api/report"): report,
    ("GET", "/api/nps"): nps,
    ("GET", "/api/sources"): sources,
    ("GET", "/api/openapi.json"): openapi,
}
_ROLES = {(one.method, one.path): one.role for one in api_spec.OPERATIONS}

ENTRIES = (
    # None: `guarded` asks for the role, and answers strangers in JSON where a page would send them to log in.
    *(
        Entry(path, guarded(_ROLES[method, path], endpoint), None, (method,))
        for (method, path), endpoint in _SERVED.items()
    ),
    Entry("/views/{name:path}.json", guarded("viewer", view, "Basic"), None),
    Entry("/api", described),
)
