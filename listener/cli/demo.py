"""`listener demo`: the whole way from feed to report and chat, on real HTTP, in seconds."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from listener.app import App
from listener.cli.pull import pull_watches
from listener.cli.report_making import gather
from listener.config import read
from listener.demo import BRAND, DemoServer, config_table
from listener.report import text


@click.command("demo")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the database in this folder.")
def demo_command(keep: Path | None) -> int:
    """Pull a bundled week from a stand-in server over HTTP, score it, alert a stand-in chat, print the report."""
    started = time.monotonic()
    folder = keep or Path(tempfile.mkdtemp(prefix="listener-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be made: {error.strerror}.") from error
    now = datetime.now(UTC)
    with DemoServer(now) as server:
        app = App(read(folder / "listener.toml", config_table(server, folder), {}))
        try:
            _play(app, server, now)
            place = app.store.place
        finally:
            app.close()
    click.echo(f"\nThe database is {place} ({time.monotonic() - started:.1f} s from start to end).")
    return 0


def _play(app: App, server: DemoServer, now: datetime) -> None:
    click.echo(f"A stand-in for five public sources answers at {server.url}. Two brands, one week of posts.\n")
    _pull(app, "First pull: history, so only what is younger than a day may alert.")
    server.advance()
    _pull(app, "\nSecond pull: one post was edited, one came late, one is new, one source answers 304, one is down.")
    app.settle()
    delivered = app.deliver()
    click.echo(f"\nAlerts: {delivered.sent} sent to the channel team-chat. The chat got:")
    for received in server.received[:3]:
        data = received.json()["data"]
        click.echo(
            f"  {data['label']}, {data['confidence']:.0%} sure: {(data['title'] or data['text'])[:76]}  {data['url']}"
        )
    if len(server.received) > 3:
        click.echo(f"  and {len(server.received) - 3} more")
    click.echo("")
    click.echo(text.render(gather(app, now - timedelta(days=7), now + timedelta(minutes=1), (BRAND,), 3)), nl=False)


def _pull(app: App, title: str) -> None:
    click.echo(title)
    ended = pull_watches(app, app.sync_watches(), due_only=False)
    for watch, run in ended:
        if run is not None:
            click.echo(
                f"  {watch.name:<26} {run.outcome:<10}{run.new:>3} new {run.edited:>2} edited  {run.error}".rstrip()
            )
    outcomes = Counter(run.outcome for _, run in ended if run)
    click.echo("  = " + ", ".join(f"{outcome} {n}" for outcome, n in sorted(outcomes.items())))
