"""Telegram and ntfy, with the limits that they document."""

from __future__ import annotations

import html
import math
import re
from typing import Any
from urllib.parse import urlsplit

from tests.chats.chat import Asked, Chat, demand, told, utf16, web_address
from tests.standins.chat import Say

TOKEN = "123456:secret-token-of-a-bot"
CHAT_ID = "-1001234567890"

_TAG = re.compile(r"<(/?)([a-z-]+)((?:\s[^<>]*)?)>|<[^>]{0,40}|&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote", "tg-spoiler"}
_HREF = re.compile(r"""\s+href="([^"<>]*)"\s*""")


class Telegram(Chat):
    """core.telegram.org/bots/api: one message a second and chat, 20 a minute in a group, neither documented exactly."""

    name = "telegram"
    path = f"/bot{TOKEN}"
    pace = (20, 60.0)

    def owns(self, path: str) -> bool:
        return path.startswith("/bot")

    def answer(self, asked: Asked) -> Say:
        if not asked.path.startswith(f"/bot{TOKEN}/"):
            return told({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        return super().answer(asked)

    def aside(self, asked: Asked) -> Say | None:
        method = urlsplit(asked.path).path.rpartition("/")[2]
        if method == "getChat":
            known = (asked.query or asked.json).get("chat_id") == CHAT_ID
            return told({"ok": True, "result": {"id": int(CHAT_ID)}}) if known else self.refusal("chat not found")
        return None if method == "sendMessage" else told({"ok": False, "error_code": 404}, 404)

    def read(self, asked: Asked) -> Any:
        message = asked.json
        demand(str(message.get("chat_id")) == CHAT_ID, "another chat", "chat not found")
        text = shown(message["text"]) if message.get("parse_mode") == "HTML" else message["text"]
        demand(bool(text.strip()), "nothing to say", "message text is empty")
        demand(utf16(text) <= 4_096, f"{utf16(text)} units", "message is too long")
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            demand(len(row) <= 8, "over 8 buttons in a row", "BUTTON_INVALID")
            for button in row:
                demand(bool(button["text"].strip()), "a button without a text", "text buttons are unallowed")
                leads = web_address(button["url"], 2_048) and "." in (urlsplit(button["url"]).hostname or "")
                demand(leads, "where a button leads", "inline keyboard button URL is invalid: Wrong HTTP URL")
        return {**message, "text": text}

    def success(self, asked: Asked) -> Say:
        return told({"ok": True, "result": {"message_id": len(self.sent)}})

    def refusal(self, fault: str) -> Say:
        return told({"ok": False, "error_code": 400, "description": f"Bad Request: {fault}"}, 400)

    def too_many(self, seconds: float) -> Say:
        wait = math.ceil(seconds)
        described = f"Too Many Requests: retry after {wait}"
        return told(
            {"ok": False, "error_code": 429, "description": described, "parameters": {"retry_after": wait}}, 429
        )

    def gone(self) -> Say:
        described = "Forbidden: bot was kicked from the supergroup chat"
        return told({"ok": False, "error_code": 403, "description": described}, 403)


def shown(markup: str) -> str:
    """The text that people see of Telegram's HTML. Raises Refused for what it cannot parse."""
    parts, still_open, at = [], [], 0
    for found in _TAG.finditer(markup):
        parts.append(markup[at : found.start()])
        at = found.end()
        if found[0].startswith("&"):
            parts.append(html.unescape(found[0]))
            continue
        closing, name, attributes = found[1], found[2], found[3]
        fault = f"can't parse entities: Unsupported start tag at byte offset {found.start()}"
        demand(name in _TAGS, f"the tag {found[0]!r}", fault)
        if closing:
            demand(bool(still_open) and still_open.pop() == name, f"{found[0]} closes nothing", fault)
        else:
            link = _HREF.fullmatch(attributes)
            demand(web_address(html.unescape(link[1]), 4_096) if link else not attributes, f"in {found[0]!r}", fault)
            still_open.append(name)
    demand(not still_open, f"{still_open} stay open", "can't parse entities: Can't find end tag")
    return "".join((*parts, markup[at:]))


class Ntfy(Chat):
    """docs.ntfy.sh/publish: 4,096 bytes of message in 8,192 of JSON, 1,024 of title and 512 of tags (since 2.28)."""

    name = "ntfy"
    path = "/"
    pace = (60, 300.0)
    says_when = False

    def read(self, asked: Asked) -> Any:
        demand(len(asked.body) <= 8_192, f"{len(asked.body)} bytes of JSON", "41303")
        message = asked.json
        demand(bool(re.fullmatch(r"[-_A-Za-z0-9]{1,64}", message.get("topic", ""))), "its topic", "40009")
        demand(len(message.get("message", "").encode()) <= 4_096, "a long message is an attachment", "40014")
        demand(len(message.get("title", "").encode()) <= 1_024, "its title", "40057")
        demand(len(",".join(message.get("tags", [])).encode()) <= 512, "its tags", "40058")
        demand(message.get("priority", 3) in range(1, 6), "its priority", "40007")
        demand(bool(re.fullmatch(r"[-_A-Za-z0-9]{0,64}", message.get("sequence_id", ""))), "its sequence", "40000")
        actions = message.get("actions", [])
        demand(len(actions) <= 3, "over 3 actions", "40018")
        for action in actions:
            held = action["action"] == "view" and bool(action["label"]) and web_address(action["url"], 4_096)
            demand(held, "an action", "40018")
        demand("click" not in message or web_address(message["click"], 4_096), "where a click leads", "40000")
        return message

    def key(self, asked: Asked, message: Any) -> str:
        return str(message.get("sequence_id", ""))

    def success(self, asked: Asked) -> Say:
        return told({"id": "hwQ2YpKdmg", "event": "message", "topic": asked.json["topic"]})

    def refusal(self, fault: str) -> Say:
        code = int(fault) if fault.isdecimal() else 40024
        return told({"code": code, "http": code // 100, "error": "invalid request"}, code // 100)

    def too_many(self, seconds: float) -> Say:
        link = "https://ntfy.sh/docs/publish/#limitations"
        return told({"code": 42901, "http": 429, "error": "limit reached: too many requests", "link": link}, 429)

    def gone(self) -> Say:
        return told({"code": 40301, "http": 403, "error": "forbidden"}, 403)
