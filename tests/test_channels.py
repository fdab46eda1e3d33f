from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from connectors.http import HttpClient
from listener.alerts.channels import slack, webhook
from listener.alerts.channels.contract import Channel, DeliveryError, Probes
from listener.alerts.channels.slack import Slack, SlackOptions
from listener.alerts.channels.webhook import Webhook, WebhookOptions, signed_headers, verify
from listener.alerts.message import clean
from listener.alerts.notice import Digest, Line, Notice
from tests.contracts.channels import DIGEST, INJECTIONS, KEY, NOTICE, NOW, ChannelContract, everywhere, http, strings
from tests.standins.chat import ChatServer, Say, as_slack

__all__ = ["http"]

OLD = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NEW = "whsec_" + base64.b64encode(bytes(range(100, 164))).decode()


def secret_url(url: str) -> SecretStr:
    return SecretStr(url)


class TestSlackContract(ChannelContract):
    limit = 13_000

    def size(self, body: bytes) -> int:
        return sum(map(len, strings(json.loads(body))))

    def make(self, url: str) -> Channel:
        return Slack("ops", SlackOptions(url=secret_url(url)))


class TestWebhookContract(ChannelContract):
    limit = 19_999
    shown = False

    def make(self, url: str) -> Channel:
        return Webhook("ops", WebhookOptions(url=secret_url(url), secrets=(SecretStr(NEW), SecretStr(OLD))))


# -- options


@pytest.mark.parametrize("url", ["", "hooks.example.org/s3cret", "ftp://example.org/s3cret", "https:///s3cret"])
def test_an_address_that_is_none_is_refused_without_being_shown(url: str) -> None:
    for options in (SlackOptions, WebhookOptions):
        with pytest.raises(ValidationError) as caught:
            options.model_validate({"url": url})
        assert "begins with https://" in str(caught.value)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2-hunter2-hunter2-hunter2",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(b"hunter2").decode(),
        "whsec_" + base64.b64encode(b"h" * 65).decode(),
        "whsec_é" + base64.b64encode(b"h" * 30).decode(),
    ],
)
def test_a_weak_or_broken_signing_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookOptions.model_validate({"url": "https://example.org", "secrets": [secret]})
    assert "24 to 64 random bytes in base64" in str(caught.value)
    assert secret not in str(caught.value)


def test_options_never_show_what_is_secret() -> None:
    options = WebhookOptions.model_validate({"url": "https://example.org/s3cret\n", "secrets": [OLD]})
    assert options.url.get_secret_value() == "https://example.org/s3cret"
    assert "s3cret" not in repr(options) + str(options.model_dump())
    assert OLD not in repr(options)


# -- webhook


def independent_signatures(headers: dict[str, str], body: bytes, *secrets: str) -> list[str]:
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    return [
        base64.b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, hashlib.sha256)).decode()
        for secret in secrets
    ]


def test_the_signature_is_that_of_standard_webhooks_one_for_each_secret(http: HttpClient) -> None:
    with ChatServer() as chat:
        TestWebhookContract().make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    (heard,) = chat.heard
    given_ = heard.headers["webhook-signature"].split(" ")
    assert given_ == [f"v1,{one}" for one in independent_signatures(heard.headers, heard.body, NEW, OLD)]
    assert heard.key == KEY
    assert heard.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert heard.headers["content-type"] == "application/json"
    assert verify(heard.headers, heard.body, [OLD], NOW)
    assert verify(heard.headers, heard.body, [NEW], NOW + timedelta(seconds=300))


def test_the_published_test_vector_of_standard_webhooks_is_met() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    timestamp, body = 1614265330, b'{"test": 2432232314}'
    signed = f"msg_p5jXN8AQM9LWM0D4loKWxJek.{timestamp}.".encode() + body
    wanted = base64.b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, "sha256")).decode()
    assert wanted == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    moment = NOW.fromtimestamp(timestamp, NOW.tzinfo)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, [secret], moment)
    assert headers["webhook-signature"] == f"v1,{wanted}"


def test_verify_refuses_what_was_tampered_with_what_is_old_and_what_is_nonsense() -> None:
    body = b'{"type":"test"}'
    good = signed_headers(KEY, body, [OLD], NOW)
    assert verify(good, body, [OLD], NOW)
    assert not verify(good, body + b" ", [OLD], NOW)
    assert not verify(good, body, [NEW], NOW)
    assert not verify(good, body, [], NOW)
    assert not verify(good, body, [OLD], NOW + timedelta(seconds=301))
    assert not verify(good, body, [OLD], NOW - timedelta(seconds=301))
    assert not verify({**good, "webhook-id": "other"}, body, [OLD], NOW)
    for broken in ({}, {**good, "webhook-timestamp": "x"}, {**good, "webhook-signature": "v1,ü \ud800"}):
        assert not verify(broken, body, [OLD], NOW)


