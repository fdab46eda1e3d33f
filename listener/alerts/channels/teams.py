"""Microsoft Teams by its Workflows: an Adaptive Card 1.4 (later versions are accepted, and not shown)."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from listener.alerts.channels.contract import ChannelOptions, DeliveryError, Permanent
from listener.alerts.channels.posting import AddressOptions, JsonChannel
from listener.alerts.message import Item, Message, Tone, fitted, message_of, untagged
from listener.alerts.notice import Notice

TOTAL = 21_000
"""Bytes. 28,672 are allowed once Teams has written the card anew, by a sixth longer at least."""

_QUOTE_LINES = 30
_COLORS: dict[Tone, str] = {"good": "Good", "bad": "Attention", "plain": "Default"}
_RETIRED = "webhook.office.com"
_REFUSED = re.compile(rb"returned HTTP error (\d{3})")


class TeamsOptions(AddressOptions):
    """Flows and the older connectors take some 60 messages in 30 seconds, fewer for long."""

    per_second: float = Field(default=0.5, ge=0.05, le=100)


class Teams(JsonChannel):
    kind: ClassVar[str] = "teams"
    options: ClassVar[type[ChannelOptions]] = TeamsOptions

    @property
    def warning(self) -> str:
        """What is amiss with an address that works, for now."""
        host = urlsplit(self.address("")).hostname or ""
        if host == _RETIRED or host.endswith(f".{_RETIRED}"):
            return (
                f"addresses at {_RETIRED} are being retired by Microsoft: in Teams, add the workflow "
                '"Send webhook alerts to a channel" and use its address (…logic.azure.com or …api.powerplatform.com).'
            )
        return ""

    def payload(self, notice: Notice) -> dict[str, Any]:
        return fitted(lambda budget: _post(message_of(notice, budget)), _size, TOTAL)

    def accepted(self, answer: bytes) -> None:
        """The older addresses say 200 to everything, and what Teams said in the text."""
        found = _REFUSED.search(answer[:2_000])
        if not found:
            return
        status = int(found[1])
        permanent: Permanent = "message" if status in (400, 413) else "channel" if status in (401, 403, 404) else ""
        raise DeliveryError(
            f"Teams took the request and not the message (HTTP {status} in its answer).",
            permanent,
            throttled=status == 429,
        )


def _post(message: Message) -> dict[str, Any]:
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": _card(message)}]}


def _card(message: Message) -> dict[str, Any]:
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": untagged(message.short),
        "msteams": {"width": "Full"},
        "body": _body(message),
        "actions": [{"type": "Action.OpenUrl", "title": words, "url": url} for words, url in message.links],
    }


def _body(message: Message) -> list[dict[str, Any]]:
    body = [_block(_run(message.head, size="Large", weight="Bolder", color=_COLORS[message.tone]))]
    if message.title:
        body.append(_block(_run(message.title, weight="Bolder")))
    body += [_block(_run(line)) for line in _quoted(message.quote)]
    body += [_block(_run(f"{what}: ", weight="Bolder"), _run(said)) for what, said in message.facts]
    body += [_block(*_item(item)) for item in message.items]
    body += [_block(_run(line, size="Small", isSubtle=True)) for line in message.lines]
    return body


def _quoted(quote: str) -> list[str]:
    """One block to a line: how a text run shows a newline differs between the apps."""
    lines = [line for line in quote.splitlines() if line.strip()]
    rest = " ".join(lines[_QUOTE_LINES:])
    return lines[:_QUOTE_LINES] + ([rest] if rest else [])


def _item(item: Item) -> list[dict[str, Any]]:
    runs = [_run(item.text)]
    if item.url:
        runs += [_run(" "), _run("Open post", selectAction={"type": "Action.OpenUrl", "url": item.url})]
    return runs


def _block(*runs: dict[str, Any]) -> dict[str, Any]:
    """A rich text block reads no markdown in its runs, which a text block does with no way to escape it."""
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": untagged(text) or "…", **look}


def _size(post: dict[str, Any]) -> int:
    """With everything beyond ASCII escaped, as the longest way of writing it anew has it."""
    return len(json.dumps(post, separators=(",", ":")))
