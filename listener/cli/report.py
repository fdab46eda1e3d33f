"""`listener report`: what was said in a window, with its coverage beside it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from listener.cli.main import opened, unknown
from listener.cli.window import Window, window_options
from listener.nps.estimate import Gate
from listener.report import json, markdown, text
from listener.report.build import Report, build

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
@click.pass_context
def report_command(
    ctx: click.Context, window: Window, brands: tuple[str, ...], form: str, as_json: bool, top: int, output: Path | None
) -> int:
    """Report labels, implied NPS with its interval, coverage, and whom to answer or thank."""
    with opened(ctx) as app:
        since, until = window.between(app.config.settings.zone, app.now())
        reports = gather(app, since, until, brands, top)
    rendered = lay_out(reports, "json" if as_json else form)
    if output is None:
        click.echo(rendered, nl=False)
    else:
        _write(output, rendered)
    return 0


def gather(app: Any, since: datetime, until: datetime, brands: tuple[str, ...] = (), top: int = 5) -> list[Report]:
    settings = app.config.settings
    if not app.config.queries:
        raise click.UsageError("no brand is configured: add [[brands]].")
    for name in brands:
        if name not in app.config.queries:
            raise unknown("brand", name, app.config.queries)
    app.sync_watches()
    gate = Gate(**settings.report.model_dump())
    return [
        build(app.store, brand, since, until, settings.zone, gate, top, app.unasked())
        for brand in brands or tuple(app.config.queries)
    ]


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
