"""Telegram and ntfy: what they are sent, and what their own words of refusal mean."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from connectors.http import HttpClient
from listener.alerts.channels import ntfy, telegram
from listener.alerts.channels.contract import Channel, DeliveryError
from listener.alerts.channels.ntfy import Ntfy, NtfyOptions
from listener.alerts.channels.telegram import Telegram, TelegramOptions
from listener.alerts.message import HARMLESS
from listener.alerts.notice import Notice
from tests.chats.chat import told, utf16
from tests.chats.phones import CHAT_ID, TOKEN, shown
from tests.conftest import Golden
from tests.contracts.channels import KEY, NOTICE, NOW, ChannelContract, everywhere, http
from tests.notices import NOTICES
from tests.standins.chat import ChatServer, Say

__all__ = ["http"]

_OURS = re.compile(r"</?(?:b|i|blockquote)>|<a href=\"https://[a-z]+\.example/[^\"]*\">|</a>")


def origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


class TestTelegramContract(ChannelContract):
    limit = 4_096

    def make(self, url: str) -> Channel:
        given = {"token": TOKEN, "chat_id": CHAT_ID, "base_url": origin(url)}
        return Telegram("phones", TelegramOptions.model_validate(given))

    def size(self, body: bytes) -> int:
        return utf16(shown(json.loads(body)["text"]))

    def texts(self, body: bytes) -> Iterable[str]:
        yield _OURS.sub("", json.loads(body)["text"])


class TestNtfyContract(ChannelContract):
    limit = 4_096

    def make(self, url: str) -> Channel:
        given = {"topic": "secret-token-of-a-topic", "server": origin(url), "token": "tk_secret-token"}
        return Ntfy("phones", NtfyOptions.model_validate(given))

    def size(self, body: bytes) -> int:
        return max(len(json.loads(body)["message"].encode()), (len(body) + 1) // 2)

    def texts(self, body: bytes) -> Iterable[str]:
        """It reads no markup and knows no people, so there is nothing to be taken for either."""
        return ()


@pytest.mark.parametrize("name", NOTICES)
@pytest.mark.parametrize("kind", ["telegram", "ntfy"])
def test_what_is_sent(kind: str, name: str, golden: Golden) -> None:
    notice = NOTICES[name]
    sent = telegram.render(notice) if kind == "telegram" else json.loads(ntfy.render(notice, {"topic": "t"}))
    text = json.dumps(sent, ensure_ascii=False, indent=1)
    golden(f"channels/{kind}-{name}.json", text.replace(HARMLESS, "\\u200b") + "\n")


# -- Telegram


def test_telegram_shows_content_as_it_was_written() -> None:
    text = 'Is 1 < 2 & "quoted" <b>bold</b>?'
    message = telegram.render(replace(NOTICE, text=text))
    assert text in shown(message["text"])
    assert html.escape(text, quote=False) in message["text"]
    assert message["link_preview_options"] == {"is_disabled": True}


def test_a_desk_at_home_is_a_link_in_the_text_as_telegram_refuses_such_buttons() -> None:
    message = telegram.render(replace(NOTICE, desk="http://localhost:8400/mentions/1?a=1&b=2"))
    ((button,),) = message["reply_markup"]["inline_keyboard"]
    assert button == {"text": "Open post", "url": NOTICE.url}
    assert "Open at the desk: http://localhost:8400/mentions/1?a=1&amp;b=2" in message["text"]


def test_without_any_link_there_is_no_keyboard() -> None:
    assert "reply_markup" not in telegram.render(replace(NOTICE, url="", desk=""))


def telegram_error(say: Say, http: HttpClient) -> DeliveryError:
    with ChatServer([say]) as chat, pytest.raises(DeliveryError) as caught:
        TestTelegramContract().make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert "secret" not in str(caught.value)
    return caught.value


def said(status: int, description: str, **parameters: Any) -> Say:
    return told({"ok": False, "error_code": status, "description": description, "parameters": parameters}, status)


def test_telegrams_wait_is_in_its_body(http: HttpClient) -> None:
    error = telegram_error(said(429, "Too Many Requests: retry after 35", retry_after=35), http)
    assert error.throttled
    assert error.retry_after == NOW + timedelta(seconds=35)


def test_a_group_that_became_a_supergroup_is_named_by_its_new_number(http: HttpClient) -> None:
    moved = said(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009)
    error = telegram_error(moved, http)
    assert error.permanent == "channel"
    assert "chat_id = -1009" in str(error)


@pytest.mark.parametrize(
    ("status", "description", "permanent"),
    [
        (400, "Bad Request: chat not found", "channel"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "channel"),
        (400, "Bad Request: can't parse entities: Unsupported start tag", "message"),
        (400, "Bad Request: message is too long", "message"),
        (401, "Unauthorized", "channel"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "channel"),
        (404, "Not Found", "channel"),
        (500, "Internal Server Error", ""),
    ],
)
def test_what_telegram_says_decides_between_the_message_and_the_channel(
    status: int, description: str, permanent: str, http: HttpClient
) -> None:
    assert telegram_error(said(status, description), http).permanent == permanent


@pytest.mark.parametrize("token", ["", "123456", "123456:short", "https://api.telegram.org/bot123456:abcdefghijk"])
def test_a_token_that_is_none_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramOptions.model_validate({"token": token, "chat_id": 1})
    assert "@BotFather" in str(caught.value)
    assert not token or token not in str(caught.value)


def test_a_chat_is_a_number_or_the_name_of_a_public_one() -> None:
    for chat, meant in ((-1001234, "-1001234"), (" -1001234", "-1001234"), ("@acme_news", "@acme_news")):
        assert TelegramOptions.model_validate({"token": TOKEN, "chat_id": chat}).chat_id == meant
    with pytest.raises(ValidationError, match="the number of a chat"):
        TelegramOptions.model_validate({"token": TOKEN, "chat_id": "acme news"})


def test_a_probe_asks_for_the_chat_and_sends_nothing(http: HttpClient) -> None:
    with ChatServer([told({"ok": True, "result": {}})]) as chat:
        channel = TestTelegramContract().make(chat.url)
        assert isinstance(channel, Telegram)
        assert channel.probe(http) == "is alive: the bot knows the chat"
    (heard,) = chat.heard
    assert heard.path.endswith("/getChat")
    assert heard.json == {"chat_id": CHAT_ID}


# -- ntfy


def test_ntfy_gets_its_token_its_key_and_what_the_configuration_says(http: HttpClient) -> None:
    given = {"topic": "acme", "token": "tk_1", "priority": 4, "tags": ["warning"]}
    with ChatServer() as chat:
        options = NtfyOptions.model_validate({**given, "server": chat.origin})
        Ntfy("phones", options).deliver(NOTICE, key=KEY, now=NOW, http=http)
    (heard,) = chat.heard
    assert heard.path == "/"
    assert heard.headers["authorization"] == "Bearer tk_1"
    sent = heard.json
    assert (sent["topic"], sent["priority"], sent["tags"], sent["sequence_id"]) == ("acme", 4, ["warning"], KEY)
    assert sent["actions"] == [{"action": "view", "label": "Open post", "url": NOTICE.url}]
    assert sent["click"] == NOTICE.url


def test_ntfy_counts_bytes_of_the_message_and_of_its_json() -> None:
    for text in ("é" * 5_000, '"' * 5_000, "\\n" * 5_000):
        for notice in everywhere(text):
            body = ntfy.render(notice, {"topic": "t" * 64, "sequence_id": KEY})
            assert len(json.loads(body)["message"].encode()) <= 4_096
            assert len(json.loads(body)["title"].encode()) <= 250
            assert len(body) <= 8_192


@pytest.mark.parametrize("wrong", [{"topic": "a b"}, {"topic": ""}, {"tags": ["a,b"]}, {"priority": 6}])
def test_what_ntfy_would_refuse_is_refused_when_it_is_configured(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NtfyOptions.model_validate({"topic": "acme", **wrong})


def test_the_topic_is_a_secret() -> None:
    assert "nobody-guesses" not in repr(NtfyOptions.model_validate({"topic": "nobody-guesses-this"}))


def test_an_empty_notice_says_something_everywhere() -> None:
    nothing = Notice("test", "2026-11-22T02:47:20.000Z")
    assert shown(telegram.render(nothing)["text"]) == "Listener"
    assert json.loads(ntfy.render(nothing, {}))["title"] == "Listener"
