"""Discord's webhooks: one embed, which mentions nobody. It counts UTF-16 units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from connectors.contract import Http
from connectors.errors import FetchError
from listener.alerts.channels.contract import ChannelOptions, Refusals, delivery_error
from listener.alerts.channels.markdown import links, listed, markdown
from listener.alerts.channels.posting import AddressOptions, JsonChannel, with_query
from listener.alerts.message import Budget, Message, Tone, fitted, message_of, shorten, untagged, utf16
from listener.alerts.notice import Notice

TOTAL = 6_000
_TITLE, _DESCRIPTION, _FOOTER = 256, 4_096, 2_048
_FIELDS, _NAME, _VALUE = 25, 256, 1_024
_LINK_CHARS = 1_500
_COLORS: Mapping[Tone, int] = {"good": 0x2E7D32, "bad": 0xC62828, "plain": 0x546E7A}

_VERSION = re.compile(r"(?<=/api/)(?:v\d+/)?(?=webhooks/)")
"""Without a version in the address a wait is told in milliseconds."""


class DiscordOptions(AddressOptions):
    """Discord takes some 30 messages a minute in one place, and says itself when that is too many."""

    per_second: float = Field(default=0.5, ge=0.05, le=100)


class Discord(JsonChannel):
    kind: ClassVar[str] = "discord"
    options: ClassVar[type[ChannelOptions]] = DiscordOptions
    # Ten thousand refused requests in ten minutes shut the address of the sender out, so a dead webhook is left alone.
    refusals: ClassVar[Refusals] = Refusals((400, 413), (401, 403, 404, 410), wait=("retry_after",))

    def payload(self, notice: Notice) -> dict[str, Any]:
        """A part that is too long for its place counts as too long for the whole."""

        def laid(budget: Budget) -> dict[str, Any]:
            return _embed(message_of(notice, budget, longest_link=_LINK_CHARS))

        return {"embeds": [fitted(laid, _size, TOTAL)], "allowed_mentions": {"parse": []}}

    def address(self, key: str) -> str:
        """With `wait`, an answer means that the message is stored."""
        url = _VERSION.sub("v10/", super().address(key), count=1)
        return with_query(url, "wait", "true") if key else url

    def probe(self, http: Http) -> str:
        """A webhook says what it is to whoever knows its address."""
        try:
            http.get(self.address(""), host_only=True)
        except FetchError as error:
            raise delivery_error(error, self.refusals) from None
        return "is alive: its address is known to Discord"


def _embed(message: Message) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": _fit(message.head, _TITLE),
        "description": _description(message),
        "color": _COLORS[message.tone],
        "fields": [
            {"name": _fit(what, _NAME), "value": _fit(said, _VALUE), "inline": True}
            for what, said in message.facts[:_FIELDS]
        ],
    }
    if message.links:
        embed["url"] = message.links[0].url
    if message.lines:
        embed["footer"] = {"text": shorten("\n".join(message.lines), _FOOTER, untagged, utf16)}
    return embed


def _description(message: Message) -> str:
    title = f"**{markdown(message.title)}**" if message.title else ""
    parts = (title, markdown(message.quote), listed(message.items), links(message))
    return "\n\n".join(part for part in parts if part)


def _fit(text: str, limit: int) -> str:
    return shorten(text, limit, markdown, utf16) or "…"


def _size(embed: Mapping[str, Any]) -> int:
    """What Discord adds up: addresses and colours are free."""
    description = utf16(embed["description"])
    told = [embed["title"], embed.get("footer", {}).get("text", "")]
    told += [part for field in embed["fields"] for part in (field["name"], field["value"])]
    whole = description + sum(map(utf16, told))
    return whole if description <= _DESCRIPTION else max(whole, TOTAL + 1)
