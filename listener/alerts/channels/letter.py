"""A notice as a mail (RFC 5322): text, and a report as HTML beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

from listener.alerts.message import HARMLESS, Message, clean, message_of, one_line, shorten
from listener.alerts.notice import Notice
from storage.records import moment

SUBJECT_CHARS = 150
HTML_BYTES = 3_000_000
"""A longer report stays at the desk: many servers take no mail over 10 MB, and base64 adds a third, twice."""

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9_-]")


class Envelope(NamedTuple):
    """Between whom, and for which channel."""

    channel: str
    sender: Address
    recipients: Sequence[Address]


def write(notice: Notice, key: str, envelope: Envelope, remarks: Sequence[str] = ()) -> bytes:
    """The mail, with CRLF line ends; the same arguments give the same bytes.

    Its Message-ID follows from `key`: a mail that comes twice is one to most programs. `remarks` are put at the end.
    """
    message = message_of(notice)
    mail = EmailMessage(policy=SMTP)
    mark = _NOT_IN_A_KEY.sub("", key)[:64] or "alert"
    mail["From"] = envelope.sender
    mail["To"] = tuple(envelope.recipients)
    # The library decodes what looks like an encoded word, and a line end in there would begin a header of its own.
    mail["Subject"] = shorten(one_line(message.short).replace("=?", f"={HARMLESS}?"), SUBJECT_CHARS)
    mail["Date"] = format_datetime(moment(notice.found_at))
    mail["Message-ID"] = f"<{mark}@{envelope.sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"<{_label(envelope.channel)}.listener.{envelope.sender.domain}>"
    html = notice.html.encode("utf-8", "replace")
    too_long = ["The report is too long for a mail: it is at the desk."] if len(html) > HTML_BYTES else []
    lines = [*_lines(notice, message), *too_long, *remarks]
    mail.set_content("\n\n".join(lines) + "\n", cte="quoted-printable")
    if html and not too_long:
        _add_report(mail, html.decode())
    _bound(mail, mark)
    return mail.as_bytes()


def _add_report(mail: EmailMessage, html: str) -> None:
    """To be read in place; and as a file, because many programs leave drawings out of what they show in place."""
    mail.add_alternative(html, subtype="html", cte="base64")
    utf8 = {"charset": "utf-8"}
    mail.add_attachment(html.encode(), "text", "html", cte="base64", filename="report.html", params=utf8)


def _bound(mail: EmailMessage, mark: str) -> None:
    """The library draws boundaries by lot. Neither base64 nor quoted-printable text can hold "=_"."""
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{number}_{mark}")


def _lines(notice: Notice, message: Message) -> Iterator[str]:
    """Paragraphs."""
    quoted = notice.digest is None and notice.type.startswith(("mention.", "case."))
    yield "\n".join(text for text in (message.head, message.title) if text)
    if message.quote:
        yield "\n".join(f"> {line}" for line in message.quote.split("\n")) if quoted else message.quote
    if message.facts:
        yield "\n".join(f"{what}: {said}" for what, said in message.facts)
    yield from (f"- {text}\n  {url}" if url else f"- {text}" for text, url in message.items)
    yield from message.lines
    if message.links:
        yield "\n".join(f"{link.words}: {link.url}" for link in message.links)


def _label(name: str) -> str:
    """`name` as a part of a host's name."""
    return re.sub(r"[^a-z0-9]+", "-", clean(name).lower()).strip("-")[:60] or "channel"
