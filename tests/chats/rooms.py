"""Slack, Discord, Teams, Mattermost, Google Chat and the generic webhook, with the limits that they document."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tests.chats.chat import Asked, Chat, demand, strings, told, utf16, web_address
from tests.standins.chat import Say


class Slack(Chat):
    """docs.slack.dev/reference/block-kit; the 13,200 characters are undocumented (slackapi/bolt-js#2509)."""

    name = "slack"
    path = "/services/T0STANDIN/B0STANDIN/secret-token-in-the-path"
    pace = (4, 3.0)  # one a second, with short bursts

    def read(self, asked: Asked) -> Any:
        message = asked.json
        blocks = message.get("blocks", [])
        demand(bool(message.get("text") or blocks), "nothing to say", "no_text")
        demand(len(message.get("text", "")) <= 40_000, "text over 40,000", "msg_too_long")
        demand(len(blocks) <= 50, "over 50 blocks", "invalid_blocks")
        for block in blocks:
            self._check(block)
        shown = sum(len(text) for block in blocks for text in _slack_texts(block))
        demand(shown <= 13_200, "over 13,200 characters", "msg_blocks_too_long")
        marked = [text["text"] for block in blocks for text in _objects(block) if text.get("type") == "mrkdwn"]
        for text in (*marked, message.get("text", "")):
            demand(not re.search(r"<[!@#]", text), f"calls somebody: {text[:80]!r}")
        return message

    def _check(self, block: dict[str, Any]) -> None:
        kind = block["type"]
        limits = {"header": 150, "section": 3_000, "context": 2_000, "actions": 75}
        demand(kind in limits, f"a block called {kind}", "invalid_blocks")
        for text in _objects(block):
            if text.get("type") in ("plain_text", "mrkdwn"):
                demand(1 <= len(text["text"]) <= limits[kind], f"{len(text['text'])} in a {kind}", "invalid_blocks")
        elements = block.get("elements", [])
        demand(len(elements) <= (10 if kind == "context" else 25), "too many elements", "invalid_blocks")
        for element in elements if kind == "actions" else ():
            demand(web_address(element["url"], 3_000), "a button without an address", "invalid_blocks")

    def too_many(self, seconds: float) -> Say:
        return Say(429, {"Retry-After": str(math.ceil(seconds))}, b"rate_limited")

    def gone(self) -> Say:
        return Say(410, body=b"channel_is_archived")


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    """Every object within a document, itself first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _slack_texts(block: dict[str, Any]) -> Iterable[str]:
    return (one["text"] for one in _objects(block) if one.get("type") in ("plain_text", "mrkdwn"))


class Discord(Chat):
    """discord.com/developers/docs/resources/webhook; an address without a version speaks in milliseconds (#2360)."""

    name = "discord"
    path = "/api/webhooks/123456789012345678/secret-token-in-the-path"
    pace = (5, 2.0)
    _version = 0

    def owns(self, path: str) -> bool:
        return bool(re.match(r"/api/(v\d+/)?webhooks/123456789012345678/secret-token-in-the-path(\?|$)", path))

    def answer(self, asked: Asked) -> Say:
        found = re.match(r"/api/v(\d+)/", asked.path)
        self._version = int(found[1]) if found else 6
        return super().answer(asked)

    def aside(self, asked: Asked) -> Say | None:
        return told({"type": 1, "id": "123456789012345678", "name": "hook"}) if asked.method == "GET" else None

    def read(self, asked: Asked) -> Any:
        message = asked.json
        embeds = message.get("embeds", [])
        demand(bool(message.get("content") or embeds), "empty", "50006")
        demand(utf16(message.get("content", "")) <= 2_000, "content over 2,000")
        demand(len(embeds) <= 10, "over 10 embeds")
        for embed in embeds:
            self._check(embed)
        demand(sum(map(_embed_size, embeds)) <= 6_000, "over 6,000 in all embeds")
        demand(message.get("allowed_mentions", {}).get("parse") == [], "may call anybody")
        return message

    def _check(self, embed: dict[str, Any]) -> None:
        for name, limit in (("title", 256), ("description", 4_096)):
            demand(utf16(embed.get(name, "")) <= limit, f"{name} over {limit}")
        demand(utf16(embed.get("footer", {}).get("text", "")) <= 2_048, "footer over 2,048")
        demand(utf16(embed.get("author", {}).get("name", "")) <= 256, "author over 256")
        demand("url" not in embed or web_address(embed["url"], 2_048), "not a link")
        demand(len(embed.get("fields", [])) <= 25, "over 25 fields")
        for one in embed.get("fields", []):
            demand(1 <= utf16(one["name"].strip()) <= 256 and 1 <= utf16(one["value"].strip()) <= 1_024, "a field")

    def success(self, asked: Asked) -> Say:
        headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": str(max(0, 5 - len(self._recent)))}
        reset = self._recent[0] + timedelta(seconds=2)
        headers["X-RateLimit-Reset"] = f"{reset.timestamp():.3f}"
        return told({"id": "1"}, 200, headers) if asked.query.get("wait") == "true" else Say(204, headers, b"")

    def refusal(self, fault: str) -> Say:
        if fault == "50006":
            return told({"message": "Cannot send an empty message", "code": 50006}, 400)
        return told({"message": "Invalid Form Body", "code": 50035, "errors": {}}, 400)

    def too_many(self, seconds: float) -> Say:
        said = {"message": "You are being rate limited.", "global": False}
        if self._version < 8:
            milliseconds = math.ceil(seconds * 1_000)
            return told({**said, "retry_after": milliseconds}, 429, {"Retry-After": str(milliseconds)})
        return told({**said, "retry_after": round(seconds, 3)}, 429, {"Retry-After": str(math.ceil(seconds))})

    def gone(self) -> Say:
        return told({"message": "Unknown Webhook", "code": 10015}, 404)


def _embed_size(embed: dict[str, Any]) -> int:
    fields = [text for one in embed.get("fields", []) for text in (one["name"], one["value"])]
    rest = (embed.get("footer", {}).get("text", ""), embed.get("author", {}).get("name", ""))
    return sum(map(utf16, (embed.get("title", ""), embed.get("description", ""), *rest, *fields)))


class Teams(Chat):
    """A Workflows address. What it takes grows on the way: 24,453 bytes were too many for its 28,672 (× 1.18)."""

    name = "teams"
    path = (
        "/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sig=secret-token-in-the-query"
    )
    pace = (4, 1.0)
    says_when = False

    def read(self, asked: Asked) -> Any:
        demand(asked.query.get("sig") == "secret-token-in-the-query", "another signature")
        demand(int(len(asked.body) * 1.18) <= 28_672, f"{len(asked.body)} bytes", "too large")
        message = asked.json
        demand(message.get("type") == "message", "no message")
        (attachment,) = message["attachments"]
        demand(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "no card")
        card = attachment["content"]
        demand(card["type"] == "AdaptiveCard" and card["version"] in ("1.0", "1.1", "1.2", "1.3", "1.4"), "its version")
        demand(bool(card["body"]), "an empty card")
        for one in _objects(card):
            kind = str(one.get("type", ""))
            if kind.startswith("Action."):
                demand(kind in ("Action.OpenUrl", "Action.ShowCard", "Action.ToggleVisibility"), kind)
                demand(web_address(one.get("url"), 8_000) or kind != "Action.OpenUrl", "an action without an address")
            if kind in ("TextBlock", "TextRun"):
                demand(bool(one["text"]), "an empty text")
                masked = kind == "TextBlock" and re.search(r"<at>|(?<!\\)\]\(", one["text"])
                demand(not masked, f"markup in {one['text'][:80]!r}")
        return message

    def success(self, asked: Asked) -> Say:
        return Say(202, body=b"")

    def refusal(self, fault: str) -> Say:
        if fault == "too large":
            return told({"error": {"code": "RequestEntityTooLarge", "message": "The request is too large."}}, 413)
        return told({"error": {"code": "InvalidRequestContent", "message": fault}}, 400)

    def too_many(self, seconds: float) -> Say:
        told_ = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId"
        return Say(200, body=told_, taken=False)

    def gone(self) -> Say:
        return told({"error": {"code": "WorkflowNotFound", "message": "The workflow could not be found."}}, 404)


class Mattermost(Chat):
    """developers.mattermost.com/integrate/webhooks/incoming: longer text is split, which nobody wants either."""

    name = "mattermost"
    path = "/hooks/secret-token-in-the-path"
    pace = (100, 10.0)

    def read(self, asked: Asked) -> Any:
        message = asked.json
        attachments = message.get("attachments", [])
        demand(bool(message.get("text") or attachments), "no text")
        demand(len(message.get("text", "")) <= 16_383, "it would be split")
        for text in strings({name: value for name, value in message.items() if name != "username"}):
            demand(not re.search(r"@(all|channel|here)\b|<!(all|channel|here|everyone)", text, re.I), "calls everybody")
        demand(len(asked.body) <= 800_000, "over 800,000 bytes of properties")
        return message

    def refusal(self, fault: str) -> Say:
        return told({"id": "web.incoming_webhook.text.app_error", "message": fault, "status_code": 400}, 400)

    def too_many(self, seconds: float) -> Say:
        wait = str(math.ceil(seconds))
        return Say(429, {"Retry-After": wait, "X-RateLimit-Reset": wait}, b"limit exceeded")

    def gone(self) -> Say:
        return told({"id": "web.incoming_webhook.invalid.app_error", "message": "Invalid webhook."}, 404)


class GoogleChat(Chat):
    """developers.google.com/workspace/chat: 60 writes a minute and space; a requestId that came before is known."""

    name = "googlechat"
    path = "/v1/spaces/AAAASTANDIN/messages?key=public&token=secret-token-in-the-query"
    pace = (60, 60.0)
    says_when = False
    knows_keys = True

    def read(self, asked: Asked) -> Any:
        demand(asked.query.get("token") == "secret-token-in-the-query", "another token")
        demand(len(asked.body) <= 32_000, f"{len(asked.body)} bytes")
        message = asked.json
        demand(bool(message.get("text") or message.get("cardsV2")), "empty")
        demand("<users/" not in message.get("text", ""), "calls somebody")
        for one in _objects(message.get("cardsV2", [])):
            demand("openLink" not in one or web_address(one["openLink"]["url"], 8_000), "a link without an address")
        return message

    def key(self, asked: Asked, message: Any) -> str:
        return asked.query.get("requestId", "")

    def success(self, asked: Asked) -> Say:
        return told({"name": "spaces/AAAASTANDIN/messages/1"})

    def refusal(self, fault: str) -> Say:
        return told({"error": {"code": 400, "message": fault, "status": "INVALID_ARGUMENT"}}, 400)

    def too_many(self, seconds: float) -> Say:
        return told({"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}, 429)

    def gone(self) -> Say:
        return told({"error": {"code": 404, "message": "Space not found.", "status": "NOT_FOUND"}}, 404)


class Webhook(Chat):
    """Standard Webhooks 1.0.0: the key is in a header, the body is under 20 kB."""

    name = "webhook"
    path = "/webhook/secret-token-in-the-path"

    def read(self, asked: Asked) -> Any:
        demand(len(asked.body) < 20_000, f"{len(asked.body)} bytes")
        message = asked.json
        demand(bool(re.fullmatch(r"[a-zA-Z0-9_.]+", message["type"])), "its type")
        demand({"timestamp", "data"} <= message.keys(), "its shape")
        return message

    def key(self, asked: Asked, message: Any) -> str:
        return asked.headers.get("webhook-id", "")

    def too_many(self, seconds: float) -> Say:
        return Say(429, {"Retry-After": str(math.ceil(seconds))}, b"")

    def gone(self) -> Say:
        return Say(410, body=b"")
