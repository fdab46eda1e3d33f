"""Sends reports to channels: for `listener report --send`, and by the timetable of `listener run`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import click

from listener.cli.main import NOTHING_WORKED, PARTLY
from listener.cli.report_making import gather, keep, lay_out
from listener.report.build import Report
from listener.report.news import news
from listener.report.sending import alert_id, delivery_id, notice_of, raised
from listener.schedule.daily import Timetable, due, period_before
from listener.schedule.engine import Job
from listener.schedule.tasks import Elsewhere
from listener.settings import SentReportSettings
from storage.records import Outgoing, moment
from storage.records_states import RuleLook

log = logging.getLogger(__name__)

_AGAIN = timedelta(minutes=1)
"""Until what failed is tried again."""

_LOOK = "report:"
"""A report that is only sent when something changed is remembered among the rules that looked, by this and its name."""


class Wanted(NamedTuple):
    """What is to be sent; `since` and `until` are aware, `reasons` are sentences for its readers."""

    brands: tuple[str, ...]
    since: datetime
    until: datetime
    channels: tuple[str, ...]
    if_changed: bool = False
    reasons: tuple[str, ...] = ()


def told(app: Any, wanted: Wanted) -> dict[str, Outgoing | None]:
    """Channel → its delivery of this report, None where there is none yet."""
    ids = {name: alert_id(wanted.brands, wanted.since, wanted.until, name) for name in wanted.channels}
    return {name: app.store.delivery(delivery_id(its_id, name)) for name, its_id in ids.items()}


def put_out(app: Any, wanted: Wanted, reports: list[Report]) -> bool:
    """Put it into the outbox, for the channels that do not have it; False when nothing changed and it is not sent."""
    missing = [name for name, one in told(app, wanted).items() if one is None]
    changes: list[str] = []
    if wanted.if_changed:
        unasked = app.unasked()
        changes = [f"{report.brand}: {one}" for report in reports for one in news(app.store, report, unasked)]
        if not changes:
            return False
    reasons = (*wanted.reasons, *changes)
    stored = keep(app, reports, "html", lay_out(reports, "html"))
    notice = notice_of(reports, stored.id, app.now(), app.config.settings.desk.address, reasons)
    app.store.add_alerts([raised(notice, reports, name) for name in missing])
    return True


def send(app: Any, wanted: Wanted, reports: list[Report]) -> int:
    """Send it, and say what became of it on each channel; the exit code. `reports` are not looked at when every channel
    has them already."""
    earlier = told(app, wanted)
    if None in earlier.values():
        put_out(app, wanted, reports)
    app.deliver()
    failed = 0
    for name, one in told(app, wanted).items():
        said, well = _said(app, earlier[name], one)
        failed += not well
        click.echo(f"{name}: {said}", err=not well)
    return 0 if not failed else NOTHING_WORKED if failed == len(wanted.channels) else PARTLY


def _said(app: Any, earlier: Outgoing | None, now: Outgoing | None) -> tuple[str, bool]:
    """What became of it, and whether that is well."""
    if now is None:
        return "nothing changed: not sent.", True
    one = now.delivery
    if one.state == "sent":
        if earlier is None or earlier.delivery.state != "sent":
            return "sent.", True
        at = f"{moment(one.sent_at or one.next_try_at).astimezone(app.config.settings.zone):%Y-%m-%d %H:%M}"
        return f"this report was sent at {at} already: not sent again.", True
    if one.state == "waiting" and not one.last_error:
        return (
            "waits until the channel may be written to again (quiet hours, pace, another process at it).",
            True,
        )
    if one.state == "waiting":
        return f"not sent yet, it will be tried again: {one.last_error}", False
    return f"{one.state}: {one.last_error} `listener alerts replay {one.id}` tries again.", False


class Timetabled:
    """The reports of the configuration that are sent at a local time. What was sent is known by its delivery, and of
    what was not the database knows that somebody looked: neither a restart nor another process does it twice."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._last: dict[str, date] = {}
        self._not_before: dict[str, datetime] = {}

    def due(self, now: datetime) -> Iterator[Job]:
        """What is not done yet; the same one again in a minute."""
        for one in self._app.config.settings.reports:
            day = due(_timetable(one), self._app.config.settings.zone, self._last.get(one.name), now)
            if day is not None and self._not_before.get(one.name, now) <= now and not self._is_done(one, day):
                self._not_before[one.name] = now + _AGAIN
                yield Job(
                    f"report {one.name}",
                    "report",
                    partial(self._send, one, day),
                    "report",
                    {"name": one.name, "day": day.isoformat()},
                )

    def send(self, name: str, day: str) -> None:
        """What another process has found to be due. Raises Elsewhere for a report that is not in the configuration."""
        one = next((one for one in self._app.config.settings.reports if one.name == name), None)
        if one is None:
            raise Elsewhere
        self._send(one, date.fromisoformat(day))

    def _send(self, one: SentReportSettings, day: date) -> None:
        if self._is_done(one, day):
            return
        wanted = self._wanted(one, day)
        sent = put_out(self._app, wanted, gather(self._app, wanted.since, wanted.until, wanted.brands))
        log.info("the report %s of %s: %s.", one.name, day, "sent" if sent else "nothing changed, not sent")
        if not sent:
            self._app.store.fire([], [], [RuleLook(_LOOK + one.name, "", day.isoformat())])
        self._last[one.name] = day

    def _is_done(self, one: SentReportSettings, day: date) -> bool:
        """By whichever process."""
        wanted = self._wanted(one, day)
        if wanted.since < wanted.until and not all(told(self._app, wanted).values()):
            looked = RuleLook(_LOOK + one.name, "", day.isoformat())
            if not (one.if_changed and looked in self._app.store.rule_looks()):
                return False
        self._last[one.name] = day
        return True

    def _wanted(self, one: SentReportSettings, day: date) -> Wanted:
        since, until = period_before(day, one.period, self._app.config.settings.zone)
        brands = one.brands or tuple(self._app.config.queries)
        reason = f"the report “{one.name}” is sent at {one.at:%H:%M}"
        return Wanted(brands, since, until, one.channels, one.if_changed, (reason,))


def _timetable(one: SentReportSettings) -> Timetable:
    return Timetable(one.at, one.days or (("mon",) if one.period == "week" else ()))
