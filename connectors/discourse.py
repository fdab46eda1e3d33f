"""A Discourse forum: all its public posts in the order of their ids, or those that its search finds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal
from urllib.parse import quote

from pydantic import SecretStr, model_validator

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.discourse_api import DiscourseApi, is_gone, is_withheld
from connectors.discourse_search import search
from connectors.discourse_walk import newest_first
from connectors.errors import FetchError
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question

_REGULAR = 1
"""post_type of what a person wrote; the others tell that a topic was closed, or are whispers of the staff."""
_LIKE = 2
_SHORTEST = 3
"""Characters that a search needs, unless they are of a script without spaces."""
_DENSE = re.compile(r"[\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class DiscourseOptions(Options):
    url: WebAddress
    mode: Literal["posts", "search"] = "posts"
    """"posts" reads the whole forum and lets the brands' queries decide; "search" asks for their terms."""
    api_key: SecretStr | None = None
    api_user: str = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> DiscourseOptions:
        if bool(self.api_key and self.api_key.get_secret_value()) != bool(self.api_user):
            raise ValueError("api_key and api_user belong together: set both or none")
        return self


class Discourse:
    """The cursors are JSON; what they hold is told in discourse_walk and discourse_search."""

    kind: ClassVar[str] = "discourse"
    facts: ClassVar[Facts] = Facts(
        hears="every public post of one Discourse forum, or those its search finds for a term",
        misses="private categories, messages, hidden posts; edits of all but the newest posts, until checked again",
        key="none; an API key where the forum shows its posts to members only",
    )
    options: ClassVar[type[Options]] = DiscourseOptions

    def __init__(self, options: DiscourseOptions) -> None:
        key = options.api_key.get_secret_value() if options.api_key else ""
        self._api = DiscourseApi(options.url, key, options.api_user)
        self._searches = options.mode == "search"

    def address(self) -> str:
        return self._api.shown

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        if not self._searches:
            return ("",)
        phrases = (_phrase(term) for term in wanted)
        return tuple(dict.fromkeys(one for one in phrases if len(one) >= _SHORTEST or _DENSE.search(one)))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        read = search if self._searches else newest_first
        return read(self._api, self.post, question, http)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        prefix = f"{self._api.forum}|"
        for one in known:
            number = one.source_id.removeprefix(prefix)
            if not one.source_id.startswith(prefix) or not number.isdecimal():
                continue
            try:
                post = self._standing(number, one.ref, http)
            except FetchError as error:
                if is_withheld(error):
                    continue
                if not is_gone(error):
                    raise
                yield Checked(one.source_id)
                continue
            if post is not None:
                yield Checked(one.source_id, None if post.deleted else post)

    def _standing(self, number: str, topic: str, http: Http) -> Post | None:
        """The post as it is; `topic` is that of a first post, whose title only the topic tells. None: nothing said."""
        if not topic.isdecimal():
            return self.post(self._api.ask(f"/posts/{number}.json", http, None))
        document = self._api.ask(f"/t/{topic}.json", http, None)
        stream = document.one("post_stream")
        if stream is None:
            raise document.wrong("post_stream", "is missing")
        first = next((item for item in stream.many("posts", "a post") if item.key("id") == number), None)
        return self.post(first, document.text("title")) if first else None

    def post(self, item: Fields, title: str = "") -> Post | None:
        """None for what no visitor wrote or may read. `title` stands in where the item does not tell its topic's."""
        number = item.count("id")
        if number is None or number <= 0:
            raise item.wrong("id", "is no id")
        source_id = f"{self._api.forum}|{number}"
        if "deleted_at" in item or item.flag("user_deleted"):
            return Post(self.kind, source_id, url="", body="", deleted=True)
        if item.count("post_type") not in (None, _REGULAR) or item.flag("hidden") or item.flag("cooked_hidden"):
            return None
        if "cooked" not in item:
            raise item.wrong("cooked", "is missing")
        topic, place = item.key("topic_id"), item.count("post_number")
        path, first = quote(topic, "", errors="replace"), place == 1
        return Post(
            kind=self.kind,
            source_id=source_id,
            url=f"{self._api.shown}/{f't/{path}/{place}' if place else f'p/{number}'}",
            body=item.text("cooked"),
            markup="html",
            title=item.text("topic_title") or title if first else "",
            author=self._author(item),
            published_at=item.time("created_at"),
            # Likes and moves touch updated_at too: only a second version is an edit.
            edited_at=item.time("updated_at") if (item.count("version") or 1) > 1 else None,
            genre="post" if first else "comment",
            thread=f"{self._api.forum}|{topic}",
            reach=_reach(item),
            ref=topic if first else "",
        )

    def _author(self, item: Fields) -> Author | None:
        username = item.text("username")
        if not username:
            return None
        number = item.count("user_id")
        return Author(
            id=f"{self._api.forum}|{username if number is None else number}",
            name=item.text("name") or username,
            url=f"{self._api.shown}/u/{quote(username, '', errors='replace')}",
        )


def _reach(item: Fields) -> dict[str, int]:
    """What the forum counts; "staff": 1 marks its own moderators and administrators."""
    reach = item.reach(likes="like_count", replies="reply_count", reads="reads", trust_level="trust_level")
    for action in item.many("actions_summary", "an action", optional=True) if "likes" not in reach else ():
        if action.count("id") == _LIKE:
            reach["likes"] = action.count("count") or 0
    if item.flag("staff") or item.flag("admin") or item.flag("moderator"):
        reach["staff"] = 1
    return reach


def _phrase(term: str) -> str:
    """Words in quotes stand next to each other; a colon would be a filter of the search."""
    bare = " ".join(re.sub(r'["\x00:]', " ", term).split())
    return f'"{bare}"' if " " in bare else bare
