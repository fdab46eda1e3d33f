"""Slack's incoming webhooks, and what understands their payloads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from connectors.contract import Http
from connectors.errors import BadAnswer, FetchError
from listener.alerts.channels.contract import ChannelOptions, DeliveryError, Refusals, delivery_error
from listener.alerts.channels.posting import AddressOptions, JsonChannel
from listener.alerts.message import Budget, Item, Message, clean, fitted, harmless, message_of, shorten
from listener.alerts.notice import Notice

# Slack counts characters of the escaped text; over ~13,200 in all it refuses the message, undocumented.
TOTAL = 11_999
_FALLBACK = 300
_HEADER = 150
_SECTION = 3_000
_CONTEXT = 600
_BUTTON_URL = 3_000

_REFUSALS_OF_NOTHING = {"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"}
_FAULT = re.compile(rb"[a-z][a-z_]{2,60}")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class SlackOptions(AddressOptions):
    """Slack takes a message a second, and a short burst."""


class Slack(JsonChannel):
    kind: ClassVar[str] = "slack"
    options: ClassVar[type[ChannelOptions]] = SlackOptions
    refusals: ClassVar[Refusals] = Refusals(message=(400, 413), channel=(403, 404, 410))

    def payload(self, notice: Notice) -> dict[str, Any]:
        return render(notice)

    def probe(self, http: Http) -> str:
        """A message without a text: a live webhook refuses it and names the fault, a dead one names its own."""
        headers = {"Content-Type": "application/json"}
        try:
            http.post(self.address(""), content=b"{}", headers=headers, follow=False)
        except FetchError as error:
            word = _fault(error.answer)
            if error.status == 400 and word in _REFUSALS_OF_NOTHING:
                return f"is alive: it refused an empty message ({word})"
            if not (error.status == 400 or (isinstance(error, BadAnswer) and 200 <= error.status < 300)):
                failure = delivery_error(error, self.refusals)
                raise DeliveryError(
                    f"{failure} Slack calls it {word}." if word else str(failure),
                    failure.permanent,
                    failure.retry_after,
                    throttled=failure.throttled,
                ) from None
        return "answers, but not as Slack does: only a message tells whether one arrives"


def _fault(answer: bytes) -> str:
    """Slack's name for what is wrong, "" for whatever else stands in an answer."""
    word = answer.strip()
    return word.decode() if _FAULT.fullmatch(word) else ""


def render(notice: Notice) -> dict[str, Any]:
    """The payload, of at most TOTAL characters: a long quote is cut, the link never is."""

    def laid(budget: Budget) -> dict[str, Any]:
        return _layout(message_of(notice, budget, longest_link=_BUTTON_URL))

    return fitted(laid, _characters, TOTAL)


def neutral(text: str) -> str:
    """`text` so that Slack shows it as it is: no entity, mention, channel call, masked link or control."""
    return harmless(clean(text)).translate(_ENTITIES)


def fit(text: str, limit: int) -> str:
    """`text` neutral, and at most `limit` characters with no entity cut in two."""
    return shorten(text, limit, neutral)


def _layout(message: Message) -> dict[str, Any]:
    return {
        "text": fit(message.short, _FALLBACK),
        "blocks": [{"type": "header", "text": _plain(message.head, _HEADER)}, *_blocks(message)],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(message: Message) -> Iterable[dict[str, Any]]:
    facts = "\n".join(f"{what}: {said}" for what, said in message.facts)
    for text, limit in ((message.title, _FALLBACK), (message.quote, _SECTION), (facts, _SECTION)):
        if text:
            yield {"type": "section", "text": _plain(text, limit)}
    for item in message.items:
        yield {"type": "section", "text": {"type": "mrkdwn", "text": _linked(item)}}
    for line in message.lines:
        yield {"type": "context", "elements": [_plain(line, _CONTEXT)]}
    if message.links:
        buttons = [{"type": "button", "text": _plain(words, 75), "url": url} for words, url in message.links]
        yield {"type": "actions", "elements": buttons}


def _linked(item: Item) -> str:
    """With its link behind words of ours: a title that looks like another address must not lead here."""
    link = f" <{item.url.translate(_ENTITIES)}|Open post>" if item.url else ""
    return fit(item.text, _CONTEXT) + link


def _plain(text: str, limit: int) -> dict[str, Any]:
    """Text that Slack reads no markup in."""
    return {"type": "plain_text", "text": fit(text, limit) or "…", "emoji": False}


def _characters(part: Any) -> int:
    """Of all that stands in a payload."""
    if isinstance(part, dict):
        return sum(map(_characters, part.values()))
    if isinstance(part, list):
        return sum(map(_characters, part))
    return len(part) if isinstance(part, str) else 0
