"""JetBrains Marketplace: what people say on a plugin's page (plugins.jetbrains.com)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import FetchError
from connectors.fields import Fields
from connectors.post import Author, Page, Post, Question
from connectors.read_back import pages, read_back

_SIZE = 50
_MOST_REQUESTS = 20
_OVERLAP = timedelta(days=3)
_SITE = "https://plugins.jetbrains.com"


def _number(plugin: object) -> object:
    return str(plugin) if isinstance(plugin, int) and not isinstance(plugin, bool) else plugin


PluginNumber = Annotated[str, BeforeValidator(_number), Field(pattern=r"^[0-9]{1,10}$")]


class JetBrainsOptions(Options):
    plugins: list[PluginNumber] = Field(min_length=1)
    """The number in the address of the plugin's page."""
    base_url: WebAddress = f"{_SITE}/api"


class JetBrains:
    """Reads each plugin's reviews back from the newest."""

    kind: ClassVar[str] = "jetbrains"
    facts: ClassVar[Facts] = Facts(
        hears="reviews of JetBrains Marketplace plugins, rated 1 to 5",
        misses="deletions, and edits that are older than three days; the API is undocumented",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = JetBrainsOptions

    def __init__(self, options: JetBrainsOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/plugins"
        self._plugins = options.plugins

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return tuple(dict.fromkeys(self._plugins))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        posts, whole = read_back(self._batches(question.term, http), question, _OVERLAP, _MOST_REQUESTS)
        gap = "" if whole else f"plugin {question.term} has more reviews than the {len(posts):,} that were read."
        yield from pages(posts, question, gap=gap)

    def _batches(self, plugin: str, http: Http) -> Iterator[list[Post]]:
        url = f"{self._url}/{plugin}/comments"
        for page in range(1, _MOST_REQUESTS + 2):
            try:
                answer = http.get(url, params={"page": page, "size": _SIZE})
            except FetchError as error:
                if error.status != 404:
                    raise
                raise FetchError(f"{self._url} knows no plugin {plugin} (HTTP 404): check it.", status=404) from None
            comments = list(Fields({"comments": answer.json()}, url).many("comments", "a comment"))
            if sound := [self._post(comment, plugin) for comment in comments if not comment.flag("markedAsSpam")]:
                yield sound
            if len(comments) < _SIZE:
                return

    def _post(self, comment: Fields, plugin: str) -> Post:
        number = comment.key("id")
        rating = comment.number("rating")
        parent = comment.key("parentId") if "parentId" in comment else ""
        votes = comment.one("votes")
        return Post(
            kind=self.kind,
            source_id=number,
            url=f"{_page_of(comment, plugin)}/reviews#review={number}",
            body=comment.text("comment"),
            markup="html",
            author=_author(comment.one("author")),
            published_at=_moment(comment),
            genre="comment" if parent or comment.flag("vendor") else "review",
            rating=rating if rating is not None and 1 <= rating <= 5 else None,  # 0: a reply, or no stars given
            thread=parent or number,
            reach={
                **comment.reach(replies="repliesCount"),
                **(votes.reach(likes="positive", dislikes="negative") if votes else {}),
            },
        )


def _page_of(comment: Fields, plugin: str) -> str:
    shown = comment.one("plugin")
    link = shown.text("link") if shown else ""
    return _SITE + link if link.startswith("/plugin/") and link.isprintable() else f"{_SITE}/plugin/{plugin}"


def _author(account: Fields | None) -> Author | None:
    if account is None:
        return None
    name = account.text("name")
    key = account.key("id") if "id" in account else name
    link = account.text("link")
    return Author(key, name, _SITE + link if re.match("/(?!/)", link) else "") if key else None


def _moment(comment: Fields) -> datetime | None:
    """`cdate` is milliseconds since 1970, mostly written as a text."""
    milliseconds = comment.count("cdate")
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
