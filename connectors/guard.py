"""The network under httpx: connects only to checked addresses and cuts every call at its deadline.

httpx offers no option for either. A URL check sees the name and not the address that is connected to, and a read
timeout never fires on a server that sends one byte a second.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import httpcore

from connectors.addresses import AllowList, is_public, literal
from connectors.errors import BadAnswer, BlockedAddress, FetchError, Stopped
from connectors.redact import redact

SLICE = 0.4  # seconds a thread blocks at most before it looks whether it was told to stop
MAX_HEAD = 256 * 1024  # bytes before the status line and headers are complete; bounds a flood of 1xx answers

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(slots=True)
class Call:
    """What the network must know of the call that a thread is in.

    `deadline` is on the guard's monotonic clock, `limit` the same in seconds for messages. The rest is about the
    present hop: whether it opened a connection (to a private address), its answer began, and the bytes received.
    """

    url: str
    host_only: bool
    limit: float
    deadline: float
    connected: bool = False
    answered: bool = False
    received: int = 0
    private: bool = False

    @property
    def where(self) -> str:
        return redact(self.url, host_only=self.host_only)


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, in the order the system prefers. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.NetworkBackend):
    """Looks a name up once, refuses it if any of its addresses is private and not allowed, and connects to what was
    checked. Being below the connection pool, it sees every redirect and every reconnect."""

    def __init__(self, allow: AllowList, resolve: Resolver, monotonic: Callable[[], float]) -> None:
        self.stopped = threading.Event()
        self.monotonic = monotonic
        self._allow = allow
        self._resolve = resolve
        self._thread = threading.local()

    @property
    def call(self) -> Call:
        call: Call = self._thread.call
        return call

    @call.setter
    def call(self, call: Call) -> None:
        self._thread.call = call

    def patience(self) -> float:
        """Seconds (0 < s <= SLICE) to block before asking again. Raises FetchError at the deadline or after a stop."""
        call = self.call
        if self.stopped.is_set():
            raise Stopped(f"{call.where} was stopped before it answered.")
        left = call.deadline - self.monotonic()
        if left <= 0:
            raise FetchError(f"{call.where} did not complete its answer within {call.limit:g} s.")
        return min(left, SLICE)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> GuardedStream:
        self.patience()
        self.call.connected = True
        addresses = self._checked(host, port)
        failure: OSError | None = None
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # A dead first address must leave time for the others.
            share = (self.call.deadline - self.monotonic()) / left
            try:
                return GuardedStream(self, self._connect(address, port, self.monotonic() + share))
            except OSError as exc:
                failure = exc
        why = os.strerror(failure.errno).lower() if failure and failure.errno else "no answer"
        raise FetchError(f"{self.call.where} cannot be reached ({why}).")

    def _checked(self, host: str, port: int) -> Sequence[str]:
        addresses = [host] if literal(host) else self._look_up(host, port)
        if not addresses:
            raise FetchError(f"{self.call.where} cannot be found: its name has no address.")
        for address in addresses:
            if is_public(address):
                continue
            if not self._allow.permits(host, address, port):
                raise BlockedAddress(
                    f"{self.call.where} leads to the private address {address}; "
                    "if that is wanted, add it to allow_private."
                )
            self.call.private = True
        return addresses

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        # getaddrinfo cannot be interrupted, so a thread of its own waits for it and is left behind if need be.
        answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(host, port))
            except Exception as exc:
                answers.put(exc)

        try:
            threading.Thread(target=ask, name="look-up", daemon=True).start()
        except RuntimeError:
            raise FetchError(f"{self.call.where} was not asked: the system allows no more threads.") from None
        while True:
            try:
                answer = answers.get(timeout=self.patience())
            except Empty:
                continue
            if isinstance(answer, Exception):
                raise FetchError(f"{self.call.where} cannot be found: its name could not be looked up.")
            return answer

    def _connect(self, address: str, port: int, until: float) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            code = sock.connect_ex((address, port))
            if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
                while not _ready(sock, self.patience(), write=True):
                    if self.monotonic() >= until:
                        raise TimeoutError
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock


class GuardedStream(httpcore.NetworkStream):
    """One connection. Each read and write blocks for a slice at most; the timeouts of httpcore are not used."""

    def __init__(self, guard: GuardedBackend, sock: socket.socket) -> None:
        self._guard = guard
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        call = self._guard.call
        while True:
            self._sock.settimeout(self._guard.patience())
            try:
                data = self._sock.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError as exc:
                raise httpcore.ReadError(type(exc).__name__) from None
            call.received += len(data)
            if not call.answered and call.received > MAX_HEAD:
                raise BadAnswer(f"{call.where} sent more than {MAX_HEAD // 1024} kB before its answer began.")
            return data

    def read_soon(self, max_bytes: int, seconds: float) -> bytes | None:
        """What comes within `seconds` (> 0): b"" at the end of the stream, None when nothing does."""
        self._sock.settimeout(seconds)
        try:
            return self._sock.recv(max_bytes)
        except TimeoutError:
            return None
        except OSError as exc:
            raise httpcore.ReadError(type(exc).__name__) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self._sock.settimeout(self._guard.patience())
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError:
                continue
            except OSError as exc:
                raise httpcore.WriteError(type(exc).__name__) from None

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> GuardedStream:
        where = self._guard.call.where
        try:
            self._sock.settimeout(self._guard.patience())
            self._sock = secure = ssl_context.wrap_socket(
                self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._shake_hands(secure)
        except ssl.SSLCertVerificationError as exc:
            self.close()
            raise FetchError(f"{where} shows a certificate that is not trusted ({exc.verify_message}).") from None
        except (OSError, ValueError):
            self.close()
            raise FetchError(f"{where} does not speak TLS as expected.") from None
        except BaseException:
            self.close()
            raise
        return self

    def _shake_hands(self, secure: ssl.SSLSocket) -> None:
        while True:
            secure.settimeout(self._guard.patience())
            try:
                return secure.do_handshake()
            except TimeoutError:
                continue

    def get_extra_info(self, info: str) -> Any:
        # The pool asks this of idle connections: readable means that the server has closed it.
        return _ready(self._sock, 0.0, write=False) if info == "is_readable" else None


def _ready(sock: socket.socket, seconds: float, *, write: bool) -> bool:
    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        wanted = [sock]
        return any(select.select([] if write else wanted, wanted if write else [], wanted, seconds))
    poll = select.poll()
    poll.register(sock, select.POLLOUT if write else select.POLLIN)
    return bool(poll.poll(seconds * 1000))
