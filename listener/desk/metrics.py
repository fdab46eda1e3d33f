"""For those who watch over this program: figures for Prometheus, and whether it is alive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import NamedTuple, TypeVar, get_args

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from listener.app import App
from listener.desk.api_access import guarded
from listener.desk.context import Desk, Entry, desk_of
from listener.desk.security import is_loopback
from listener.health import STATES
from storage.errors import StoreError
from storage.records import DeliveryState, Outcome, Watch, moment, stamp
from storage.records_desk import OPEN

_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_STALLED_AFTER = timedelta(minutes=10)
_DUE_FOR = timedelta(minutes=30)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


_Named = TypeVar("_Named", bound=str)


class Metric(NamedTuple):
    """`samples` by the value of `label`; one without a label has the key ""."""

    name: str
    kind: str
    about: str
    samples: Mapping[str, float]
    label: str = ""


# -- figures


def metrics(request: Request) -> Response:
    """Open to programs on this machine; others show a token."""
    return _figures(request) if _is_here(request, desk_of(request)) else _guarded_figures(request)


def _figures(request: Request) -> Response:
    return PlainTextResponse("\n".join(rendered(gather(desk_of(request).app))) + "\n", media_type=_FORMAT)


_guarded_figures = guarded("viewer", _figures)


def gather(app: App) -> Iterator[Metric]:
    now, store = app.now(), app.store
    counts, found, cases = store.counts(), store.figures(), store.open_counts(stamp(now))
    yield Metric("build_info", "gauge", "1, with the version.", {version("brand-listener"): 1}, "version")
    for table in ("posts", "mentions", "alerts"):
        yield Metric(f"{table}_total", "counter", f"Stored {table}.", {"": counts[table]})
    yield _by("runs_total", "counter", "Runs that ended so.", "outcome", get_args(Outcome), found.runs)
    yield _by("deliveries", "gauge", "Deliveries of alerts.", "state", get_args(DeliveryState), found.deliveries)
    waiting = (now - moment(found.raised_at)).total_seconds() if found.raised_at else 0.0
    about = "How long ago the oldest alert that is not delivered yet was raised; 0: none waits."
    yield Metric("oldest_delivery_seconds", "gauge", about, {"": max(waiting, 0.0)})
    open_cases: dict[str, float] = dict.fromkeys(OPEN, 0)
    for (brand, state), number in cases.items():
        if brand:
            open_cases[state] += number
    yield Metric("open_cases", "gauge", "Cases that somebody has to see to, none snoozed.", open_cases, "state")
    yield Metric("overdue_cases", "gauge", "Those of them past their time.", {"": cases.get(("", "overdue"), 0)})
    yield from _of_watches(app, now)


def _of_watches(app: App, now: datetime) -> Iterator[Metric]:
    watches = app.store.watches()
    states = [its.state for its in app.healths(watches)] + ["degraded"] * len(app.unasked())
    numbers: dict[str, float] = {state: states.count(state) for state in STATES}
    late = [(now - moment(watch.next_due)).total_seconds() for watch in watches if not watch.closed]
    yield Metric("watches", "gauge", "Watches by how well they hear.", numbers, "state")
    yield Metric("due_watches", "gauge", "Watches that are to be asked by now.", {"": sum(by >= 0 for by in late)})
    yield Metric("lag_seconds", "gauge", "How long the latest of them has been due.", {"": max([0.0, *late])})


def rendered(found: Iterable[Metric]) -> Iterator[str]:
    """https://prometheus.io/docs/instrumenting/exposition_formats/"""
    for metric in found:
        name = f"listener_{metric.name}"
        yield f"# HELP {name} {metric.about}"
        yield f"# TYPE {name} {metric.kind}"
        for value, number in metric.samples.items():
            labels = f'{{{metric.label}="{value}"}}' if metric.label else ""
            yield f"{name}{labels} {number:.15g}"


def _by(name: str, kind: str, about: str, label: str, known: Iterable[_Named], found: Mapping[_Named, int]) -> Metric:
    """None of them missing: a series that appears late hides its first increase."""
    return Metric(name, kind, about, {one: found.get(one, 0) for one in known}, label)


def _is_here(request: Request, desk: Desk) -> bool:
    """A proxy on this machine asks from here too, for anybody: where there is one, or a trace of one, a token is asked
    for."""
    client = request.client.host if request.client else ""
    configured = desk.address or desk.config.settings.desk.proxy_header
    proxied = configured or any(one in request.headers for one in _FORWARDED)
    return not proxied and is_loopback(client) and is_loopback(request.url.hostname or "")


# -- alive


def healthz(request: Request) -> Response:
    """200 "ok", or 503 and why. Names nothing: anybody may ask."""
    app = desk_of(request).app
    try:
        trouble = [sentence for check in CHECKS if (sentence := check(app, app.now()))]
    except StoreError:
        trouble = ["the database cannot be read."]
    return PlainTextResponse("".join(f"{one}\n" for one in trouble or ("ok",)), 503 if trouble else 200)


def stalled(app: App, now: datetime) -> str:
    """That watches are not asked although they should have been long since; "" when all is well."""
    watches = [watch for watch in app.store.watches() if not watch.closed and watch.source in app.config.sources]
    late = [watch for watch in watches if now > moment(watch.next_due) + _patience(app, watch)]
    if not late:
        return ""
    since = min(watch.next_due for watch in late)
    return f"the clock has stalled: {len(late)} of {len(watches)} watches are not asked, one since {since}."


def undelivered(app: App, now: datetime) -> str:
    due = app.store.next_delivery()
    return f"a delivery has been due since {due}." if due and now > moment(due) + _DUE_FOR else ""


CHECKS: tuple[Callable[[App, datetime], str], ...] = (stalled, undelivered)


def _patience(app: App, watch: Watch) -> timedelta:
    return 2 * app.config.sources[watch.source].interval + _STALLED_AFTER


ENTRIES = (Entry("/metrics", metrics, None), Entry("/healthz", healthz, None))
