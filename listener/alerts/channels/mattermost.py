"""Mattermost's incoming webhooks, which honour @channel in a text, and Slack's <!channel> besides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from listener.alerts.channels.contract import ChannelOptions, Refusals
from listener.alerts.channels.markdown import links, listed, markdown
from listener.alerts.channels.posting import AddressOptions, JsonChannel
from listener.alerts.message import Message, Tone, fitted, message_of, untagged
from listener.alerts.notice import Notice

TOTAL = 16_383
"""Characters of a post; a longer one is torn in two."""

_COLORS: Mapping[Tone, str] = {"good": "#2e7d32", "bad": "#c62828", "plain": "#546e7a"}

_CLOSED = re.compile(rb"web\.incoming_webhook\.(?!parse|text|attachment|split)")
"""A webhook that was deleted or turned off is a 400 too; what names no fault of the message shuts the channel."""


class MattermostOptions(AddressOptions):
    """The pace is the server's setting: 10 a second where its limits are on and nobody changed them."""

    per_second: float = Field(default=5.0, ge=0.05, le=100)


class Mattermost(JsonChannel):
    kind: ClassVar[str] = "mattermost"
    options: ClassVar[type[ChannelOptions]] = MattermostOptions
    refusals: ClassVar[Refusals] = Refusals((400, 413), (401, 403, 404, 410, 501), closed=_CLOSED)

    def payload(self, notice: Notice) -> dict[str, Any]:
        return fitted(lambda budget: _post(message_of(notice, budget)), _characters, TOTAL)


def _post(message: Message) -> dict[str, Any]:
    attachment = {
        "fallback": untagged(message.short),
        "color": _COLORS[message.tone],
        "text": "\n\n".join(part for part in _parts(message) if part),
    }
    return {"text": f"**{markdown(message.head)}**", "attachments": [attachment]}


def _parts(message: Message) -> list[str]:
    facts = "\n".join(f"**{markdown(what or '…')}:** {markdown(said)}" for what, said in message.facts)
    title = f"**{markdown(message.title)}**" if message.title else ""
    lines = [markdown(line) for line in message.lines]
    return [title, markdown(message.quote), facts, listed(message.items), *lines, links(message)]


def _characters(post: Mapping[str, Any]) -> int:
    return len(post["text"]) + sum(len(part) for part in post["attachments"][0].values())
