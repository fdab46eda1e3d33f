"""What every database is to those who deliver; the obligations are those of `storage.contract`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from storage.records import Alert, Delivery, DeliveryState, Outgoing
from storage.records_alerts import DeliveryPage


class Alerting(Protocol):
    """Who delivers. One sender per channel at a time: `claim("channel:" + name)`."""

    def add_alerts(self, alerts: Iterable[tuple[Alert, tuple[Delivery, ...]]]) -> None:
        """Raise alerts that stand behind no page (test messages, operations); known ids change nothing."""

    def waiting(self, channel: str, now: str, limit: int = 100) -> list[Outgoing]:
        """Of the deliveries due by now those that have been so for longest, the oldest alert first."""

    def record_attempt(
        self, delivery_id: str, state: DeliveryState, next_try_at: str, error: str, sent_at: str | None
    ) -> None:
        """Count an attempt and what came of it."""

    def told_in_digest(self, delivery_ids: Sequence[str], now: str) -> None:
        """They are sent, as parts of one message."""

    def hold(self, delivery_ids: Sequence[str], until: str) -> None:
        """Those of them that wait are not due before `until`; that is no attempt."""

    def drop(self, delivery_ids: Sequence[str], reason: str) -> int:
        """Waiting and dead ones are given up; how many. `replay` brings them back when they are named."""

    def replay(self, delivery_ids: Sequence[str], now: str) -> int:
        """Make these, if they are dead or dropped, wait again from `now`, with no attempts; how many. No ids: all dead
        ones."""

    def deliveries(self, state: DeliveryState | None = None, limit: int = 100) -> list[Outgoing]:
        """The newest alert first."""

    def delivery_page(
        self, channel: str = "", state: DeliveryState | None = None, after: str = "", limit: int = 50
    ) -> DeliveryPage:
        """The newest alert first; "" of any channel. Any `after` is valid."""

    def delivery(self, delivery_id: str) -> Outgoing | None: ...

    def delivery_counts(self, state: DeliveryState | None = None) -> Mapping[tuple[str, DeliveryState], int]:
        """How many there are by channel and state, of one state or of all."""

    def next_delivery(self) -> str | None:
        """When the earliest waiting delivery is due; not before its channel is open."""

    def channel(self, name: str) -> tuple[str, str]:
        """(open_at, stopped): not before which time, and why it was stopped for good ("" if it was not)."""

    def set_channel(self, name: str, open_at: str = "", stopped: str = "") -> None: ...
