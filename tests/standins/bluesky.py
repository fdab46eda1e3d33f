"""A server that behaves like a PDS of Bluesky: sessions, search by windows and offsets, getPosts.

with BlueskyServer() as bluesky:
    bluesky.publish(view(1, "Acme is slow", at=NOW))
    connector = BlueskySearch(BlueskyOptions(handle=HANDLE, app_password=PASSWORD, base_url=bluesky.base))
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

HANDLE, PASSWORD = "listener.bsky.example", "abcd-efgh-ijkl-mnop"
_XRPC = "/xrpc/"


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def uri_of(number: int, did: str = "did:plc:ann") -> str:
    return f"at://{did}/app.bsky.feed.post/3k{number:05}"


def view(
    number: int,
    text: str,
    *,
    at: datetime,
    created: datetime | str | None = None,
    did: str = "did:plc:ann",
    record: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A post as the search shows it: `at` is when it was indexed, `created` what its client said (`at` by default)."""
    said = created if isinstance(created, str) else iso(created or at)
    return {
        "uri": uri_of(number, did),
        "cid": f"bafy{number}",
        "author": {"did": did, "handle": "ann.example", "displayName": "Ann", "labels": []},
        "record": {"$type": "app.bsky.feed.post", "text": text, "createdAt": said, "langs": ["en"], **(record or {})},
        "indexedAt": iso(at),
        "likeCount": 0,
        "repostCount": 0,
        "replyCount": 0,
        "quoteCount": 0,
        "labels": [],
        **more,
    }


class BlueskyServer(Loopback):
    """`deepest` is the offset at which the search gives no cursor any more. Tokens end when `expire` is called."""

    def __init__(self, *, deepest: int = 10_000, largest_page: int = 100) -> None:
        super().__init__()
        self._views: dict[str, dict[str, Any]] = {}
        self._deepest = deepest
        self._largest_page = largest_page
        self._numbers = count(1)
        self._access = self._refresh = ""
        self.password = PASSWORD
        self.refreshable = True

    def publish(self, *views: dict[str, Any]) -> None:
        with self.lock:
            self._views.update((view["uri"], view) for view in views)

    def edit(self, uri: str, text: str) -> None:
        with self.lock:
            self._views[uri]["record"]["text"] = text

    def remove(self, uri: str) -> None:
        with self.lock:
            del self._views[uri]

    def expire(self, *, refreshable: bool = True) -> None:
        with self.lock:
            self._access = "none"
            self.refreshable = refreshable

    def asked(self, method: str) -> list[Asked]:
        return [one for one in self.requests if one.path.endswith(method)]

    def answer(self, asked: Asked) -> Told:
        method = asked.path.removeprefix(_XRPC).rpartition(".")[2]
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if method == "createSession":
            return self._sign_in(json.loads(asked.body))
        if method == "refreshSession":
            return self._session() if self.refreshable and bearer == self._refresh else _error("ExpiredToken")
        if not bearer:
            return _error("AuthMissing", 401)
        if bearer != self._access:
            return _error("ExpiredToken")
        if method == "getPosts":
            uris = [value for name, value in asked.every if name == "uris"]
            if not 0 < len(uris) <= 25:
                return _error("InvalidRequest")
            return told({"posts": [self._views[uri] for uri in uris if uri in self._views]})
        return self._search(asked.params) if method == "searchPosts" else _error("MethodNotImplemented", 501)

    def _sign_in(self, shown: dict[str, str]) -> Told:
        if shown == {"identifier": HANDLE, "password": self.password}:
            return self._session()
        return _error("AuthenticationRequired", 401)

    def _session(self) -> Told:
        number = next(self._numbers)
        self._access, self._refresh = f"access{number}", f"refresh{number}"
        self.refreshable = True
        service = [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.base}]
        session = {"accessJwt": self._access, "refreshJwt": self._refresh, "did": "did:plc:me", "handle": HANDLE}
        return told({**session, "didDoc": {"service": service}})

    def _search(self, params: dict[str, str]) -> Told:
        limit = int(params.get("limit", "25"))
        if not params.get("q") or not 0 < limit <= 100:
            return _error("InvalidRequest")
        limit = min(limit, self._largest_page)
        words = params["q"].replace('"', "").casefold()
        found = [
            view
            for view in self._views.values()
            if words in view["record"]["text"].casefold()
            and params.get("since", "") <= _sort_at(view) < params.get("until", "9")
        ]
        found.sort(key=_sort_at, reverse=True)
        start = int(params.get("cursor", "0"))
        end = start + limit
        document: dict[str, Any] = {"posts": found[start:end]}
        if end < min(len(found), self._deepest):
            document["cursor"] = str(end)
        return told(document)


def _sort_at(view: dict[str, Any]) -> str:
    return min(view["record"]["createdAt"], view["indexedAt"])


def _error(name: str, status: int = 400) -> Told:
    return told({"error": name, "message": f"{name}: no"}, status)
