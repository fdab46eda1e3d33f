"""Telegram, by a bot of your own that was added to the chat."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from connectors.contract import Http, web_address
from connectors.errors import BadAnswer, FetchError
from listener.alerts.channels.contract import ChannelOptions, Configured, DeliveryError, Refusals, delivery_error
from listener.alerts.channels.posting import as_json
from listener.alerts.message import Budget, Link, Message, clean, fitted, harmless, message_of, utf16
from listener.alerts.notice import Notice

_UNITS = 4_096
_BUTTON_WORDS = 60
_REFUSALS = Refusals(
    message=(400, 413),
    channel=(401, 403, 404, 410),
    closed=re.compile(
        rb"chat not found|upgraded to a supergroup|not enough rights|have no rights|need administrator rights"
        rb"|write_forbidden|topic_closed|thread not found|user is deactivated",
        re.IGNORECASE,
    ),
    wait=("parameters", "retry_after"),
)
_MOVED = re.compile(rb'"migrate_to_chat_id" ?: ?(-?[0-9]{1,20})[^0-9]')
_TAG = re.compile("<[^>]*>")
# Telegram refuses the whole message for a button that leads to "localhost" or another name without a dot.
_PUBLIC_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?")


def _bot_token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,200}", text):
        raise ValueError("must be the token that @BotFather gave out: digits, a colon, letters")
    return SecretStr(text)


def _chat(chat: int | str) -> str:
    text = str(chat).strip()
    if not re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}", text):
        raise ValueError('must be the number of a chat, such as -1001234567890, or "@name_of_a_channel"')
    return text


class TelegramOptions(ChannelOptions):
    """The default pace is what a group takes: 20 messages a minute."""

    token: Annotated[SecretStr, AfterValidator(_bot_token)]
    chat_id: Annotated[int | str, AfterValidator(_chat)]
    base_url: Annotated[str, AfterValidator(web_address)] = "https://api.telegram.org"
    per_second: float = Field(default=0.3, ge=0.05, le=100)


class Telegram(Configured[TelegramOptions]):
    """Posts with `sendMessage`. Telegram knows no idempotency key: a lost answer means a second message."""

    kind: ClassVar[str] = "telegram"
    options: ClassVar[type[ChannelOptions]] = TelegramOptions

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        self._call("sendMessage", render(notice), http, now)

    def probe(self, http: Http) -> str:
        """Asks about the chat: nobody gets to see that."""
        self._call("getChat", {}, http, None)
        return "is alive: the bot knows the chat"

    def _call(self, method: str, message: Mapping[str, Any], http: Http, now: datetime | None) -> None:
        url = f"{self._options.base_url.rstrip('/')}/bot{self._options.token.get_secret_value()}/{method}"
        content = as_json({"chat_id": self._options.chat_id, **message})
        try:
            http.post(url, content=content, headers={"Content-Type": "application/json"}, follow=False)
        except FetchError as error:
            if not (isinstance(error, BadAnswer) and 200 <= error.status < 300):
                raise _failure(error, now) from None


def render(notice: Notice) -> dict[str, Any]:
    """The message without its chat: at most 4,096 UTF-16 units as people see it."""
    text, links = fitted(lambda budget: _laid_out(notice, budget), lambda laid: utf16(_shown(laid[0])), _UNITS)
    message: dict[str, Any] = {"text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}
    if links:
        rows = [[{"text": link.words[:_BUTTON_WORDS], "url": link.url}] for link in links]
        message["reply_markup"] = {"inline_keyboard": rows}
    return message


def _laid_out(notice: Notice, budget: Budget) -> tuple[str, Sequence[Link]]:
    message = message_of(notice, budget)
    buttons = [link for link in message.links if _PUBLIC_HOST.fullmatch(urlsplit(link.url).netloc)]
    quoted = notice.digest is None and notice.type.startswith(("mention.", "case."))
    lines = "\n".join(_lines(message, "blockquote" if quoted else ""))
    others = "".join(f"\n{link.words}: {_safe(link.url)}" for link in message.links if link not in buttons)
    return lines + others, buttons


def _lines(message: Message, around_the_quote: str) -> Iterator[str]:
    yield f"<b>{_safe(message.head)}</b>"
    if message.title:
        yield _safe(message.title)
    if message.quote:
        quote = _safe(message.quote)
        yield f"<{around_the_quote}>{quote}</{around_the_quote}>" if around_the_quote else quote
    for what, said in message.facts:
        yield f"{_safe(what)}: <b>{_safe(said)}</b>"
    for text, url in message.items:
        yield f'• <a href="{html.escape(url)}">{_safe(text)}</a>' if url else f"• {_safe(text)}"
    for line in message.lines:
        yield f"<i>{_safe(line)}</i>"


def _safe(text: str) -> str:
    return html.escape(harmless(clean(text)), quote=False)


def _shown(markup: str) -> str:
    """What people see of it. Outside of tags there are no other entities."""
    return _TAG.sub("", markup).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _failure(error: FetchError, now: datetime | None) -> DeliveryError:
    if moved := _MOVED.search(error.answer):
        told = f"The chat has become a supergroup: this channel needs chat_id = {moved[1].decode()} from now on."
        return DeliveryError(told, "channel")
    failure = delivery_error(error, _REFUSALS, now)
    if _REFUSALS.closed and (fault := _REFUSALS.closed.search(error.answer)):
        told = f'{failure} Telegram says "{fault[0].decode().lower()}": check chat_id and what the bot may do there.'
        return DeliveryError(told, "channel")
    return failure
