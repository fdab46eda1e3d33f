"""Manners toward a host: one request at a time, a gap between two, and its wish to be left alone."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

from connectors.errors import RateLimited, Stopped
from connectors.guard import SLICE

_LONGEST = timedelta(hours=24)
_PUBLIC_GAP = 1.0  # seconds
_EPOCH_FROM = 1e9  # a larger number of seconds is a point in time, a smaller one a wait
_MOST_TURNS = 1_000  # hosts remembered before the idle ones are forgotten

_RESETS = ("x-ratelimit-reset-after", "x-ratelimit-reset", "ratelimit-reset")
_REMAINDERS = ("x-ratelimit-remaining", "ratelimit-remaining")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


def retry_after(headers: Mapping[str, str], now: datetime, *, limited: bool = True) -> datetime | None:
    """When a host wants to be asked again (aware UTC, between `now` and 24 hours later), None if it does not say.

    `headers` has lower-case keys. Read are Retry-After (seconds or an HTTP date, RFC 9110 10.2.3) and, only if
    `limited`, X-RateLimit-Reset-After, X-RateLimit-Reset or RateLimit-Reset in the three forms in use: an ISO-8601
    time, seconds since 1970, seconds from now. Negative numbers and garbage count as nothing said.
    """
    wish = _wish(headers.get("retry-after", ""), now, parsedate_to_datetime, math.inf)
    for name in _RESETS if limited else ():
        if wish is None:
            wish = _wish(headers.get(name, ""), now, datetime.fromisoformat, _EPOCH_FROM)
    return wish


def exhausted(headers: Mapping[str, str]) -> bool:
    """Whether the host says that no request is left in its quota."""
    said = [headers[name].strip() for name in _REMAINDERS if name in headers]
    return any(_SECONDS.fullmatch(text) and float(text) == 0 for text in said)


def _wish(text: str, now: datetime, parse_time: Callable[[str], datetime], epoch_from: float) -> datetime | None:
    text = text.strip()
    if not text or len(text) > 400:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text)
        wait = seconds - now.timestamp() if seconds > epoch_from else seconds
    else:
        try:
            time = parse_time(text)
            wait = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() - now.timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return now + timedelta(seconds=min(max(wait, 0.0), _LONGEST.total_seconds()))


@dataclass(slots=True)
class Turn:
    """The state of one host:port. Only the thread whose turn it is touches it, `users` excepted."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    private: bool = False
    free_at: float = 0.0
    closed_until: datetime | None = None
    users: int = 0


class Shared(Protocol):
    """What processes tell one another of hosts ("name:port") that have a gap. All in seconds. What it raises, when it
    cannot be asked, leaves `Turns.take` as it is."""

    def book(self, host: str, gap: float) -> tuple[float, float]:
        """The next turn is the caller's: (how long until it begins, how long the host wants to be left alone). While
        it wants that, no turn is given out."""

    def rest(self, host: str, gap: float, closed: float) -> None:
        """The turn is over: nobody asks for `gap`, and while `closed` lasts."""


class Turns:
    """Who may ask which host, and when. `gap` in seconds; None means 1 for public hosts and 0 for private ones. With
    `shared` that holds over all processes which share it.

    A host without a gap is the user's own: there one throttled address closes itself, not its neighbours.
    """

    def __init__(
        self,
        gap: float | None,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        stopped: threading.Event,
        shared: Shared | None = None,
    ) -> None:
        self._gap = gap
        self._now = now
        self._monotonic = monotonic
        self._stopped = stopped
        self._shared = shared
        self._turns: dict[tuple[str, int], Turn] = {}
        self._lock = threading.Lock()

    @contextmanager
    def take(self, host: str, port: int) -> Iterator[Turn]:
        """Wait for the turn and the gap. Raises RateLimited, without a wait, while the host wants to be left alone."""
        turn = self._enter(host, port)
        try:
            while not turn.lock.acquire(timeout=SLICE):
                self._check_running(host)
            try:
                self._check_open(turn, host)
                self._keep_gap(turn, host, self._wait_for_others(turn, host, port))
                try:
                    yield turn
                finally:
                    turn.free_at = self._monotonic() + self._gap_of(turn)
                    self._tell_others(turn, host, port)
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.users -= 1

    def _enter(self, host: str, port: int) -> Turn:
        with self._lock:
            turn = self._turns.get((host, port))
            if turn is None:
                if len(self._turns) >= _MOST_TURNS:
                    self._forget_idle()
                turn = self._turns[host, port] = Turn()
            turn.users += 1
            return turn

    def _forget_idle(self) -> None:
        now, clock = self._now(), self._monotonic()
        self._turns = {
            key: turn
            for key, turn in self._turns.items()
            if turn.users or turn.free_at > clock or (turn.closed_until and turn.closed_until > now)
        }

    def _check_open(self, turn: Turn, host: str) -> None:
        until = turn.closed_until
        if until is None:
            return
        if until > self._now() and self._gap_of(turn) > 0:
            raise RateLimited(f"{host} asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC.", retry_after=until)
        turn.closed_until = None

    def _wait_for_others(self, turn: Turn, host: str, port: int) -> float:
        """Seconds until it is this process's turn."""
        gap = self._gap_of(turn)
        if self._shared is None or not gap:
            return 0.0
        wait, closed = self._shared.book(f"{host}:{port}", gap)
        if closed:
            turn.closed_until = self._now() + timedelta(seconds=closed)
            self._check_open(turn, host)
        return wait

    def _tell_others(self, turn: Turn, host: str, port: int) -> None:
        gap = self._gap_of(turn)
        if self._shared is not None and gap:
            closed = (turn.closed_until - self._now()).total_seconds() if turn.closed_until else 0.0
            self._shared.rest(f"{host}:{port}", gap, max(closed, 0.0))

    def _keep_gap(self, turn: Turn, host: str, others: float) -> None:
        pause = max(min(turn.free_at - self._monotonic(), self._gap_of(turn)), others)
        if pause > 0:
            self._stopped.wait(pause)
            self._check_running(host)

    def _check_running(self, host: str) -> None:
        if self._stopped.is_set():
            raise Stopped(f"The request to {host} was stopped before it was sent.")

    def _gap_of(self, turn: Turn) -> float:
        if self._gap is not None:
            return self._gap
        return 0.0 if turn.private else _PUBLIC_GAP
