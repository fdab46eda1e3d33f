"""The server before all chats: each has its own path."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.chats.chat import Asked, Chat
from tests.chats.phones import Ntfy, Telegram
from tests.chats.rooms import Discord, GoogleChat, Mattermost, Slack, Teams, Webhook
from tests.standins.chat import ChatServer, Heard, Say

KINDS: tuple[type[Chat], ...] = (Slack, Discord, Teams, Mattermost, GoogleChat, Telegram, Webhook, Ntfy)


class Chats(ChatServer):
    """Use as a context manager; `now` is the time by which the chats keep their pace."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._chats = {kind.name: kind(now) for kind in KINDS}

    def __getitem__(self, name: str) -> Chat:
        return self._chats[name]

    def __enter__(self) -> Chats:
        super().__enter__()
        return self

    def address(self, name: str) -> str:
        """Where messages for this chat go, as its own page of settings would show it."""
        return self.origin + self._chats[name].path

    def take(self, path: str, headers: dict[str, str], body: bytes, method: str = "POST") -> Say:
        with self._guard:
            chat = next((one for one in self._chats.values() if one.owns(path)), None)
            say = chat.answer(Asked(method, path, headers, body)) if chat else Say(404, body=b"no such chat")
            self.heard.append(Heard(path, headers, body, 0.0, say.takes))
            return say
