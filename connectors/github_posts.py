"""Issues, pull requests, comments (REST) and discussions (GraphQL) of GitHub as posts."""

from __future__ import annotations

import re

from connectors.fields import Fields
from connectors.post import Author, Post

KIND = "github"

DISCUSSIONS = """query($query: String!, $first: Int!, $after: String) {
  search(type: DISCUSSION, query: $query, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { ... on Discussion {
      id url title body createdAt updatedAt lastEditedAt upvoteCount
      author { login url ... on User { databaseId } ... on Bot { databaseId } ... on Organization { databaseId } }
      comments { totalCount } reactions { totalCount } category { isAnswerable }
    } } }
  }
}"""

_PATH = re.compile(r"/repos/[\w.-]{1,100}/[\w.-]{1,100}/issues/(?:comments/)?[0-9]{1,18}\Z", re.ASCII)
_GHOST = "ghost"
"""Stands for every account that is no more: no author, or all of them would be one."""


def issue(item: Fields) -> Post:
    """An issue or a pull request. Its "updated_at" moves with every comment and label, so it tells of no edit.

    A conversation is known by the web address of what began it.
    """
    url = _web_address(item, "html_url")
    return Post(
        kind=KIND,
        source_id=item.key("node_id"),
        url=url,
        body=item.text("body"),
        markup="markdown",
        title=item.text("title"),
        author=_author(item.one("user")),
        published_at=item.time("created_at"),
        thread=url,
        reach={**item.reach(comments="comments"), **_reactions(item)},
        ref=path_of(item),
    )


def comment(item: Fields) -> Post:
    """A comment's own "updated_at" does tell of an edit."""
    url = _web_address(item, "html_url")
    created, updated = item.time("created_at"), item.time("updated_at")
    return Post(
        kind=KIND,
        source_id=item.key("node_id"),
        url=url,
        body=item.text("body"),
        markup="markdown",
        author=_author(item.one("user")),
        published_at=created,
        edited_at=updated if created and updated and updated > created else None,
        genre="comment",
        thread=url.partition("#")[0],
        reach=_reactions(item),
        ref=path_of(item),
    )


def discussion(node: Fields) -> Post:
    url = _web_address(node, "url")
    category = node.one("category")
    return Post(
        kind=KIND,
        source_id=node.key("id"),
        url=url,
        body=node.text("body"),
        markup="markdown",
        title=node.text("title"),
        author=_author(node.one("author")),
        published_at=node.time("createdAt"),
        edited_at=node.time("lastEditedAt"),
        genre="question" if category and category.flag("isAnswerable") else "post",
        thread=url,
        reach={
            **node.reach(upvotes="upvoteCount"),
            **{
                ours: count
                for ours in ("comments", "reactions")
                if (count := _total(node, ours, "totalCount")) is not None
            },
        },
    )


def path_of(item: Fields) -> str:
    """Where the API is asked for this very item, below its base; "" where it does not say."""
    found = _PATH.search(item.text("url"))
    return found[0] if found else ""


def is_path(ref: str) -> bool:
    return _PATH.fullmatch(ref) is not None


def _author(user: Fields | None) -> Author | None:
    login = user.text("login") if user else ""
    if user is None or not login or login == _GHOST:
        return None
    number = user.count("id") or user.count("databaseId")
    return Author(str(number or login), login, user.text("html_url") or user.text("url"))


def _reactions(item: Fields) -> dict[str, int]:
    total = _total(item, "reactions", "total_count")
    return {} if total is None else {"reactions": total}


def _total(item: Fields, name: str, count: str) -> int | None:
    counted = item.one(name)
    return counted.count(count) if counted else None


def _web_address(item: Fields, name: str) -> str:
    address = item.text(name)
    if not address.startswith(("https://", "http://")):
        raise item.wrong(name, "is missing" if not address else "is not a web address")
    return address
