"""ntfy: push messages to phones and desktops, by ntfy.sh or a server of your own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from connectors.contract import Http, web_address
from listener.alerts.channels.contract import ChannelOptions, Configured, Refusals, post_message
from listener.alerts.channels.plain import plain
from listener.alerts.channels.posting import as_json
from listener.alerts.message import Budget, Message, fitted, message_of, shorten, utf8
from listener.alerts.notice import Notice

_MESSAGE_BYTES = 4_096  # more becomes an attached file, or is refused
_TITLE_BYTES = 250
_LINK_CHARS = 1_000
_KEY = re.compile(r"[-_A-Za-z0-9]{1,64}")
_REFUSALS = Refusals(message=(400, 413), channel=(401, 403, 404, 410))


def _topic(secret: SecretStr) -> SecretStr:
    if not _KEY.fullmatch(secret.get_secret_value()):
        raise ValueError("must be 1 to 64 letters, digits, - or _")
    return secret


def _tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    if any(not tag or "," in tag for tag in tags) or utf8(",".join(tags)) > 512:
        raise ValueError("must be words without commas, 512 bytes in all")
    return tags


class NtfyOptions(ChannelOptions):
    """Whoever knows the `topic` can read and write it, so it is a secret; `priority` is 1 (least) to 5."""

    topic: Annotated[SecretStr, AfterValidator(_topic)]
    server: Annotated[str, AfterValidator(web_address)] = "https://ntfy.sh"
    token: SecretStr | None = None
    priority: int = Field(default=3, ge=1, le=5)
    tags: Annotated[tuple[str, ...], AfterValidator(_tags)] = ()
    per_second: float = Field(default=0.5, ge=0.05, le=100)


class Ntfy(Configured[NtfyOptions]):
    """Publishes as JSON. A message that is sent again replaces itself on the phone: its sequence is the key."""

    kind: ClassVar[str] = "ntfy"
    options: ClassVar[type[ChannelOptions]] = NtfyOptions

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        options = self._options
        own: dict[str, Any] = {"topic": options.topic.get_secret_value(), "priority": options.priority}
        if options.tags:
            own["tags"] = options.tags
        if _KEY.fullmatch(key):
            own["sequence_id"] = key
        headers = {"Authorization": f"Bearer {options.token.get_secret_value()}"} if options.token else {}
        post_message(http, SecretStr(options.server), render(notice, own), headers, _REFUSALS, now)


def render(notice: Notice, own: Mapping[str, Any]) -> bytes:
    """The body, with the fields of `own`: 4,096 bytes of message at most, and twice as many in all."""

    def lay_out(budget: Budget) -> tuple[bytes, bytes]:
        message = message_of(notice, budget, longest_link=_LINK_CHARS)
        text = "\n".join(plain(message))
        return text.encode(), _body(message, text, own)

    return fitted(lay_out, lambda laid: max(len(laid[0]), (len(laid[1]) + 1) // 2), _MESSAGE_BYTES)[1]


def _body(message: Message, text: str, own: Mapping[str, Any]) -> bytes:
    actions = [{"action": "view", "label": link.words, "url": link.url} for link in message.links]
    whole = {**own, "title": shorten(message.head, _TITLE_BYTES, size=utf8), "message": text, "actions": actions}
    if message.links:
        whole["click"] = message.links[0].url
    return as_json(whole)
