"""For those who watch over this program: figures for Prometheus, and whether it is alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from listener.desk.api_access import guarded
from listener.desk.context import Desk, Entry, desk_of
from listener.desk.security import is_loopback
from listener.vitals import Metric
from storage.errors import StoreError

_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def metrics(request: Request) -> Response:
    """Open to programs on this machine; others show a token."""
    return _figures(request) if _is_here(request, desk_of(request)) else _guarded_figures(request)


def _figures(request: Request) -> Response:
    return PlainTextResponse("\n".join(rendered(desk_of(request).vitals.metrics())) + "\n", media_type=_FORMAT)


_guarded_figures = guarded("viewer", _figures)


def rendered(found: Iterable[Metric]) -> Iterator[str]:
    """https://prometheus.io/docs/instrumenting/exposition_formats/"""
    for metric in found:
        name = f"listener_{metric.name}"
        yield f"# HELP {name} {metric.about}"
        yield f"# TYPE {name} {metric.kind}"
        for value, number in metric.samples.items():
            labels = f'{{{metric.label}="{value}"}}' if metric.label else ""
            yield f"{name}{labels} {number:.15g}"


def _is_here(request: Request, desk: Desk) -> bool:
    """A proxy on this machine asks from here too, for anybody: where there is one, or a trace of one, a token is asked
    for."""
    client = request.client.host if request.client else ""
    configured = desk.address or desk.config.settings.desk.proxy_header
    proxied = configured or any(one in request.headers for one in _FORWARDED)
    return not proxied and is_loopback(client) and is_loopback(request.url.hostname or "")


def healthz(request: Request) -> Response:
    """200 "ok", or 503 and why. Names nothing: anybody may ask."""
    try:
        trouble = desk_of(request).vitals.trouble()
    except StoreError:
        trouble = ["the database cannot be read."]
    return PlainTextResponse("".join(f"{one}\n" for one in trouble or ("ok",)), 503 if trouble else 200)


ENTRIES = (Entry("/metrics", metrics, None), Entry("/healthz", healthz, None))
