"""Many small web servers in one process of its own: feeds on many ports, and a log of who asked for what, and when."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

ENTRIES = 10
Body = Callable[[int, int], bytes]
"""(feed, version) → what is answered; a function that another process can import."""


class Visit(NamedTuple):
    """`at` is the wall clock (s since 1970); `gap` the seconds since this host's last answer set out, inf for none."""

    feed: int
    at: float
    gap: float
    together: bool
    """Another request to this host was being answered."""


class _Host(asyncio.Protocol):
    """One connection to one port. All that a request takes is a head: there is no body."""

    def __init__(self, state: _HostState, web: _Web) -> None:
        self._state = state
        self._web = web
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        if not self._read.endswith(b"\r\n\r\n"):
            return
        head, self._read = self._read, b""
        state = self._state
        feed = int(head.split(b" ", 2)[1].lstrip(b"/"))
        self._web.log.append(Visit(feed, time.time(), time.monotonic() - state.answered_at, state.answering))
        state.answering = True
        asyncio.get_running_loop().call_later(self._web.takes, self._answer, feed, self._web.tag in head)

    def _answer(self, feed: int, known: bool) -> None:
        body = b"" if known else self._web.body(feed, self._web.version)
        status = b"304 Not Modified" if known else b"200 OK\r\nContent-Type: application/rss+xml"
        length = b"" if known else b"\r\nContent-Length: %d" % len(body)
        self._state.answering = False
        # Before the first byte goes out: whoever asks has the end of the answer later than this.
        self._state.answered_at = time.monotonic()
        self._transport.write(b"HTTP/1.1 " + status + b"\r\nETag: " + self._web.tag + length + b"\r\n\r\n" + body)


class _HostState:
    def __init__(self) -> None:
        self.answered_at = float("-inf")
        self.answering = False


class _Web:
    """What all hosts share."""

    def __init__(self, takes: float, body: Body) -> None:
        self.takes = takes
        self.body = body
        self.log: list[Visit] = []
        self.version = 0

    @property
    def tag(self) -> bytes:
        return b'"%d"' % self.version


def ten_notes(feed: int, version: int) -> bytes:
    """The same in each version."""
    entries = "".join(
        f"<item><guid>{feed}-{n}</guid><link>https://news.example/{feed}/{n}</link><title>Note {n}</title>"
        f"<pubDate>{formatdate(1_790_000_000 + 60 * n)}</pubDate><description>Acme is great, says {feed}.</description></item>"
        for n in range(ENTRIES)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{feed}</title>{entries}</channel></rss>'.encode()


async def _serve(hosts: int, web: _Web, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    ports = []
    for _ in range(hosts):
        state = _HostState()
        server = await loop.create_server(lambda state=state: _Host(state, web), "127.0.0.1", 0)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
    pipe.send(ports)
    stopped = asyncio.Event()

    def asked() -> None:
        try:
            what = pipe.recv()
            if what == "count":
                pipe.send(len(web.log))
            elif what == "log":
                pipe.send(web.log.copy())
                web.log.clear()
            else:
                web.version = what
                pipe.send(what)
        except EOFError:
            stopped.set()

    loop.add_reader(pipe.fileno(), asked)
    await stopped.wait()


def _run(hosts: int, takes: float, body: Body, pipe: Connection) -> None:
    asyncio.run(_serve(hosts, _Web(takes, body), pipe))


class Hosts:
    def __init__(self, ports: list[int], pipe: Connection, pid: int) -> None:
        self.ports = ports
        self.pid = pid
        self._pipe = pipe

    def url(self, feed: int) -> str:
        return f"http://127.0.0.1:{self.ports[feed % len(self.ports)]}/{feed}"

    def wait_for(self, visits: int, patience: float) -> list[Visit]:
        """The log once it is that long, or what there is of it when nobody came for `patience` seconds; it begins
        anew."""
        seen, since = 0, time.monotonic()
        while seen < visits and time.monotonic() - since < patience:
            time.sleep(0.25)
            came: int = self._asked("count")
            if came > seen:
                seen, since = came, time.monotonic()
        log: list[Visit] = self._asked("log")
        return log

    def show(self, version: int) -> None:
        """From now on; who knows another one gets no 304."""
        self._asked(version)

    def _asked(self, what: str | int) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


@contextmanager
def serving(hosts: int, takes: float, body: Body = ten_notes) -> Iterator[Hosts]:
    """`hosts` ports; each answer takes `takes` seconds."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(hosts, takes, body, theirs), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        yield Hosts(ours.recv(), ours, process.pid)
    finally:
        process.terminate()
        process.join()
