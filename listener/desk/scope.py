"""What the pages about people and questions are narrowed to: one brand and a period, in the URL."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from listener.desk.context import Desk, desk_of, user_of
from listener.desk.filters import page_key, wanted
from listener.people_files import Row, as_csv, as_json
from storage.records import stamp

PERIODS = {"30d": "last 30 days", "90d": "last 90 days", "180d": "last 180 days", "365d": "last year"}
_A_MOMENT = timedelta(minutes=1)


class Scope(NamedTuple):
    """`brand` "" is none: none is configured. `since` and `until` are stamps; `period` is what the URL says, or the
    default; `given` what else the page understands."""

    brand: str
    since: str
    until: str
    period: str
    after: str
    path: str
    given: tuple[tuple[str, str], ...]

    def link(self, **changed: str) -> str:
        """This page with other filters; "" takes one away, and every change begins at the top."""
        values = {"brand": self.brand, "since": self.period, **dict(self.given)} | changed
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{self.path}?{query}" if query else self.path


def scope_of(request: Request, period: str, **others: tuple[str, ...]) -> Scope:
    """`others` are the page's own filters, each with what it may be. Raises HTTPException 400."""
    desk = desk_of(request)
    asked = wanted(request.query_params, user_of(request).name, desk.now(), desk.zone)
    given = tuple((name, _one(request, name, values)) for name, values in others.items())
    since = asked.filter.since or wanted_since(request, period)
    return Scope(
        brand=known_brand(desk, next(iter(asked.filter.brands), "")),
        since=since,
        until=asked.filter.until or stamp(desk.now() + _A_MOMENT),
        period=asked.value("since") or period,
        after=page_key(request.query_params),
        path=request.url.path,
        given=given,
    )


def wanted_since(request: Request, period: str) -> str:
    return stamp(desk_of(request).now() - timedelta(days=int(period.removesuffix("d"))))


def known_brand(desk: Desk, name: str) -> str:
    """One of the configured, the first if none is named. Raises HTTPException 400."""
    names = [brand.name for brand in desk.config.settings.brands]
    if name and name not in names:
        raise HTTPException(400, f"There is no brand '{name[:100]}'.")
    return name or next(iter(names), "")


def download(rows: list[Row], columns: tuple[str, ...], name: str, form: str) -> Response:
    """A file to keep; `form` is csv or json."""
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    body = as_csv(rows, columns) if form == "csv" else as_json(rows)
    kept = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Response(body, media_type=kind, headers=kept)


def _one(request: Request, name: str, values: tuple[str, ...]) -> str:
    value = request.query_params.get(name, "")
    if value and value not in values:
        raise HTTPException(400, f"There is no {name} '{value[:60]}'; there are {', '.join(values)}.")
    return value
