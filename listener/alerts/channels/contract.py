"""What every channel is. The suite that checks the obligations is tests/contracts/channels.py."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from connectors.contract import Http
from connectors.errors import BadAnswer, BlockedAddress, FetchError, RateLimited
from listener.alerts.notice import Notice

Permanent = Literal["", "message", "channel"]


class DeliveryError(Exception):
    """Why a message did not go out: one sentence for a person, without a secret.

    `permanent` says what no retry will mend: "message" (this one is refused), "channel" (all will be), "" (neither).
    `retry_after` (aware UTC) is when the receiver wants to be asked again, if it said so. `throttled`: the receiver is
    well and only wants fewer messages; if it also says when, the attempt does not count.
    """

    def __init__(
        self,
        message: str,
        permanent: Permanent = "",
        retry_after: datetime | None = None,
        *,
        throttled: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.throttled = throttled


def _http_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value().strip()
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or not rest.partition("/")[0] or any(c.isspace() for c in url):
        raise ValueError("must be a whole address that begins with https:// (or http://) and names a host")
    return SecretStr(url)


SecretUrl = Annotated[SecretStr, AfterValidator(_http_url)]
"""A webhook's address: whoever knows it can post, so it is never shown."""


class ChannelOptions(BaseModel):
    """Base of each channel's options: unknown keys are errors, secrets are never echoed.

    `per_second` is the pace: messages a second at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    per_second: float = Field(default=1.0, ge=0.05, le=100)


Options = TypeVar("Options", bound=ChannelOptions)


class Configured(Generic[Options]):
    """What our own channels share: a name, and options that hold their pace."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._options = options

    @property
    def per_second(self) -> float:
        return self._options.per_second


@runtime_checkable
class Channel(Protocol):
    """Brings messages to one place. A plugin (entry point `listener.channels`).

    Obligations, checked by the contract suite for every channel:
    - one `deliver` is one request: no retry, sleep, log, clock or database inside; redirects are not followed;
    - returning means that the receiver has the message; DeliveryError, and nothing else, means that it may not;
    - the same notice under the same key gives the same bytes, but for what states the time of the attempt;
    - every field of a notice but its link may be hostile, long or empty: it can neither break the payload, nor
      mention anyone, nor hide a link, nor push the message over the receiver's limits;
    - no error holds the address or a secret.
    """

    kind: ClassVar[str]
    options: ClassVar[type[ChannelOptions]]
    name: str

    def __init__(self, name: str, options: Any) -> None: ...

    @property
    def per_second(self) -> float:
        """The pace to keep, in messages a second."""

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        """Send `notice`. `key` is the same over all attempts, `now` the time of this one. Raises DeliveryError."""


@runtime_checkable
class Probes(Protocol):
    """What a channel may do besides: find out whether it would take a message, with a request that nobody gets to
    read."""

    def probe(self, http: Http) -> str:
        """What was learnt, to follow the channel's name: "is alive". Raises DeliveryError when no message would arrive;
        it holds no secret either."""


@runtime_checkable
class Warns(Protocol):
    """What a channel may do besides: say what is amiss with options that are valid."""

    @property
    def warning(self) -> str:
        """A sentence without a secret, "" if all is well; `listener check` shows it."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How a receiver says no: the statuses that no retry will mend, and what its own words add to them.

    An answer in which `closed` is found means that no message will be taken, whatever its status. `wait` is the way to
    the seconds (float) that a JSON answer asks for; it counts for more than a header.
    """

    message: tuple[int, ...] = (400, 413, 422)
    channel: tuple[int, ...] = (410,)
    closed: re.Pattern[bytes] | None = None
    wait: tuple[str, ...] = ()

    def permanent(self, status: int, answer: bytes = b"") -> Permanent:
        if status in self.channel or (self.closed and self.closed.search(answer)):
            return "channel"
        return "message" if status in self.message else ""

    def retry_after(self, answer: bytes, now: datetime) -> datetime | None:
        """When `answer` wants to be asked again (aware UTC, between `now` and a day later), None if it does not say."""
        if not self.wait:
            return None
        try:
            found = json.loads(answer)
            for key in self.wait:
                found = found[key]
            seconds = float(found)
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            return None
        return now + timedelta(seconds=min(seconds, 86_400.0)) if seconds >= 0 and not math.isnan(seconds) else None


def post_message(
    http: Http, url: SecretStr, body: bytes, headers: Mapping[str, str], refusals: Refusals, now: datetime
) -> bytes:
    """POST `body` as JSON; every 2xx is success, what came with it is given back, b"" if it could not be read.

    Raises DeliveryError, its `permanent` and `retry_after` as `refusals` says.
    """
    sent = {"Content-Type": "application/json", **headers}
    try:
        return http.post(url.get_secret_value(), content=body, headers=sent, follow=False).body
    except FetchError as error:
        if isinstance(error, BadAnswer) and 200 <= error.status < 300:
            return b""  # the receiver has the message; what it says about it is of no interest
        raise delivery_error(error, refusals, now) from None


def delivery_error(error: FetchError, refusals: Refusals, now: datetime | None = None) -> DeliveryError:
    """What a failed request means for the message and its channel. `now` is needed for a wait in the answer's words."""
    message = str(error)
    if isinstance(error, BlockedAddress):
        hint = "If this place is in your own network, add its address to [alerting] allow_private."
        return DeliveryError(f"{message} {hint}", "channel")
    retry_after = (now and refusals.retry_after(error.answer, now)) or error.retry_after
    if isinstance(error, RateLimited):
        # Status 0: the request was not even made, because the host had asked for silence before.
        return DeliveryError(message, "", retry_after, throttled=error.status in (0, 429))
    return DeliveryError(message, refusals.permanent(error.status, error.answer), retry_after)
