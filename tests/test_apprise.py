"""Apprise: what it is handed, and what is said where it is missing or fails."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from pydantic import SecretStr

from listener.alerts.channels import apprise
from listener.alerts.channels.apprise import Apprise, AppriseOptions
from listener.alerts.channels.contract import Channel, DeliveryError
from tests.contracts.channels import DIGEST, KEY, NOTICE, NOW, everywhere
from tests.standins.chat import RESET, ChatServer, Say

NO_HTTP: Any = None
"""It has its own."""

pytestmark = pytest.mark.filterwarnings("ignore")  # its plugins import what Python has deprecated


@pytest.fixture
def library() -> None:
    pytest.importorskip("apprise")


def channel(url: str) -> Channel:
    return Apprise("else", AppriseOptions(url=SecretStr(url)))


def to(chat: ChatServer) -> Channel:
    return channel(chat.origin.replace("http://", "json://") + "/secret-token")


def fails(asked: Channel) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        asked.deliver(NOTICE, key=KEY, now=NOW, http=NO_HTTP)
    assert "secret-token" not in str(caught.value)
    return caught.value


def test_apprise_is_handed_a_title_and_a_text_with_whole_links(library: None) -> None:
    with ChatServer() as chat:
        for notice in (NOTICE, DIGEST):
            to(chat).deliver(notice, key=KEY, now=NOW, http=NO_HTTP)
    first, second = (heard.json for heard in chat.heard)
    assert first["title"] == "Acme: detractor"
    assert f"Open post: {NOTICE.url}" in first["message"]
    assert second["title"] == "143 mentions in one message"


@pytest.mark.parametrize("say", [Say(500), Say(404), RESET], ids=["500", "404", "reset"])
def test_a_failure_is_tried_again_as_it_does_not_say_why(say: Say, library: None) -> None:
    with ChatServer([say]) as chat:
        error = fails(to(chat))
    assert (error.permanent, error.throttled) == ("", False)


def test_an_address_that_apprise_does_not_know_stops_the_channel(library: None) -> None:
    assert fails(channel("nonsense://secret-token")).permanent == "channel"


def test_without_apprise_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name) if name == "apprise" else importlib.import_module(name)

    monkeypatch.setattr(apprise, "import_module", missing)
    error = fails(channel("json://127.0.0.1/secret-token"))
    assert error.permanent == "channel"
    assert "pip install 'brand-listener[apprise]'" in str(error)


@pytest.mark.parametrize(("title", "body"), [(0, 160), (250, 2_000), (65, 100_000)])
def test_it_fits_what_the_service_takes(title: int, body: int) -> None:
    for text in ("", "x" * 5_000, "😀" * 5_000, "@everyone " * 500):
        for notice in everywhere(text):
            head, said = apprise.render(notice, title, body)
            assert len(head) <= title
            assert len(said) <= body
            assert "@everyone" not in head + said
    assert apprise.render(NOTICE, 0, 4_000)[1].startswith("Acme: detractor\n")


def test_the_address_is_a_secret() -> None:
    assert "secret-token" not in repr(AppriseOptions(url=SecretStr("json://secret-token")))
