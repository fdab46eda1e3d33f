"""Posts as Bluesky's AppView shows them: what a search gives, and what a question about single posts gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from connectors.bluesky_record import KIND, body_of, genre_of, language_of, permalink, profile, published, thread_of
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Post

GET_POSTS = "app.bsky.feed.getPosts"
_ASKED_AT_ONCE = 25
_NEVER = datetime.min.replace(tzinfo=UTC)
_UNSEEN = frozenset({"!no-unauthenticated", "!hide", "!takedown", "!suspend"})
"""Labels that ask not to show a post, or anything of its author, to everybody."""


def posts_of(views: Sequence[Fields]) -> list[Post]:
    """Oldest first, each once, without those that must not be shown to everybody."""
    posts = {post.source_id: post for view in views if (post := _post(view))}
    return sorted(posts.values(), key=lambda post: (post.published_at or _NEVER, post.source_id))


def rechecked(known: Sequence[Known], ask: Callable[[list[tuple[str, str | int]]], Fields]) -> Iterator[Checked]:
    """`ask` puts GET_POSTS with these parameters. What it leaves out of its answer is gone, or hidden by its author."""
    uris = [one.source_id for one in known if permalink(one.source_id)]
    for start in range(0, len(uris), _ASKED_AT_ONCE):
        asked = uris[start : start + _ASKED_AT_ONCE]
        document = ask([("uris", uri) for uri in asked])
        standing = {post.source_id: post for post in posts_of(list(document.many("posts", "a post")))}
        yield from (Checked(uri, standing.get(uri)) for uri in asked)


def _post(view: Fields) -> Post | None:
    uri = view.key("uri")
    url = permalink(uri)
    author, record = view.one("author"), view.one("record")
    if not url or author is None or record is None:
        name = "uri" if not url else "record" if author else "author"
        raise view.wrong(name, "is missing" if url else "is no address of a post")
    if _hidden(view) or _hidden(author):
        return None
    did = author.key("did")
    return Post(
        kind=KIND,
        source_id=uri,
        url=url,
        body=body_of(record),
        author=Author(did, author.text("displayName") or author.text("handle"), profile(did)),
        published_at=published(record.time("createdAt"), view.time("indexedAt")),
        genre=genre_of(record),
        language=language_of(record),
        thread=thread_of(record, uri),
        reach=view.reach(likes="likeCount", reposts="repostCount", replies="replyCount", quotes="quoteCount"),
    )


def _hidden(labelled: Fields) -> bool:
    labels = labelled.many("labels", "a label", optional=True)
    return any(label.text("val") in _UNSEEN and not label.flag("neg") for label in labels)
