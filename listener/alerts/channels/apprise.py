"""Everything else that Apprise (github.com/caronc/apprise) can reach; an extra: pip install brand-listener[apprise]."""

from __future__ import annotations

import logging
from datetime import datetime
from importlib import import_module
from typing import Any, ClassVar

from pydantic import SecretStr

from connectors.contract import Http
from listener.alerts.channels.contract import ChannelOptions, Configured, DeliveryError
from listener.alerts.channels.plain import plain
from listener.alerts.message import Budget, Message, fitted, harmless, message_of, shorten
from listener.alerts.notice import Notice

_MOST_CHARS = 4_000


class AppriseOptions(ChannelOptions):
    """`url` is an address of Apprise's own kind, such as "matrixs://…"."""

    url: SecretStr


class Apprise(Configured[AppriseOptions]):
    """Hands a message to Apprise, whose requests are its own: no guard, no word on when to come back."""

    kind: ClassVar[str] = "apprise"
    options: ClassVar[type[ChannelOptions]] = AppriseOptions

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        library = _library()
        try:
            target = library.Apprise.instantiate(self._options.url.get_secret_value(), suppress_exceptions=True)
            sent = None if target is None else _hand_over(notice, target)
        except Exception as error:  # what a plugin may raise is not known, and its words may hold the address
            raise DeliveryError(f"Apprise failed with {type(error).__name__}.") from None
        if sent is None:
            raise DeliveryError("Apprise does not understand url: `apprise --dry-run` tells more.", "channel")
        if not sent:
            raise DeliveryError("Apprise could not deliver; it does not say why.")


def _library() -> Any:
    try:
        library = import_module("apprise")
    except ImportError:
        told = "Apprise is not installed: pip install 'brand-listener[apprise]' brings it."
        raise DeliveryError(told, "channel") from None
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they write addresses with their secrets
    return library


def _hand_over(notice: Notice, target: Any) -> bool:
    title, body = render(notice, int(target.title_maxlen), int(target.body_maxlen))
    return bool(target.notify(body=body, title=title, body_format="text"))


def render(notice: Notice, title_chars: int, body_chars: int) -> tuple[str, str]:
    """(title, body) in plain text; services without titles (0 characters) have it in the body's first line."""

    def lay_out(budget: Budget) -> str:
        message = message_of(notice, budget)
        head = [] if title_chars else [message.head]
        return harmless("\n".join((*head, *plain(message, links=True))))

    limit = min(body_chars, _MOST_CHARS)
    body = fitted(lay_out, len, limit)
    title = shorten(message_of(notice).head, min(title_chars, 150), harmless) if title_chars else ""
    return title, body if len(body) <= limit else _in_a_line(message_of(notice), limit)


def _in_a_line(message: Message, limit: int) -> str:
    """For a short message of a phone network: as much as there is room for beside the first link that fits whole."""
    url = next((f"\n{link.url}" for link in message.links if len(link.url) <= limit // 2), "")
    return shorten(message.short, limit - len(url), harmless) + url
