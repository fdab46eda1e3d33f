"""The shared base of chats that take one JSON body at one secret address."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from connectors.contract import Http
from listener.alerts.channels.contract import ChannelOptions, Configured, Refusals, SecretUrl, post_message
from listener.alerts.notice import Notice


class AddressOptions(ChannelOptions):
    url: SecretUrl


class JsonChannel(Configured[AddressOptions]):
    """A channel that needs only to say its `kind`, its `refusals` and what it makes of a notice."""

    kind: ClassVar[str]
    options: ClassVar[type[ChannelOptions]] = AddressOptions
    refusals: ClassVar[Refusals] = Refusals(message=(400, 413), channel=(401, 403, 404, 410))

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        """See `Channel`. Where the chat knows no idempotency key a lost answer means a second message."""
        body = as_json(self.payload(notice))
        self.accepted(post_message(http, SecretStr(self.address(key)), body, {}, self.refusals, now))

    def payload(self, notice: Notice) -> dict[str, Any]:
        """The whole message, within the chat's limits."""
        raise NotImplementedError

    def address(self, key: str) -> str:
        """Where a message with the idempotency key `key` goes; `key` is "" where there is no message."""
        return self._options.url.get_secret_value()

    def accepted(self, answer: bytes) -> None:
        """Raises DeliveryError if a 2xx was none in truth."""


def as_json(payload: dict[str, Any]) -> bytes:
    """The bytes that are sent, and counted where a limit is in bytes."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def with_query(url: str, name: str, value: str) -> str:
    """`url` with a parameter added as it must be written, and everything else as it was."""
    whole, _, _ = url.partition("#")
    return f"{whole}{'&' if '?' in whole else '?'}{name}={quote(value, safe='')}"
