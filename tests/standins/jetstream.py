"""A websocket server that behaves like a Jetstream host, from a list of invented events.

with JetstreamServer() as stream:
    stream.publish(post("3k1", "Acme is slow", at=NOW))
    connector = Jetstream(JetstreamOptions(hosts=[stream.base]))
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

POSTS = "app.bsky.feed.post"
ANN = "did:plc:annannannannannannannann"
BOB = "did:plc:bobbobbobbobbobbobbobbob"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 200  # events that leave in one piece


class Event(NamedTuple):
    """`collection` is "" for events that are no commits: those are sent whatever was wanted."""

    time_us: int
    collection: str
    message: str


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def commit(
    rkey: str,
    record: Any,
    *,
    at: datetime,
    operation: str = "create",
    collection: str = POSTS,
    did: str = ANN,
    seq: int | None = None,
) -> Event:
    """In the shape of v1; with `seq` in that of v2, which numbers its events."""
    change: dict[str, Any] = {"rev": f"r{rkey}", "operation": operation, "collection": collection, "rkey": rkey}
    if operation != "delete":
        change |= {"record": record, "cid": "bafyreib2k3m3ujbeckwgyvgi3bjucfnqj35xjynqswmnywd5a3thnrnzv6"}
    event = {"did": did, "time_us": micros(at), "kind": "commit", "commit": change}
    return Event(micros(at), collection, _json(event if seq is None else {**event, "cursor": seq}))


def post(rkey: str, text: str, *, at: datetime, operation: str = "create", **more: Any) -> Event:
    """`more`: did, seq, and fields of the record."""
    envelope = {name: more.pop(name) for name in ("did", "seq") if name in more}
    created = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    record = {"$type": POSTS, "createdAt": created, "langs": ["en"], **more, "text": text}
    return commit(rkey, record, at=at, operation=operation, **envelope)


def deleted(rkey: str, *, at: datetime, did: str = ANN) -> Event:
    return commit(rkey, None, at=at, operation="delete", did=did)


def like(rkey: str, *, at: datetime) -> Event:
    subject = {"cid": "bafyreiaxf7tgbfydx3465sckitq6v564thxe2wwydbi7cwxbxvgssje3e", "uri": f"at://{ANN}/{POSTS}/3k1"}
    record = {"$type": "app.bsky.feed.like", "createdAt": at.isoformat(), "subject": subject}
    return commit(rkey, record, at=at, collection="app.bsky.feed.like", did=BOB)


def identity(*, at: datetime, did: str = BOB) -> Event:
    body = {"did": did, "seq": 30340180350, "time": at.isoformat()}
    return Event(micros(at), "", _json({"did": did, "time_us": micros(at), "kind": "identity", "identity": body}))


def account(*, at: datetime, did: str = BOB, active: bool = True) -> Event:
    body = {"active": active, "did": did, "seq": 30340180351, "time": at.isoformat()}
    body |= {} if active else {"status": "takendown"}
    return Event(micros(at), "", _json({"did": did, "time_us": micros(at), "kind": "account", "account": body}))


def odd(message: str, *, at: datetime) -> Event:
    """Anything at all, at its place in the stream."""
    return Event(micros(at), "", message)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Connected:
    """One handshake. Header names are in lower case; of a repeated parameter the last."""

    params: dict[str, str]
    headers: dict[str, str]

    @property
    def cursor(self) -> int | None:
        return int(self.params["cursor"]) if "cursor" in self.params else None


class JetstreamServer:
    """Replays from the cursor, or from the oldest event within `keeps` of the newest without a word, and goes on live.

    `cuts`: for the next connections, in turn, how many events each gives before it breaks. `early` begins that much
    before the cursor, as hosts of the second version do. `refusal` answers every handshake (status, headers, body).
    `mute` accepts and says nothing.
    `hum` follows when all has been said: the network never rests, so that a reader sees its time pass.
    """

    def __init__(
        self, events: Iterable[Event] = (), *, keeps: timedelta | None = None, early: timedelta = timedelta()
    ) -> None:
        self.connections: list[Connected] = []
        self.cuts: list[int] = []
        self.refusal: tuple[int, dict[str, str], bytes] | None = None
        self.mute = False
        self.hum: datetime | None = None
        self._events = list(events)
        self._keeps = keeps
        self._early = early // timedelta(microseconds=1)
        self._changed = threading.Condition()
        self._closing = False
        self._server = serve(
            self._serve, "127.0.0.1", 0, process_request=self._greet, compression=None, ping_interval=None
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def base(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def publish(self, *events: Event) -> None:
        with self._changed:
            self._events.extend(events)
            self._changed.notify_all()

    def close_all(self) -> None:
        """End every connection in the agreed way, and those to come once they have nothing more to say."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()
        self._server.shutdown()
        self._thread.join()

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self.connections.append(Connected(dict(parse_qsl(parts.query)), headers))
        if self.refusal is None and parts.path == "/subscribe":
            return None
        status, more, body = self.refusal or (404, {}, b"not found")
        answer = connection.respond(status, body.decode())
        for name, value in more.items():
            answer.headers[name] = value
        return answer

    def _serve(self, connection: ServerConnection) -> None:
        asked = self.connections[-1]
        with self._changed:
            left = self.cuts.pop(0) if self.cuts else None
            at = self._begin(asked.cursor)
            hum = [identity(at=self.hum)] if self.hum else []
        wanted = {*asked.params.get("wantedCollections", "").split(), ""}
        while batch := self._after(at, wait=not hum) or hum:
            if batch is hum:
                hum = []
            else:
                at += len(batch)
            events = [event for event in batch if event.collection in wanted or len(wanted) == 1]
            if left is not None:
                events, left = events[:left], left - len(events)
            if not _sent(connection, events):
                return
            if left is not None and left <= 0:
                connection.socket.shutdown(socket.SHUT_RDWR)
                return

    def _after(self, at: int, *, wait: bool) -> list[Event]:
        """The next events; none when the connection is to end."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closing or (not self.mute and at < len(self._events)))
            return [] if self.mute else self._events[at : at + _BATCH]

    def _begin(self, cursor: int | None) -> int:
        """The index of the first event to be sent."""
        if cursor is None:
            return len(self._events)
        if self._events and self._keeps is not None:
            cursor = max(cursor, self._events[-1].time_us - self._keeps // timedelta(microseconds=1))
        return next(
            (index for index, event in enumerate(self._events) if event.time_us >= cursor - self._early),
            len(self._events),
        )


def _sent(connection: ServerConnection, events: list[Event]) -> bool:
    """In one piece: the library's own `send` takes longer for a message than we take to read it."""
    frames = [Frame(Opcode.TEXT, event.message.encode()).serialize(mask=False) for event in events]
    try:
        with connection.protocol_mutex:
            connection.socket.sendall(b"".join(frames))
    except (OSError, ConnectionClosed):
        return False
    return True
