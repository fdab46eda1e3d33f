"""`listener alerts`: what was said, what waits, what died; try a channel, try again."""

from __future__ import annotations

import json

import click

from connectors.post import short_id
from listener.alerts.notice import Notice
from listener.alerts.notice import test_notice as notice_of_a_test
from listener.alerts.outbox import replay
from listener.alerts.rules import delivery
from listener.cli.main import NOTHING_WORKED, opened, unknown
from storage.records import Alert, Outgoing, stamp


@click.group("alerts")
def alerts_command() -> None:
    """Alerts and their deliveries."""


@alerts_command.command("list")
@click.option("--state", type=click.Choice(["waiting", "sent", "dead"]), help="Default: all.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, state: str | None, limit: int, as_json: bool) -> int:
    """List deliveries, the newest alert first."""
    with opened(ctx) as app:
        rows = app.store.deliveries(state, limit)
    if as_json:
        click.echo(json.dumps([_as_dict(row) for row in rows], ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        one, notice = row.delivery, Notice.from_json(row.alert.notice)
        said = " ".join((notice.title or notice.text).split())[:70]
        click.echo(f"{one.id} {one.state:<8} {one.channel:<14} tries {one.attempts:<2} {row.alert.brand}: {said}")
        if one.last_error:
            click.echo(f"    {one.last_error}")
    if not rows:
        click.echo("no deliveries.")
    return 0


@alerts_command.command("test")
@click.argument("channel")
@click.pass_context
def test_command(ctx: click.Context, channel: str) -> int:
    """Send a test message to CHANNEL through the outbox."""
    with opened(ctx) as app:
        if channel not in app.config.channels:
            raise unknown("channel", channel, app.config.channels)
        now = app.now()
        notice = notice_of_a_test(channel, now)
        alert = Alert(short_id("test", channel, stamp(now)), "test", "", None, stamp(now), notice.to_json())
        app.store.add_alerts([(alert, (delivery(alert, channel),))])
        app.deliver()
        ours = next(row.delivery for row in app.store.deliveries(None, 1000) if row.alert.id == alert.id)
    if ours.state == "sent":
        click.echo(f"{channel}: the test message was taken.")
        return 0
    click.echo(f"{channel}: {ours.last_error or 'not sent'}; it is {ours.state}.", err=True)
    return NOTHING_WORKED


@alerts_command.command("replay")
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead deliveries.")
@click.option("--channel", default="", help="All dead deliveries of this channel, which is opened again.")
@click.pass_context
def replay_command(ctx: click.Context, ids: tuple[str, ...], everything: bool, channel: str) -> int:
    """Let dead deliveries (IDS from `alerts list --state dead`) try again, now."""
    if not (ids or everything or channel):
        raise click.UsageError("say which: ids from `listener alerts list --state dead`, --channel NAME, or --all.")
    with opened(ctx) as app:
        revived = replay(app.store, app.now(), channel=channel, delivery_ids=ids)
        delivered = app.deliver()
    click.echo(f"{revived} deliveries try again: {delivered.sent} messages sent, {delivered.waiting} waiting.")
    for error in delivered.errors:
        click.echo(f"  {error}", err=True)
    return 0 if not delivered.errors else NOTHING_WORKED if not delivered.sent else 3


def _as_dict(row: Outgoing) -> dict[str, object]:
    return {
        **row.delivery._asdict(),
        "rule": row.alert.rule,
        "brand": row.alert.brand,
        "notice": json.loads(row.alert.notice),
    }
