"""The obligations of `listener.alerts.channels.contract.Channel`, for any channel: subclass and say how to make one.

class TestMine(ChannelContract):
    def make(self, url: str) -> Channel: ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.http import HttpClient
from listener.alerts import notice as notices
from listener.alerts.channels.contract import Channel, ChannelOptions, DeliveryError, Probes
from listener.alerts.notice import Count, Digest, Line, Notice
from tests.standins.chat import LOST, RESET, ChatServer, Say

NOW = datetime(2026, 11, 22, 2, 47, 23, tzinfo=UTC)
KEY = "k2r5znsyqfdxsdlm"

NOTICE = Notice(
    type="mention.detractor",
    found_at="2026-11-22T02:47:20.000Z",
    brand="Acme",
    rule="angry",
    label="detractor",
    value=-0.62,
    confidence=0.91,
    language="en",
    source="hn",
    author="alice",
    title="Acme lost my data",
    text="Third crash this week & support is <silent>.",
    url="https://example.org/posts/1?a=1&b=2",
    published_at="2026-11-22T02:40:00.000Z",
    explanation=(("crash", -0.42), ("silent", -0.2)),
    why=("acme",),
    mention_id="mention1",
)
DIGEST = Notice(
    type="mention.digest",
    found_at="2026-11-22T02:47:20.000Z",
    rule="flood guard",
    title="143 mentions in one message",
    digest=Digest(
        total=143,
        counts=(Count("Acme", "detractor", 120), Count("Acme", "promoter", 23)),
        surest=tuple(Line("Acme", "detractor", 0.99, f"Title {n}", f"https://example.org/{n}") for n in range(10)),
        members=tuple(f"member{n}" for n in range(143)),
    ),
)


def everywhere(text: str) -> tuple[Notice, Notice]:
    """A mention and a digest with `text` in every field but the link."""
    mention = replace(
        NOTICE,
        brand=text,
        rule=text,
        label=text,
        language=text,
        source=text,
        author=text,
        title=text,
        text=text,
        explanation=((text, -1.0),) * 10,
        why=(text,) * 10,
    )
    digest = Digest(
        total=99,
        counts=(Count(text, text, 9),) * 50,
        surest=tuple(Line(text, text, 0.9, text, f"https://example.org/{n}") for n in range(10)),
        members=("m",) * 99,
    )
    return mention, replace(DIGEST, title=text, rule=text, digest=digest)


@pytest.fixture
def http() -> Iterator[HttpClient]:
    with HttpClient(
        user_agent="Listener tests (+https://example.org)",
        now=lambda: NOW,
        deadline=5.0,
        allow_private=["127.0.0.1/32"],
    ) as client:
        yield client


class ChannelContract:
    def make(self, url: str) -> Channel:
        raise NotImplementedError

    def test_it_is_a_channel_with_a_pace_and_options_that_refuse_unknown_keys(self) -> None:
        channel = self.make("https://example.org/hook")
        assert isinstance(channel, Channel)
        assert channel.per_second > 0
        assert issubclass(type(channel).options, ChannelOptions)
        assert type(channel).options.model_config.get("extra") == "forbid"
        assert type(channel).options.model_config.get("hide_input_in_errors") is True

    @pytest.mark.parametrize("notice", [NOTICE, DIGEST, notices.test_notice("mine", NOW)], ids=lambda n: n.type)
    def test_one_delivery_is_one_request(self, notice: Notice, http: HttpClient) -> None:
        with ChatServer() as chat:
            self.make(chat.url).deliver(notice, key=KEY, now=NOW, http=http)
        assert len(chat.heard) == 1

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_any_2xx_is_success_whatever_it_says(self, status: int, http: HttpClient) -> None:
        with ChatServer([Say(status, body=b"" if status == 204 else b"<html>fine</html>")]) as chat:
            self.make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
        assert len(chat.heard) == 1

    def test_the_same_notice_under_the_same_key_gives_the_same_bytes(self, http: HttpClient) -> None:
        with ChatServer() as chat:
            channel = self.make(chat.url)
            channel.deliver(NOTICE, key=KEY, now=NOW, http=http)
            channel.deliver(Notice.from_json(NOTICE.to_json()), key=KEY, now=NOW + timedelta(hours=1), http=http)
        first, second = chat.heard
        assert first.body == second.body
        assert first.key == second.key

    @pytest.mark.parametrize(
        "say", [Say(500), Say(502), Say(504), RESET, LOST], ids=["500", "502", "504", "reset", "lost"]
    )
    def test_trouble_that_may_pass_is_not_permanent(self, say: Say, http: HttpClient) -> None:
        error = self._fails(say, http)
        assert error.permanent == ""
        assert not error.throttled

    def test_429_hands_on_when_to_come_back(self, http: HttpClient) -> None:
        error = self._fails(Say(429, {"Retry-After": "17"}), http)
        assert error.throttled
        assert error.permanent == ""
        assert error.retry_after == NOW + timedelta(seconds=17)

    def test_410_closes_the_channel(self, http: HttpClient) -> None:
        assert self._fails(Say(410), http).permanent == "channel"

    def test_a_redirect_is_a_failure_and_not_followed(self, http: HttpClient) -> None:
        with ChatServer() as other:
            error = self._fails(Say(307, {"Location": other.url}), http)
            assert other.heard == []
        assert error.permanent == ""

    def test_a_private_address_that_nobody_allowed_says_how_to_allow_it(self) -> None:
        with HttpClient(user_agent="x", now=lambda: NOW) as guarded, ChatServer() as chat:
            with pytest.raises(DeliveryError) as caught:
                self.make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=guarded)
            assert chat.heard == []
        assert caught.value.permanent == "channel"
        assert "[alerting] allow_private" in str(caught.value)

    @pytest.mark.parametrize(
        "text", ["", "x" * 100_000, "&" * 5_000, "\x00\n\t\u202e\u2028", "😀" * 5_000, '"\\' * 5_000]
    )
    def test_empty_long_and_odd_fields_neither_break_nor_bloat_a_message(self, text: str, http: HttpClient) -> None:
        with ChatServer() as chat:
            for notice in everywhere(text):
                self.make(chat.url).deliver(notice, key=KEY, now=NOW, http=http)
        for heard in chat.heard:
            heard.body.decode("utf-8")
            assert len(heard.body) < 60_000

    @pytest.mark.parametrize("say", [Say(404), Say(410), Say(500), RESET], ids=["404", "410", "500", "reset"])
    def test_a_probe_raises_where_no_message_would_arrive(self, say: Say, http: HttpClient) -> None:
        if not isinstance(self.make("https://example.org/hook"), Probes):
            pytest.skip("it cannot be tried without sending")
        error = self._fails(say, http, probe=True)
        assert error.permanent == "channel" or say.status != 410

    def _fails(self, say: Say, http: HttpClient, *, probe: bool = False) -> DeliveryError:
        with ChatServer([say]) as chat:
            channel = self.make(chat.url)
            with pytest.raises(DeliveryError) as caught:
                if probe and isinstance(channel, Probes):
                    channel.probe(http)
                else:
                    channel.deliver(NOTICE, key=KEY, now=NOW, http=http)
            assert len(chat.heard) == 1
        assert "secret-token" not in str(caught.value)
        assert "T000" not in str(caught.value)
        return caught.value
