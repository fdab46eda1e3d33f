"""Sends reports to channels: for `listener report --send`, and by the timetable of `listener run`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from listener.report.build import Report
from listener.report.news import news
from listener.report.sending import alert_id, delivery_id, notice_of, raised
from listener.schedule.daily import Timetable, due, period_before
from listener.schedule.engine import Job
from listener.settings import SentReportSettings
from storage.records import Outgoing

log = logging.getLogger(__name__)

_AGAIN = timedelta(minutes=1)
"""Until what failed is tried again."""


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


def put_out(app: Any, wanted: Wanted, reports: Sequence[Report]) -> bool:
    """Put it into the outbox, for the channels that do not have it; False when nothing changed and it is not sent."""
    from listener.cli.report import keep, lay_out

    missing = [name for name, one in told(app, wanted).items() if one is None]
    unasked = app.unasked()
    changes = [f"{report.brand}: {one}" for report in reports for one in news(app.store, report, unasked)]
    if wanted.if_changed and not changes:
        return False
    reasons = (*wanted.reasons, *(changes if wanted.if_changed else ()))
    stored = keep(app, list(reports), "html", lay_out(list(reports), "html"))
    notice = notice_of(reports, stored.id, app.now(), app.config.settings.desk.address, reasons)
    app.store.add_alerts([raised(notice, reports, name) for name in missing])
    return True


class Timetabled:
    """The reports of the configuration that are sent at a local time. What was sent is known by its delivery, so that a
    restart, or another process, sends nothing twice."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._last: dict[str, date] = {}
        self._not_before: dict[str, datetime] = {}

    def due(self, now: datetime) -> Iterator[Job]:
        for one in self._app.config.settings.reports:
            day = due(_timetable(one), self._app.config.settings.zone, self._last.get(one.name), now)
            if day is not None and self._not_before.get(one.name, now) <= now:
                yield Job(f"report {one.name}", "report", lambda one=one, day=day: self._send(one, day))

    def _send(self, one: SentReportSettings, day: date) -> None:
        self._not_before[one.name] = self._app.now() + _AGAIN
        wanted = self._wanted(one, day)
        if wanted.since < wanted.until and not all(told(self._app, wanted).values()):
            from listener.cli.report import gather

            sent = put_out(self._app, wanted, gather(self._app, wanted.since, wanted.until, wanted.brands))
            log.info("the report %s of %s: %s.", one.name, day, "sent" if sent else "nothing changed, not sent")
        self._last[one.name] = day

    def _wanted(self, one: SentReportSettings, day: date) -> Wanted:
        since, until = period_before(day, one.period, self._app.config.settings.zone)
        brands = one.brands or tuple(self._app.config.queries)
        reason = f"the report “{one.name}” is sent at {one.at:%H:%M}"
        return Wanted(brands, since, until, one.channels, one.if_changed, (reason,))


def _timetable(one: SentReportSettings) -> Timetable:
    return Timetable(one.at, one.days or (("mon",) if one.period == "week" else ()))
