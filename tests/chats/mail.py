"""A mail server on the loopback, on TLS, on STARTTLS or in the clear, with troubles planned for each mail.

with MailServer(plan=["451", "cut"]) as server:
    ...  # send to 127.0.0.1:server.port
    assert [mail["Message-ID"] for mail in server.mails] == [...]
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.chats.chat import PATIENCE

DATA = Path(__file__).parents[1] / "data" / "mail"
CERTIFICATE = DATA / "test-only-certificate.pem"
USER, PASSWORD = "listener", "hunter2-the-password"


def tls_for_tests() -> ssl.SSLContext:
    """What a client trusts that knows the test certificate."""
    return ssl.create_default_context(cafile=CERTIFICATE)


@dataclass
class MailServer:
    """`plan` holds what befalls the mails in order: a status ("451 4.7.1 greylisted") in answer to the recipients,
    "data 554 no" in answer to the mail, "cut" (taken, then the connection is reset), "reset" (before it is taken),
    "late" (no answer in time), "" (nothing). `refuse` maps recipients to what they are always answered.

    `raw` holds what was taken, `mails` the same parsed, `to` for whom, `sessions` how many conversations there were.
    """

    plan: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    security: str = "none"
    raw: list[bytes] = field(default_factory=list)
    to: list[tuple[str, ...]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    sessions: int = 0

    @property
    def mails(self) -> list[EmailMessage]:
        parsed = [message_from_bytes(raw, policy=policy.default) for raw in self.raw]
        return [mail for mail in parsed if isinstance(mail, EmailMessage)]

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def __enter__(self) -> MailServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, DATA / "test-only-key.pem")
        options: dict[str, Any] = {"authenticator": self._let_in, "hostname": "mail.example", "ident": "stand-in"}
        if self.security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if self.security == "tls":
            options |= {"auth_require_tls": False}  # it knows only of TLS that it began itself
        self._spoken: list[SMTP] = []

        def speak() -> SMTP:
            self._spoken.append(SMTP(_Handler(self), loop=self._loop, **options))
            return self._spoken[-1]

        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(speak, "127.0.0.1", 0, ssl=context if self.security == "tls" else None)
        )
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        await asyncio.sleep(0.02)  # what is being accepted when the server closes is never closed itself
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for smtp in self._spoken:
            if smtp.transport:
                smtp.transport.abort()
        await asyncio.sleep(0.01)  # for the loop to close them

    def _let_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.users.append(data.login.decode() if isinstance(data, LoginPassword) else "")
        return AuthResult(success=known, handled=False)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    def _next(self) -> str:
        return self._server.plan[0] if self._server.plan else ""

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._server.sessions += 1
        if self._next().startswith("mail "):
            return self._server.plan.pop(0).removeprefix("mail ")
        envelope.mail_from = address
        return "250 2.1.0 fine"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._server.refuse.get(address):
            return refusal
        if self._next()[:3].isdecimal():
            return self._server.plan.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        trouble = self._server.plan.pop(0) if self._server.plan else ""
        if trouble.startswith("data "):
            return trouble.removeprefix("data ")
        if trouble in ("", "cut"):
            assert isinstance(envelope.content, bytes)
            self._server.raw.append(envelope.content)
            self._server.to.append(tuple(envelope.rcpt_tos))
            self._server.secured.append(session.ssl is not None or self._server.security == "tls")
        if trouble in ("cut", "reset") and server.transport:
            server.transport.abort()
        if trouble == "late":
            await asyncio.sleep(4 * PATIENCE)
        return "250 2.0.0 taken"
