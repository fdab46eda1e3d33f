"""Mail: the letter, the conversation with a server, and what its refusals mean."""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.contract import Http, Line
from connectors.dial import ascii_host
from connectors.http import HttpClient
from listener.alerts.channels.contract import Channel, DeliveryError, Probes
from listener.alerts.channels.email import Email, EmailOptions
from listener.alerts.channels.letter import HTML_BYTES, Envelope, write
from listener.alerts.channels.smtp import Conversation, MailRefused
from listener.alerts.notice import Notice
from listener.alerts.outbox import drain, replay
from storage.sqlite import SqliteStore
from tests.chats.chat import PATIENCE
from tests.chats.mail import PASSWORD, USER, MailServer, tls_for_tests
from tests.conftest import Golden
from tests.contracts.channels import DIGEST, INJECTIONS, KEY, NOTICE, NOW, everywhere
from tests.notices import NOTICES
from tests.test_outbox import Clock, plant

ENVELOPE = Envelope(
    "Team mail", Address("Listener", addr_spec="alerts@example.org"), (Address("", addr_spec="ann@example.org"),)
)
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}
REPORT = "<!doctype html><title>Acme</title><p>NPS −12 <svg></svg></p>\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    monkeypatch.setattr("connectors.http.tls_context", tls_for_tests)
    with client(clock) as opened:
        yield opened


def client(clock: Clock, deadline: float = 5.0, allow: str = "127.0.0.1/32") -> HttpClient:
    return HttpClient(user_agent="tests", now=clock, deadline=deadline, allow_private=[allow])


def mail(server: MailServer, **given: Any) -> Email:
    login = {} if server.security == "none" else {"user": USER, "password": PASSWORD}
    where = {"host": "127.0.0.1", "port": server.port, "security": server.security, "per_second": 10}
    who = {"sender": "Listener <alerts@example.org>", "to": ["ann@example.org"]}
    return Email("mail", EmailOptions.model_validate({**where, **who, **login, **given}))


def fails(channel: Email, http: Http) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert PASSWORD not in str(caught.value)
    return caught.value


def parsed(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


# -- the letter


@pytest.mark.parametrize("name", NOTICES)
def test_what_is_sent(name: str, golden: Golden) -> None:
    notice = replace(NOTICES[name], html=REPORT if name == "report" else "")
    letter = parsed(write(notice, KEY, ENVELOPE))
    told = [f"{header}: {value}" for header, value in letter.items()]
    parts = [part for part in letter.walk() if not part.is_multipart()]
    told += [f"\n-- {part['Content-Type']}\n{part.get_content()}" for part in parts]
    golden(f"channels/email-{name}.txt", "\n".join(told).replace("\r\n", "\n"))


def test_a_letter_says_who_it_is_from_that_no_person_wrote_it_and_which_alert_it_is() -> None:
    letter = parsed(write(NOTICE, KEY, ENVELOPE))
    assert letter["Message-ID"] == f"<{KEY}@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Id"] == "<team-mail.listener.example.org>"
    assert letter["Date"].datetime == datetime.fromisoformat(NOTICE.found_at).replace(microsecond=0)
    assert letter["Subject"] == "Acme: detractor: Acme lost my data"
    assert "> Third crash this week & support is <silent>." in text_of(letter)
    assert NOTICE.url in text_of(letter)


def test_a_report_is_there_to_be_read_in_place_and_as_a_file() -> None:
    letter = parsed(write(replace(NOTICES["report"], html=REPORT), KEY, ENVELOPE))
    body, plain = letter.get_body(("html",)), letter.get_body(("plain",))
    assert body is not None and plain is not None
    assert body.get_content().replace("\r\n", "\n") == REPORT
    assert "NPS −12" in plain.get_content()
    (attached,) = letter.iter_attachments()
    assert attached.get_filename() == "report.html"
    assert attached.get_content() == REPORT


def test_a_report_that_is_too_long_for_a_mail_stays_at_the_desk() -> None:
    raw = write(replace(NOTICES["report"], html="x" * (HTML_BYTES + 1)), KEY, ENVELOPE)
    assert len(raw) < 10_000
    assert "too long for a mail" in text_of(parsed(raw))


def test_the_same_notice_under_the_same_key_gives_the_same_bytes() -> None:
    notice = replace(NOTICES["report"], html=REPORT)
    assert write(notice, KEY, ENVELOPE) == write(notice, KEY, ENVELOPE)


