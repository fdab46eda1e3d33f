"""A status of Mastodon's API (https://docs.joinmastodon.org/entities/Status/) as a post."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from connectors.fields import Fields
from connectors.post import Author, Genre, Post

KIND = "mastodon"

_TO_EVERYBODY = ("", "public", "unlisted")
_OPT_OUT = re.compile(r"#(?:<[^<>]{0,60}>)?no(?:bots?|index)\b", re.IGNORECASE)
"""How people say it in their profile; the tag comes as `#<span>nobot</span>`."""


class Status(NamedTuple):
    """One line of a timeline. `id` is the instance's own; `post` is None for what is not ours to keep."""

    id: str
    created: datetime | None
    post: Post | None

    @property
    def place(self) -> tuple[int, str]:
        return place(self.id)

    def tells_the_time(self, now: datetime) -> bool:
        """Whether the id is one that Mastodon has made: milliseconds since 1970, then 16 other bits."""
        if self.created is None or not (self.id.isascii() and self.id.isdecimal() and len(self.id) < 20):
            return False
        seconds = (int(self.id) >> 16) / 1000
        # An id may be made of the whole second of the date, or later, when the post has arrived.
        return self.created.timestamp() - 1 <= seconds <= (now + timedelta(days=1)).timestamp()


def place(status_id: str) -> tuple[int, str]:
    """Ids in the order of their timeline: numbers (Mastodon), flakes (Pleroma) and ULIDs (GoToSocial) alike."""
    return len(status_id), status_id


def first_id_of(moment: datetime) -> str:
    """Of a Mastodon that makes its ids of the time."""
    return str(int(moment.timestamp()) * 1000 << 16)


def read(status: Fields, host: str, *, unindexed: bool) -> Status:
    """`host` is the instance that was asked. `unindexed`: also people who do not say that they may be searched.

    Kept is what everybody may see, its author has written (no boost) and no setting of its author forbids.
    """
    number, created = status.key("id"), status.time("created_at")
    account = status.one("account")
    boosted = "reblog" in status
    if boosted or status.text("visibility") not in _TO_EVERYBODY or (account and _opted_out(account, unindexed)):
        return Status(number, created, None)
    uri = status.key("uri")
    post = Post(
        kind=KIND,
        source_id=uri,
        url=_web(status.text("url"), uri),
        body=status.text("content") + _poll(status),
        markup="html",
        title=status.text("spoiler_text"),
        author=_author(account, host) if account else None,
        published_at=created,
        edited_at=status.time("edited_at"),
        genre=_genre(status, account),
        language=status.text("language"),
        thread=status.text("in_reply_to_id") or number,
        reach=status.reach(
            likes="favourites_count", reposts="reblogs_count", replies="replies_count", quotes="quotes_count"
        ),
        # With the host: another source may be another instance, where the same number is another status.
        ref=f"{host} {number}",
    )
    return Status(number, created, post)


def _opted_out(account: Fields, unindexed: bool) -> bool:
    if account.flag("noindex") or _OPT_OUT.search(account.text("note")):
        return True
    if any(_OPT_OUT.search(field.text("value")) for field in account.many("fields", "a field", optional=True)):
        return True
    return not unindexed and "indexable" in account and not account.flag("indexable")


def _author(account: Fields, host: str) -> Author:
    handle = account.key("acct")
    url = _web(account.text("url"), account.text("uri"))
    return Author(
        # People who live on the instance have a handle without a host.
        id=account.text("uri") or url or (handle if "@" in handle else f"{handle}@{host}"),
        name=account.text("display_name") or handle,
        url=url,
        reach=account.count("followers_count"),
    )


def _genre(status: Fields, account: Fields | None) -> Genre:
    if account and account.flag("bot"):
        return "news"  # a mirror or an announcer: it speaks of the brand, and holds no opinion
    return "comment" if "in_reply_to_id" in status else "post"


def _poll(status: Fields) -> str:
    poll = status.one("poll")
    if poll is None:
        return ""
    return "".join(
        f"<p>{escape(choice.text('title'))}</p>" for choice in poll.many("options", "a choice", optional=True)
    )


def _web(*addresses: str) -> str:
    return next((address for address in addresses if address.startswith(("https://", "http://"))), "")
