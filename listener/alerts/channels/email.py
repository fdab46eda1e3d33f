"""Mail, by a server that takes it from you (SMTP)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from connectors.contract import Dials, Http, Line
from connectors.dial import ascii_host
from connectors.errors import FetchError
from listener.alerts.channels.contract import (
    ChannelOptions,
    Configured,
    DeliveryError,
    Permanent,
    Refusals,
    delivery_error,
)
from listener.alerts.channels.letter import Envelope, write
from listener.alerts.channels.smtp import Answer, Conversation, MailRefused
from listener.alerts.notice import Notice

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX = re.compile(rf"(?:([^<>\"\\,\x00-\x1f\x7f-\x9f]{{0,100}}?) *<)?({_ATOM}(?:\.{_ATOM})*)@([^<>@\s]+?)(>)?")
_CREDENTIAL = re.compile(r"[\x20-\x7e]{1,500}")

_FOR_GOOD: Mapping[str, Permanent] = {"message": "message"}
"""What a 5xx means at each step: it is the message's fault, or else every message will fare the same."""

_ADVICE = {
    "TLS": 'security = "tls" (port 465) may be what it wants',
    "login": "check user and password",
    "sender": "check sender",
    "recipients": "check whom it is to go to",
}


def _mailbox(text: str) -> str:
    """The address with its host in ASCII, the name before it kept."""
    found = _MAILBOX.fullmatch(text.strip())
    if not found or (found[1] is None) != (found[4] is None) or len(found[2]) > 64:
        raise ValueError(f'\'{text[:100]}\' is no address: write "name@example.org" or "Name <name@example.org>"')
    address = f"{found[2]}@{ascii_host(found[3])}"
    return f"{found[1].strip()} <{address}>" if found[1] and found[1].strip() else address


def _address(mailbox: str) -> Address:
    name, _, spec = mailbox.rpartition(" <")
    return Address(name, addr_spec=spec.rstrip(">"))


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class EmailOptions(ChannelOptions):
    """`port` is by default 587 for "starttls", 465 for "tls", 25 for "none"."""

    host: Annotated[str, AfterValidator(ascii_host)]
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr | None = None
    sender: Mailbox
    to: tuple[Mailbox, ...] = Field(min_length=1, max_length=50)

    @field_validator("user")
    @classmethod
    def _sayable(cls, user: str) -> str:
        if user and not _CREDENTIAL.fullmatch(user):
            raise ValueError("must be plain ASCII characters")
        return user

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        password = self.password.get_secret_value() if self.password else ""
        if bool(self.user) != bool(password):
            raise ValueError("user and password go together")
        if password and not _CREDENTIAL.fullmatch(password):
            raise ValueError("password must be plain ASCII characters")
        if password and self.security == "none":
            raise ValueError('a password is not sent in the clear: security must be "starttls" or "tls"')
        return self


class Email(Configured[EmailOptions]):
    """Sends one mail to all of `to`. Its Message-ID is the same over all attempts.

    Whoever is refused for good is named in the mail that the others get; if one is refused for now, all wait.
    """

    kind: ClassVar[str] = "email"
    options: ClassVar[type[ChannelOptions]] = EmailOptions

    def __init__(self, name: str, options: EmailOptions) -> None:
        super().__init__(name, options)
        self._port = options.port or _PORTS[options.security]
        recipients = tuple(map(_address, dict.fromkeys(options.to)))
        self._envelope = Envelope(name, _address(options.sender), recipients)

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        self._converse(http, lambda refused: write(notice, key, self._envelope, _remarks(refused)))

    def probe(self, http: Http) -> str:
        """Names sender and recipients to the server, and leaves before there is a mail."""
        refused = self._converse(http, None)
        named = f", but not for {', '.join(refused)}" if refused else ""
        return f"is alive: the server would take mail{named}"

    def _converse(self, http: Http, letter: Callable[[Mapping[str, Answer]], bytes] | None) -> Mapping[str, Answer]:
        if not isinstance(http, Dials):
            raise DeliveryError("Mail needs a connection that this program's way out does not offer.", "channel")
        try:
            with http.dial(self._options.host, self._port) as line:
                talk = self._introduced(line)
                to = [one.addr_spec for one in self._envelope.recipients]
                refused = talk.address(self._envelope.sender.addr_spec, to)
                if letter:
                    talk.send(letter(refused))
                talk.leave()
                return refused
        except MailRefused as refusal:
            raise self._failure(refusal) from None
        except FetchError as error:
            raise delivery_error(error, Refusals()) from None

    def _introduced(self, line: Line) -> Conversation:
        options = self._options
        if options.security == "none" and not line.private:
            advice = 'security = "none" is for servers in your own network'
            raise DeliveryError(f"{self._where} has a public address: {advice}.", "channel")
        if options.security == "tls":
            line.start_tls()
        talk = Conversation(line, options.host)
        if options.security == "starttls":
            talk.secure()
        if options.password:
            talk.login(options.user, options.password.get_secret_value())
        return talk

    @property
    def _where(self) -> str:
        return f"{self._options.host}:{self._port}"

    def _failure(self, refusal: MailRefused) -> DeliveryError:
        code = f"code {refusal.code}" if refusal.code else ""
        said = " ".join(part for part in (code, refusal.detail) if part)
        for_good = refusal.code >= 500 or (refusal.code == 0 and refusal.detail.startswith("it offers no"))
        advice = f": {_ADVICE[refusal.step]}" if for_good and refusal.step in _ADVICE else ""
        what = f"refused the {refusal.step} ({said}){advice}" if said else f"broke off at the {refusal.step}"
        permanent: Permanent = _FOR_GOOD.get(refusal.step, "channel") if for_good else ""
        busy = refusal.code == 421 or refusal.detail.startswith("4.7.")
        return DeliveryError(f"The mail server {self._where} {what}.", permanent, throttled=busy)


def _remarks(refused: Mapping[str, Answer]) -> Sequence[str]:
    return [
        f"The server refuses {one} (code {answer.code} {answer.enhanced}".rstrip() + ")."
        for one, answer in refused.items()
    ]
