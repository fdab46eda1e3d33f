"""What all chats have in common: a plan of troubles, a pace that they insist on, a memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.standins.chat import Say

PATIENCE = 0.4
"""Seconds that a client of these stand-ins is to wait for an answer."""

LATE = Say(504, delay=1.5 * PATIENCE)
TAKEN_LATE = Say(200, delay=1.5 * PATIENCE)


class Throttle(NamedTuple):
    """ "Not now, but in so many seconds", in the chat's own words."""

    seconds: float


class Gone(NamedTuple):
    """ "Never again", in the chat's own words."""


class Poisonous(NamedTuple):
    """ "Not this one", in the chat's own words."""


GONE = Gone()
POISON = Poisonous()
Trouble = Say | Throttle | Gone | Poisonous | None
"""What befalls a request; None is nothing."""


class Refused(Exception):
    """The message breaks a rule of this chat; the first argument is what it says, the second why it is refused."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refused("invalid_payload", "no JSON") from None


@dataclass(frozen=True)
class Sent:
    """A message that was taken. `key` is its idempotency key, "" where the chat has none."""

    key: str
    message: Any
    body: bytes
    at: datetime


@dataclass
class Chat:
    """One chat. `asked` is every request, `sent` what was taken, in order; `refused` says what broke its rules.

    `early` counts requests before the time that a 429 named, `hasty` those beyond its pace: `pace` is (messages,
    seconds).
    """

    now: Callable[[], datetime]
    plan: list[Trouble] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    early: int = 0
    hasty: int = 0
    _closed_until: datetime | None = None
    _recent: deque[datetime] = field(default_factory=deque)

    name: ClassVar[str]
    path: ClassVar[str]
    pace: ClassVar[tuple[int, float]] = (1_000, 1.0)

    def owns(self, path: str) -> bool:
        return path.startswith(self.path.partition("?")[0])

    @property
    def texts(self) -> list[str]:
        """All that people get to read of each message, joined."""
        return ["\n".join(strings(one.message)) for one in self.sent]

    def answer(self, asked: Asked) -> Say:
        self.asked.append(asked)
        now = self.now()
        if self._closed_until and now < self._closed_until:
            self.early += self.says_when
            return self.too_many((self._closed_until - now).total_seconds())
        trouble = self.plan.pop(0) if self.plan else None
        if isinstance(trouble, Throttle):
            self._closed_until = now + timedelta(seconds=trouble.seconds)
            return self.too_many(trouble.seconds)
        if isinstance(trouble, Gone):
            return self.gone()
        if isinstance(trouble, Poisonous):
            return self.refusal("invalid")
        if trouble and not trouble.takes:
            return trouble
        try:
            return self._take(asked, now, trouble)
        except Refused as refusal:
            self.refused.append(str(refusal.args[1]))
            return self.refusal(str(refusal.args[0]))

    def _take(self, asked: Asked, now: datetime, trouble: Say | None) -> Say:
        if said := self.aside(asked):
            return said
        message = self.read(asked)
        most, seconds = self.pace
        while self._recent and now - self._recent[0] >= timedelta(seconds=seconds):
            self._recent.popleft()
        if len(self._recent) >= most:
            self.hasty += 1
            self._closed_until = self._recent[0] + timedelta(seconds=seconds)
            return self.too_many((self._closed_until - now).total_seconds())
        self._recent.append(now)
        key = self.key(asked, message)
        if not (self.knows_keys and key in {one.key for one in self.sent}):
            self.sent.append(Sent(key, message, asked.body, now))
        return trouble or self.success(asked)

    # -- what a chat says for itself

    says_when: ClassVar[bool] = True
    """Whether its 429 says when to come back."""

    knows_keys: ClassVar[bool] = False
    """Whether a key that came before makes no second message."""

    def aside(self, asked: Asked) -> Say | None:
        """The answer to what is no message."""
        return None

    def read(self, asked: Asked) -> Any:
        """The message, if it keeps all rules; raises Refused."""
        raise NotImplementedError

    def key(self, asked: Asked, message: Any) -> str:
        return ""

    def success(self, asked: Asked) -> Say:
        return Say(200, body=b"ok")

    def refusal(self, fault: str) -> Say:
        return Say(400, body=fault.encode())

    def too_many(self, seconds: float) -> Say:
        raise NotImplementedError

    def gone(self) -> Say:
        raise NotImplementedError


def told(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Say:
    return Say(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())


def demand(held: bool, why: str, fault: str = "invalid_payload") -> None:
    if not held:
        raise Refused(fault, why)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def strings(value: Any) -> Iterable[str]:
    """Every string value within a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def web_address(url: Any, limit: int) -> bool:
    return isinstance(url, str) and len(url) <= limit and url.startswith(("http://", "https://")) and " " not in url
