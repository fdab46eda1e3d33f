"""Google Chat's webhooks: a card, and an idempotency key that Google itself keeps."""

from __future__ import annotations

import html
from typing import Any, ClassVar

from pydantic import Field

from listener.alerts.channels.contract import ChannelOptions
from listener.alerts.channels.posting import AddressOptions, JsonChannel, as_json, with_query
from listener.alerts.message import Item, Message, fitted, message_of, untagged
from listener.alerts.notice import Notice

TOTAL = 30_000
"""Bytes of a message with its card; 32,000 are allowed."""


class GoogleChatOptions(AddressOptions):
    """60 writes a minute go to one space, and all apps in it share them."""

    per_second: float = Field(default=0.5, ge=0.05, le=100)


class GoogleChat(JsonChannel):
    kind: ClassVar[str] = "googlechat"
    options: ClassVar[type[ChannelOptions]] = GoogleChatOptions

    def payload(self, notice: Notice) -> dict[str, Any]:
        return fitted(lambda budget: _message(message_of(notice, budget)), lambda laid: len(as_json(laid)), TOTAL)

    def address(self, key: str) -> str:
        """A message with a `requestId` that was used before is answered with the earlier one."""
        return with_query(super().address(key), "requestId", key)


def _message(message: Message) -> dict[str, Any]:
    widgets = [{"textParagraph": {"text": text}} for text in _paragraphs(message)]
    facts = [{"decoratedText": {"topLabel": untagged(what), "text": _html(said)}} for what, said in message.facts]
    told = [{"textParagraph": {"text": f'<font color="#5f6368">{_html(line)}</font>'}} for line in message.lines]
    buttons = [{"text": words, "onClick": {"openLink": {"url": url}}} for words, url in message.links]
    shown = [*widgets, *facts, *told, *([{"buttonList": {"buttons": buttons}}] if buttons else [])]
    card: dict[str, Any] = {"header": {"title": untagged(message.head)}, "sections": [{"widgets": shown}]}
    if not shown:
        card["sections"] = [{"widgets": [{"textParagraph": {"text": _html(message.head)}}]}]
    return {"fallbackText": untagged(message.short), "cardsV2": [{"cardId": "notice", "card": card}]}


def _paragraphs(message: Message) -> list[str]:
    title = f"<b>{_html(message.title)}</b>" if message.title else ""
    parts = (title, _html(message.quote), "<br>".join(map(_item, message.items)))
    return [part for part in parts if part]


def _item(item: Item) -> str:
    link = f' <a href="{html.escape(item.url)}">Open post</a>' if item.url else ""
    return f"• {_html(item.text)}{link}"


def _html(text: str) -> str:
    """<users/all> calls everybody in a text, and no escape is documented: so it is broken up before it is escaped."""
    return html.escape(untagged(text), quote=False).replace("\n", "<br>")