@given(st.text(max_size=400))
@example("a\r\nBcc: evil@evil.example\r\n\r\nbody")
@example("=?utf-8?q?=0D=0ABcc:_evil@evil.example?=")
@example("\u2028Bcc: x\x85Bcc: y\x0b\x0c\x1c\x1d\x1e")
@example("x" * 2_000)
@example("é" * 2_000)
@example(".\r\n.\r\nQUIT\r\n" * 20)
@settings(max_examples=60, deadline=None)
def test_no_content_can_add_a_header_or_end_the_letter(text: str) -> None:
    for notice in everywhere(text):
        raw = write(replace(notice, html=text), text or KEY, ENVELOPE)
        letter = parsed(raw)
        assert set(letter.keys()) <= HEADERS
        assert not letter.defects
        assert letter["To"].addresses[0].addr_spec == "ann@example.org"
        assert raw.isascii()
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        assert b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_subject_is_what_was_written(text: str) -> None:
    letter = parsed(write(replace(NOTICE, title=text), KEY, ENVELOPE))
    assert "\n" not in letter["Subject"]
    assert letter["Subject"].startswith("Acme: detractor")
    assert not letter["Subject"].defects


# -- the conversation


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_arrives_with_its_html_and_its_login_over_tls_alone(security: str, http: HttpClient) -> None:
    with MailServer(security=security) as server:
        channel = mail(server, to=["ann@example.org", "bob@example.org", "ann@example.org"])
        channel.deliver(replace(NOTICE, html=REPORT), key=KEY, now=NOW, http=http)
    (letter,) = server.mails
    assert server.to == [("ann@example.org", "bob@example.org")]
    assert letter["Message-ID"] == f"<{KEY}@example.org>"
    assert server.secured == [security != "none"]
    assert server.users == ([] if security == "none" else [USER])


@pytest.mark.parametrize("text", ["", "x" * 100_000, ".\n..\n.\nQUIT\n" * 100, "😀" * 5_000])
def test_the_longest_the_emptiest_and_the_most_hostile_content_arrives(text: str, http: HttpClient) -> None:
    notices = [*NOTICES.values(), DIGEST, *everywhere(text)]
    with MailServer() as server:
        for notice in notices:
            mail(server).deliver(replace(notice, html=text), key=KEY, now=NOW, http=http)
    assert len(server.mails) == len(notices)
    assert not [letter.defects for letter in server.mails if letter.defects]


def test_a_probe_names_everybody_and_sends_nothing(http: HttpClient) -> None:
    with MailServer(security="starttls", refuse={"bob@example.org": "550 5.1.1 unknown"}) as server:
        channel: Channel = mail(server, to=["ann@example.org", "bob@example.org"])
        assert isinstance(channel, Probes)
        told = channel.probe(http)
    assert told == "is alive: the server would take mail, but not for bob@example.org"
    assert (server.sessions, server.raw) == (1, [])


def test_who_is_refused_for_good_is_named_to_the_others(http: HttpClient) -> None:
    with MailServer(refuse={"bob@example.org": "550 5.1.1 unknown"}) as server:
        mail(server, to=["ann@example.org", "bob@example.org"]).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert server.to == [("ann@example.org",)]
    assert "The server refuses bob@example.org (code 550 5.1.1)." in text_of(server.mails[0])


def test_if_one_is_refused_for_now_all_wait_so_that_nobody_gets_it_twice(http: HttpClient) -> None:
    with MailServer(refuse={"bob@example.org": "450 4.2.1 busy"}) as server:
        error = fails(mail(server, to=["ann@example.org", "bob@example.org"]), http)
    assert error.permanent == ""
    assert server.raw == []


@pytest.mark.parametrize(
    ("trouble", "permanent", "throttled"),
    [
        ("mail 451 4.3.0 later", "", False),
        ("mail 421 4.7.0 too much", "", True),
        ("mail 553 5.7.1 not yours", "channel", False),
        ("450 4.7.1 greylisted", "", True),
        ("452 4.2.2 full", "", False),
        ("550 5.1.1 unknown", "channel", False),
        ("data 451 4.3.0 later", "", False),
        ("data 554 5.6.0 spam", "message", False),
        ("data 552 5.3.4 too large", "message", False),
        ("reset", "", False),
        ("cut", "", False),
    ],
)
def test_what_the_server_says_decides_what_becomes_of_a_mail(
    trouble: str, permanent: str, throttled: bool, http: HttpClient
) -> None:
    with MailServer(plan=[trouble]) as server:
        error = fails(mail(server), http)
        assert (error.permanent, error.throttled) == (permanent, throttled)
        assert ("broke off at the message" in str(error)) == (trouble in ("reset", "cut"))
        mail(server).deliver(NOTICE, key=KEY, now=NOW, http=http)
    assert len(server.raw) == (2 if trouble == "cut" else 1)


