"""A server that answers like the Stack Exchange API, from a list of invented posts.

with StackExchangeServer() as stack:
    stack.publish(Entry(1, "Acme is slow", created=1_700_000_000))
    connector = StackExchange(StackExchangeOptions(base_url=stack.base_url))
"""

from __future__ import annotations

import gzip
import html
import re
from dataclasses import dataclass, field, replace
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

LARGEST_PAGE = 100


@dataclass(frozen=True)
class Entry:
    """A question, or an answer to the question `question`. Times in epoch seconds."""

    number: int
    text: str
    created: int
    title: str = "How?"
    question: int = 0
    edited: int = 0
    owner: dict[str, Any] = field(default_factory=lambda: {"user_id": 7, "display_name": "Ann", "reputation": 12})

    @property
    def kind(self) -> str:
        return "answer" if self.question else "question"

    @property
    def dates(self) -> dict[str, int]:
        return {"creation_date": self.created, "last_activity_date": self.edited or self.created}

    @property
    def ids(self) -> dict[str, int]:
        return (
            {"answer_id": self.number, "question_id": self.question} if self.question else {"question_id": self.number}
        )

    def as_hit(self) -> dict[str, Any]:
        words = self.text.split()[:4]
        excerpt = f'&hellip; <span class="highlight">{html.escape(words[0])}</span> {html.escape(" ".join(words[1:]))}'
        return {
            "item_type": self.kind,
            "title": html.escape(self.title),
            "excerpt": excerpt,
            "body": " ".join(words),
            "score": 0,
            "tags": ["acme"],
            **self.ids,
            **self.dates,
        }

    def as_post(self) -> dict[str, Any]:
        post = {"body": f"<p>{self.text}</p>\n", "owner": self.owner, "score": 3, "content_license": "CC BY-SA 4.0"}
        if not self.question:
            post |= {"title": html.escape(self.title), "view_count": 40, "answer_count": 2, "link": "https://x.example"}
        if self.edited:
            post["last_edit_date"] = self.edited
        return post | self.ids | self.dates


class StackExchangeServer(Loopback):
    """Answers are always compressed; all errors have HTTP status 400; a page holds at most 100, and 30 if not told.

    `say` is put into the wrapper of every answer to a method ("search/excerpts", "questions", "answers");
    `hidden` numbers have been deleted: the search still knows them.
    """

    def __init__(self, *entries: Entry) -> None:
        super().__init__()
        self._entries = list(entries)
        self.say: dict[str, dict[str, Any]] = {}
        self.hidden: set[int] = set()
        self.quota = 300

    @property
    def base_url(self) -> str:
        return f"{self.base}/2.3"

    def publish(self, *entries: Entry) -> None:
        with self.lock:
            self._entries.extend(entries)

    def edit(self, number: int, text: str, at: int) -> None:
        with self.lock:
            self._entries = [
                replace(entry, text=text, edited=at) if entry.number == number else entry for entry in self._entries
            ]

    def tell(self, asked: Asked) -> Told:
        said = super().tell(asked)
        if self.override is not None:
            return said
        return replace(said, body=gzip.compress(said.body), headers={**said.headers, "Content-Encoding": "gzip"})

    def answer(self, asked: Asked) -> Told:
        self.quota -= 1
        if self.quota < 0:
            words = "too many requests from this IP, more requests available in 46472 seconds"
            return _error(502, "throttle_violation", words)
        if not re.fullmatch(r"[a-z.]+", asked.params.get("site", "")) or asked.params["site"] == "nowhere":
            return _error(400, "bad_parameter", f"No site found for name `{asked.params.get('site')}`")
        match asked.path.split("/")[2:]:
            case ["search", "excerpts"]:
                return self._wrapped("search/excerpts", asked.params, self._hits(asked.params))
            case ["questions" | "answers" as method, ids]:
                return self._wrapped(method, asked.params, self._posts(method, ids, asked.params))
        return _error(404, "no_method", "no method found with this name")

    def _hits(self, params: dict[str, str]) -> list[dict[str, Any]]:
        phrase = params["q"].strip('"').casefold()
        found = [
            entry
            for entry in self._entries
            if entry.created >= int(params.get("fromdate", 0)) and phrase in f"{entry.title} {entry.text}".casefold()
        ]
        found.sort(key=lambda entry: (entry.created, entry.number), reverse=params.get("order", "desc") == "desc")
        return [entry.as_hit() for entry in found]

    def _posts(self, method: str, ids: str, params: dict[str, str]) -> list[dict[str, Any]]:
        wanted = {int(number) for number in ids.split(";")} - self.hidden
        known = {entry.number: entry.as_post() for entry in self._entries if f"{entry.kind}s" == method}
        posts = [known[number] for number in sorted(wanted, reverse=True) if number in known]
        if params.get("filter") != "withbody":
            posts = [{name: value for name, value in post.items() if name != "body"} for post in posts]
        return posts

    def _wrapped(self, method: str, params: dict[str, str], items: list[dict[str, Any]]) -> Told:
        size, page = int(params.get("pagesize", 30)), int(params.get("page", 1))
        if size > LARGEST_PAGE:
            return _error(400, "bad_parameter", "pagesize")
        if page > 25:
            return _error(403, "access_denied", "page above 25 requires access token or app key")
        rest = items[page * size :]
        wrapper = {"has_more": bool(rest), "quota_max": 300, "quota_remaining": self.quota}
        return told({"items": items[(page - 1) * size : page * size], **wrapper, **self.say.get(method, {})})


def _error(number: int, name: str, words: str) -> Told:
    return told({"error_id": number, "error_message": words, "error_name": name}, 400)
