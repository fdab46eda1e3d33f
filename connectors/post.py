"""What a source is asked and what it yields. The vocabulary of this floor; standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple

Markup = Literal["plain", "html", "markdown", "bbcode"]
Genre = Literal["post", "comment", "review", "question", "answer", "news"]

_NOTHING: Mapping[str, int] = MappingProxyType({})


class Author(NamedTuple):
    """The public identity a source gives for who wrote a post.

    `id` is the source's own stable id (falls back to the name), `reach` is what the source itself shows
    (followers, karma, reputation), None when it shows nothing.
    """

    id: str
    name: str = ""
    url: str = ""
    reach: int | None = None


class Post(NamedTuple):
    """A public text as its source gave it, before any cleaning.

    `kind` and `source_id` are its identity: the connector's kind and the id the source guarantees to be global.
    `body` is the raw original in `markup`; `title` is plain text. Times are aware UTC; `published_at` is None
    when the source says none or nonsense. `rating` is on a scale from 0 (or 1) up to `rating_scale`
    (5 stars, 100 percent, 1 = a thumb). `language` is the source's own hint, not a detection. `ref` is how the source
    is asked for this post again where `source_id` does not tell (a local number, an API path). `deleted` says that the
    source has taken it away: a post with nothing else but its id.
    """

    kind: str
    source_id: str
    url: str
    body: str
    markup: Markup = "plain"
    title: str = ""
    author: Author | None = None
    published_at: datetime | None = None
    edited_at: datetime | None = None
    genre: Genre = "post"
    rating: float | None = None
    rating_scale: float = 5.0
    language: str = ""
    thread: str = ""
    reach: Mapping[str, int] = _NOTHING
    deleted: bool = False
    ref: str = ""

    @property
    def id(self) -> str:
        """20 hexadecimal digits derived from (kind, source_id): the same post has the same id on every machine."""
        return short_id(self.kind, self.source_id)

    @property
    def fingerprint(self) -> str:
        """Changes exactly when what people read has changed; counts of likes and tracking links are not that."""
        return short_id(self.title, self.body, str(self.rating), str(self.deleted))


class Known(NamedTuple):
    """A stored post that its source is asked about again."""

    source_id: str
    ref: str = ""
    url: str = ""


class Checked(NamedTuple):
    """What became of a known post: as it stands now, or None when the source said that it is gone."""

    source_id: str
    post: Post | None = None


def short_id(*parts: str) -> str:
    """80 bits of BLAKE2b over the parts: no two of a thousand million posts are likely to share one."""
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Validators:
    """What proves next time that a body has not changed. They belong to `url` and to no other."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a connector gets of a watch; it knows nothing of brands or tables.

    `cursor` is whatever the connector put into its last stored Page. `since` bounds the first pull (aware UTC).
    `now` is the time of asking: connectors read no clock. `address` is where a permanent redirect said the source lives
    now, "" where none did. `stay` and `relevant` are for streams: how long to keep listening once what had happened by
    `now` is read, and whether a text is worth a Post at all (False: no brand can match it).
    """

    now: datetime
    term: str = ""
    cursor: str = ""
    validators: Validators = field(default_factory=Validators)
    since: datetime | None = None
    address: str = ""
    stay: timedelta = timedelta()
    relevant: Callable[[str], bool] = _always


@dataclass(frozen=True, slots=True)
class Page:
    """A batch of posts, oldest first, and where to go on from once they are stored.

    `cursor`: "" keeps the watch's cursor as it is. `validators`: None keeps the stored ones. `unchanged`: the source
    proved that nothing is new (304 or same body). `gap` says in a sentence what could not be read (the run becomes
    `partial`). `poll_after` is the source's own wish for the least time between two pulls. `moved_to` is
    a permanent new address. `turnover`: a window that shows the newest posts only shows none of those it showed last
    time, so that some have come and gone in between, unless a post of this page is stored already.
    """

    posts: Sequence[Post] = ()
    cursor: str = ""
    validators: Validators | None = None
    unchanged: bool = False
    gap: str = ""
    poll_after: timedelta | None = None
    moved_to: str = ""
    turnover: bool = False
