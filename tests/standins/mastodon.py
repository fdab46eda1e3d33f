"""A server that answers like an instance of Mastodon, from a list of invented statuses.

with MastodonServer() as instance:
    instance.publish(status("Acme is slow #acme", at=NOW))
    connector = Mastodon(MastodonOptions(instance=instance.base))
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tests.standins.loopback import Asked, Loopback, Told, told

_TAG = re.compile(r"#(\w+)")
_RESET = "2026-11-20T12:05:00.290188Z"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def account(name: str = "ann", host: str = "", **more: Any) -> dict[str, Any]:
    """A person of the instance, or of `host`."""
    home = f"https://{host or 'toot.example'}"
    return {
        "id": "7001",
        "username": name,
        "acct": f"{name}@{host}" if host else name,
        "display_name": name.capitalize(),
        "bot": False,
        "indexable": True,
        "noindex": False,
        "note": "<p>I like bread.</p>",
        "url": f"{home}/@{name}",
        "uri": f"{home}/users/{name}",
        "followers_count": 12,
        "fields": [],
        **more,
    }


def status(text: str, *, at: datetime, arrived: datetime | None = None, **more: Any) -> dict[str, Any]:
    """`text` is plain, its hashtags are tags. The server numbers it by when it `arrived`, which is `at` if not said."""
    return {
        "arrived": arrived or at,
        "created_at": stamp(at),
        "edited_at": None,
        "in_reply_to_id": None,
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "content": f"<p>{text}</p>",
        "tags": [{"name": tag.lower()} for tag in _TAG.findall(text)],
        "reblog": None,
        "poll": None,
        "replies_count": 0,
        "reblogs_count": 1,
        "favourites_count": 2,
        "account": account(),
        **more,
    }


def snowflake(moment: datetime, count: int) -> str:
    return str((int(moment.timestamp()) * 1000 << 16) + count)


def flake(moment: datetime, count: int) -> str:
    """Of a server that is not Mastodon: letters, in the order of time."""
    return f"A{int(moment.timestamp()):x}z{count:05}"


class MastodonServer(Loopback):
    """Pages by min_id and max_id, `largest_page` at a time. `access` is what the instance says of its hashtag timelines
    (None: a server before 4.5) and what it does. `token`, where it is set, may log in; `indexed`: its searches work."""

    def __init__(
        self, *, largest_page: int = 40, number: Callable[[datetime, int], str] = snowflake, token: str = "s3cret"
    ) -> None:
        super().__init__()
        self.access: dict[str, str] | None = {"local": "public", "remote": "public"}
        self.old_login_error = 0
        self.indexed = True
        self._statuses: list[dict[str, Any]] = []
        self._largest_page = largest_page
        self._number = number
        self._token = token

    def publish(self, *statuses: dict[str, Any]) -> None:
        with self.lock:
            for one in statuses:
                number = self._number(one.pop("arrived"), len(self._statuses))
                home = one["account"]["url"].rpartition("/@")[0]
                uri = one.get("uri") or f"{home}/statuses/{number}"
                self._statuses.append({"id": number, "url": f"{home}/@x/{number}", **one, "uri": uri})
            self._statuses.sort(key=lambda one: one["id"], reverse=True)

    def edit(self, text: str, content: str, at: datetime) -> None:
        """Give the statuses that hold `text` another content."""
        for one in self._holding(text):
            one.update(content=content, edited_at=stamp(at))

    def remove(self, text: str) -> None:
        with self.lock:
            gone = self._holding(text)
            self._statuses = [one for one in self._statuses if one not in gone]

    def _holding(self, text: str) -> list[dict[str, Any]]:
        return [one for one in self._statuses if text in one["content"]]

    def answer(self, asked: Asked) -> Told:
        limits = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "299", "X-RateLimit-Reset": _RESET}
        logged_in = asked.headers.get("authorization") == f"Bearer {self._token}"
        if not logged_in and "authorization" in asked.headers:
            return told({"error": "The access token is invalid"}, 401, limits)
        kind, _, rest = asked.path.removeprefix("/api/").partition("/")
        match kind, rest.split("/"):
            case "v1", ["timelines", "tag", tag]:
                return self._timeline(unquote(tag), asked, logged_in, limits)
            case "v1", ["statuses", number]:
                found = [one for one in self._statuses if one["id"] == number]
                return told(found[0], 200, limits) if found else told({"error": "Record not found"}, 404, limits)
            case "v2", ["search"]:
                return told({"accounts": [], "statuses": self._found(asked, logged_in), "hashtags": []}, 200, limits)
            case "v2", ["instance"]:
                said = {"timelines_access": {"hashtag_feeds": self.access}} if self.access else {}
                return told({"domain": "toot.example", "configuration": said}, 200, limits)
        return Told(404, b"<html>no such page</html>", {"Content-Type": "text/html"})

    def _timeline(self, tag: str, asked: Asked, logged_in: bool, headers: dict[str, str]) -> Told:
        if self.old_login_error and not logged_in:
            return told({"error": "This method requires an authenticated user"}, self.old_login_error, headers)
        shown = [
            one
            for one in self._statuses
            if any(known["name"] == tag.lower() for known in one["tags"]) and self._visible(one, asked, logged_in)
        ]
        size = min(int(asked.params.get("limit", "20")), self._largest_page)
        if older := asked.params.get("max_id"):
            shown = [one for one in shown if _order(one["id"]) < _order(older)]
        if newer := asked.params.get("min_id"):
            shown = [one for one in shown if _order(one["id"]) > _order(newer)]
            shown = shown[-size:]
        return _conditional(told(shown[:size], 200, headers), asked)

    def _visible(self, one: dict[str, Any], asked: Asked, logged_in: bool) -> bool:
        remote = "@" in one["account"]["acct"]
        may = (self.access or {}).get("remote" if remote else "local", "public")
        open_ = may == "public" or (may == "authenticated" and logged_in)
        return open_ and not (remote and asked.params.get("local") == "true")

    def _found(self, asked: Asked, logged_in: bool) -> list[dict[str, Any]]:
        if not (self.indexed and logged_in):
            return []
        query, _, after = asked.params["q"].partition(" after:")
        words = query.strip('"').casefold()
        bound = datetime.fromisoformat(after).replace(tzinfo=UTC) if after else datetime.min.replace(tzinfo=UTC)
        found = [
            one
            for one in self._statuses
            if words in one["content"].casefold() and datetime.fromisoformat(one["created_at"]) > bound
        ]
        start = int(asked.params.get("offset", "0"))
        return found[start : start + min(int(asked.params["limit"]), self._largest_page)]


def _order(number: str) -> tuple[int, str]:
    return len(number), number


def _conditional(answer: Told, asked: Asked) -> Told:
    etag = f'W/"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    if asked.headers.get("if-none-match") == etag:
        return Told(304, b"", {"ETag": etag})
    return Told(answer.status, answer.body, {**answer.headers, "ETag": etag})
