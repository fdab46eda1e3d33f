"""Brings waiting deliveries to their channels: each at least once, under one key, and in no other channel's way.

A delivery is sent and then recorded: a crash between the two repeats it under the same idempotency key, and
nothing is lost.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import NamedTuple

from connectors.contract import Http
from listener.alerts.channels.contract import Channel
from listener.alerts.ops import Ops
from listener.alerts.policy import FLOOD, Policy
from listener.alerts.sender import LADDER, ROW_LIMIT, AlertStore, Sender, Tally, Work
from storage.records import Outgoing, stamp

__all__ = ["FLOOD", "LADDER", "AlertStore", "DrainReport", "Ops", "Policy", "drain", "drop", "replay"]


class DrainReport(NamedTuple):
    """What a drain came to.

    `sent` counts messages, `waiting` the deliveries that are still to be sent, `dead` those that died in this drain.
    `stopped` names the channels that refused for good; `errors` are sentences that begin with a channel's name.
    """

    sent: int = 0
    waiting: int = 0
    dead: int = 0
    stopped: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def drain(
    store: AlertStore,
    channels: Mapping[str, Channel],
    http: Http,
    now: Callable[[], datetime],
    rng: random.Random,
    *,
    patience: float = 30.0,
    pause: Callable[[float], object] = time.sleep,
    policy: Policy | None = None,
    ops: Ops | None = None,
) -> DrainReport:
    """Send all that is due. `pause` waits so many seconds; what it returns is true when the drain is to end there.

    A channel that throttles, or whose next try is near, is waited for: up to `patience` seconds without a success; the
    others go on meanwhile. Channels take turns in this thread, so a receiver that times out keeps the others waiting
    by a few time-outs at most. Several drains may run at once: each channel has one sender.
    """
    earliest = store.next_delivery()
    if earliest is None:
        return DrainReport()
    tally = Tally()
    if earliest <= stamp(now() + timedelta(seconds=patience)):
        policy = policy or Policy()
        work = Work(store, http, now, rng, patience, tally, policy, ops or Ops(policy.ops))
        _bury_orphans(work, channels)
        _take_turns([Sender(work, name, channel).run() for name, channel in channels.items()], now, pause)
        if tally.told and policy.ops in channels:  # its own turn may have been over before there was trouble
            _take_turns([Sender(work, policy.ops, channels[policy.ops]).run()], now, pause)
    waiting = sum(store.delivery_counts("waiting").values())
    return DrainReport(tally.sent, waiting, tally.dead, tuple(tally.stopped), tuple(dict.fromkeys(tally.errors)))


def replay(store: AlertStore, now: datetime, *, channel: str = "", delivery_ids: Collection[str] = ()) -> int:
    """Make dead deliveries wait again: all, those of one channel, or these (dropped ones, too); how many. Their
    channels are open again."""
    if channel:
        store.set_channel(channel)
    if delivery_ids:
        named = filter(None, map(store.delivery, delivery_ids))
        return _revive(store, [one for one in named if channel in ("", one.delivery.channel)], now)
    revived = 0
    while page := store.delivery_page(channel, "dead", limit=ROW_LIMIT).deliveries:
        revived += _revive(store, page, now)
    return revived


def drop(store: AlertStore, delivery_ids: Collection[str]) -> int:
    """Give up waiting and dead deliveries; how many. `replay` with their ids brings them back."""
    return store.drop(tuple(delivery_ids), "Dropped by hand.")


def _revive(store: AlertStore, chosen: Sequence[Outgoing], now: datetime) -> int:
    again = [one.delivery for one in chosen if one.delivery.state in ("dead", "dropped")]
    for name in {one.channel for one in again}:
        store.set_channel(name)
    return store.replay([one.id for one in again], stamp(now)) if again else 0


def _take_turns(
    senders: Sequence[Generator[datetime, None, None]],
    now: Callable[[], datetime],
    pause: Callable[[float], object],
) -> None:
    """Go on with whoever may send first; each yields the time from which it may."""
    with ExitStack() as claims:
        for sender in senders:
            claims.enter_context(closing(sender))
        queue = [(now(), order) for order in range(len(senders))]
        while queue:
            ready, order = heapq.heappop(queue)
            if (wait := (ready - now()).total_seconds()) > 0 and pause(wait):
                return  # the program is being stopped: what waits is for the next drain
            if (again := next(senders[order], None)) is not None:
                heapq.heappush(queue, (again, order))


def _bury_orphans(work: Work, channels: Mapping[str, Channel]) -> None:
    waiting = {channel for channel, _ in work.store.delivery_counts("waiting")}
    for name in sorted(waiting - channels.keys()):
        with work.store.claim(f"channel:{name}") as mine:
            if mine:
                advice = f"add it, then run `listener alerts replay --channel {name}`."
                work.bury(name, f"The configuration has no channel named {name}: {advice}")
