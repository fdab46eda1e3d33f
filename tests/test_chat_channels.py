"""Discord, Teams, Mattermost and Google Chat, each by the rules of its own; and what all channels make of six notices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.http import HttpClient
from listener import config
from listener.alerts.channels.contract import Channel, DeliveryError, Permanent, Probes, Refusals
from listener.alerts.channels.discord import Discord, DiscordOptions
from listener.alerts.channels.googlechat import GoogleChat, GoogleChatOptions
from listener.alerts.channels.markdown import markdown
from listener.alerts.channels.mattermost import Mattermost, MattermostOptions
from listener.alerts.channels.slack import Slack, SlackOptions
from listener.alerts.channels.teams import Teams, TeamsOptions
from listener.alerts.channels.webhook import Webhook, WebhookOptions
from listener.alerts.message import HARMLESS, clean, utf16
from listener.alerts.notice import Notice
from tests.conftest import Golden
from tests.contracts.channels import KEY, NOTICE, NOW, Caught, ChannelContract, http, strings
from tests.notices import DIGEST, MENTION, NOTICES, REPORT
from tests.standins.chat import ChatServer, Say

__all__ = ["http"]


def units(text: str) -> int:
    """UTF-16, counted another way than it is by us."""
    return sum(2 if ord(sign) > 0xFFFF else 1 for sign in text)


class TestDiscordContract(ChannelContract):
    limit = 6_000

    def make(self, url: str) -> Channel:
        return Discord("ops", DiscordOptions(url=SecretStr(url)))

    def size(self, body: bytes) -> int:
        message = json.loads(body)
        assert message["allowed_mentions"] == {"parse": []}
        (embed,) = message["embeds"]
        footer = embed.get("footer", {}).get("text", "")
        assert 0 < units(embed["title"]) <= 256
        assert units(embed["description"]) <= 4_096
        assert units(footer) <= 2_048
        assert len(embed["fields"]) <= 25
        told = [embed["title"], embed["description"], footer]
        for one in embed["fields"]:
            assert 0 < units(one["name"]) <= 256
            assert 0 < units(one["value"]) <= 1_024
            told += [one["name"], one["value"]]
        return sum(map(units, told))


class TestTeamsContract(ChannelContract):
    limit = 21_000

    def make(self, url: str) -> Channel:
        return Teams("ops", TeamsOptions(url=SecretStr(url)))

    def texts(self, body: bytes) -> Iterable[str]:
        """Runs are shown as they are written; the schema's address is nobody's to see."""
        return (text for text in super().texts(body) if not text.startswith("http://adaptivecards.io"))


class TestMattermostContract(ChannelContract):
    limit = 16_383

    def make(self, url: str) -> Channel:
        return Mattermost("ops", MattermostOptions(url=SecretStr(url)))

    def size(self, body: bytes) -> int:
        return sum(map(len, strings(json.loads(body))))


class TestGoogleChatContract(ChannelContract):
    limit = 32_000

    def make(self, url: str) -> Channel:
        return GoogleChat("ops", GoogleChatOptions(url=SecretStr(url)))


CONTRACTS: tuple[ChannelContract, ...] = (
    TestDiscordContract(),
    TestTeamsContract(),
    TestMattermostContract(),
    TestGoogleChatContract(),
)
CHANNELS: dict[str, Channel] = {
    "slack": Slack("ops", SlackOptions(url=SecretStr("https://example.org/hook"))),
    "webhook": Webhook("ops", WebhookOptions(url=SecretStr("https://example.org/hook"))),
    **{
        contract.make("https://example.org/hook").kind: contract.make("https://example.org/hook")
        for contract in CONTRACTS
    },
}


def payload(kind: str, notice: Notice) -> Any:
    caught: Any = Caught()
    CHANNELS[kind].deliver(notice, key=KEY, now=NOW, http=caught)
    return json.loads(caught.bodies[0])


# -- all of them


@pytest.mark.parametrize("name", NOTICES)
@pytest.mark.parametrize("kind", CHANNELS)
def test_what_people_get_to_see_changes_on_purpose_only(kind: str, name: str, golden: Golden) -> None:
    shown = json.dumps(payload(kind, NOTICES[name]), ensure_ascii=False, indent=2)
    golden(f"channels/{kind}-{name}.json", shown.replace(HARMLESS, "\\u200b") + "\n")


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "webhook"])
def test_everybody_reads_what_where_why_and_the_figures(kind: str) -> None:
    seen = " ".join(strings(payload(kind, MENTION))).replace("\\", "")
    for part in ("Acme: detractor", "Acme lost my data", "Third crash", "by alice", "2026-11-22 02:40 UTC", "91% sure"):
        assert part in seen
    for part in ("rule unhappy-customer", "matched acme", "crash -0.42", "Reach", "12,400 followers"):
        assert part in seen
    report = " ".join(strings(payload(kind, REPORT)))
    for part in ("Acme on 21 November 2026", "3 need an answer.", "NPS", "−12 (−31 to +8)"):
        assert part in report


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_report_for_mail_is_for_mail_alone(kind: str) -> None:
    assert payload(kind, replace(REPORT, html="<p>all of it</p>")) == payload(kind, REPORT)


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "webhook"])
def test_what_fits_is_said_whole(kind: str) -> None:
    long = replace(MENTION, text="Wort " * 399, facts=tuple((f"fact {n}", "f" * 90) for n in range(20)))
    seen = list(strings(payload(kind, long)))
    assert max(text.count("Wort") for text in seen) == 399
    assert any("fact 19" in text for text in seen)


def test_the_quote_is_cut_before_anything_else_and_no_more_than_it_must_be() -> None:
    long = replace(MENTION, text="Wort " * 399, facts=tuple((f"fact {n}", "f" * 250) for n in range(15)))
    (embed,) = payload("discord", long)["embeds"]
    assert [one["value"] for one in embed["fields"]] == ["f" * 250] * 15
    assert embed["description"].startswith("**Acme lost my data**")
    assert embed["url"] == MENTION.url
    assert 5_990 < TestDiscordContract().size(json.dumps(payload("discord", long)).encode()) <= 6_000


@pytest.mark.parametrize(
    ("kind", "status", "permanent"),
    [
        *((kind, 400, "message") for kind in ("discord", "teams", "mattermost", "googlechat")),
        *((kind, 413, "message") for kind in ("discord", "teams", "mattermost", "googlechat")),
        *((kind, 401, "channel") for kind in ("discord", "teams", "mattermost", "googlechat")),
        *((kind, 404, "channel") for kind in ("discord", "teams", "mattermost", "googlechat")),
        *((kind, 503, "") for kind in ("discord", "teams", "mattermost", "googlechat")),
        ("mattermost", 501, "channel"),
    ],
)
def test_statuses_say_what_is_for_good(kind: str, status: int, permanent: Permanent, http: HttpClient) -> None:
    assert failure(kind, Say(status), http).permanent == permanent


def failure(kind: str, say: Say, http: HttpClient) -> DeliveryError:
    with ChatServer([say]) as chat, pytest.raises(DeliveryError) as caught:
        make(kind, chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert "secret-token" not in str(caught.value)
    return caught.value


def make(kind: str, url: str) -> Channel:
    return type(CHANNELS[kind])("ops", type(CHANNELS[kind]).options.model_validate({"url": url}))


def requested(kind: str, url: str, http: HttpClient) -> str:
    with ChatServer() as chat:
        make(kind, chat.origin + url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    return chat.heard[0].path


# -- what an answer's own words add


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(b'{"retry_after": 0.65}', 0.65), (b'{"retry_after": "3"}', 3), (b'{"retry_after": 1e300}', 86_400)],
)
def test_seconds_are_read_from_an_answer(answer: bytes, seconds: float) -> None:
    assert Refusals(wait=("retry_after",)).retry_after(answer, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"retry_after": null}',
        b'{"retry_after": -1}',
        b'{"retry_after": NaN}',
        b"[" * 9_000,
        b'{"retry_after": {}}',
        b'{"retry_after": "soon"}',
        b"<html>",
        b"\xff",
    ],
)
def test_an_answer_that_names_no_wait_names_none(answer: bytes) -> None:
    assert Refusals(wait=("retry_after",)).retry_after(answer, NOW) is None


# -- discord


def test_discord_is_told_to_come_back_in_seconds_of_a_fraction(http: HttpClient) -> None:
    body = json.dumps({"message": "You are being rate limited.", "retry_after": 64.57, "global": False}).encode()
    error = failure("discord", Say(429, {"Retry-After": "65"}, body), http)
    assert error.throttled
    assert error.retry_after == NOW + timedelta(seconds=64.57)


@pytest.mark.parametrize(
    ("given_", "asked"),
    [
        ("/api/webhooks/1/token", "/api/v10/webhooks/1/token?wait=true"),
        ("/api/v6/webhooks/1/token", "/api/v10/webhooks/1/token?wait=true"),
        ("/api/webhooks/1/token?thread_id=5", "/api/v10/webhooks/1/token?thread_id=5&wait=true"),
        ("/elsewhere/webhooks/1/token", "/elsewhere/webhooks/1/token?wait=true"),
    ],
)
def test_discord_is_asked_by_a_version_that_tells_seconds(given_: str, asked: str, http: HttpClient) -> None:
    assert requested("discord", given_, http) == asked


def test_discord_is_tried_with_a_request_that_posts_nothing(http: HttpClient) -> None:
    with ChatServer([Say(200, body=b'{"type": 1}')]) as chat:
        channel = make("discord", f"{chat.origin}/api/webhooks/1/token")
        assert isinstance(channel, Probes)
        assert channel.probe(http).startswith("is alive")
    assert [heard.path for heard in chat.heard] == ["/api/v10/webhooks/1/token"]
    assert chat.heard[0].body == b""


# -- teams


@pytest.mark.parametrize(
    ("status", "permanent", "throttled"),
    [(429, "", True), (413, "message", False), (404, "channel", False), (502, "", False)],
)
def test_a_refusal_of_teams_that_comes_as_success_is_none(
    status: int, permanent: Permanent, throttled: bool, http: HttpClient
) -> None:
    told = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with ContextId x"
    error = failure("teams", Say(200, body=told.encode()), http)
    assert (error.permanent, error.throttled) == (permanent, throttled)


def test_teams_gets_a_card_of_a_version_that_it_shows_with_no_markdown_in_it() -> None:
    (attachment,) = payload("teams", MENTION)["attachments"]
    card = attachment["content"]
    assert card["version"] == "1.4"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [action["url"] for action in card["actions"]] == [MENTION.url, MENTION.desk]


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("acme.webhook.office.com", True),
        ("prod-1.westeurope.logic.azure.com:443", False),
        ("default1.2.environment.api.powerplatform.com", False),
        ("webhook.office.com.example", False),
    ],
)
def test_addresses_of_teams_that_are_to_go_are_warned_of(host: str, warned: bool) -> None:
    channel = make("teams", f"https://{host}/secret-token")
    assert isinstance(channel, Teams)
    assert bool(channel.warning) == warned
    assert "secret-token" not in channel.warning


@pytest.mark.parametrize("host", ["acme.webhook.office.com", "prod-1.westeurope.logic.azure.com"])
def test_the_configuration_warns_of_them_and_shows_no_secret(host: str, tmp_path: Path) -> None:
    channel = {"name": "team", "type": "teams", "url": f"https://{host}/secret-token"}
    loaded = config.read(tmp_path / "listener.toml", {"channels": [channel]}, {})
    assert [w.startswith('channels "team": addresses at') for w in loaded.warnings] == [True] * ("office" in host)
    assert "secret-token" not in "".join(loaded.warnings)


# -- mattermost


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (b'{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook.","status_code":400}', "channel"),
        (b'{"id":"web.incoming_webhook.channel.app_error"}', "channel"),
        (b'{"id":"web.incoming_webhook.parse.app_error"}', "message"),
        (b'{"id":"web.incoming_webhook.text.app_error"}', "message"),
    ],
)
def test_a_webhook_that_mattermost_no_longer_knows_is_told_from_a_bad_message(
    answer: bytes, permanent: Permanent, http: HttpClient
) -> None:
    assert failure("mattermost", Say(400, body=answer), http).permanent == permanent


@given(st.text(alphabet="\\`*_~|[]<>&#@!+-=.)1a \n", max_size=60))
def test_markdown_reads_back_as_it_was_written(text: str) -> None:
    shown = markdown(text).replace(HARMLESS, "")
    back, escaped = [], False
    for sign in shown:
        if sign == "\\" and not escaped:
            escaped = True
        else:
            back.append(sign)
            escaped = False
    assert not escaped
    assert [line.strip() for line in "".join(back).split("\n")] == [line.strip() for line in clean(text).split("\n")]


@given(st.text(alphabet="\\`*_~|[]ab \n", max_size=60))
def test_no_mark_of_markdown_is_left_unescaped(text: str) -> None:
    shown = iter(markdown(text))
    for sign in shown:
        if sign == "\\":
            next(shown)
        else:
            assert sign not in "`*~|[]"


# -- google chat


def test_google_chat_gets_the_same_key_with_every_try(http: HttpClient) -> None:
    url = "/v1/spaces/AAA/messages?key=k&token=t%3D"
    assert requested("googlechat", url, http) == f"{url}&requestId={KEY}"
    assert requested("googlechat", url, http) == f"{url}&requestId={KEY}"


def test_google_chat_shows_content_as_text_and_links_as_ours() -> None:
    sent = json.dumps(payload("googlechat", DIGEST), ensure_ascii=False)
    assert "javascript" not in sent
    assert 'https://posts.example/8\\">Open post</a>' in sent.replace("example.org/posts", "posts.example")


def test_utf16_counts_as_the_chats_do() -> None:
    for text in ("", "a", "é", "語", "😀", "👩\u200d👧", "\ud800"):
        assert utf16(text) == units(text)
