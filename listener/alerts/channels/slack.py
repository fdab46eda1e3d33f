"""Slack's incoming webhooks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from connectors.contract import Http
from connectors.errors import BadAnswer, FetchError
from listener.alerts.channels.contract import (
    ChannelOptions,
    DeliveryError,
    Permanent,
    SecretUrl,
    delivery_error,
    post_message,
)
from listener.alerts.notice import Count, Digest, Line, Notice

# Slack counts characters of the escaped text; over ~13,200 in all it refuses the message, undocumented.
_FALLBACK = 300
_HEADER = 150
_SECTION = 3_000
_CONTEXT = 600
_COUNTS = 2_000
_LINES = 7_000
_LINE_TEXT = 300
_BUTTON_URL = 3_000
_LINE_URL = 700

_VERDICTS: Mapping[int, Permanent] = {
    **dict.fromkeys((400, 413), "message"),
    **dict.fromkeys((403, 404, 410), "channel"),
}

_REFUSALS_OF_NOTHING = {"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"}
_FAULT = re.compile(rb"[a-z][a-z_]{2,60}")

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Line and direction controls, which could dress one text up as another; tab and newline stay.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MENTION = re.compile(r"@(?=\w)")
_MASKED_LINK = re.compile(r"\](?=\()")
_HARMLESS = "\u200b"  # a zero-width space: seen by the parser of the chat, not by people
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\^`{|}/?#]+[^\s<>\"\\^`{|}]*", re.IGNORECASE)


class SlackOptions(ChannelOptions):
    url: SecretUrl


class Slack:
    kind: ClassVar[str] = "slack"
    options: ClassVar[type[ChannelOptions]] = SlackOptions

    def __init__(self, name: str, options: SlackOptions) -> None:
        self.name = name
        self._options = options

    @property
    def per_second(self) -> float:
        return self._options.per_second

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        """Slack knows no idempotency key: an answer that is lost on its way means a second message."""
        body = json.dumps(render(notice), ensure_ascii=False, separators=(",", ":")).encode()
        post_message(http, self._options.url, body, {}, _VERDICTS)

    def probe(self, http: Http) -> str:
        """A message without a text: a live webhook refuses it and names the fault, a dead one names its own."""
        headers = {"Content-Type": "application/json"}
        try:
            http.post(self._options.url.get_secret_value(), content=b"{}", headers=headers, follow=False)
        except FetchError as error:
            word = _fault(error.answer)
            if error.status == 400 and word in _REFUSALS_OF_NOTHING:
                return f"is alive: it refused an empty message ({word})"
            if not (error.status == 400 or (isinstance(error, BadAnswer) and 200 <= error.status < 300)):
                failure = delivery_error(error, _VERDICTS)
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
    """The payload, under 12,000 characters in all: a long quote is cut, the link never is."""
    blocks = _digest_blocks(notice.digest) if notice.digest else _mention_blocks(notice)
    head = _headline(notice)
    return {
        "text": fit(head if notice.digest else f"{head}: {notice.title or notice.text}", _FALLBACK),
        "blocks": [{"type": "header", "text": _plain(head, _HEADER)}, *blocks],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def neutral(text: str) -> str:
    """`text` so that Slack shows it as it is: no entity, mention, channel call, masked link or control."""
    shown = _CONTROLS.sub("", text)
    shown = _MASKED_LINK.sub("]" + _HARMLESS, _MENTION.sub("@" + _HARMLESS, shown))
    return shown.translate(_ENTITIES)


def fit(text: str, limit: int) -> str:
    """`text` neutral, on one line, and at most `limit` characters with no entity cut in two."""
    return _fit_neutral(neutral(" ".join(text[: 2 * limit].split())), limit)


def _fit_neutral(safe: str, limit: int) -> str:
    if len(safe) <= limit:
        return safe
    kept = safe[: limit - 1]
    entity = kept.rfind("&")  # neutral text holds no other ampersand than that of an entity
    if entity != -1 and ";" not in kept[entity:]:
        kept = kept[:entity]
    return kept + "…"


def web_address(url: str, limit: int) -> str:
    """`url` if a person may be sent there and it fits, else ""."""
    return url if len(url) <= limit and _WEB_ADDRESS.fullmatch(url) else ""


def _headline(notice: Notice) -> str:
    if notice.digest or not notice.brand:
        return notice.title
    said = "answer overdue" if notice.type == "case.overdue" else notice.label.replace("_", " ")
    return f"{notice.brand}: {said}"


def _mention_blocks(notice: Notice) -> Iterable[dict[str, Any]]:
    if notice.brand and notice.title:
        yield {"type": "section", "text": _plain(notice.title, _FALLBACK)}
    if notice.text:
        quote = _fit_neutral(neutral(notice.text[:_SECTION].strip()), _SECTION) or "…"
        yield {"type": "section", "text": {"type": "plain_text", "text": quote, "emoji": False}}
    for line in (_origin(notice), _reasons(notice)):
        if line:
            yield {"type": "context", "elements": [_plain(line, _CONTEXT)]}
    post, desk = web_address(notice.url, _BUTTON_URL), web_address(notice.desk, _LINE_URL)
    links = (("Open post", post), ("Open at the desk", desk))
    buttons = [{"type": "button", "text": _plain(said, 75), "url": address} for said, address in links if address]
    if buttons:
        yield {"type": "actions", "elements": buttons}


def _origin(notice: Notice) -> str:
    parts = [notice.source]
    if notice.author:
        parts.append(f"by {notice.author}")
    if notice.published_at:
        parts.append(f"{notice.published_at[:16].replace('T', ' ')} UTC")
    if notice.label:
        parts.append(f"score {notice.value:+.2f}, {notice.confidence:.0%} sure")
    return " · ".join(part for part in (*parts, notice.language) if part)


def _reasons(notice: Notice) -> str:
    parts = [*notice.reasons, *([f"rule {notice.rule}"] if notice.rule else [])]
    if notice.why:
        parts.append(f"matched {', '.join(notice.why)}")
    if notice.explanation:
        parts.append(", ".join(f"{word} {weight:+.2f}" for word, weight in notice.explanation))
    return f"Why you got this: {' · '.join(parts)}" if parts else ""


def _digest_blocks(digest: Digest) -> Iterable[dict[str, Any]]:
    counts = "\n".join(_count(count) for count in digest.counts)
    yield {"type": "section", "text": {"type": "mrkdwn", "text": _fit_neutral(counts, _COUNTS) or "…"}}
    room = _LINES
    for line in digest.surest:
        shown = _line(line)
        room -= len(shown)
        if room < 0:
            break
        yield {"type": "section", "text": {"type": "mrkdwn", "text": shown}}
    told = "Too many waited for this channel to be told one by one; all of them are in Listener."
    yield {"type": "context", "elements": [_plain(told, _CONTEXT)]}


def _count(count: Count) -> str:
    return f"{count.mentions} × {fit(f'{count.brand}: {count.label}', _LINE_TEXT)}"


def _line(line: Line) -> str:
    """One mention with its link, which is ours: what stands in it was checked, its caption made neutral."""
    caption = fit(line.title, _LINE_TEXT) or "untitled"
    address = web_address(line.url, _LINE_URL)
    linked = f"<{address.translate(_ENTITIES)}|{caption}>" if address else caption
    return f"{linked} ({fit(f'{line.brand}: {line.label}, {line.confidence:.0%} sure', _LINE_TEXT)})"


def _plain(text: str, limit: int) -> dict[str, Any]:
    """Text that Slack reads no markup in."""
    return {"type": "plain_text", "text": fit(text, limit) or "…", "emoji": False}
