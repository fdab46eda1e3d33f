"""The part of the store for what rules remember and look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from storage import pages, sql_states
from storage.pages import Connection
from storage.records import Alert, Delivery, Run
from storage.records_figures import Saying
from storage.records_states import DayCount, RuleLook, RuleState, Snooze

_Open = Callable[[], AbstractContextManager[Connection]]


class StatesStore:
    """`storage.contract_states.Judging` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    def rule_states(self) -> list[RuleState]:
        with self._read() as connection:
            return [RuleState._make(row) for row in connection.execute(sql_states.STATES)]

    def rule_looks(self) -> list[RuleLook]:
        with self._read() as connection:
            return [RuleLook._make(row) for row in connection.execute(sql_states.LOOKS)]

    def fire(
        self,
        alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]],
        states: Iterable[RuleState],
        looks: Iterable[RuleLook] = (),
    ) -> None:
        with self._write() as connection:
            pages.add_alerts(connection, alerts)
            connection.executemany(sql_states.SET_STATE, list(states))
            connection.executemany(sql_states.SET_LOOK, list(looks))

    def ack_rule(self, rule: str, brand: str, now: str) -> int:
        with self._write() as connection:
            return connection.execute(sql_states.ACK, (now, rule, brand)).rowcount

    def snoozes(self, now: str) -> list[Snooze]:
        with self._read() as connection:
            return [Snooze._make(row) for row in connection.execute(sql_states.SNOOZES, (now,))]

    def snooze_rule(self, snooze: Snooze) -> None:
        with self._write() as connection:
            connection.execute(sql_states.SET_SNOOZE, snooze)

    def wake_rule(self, rule: str, brand: str) -> int:
        with self._write() as connection:
            woken = connection.execute(sql_states.WAKE, (rule, brand)).rowcount
            return woken + connection.execute(sql_states.UNACK, (rule, brand)).rowcount

    def has_spoken(self, brand: str, voice: int, before: str) -> bool:
        with self._read() as connection:
            return connection.execute(sql_states.HAS_SPOKEN, (voice, brand, before)).fetchone() is not None

    def complaints(self, brand: str, since: str, until: str, known_by: str, limit: int) -> list[Saying]:
        with self._read() as connection:
            rows = connection.execute(sql_states.COMPLAINTS, (brand, since, until, known_by, limit))
            return [Saying._make(row) for row in rows]

    def days_said(self, brand: str, since_day: str, until_day: str) -> list[DayCount]:
        with self._read() as connection:
            rows = connection.execute(sql_states.DAYS_SAID, (brand, since_day, until_day))
            return [DayCount._make(row) for row in rows]

    def runs_between(self, since: str, until: str) -> list[Run]:
        with self._read() as connection:
            return [Run._make(row) for row in connection.execute(sql_states.RUNS, (since, until))]
