"""A server that behaves like GitHub's search: issues by REST, their comments, discussions by GraphQL.

with GitHubServer() as github:
    github.publish(item(1, "Acme is slow", at=NOW))
    connector = GitHub(GitHubOptions(base_url=github.base))
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

TOKEN = "ghp_example"
_REPOSITORY = "acme/app"
_SINCE = re.compile(r"updated:>=(\S+)")
_PHRASE = re.compile(r'"([^"]*)"')


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def item(number: int, title: str, *, at: datetime, kind: str = "issue", **more: Any) -> dict[str, Any]:
    """An issue or a pull request as the search lists it; `at` is when it was opened and last updated."""
    part = "pull" if kind == "pull-request" else "issues"
    return {
        "url": f"https://api.github.com/repos/{_REPOSITORY}/issues/{number}",
        "repository_url": f"https://api.github.com/repos/{_REPOSITORY}",
        "html_url": f"https://github.com/{_REPOSITORY}/{part}/{number}",
        "id": 9_000_000 + number,
        "node_id": f"I_kw{number:05}",
        "number": number,
        "title": title,
        "user": user("ann", 7),
        "state": "open",
        "comments": 0,
        "created_at": iso(at),
        "updated_at": iso(at),
        "closed_at": None,
        "author_association": "NONE",
        "body": None,
        "reactions": {"total_count": 0, "+1": 0},
        "score": 1.0,
        **({"pull_request": {}} if kind == "pull-request" else {}),
        **more,
    }


def user(login: str, number: int) -> dict[str, Any]:
    return {"login": login, "id": number, "html_url": f"https://github.com/{login}", "type": "User"}


def comment(number: int, below: int, body: str, *, at: datetime, edited: datetime | None = None) -> dict[str, Any]:
    return {
        "url": f"https://api.github.com/repos/{_REPOSITORY}/issues/comments/{number}",
        "html_url": f"https://github.com/{_REPOSITORY}/issues/{below}#issuecomment-{number}",
        "id": number,
        "node_id": f"IC_kw{number:05}",
        "user": user("bo", 8),
        "created_at": iso(at),
        "updated_at": iso(edited or at),
        "body": body,
        "reactions": {"total_count": 2},
    }


def discussion(number: int, title: str, *, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "id": f"D_kw{number:05}",
        "url": f"https://github.com/{_REPOSITORY}/discussions/{number}",
        "title": title,
        "body": "",
        "createdAt": iso(at),
        "updatedAt": iso(at),
        "lastEditedAt": None,
        "upvoteCount": 1,
        "author": {"login": "ann", "url": "https://github.com/ann", "databaseId": 7},
        "comments": {"totalCount": 3},
        "reactions": {"totalCount": 4},
        "category": {"isAnswerable": False},
        **more,
    }


class GitHubServer(Loopback):
    """`meanwhile` is called after each page of a search: what happens while somebody pages. `shown_from_elsewhere` are
    fields of an item that the index does not know yet."""

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[int, dict[str, Any]] = {}
        self._comments: dict[int, list[dict[str, Any]]] = {}
        self.discussions: list[dict[str, Any]] = []
        self._deleted: set[int] = set()
        self.incomplete = False
        self.quota: int | None = None
        self.resets = 0
        self.meanwhile: list[Any] = []
        self.shown_from_elsewhere: dict[int, dict[str, Any]] = {}

    def publish(self, *items: dict[str, Any]) -> None:
        with self.lock:
            self._items.update((item["number"], item) for item in items)

    def say(self, below: int, *comments: dict[str, Any]) -> None:
        with self.lock:
            self._comments.setdefault(below, []).extend(comments)
            self._items[below]["comments"] = len(self._comments[below])
            self._items[below]["updated_at"] = max(one["updated_at"] for one in comments)

    def discuss(self, *discussions: dict[str, Any]) -> None:
        with self.lock:
            self.discussions.extend(discussions)

    def update(self, number: int, at: datetime, **fields: Any) -> None:
        with self.lock:
            self._items[number].update(fields, updated_at=iso(at))

    def remove(self, number: int) -> None:
        with self.lock:
            del self._items[number]
            self._deleted.add(number)

    def answer(self, asked: Asked) -> Told:
        if "user-agent" not in asked.headers:
            return Told(403, b"Request forbidden by administrative rules.")
        if asked.headers.get("authorization", f"Bearer {TOKEN}") != f"Bearer {TOKEN}":
            return told({"message": "Bad credentials"}, 401)
        if asked.path == "/search/issues":
            return self._search(asked.params)
        if asked.path == "/graphql":
            return self._graphql(json.loads(asked.body)["variables"])
        return self._repository(asked)

    def _search(self, params: dict[str, str]) -> Told:
        query, size, page = params["q"], int(params["per_page"]), int(params.get("page", "1"))
        if ("is:issue" in query) == ("is:pull-request" in query):
            return told({"message": "Query must include 'is:issue' or 'is:pull-request'"}, 422)
        if page * size > 1_000:
            return told({"message": "Only the first 1000 search results are available"}, 422)
        found = [one for one in self._items.values() if ("pull_request" in one) == ("is:pull-request" in query)]
        found = _matching(found, query, "updated_at")
        end = page * size
        link = {"Link": f'<{self.base}/search/issues?page={page + 1}>; rel="next"'} if end < len(found) else {}
        shown = [{**one, **self.shown_from_elsewhere.get(one["number"], {})} for one in found[end - size : end]]
        if self.incomplete:
            shown, link = shown[::2], {}
        document = {"total_count": len(found), "incomplete_results": self.incomplete, "items": shown}
        for happen in self.meanwhile:
            happen()
        return told(document, headers={**link, **self._limits()})

    def _limits(self) -> dict[str, str]:
        if self.quota is None:
            return {}
        self.quota -= 1
        return {
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": str(max(self.quota, 0)),
            "X-RateLimit-Reset": str(self.resets),
            "X-RateLimit-Resource": "search",
        }

    def _repository(self, asked: Asked) -> Told:
        found = re.fullmatch(rf"/repos/{_REPOSITORY}/issues/(comments/)?(\d+)(/comments)?", asked.path)
        if found is None:
            return told({"message": "Not Found"}, 404)
        number = int(found[2])
        if found[1]:
            every = (one for comments in self._comments.values() for one in comments if one["id"] == number)
            one = next(every, None)
            return told(one) if one else told({"message": "Not Found"}, 404)
        if number not in self._items:
            gone = number in self._deleted
            return told({"message": "This issue was deleted" if gone else "Not Found"}, 410 if gone else 404)
        if not found[3]:
            return told(self._items[number])
        since = asked.params.get("since", "")
        found_comments = [one for one in self._comments.get(number, []) if one["updated_at"] >= since]
        end = int(asked.params["page"]) * int(asked.params["per_page"])
        link = {"Link": f'<{self.base}/next>; rel="next"'} if end < len(found_comments) else {}
        return told(found_comments[end - int(asked.params["per_page"]) : end], headers=link)

    def _graphql(self, variables: dict[str, Any]) -> Told:
        found = _matching(self.discussions, variables["query"], "updatedAt")
        start = int(variables.get("after") or 0)
        end = start + variables["first"]
        info = {"hasNextPage": end < len(found), "endCursor": str(end)}
        return told({"data": {"search": {"pageInfo": info, "edges": [{"node": one} for one in found[start:end]]}}})


def _matching(items: list[dict[str, Any]], query: str, updated: str) -> list[dict[str, Any]]:
    since, phrase = _SINCE.search(query), _PHRASE.search(query)
    assert phrase is not None
    found = [
        one
        for one in items
        if phrase[1].casefold() in f"{one['title']} {one['body']}".casefold()
        and one[updated] >= (since[1] if since else "")
    ]
    return sorted(found, key=lambda one: str(one[updated]))
