"""`listener sources`: what is listened to, and how well it is heard."""

from __future__ import annotations

import json

import click

from listener.cli.main import opened
from storage.records import Watch, moment


@click.command("sources")
@click.option("--json", "as_json", is_flag=True, help="The watches as JSON.")
@click.pass_context
def sources_command(ctx: click.Context, as_json: bool) -> int:
    """List every watch with its last outcome, when it was last heard, and when it is due."""
    with opened(ctx) as app:
        watches = app.sync_watches()
        zone = app.config.settings.zone

        def when(stamped: str | None) -> str:
            return moment(stamped).astimezone(zone).strftime("%Y-%m-%d %H:%M") if stamped else "never"

        if as_json:
            click.echo(json.dumps([_public(watch) for watch in watches], ensure_ascii=False, indent=2))
            return 0
        for watch in watches:
            state = "closed" if watch.closed else watch.last_outcome or "not asked"
            click.echo(
                f"{watch.name:<32} {state:<10} heard {when(watch.heard_at):<17} news {when(watch.news_at):<17} "
                f"due {when(watch.next_due)}  {watch.closed or watch.last_error}".rstrip()
            )
        if not watches:
            click.echo("no source is configured: add [[sources]].")
    return 0


def _public(watch: Watch) -> dict[str, str | int | None]:
    shown = ("id", "source", "kind", "term", "next_due", "failures", "last_run_at", "last_outcome", "last_error")
    row = watch._asdict()
    return {key: row[key] for key in (*shown, "heard_at", "news_at", "closed", "baseline")}
