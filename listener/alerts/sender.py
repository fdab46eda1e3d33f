"""Sends what is due on one channel: at its pace, as patient as it may be, and sure to record what came of it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors.contract import Http
from listener.alerts.channels.contract import Channel, DeliveryError
from listener.alerts.digest import collapse, is_urgent, joins, members_of, was_held
from listener.alerts.notice import Notice
from listener.alerts.ops import Ops
from listener.alerts.policy import Policy
from storage.contract import Opening
from storage.contract_alerts import Alerting
from storage.records import Outgoing, moment, stamp
from storage.records_nps import StoredReport

LADDER = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds to wait before try 1, 2, … 10: the schedule of Standard Webhooks 1.0.0. After the last a delivery is dead."""

ROW_LIMIT = 2_000
"""Deliveries held in memory at a time."""

_JITTER = 0.1  # waits are shortened by up to this share, so that ten tries stay within 76 hours
_FAILURES_IN_A_ROW = 3  # after so many a receiver is taken to be down, and the rest is not tried now
_LEAST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(days=1)
_FOR_EVER = "9999-12-31T23:59:59.999Z"


class AlertStore(Opening, Alerting, Protocol):
    """What sending needs of a Store."""

    def report(self, report_id: str) -> StoredReport | None: ...


@dataclass
class Tally:
    """What a drain has come to so far. `told`: those who run the program have something to read."""

    sent: int = 0
    dead: int = 0
    stopped: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    told: bool = False


@dataclass(frozen=True)
class Work:
    """What all senders of one drain share. `patience` is in seconds."""

    store: AlertStore
    http: Http
    now: Callable[[], datetime]
    rng: random.Random
    patience: float
    tally: Tally
    policy: Policy
    ops: Ops

    def tell(self, what: str, channel: str, sentence: str) -> None:
        """Of trouble with a channel."""
        if self.ops.tell(self.store, what, channel, sentence, self.now()):
            self.tally.told = True

    def bury(self, channel: str, reason: str) -> None:
        """All that waits for `channel` is dead for `reason`: listed, and to be replayed."""
        while waiting := self.store.waiting(channel, _FOR_EVER, ROW_LIMIT):
            for one in waiting:
                self.store.record_attempt(one.delivery.id, "dead", one.delivery.next_try_at, reason, None)
            self.tally.dead += len(waiting)
        self.tally.errors.append(f"{channel}: {reason}")
        self.tell("channel_stopped", channel, reason.removeprefix("Stopped: "))


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
            if self._quiet_until() and not is_urgent(queue[0]):
                return  # it has become quiet since this was read
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

    def _quiet_until(self) -> datetime | None:
        return self._work.policy.quiet_until(self._name, self._now())

    def _due(self) -> deque[Outgoing]:
        """What is to be sent now, oldest first: no flood of it one by one, and together what was held back."""
        again = False
        while True:
            due = self._store.waiting(self._name, stamp(self._now()), ROW_LIMIT)
            if until := self._quiet_until():
                later = [one.delivery.id for one in due if not is_urgent(one)]
                if later:
                    self._store.hold(later, stamp(until))
                    continue
            # After a crash within the lines below, some of a digest's members wait beside it.
            told = {member for one in due for member in members_of(one)}
            self._mark_told([one for one in due if one.delivery.id in told])
            due = [one for one in due if one.delivery.id not in told]
            if not self._folded(due, again):
                return deque(due)
            again = True

    def _folded(self, due: Sequence[Outgoing], again: bool) -> bool:
        """Make one digest of those of `due` that are not to be told one by one; whether there were any. `again`: the
        digest among them was made a moment ago, and what is beside it is the rest."""
        policy = self._work.policy
        joining = [one for one in due if joins(one)]
        digests = [one for one in joining if members_of(one) and not one.delivery.attempts]
        held = [one for one in joining if was_held(one) and one not in digests]
        # More than ROW_LIMIT come in several parts, and are one message all the same.
        chosen = digests + held if held else []
        if len(chosen) < 2:
            singles = [one for one in joining if not members_of(one)]
            flood = len(singles) > policy.digest_above or (again and digests and singles)
            chosen, held = (digests + singles, []) if flood else ([], [])
        if not chosen:
            return False
        self._store.add_alerts([collapse(self._name, chosen, held=bool(held), desk=policy.desk)])
        self._mark_told(chosen)
        return True

    def _mark_told(self, members: Sequence[Outgoing]) -> None:
        if members:
            self._store.told_in_digest([one.delivery.id for one in members], stamp(self._now()))

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
        if notice.report:
            stored = self._store.report(notice.report)
            notice = replace(notice, html=stored.body if stored else "")
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
        # A stamp is cut to milliseconds; what is read back from it must not be earlier than was wished.
        self._open = min(max(wish, now + _LEAST_WAIT), now + _LONGEST_WAIT) + timedelta(milliseconds=1)
        self._store.set_channel(self._name, open_at=stamp(self._open))

    def _die(self, outgoing: Outgoing, reason: str) -> None:
        self._work.tally.dead += 1
        self._store.record_attempt(outgoing.delivery.id, "dead", stamp(self._now()), reason, None)
        self._work.tell("dead_letters", self._name, f"{reason} See `listener alerts list --state dead`.")

    def _stop(self, reason: str) -> None:
        self._stopped = True
        told = f"Stopped: {reason} Once that is mended, run `listener alerts replay --channel {self._name}`."
        self._store.set_channel(self._name, stopped=told)
        self._work.tally.stopped.append(self._name)
        self._work.bury(self._name, told)
