"""A conversation with a mail server (RFC 5321) over a guarded connection: smtplib's protocol, our socket and bounds."""

from __future__ import annotations

import io
import re
import smtplib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from connectors.contract import Line
from connectors.errors import FetchError

_NO_SMTP = "what it said is not SMTP"
_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class MailRefused(Exception):
    """The server said no. `code` is its own (400..599), 0 where it broke off (no `detail`) or lacks what is needed.

    `step` is what was asked of it: "greeting", "TLS", "login", "sender", "recipients" or "message".
    `detail` is its enhanced code (RFC 3463), or our own words; never its words, which may repeat a secret.
    """

    def __init__(self, step: str, code: int = 0, detail: str = "") -> None:
        super().__init__(step, code, detail)
        self.step = step
        self.code = code
        self.detail = detail


class Answer(NamedTuple):
    """What a server answered to one command; the code is 0 if that was no answer."""

    code: int
    enhanced: str

    @property
    def accepts(self) -> bool:
        return 200 <= self.code < 300


class Conversation:
    """Raises MailRefused, and FetchError for the network."""

    def __init__(self, line: Line, host: str) -> None:
        self._line = line
        self._smtp = _Smtp(line)
        self._begin("greeting", self._smtp.connect, host, 25)

    def secure(self) -> None:
        """Go on in TLS."""
        self._hello()
        if not self._smtp.has_extn("starttls"):
            raise MailRefused("TLS", detail="it offers no STARTTLS")
        self._begin("TLS", self._smtp.docmd, "STARTTLS")
        self._line.start_tls()
        self._smtp.forget()

    def login(self, user: str, password: str) -> None:
        self._hello()
        self._asked("login", self._smtp.login, user, password)

    def address(self, sender: str, recipients: Sequence[str]) -> dict[str, Answer]:
        """Name who it is from and for; what was said of those who were refused for good, by recipient.

        Where any is refused for now, or all are, nobody gets it: MailRefused.
        """
        self._hello()
        sent = _answer(*self._asked("sender", self._smtp.mail, sender))
        if not sent.accepts:
            raise MailRefused("sender", *sent)
        answers = {one: _answer(*self._asked("recipients", self._smtp.rcpt, one)) for one in recipients}
        refused = {one: answer for one, answer in answers.items() if not answer.accepts}
        for_now = [answer for answer in refused.values() if answer.code < 500]
        if for_now or len(refused) == len(recipients):
            raise MailRefused("recipients", *(for_now or list(refused.values()))[0])
        return refused

    def send(self, message: bytes) -> None:
        """Returning means that the server has it."""
        sent = _answer(*self._asked("message", self._smtp.data, message))
        if not sent.accepts:
            raise MailRefused("message", *sent)

    def leave(self) -> None:
        """Take leave without a wait for the answer: what matters has been said."""
        try:
            self._smtp.putcmd("quit")
        except (smtplib.SMTPException, FetchError):
            pass

    def _begin(self, step: str, ask: Callable[..., Any], *what: Any) -> None:
        code, text = self._asked(step, ask, *what)
        if code != 220:
            raise MailRefused(step, *_answer(code, text))

    def _hello(self) -> None:
        self._asked("greeting", self._smtp.ehlo_or_helo_if_needed)

    def _asked(self, step: str, ask: Callable[..., Any], *what: Any) -> Any:
        try:
            return ask(*what)
        except smtplib.SMTPServerDisconnected:
            raise MailRefused(step) from None
        except smtplib.SMTPResponseException as error:
            if isinstance(error.smtp_error, str):  # the library's own words, for a line without an end
                raise MailRefused(step, detail=_NO_SMTP) from None
            raise MailRefused(step, *_answer(error.smtp_code, error.smtp_error)) from None
        except smtplib.SMTPException:
            raise MailRefused(step, detail="it offers no way to log in that is known here") from None


def _answer(code: int, text: bytes) -> Answer:
    if not 200 <= code <= 599:
        return Answer(0, _NO_SMTP)
    found = _ENHANCED.match(text)
    return Answer(code, found[0].decode() if found else "")


class _Smtp(smtplib.SMTP):
    def __init__(self, line: Line) -> None:
        self._line = line
        # A name of its own: the default asks the system's resolver for one.
        super().__init__(local_hostname="localhost")

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        return _Socket(self._line)

    def forget(self) -> None:
        """What was said before TLS, read or not, may come from anybody."""
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False


class _Socket:
    """As much of a socket as smtplib asks for; the connection is closed by whoever dialled it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def sendall(self, data: bytes) -> None:
        self._line.write(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._line))

    def close(self) -> None:
        pass


class _Reader(io.RawIOBase):
    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._line.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
