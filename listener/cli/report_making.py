"""Gathers reports as the configuration says, lays them out, keeps them: for every command that makes one."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

from connectors.post import short_id
from listener.cli.main import chosen
from listener.nps.estimate import Gate
from listener.report import csv, html, json, markdown, text
from listener.report.build import Report, build
from listener.report.known import known
from storage.records import stamp
from storage.records_nps import StoredReport

FORMATS = ("text", "markdown", "html", "csv", "json")
_RENDER = {"markdown": markdown.render, "html": html.render, "csv": csv.render, "json": json.render}


def gather(app: Any, since: datetime, until: datetime, brands: tuple[str, ...] = (), top: int = 5) -> list[Report]:
    settings = app.config.settings
    names = chosen(app, brands)
    app.sync_watches()
    app.settle()
    gate = Gate(**settings.report.model_dump())
    unasked = app.unasked()
    knows = known(app.store, app.config, since, until, unasked)
    window = (since, until, settings.zone, gate, top, unasked)
    return [build(app.store, brand, *window, knows[brand]) for brand in names]


def keep(app: Any, reports: list[Report], form: str, rendered: str) -> StoredReport:
    """Store a report as it was printed, so that it can be printed again whatever becomes of the data."""
    fingerprint = short_id(json.render(reports))
    stored = StoredReport(
        id=short_id(form, rendered),
        brands=", ".join(report.brand for report in reports),
        since=stamp(reports[0].since),
        until=stamp(reports[0].until),
        form=form,
        made_at=stamp(app.now()),
        fingerprint=fingerprint,
        body=rendered,
        quotes=" ".join(sorted(frozenset[str]().union(*(report.quoted for report in reports)))),
    )
    app.store.add_report(stored)
    return stored


def lay_out(reports: list[Report], form: str) -> str:
    """`form` is one of FORMATS."""
    if form in _RENDER:
        return _RENDER[form](reports)
    return text.render(reports, min(shutil.get_terminal_size((96, 24)).columns, 120))
