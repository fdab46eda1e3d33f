"""The only way out: polite, guarded and bounded HTTP over httpx."""

from __future__ import annotations

import functools
import json as json_
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from connectors.addresses import AllowList
from connectors.ask import Ask, Header, conditions, new_ask, new_upgrade, redirected, with_params
from connectors.dial import Dialled
from connectors.errors import BadAnswer, RateLimited, Stopped
from connectors.guard import Call, GuardedBackend, GuardedStream, Resolver, resolve
from connectors.manners import Shared, Turn, Turns, exhausted, retry_after
from connectors.post import Validators
from connectors.redact import hush_http_loggers, redact
from connectors.reply import Received, Reply, drain, joined, read_body, reply_to
from connectors.verdict import in_our_words, refuse

if TYPE_CHECKING:
    from connectors.websocket import WebSocket

__all__ = ["HttpClient", "redact", "retry_after"]

# httpx's cost of a request grows with the connections in its pool.
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=60.0)
_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_STOPPING = 2.0  # seconds that close() waits for requests in flight


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Verifying, with certifi's authorities. One for all clients: loading the authorities takes 20 ms of CPU."""
    return httpx.create_ssl_context(trust_env=False)


class HttpClient:
    """The `Http` of connectors.contract; safe to share between threads. Make one and keep it.

    `user_agent` names a contact. `now` gives aware UTC. `deadline` is in seconds for a whole call with its redirects
    and its body, waits for the host's turn excepted; `max_body` in inflated bytes. `gap` is in seconds between two
    requests to one host:port; None means 1 for public hosts and 0 for those in `allow_private`, whose entries are
    described at `AllowList` (ValueError for a bad one). `resolve` turns a name into addresses. `shared` makes the gap
    one of all processes that share it.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        now: Callable[[], datetime],
        deadline: float = 30.0,
        max_body: int = 10_000_000,
        max_redirects: int = 5,
        gap: float | None = None,
        allow_private: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
        resolve: Resolver = resolve,
        shared: Shared | None = None,
    ) -> None:
        hush_http_loggers()
        self._user_agent = user_agent.encode("ascii", "replace")
        self._now = now
        self._deadline = deadline
        self._max_body = max_body
        self._max_redirects = max_redirects
        self._monotonic = monotonic
        self._guard = GuardedBackend(AllowList(allow_private), resolve, monotonic)
        self._turns = Turns(gap, now, monotonic, self._guard.stopped, shared)
        # The transport without the client around it: redirects, cookies and auth are ours, and httpx's own cost
        # a third of a 304. A transport takes no network backend, its pool does.
        self._transport = httpx.HTTPTransport(verify=tls_context(), trust_env=False, limits=_LIMITS)
        self._transport._pool._network_backend = self._guard
        self._active = 0
        self._changed = threading.Condition()
        self._hushed = threading.Event()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse new requests, end those in flight with a FetchError within a second, close all connections."""
        self._guard.stopped.set()
        self._hushed.set()
        with self._changed:
            # A socket must not be closed under a thread that reads from it: its number may be given out anew.
            self._changed.wait_for(lambda: not self._active, timeout=_STOPPING)
        self._transport.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Validators | None = None,
        host_only: bool = False,
    ) -> Reply:
        """GET `url` with `params` added to its query. Validators are used only if they belong to this very address.
        With `host_only` errors name no more than the host, as those of `post` do.

        An address with a user and password sends them as Basic credentials, to that origin only.
        Raises the errors of connectors.errors and nothing else.
        """
        full, identity = with_params(url, params)
        known = validators if validators and validators.url == identity else Validators()
        with self._call(full, host_only=host_only) as call:
            ask = new_ask("GET", full, headers or {}, conditions=conditions(known))
            return self._send(ask, call, known, identity)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = True,
    ) -> Reply:
        """POST `content`, or `json` written out. `follow=False` makes a redirect a FetchError with its status.

        A body is never sent on to another origin. Errors name the host only: a webhook's path is its secret.
        """
        with self._call(url, host_only=True) as call:
            own = dict(headers or {})
            if content is None and json is not None:
                content = json_.dumps(json, allow_nan=False, separators=(",", ":")).encode()
                if not any(name.lower() == "content-type" for name in own):
                    own["Content-Type"] = "application/json"
            return self._send(new_ask("POST", url, own, content=content or b"", follow=follow), call, None, "")

    @contextmanager
    def listen(self, url: str, *, idle: float = 1.0) -> Iterator[Iterator[bytes | None]]:
        """Open the websocket at `url` (ws:// or wss://), give out what it says, close it in every case.

        The host's turn is taken for the handshake alone, whose time is bounded as that of a request. See
        `WebSocket.messages` for the bounds of what follows. A redirect is an error: a stream is named where it is.
        """
        as_http = url.replace("ws", "http", 1) if url.startswith(("ws://", "wss://")) else ""
        call = Call(as_http or url, host_only=False, limit=self._deadline, deadline=0.0)
        with self._counted(call, self._hushed):
            with in_our_words(call):
                socket = self._upgrade(new_upgrade(as_http), call)
            try:
                yield socket.messages(idle, self._hushed)
            finally:
                socket.close()

    @contextmanager
    def dial(self, host: str, port: int) -> Iterator[Dialled]:
        """A connection for what is not HTTP, to checked addresses as all others are; `deadline` bounds all of it."""
        shown = f"[{host}]" if ":" in host else host
        with self._call(f"smtp://{shown}:{port}", host_only=True) as call:
            call.deadline = self._monotonic() + self._deadline
            with closing(Dialled(self._guard, host, port, tls_context)) as line:
                yield line

    def stop_listening(self, *, for_good: bool = True) -> None:
        """End what listens within a second and, `for_good`, let nothing listen any more; other requests go on."""
        self._hushed.set()
        if not for_good and not self._guard.stopped.is_set():
            self._hushed = threading.Event()

    @contextmanager
    def _call(self, url: str, *, host_only: bool) -> Iterator[Call]:
        call = Call(url, host_only, self._deadline, 0.0)
        with self._counted(call, self._guard.stopped), in_our_words(call):
            yield call

    @contextmanager
    def _counted(self, call: Call, ended: threading.Event) -> Iterator[None]:
        """Let the call in unless `ended`, and count it out."""
        with self._changed:
            if ended.is_set():
                raise Stopped(f"{call.where} was not asked: the program is being stopped.")
            self._active += 1
        self._guard.call = call
        try:
            yield
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _upgrade(self, ask: Ask, call: Call) -> WebSocket:
        from connectors.websocket import Refused, open_websocket  # late: few listen, and the library is slow to import

        with self._turns.take(*ask.address) as turn:
            call.deadline = self._monotonic() + self._deadline
            try:
                return open_websocket(self._guard, ask, self._user_agent, tls_context)
            except Refused as refused:
                self._judge(ask, refused.received, call, turn)
                raise
            finally:
                turn.private = turn.private or call.private

    def _send(self, ask: Ask, call: Call, known: Validators | None, identity: str) -> Reply:
        left = self._deadline
        moved = True
        for hop in range(self._max_redirects + 1):
            with self._turns.take(*ask.address) as turn:
                call.deadline = self._monotonic() + left
                try:
                    got = self._exchange(ask, call)
                finally:
                    turn.private = turn.private or call.private
                left = call.deadline - self._monotonic()
                if got.status not in _REDIRECTS or not ask.follow:
                    self._judge(ask, got, call, turn)
                    return reply_to(ask, got, call, known, identity, moved=moved and hop > 0)
            moved = moved and got.status in _PERMANENT
            ask = redirected(ask, got.status, got.headers.get("location", ""), call.where)
        raise BadAnswer(f"{call.where} redirects more than {self._max_redirects} times.", status=got.status)

    def _exchange(self, ask: Ask, call: Call) -> Received:
        call.connected = call.answered = call.private = False
        call.received = 0
        response = self._respond(ask, call)
        try:
            call.answered = True
            if isinstance(response.extensions.get("network_stream"), GuardedStream) and not call.received:
                raise BadAnswer(f"{call.where} answered before it was asked.")
            headers = joined(response.headers.raw)
            chunks: Iterator[bytes] = iter(response.stream)  # type: ignore[arg-type]
            if 200 <= response.status_code < 300:
                body = read_body(chunks, headers, self._max_body, call.where)
            else:
                body = drain(chunks, headers)
            return Received(response.status_code, headers, body)
        finally:
            response.stream.close()  # type: ignore[union-attr]

    def _respond(self, ask: Ask, call: Call) -> httpx.Response:
        request = httpx.Request(
            ask.method,
            ask.url,
            headers=self._headers(ask),
            stream=httpx.ByteStream(ask.content),
            extensions={"timeout": {"pool": call.deadline - self._monotonic()}},
        )
        try:
            return self._transport.handle_request(request)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as exc:
            # Most likely a kept connection that the server had just closed, or one that still held bytes which the
            # answer before had too many.
            left_over = isinstance(exc, httpx.RemoteProtocolError) and not call.connected
            if ask.method != "GET" or (call.received and not left_over):
                raise
            call.received = 0
            return self._transport.handle_request(request)

    def _headers(self, ask: Ask) -> list[Header]:
        own = {name.lower() for name, _ in ask.own}
        always = [(b"Host", ask.url.netloc), (b"User-Agent", self._user_agent), (b"Accept-Encoding", b"gzip")]
        if b"accept" not in own:
            always.append((b"Accept", b"*/*"))
        if ask.method == "POST":
            always.append((b"Content-Length", str(len(ask.content)).encode()))
        return [header for header in always if header[0].lower() not in own] + [*ask.conditions, *ask.own]

    def _judge(self, ask: Ask, got: Received, call: Call, turn: Turn) -> None:
        """Raise the error that the status means, and remember when the host wants to be asked again."""
        status, now = got.status, self._now()
        spent = exhausted(got.headers)
        if 200 <= status < 300 or (status == 304 and ask.conditions):
            if spent:
                turn.closed_until = retry_after(got.headers, now)
            if status == 206:
                raise BadAnswer(f"{call.where} answered with a part where the whole was asked for.", status=206)
            return
        wish = retry_after(got.headers, now, limited=status == 429 or spent)
        if status == 429 or (status == 503 and wish) or (status == 403 and (spent or wish)):
            turn.closed_until = wish
            until = f" until {wish:%Y-%m-%d %H:%M:%S} UTC" if wish else ""
            raise RateLimited(
                f"{call.where} asks for fewer requests (HTTP {status}): nothing more from it{until}.",
                status=status,
                retry_after=wish,
                answer=got.body,
            )
        refuse(got, call.where, wish)
