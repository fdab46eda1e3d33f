"""`listener alerts`: what was said, what waits, what died; try a channel, try again, give up."""

from __future__ import annotations

import json
from typing import Any

import click

from connectors.post import short_id
from listener.alerts.message import one_line
from listener.alerts.notice import Notice
from listener.alerts.notice import test_notice as notice_of_a_test
from listener.alerts.outbox import DrainReport, drop, replay
from listener.alerts.rules import delivery
from listener.cli.alerts_rules import COMMANDS
from listener.cli.main import NOTHING_WORKED, PARTLY, counted, opened, unknown
from storage.records import Alert, Outgoing, moment, stamp

_NOT_YET = "not sent yet, as it may not be written to before its time (pace, another process at it)"
_STATES = ("waiting", "sent", "dead", "dropped", "withdrawn")


@click.group("alerts")
def alerts_command() -> None:
    """Alerts and their deliveries."""


for command in COMMANDS:
    alerts_command.add_command(command)


@alerts_command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Default: all.")
@click.option("--channel", default="", help="Default: all.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def list_command(ctx: click.Context, state: Any, channel: str, limit: int, as_json: bool) -> int:
    """List deliveries, the newest alert first."""
    with opened(ctx) as app:
        page = app.store.delivery_page(channel, state, limit=limit)
        zone = app.config.settings.zone
    rows = page.deliveries
    if as_json:
        _print([_as_dict(row) for row in rows])
        return 0
    for row in rows:
        one, about = row.delivery, f"{row.alert.brand}: " if row.alert.brand else ""
        at = f"{moment(row.alert.raised_at).astimezone(zone):%Y-%m-%d %H:%M}"
        where = f"{one.id} {at} {one.state:<8} {one.channel:<14} tries {one.attempts:<2}"
        click.echo(f"{where} {one_line(row.alert.rule)}: {about}{_said(row)}")
        if one.last_error:
            click.echo(f"    {one.last_error}")
    if not rows:
        click.echo("no deliveries.")
    if page.after:
        click.echo(f"these are the newest {limit}; --limit shows more.", err=True)
    return 0


@alerts_command.command("test")
@click.argument("channel")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def test_command(ctx: click.Context, channel: str, as_json: bool) -> int:
    """Send a test message to CHANNEL through the outbox, whatever its quiet hours."""
    with opened(ctx) as app:
        if channel not in app.config.channels:
            raise unknown("channel", channel, app.config.channels)
        now = app.now()
        notice = notice_of_a_test(channel, now)
        alert = Alert(short_id("test", channel, stamp(now)), "test", "", None, stamp(now), notice.to_json())
        its = delivery(alert, channel)
        app.store.add_alerts([(alert, (its,))])
        app.deliver()
        ours = app.store.delivery(its.id).delivery
    if as_json:
        _print({"channel": channel, "state": ours.state, "error": ours.last_error})
    elif ours.state == "sent":
        click.echo(f"{channel}: the test message was taken.")
    else:
        click.echo(f"{channel}: {ours.last_error or _NOT_YET}; it is {ours.state}.", err=True)
    return 0 if ours.state == "sent" else NOTHING_WORKED


@alerts_command.command("replay")
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All dead deliveries.")
@click.option("--channel", default="", help="All dead deliveries of this channel, which is opened again.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def replay_command(ctx: click.Context, ids: tuple[str, ...], everything: bool, channel: str, as_json: bool) -> int:
    """Let dead deliveries (IDS from `alerts list --state dead`) try again, now; dropped ones only when named."""
    if not (ids or everything or channel):
        raise click.UsageError("say which: ids from `listener alerts list --state dead`, --channel NAME, or --all.")
    with opened(ctx) as app:
        known = {*app.config.channels, *(name for name, _ in app.store.delivery_counts("dead"))}
        if channel and channel not in known:
            raise unknown("channel", channel, app.config.channels)
        revived = replay(app.store, app.now(), channel=channel, delivery_ids=ids)
        delivered: DrainReport = app.deliver()
    if as_json:
        _print({"replayed": revived, **delivered._asdict()})
    else:
        sent = f"{counted(delivered.sent, 'message')} sent, {delivered.waiting} waiting"
        again = "delivery tries" if revived == 1 else "deliveries try"
        click.echo(f"{revived} {again} again: {sent}.")
        if revived < len(set(ids)):
            click.echo(f"  {len(set(ids)) - revived} of the ids named nothing dead or dropped.", err=True)
        for error in delivered.errors:
            click.echo(f"  {error}", err=True)
    if not delivered.errors:
        return NOTHING_WORKED if ids and not revived else 0
    return PARTLY if delivered.sent else NOTHING_WORKED


@alerts_command.command("drop")
@click.argument("ids", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def drop_command(ctx: click.Context, ids: tuple[str, ...], as_json: bool) -> int:
    """Give up waiting or dead deliveries (IDS from `alerts list`). `replay IDS` takes it back."""
    with opened(ctx) as app:
        dropped = drop(app.store, ids)
    if as_json:
        _print({"dropped": dropped, "left": len(set(ids)) - dropped})
    else:
        click.echo(f"{dropped} {'delivery' if dropped == 1 else 'deliveries'} dropped.")
        if dropped < len(set(ids)):
            click.echo(f"  {len(set(ids)) - dropped} of the ids named nothing that is waiting or dead.", err=True)
    return 0 if dropped == len(set(ids)) else PARTLY if dropped else NOTHING_WORKED


def _print(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _said(row: Outgoing) -> str:
    """The beginning of it in one line."""
    try:
        notice = Notice.from_json(row.alert.notice)
    except ValueError:
        return "(cannot be read)"
    return one_line(notice.title or notice.text)[:70]


def _as_dict(row: Outgoing) -> dict[str, object]:
    return {
        **row.delivery._asdict(),
        "rule": row.alert.rule,
        "brand": row.alert.brand,
        "notice": _notice(row.alert.notice),
    }


def _notice(stored: str) -> object:
    try:
        return json.loads(stored)
    except ValueError:
        return None
