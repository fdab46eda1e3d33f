"""Every kind of secret, in every form in which it might travel, in nothing that is said, stored or shown.

tests/test_end_to_end.py has the channels whose addresses fail in every way; here it is every kind of secret at once.
"""

from __future__ import annotations

import base64
import html
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from listener.desk.app import ENTRIES
from listener.desk.context import Entry
from tests.chats.mail import MailServer
from tests.command import ACME, Command
from tests.desk import DeskAt
from tests.program import HATED, LOOPBACK, Program, alert_of_detractors, feed
from tests.standins.chat import ChatServer, Say
from tests.standins.feeds import FeedServer
from tests.standins.loopback import Asked, Loopback, Told
from tests.test_end_to_end import item

CANARIES = {
    "the path of a webhook": "xB7Kp2QzN9vTtR4wLmCanary",
    "the query of a webhook": "qK3ySecretQueryCanary55",
    "a signing key": base64.b64encode(b"a signing canary of 32 bytes, ok").decode(),
    "the token of a bot": "7123456789:AAFcanaryJk2Lm5Np8Qr1St4Uv7Wx0Yz",
    "a topic": "topicCanary8sKq3ZxPw2",
    "the password of the mail": 'pW&<7"mailCanary%q',
    "the password of a feed": "feedCanary&<pw>9",
    "the query of a feed": "tokenCanaryJ8sKq3Zx",
    "the token of a source": "ghp_canary3kL9mN2pQ7rS",
    "the secret of the proxy": "proxyCanary'\"<4Zk>",
    "the heartbeat": "beatCanary-44d1-9a2b",
}