def test_a_key_with_a_dot_is_never_signed() -> None:
    with pytest.raises(ValueError, match="dot"):
        signed_headers("a.b", b"", [OLD], NOW)


def test_without_a_secret_nothing_is_signed() -> None:
    assert "webhook-signature" not in signed_headers(KEY, b"", [], NOW)


def test_the_body_holds_type_time_and_all_that_a_receiver_needs() -> None:
    whole = json.loads(webhook.render(NOTICE))
    assert set(whole) == {"type", "timestamp", "data"}
    assert whole["type"] == "mention.detractor"
    assert whole["timestamp"] == NOTICE.found_at
    data = whole["data"]
    assert data["url"] == NOTICE.url
    assert data["rule"] == "angry"
    assert data["why"] == {
        "reasons": [],
        "matched": ["acme"],
        "words": [{"word": "crash", "weight": -0.42}, {"word": "silent", "weight": -0.2}],
    }


def test_a_digest_tells_counts_and_the_surest_but_not_its_bookkeeping() -> None:
    data = json.loads(webhook.render(DIGEST))["data"]
    assert data["total"] == 143
    assert data["counts"][0] == {"brand": "Acme", "label": "detractor", "mentions": 120}
    assert [line["url"] for line in data["surest"]] == [f"https://example.org/{n}" for n in range(10)]
    assert "members" not in data


@pytest.mark.parametrize("text", ["x" * 100_000, "😀" * 9_000, '"' * 9_000, "\x01" * 9_000, "\ud800" * 9_000])
def test_a_webhook_body_stays_under_20_kb_and_keeps_its_link(text: str) -> None:
    mention, digest, *_ = everywhere(text)
    link = "https://example.org/" + "p" * 7_000
    for notice in (replace(mention, url=link), digest):
        body = webhook.render(notice)
        assert len(body) < 20_000
        json.loads(body)
    assert json.loads(webhook.render(replace(mention, url=link)))["data"]["url"] == link


def test_the_text_is_cut_before_anything_else() -> None:
    data = json.loads(webhook.render(replace(NOTICE, text="😀" * 2_000, url="https://example.org/" + "p" * 7_900)))[
        "data"
    ]
    assert data["title"] == NOTICE.title
    assert data["text"].endswith("…") or len(data["text"]) == 2_000


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, "message"), (413, "message"), (422, "message"), (401, ""), (404, "")]
)
def test_a_webhooks_statuses_say_what_is_for_good(status: int, permanent: str, http: HttpClient) -> None:
    with ChatServer([Say(status)]) as chat, pytest.raises(DeliveryError) as caught:
        TestWebhookContract().make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert caught.value.permanent == permanent


# -- slack


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, "message"), (413, "message"), (403, "channel"), (404, "channel"), (410, "channel")]
)
def test_slacks_statuses_say_what_is_for_good(status: int, permanent: str, http: HttpClient) -> None:
    with ChatServer([Say(status)]) as chat, pytest.raises(DeliveryError) as caught:
        TestSlackContract().make(chat.url).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert caught.value.permanent == permanent


@pytest.mark.parametrize("text", INJECTIONS)
def test_slack_finds_no_entity_in_content(text: str) -> None:
    for notice in everywhere(f"{text} {text}"):
        for shown in strings(slack.render(notice)):
            if shown == notice.url:
                continue  # the button's
            # The digest's own link stands at the end, with words of ours.
            theirs = re.sub(r" <https://posts\.example/\d+\|Open post>$", "", shown)
            assert not re.search("[<>]", theirs)
            assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@given(st.text(max_size=400))
def test_whatever_is_shown_reads_back_as_it_was_written(text: str) -> None:
    shown = slack.neutral(text)
    back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("\u200b", "")
    kept = clean(text).replace("\u200b", "")
    assert back == kept
    assert "<" not in shown
    assert ">" not in shown


@given(st.text(alphabet="&<>ab ", max_size=60), st.integers(2, 40))
def test_a_cut_never_splits_an_entity(text: str, limit: int) -> None:
    shown = slack.fit(text, limit)
    assert len(shown) <= limit
    assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


@pytest.mark.parametrize("text", ["x" * 100_000, "&" * 9_000, "😀" * 9_000, "a b\n" * 9_000])
def test_slacks_limits_hold_for_whatever_is_found(text: str) -> None:
    mention, digest, *_ = everywhere(text)
    for notice in (replace(mention, url="https://example.org/" + "p" * 2_900), digest):
        payload = slack.render(notice)
        blocks = payload["blocks"]
        assert len(blocks) <= 50
        assert len(blocks[0]["text"]["text"]) <= 150
        for block in blocks:
            for shown in strings(block):
                assert 0 < len(shown) <= 3_000
        assert sum(map(len, strings(payload))) < 12_000


