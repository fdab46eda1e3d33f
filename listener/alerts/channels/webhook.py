"""Generic JSON over HTTP, signed as Standard Webhooks 1.0.0 (standardwebhooks.com) describes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from connectors.contract import Http
from listener.alerts.channels.contract import ChannelOptions, Configured, Refusals, post_message
from listener.alerts.channels.posting import AddressOptions, as_json
from listener.alerts.message import Budget, fitted, utf8
from listener.alerts.notice import Digest, Notice

BODY_BYTES = 20_000
_LONGEST_URL = 8_000  # bytes; a longer link cannot be kept whole
_LONGEST_LINE_URL = 800

_PREFIX = "whsec_"
_REFUSALS = Refusals()


def _signing_key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().strip()
    try:
        length = len(_key(text))
    except (ValueError, binascii.Error):
        length = 0
    if not 24 <= length <= 64:
        raise ValueError(f"must be {_PREFIX} followed by 24 to 64 random bytes in base64")
    return SecretStr(text)


class WebhookOptions(AddressOptions):
    """`secrets` sign each message: one, two while a key is being exchanged, or none at all."""

    secrets: tuple[Annotated[SecretStr, AfterValidator(_signing_key)], ...] = ()
    per_second: float = Field(default=10.0, ge=0.05, le=100)


class Webhook(Configured[WebhookOptions]):
    """Posts `{"type", "timestamp", "data"}`; the header `webhook-id` is the same over all attempts."""

    kind: ClassVar[str] = "webhook"
    options: ClassVar[type[ChannelOptions]] = WebhookOptions

    def deliver(self, notice: Notice, *, key: str, now: datetime, http: Http) -> None:
        body = render(notice)
        secrets = [secret.get_secret_value() for secret in self._options.secrets]
        post_message(http, self._options.url, body, signed_headers(key, body, secrets, now), _REFUSALS, now)


def render(notice: Notice) -> bytes:
    """The body, under BODY_BYTES: the text is cut first, then the other fields, never the link."""

    def body(budget: Budget) -> bytes:
        return _body(notice.bounded(budget.quote, budget.field, budget.items))

    return fitted(body, len, BODY_BYTES - 1)


def signed_headers(key: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of one attempt. `secrets` are whsec_… texts; the signature header is left out if there are none."""
    if "." in key:
        raise ValueError("the key of a webhook must not hold a dot: it separates the signed parts")
    timestamp = str(int(now.timestamp()))
    headers = {"webhook-id": key, "webhook-timestamp": timestamp}
    if secrets:
        headers["webhook-signature"] = " ".join(_sign(key, timestamp, body, secret) for secret in secrets)
    return headers


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: datetime, tolerance: float = 300.0
) -> bool:
    """For receivers: whether `body` came from someone who holds one of `secrets`, at most `tolerance` seconds ago.

    `headers` has lower-case keys, `secrets` are whsec_… texts. Remember the `webhook-id` of what was accepted: the same
    one again is the same message.
    """
    key, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16):
        return False
    if abs(now.timestamp() - int(timestamp)) > tolerance:
        return False
    wanted = [_sign(key, timestamp, body, secret).encode() for secret in secrets]
    given = headers.get("webhook-signature", "").encode("utf-8", "replace").split()
    return any(hmac.compare_digest(one, other) for one in wanted for other in given)


def _sign(key: str, timestamp: str, body: bytes, secret: str) -> str:
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode("ascii")


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        raise ValueError(f"a secret begins with {_PREFIX}")
    return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)


def _body(notice: Notice) -> bytes:
    data = _digest_data(notice.digest) if notice.digest else _mention_data(notice)
    whole = {
        "type": notice.type,
        "timestamp": notice.found_at,
        "data": {"title": notice.title, "rule": notice.rule, **data},
    }
    return as_json(whole)


def _mention_data(notice: Notice) -> dict[str, Any]:
    return {
        "mention_id": notice.mention_id,
        "brand": notice.brand,
        "label": notice.label,
        "value": notice.value,
        "confidence": notice.confidence,
        "language": notice.language,
        "source": notice.source,
        "author": notice.author,
        "text": notice.text,
        "url": _whole_or_none(notice.url, _LONGEST_URL),
        "desk": _whole_or_none(notice.desk, _LONGEST_LINE_URL),
        "published_at": notice.published_at,
        "facts": [{"what": what, "said": said} for what, said in notice.facts],
        "report": notice.report,
        "why": {
            "reasons": list(notice.reasons),
            "matched": list(notice.why),
            "words": [{"word": word, "weight": weight} for word, weight in notice.explanation],
        },
    }


def _digest_data(digest: Digest) -> dict[str, Any]:
    return {
        "total": digest.total,
        "counts": [count._asdict() for count in digest.counts],
        "surest": [{**line._asdict(), "url": _whole_or_none(line.url, _LONGEST_LINE_URL)} for line in digest.surest],
    }


def _whole_or_none(url: str, limit: int) -> str:
    return url if utf8(url) <= limit else ""
