"""`listener report`: what was said in a window, with its coverage beside it."""

from __future__ import annotations

import shutil
from datetime import datetime, tzinfo
from json import dumps
from pathlib import Path
from typing import Any

import click

from connectors.post import short_id
from listener.cli.main import chosen, opened
from listener.cli.window import Window, window_options
from listener.nps.estimate import Gate
from listener.report import json, markdown, text
from listener.report.build import Report, build
from listener.report.known import known
from storage.records import moment, stamp
from storage.records_nps import StoredReport

_FORMATS = ("text", "markdown", "json")


@click.command("report")
@window_options
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Default: every brand; may be repeated.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--top",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="How many detractors and promoters to show.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file in place of stdout.")
@click.option("--list", "listed", is_flag=True, help="The reports that were printed, the newest first.")
@click.option("--again", default="", metavar="ID", help="Print one of them again, byte for byte.")
@click.pass_context
def report_command(
    ctx: click.Context,
    window: Window,
    brands: tuple[str, ...],
    form: str,
    as_json: bool,
    top: int,
    output: Path | None,
    listed: bool,
    again: str,
) -> int:
    """Report labels, implied NPS with its interval, coverage, and whom to answer or thank."""
    with opened(ctx) as app:
        if listed:
            return _list(app.store.reports(100), app.config.settings.zone, as_json)
        if again:
            stored = app.store.report(again)
            if stored is None:
                raise click.UsageError(
                    f"no single report's id begins with '{again}': `listener report --list` has them."
                )
            if not stored.body:
                raise click.UsageError(
                    f"report {stored.id} is gone: it quoted a post that its source has taken away since then."
                )
            rendered = stored.body
        else:
            since, until = window.between(app.config.settings.zone, app.now())
            reports = gather(app, since, until, brands, top)
            form = "json" if as_json else form
            rendered = lay_out(reports, form)
            keep(app, reports, form, rendered)
    if output is None:
        click.echo(rendered, nl=False)
    else:
        _write(output, rendered)
    return 0


def _list(reports: list[StoredReport], zone: tzinfo, as_json: bool) -> int:
    if as_json:
        click.echo(dumps({"reports": [{k: v for k, v in one._asdict().items() if k != "body"} for one in reports]}))
        return 0
    for one in reports:
        made, since, until = (
            f"{moment(at).astimezone(zone):%Y-%m-%d %H:%M}" for at in (one.made_at, one.since, one.until)
        )
        click.echo(f"{one.id}  {made}  {one.form:<8}  {since} to {until}  {one.brands}")
    if not reports:
        click.echo("no report has been printed yet.")
    return 0


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
    if form == "json":
        return json.render(reports)
    if form == "markdown":
        return markdown.render(reports)
    return text.render(reports, min(shutil.get_terminal_size((96, 24)).columns, 120))


def _write(output: Path, rendered: str) -> None:
    """Whole or not at all: a reader of the file never sees half a report."""
    beside = output.with_name(output.name + ".new")
    try:
        beside.write_text(rendered, encoding="utf-8")
        beside.replace(output)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from error
