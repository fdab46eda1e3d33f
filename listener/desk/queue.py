"""The queue of what needs somebody, all mentions, saved views, and what is done to many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.desk.claims import Refused
from listener.desk.context import Desk, Entry, desk_of, is_partial, page, user_of
from listener.desk.doing import Order, do, matcher_of, parse_id, parse_order, shown, take_back, whole
from listener.desk.filters import PERIODS, RATINGS, STATES, Wanted, active, choices, page_key, unoffered, wanted
from listener.desk.security import form_of, local_path, see_other
from listener.desk.shown import rows
from storage.records import stamp
from storage.records_desk import OPEN, Filter, Page, View

_PAGE = 30
_AUDITS = 12
_BULK = 200
_SHOWN = 50
"""Rows that an undo shows again."""

_LONGEST_NAME = 60


def queue(request: Request) -> Response:
    desk, user = desk_of(request), user_of(request)
    asked = wanted(request.query_params, user.name, desk.now(), desk.zone)
    plain = asked.filter == Filter(brands=asked.filter.brands)  # who looks for something wants nothing else
    audits = _AUDITS if plain else 0
    found = desk.store.queue(asked.filter, stamp(desk.now()), page_key(request.query_params), _PAGE, audits)
    return _listed(request, "queue.html", asked, found, OPEN)


def mentions(request: Request) -> Response:
    desk, user = desk_of(request), user_of(request)
    asked = wanted(request.query_params, user.name, desk.now(), desk.zone)
    found = desk.store.mentions(asked.filter, page_key(request.query_params), _PAGE)
    return _listed(request, "mentions.html", asked, found, STATES)


def _listed(request: Request, template: str, asked: Wanted, found: Page, states: Sequence[str]) -> Response:
    desk, user = desk_of(request), user_of(request)
    values: dict[str, Any] = {
        "asked": asked,
        "rows": rows(found.items, matcher_of(request), user.name, desk.now(), desk.zone),
        "after": found.after,
        "back": _here(request, asked),
        "said": "",
    }
    if is_partial(request):
        return page(request, "_rows.html", **values)
    return page(request, template, **values, **_frame(desk, user.name, request, asked, states))


def _frame(desk: Desk, user: str, request: Request, asked: Wanted, states: Sequence[str]) -> Mapping[str, Any]:
    """What stands around a list."""
    people = [one.name for one in desk.store.users() if one.disabled_at is None and one.role != "viewer"]
    offered = choices(desk.config, states)
    return {
        "choices": offered,
        "kept": unoffered(asked, offered, people),
        "active": active(asked),
        "periods": PERIODS,
        "ratings": RATINGS,
        "people": people,
        "views": desk.store.views(user),
        "counts": partial(_counts, desk, asked.filter.brands),
        "more_pages": bool(page_key(request.query_params)),
    }


def _counts(desk: Desk, brands: Sequence[str]) -> dict[str, int]:
    """Open cases by state, of the brands wanted; "open" in all, and "overdue"."""
    counted = desk.store.open_counts(stamp(desk.now()))
    by_state: dict[str, int] = {
        state: sum(n for (brand, its), n in counted.items() if its == state and brand and brand in (brands or (brand,)))
        for state in OPEN
    }
    return {**by_state, "open": sum(by_state.values()), "overdue": 0 if brands else counted.get(("", "overdue"), 0)}


def _here(request: Request, asked: Wanted) -> str:
    return request.url.path + (f"?{asked.query}" if asked.query else "")


# -- many at once


def bulk(request: Request) -> Response:
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    action, value = parse_order(str(form.get("action", "")))
    value = value or str(form.get("value", ""))
    back = local_path(str(form.get("back", "/")))
    chosen = [parse_id(str(one)) for one in form.getlist("ids")]
    if len(chosen) > _BULK:
        raise HTTPException(400, f"At most {_BULK} mentions are worked on at once.")
    # One time for all, so that one undo takes all of them back.
    at = desk.now()
    frozen = replace(desk, now=lambda: at)
    refused: list[str] = []
    for mention_id, seen in dict(chosen).items():
        try:
            do(frozen, mention_id, Order(action, value, user.name, seen))
        except Refused as error:
            refused.append(str(error))
        except HTTPException as error:  # one that is not there is no reason to keep silent about the others
            refused.append(error.detail)
    return see_other(back, _sum(len(dict(chosen)) - len(refused), refused))


def _sum(done: int, refused: Sequence[str]) -> str:
    if not done and not refused:
        return "Select some mentions first."
    said = f"Done for {done} mention{'' if done == 1 else 's'}; undo takes back all of them." if done else ""
    if refused:
        kept = f"{len(refused)} left as {'it is' if len(refused) == 1 else 'they are'}: {refused[0]}"
        said = f"{said} {kept}".strip()
    return said


def undo(request: Request) -> Response:
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    back = local_path(str(form.get("back", "/")))
    try:
        ids, said = take_back(desk, user.name)
    except Refused as error:
        ids, said = [], str(error)
    if not is_partial(request):
        return see_other(back, said)
    again = [shown(request, whole(desk, its).item, user.name) for its in ids[:_SHOWN]]
    return page(request, "_rows.html", 200 if ids else 409, rows=again, after="", asked=None, back=back, said=said)


# -- views


def views(request: Request) -> Response:
    return page(request, "views.html", views=desk_of(request).store.views(user_of(request).name))


def change_views(request: Request) -> Response:
    """Form fields: action save (with name, query, shared) or drop (with name, owner)."""
    desk, user, form = desk_of(request), user_of(request), form_of(request)
    name = " ".join(str(form.get("name", "")).split())[:_LONGEST_NAME]
    everybodys = user.role == "admin" and str(form.get("shared", "")) == "1"
    owner = "" if everybodys else user.name
    action, back = str(form.get("action", "")), local_path(str(form.get("back", "/views")))
    if action == "save" and name:
        query = str(form.get("query", ""))
        asked = wanted(QueryParams(query), user.name, desk.now(), desk.zone)  # refuses what no list can be narrowed to
        desk.store.save_view(View(name, owner, asked.query, stamp(desk.now())))
        return see_other(back, f"The view “{name}” is kept.")
    if action == "drop":
        dropped = desk.store.drop_view(name, owner)
        return see_other(back, f"The view “{name}” is gone." if dropped else "There is no such view of yours.")
    raise HTTPException(400, "A view needs a name.")


ENTRIES = (
    Entry("/", queue),
    Entry("/mentions", mentions),
    Entry("/bulk", bulk, "reviewer", ("POST",)),
    Entry("/undo", undo, "reviewer", ("POST",)),
    Entry("/views", views),
    Entry("/views", change_views, "viewer", ("POST",)),
)