def forms(secret: str) -> Iterator[bytes]:
    """As it is, and as somebody might find it again."""
    raw = secret.encode()
    once = quote(secret, safe="")
    yield from (raw, raw[::-1], once.encode(), quote(once, safe="").encode(), secret.encode("utf-16-le"))
    yield from (secret.encode("utf-16-be"), json.dumps(secret)[1:-1].encode(), html.escape(secret).encode())
    yield from (repr(secret)[1:-1].encode(), raw.hex().encode(), raw.hex().upper().encode())
    for before in range(3):  # within a longer text the same bytes look different
        whole = base64.b64encode(b"\0" * before + raw)
        inner = whole[4 if before else 0 : len(whole) // 4 * 4 - 4]
        yield from (inner, inner.replace(b"+", b"-").replace(b"/", b"_"))


def leaks(where: str, said: bytes) -> list[str]:
    return [f"{what} in {where}" for what, secret in CANARIES.items() if any(form in said for form in forms(secret))]


class Failing(Loopback):
    """Fails in ways in which an address might be repeated, and repeats what it was asked."""

    def answer(self, asked: Asked) -> Told:
        echo = f"{asked.path} {dict(asked.params)} {dict(asked.headers)}".encode()
        if asked.path.startswith("/moved"):
            return Told(301, echo, {"Location": f"{self.base}/feed?{CANARIES['the query of a feed']}"})
        if asked.path.startswith("/feed"):
            return Told(200, b'<rss version="2.0"><channel><title>t</title></channel></rss>')
        return Told(403 if "denied" in asked.path else 500, echo)


def tables(failing: Failing, news: FeedServer, chat: ChatServer, mail: MailServer) -> dict[str, Any]:
    """A configuration with every kind of secret, in which much fails."""
    token, password = CANARIES["the query of a feed"], quote(CANARIES["the password of a feed"], safe="")
    private = failing.base.replace("http://", f"http://ann:{password}@")
    channel = {"per_second": 100}
    return {
        "http": {"allow_private": LOOPBACK},
        "alerting": {"allow_private": LOOPBACK, "ops": "crm"},
        "schedule": {"interval": "1s", "heartbeat": f"{failing.base}/beat/{CANARIES['the heartbeat']}"},
        "desk": {"proxy_header": "X-User", "proxy_secret": CANARIES["the secret of the proxy"]},
        "brands": [{"name": "Acme", "query": "acme"}],
        "sources": [
            feed("good", f"{news.url()}?token={token}"),
            *(feed(path, f"{private}/{path}?token={token}") for path in ("moved", "feed", "denied", "broken")),
            {"type": "github", "name": "hub", "token": CANARIES["the token of a source"], "base_url": failing.base},
        ],
        "channels": [
            {"type": "slack", "name": "slack", "url": f"{chat.origin}/services/T0/{CANARIES['the path of a webhook']}"}
            | channel,
            {"type": "webhook", "name": "crm", "url": f"{chat.origin}/h?k={CANARIES['the query of a webhook']}"}
            | {"secrets": [f"whsec_{CANARIES['a signing key']}"]}
            | channel,
            {"type": "telegram", "name": "bot", "token": CANARIES["the token of a bot"], "chat_id": "1"}
            | {"base_url": chat.origin}
            | channel,
            {"type": "ntfy", "name": "phone", "topic": CANARIES["a topic"], "server": chat.origin} | channel,
            {"type": "email", "name": "mail", "host": "127.0.0.1", "port": mail.port, "user": "ann"}
            | {"password": CANARIES["the password of the mail"], "sender": "a@x.example", "to": ["b@x.example"]}
            | channel,
        ],
        "alerts": [alert_of_detractors("slack", "crm", "bot", "phone", "mail")],
    }


@contextmanager
def secretive(folder: Path) -> Iterator[tuple[Program, ChatServer]]:
    with ExitStack() as stack:
        failing, chat = stack.enter_context(Failing()), stack.enter_context(ChatServer(_refuse))
        news = stack.enter_context(FeedServer([item("bad news", HATED)]))
        mail = stack.enter_context(MailServer())
        program = Program(folder)
        program.write(tables(failing, news, chat, mail))
        yield program, chat


def _refuse(path: str, body: bytes) -> Say:
    """In the words of the request, as careless receivers do."""
    return Say(400 if "/h?" in path else 403, body=path.encode() + body)


def everything_shown(program: Program) -> dict[str, bytes]:
    """What each page of the desk says to an admin."""
    shown = {}
    with DeskAt(program.folder, program.config.read_text(), datetime.now(UTC)) as desk:
        admin = desk.client("admin")
        for path in sorted({entry.path for entry in ENTRIES if _is_page(entry)}):
            answer = admin.get(path)
            shown[f"the page {path}"] = answer.content + str(answer.headers).encode()
    return shown


def _is_page(entry: Entry) -> bool:
    return "GET" in entry.methods and "{" not in entry.path and not entry.path.startswith("/login")


def test_no_secret_is_said_stored_or_shown_whatever_fails(tmp_path: Path) -> None:
    looking = (
        *(("alerts", "list"), ("alerts", "list", "--json"), ("sources",), ("sources", "--json"), ("brands", "list")),
        *(("report",), ("report", "--json"), ("report", "--format", "markdown"), ("report", "--format", "html")),
    )
    with secretive(tmp_path) as (program, chat):
        said = {"pull": program.run("-vv", "pull", "--all", code=None).said.encode()}
        assert {heard.path.split("?")[0].split("/")[1] for heard in chat.heard} >= {"services", "h"}, "they were tried"
        running = program.start("-vv", "run")
        commanded = Path(f"/proc/{running.process.pid}/cmdline")
        said["the command line"] = commanded.read_bytes() if commanded.exists() else b""
        checking = program.start("-vv", "check")
        said["replay"] = program.run("-vv", "alerts", "replay", "--all", code=None).said.encode()
        said["check"] = checking.wait().said.encode()
        running.signal(signal.SIGTERM)
        said["run"] = running.wait().said.encode()
        in_folder = Command(tmp_path, None)
        for command in looking:
            ended = in_folder(*command)
            said[" ".join(command)] = (ended.out + ended.err).encode()
        said |= everything_shown(program)
    assert b"crm" in said["the page /deliveries"] and b"bad news" in said["the page /mentions"]
    stored = {path.name: path.read_bytes() for path in tmp_path.glob("listener.db*")}
    assert [leak for where, text in (said | stored).items() for leak in leaks(where, text)] == []


def test_the_search_for_leaks_finds_what_is_there() -> None:
    for what, secret in CANARIES.items():
        for form in forms(secret):
            assert f"{what} in a log" in leaks("a log", b"2026 ERROR x" + form + b" y")
        basic = base64.b64encode(f"ann:{secret}".encode())
        assert leaks("a header", b"Basic " + basic), what


# -- at rest


def test_a_new_database_is_for_its_owner_only(tmp_path: Path) -> None:
    command = Command(tmp_path, ACME)
    assert command("alerts", "list").code == 0
    for path in tmp_path.glob("listener.db*"):
        assert path.stat().st_mode & 0o077 == 0, path.name


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[[channels]]\nname = "bot"\ntype = "telegram"\ntoken = "SECRET"\nchat_id = "1"', 'channels "bot".token'),
        ('[[channels]]\nname = "crm"\ntype = "webhook"\nurl = "https://crm.example/SECRET"', 'channels "crm".url'),
        ('[[sources]]\ntype = "github"\nname = "hub"\ntoken = "SECRET"', 'sources "hub".token'),
        ('[[sources]]\ntype = "feed"\nurl = "https://ann:SECRET@blog.example/feed"', 'sources "feed-1".url'),
        ('[desk]\nproxy_header = "X-User"\nproxy_secret = "SECRET"', "desk.proxy_secret"),
        ('[schedule]\nheartbeat = "https://beat.example/SECRET"', "schedule.heartbeat"),
    ],
)
def test_a_secret_in_a_file_that_others_may_read_is_warned_of_by_its_key(table: str, key: str, tmp_path: Path) -> None:
    secret = "7123456789:AAFcanaryJk2Lm5Np8Qr1St4Uv7Wx0Yzz1" if "telegram" in table else "S3cr3tCanary"
    command = Command(tmp_path, f"{table.replace('SECRET', secret)}\n{ACME}")
    assert "chmod 600" not in command("check", "--offline").err
    command.config.chmod(0o644)
    ended = command("check", "--offline")
    assert "chmod 600" in ended.err and key in ended.err
    assert secret not in ended.err


def test_secrets_that_are_elsewhere_are_no_reason_to_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM", "https://crm.example/S3cr3tCanary")
    command = Command(tmp_path, f'[[channels]]\nname = "crm"\ntype = "webhook"\nurl = "env:CRM"\n{ACME}')
    command.config.chmod(0o644)
    ended = command("check", "--offline")
    assert "chmod 600" not in ended.err


def test_the_address_of_a_database_that_is_not_understood_is_not_repeated(tmp_path: Path) -> None:
    command = Command(tmp_path, f'[storage]\nurl = "postgresql://listener:S3cr3tCanary@db.example/x"\n{ACME}')
    for arguments in (("-vv", "check"), ("-vv", "pull"), ("-vv", "alerts", "list")):
        ended = command(*arguments)
        assert ended.code == 2 and "S3cr3tCanary" not in ended.out + ended.err
