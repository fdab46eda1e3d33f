"""The part of the store for rules that look at what is stored."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractContextManager
from datetime import timedelta

from storage import sql_rules
from storage.pages import Connection
from storage.records import moment, stamp
from storage.records_rules import HeardHour, HourCount, Said

HEARD_LONGER = timedelta(days=60)
"""So much longer than a run itself is remembered which hours were heard: rules are tried on the past."""

_Open = Callable[[], AbstractContextManager[Connection]]


class RulesStore:
    """`storage.contract_rules.Ruling` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    def count_day(self, brand: str, day: str) -> None:
        first = moment(f"{day}T00:00:00.000Z")
        begin, end, known_by = (stamp(first + timedelta(days=days)) for days in range(3))
        with self._write() as connection:
            if connection.execute(sql_rules.CLOSE_DAY, (brand, day)).rowcount:
                connection.execute(sql_rules.COUNT_DAY, (brand, begin, end, known_by))

    def counted_days(self, brand: str, since_day: str, until_day: str) -> Set[str]:
        with self._read() as connection:
            return {day for (day,) in connection.execute(sql_rules.COUNTED_DAYS, (brand, since_day, until_day))}

    def hourly(self, brand: str, since_day: str, until_day: str) -> list[HourCount]:
        with self._read() as connection:
            return [HourCount._make(row) for row in connection.execute(sql_rules.HOURS, (brand, since_day, until_day))]

    def heard_hours(self, since: str, until: str) -> list[HeardHour]:
        with self._read() as connection:
            return [HeardHour._make(row) for row in connection.execute(sql_rules.HEARD, (since, until))]

    def spoken(self, brand: str, since: str, until: str, known_by: str, limit: int = 50_000) -> list[Said]:
        with self._read() as connection:
            rows = connection.execute(sql_rules.SAID, (brand, since, until, known_by, limit)).fetchall()
        return [Said._make(row) for row in reversed(rows)]
