"""A server that answers like dev.to's API, from a list of invented articles and comments.

with DevToServer(now=NOW) as forem:
    forem.publish(article(1, "Acme is slow", tags=["acme"], at=NOW))
    connector = DevTo(DevToOptions(base_url=forem.base))
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

_V1 = "application/vnd.forem.api-v1+json"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def person(name: str = "ann") -> dict[str, Any]:
    return {"name": name.capitalize(), "username": name, "user_id": 40 + len(name), "twitter_username": None}


def article(number: int, title: str, *, tags: list[str], at: datetime, **more: Any) -> dict[str, Any]:
    """As it stands in a list. Its comments are put in with `DevToServer.say`."""
    return {
        "type_of": "article",
        "id": number,
        "title": title,
        "description": "A few words.",
        "url": f"https://dev.example/ann/post-{number}",
        "comments_count": 0,
        "public_reactions_count": number * 7 % 50,
        "published_timestamp": stamp(at),
        "edited_at": None,
        "language": "en",
        "tag_list": tags,
        "tags": ", ".join(tags),
        "user": person(),
        **more,
    }


def comment(
    code: str, text: str, at: datetime, *children: dict[str, Any], user: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "type_of": "comment",
        "id_code": code,
        "created_at": stamp(at),
        "body_html": f"<p>{text}</p>",
        "user": person() if user is None else user,
        "children": list(children),
    }


class DevToServer(Loopback):
    """Lists by reactions within `top` whole days before `now`, 30 or `per_page` (at most `largest_page`) at a time.
    Tags in `guarded` are listed newest first and from the beginning, whatever `top` says."""

    def __init__(self, *, now: datetime, largest_page: int = 1_000) -> None:
        super().__init__()
        self.now = now
        self.guarded: set[str] = set()
        self._articles: dict[int, dict[str, Any]] = {}
        self._comments: dict[int, list[dict[str, Any]]] = {}
        self._largest_page = largest_page

    def publish(self, *articles: dict[str, Any]) -> None:
        with self.lock:
            self._articles |= {one["id"]: one for one in articles}

    def edit(self, number: int, title: str) -> None:
        self._articles[number].update(title=title, edited_at=stamp(self.now))

    def remove(self, number: int) -> None:
        del self._articles[number]

    def say(self, number: int, *comments: dict[str, Any]) -> None:
        """These are the comments below the article now."""
        self._comments[number] = list(comments)
        self._articles[number]["comments_count"] = len(_all(self._comments[number]))

    def answer(self, asked: Asked) -> Told:
        headers = {} if asked.headers.get("accept") == _V1 else {"Warning": '299 - "This endpoint is v0"'}
        match asked.path.strip("/").split("/"):
            case ["api", "articles"]:
                return told(self._listed(asked.params), 200, headers)
            case ["api", "articles", number] if int(number) in self._articles:
                one = self._articles[int(number)]
                # The well-known quirk: alone, an article has its two forms of the tags the other way round.
                return told(
                    {**one, "tags": one["tag_list"], "tag_list": one["tags"], "body_markdown": "…"}, 200, headers
                )
            case ["api", "comments"] if int(asked.params["a_id"]) in self._articles:
                return told(self._comments.get(int(asked.params["a_id"]), []), 200, headers)
            case ["api", "comments", code]:
                for one in (one for tree in self._comments.values() for one in _all(tree)):
                    if one["id_code"] == code:
                        return told(one, 200, headers)
        return told({"error": "not found", "status": 404}, 404, headers)

    def _listed(self, params: dict[str, str]) -> list[dict[str, Any]]:
        tag = params["tag"]
        found = [one for one in self._articles.values() if tag in one["tag_list"]]
        if tag in self.guarded:
            found.sort(key=lambda one: str(one["published_timestamp"]), reverse=True)
        else:
            oldest = stamp(self.now - timedelta(days=int(params["top"])))
            found = [one for one in found if one["published_timestamp"] > oldest]
            found.sort(key=lambda one: int(one["public_reactions_count"]), reverse=True)
        size = min(int(params.get("per_page", "30")), self._largest_page)
        start = (int(params.get("page", "1")) - 1) * size
        return found[start : start + size]


def _all(tree: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for one in tree for found in (one, *_all(one["children"]))]
