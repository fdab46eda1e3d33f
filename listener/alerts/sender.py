"""Sends what is due on one channel: at its pace, as patient as it may be, and sure to record what came of it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from connectors.contract import Http
from listener.alerts.channels.contract import Channel, DeliveryError
from listener.alerts.digest import collapse, members_of
from listener.alerts.notice import Notice
from storage.contract import Alerting, Opening
from storage.records import Outgoing, moment, stamp

LADDER = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds to wait before try 1, 2, … 10: the schedule of Standard Webhooks 1.0.0. After the last a delivery is dead."""

FLOOD = 20
"""So many mentions are told one by one; what waits beyond them becomes one digest."""

ROW_LIMIT = 2_000
"""Deliveries held in memory at a time."""

_JITTER = 0.1  # waits are shortened by up to this share, so that ten tries stay within 76 hours
_FAILURES_IN_A_ROW = 3  # after so many a receiver is taken to be down, and the rest is not tried now
_LEAST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(days=1)
_FOR_EVER = "9999-12-31T23:59:59.999Z"


class AlertStore(Opening, Alerting, Protocol):
    """What sending needs of a Store."""


@dataclass
class Tally:
    """What a drain has come to so far."""

    sent: int = 0
    dead: int = 0
    stopped: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """What all senders of one drain share. `patience` is in seconds."""

    store: AlertStore
    http: Http
    now: Callable[[], datetime]
    rng: random.Random
    patience: float
    tally: Tally

    def bury(self, channel: str, reason: str) -> None:
        """All that waits for `channel` is dead for `reason`: listed, and to be replayed."""
        while waiting := self.store.waiting(channel, _FOR_EVER, ROW_LIMIT):
            for one in waiting:
                self.store.record_attempt(one.delivery.id, "dead", one.delivery.next_try_at, reason, None)
            self.tally.dead += len(waiting)
        self.tally.errors.append(f"{channel}: {reason}")