def test_the_link_is_kept_whole_and_only_if_a_browser_may_open_it() -> None:
    def links(notice: Notice) -> list[str]:
        blocks = slack.render(notice)["blocks"]
        return [e["url"] for b in blocks if b["type"] == "actions" for e in b["elements"]]

    assert links(NOTICE) == [NOTICE.url]
    for bad in (
        "javascript:alert(1)",
        "data:text/html,x",
        "",
        "https://",
        "https://a b",
        "https://x|y",
        "file:///etc/passwd",
    ):
        assert links(replace(NOTICE, url=bad)) == []


def test_a_second_button_leads_to_the_desk_where_it_has_an_address() -> None:
    def buttons(notice: Notice) -> list[tuple[str, str]]:
        (actions,) = [block for block in slack.render(notice)["blocks"] if block["type"] == "actions"]
        return [(one["text"]["text"], one["url"]) for one in actions["elements"]]

    desk = "https://desk.example/mentions/m1"
    assert buttons(NOTICE) == [("Open post", NOTICE.url)]
    assert buttons(replace(NOTICE, desk=desk)) == [("Open post", NOTICE.url), ("Open at the desk", desk)]
    assert buttons(replace(NOTICE, desk=desk, url="")) == [("Open at the desk", desk)]
    assert json.loads(webhook.render(replace(NOTICE, desk=desk)))["data"]["desk"] == desk


def test_what_is_overdue_says_so_and_why() -> None:
    overdue = replace(NOTICE, type="case.overdue", reasons=("an answer was due today", "assigned to bob"))
    payload = slack.render(overdue)
    assert payload["text"] == "Acme: answer overdue: Acme lost my data"
    assert "an answer was due today · assigned to bob · rule angry" in "\n".join(strings(payload))
    assert json.loads(webhook.render(overdue))["data"]["why"]["reasons"] == list(overdue.reasons)


def test_a_digest_lists_counts_and_links_and_drops_links_that_could_break_out() -> None:
    lines = (
        Line("Acme", "detractor", 0.9, "fine", "https://example.org/a?x=1&y=2"),
        Line("Acme", "detractor", 0.9, "bad", "https://example.org/|<!channel>"),
    )
    digest = replace(DIGEST, digest=Digest(2, DIGEST.digest.counts if DIGEST.digest else (), lines, ()))
    shown = list(strings(slack.render(digest)))
    assert "120 × Acme: detractor\n23 × Acme: promoter" in shown
    assert "fine (Acme: detractor, 90% sure) <https://example.org/a?x=1&amp;y=2|Open post>" in shown
    assert "bad (Acme: detractor, 90% sure)" in shown


@pytest.mark.parametrize("body", [b"no_text", b"invalid_payload\n"])
def test_a_live_webhook_of_slack_is_told_by_what_it_says_of_an_empty_message(body: bytes, http: HttpClient) -> None:
    with ChatServer([Say(400, body=body)]) as chat:
        said = a_slack(chat).probe(http)
    assert said == f"is alive: it refused an empty message ({body.decode().strip()})"


def test_a_probe_of_slack_is_one_request_that_nobody_gets_to_read(http: HttpClient) -> None:
    with ChatServer(as_slack) as chat:
        assert a_slack(chat).probe(http).startswith("is alive")
    assert [heard.json for heard in chat.heard] == [{}]
    assert chat.accepted == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, "invalid_token"), (403, "action_prohibited"), (404, "no_service"), (410, "channel_is_archived")],
)
def test_a_dead_webhook_of_slack_is_called_by_slacks_own_word(status: int, body: str, http: HttpClient) -> None:
    with ChatServer([Say(status, body=body.encode())]) as chat, pytest.raises(DeliveryError) as caught:
        a_slack(chat).probe(http)
    assert caught.value.permanent == "channel"
    assert str(caught.value).endswith(f" Slack calls it {body}.")


@pytest.mark.parametrize(
    "say", [Say(200), Say(200, body=b"<html>"), Say(400, body=b'{"id":"text.app_error"}'), Say(400, body=b"a" * 9_000)]
)
def test_a_receiver_that_is_not_quite_slack_is_not_called_dead(say: Say, http: HttpClient) -> None:
    with ChatServer([say]) as chat:
        assert a_slack(chat).probe(http) == "answers, but not as Slack does: only a message tells whether one arrives"


def test_what_else_a_dead_receiver_says_is_not_repeated(http: HttpClient) -> None:
    page = Say(404, body=b"<p>no secret-token-in-the-path here</p>")
    with ChatServer([page]) as chat, pytest.raises(DeliveryError) as caught:
        a_slack(chat).probe(http)
    assert "Slack calls it" not in str(caught.value)
    assert "secret-token" not in str(caught.value)


def test_a_webhook_cannot_be_tried_without_sending() -> None:
    assert not isinstance(TestWebhookContract().make("https://example.org/hook"), Probes)


def a_slack(chat: ChatServer) -> Slack:
    return Slack("ops", SlackOptions(url=secret_url(chat.url)))
