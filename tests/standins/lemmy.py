"""A Lemmy instance: site, search, single posts and comments, in the dialects of 0.19 (v3) and 1.0 (v4).

with LemmyServer("0.19.5") as lemmy:
    lemmy.publish(Thing(1, "Acme is slow", at=NOW))
    connector = Lemmy(LemmyOptions(instance=lemmy.base))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

_MOST = 50


@dataclass(frozen=True)
class Thing:
    """A post, or a comment on the post number `on`. `home` is the instance it was written on."""

    number: int
    text: str
    at: datetime
    on: int = 0
    title: str = ""
    link: str = ""
    author: str = "ann"
    is_bot: bool = False
    home: str = "https://lemmy.example"
    language: int = 0
    updated: datetime | None = None
    deleted: bool = False
    removed: bool = False
    score: int = 1

    @property
    def what(self) -> str:
        return "comment" if self.on else "post"


class LemmyServer(Loopback):
    """`combined`: of v4, one list "search" in place of "posts" and "comments". `quota`: searches before it throttles."""

    def __init__(self, version: str = "0.19.5", *, combined: bool = False, quota: int = 1_000_000) -> None:
        super().__init__()
        self.version = version
        self.private = False
        self.quota = quota
        self._combined = combined
        self._things: list[Thing] = []

    @property
    def _api(self) -> str:
        return "v3" if self.version.startswith("0.") else "v4"

    def publish(self, *things: Thing) -> None:
        with self.lock:
            self._things.extend(things)

    def change(self, number: int, **changes: Any) -> None:
        with self.lock:
            self._things = [replace(one, **changes) if one.number == number else one for one in self._things]

    def forget(self, number: int) -> None:
        """Purged: nothing of it is left."""
        with self.lock:
            self._things = [one for one in self._things if one.number != number]

    def answer(self, asked: Asked) -> Told:
        api, _, what = asked.path.removeprefix("/api/").partition("/")
        if api != self._api:
            return Told(404, b"")
        if what == "site":
            return told(self._site())
        if self.private:
            return _error(400, "instance_is_private")
        if what in ("post", "comment"):
            return self._single(what, int(asked.params["id"]))
        if what != "search":
            return Told(404, b"")
        if self.quota <= 0:
            return _error(429 if self._api == "v4" else 400, "rate_limit_error")
        self.quota -= 1
        if int(asked.params.get("limit", "10")) > _MOST:
            return _error(400, "couldnt_get_posts")
        return told(self._search_v3(asked.params) if api == "v3" else self._search_v4(asked.params))

    def _site(self) -> dict[str, Any]:
        return {
            "site_view": {"site": {"name": "Stand-in"}, "local_site": {"private_instance": self.private}},
            "version": self.version,
            "all_languages": [
                {"id": 0, "code": "und", "name": "Undetermined"},
                {"id": 32, "code": "de", "name": "Deutsch"},
                {"id": 37, "code": "en", "name": "English"},
            ],
        }

    def _single(self, what: str, number: int) -> Told:
        for one in self._things:
            if one.what == what and one.number == number:
                return told({f"{what}_view": self._view(one)})
        return _error(404, f"couldnt_find_{what}" if self._api == "v3" else "not_found")

    def _found(self, term: str) -> list[Thing]:
        words = term.casefold().split()
        fitting = [
            one
            for one in self._things
            if not (one.deleted or one.removed) and all(w in f"{one.title} {one.text}".casefold() for w in words)
        ]
        return sorted(fitting, key=lambda one: (one.at, one.number), reverse=True)

    def _search_v3(self, params: dict[str, str]) -> dict[str, Any]:
        assert (params["sort"], params["type_"]) == ("New", "All")
        size, page = int(params["limit"]), int(params.get("page", "1"))
        found = self._found(params["q"])
        document: dict[str, Any] = {"type_": "All", "communities": [], "users": []}
        for name, what in (("posts", "post"), ("comments", "comment")):
            of_kind = [one for one in found if one.what == what]
            document[name] = [self._view(one) for one in of_kind[(page - 1) * size : page * size]]
        return document

    def _search_v4(self, params: dict[str, str]) -> dict[str, Any]:
        size = int(params["limit"])
        start = int(params.get("page_cursor", "P0")[1:])
        found = self._found(params["q"] if self._combined else params["search_term"])
        page = found[start : start + size]
        more = {"next_page": f"P{start + size}"} if start + size < len(found) else {}
        if self._combined:
            views = [{"type_": one.what, **self._view(one)} for one in page]
            return {"search": [*views, {"type_": "community", "community": {"id": 1, "name": "acme"}}], **more}
        lists = {f"{what}s": [self._view(one) for one in page if one.what == what] for what in ("post", "comment")}
        return {**lists, "communities": [], "persons": [], **more}

    def _view(self, one: Thing) -> dict[str, Any]:
        old = self._api == "v3"
        published, updated, actor = (
            ("published", "updated", "actor_id") if old else ("published_at", "updated_at", "ap_id")
        )
        counts = {"score": one.score, "upvotes": one.score, "downvotes": 0}
        its: dict[str, Any] = {
            "id": one.number,
            "ap_id": f"{one.home}/{one.what}/{one.number}",
            published: _stamp(one.at),
            "language_id": one.language,
            "deleted": one.deleted,
            "removed": one.removed,
            **({updated: _stamp(one.updated)} if one.updated else {}),
        }
        text = "" if one.deleted or one.removed else one.text
        above: dict[str, Any] = {}
        if one.on:
            its |= {"content": text, "post_id": one.on, "path": f"0.{one.number}"}
            counts |= {"child_count": 2}
            above = {"post": {"id": one.on, "name": "the post", "ap_id": f"{one.home}/post/{one.on}"}}
        else:
            its |= {"name": one.title or text, "body": text if one.title else None, "url": one.link or None}
            counts |= {"comments": 7}
        return {
            one.what: its if old else its | counts,
            **above,
            "creator": {"id": 1, "name": one.author, actor: f"{one.home}/u/{one.author}", "bot_account": one.is_bot},
            **({"counts": counts} if old else {}),
        }


def _stamp(moment: datetime) -> str:
    return (moment + timedelta(microseconds=375)).isoformat().replace("+00:00", "Z")


def _error(status: int, code: str) -> Told:
    return told({"error": code}, status)
