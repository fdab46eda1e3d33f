"""`listener status`: how Listener itself is doing, in the figures that the desk has for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import click

from listener.cli.main import PARTLY, opened
from listener.vitals import Metric, Vitals

Samples = Mapping[str, Mapping[str, float]]

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="The figures by the names that /metrics has, and what is wrong.")
@click.pass_context
def status_command(ctx: click.Context, as_json: bool) -> int:
    """How Listener itself is doing: what is due, what waits, who works. Exit code 3 when something has stalled."""
    with opened(ctx) as app:
        vitals = Vitals(app)
        found, trouble = list(vitals.metrics()), vitals.trouble()
        place = app.store.place
    if as_json:
        click.echo(json.dumps({**_as_object(found), "place": place, "trouble": trouble}, indent=2))
    else:
        click.echo("\n".join(_lines(place, {one.name: one.samples for one in found})))
        click.echo("\n".join(trouble) or "nothing has stalled.")
    return PARTLY if trouble else 0


def _as_object(found: Iterable[Metric]) -> dict[str, object]:
    """A number, or an object of them where there is a label."""
    return {one.name: dict(one.samples) if one.label else one.samples[""] for one in found}


def _lines(place: str, samples: Samples) -> Iterator[str]:
    def value(name: str) -> float:
        return samples[name][""]

    stored = ", ".join(f"{value(f'{name}_total'):,.0f} {name}" for name in ("posts", "mentions", "alerts"))
    yield f"database    {place}, {_size(value('database_bytes'))}: {stored}"
    gone = f"; {value('closed_watches'):,.0f} closed for good" if value("closed_watches") else ""
    yield f"watches     {_counts(samples['watches'])}{gone}"
    yield f"due         {_waiting(value('due_watches'), value('lag_seconds'))}"
    if "workers" in samples:
        oldest = samples["queue_oldest_seconds"]
        jobs = (f"{queue} {_waiting(number, oldest[queue])}" for queue, number in samples["queue_jobs"].items())
        yield f"queue       {'; '.join(jobs)}"
        yield f"workers     {value('workers'):,.0f}"
    deliveries = samples["deliveries"]
    late = f", the oldest for {_span(value('oldest_delivery_seconds'))}" if deliveries["waiting"] else ""
    yield f"deliveries  {_counts(deliveries)}{late}"
    overdue = f"; {value('overdue_cases'):,.0f} overdue" if value("overdue_cases") else ""
    yield f"cases       {_counts(samples['open_cases'])}{overdue}"


def _counts(samples: Mapping[str, float]) -> str:
    return ", ".join(f"{number:,.0f} {what}" for what, number in samples.items() if number) or "none"


def _waiting(number: float, seconds: float) -> str:
    return f"{number:,.0f}, the oldest for {_span(seconds)}" if number else "none"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _size(size: float) -> str:
    return next((f"{size / unit:.1f} {name}" for unit, name in _UNITS if size >= unit), f"{size:.0f} bytes")