class Sender:
    """One channel's part of a drain."""

    def __init__(self, work: Work, name: str, channel: Channel) -> None:
        self._work = work
        self._store = work.store
        self._now = work.now
        self._name = name
        self._channel = channel
        self._gap = timedelta(seconds=1 / channel.per_second)
        self._paced = self._open = work.now()  # not before: for the pace, because the receiver asked for silence
        self._waited = 0.0  # seconds since the last message that went well, the pace excepted
        self._failures = 0
        self._retries: list[datetime] = []  # when those that failed are due again
        self._has_sent = self._stopped = False

    def run(self) -> Generator[datetime, None, None]:
        """Yields the time from which it may go on. Nothing happens while somebody else sends on this channel."""
        with self._store.claim(f"channel:{self._name}") as mine:
            queue = self._due() if mine else None
            if not queue:
                return
            open_at, stopped = self._store.channel(self._name)
            if stopped:
                self._work.bury(self._name, stopped)
                return
            if open_at:
                self._open = max(self._open, moment(open_at))
            yield from self._send_all(queue)

    def _send_all(self, queue: deque[Outgoing]) -> Generator[datetime, None, None]:
        while queue:
            yield from self._send_batch(queue)
            if self._stopped:
                return
            if not self._may_wait(self._open):
                break
            retry_at = min(self._retries, default=None)
            if retry_at and self._may_wait(retry_at):
                yield from self._wait(retry_at)
                self._retries = [later for later in self._retries if later > retry_at]
            elif self._failures >= _FAILURES_IN_A_ROW:
                break
            queue = self._due()
        if self._has_sent:  # the pace holds over drains, too
            self._store.set_channel(self._name, open_at=stamp(max(self._paced, self._open)))

    def _send_batch(self, queue: deque[Outgoing]) -> Generator[datetime, None, None]:
        while queue and self._may_wait(self._open):
            yield from self._wait(self._open)
            if self._attempt(queue[0]):
                queue.popleft()
            if self._stopped or self._failures >= _FAILURES_IN_A_ROW:
                return

    def _may_wait(self, until: datetime) -> bool:
        wait = (until - self._now()).total_seconds()
        return wait <= 0 or self._waited + wait <= self._work.patience

    def _wait(self, until: datetime) -> Generator[datetime, None, None]:
        self._waited += max(0.0, (until - self._now()).total_seconds())
        yield max(until, self._paced)

    def _due(self) -> deque[Outgoing]:
        """What is to be sent now, oldest first, no more than FLOOD mentions of it one by one."""
        while True:
            due = self._store.waiting(self._name, stamp(self._now()), ROW_LIMIT)
            # After a crash within the lines below, some of a digest's members wait beside it.
            told = {member for one in due for member in members_of(one)}
            self._mark_told([one for one in due if one.delivery.id in told])
            due = [one for one in due if one.delivery.id not in told]
            flood = [one for one in due if one.alert.mention_id is not None][:-FLOOD]
            if not flood:
                return deque(due)
            # A flood of more than ROW_LIMIT comes in several parts, and is one message all the same.
            flood = [one for one in due if members_of(one) and not one.delivery.attempts] + flood
            self._store.add_alerts([collapse(self._name, flood)])
            self._mark_told(flood)

    def _mark_told(self, members: Sequence[Outgoing]) -> None:
        now = stamp(self._now())
        for one in members:
            self._store.record_attempt(one.delivery.id, "sent", now, "told in a digest", now)

    def _attempt(self, outgoing: Outgoing) -> bool:
        """Send one; False if the same one is to be sent again, as the receiver only wants fewer messages."""
        error = self._deliver(outgoing)
        finished = self._now()
        self._paced = finished + self._gap
        if error is None:
            self._failures, self._waited, self._has_sent = 0, 0.0, True
            self._store.record_attempt(outgoing.delivery.id, "sent", stamp(finished), "", stamp(finished))
            self._work.tally.sent += 1
            return True
        if error.throttled and error.retry_after is not None:
            self._close_until(error.retry_after)
            if not self._may_wait(self._open):
                self._work.tally.errors.append(f"{self._name}: {error}")
            return False
        self._work.tally.errors.append(f"{self._name}: {error}")
        self._settle(outgoing, error)
        return True

    def _deliver(self, outgoing: Outgoing) -> DeliveryError | None:
        try:
            notice = Notice.from_json(outgoing.alert.notice)
        except ValueError as error:
            return DeliveryError(f"The stored alert {outgoing.alert.id} cannot be read: {error}", "message")
        try:
            self._channel.deliver(notice, key=outgoing.delivery.id, now=self._now(), http=self._work.http)
        except DeliveryError as error:
            return error
        except Exception as error:  # a stranger's channel must not keep the others from sending
            # Its own words may hold a secret.
            return DeliveryError(f"The channel failed with {type(error).__name__}: this is a fault in its code.")
        return None

    def _settle(self, outgoing: Outgoing, error: DeliveryError) -> None:
        """Record a failed attempt."""
        tries = outgoing.delivery.attempts + 1
        if error.permanent == "channel":
            self._stop(str(error))
        elif error.permanent == "message":
            self._die(outgoing, str(error))
        elif tries >= len(LADDER):
            self._failures += 1
            self._die(outgoing, f"Given up after {tries} tries; the last one: {error}")
        else:
            self._failures += 1
            again = self._next_try(tries, error)
            self._store.record_attempt(outgoing.delivery.id, "waiting", stamp(again), str(error), None)
            self._retries.append(again)

    def _next_try(self, tries: int, error: DeliveryError) -> datetime:
        wait = LADDER[tries] * self._work.rng.uniform(1 - _JITTER, 1)
        again = self._now() + timedelta(seconds=wait)
        if not error.throttled and error.retry_after is None:
            return again
        self._close_until(max(again, error.retry_after or again))
        return self._open

    def _close_until(self, wish: datetime) -> None:
        now = self._now()
        self._open = min(max(wish, now + _LEAST_WAIT), now + _LONGEST_WAIT)
        self._store.set_channel(self._name, open_at=stamp(self._open))

    def _die(self, outgoing: Outgoing, reason: str) -> None:
        self._work.tally.dead += 1
        self._store.record_attempt(outgoing.delivery.id, "dead", stamp(self._now()), reason, None)

    def _stop(self, reason: str) -> None:
        self._stopped = True
        told = f"Stopped: {reason} Once that is mended, run `listener alerts replay --channel {self._name}`."
        self._store.set_channel(self._name, stopped=told)
        self._work.tally.stopped.append(self._name)
        self._work.bury(self._name, told)
