"""A guarded connection for protocols other than HTTP."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

import httpcore
import httpx

from connectors.addresses import literal
from connectors.errors import FetchError
from connectors.guard import GuardedBackend

_NAME = re.compile(r"[^\s/?#@:\\\[\]%<>]{1,253}")
_ASCII_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?")


class Dialled:
    """The `Line` of connectors.contract, in the call that `guard` is in."""

    def __init__(self, guard: GuardedBackend, host: str, port: int, tls: Callable[[], ssl.SSLContext]) -> None:
        self._host = host
        self._tls = tls
        self._where = guard.call.where
        self._stream = guard.connect_tcp(host, port)
        self.private = guard.call.private

    def read(self, most: int) -> bytes:
        try:
            return self._stream.read(most)
        except httpcore.NetworkError:
            raise FetchError(f"The connection to {self._where} broke off.") from None

    def write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except httpcore.NetworkError:
            raise FetchError(f"The connection to {self._where} broke off.") from None

    def start_tls(self) -> None:
        self._stream.start_tls(self._tls(), server_hostname=self._host)

    def close(self) -> None:
        self._stream.close()


def ascii_host(name: str) -> str:
    """A host's name as the network wants it ("bücher.example" as "xn--bcher-kva.example"), or its address.

    Raises ValueError for what is neither.
    """
    if literal(name):
        return name
    try:
        host = httpx.URL(f"http://{name}/").raw_host.decode("ascii") if _NAME.fullmatch(name) else ""
    except (httpx.InvalidURL, UnicodeError):
        host = ""
    if not _ASCII_NAME.fullmatch(host) or ".." in host or any(len(label) > 63 for label in host.split(".")):
        raise ValueError(f"'{name[:100]}' is no host: write a name such as \"mail.example.org\"")
    return host
