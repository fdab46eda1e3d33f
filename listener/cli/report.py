"""`listener report`: what was said in a window, with its coverage beside it."""

from __future__ import annotations

from datetime import tzinfo
from json import dumps
from pathlib import Path
from typing import Any

import click

from listener.cli.main import chosen, opened, unknown
from listener.cli.report_making import FORMATS, gather, keep, lay_out
from listener.cli.report_sending import Wanted, send, told
from listener.cli.window import Window, window_options
from storage.records import moment
from storage.records_nps import StoredReport


@click.command("report")
@window_options
@click.option("--brand", "brands", multiple=True, metavar="NAME", help="Default: every brand; may be repeated.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--top",
    type=click.IntRange(0, 100),
    default=5,
    show_default=True,
    help="How many detractors and promoters to show.",
)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file in place of stdout.")
@click.option("--send", "channels", multiple=True, metavar="CHANNEL", help="To a channel, once for a period.")
@click.option("--if-changed", is_flag=True, help="With --send: not when the period brought nothing new.")
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
    channels: tuple[str, ...],
    if_changed: bool,
    listed: bool,
    again: str,
) -> int:
    """Report labels, implied NPS with its interval, coverage, and whom to answer or thank."""
    if if_changed and not channels:
        raise click.UsageError("--if-changed goes with --send CHANNEL.")
    with opened(ctx) as app:
        if listed:
            return _list(app.store.reports(100), app.config.settings.zone, as_json)
        if again:
            _put(_stored(app, again), output)
            return 0
        form = "json" if as_json else form
        if channels:
            return _send(app, window, brands, form, top, output, channels, if_changed)
        reports = gather(app, *window.between(app.config.settings.zone, app.now()), brands, top)
        rendered = lay_out(reports, form)
        keep(app, reports, form, rendered)
    _put(rendered, output)
    return 0


def _send(
    app: Any,
    window: Window,
    brands: tuple[str, ...],
    form: str,
    top: int,
    output: Path | None,
    channels: tuple[str, ...],
    if_changed: bool,
) -> int:
    """The file, if one is wanted, is written whether anything is sent or not."""
    if not window.ends:
        raise click.UsageError("--send needs a period that has ended: say --yesterday, --last-week, or --until a date.")
    for name in channels:
        if name not in app.config.channels:
            raise unknown("channel", name, app.config.channels)
    since, until = window.between(app.config.settings.zone, now := app.now())
    if until > now:
        raise click.UsageError("--send needs a period that has ended, as it is sent once: --until is in the future.")
    wanted = Wanted(chosen(app, brands), since, until, tuple(dict.fromkeys(channels)), if_changed)
    reports = gather(app, since, until, brands, top) if output or None in told(app, wanted).values() else []
    if output:
        rendered = lay_out(reports, form)
        keep(app, reports, form, rendered)
        _put(rendered, output)
    return send(app, wanted, reports)


def _stored(app: Any, its_id: str) -> str:
    stored = app.store.report(its_id)
    if stored is None:
        raise click.UsageError(f"no single report's id begins with '{its_id}': `listener report --list` has them.")
    if not stored.body:
        raise click.UsageError(
            f"report {stored.id} is gone: it quoted a post that its source has taken away since then."
        )
    return str(stored.body)


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


def _put(rendered: str, output: Path | None) -> None:
    """A file is there whole or not at all: its reader never sees half a report."""
    if output is None:
        click.echo(rendered, nl=False)
        return
    beside = output.with_name(output.name + ".new")
    try:
        beside.write_text(rendered, encoding="utf-8", newline="")
        beside.replace(output)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from error
