"""What came back: reading a body with bounds, and giving it out."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

from connectors.ask import Ask, valid
from connectors.errors import BadAnswer, FetchError
from connectors.guard import Call
from connectors.post import Validators

_DRAIN = 16_384  # bytes of an unwanted body that are read so that its connection can be kept
_PIECE = 256 * 1024  # inflated bytes held at a time beside the body
_MOST_MEMBERS = 64  # gzip members in one body
_FEW_BYTES, _MANY_CHUNKS = 16, 10_000  # a long run of tiny chunks costs CPU, not bytes

_MOST_VALUES = 250_000  # JSON values in one body; the costliest shape (one-key objects) needs ~230 bytes for each
_MOST_TEXT = 25_000_000  # bytes of the decoded text: one emoji makes Python spend four on every character


@dataclass(frozen=True, slots=True)
class Received:
    """What came back on one hop; of a body that is not of a 2xx only the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The `Answer` of connectors.contract. `where` is the redacted address, for messages."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    unchanged: bool
    validators: Validators
    moved_to: str
    where: str

    def json(self) -> Any:
        if self.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b""):
            kind = _content_type(self.headers) if self.body else "an empty body"
            raise BadAnswer(f"{self.where} answered with {kind} in place of JSON.", status=self.status)
        if sum(map(self.body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
            raise BadAnswer(f"{self.where} answered with JSON of too many values.", status=self.status)
        try:
            text = self.body.decode("utf-8-sig")
            if sys.getsizeof(text) > _MOST_TEXT:
                raise BadAnswer(f"{self.where} answered with JSON that is too large.", status=self.status)
            return _JSON.decode(text)
        except RecursionError:
            raise BadAnswer(f"{self.where} answered with JSON that is nested too deep.") from None
        except ValueError as exc:
            why = f"{exc.msg} at character {exc.pos}" if isinstance(exc, json.JSONDecodeError) else _WHY
            raise BadAnswer(
                f"{self.where} answered with {_content_type(self.headers)} that is not JSON ({why}).",
                status=self.status,
            ) from None


def reply_to(ask: Ask, got: Received, call: Call, known: Validators | None, identity: str, *, moved: bool) -> Reply:
    unchanged, validators = False, Validators()
    if known is not None:
        digest = known.body_hash if got.status == 304 else hashlib.blake2b(got.body, digest_size=16).hexdigest()
        unchanged = got.status == 304 or digest == known.body_hash
        old = known if got.status == 304 else Validators()
        validators = Validators(
            url=identity,
            etag=valid(got.headers.get("etag", "")) or old.etag,
            last_modified=valid(got.headers.get("last-modified", "")) or old.last_modified,
            body_hash=digest,
        )
    url = str(ask.url)
    has_credentials = "@" in call.url.partition("://")[2].partition("/")[0]
    moved_to = url if moved and not has_credentials else ""
    return Reply(got.status, url, got.headers, got.body, unchanged, validators, moved_to, call.where)


_WHY = "not UTF-8, or a number out of range"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(digits[:20])
    return value


_JSON = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _content_type(headers: Mapping[str, str]) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind if re.fullmatch(r"[a-z0-9.+/-]{1,60}", kind) else "an unnamed content type"


def read_body(chunks: Iterable[bytes], headers: Mapping[str, str], cap: int, where: str) -> bytes:
    """The body, inflated. Never holds more than `cap` bytes of it (and a copy at the end).

    Raises BadAnswer for a body larger than `cap` (inflated or not), a broken one, and an encoding that was not asked
    for; FetchError for a compressed body that breaks off.
    """
    too_large = f"{where} answered with more than {cap:,} bytes."
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > cap:
        raise BadAnswer(too_large)
    inflater = _inflater(headers.get("content-encoding", ""), where)
    body = bytearray()
    wire = 0
    for count, chunk in enumerate(chunks):
        wire += len(chunk)
        if wire > cap:
            raise BadAnswer(too_large)
        if count > _MANY_CHUNKS and wire < count * _FEW_BYTES:
            raise BadAnswer(f"{where} answered in crumbs of a few bytes.")
        for piece in inflater.feed(chunk) if inflater else (chunk,):
            body += piece
            if len(body) > cap:
                raise BadAnswer(too_large)
    if inflater and wire and not inflater.complete:
        raise FetchError(f"{where} broke off within its compressed answer.")
    return bytes(body)


def joined(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as text with lower-case keys; repeated ones are joined by ", "."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def drain(chunks: Iterator[bytes], headers: Mapping[str, str]) -> bytes:
    """The beginning of the body behind a status that is no success: some APIs explain themselves there, and
    a connection is kept only if its answer was read to the end. What cannot be read is left out.

    Raises FetchError only for the deadline.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > _DRAIN:
        return b""
    wire = bytearray()
    try:
        for chunk in chunks:
            wire += chunk
            if len(wire) > _DRAIN:
                break
    except (httpx.HTTPError, OSError):
        pass  # The status has been read, the rest was only for the connection's sake.
    try:
        inflater = _inflater(headers.get("content-encoding", ""), "")
        return bytes(wire[:_DRAIN] if inflater is None else next(iter(inflater.feed(bytes(wire))), b"")[:_DRAIN])
    except BadAnswer:
        return b""


def _inflater(encoding: str, where: str) -> _Inflater | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Inflater(where)
    raise BadAnswer(f"{where} answered in a content encoding that was not asked for.")


class _Inflater:
    """gzip (also of several members) and deflate, in pieces of bounded size."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._members = 0
        self._stream: Any = None

    @property
    def complete(self) -> bool:
        return self._stream is not None and bool(self._stream.eof)

    def feed(self, data: bytes) -> Iterable[bytes]:
        while data:
            if self._stream is None or self._stream.eof:
                if self._members and data[:1] != b"\x1f":
                    return  # padding after the last member
                self._begin(data[0])
            try:
                piece = self._stream.decompress(data, _PIECE)
                yield piece
                while self._stream.unconsumed_tail or len(piece) == _PIECE:
                    piece = self._stream.decompress(self._stream.unconsumed_tail, _PIECE)
                    yield piece
            except zlib.error:
                raise BadAnswer(f"{self._where} answered with a broken compressed body.") from None
            data = self._stream.unused_data

    def _begin(self, first: int) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise BadAnswer(f"{self._where} answered with a body compressed in too many parts.")
        # Some servers send "deflate" without zlib's header. No bare stream begins like gzip (0x1f is a reserved block
        # type) or like zlib (0x?8 is a stored block whose padding is not zero).
        wrapped = first == 0x1F or first & 0x0F == 8
        self._stream = zlib.decompressobj(47 if wrapped else -15)
