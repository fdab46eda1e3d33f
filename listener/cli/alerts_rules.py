"""`listener alerts rules`, `try`, `ack`, `snooze`, `wake`: what the rules are at, would have told, and are to be quiet
about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

import click

from listener.alerts.lookout import replay
from listener.alerts.message import one_line
from listener.alerts.notice import Notice
from listener.alerts.rules.configured import mention_rules, standing_rules
from listener.alerts.tryout import would_raise
from listener.cli.main import NOTHING_WORKED, counted, opened, unknown
from listener.quantities import parse_duration, parse_when
from listener.settings import AlertSettings
from storage.records import moment, stamp
from storage.records_states import RuleState, Snooze

_brand = click.option("--brand", default="", help="Only about this brand. Default: all.")


@click.command("rules")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def rules_command(ctx: click.Context, as_json: bool) -> int:
    """What rules there are, what they told last, and which are quiet."""
    with opened(ctx) as app:
        states, snoozes = app.store.rule_states(), app.store.snoozes(stamp(app.now()))
        rows = [_rule(alert, states, snoozes) for alert in app.config.settings.alerts]
        zone = app.config.settings.zone
    if as_json:
        _print(rows)
    elif not rows:
        click.echo("no rules: add [[alerts]] to the configuration.")
    for row in () if as_json else rows:
        about = f" of {', '.join(row['brands'])}" if row["brands"] else ""
        click.echo(f"{row['name']}: on {row['on']}{about}, to {', '.join(row['channels'])}")
        for line in _state_lines(row, zone):
            click.echo(f"    {line}")
    return 0


@click.command("try")
@click.argument("rule")
@click.option("--since", default="30d", show_default=True, metavar="WHEN", help="A date, a time, or 90d, 12h ago.")
@click.option("--until", default="", metavar="WHEN", help="Default: now.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def try_command(ctx: click.Context, rule: str, since: str, until: str, as_json: bool) -> int:
    """Say what RULE would have told in the past, and why. Nothing is sent."""
    with opened(ctx) as app:
        alert = _known(app, rule)
        if alert.on == "overdue":
            raise click.UsageError(f"'{rule}' reminds of cases as they are now: see the queue of the review desk.")
        zone, now = app.config.settings.zone, app.now()
        begin, end = _when("--since", since, zone, now), _when("--until", until, zone, now) if until else now
        if begin >= end:
            raise click.UsageError("the window is empty: --since is not before --until.")
        told = 0
        rows = []
        for row in _tried(app, alert, begin, end):
            told += 1
            rows.append(row) if as_json else _say(row, zone)
    if as_json:
        _print(rows)
    else:
        click.echo(f"{counted(told, 'alert')} in {_span(end - begin)}; nothing was sent.")
    return 0


@click.command("ack")
@click.argument("rule")
@_brand
@click.pass_context
def ack_command(ctx: click.Context, rule: str, brand: str) -> int:
    """Acknowledge what RULE told and still lasts: it is quiet about that until it is over."""
    with opened(ctx) as app:
        _named(app, rule, brand)
        many = app.store.ack_rule(rule, brand, stamp(app.now()))
    if not many:
        click.echo(f"{rule}: nothing that it told lasts; `listener alerts snooze {rule} --for 4h` quiets it.", err=True)
        return NOTHING_WORKED
    click.echo(f"{rule}: quiet until what it told is over. `listener alerts wake {rule}` takes it back.")
    return 0


@click.command("snooze")
@click.argument("rule")
@click.option("--for", "length", required=True, metavar="DURATION", help='Such as "4h" or "2d".')
@_brand
@click.pass_context
def snooze_command(ctx: click.Context, rule: str, length: str, brand: str) -> int:
    """Let RULE be quiet for a while. New mentions of that time are not told later; what lasts is told then."""
    try:
        span = parse_duration(length)
    except ValueError as error:
        raise click.UsageError(f"--for: {error}.") from error
    if not span:
        raise click.UsageError(f"--for: 0 is no while; `listener alerts wake {rule}` ends a snooze.")
    with opened(ctx) as app:
        _named(app, rule, brand)
        until = app.now() + min(span, timedelta(days=366))
        app.store.snooze_rule(Snooze(rule, brand, stamp(until)))
        told = _local(until, app.config.settings.zone)
    click.echo(f"{rule}: quiet until {told}. `listener alerts wake {rule}` ends that.")
    return 0


@click.command("wake")
@click.argument("rule")
@_brand
@click.pass_context
def wake_command(ctx: click.Context, rule: str, brand: str) -> int:
    """End what `snooze` or `ack` said of RULE."""
    with opened(ctx) as app:
        _named(app, rule, brand)
        many = app.store.wake_rule(rule, brand)
    click.echo(f"{rule}: {'awake again' if many else 'was not quiet'}.")
    return 0


COMMANDS = (rules_command, try_command, ack_command, snooze_command, wake_command)


# -- details


def _known(app: Any, name: str) -> AlertSettings:
    alerts: dict[str, AlertSettings] = {alert.name: alert for alert in app.config.settings.alerts}
    if name not in alerts:
        raise unknown("rule", name, alerts)
    return alerts[name]


def _named(app: Any, rule: str, brand: str) -> None:
    alert = _known(app, rule)
    brands = alert.brands or tuple(app.config.queries)
    if brand and alert.on == "source":
        raise click.UsageError(f"'{rule}' is about sources, not about a brand.")
    if brand and brand not in brands:
        raise unknown("brand", brand, brands)


def _rule(alert: AlertSettings, states: list[RuleState], snoozes: list[Snooze]) -> dict[str, Any]:
    return {
        "name": alert.name,
        "on": alert.on,
        "brands": list(alert.brands),
        "channels": list(alert.channels),
        "snoozed": [{"brand": one.brand, "until": one.until} for one in snoozes if one.rule == alert.name],
        "told": [
            {
                "brand": one.brand,
                "what": one.key,
                "told_at": one.fired_at,
                "lasts": bool(one.lasting),
                "acknowledged_at": one.acked_at,
            }
            for one in states
            if one.rule == alert.name
        ],
    }


def _state_lines(row: dict[str, Any], zone: tzinfo) -> Iterator[str]:
    for one in row["snoozed"]:
        about = f" about {one['brand']}" if one["brand"] else ""
        yield f"quiet{about} until {_local(moment(one['until']), zone)}"
    newest = sorted(row["told"], key=lambda one: one["told_at"], reverse=True)
    for one in newest[:10]:
        about = f"{one['brand']}: " if one["brand"] else ""
        how = ", acknowledged" if one["acknowledged_at"] else ", lasts" if one["lasts"] else ""
        yield f"told {_local(moment(one['told_at']), zone)}: {about}{one_line(one['what'])}{how}"


def _tried(app: Any, alert: AlertSettings, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    settings = app.config.settings
    if alert.on == "mention":
        rules, age = mention_rules(settings.alerts), settings.alerting.max_alert_age
        asked, address = app.config.sources, settings.desk.address
        for one, _ in would_raise(app.store, rules, alert.name, since, until, age, address, asked):
            notice = Notice.from_json(one.notice)
            said = notice.title or notice.text
            yield _row(one.brand, one.raised_at, notice.type, f"{notice.label}: {said}", notice.reasons, notice.url)
        return
    for rule in standing_rules(app.config, app.store, app.unasked(), (since, until)):
        if rule.name == alert.name:
            for at, brand, found in ((one.at, one.brand, one.found) for one in replay(rule, since, until)):
                yield _row(brand, stamp(at), found.type, found.title, found.reasons, found.url)


def _row(brand: str, at: str, kind: str, title: str, reasons: tuple[str, ...], url: str) -> dict[str, Any]:
    return {"at": at, "brand": brand, "type": kind, "title": title, "reasons": list(reasons), "url": url}


def _say(row: dict[str, Any], zone: tzinfo) -> None:
    click.echo(f"{_local(moment(row['at']), zone)}  {row['brand']}  {one_line(row['title'])[:100]}")
    for reason in row["reasons"]:
        click.echo(f"    {one_line(reason)}")


def _when(option: str, text: str, zone: tzinfo, now: datetime) -> datetime:
    try:
        return parse_when(text, zone, now)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}.") from error


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return counted(round(hours), "hour") if hours < 48 else counted(round(hours / 24), "day")


def _print(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
