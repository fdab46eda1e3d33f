"""A websocket (RFC 6455) over the guarded network: the library's protocol, our socket and bounds."""

from __future__ import annotations

import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterator

import httpcore
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from connectors.ask import Ask
from connectors.errors import BadAnswer, FetchError
from connectors.guard import SLICE, Call, GuardedBackend, GuardedStream
from connectors.redact import redact
from connectors.reply import Received, joined

MAX_MESSAGE = 1_048_576  # bytes
PING_AFTER = 20.0  # seconds without a byte
LOST_AFTER = 60.0  # seconds without a byte, the answer to a ping included

_PIECE = 65_536  # bytes read at a time
_WRITING = 5.0  # seconds that the server has to take a pong or a goodbye
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?\r\n")
_SWITCHING = 101
_AS_AGREED = (1000, 1001, 1005, 1012)  # done, going away, without a reason, restarting

# At DEBUG the library writes out addresses and headers.
_LOG = logging.getLogger("websockets.client")
_LOG.setLevel(logging.WARNING)


class Refused(BadAnswer):
    """The server answered the handshake, but not with a websocket."""

    def __init__(self, where: str, answer: Received) -> None:
        super().__init__(f"{where} answered with HTTP {answer.status} in place of a stream; check the address.")
        self.status = answer.status
        self.answer = answer.body
        self.received = answer


def open_websocket(guard: GuardedBackend, ask: Ask, user_agent: bytes, tls: Callable[[], ssl.SSLContext]) -> WebSocket:
    """Connect and shake hands within the deadline of `guard.call`.

    Raises Refused for an answer that agrees to no websocket, FetchError, and what httpcore and the system raise.
    """
    stream = guard.connect_tcp(*ask.address)
    try:
        protocol = _shake_hands(stream, guard.call, ask, user_agent, tls)
    except BaseException:
        stream.close()
        raise
    return WebSocket(guard, stream, protocol)


def _shake_hands(
    stream: GuardedStream, call: Call, ask: Ask, user_agent: bytes, tls: Callable[[], ssl.SSLContext]
) -> ClientProtocol:
    secure = ask.url.scheme == "https"
    if secure:
        stream.start_tls(tls(), ask.address[0])
    address = WebSocketURI(secure, *ask.address, ask.url.raw_path.decode("ascii"), "")
    # No extensions: inflating costs more CPU than it saves bytes, and a bomb needs it.
    protocol = ClientProtocol(address, max_size=MAX_MESSAGE, logger=_LOG)
    request = protocol.connect()
    for name, value in ((b"User-Agent", user_agent), *ask.own):
        request.headers[name.decode("ascii")] = value.decode("latin-1")
    protocol.send_request(request)
    stream.write(b"".join(protocol.data_to_send()))
    answer, raw = _answer(stream, call)
    if 300 <= answer.status < 400:
        target = redact(answer.headers.get("location", ""))
        raise BadAnswer(
            f"{call.where} redirects the stream to {target} (HTTP {answer.status}); write its new address into the "
            "configuration.",
            status=answer.status,
        )
    if answer.status != _SWITCHING:
        raise Refused(call.where, answer)
    protocol.receive_data(raw)
    if protocol.handshake_exc is not None:
        raise BadAnswer(f"{call.where} does not speak websocket as expected.")
    return protocol


def _answer(stream: GuardedStream, call: Call) -> tuple[Received, bytes]:
    """The answer to the handshake, with as much of a body as came along, and all bytes of it."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = stream.read(_PIECE)
        if not data:
            raise FetchError(f"{call.where} broke off before it answered.")
        raw += data
    call.answered = True
    status = _STATUS.match(raw)
    if status is None:
        raise BadAnswer(f"{call.where} sent something that is not HTTP.")
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return Received(int(status[1]), joined([(name, value.strip()) for name, _, value in lines]), body), raw


class WebSocket:
    """An open connection. One thread reads it and closes it."""

    def __init__(self, guard: GuardedBackend, stream: GuardedStream, protocol: ClientProtocol) -> None:
        self._guard = guard
        self._call = guard.call
        self._stream = stream
        self._protocol = protocol
        self._fragments = bytearray()

    def messages(self, idle: float, hushed: threading.Event) -> Iterator[bytes | None]:
        """Each message as it comes, None whenever `idle` seconds bring none.

        Ends when the server closes as agreed, or within a second once `hushed` is set. Raises FetchError when the
        connection breaks or is silent for LOST_AFTER seconds, BadAnswer for what is no websocket or too large.
        """
        clock = self._guard.monotonic
        begun = clock()
        silent = 0.0
        while not hushed.is_set():
            if arrived := self._arrived():
                yield from arrived
                begun = clock()
            if self._protocol.state is not OPEN:
                return self._end()
            waiting = clock()
            if waiting - begun >= idle:
                yield None
                begun = waiting = clock()
            if self._receive(min(SLICE, max(begun + idle - waiting, 0.001))):
                silent = 0.0
            else:
                silent = self._bear(silent, silent + clock() - waiting)

    def close(self) -> None:
        """Say goodbye if the server still listens, without waiting for its answer."""
        try:
            if self._protocol.state is OPEN:
                self._protocol.send_close(1000)
                self._send()
        except FetchError:
            pass  # It has gone already, or the program is in a hurry: either way the socket closes now.
        finally:
            self._stream.close()

    def _arrived(self) -> list[bytes]:
        """The messages that are complete."""
        messages = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if event.fin and not self._fragments:
                messages.append(bytes(event.data))
                continue
            self._fragments += event.data  # their sum is bounded by max_size
            if event.fin:
                messages.append(bytes(self._fragments))
                self._fragments.clear()
        return messages

    def _receive(self, seconds: float) -> bool:
        """Whether anything came."""
        try:
            data = self._stream.read_soon(_PIECE, seconds)
        except httpcore.ReadError:
            raise self._broken() from None
        if data is None:
            return False
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._send()
        return True

    def _bear(self, before: float, silent: float) -> float:
        """The silence goes on: ask whether anybody is there, and give up in the end."""
        if before < PING_AFTER <= silent:
            self._protocol.send_ping(b"")
            self._send()
        if silent >= LOST_AFTER:
            raise FetchError(f"{self._call.where} sent nothing and answered no ping for {LOST_AFTER:g} s.")
        return silent

    def _send(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if not data:
            return
        # Whoever reads the messages may have asked something else meanwhile, in this thread.
        self._guard.call = self._call
        self._call.deadline = self._guard.monotonic() + _WRITING
        try:
            self._stream.write(data)
        except httpcore.WriteError:
            raise self._broken() from None

    def _end(self) -> None:
        """The connection is over. Raises unless the server said so in the agreed way."""
        problem, closing = self._protocol.parser_exc, self._protocol.close_rcvd
        where = self._call.where
        if isinstance(problem, PayloadTooBig):
            raise BadAnswer(f"{where} sent a message of more than {MAX_MESSAGE:,} bytes.")
        if problem is not None and not isinstance(problem, EOFError):
            raise BadAnswer(f"{where} sent something that is not a websocket message.")
        if closing is None:
            raise self._broken()
        if closing.code not in _AS_AGREED:
            raise FetchError(f"{where} ended the stream with close code {closing.code}.")

    def _broken(self) -> FetchError:
        return FetchError(f"The stream of {self._call.where} broke off.")
