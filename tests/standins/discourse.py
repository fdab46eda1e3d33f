"""A server that answers like a Discourse forum, from a list of invented posts.

with DiscourseServer() as forum:
    forum.publish(Message(1, "Acme is slow", created=datetime(2026, 11, 1, tzinfo=UTC)))
    connector = Discourse(DiscourseOptions(url=forum.base))
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

SHOWN = 50
NOT_FOUND = "The requested URL or resource could not be found."


@dataclass(frozen=True)
class Message:
    """A post; `place` is its number in the topic. `gone` has been deleted, `private` is in a private category."""

    number: int
    text: str
    created: datetime | None = None
    topic: int = 11
    place: int = 2
    title: str = "A topic"
    edited: datetime | None = None
    gone: bool = False
    private: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self, *, with_title: bool) -> dict[str, Any]:
        title = {"topic_title": self.title, "topic_html_title": self.title} if with_title else {}
        return {
            "id": self.number,
            "name": "Ann Example",
            "username": "ann",
            "user_id": 7,
            "created_at": _written(self.created),
            "updated_at": _written(self.edited or self.created),
            "version": 2 if self.edited else 1,
            "cooked": f"<p>{self.text}</p>",
            "raw": self.text,
            "post_number": self.place,
            "post_type": 1,
            "topic_id": self.topic,
            "topic_slug": "a-topic",
            "reply_count": 0,
            "reads": 4,
            "score": 0.8,
            "trust_level": 1,
            "actions_summary": [{"id": 2, "count": 3}],
            "staff": False,
            "hidden": False,
            "deleted_at": None,
            "user_deleted": False,
            **title,
            **self.more,
        }


def _written(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.123Z") if moment else None


class DiscourseServer(Loopback):
    """`old` shows the window of 50 ids up to `before`, as forums did for years; today it is the 50 posts below it.

    `members_only` wants the key "secret" of the user "bot". `searches` is how many searches are left.
    """

    def __init__(self, *messages: Message, old: bool = False, members_only: bool = False) -> None:
        super().__init__()
        self._messages = list(messages)
        self._old = old
        self._members_only = members_only
        self.searches = 1_000
        self.busy = ""
        self.per_page = SHOWN

    def publish(self, *messages: Message) -> None:
        with self.lock:
            self._messages.extend(messages)

    def change(self, number: int, **changes: Any) -> None:
        with self.lock:
            self._messages = [replace(one, **changes) if one.number == number else one for one in self._messages]

    def answer(self, asked: Asked) -> Told:
        credentials = asked.headers.get("api-key"), asked.headers.get("api-username")
        if self._members_only and credentials != ("secret", "bot"):
            return _error(403, "not_logged_in", "You need to be logged in to do that.")
        if asked.path == "/posts.json":
            return told({"latest_posts": [one.as_json(with_title=True) for one in self._latest(asked.params)]})
        if asked.path == "/search.json":
            return self._search(asked.params)
        if found := re.fullmatch(r"/posts/(\d+)\.json", asked.path):
            return self._one(int(found[1]))
        if found := re.fullmatch(r"/t/(\d+)\.json", asked.path):
            return self._topic(int(found[1]))
        return _error(404, "not_found", NOT_FOUND)

    def _latest(self, params: dict[str, str]) -> list[Message]:
        before = int(params.get("before", 0)) or max((one.number for one in self._messages), default=0) + 1
        shown = sorted(self._public(), key=lambda one: one.number, reverse=True)
        if self._old:
            top = before if params.get("before") else before - 1
            return [one for one in shown if top - SHOWN < one.number <= top]
        return [one for one in shown if one.number < before][:SHOWN]

    def _public(self) -> list[Message]:
        return [one for one in self._messages if not one.gone and not one.private]

    def _one(self, number: int) -> Told:
        found = next((one for one in self._messages if one.number == number), None)
        if found is None or found.gone:
            return _error(404, "not_found", NOT_FOUND)
        if found.private:
            return _error(403, "invalid_access", "You are not permitted to view the requested resource.")
        return told(found.as_json(with_title=False))

    def _topic(self, number: int) -> Told:
        posts = sorted((one for one in self._public() if one.topic == number), key=lambda one: one.place)
        if not posts or posts[0].place != 1:
            return _error(410, "not_found", NOT_FOUND)
        first = [one.as_json(with_title=False) for one in posts[:20]]
        return told({"id": number, "title": posts[0].title, "post_stream": {"posts": first}})

    def _search(self, params: dict[str, str]) -> Told:
        self.searches -= 1
        page = int(params.get("page", 1))
        if self.searches < 0:
            extras = {"wait_seconds": 37, "time_left": "37 seconds"}
            return _error(429, "rate_limit", "You've performed this action too many times.", extras=extras)
        if page > 10:
            return _error(400, "invalid_parameters", "page parameter must not be greater than 10")
        if self.busy:
            return told({"posts": [], "grouped_search_result": {"error": self.busy, "post_ids": []}})
        hits = self._hits(params["q"])
        rest = hits[page * self.per_page :]
        shown = hits[(page - 1) * self.per_page : page * self.per_page]
        topics = {one.topic: one.title for one in shown}
        return told(
            {
                "posts": [_hit(one) for one in shown],
                "topics": [{"id": number, "title": title} for number, title in topics.items()],
                "users": [],
                "grouped_search_result": {
                    "term": params["q"],
                    "error": None,
                    "more_full_page_results": True if rest else None,
                    "post_ids": [one.number for one in shown],
                },
            }
        )

    def _hits(self, query: str) -> list[Message]:
        filters = dict(re.findall(r"(after|before|order):(\S+)", query))
        phrase = re.sub(r"(after|before|order):\S+", "", query).strip().strip('"').casefold()
        after = date.fromisoformat(filters.get("after", "2000-01-01"))
        before = date.fromisoformat(filters["before"]) if "before" in filters else date.max
        found = [
            one
            for one in self._public()
            if phrase in f"{one.title} {one.text}".casefold() and one.created and after <= one.created.date() < before
        ]
        return sorted(found, key=lambda one: (one.created, one.number), reverse=True)


def _hit(message: Message) -> dict[str, Any]:
    whole = message.as_json(with_title=False)
    few = ("id", "name", "username", "created_at", "post_number", "topic_id")
    return {**{name: whole[name] for name in few}, "like_count": 3, "blurb": message.text[:12]}


def _error(status: int, kind: str, words: str, **more: Any) -> Told:
    return told({"errors": [words], "error_type": kind, **more}, status)


def minutes(count: int, start: datetime) -> list[Message]:
    """`count` posts a minute apart, numbered from 1."""
    return [Message(number, f"acme {number}", start + timedelta(minutes=number)) for number in range(1, count + 1)]
