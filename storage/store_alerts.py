"""The part of the store for those who deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from storage import pages, sql_alerts
from storage.pages import Connection
from storage.records import Alert, Delivery, DeliveryState, Outgoing
from storage.records_alerts import DeliveryPage

_Open = Callable[[], AbstractContextManager[Connection]]


class AlertsStore:
    """`storage.contract_alerts.Alerting` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    def add_alerts(self, alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]]) -> None:
        with self._write() as connection:
            pages.add_alerts(connection, alerts)

    def waiting(self, channel: str, now: str, limit: int = 100) -> list[Outgoing]:
        return self._outgoing(sql_alerts.WAITING, (channel, now, limit))

    def record_attempt(
        self, delivery_id: str, state: DeliveryState, next_try_at: str, error: str, sent_at: str | None
    ) -> None:
        with self._write() as connection:
            connection.execute(sql_alerts.RECORD_ATTEMPT, (state, next_try_at, error, sent_at, delivery_id))

    def told_in_digest(self, delivery_ids: Sequence[str], now: str) -> None:
        with self._write() as connection:
            connection.executemany(sql_alerts.TELL_IN_DIGEST, [(now, one) for one in delivery_ids])

    def hold(self, delivery_ids: Sequence[str], until: str) -> None:
        with self._write() as connection:
            connection.executemany(sql_alerts.HOLD, [(until, one, until) for one in delivery_ids])

    def drop(self, delivery_ids: Sequence[str], reason: str) -> int:
        with self._write() as connection:
            return sum(connection.execute(sql_alerts.DROP, (reason, one)).rowcount for one in delivery_ids)

    def replay(self, delivery_ids: Sequence[str], now: str) -> int:
        with self._write() as connection:
            if not delivery_ids:
                return connection.execute(sql_alerts.REPLAY_ALL, (now,)).rowcount
            return sum(connection.execute(sql_alerts.REPLAY_ONE, (now, one)).rowcount for one in delivery_ids)

    def deliveries(self, state: DeliveryState | None = None, limit: int = 100) -> list[Outgoing]:
        return self.delivery_page(state=state, limit=limit).deliveries

    def delivery_page(
        self, channel: str = "", state: DeliveryState | None = None, after: str = "", limit: int = 50
    ) -> DeliveryPage:
        at, _, its_id = (after or "~ ~").partition(" ")
        among = (*((channel,) if channel else ()), *((state,) if state else ()))
        with self._read() as connection:
            (count,) = connection.execute(sql_alerts.count(channel, state), among).fetchone()
        statement = sql_alerts.page(channel, state, few=count < sql_alerts.MANY)
        found = self._outgoing(statement, (at, at, its_id, *among, limit + 1))
        last = found[limit - 1] if len(found) > limit > 0 else None
        return DeliveryPage(found[:limit], f"{last.alert.raised_at} {last.delivery.id}" if last else "")

    def delivery(self, delivery_id: str) -> Outgoing | None:
        return next(iter(self._outgoing(sql_alerts.DELIVERY, (delivery_id,))), None)

    def delivery_counts(self, state: DeliveryState | None = None) -> dict[tuple[str, DeliveryState], int]:
        statement, values = (sql_alerts.COUNTS_OF, (state,)) if state else (sql_alerts.COUNTS, ())
        with self._read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(statement, values)}

    def next_delivery(self) -> str | None:
        with self._read() as connection:
            (earliest,) = connection.execute(sql_alerts.NEXT_DELIVERY).fetchone()
            return None if earliest is None else str(earliest)

    def channel(self, name: str) -> tuple[str, str]:
        with self._read() as connection:
            row = connection.execute(sql_alerts.CHANNEL, (name,)).fetchone()
            return (row[0], row[1]) if row else ("", "")

    def set_channel(self, name: str, open_at: str = "", stopped: str = "") -> None:
        with self._write() as connection:
            connection.execute(sql_alerts.SET_CHANNEL, (name, open_at, stopped))

    def _outgoing(self, statement: str, values: tuple[str | int, ...]) -> list[Outgoing]:
        width = len(Delivery._fields)
        with self._read() as connection:
            return [
                Outgoing(Delivery._make(row[:width]), Alert._make(row[width:]))
                for row in connection.execute(statement, values)
            ]
