"""Reddit as its two doors show it: the Atom feeds of www.reddit.com and the Data API of oauth.reddit.com.

with RedditServer() as reddit:
    reddit.publish(Thing("t3_a1", "Acme is slow", at=NOW, title="Slow?"))
    RedditFeed(RedditFeedOptions(base_url=reddit.base, subreddits=["acme"]))
    RedditOAuth(RedditOAuthOptions(base_url=reddit.base, token_url=reddit.token_url, ...))
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

_AGENT = re.compile(r"\w+:[\w.-]+:v[\w.]+ \(by /u/[\w-]+\)")
BLOCKED = b"<!doctype html><html><head><title>Blocked</title></head><body><p>whoa there, pardner!</p></body></html>"


@dataclass(frozen=True)
class Thing:
    """A post (t3_) or a comment (t1_) on the post `on`. `text` is Markdown; feeds show it as one paragraph."""

    name: str
    text: str
    at: datetime
    title: str = ""
    on: str = "t3_zz"
    link: str = ""
    author: str = "ann"
    subreddit: str = "acme"
    edited: datetime | None = None
    score: int = 3
    hidden: bool = False
    taken_by: str = ""

    @property
    def is_comment(self) -> bool:
        return self.name.startswith("t1_")

    @property
    def permalink(self) -> str:
        if self.is_comment:
            return f"/r/{self.subreddit}/comments/{self.on[3:]}/a_title/{self.name[3:]}/"
        return f"/r/{self.subreddit}/comments/{self.name[3:]}/a_title/"


class RedditServer(Loopback):
    """Newest first. `window` entries in a feed, `depth` things in a listing. `pace`: what its rate headers say."""

    def __init__(self, *, window: int = 100, depth: int = 1_000, pace: dict[str, str] | None = None) -> None:
        super().__init__()
        self._things: list[Thing] = []
        self._window = window
        self._depth = depth
        self._pace = pace or {}
        self._tokens = 0
        self._valid = ""
        self.secret = "app:s3cret"
        self.private: set[str] = set()

    @property
    def token_url(self) -> str:
        return f"{self.base}/api/v1/access_token"

    def publish(self, *things: Thing) -> None:
        with self.lock:
            self._things.extend(things)

    def change(self, name: str, **changes: Any) -> None:
        with self.lock:
            self._things = [replace(one, **changes) if one.name == name else one for one in self._things]

    def take_away(self, name: str, by: str = "deleted") -> None:
        """As it is when its author deletes it, or somebody else removes it."""
        mark = "[deleted]" if by == "deleted" else "[removed]"
        self.change(name, text=mark, author="[deleted]", taken_by=by)

    def forget(self, name: str) -> None:
        with self.lock:
            self._things = [one for one in self._things if one.name != name]

    def end_tokens(self) -> None:
        self._valid = ""

    def answer(self, asked: Asked) -> Told:
        if asked.path == "/api/v1/access_token":
            return self._token(asked)
        if asked.path.endswith(".rss"):
            said = self._feed(asked)
        elif asked.headers.get("authorization") != f"bearer {self._valid}" or not self._valid:
            said = told({"message": "Unauthorized", "error": 401}, 401)
        elif not _AGENT.fullmatch(asked.headers.get("user-agent", "")):
            said = Told(403, BLOCKED, {"Content-Type": "text/html"})
        else:
            said = self._listing(asked)
        return replace(said, headers=said.headers | self._pace)

    def _token(self, asked: Asked) -> Told:
        known = "Basic " + base64.b64encode(self.secret.encode()).decode()
        if asked.method != "POST" or asked.headers.get("authorization") != known:
            return told({"message": "Unauthorized", "error": 401}, 401)
        if asked.body != b"grant_type=client_credentials":
            return told({"error": "unsupported_grant_type"})
        self._tokens += 1
        self._valid = f"eyJ-{'t0ken' * 200}-{self._tokens}"  # a JWT: a thousand characters
        return told({"access_token": self._valid, "token_type": "bearer", "expires_in": 86400, "scope": "*"})

    def _newest(self, asked: Asked) -> list[Thing]:
        found = sorted(self._things, key=lambda one: (one.at, one.name), reverse=True)
        if asked.path.startswith("/r/"):
            _, _, subreddits, listing = asked.path.split("/")[:4]
            wanted = subreddits.split("+")
            return [one for one in found if one.subreddit in wanted and one.is_comment == (listing == "comments")]
        return [one for one in found if not one.is_comment and _speaks_of(one, asked.params["q"])]

    def _feed(self, asked: Asked) -> Told:
        size = min(int(asked.params.get("limit", "25")), self._window) if self._window <= 100 else self._window
        entries = "".join(_entry(one) for one in self._newest(asked)[:size])
        if asked.path == "/search.rss" and asked.params.get("type") != "link":
            entries = "<entry><id>t5_2abc</id><title>acme</title></entry>" + entries
        body = f'<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>{escape(asked.path)}</id><title>newest</title>{entries}</feed>'
        return Told(200, body.encode(), {"Content-Type": "application/atom+xml; charset=UTF-8"})

    def _listing(self, asked: Asked) -> Told:
        if asked.path == "/api/info":
            wanted = asked.params["id"].split(",")
            assert len(wanted) <= 100
            found = [one for one in self._things if one.name in wanted]
            return _listed(found, "")
        if self.private & set(asked.path.split("/")[2:3]):
            return told({"reason": "private", "message": "Forbidden", "error": 403}, 403)
        found = self._newest(asked)[: self._depth]
        names = [one.name for one in found]
        start = names.index(asked.params["after"]) + 1 if "after" in asked.params else 0
        page = found[start : start + int(asked.params["limit"])]
        return _listed(page, page[-1].name if start + len(page) < len(found) else "")


def _speaks_of(one: Thing, query: str) -> bool:
    text = f"{one.title} {one.text} {one.link}".casefold()
    return any(part.strip().strip('"').casefold() in text for part in query.split(" OR "))


def _entry(one: Thing) -> str:
    home = "https://www.reddit.com"
    user = f'<a href="{home}/user/{one.author}"> /u/{one.author} </a>'
    text = f'<!-- SC_OFF --><div class="md"><p>{escape(one.text)}</p> </div><!-- SC_ON -->' if one.text else ""
    if one.link:
        text = f'<table> <tr><td> <a href="{home}{one.permalink}"> <img src="https://b.example/t.jpg" /> </a> </td><td>'
    tail = (
        f' &#32; submitted by &#32; {user} <br/> <span><a href="{escape(one.link) or home + one.permalink}">[link]</a></span>'
        f' &#32; <span><a href="{home}{one.permalink}">[comments]</a></span>'
    )
    content = text + ("" if one.is_comment else tail) + (" </td></tr></table>" if one.link else "")
    title = f"/u/{one.author} on A title" if one.is_comment else one.title
    stamp = one.at.isoformat()
    return (
        f"<entry><author><name>/u/{one.author}</name><uri>{home}/user/{one.author}</uri></author>"
        f'<category term="{one.subreddit}" label="r/{one.subreddit}"/><content type="html">{escape(content)}</content>'
        f'<id>{one.name}</id><link href="{home}{one.permalink}" /><updated>{(one.edited or one.at).isoformat()}</updated>'
        f"<published>{stamp}</published><title>{escape(title)}</title></entry>"
    )


def _listed(things: list[Thing], after: str) -> Told:
    children = [{"kind": one.name[:2], "data": _data(one)} for one in things]
    return told({"kind": "Listing", "data": {"children": children, "after": after or None, "before": None}})


def _data(one: Thing) -> dict[str, Any]:
    gone = {"author": "[deleted]"} if one.author == "[deleted]" else {"author": one.author, "author_fullname": "t2_q1"}
    data: dict[str, Any] = {
        "name": one.name,
        "id": one.name[3:],
        "subreddit": one.subreddit,
        "created_utc": one.at.timestamp(),
        "edited": one.edited.timestamp() if one.edited else False,
        "score": one.score,
        "permalink": one.permalink,
        "over_18": False,
        **gone,
    }
    if one.is_comment:
        return {**data, "body": one.text, "link_id": one.on, "parent_id": one.on, "score_hidden": one.hidden}
    return {
        **data,
        "title": one.title,
        "selftext": "" if one.link else one.text,
        "is_self": not one.link,
        "url": one.link or "https://www.reddit.com" + one.permalink,
        "num_comments": 2,
        "hide_score": one.hidden,
        "removed_by_category": one.taken_by or None,
    }