def test_a_wrong_password_stops_the_channel_and_is_not_shown(http: HttpClient) -> None:
    with MailServer(security="starttls") as server:
        error = fails(mail(server, password="a-wrong-password"), http)
    assert error.permanent == "channel"
    assert "check user and password" in str(error)
    assert "a-wrong-password" not in str(error)


def test_a_password_is_never_sent_to_a_server_without_tls(http: HttpClient) -> None:
    with MailServer() as server:
        error = fails(mail(server, security="starttls", user=USER, password=PASSWORD), http)
    assert error.permanent == "channel"
    assert "STARTTLS" in str(error)
    assert server.users == []


def test_a_certificate_that_nobody_vouches_for_is_refused(clock: Clock) -> None:
    with MailServer(security="tls") as server, client(clock) as distrustful:
        error = fails(mail(server), distrustful)
    assert "not trusted" in str(error)
    assert server.users == []


def test_a_private_address_that_nobody_allowed_says_how_to_allow_it(clock: Clock) -> None:
    with MailServer() as server, client(clock, allow="10.9.9.9/32") as guarded:
        error = fails(mail(server), guarded)
    assert error.permanent == "channel"
    assert "[alerting] allow_private" in str(error)
    assert server.sessions == 0


class Public:
    """A way out whose connections all lead to public addresses."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @contextmanager
    def dial(self, host: str, port: int) -> Iterator[Line]:
        with self._http.dial(host, port) as line:
            line.private = False
            yield line


def test_nothing_goes_to_a_public_address_in_the_clear(http: HttpClient) -> None:
    with MailServer() as server:
        public: Any = Public(http)
        error = fails(mail(server), public)
    assert error.permanent == "channel"
    assert "public address" in str(error)
    assert server.raw == []


def test_a_way_out_that_cannot_dial_is_said_so() -> None:
    with MailServer() as server:
        nothing: Any = object()
        assert fails(mail(server), nothing).permanent == "channel"


@pytest.mark.parametrize(
    "answer", [b"", b"220-x\r\n" * 100_000, b"HTTP/1.1 400 Bad\r\n\r\n", b"220 hi\r\n250" + b"x" * 9_000]
)
def test_what_is_no_mail_server_costs_no_more_than_an_error(answer: bytes, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, client(clock, PATIENCE) as hasty:
        thread = threading.Thread(target=_say, args=(listening, answer), daemon=True)
        thread.start()
        given = {"host": "127.0.0.1", "port": listening.getsockname()[1], "security": "none"}
        options = EmailOptions.model_validate({**given, "sender": "a@b.example", "to": ["c@d.example"]})
        assert fails(Email("mail", options), hasty).permanent == ""
        thread.join(5)


def _say(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        try:
            connection.sendall(answer)
            while connection.recv(1_000):
                pass
        except OSError:
            pass  # the client has heard enough


class Scripted:
    """A line with what the server says before and after TLS."""

    private = True

    def __init__(self, before: bytes, after: bytes) -> None:
        self.said, self._after, self.heard = before, after, b""

    def read(self, most: int) -> bytes:
        now, self.said = self.said[:most], self.said[most:]
        return now

    def write(self, data: bytes) -> None:
        self.heard += data

    def start_tls(self) -> None:
        self.said, self.heard = self._after, b""


def test_what_somebody_slipped_in_before_tls_is_forgotten() -> None:
    hello, evil = b"220 hi\r\n250-mail\r\n250 STARTTLS\r\n", b"250-evil\r\n250 AUTH PLAIN\r\n235 welcome\r\n"
    line = Scripted(hello + b"220 go\r\n" + evil, b"250-mail\r\n250 AUTH LOGIN\r\n535 5.7.8 no\r\n")
    talk = Conversation(line, "mail.example")
    talk.secure()
    with pytest.raises(MailRefused) as caught:
        talk.login("me", "geheim")
    assert (caught.value.step, caught.value.code, caught.value.detail) == ("login", 535, "5.7.8")
    assert line.heard.startswith(b"ehlo localhost\r\nAUTH LOGIN ")


# -- through the outbox


@pytest.mark.parametrize("seed", range(3))
def test_whatever_befalls_it_nothing_is_lost_and_nothing_comes_twice_but_what_was_cut_off(
    seed: int, store: SqliteStore, http: HttpClient, clock: Clock
) -> None:
    rng = random.Random(seed)
    troubles = ["", "", "", "451 4.3.0 later", "data 451 4.3.0 later", "mail 421 4.7.0 slowly", "reset", "cut"]
    plan = rng.choices(troubles, k=20)
    plant(store, 15, "mail")
    with MailServer(plan=list(plan)) as server:
        drain_all(store, mail(server), http, clock)
        cut = plan.count("cut") - server.plan.count("cut")
    numbers = [int(re.findall(r"post (\d+)", letter["Subject"])[0]) for letter in server.mails]
    assert set(numbers) == set(range(15))
    assert len(numbers) - 15 == cut
    same = {
        (number, letter["Message-ID"], raw)
        for number, letter, raw in zip(numbers, server.mails, server.raw, strict=True)
    }
    assert len(same) == 15


def test_an_answer_that_is_late_is_asked_for_again_and_a_refused_mail_dies_alone(
    store: SqliteStore, clock: Clock
) -> None:
    plant(store, 4, "mail")
    with MailServer(plan=["late", "", "data 554 5.6.0 no"]) as server, client(clock, 2 * PATIENCE) as hasty:
        drain_all(store, mail(server), hasty, clock)
    assert len(server.raw) == 3
    assert len(store.deliveries("dead")) == 1


def test_a_mailbox_that_is_gone_stops_the_channel_and_a_replay_brings_everything(
    store: SqliteStore, http: HttpClient, clock: Clock
) -> None:
    plant(store, 3, "mail")
    with MailServer(plan=["", "550 5.1.1 unknown"]) as server:
        channel = mail(server)
        drain_all(store, channel, http, clock)
        assert server.sessions == 2
        assert replay(store, clock(), channel="mail") == 2
        drain_all(store, channel, http, clock)
    assert [letter["Subject"][-6:] for letter in server.mails] == ["post 0", "post 1", "post 2"]


def drain_all(store: SqliteStore, channel: Email, http: HttpClient, clock: Clock) -> None:
    for _ in range(100):
        if (due := store.next_delivery()) is None:
            return
        opens = store.channel(channel.name)[0] or due
        clock.pause(max(0.0, (datetime.fromisoformat(max(due, opens)) - clock.time).total_seconds()))
        drain(store, {channel.name: channel}, http, clock, random.Random(7), pause=clock.pause)
    pytest.fail("it never ends")


# -- options


GOOD = {"host": "mail.example.org", "sender": "alerts@example.org", "to": ["ann@example.org"]}


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"to": []}, "at least 1"),
        ({"to": ["ann"]}, "'ann' is no address"),
        ({"to": ["ann@example.org\r\nBcc: x@y.example"]}, "is no address"),
        ({"to": ["ann@example.org, bob@example.org"]}, "is no address"),
        ({"to": ["Ann <ann@example.org"]}, "is no address"),
        ({"sender": "a\r\nBcc: b <c@example.org>"}, "is no address"),
        ({"sender": "ä@example.org"}, "is no address"),
        ({"sender": "a@exa mple.org"}, "is no address"),
        ({"host": "mail.example.org/x"}, "is no host"),
        ({"host": "https://mail.example.org"}, "is no host"),
        ({"user": "me"}, "user and password go together"),
        ({"user": "me", "password": "geheim-ü"}, "plain ASCII"),
        ({"user": "me", "password": "geheim-1", "security": "none"}, "not sent in the clear"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"passwort": "geheim-2"}, "Extra inputs"),
    ],
)
def test_a_mistake_is_named_and_no_secret_is_shown(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EmailOptions.model_validate({**GOOD, **given_})
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_names_beyond_ascii_are_written_as_the_network_wants_them() -> None:
    given_ = {**GOOD, "host": "Post.Bücher.example", "sender": "Bücher, Straße <alerts@straße.example>"}
    with pytest.raises(ValidationError):
        EmailOptions.model_validate(given_)  # a comma would make two addresses of it
    options = EmailOptions.model_validate({**given_, "sender": "Bücherstraße <alerts@straße.example>"})
    assert options.host == "post.xn--bcher-kva.example"
    assert options.sender == "Bücherstraße <alerts@xn--strae-oqa.example>"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a@b", "-", "a..b", "x" * 64 + ".org", "[::1", "a\nb", "%41"])
def test_what_is_no_host_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        ascii_host(name)


def test_an_address_is_a_host() -> None:
    assert [ascii_host(name) for name in ("::1", "10.0.0.1", "mail")] == ["::1", "10.0.0.1", "mail"]


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(security: str, port: int, clock: Clock) -> None:
    asked: list[int] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(port)
        return []

    with HttpClient(user_agent="x", now=clock, resolve=resolve) as http:
        fails(Email("mail", EmailOptions.model_validate({**GOOD, "security": security})), http)
    assert asked == [port]


def test_a_test_message_has_a_subject() -> None:
    letter = parsed(write(Notice("test", "2026-11-22T02:47:20.000Z"), KEY, ENVELOPE))
    assert letter["Subject"] == "Listener"
