"""GitHub's search (https://docs.github.com/en/rest/search/search): issues, pull requests, discussions naming a term."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from connectors.contract import Answer, Facts, Http, Options, WebAddress
from connectors.dates import parse
from connectors.errors import BadAnswer, FetchError
from connectors.fields import Fields
from connectors.github_api import Api, gone
from connectors.github_posts import DISCUSSIONS, KIND, comment, discussion, is_path, issue
from connectors.post import Checked, Known, Page, Post, Question

Kind = Literal["issue", "pull-request", "discussion"]
Repository = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,100}/[\w.-]{1,100}$")]

_PAGE = 100
_PAGE_WITH_COMMENTS = 30
"""Each issue of it may cost a request of its own."""
_PAGES = 10
"""Of one kind in one pull: a minute's quota without a token, and as deep as GitHub pages."""
_PAGES_WITH_COMMENTS = 3
_COMMENT_PAGES = 3
_ROUGHLY_SORTED = 5
"""The index and what is shown from it may be a moment apart: the last result alone does not tell how far it came."""
_LONGEST_QUERY = 200
_SEARCH = "/search/issues"
_SECOND = timedelta(seconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class GitHubOptions(Options):
    token: SecretStr | None = None
    kinds: list[Kind] = Field(default=["issue", "pull-request"], min_length=1)
    repositories: list[Repository] = Field(default=[], max_length=30)
    qualifiers: str = Field(default="", max_length=500)
    """Added to each question: "org:acme -author:app/dependabot"."""
    comments: bool = False
    """Also the new comments below what is found: a request for each."""
    base_url: WebAddress = "https://api.github.com"
    overlap_hours: float = Field(default=1.0, ge=0, le=720)
    """The index is minutes late at times: this much is read again at every pull."""

    @model_validator(mode="after")
    def _token_where_needed(self) -> Self:
        if self.token is None and ("discussion" in self.kinds or self.comments):
            raise ValueError('kinds with "discussion", and comments, need a token')
        return self


class _Found(NamedTuple):
    """One page of results, least recently updated first.

    `onward` asks for the next, "" where there is none. `incomplete`: GitHub's search ran out of time.
    """

    posts: list[Post]
    updated: list[datetime]
    onward: str
    incomplete: bool = False
    gap: str = ""

    @property
    def reached(self) -> datetime:
        """The update up to which nothing is missing, as far as `updated` tells; it must not be empty."""
        return min(self.updated[-_ROUGHLY_SORTED:]) if self.onward else max(self.updated)


class _Mark(NamedTuple):
    """The update up to which all is read, and whether that was the last there was.

    `comments` bounds the comments of a walk that is not finished: a later page may hold an issue with one from before
    `at`.
    """

    at: datetime
    finished: bool
    comments: datetime | None = None


class GitHub:
    """Follows each kind from the least recently updated on, asking anew from where it has come to.

    Asking by time instead of by page loses nothing when results move to the end meanwhile. The cursor is JSON:
    {kind: [the update up to which all is read, whether that was all, where comments begin if not]}. The next pull
    begins `overlap_hours` before it, or right there when there is more.
    """

    kind: ClassVar[str] = KIND
    facts: ClassVar[Facts] = Facts(
        hears="issues and pull requests that name a term; with a token also discussions, and comments below issues",
        misses="comments without the option; edits of a text look like any other update; code and releases",
        key="none; a token without permissions triples the quota",
    )
    options: ClassVar[type[Options]] = GitHubOptions

    def __init__(self, options: GitHubOptions) -> None:
        self._kinds: Sequence[Kind] = list(dict.fromkeys(options.kinds))
        self._repositories = options.repositories
        self._qualifiers = options.qualifiers
        self._comments = options.comments
        self._pages = _PAGES_WITH_COMMENTS if options.comments else _PAGES
        self._overlap = timedelta(hours=options.overlap_hours)
        self._api = Api(options.base_url, options.token.get_secret_value() if options.token else "")

    def address(self) -> str:
        return self._api.base + _SEARCH

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        spellings: dict[str, str] = {}
        for term in wanted:
            if bare := _bare(term):
                spellings.setdefault(bare.casefold(), term)
        return list(spellings.values())

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        marks = _read(question.cursor)
        for kind in self._kinds:
            mark = marks.get(kind)
            since = self._lower_bound(mark, question.since)
            first = mark.comments if mark and not mark.finished else since
            for number, found in enumerate(self._walk(kind, since, first, question, http), start=1):
                if found.updated and not found.incomplete:
                    at = min(found.reached, question.now).replace(microsecond=0)
                    if number == self._pages and found.onward and at == since:
                        at += _SECOND  # more in one second than can be read: it must not hold us up
                    marks[kind] = _Mark(max(at, since or at), not found.onward, first if found.onward else None)
                yield Page(_oldest_first(found.posts), cursor=_written(marks), gap=found.gap)

    def _lower_bound(self, mark: _Mark | None, since: datetime | None) -> datetime | None:
        if mark is None:
            return since
        return mark.at - self._overlap if mark.finished else mark.at

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        """Issues, pull requests and comments, one request each; discussions have no address to be asked at."""
        for one in known:
            if not is_path(one.ref):
                continue
            try:
                answer = self._api.get(one.ref, http)
            except FetchError as error:
                if not gone(error):
                    raise
                yield Checked(one.source_id)
                continue
            item = Fields(answer.json(), self._api.base + one.ref)
            post = comment(item) if "/comments/" in one.ref else issue(item)
            if post.source_id == one.source_id:  # else it has moved to another repository and is a new one there
                yield Checked(one.source_id, post)

    def _walk(
        self, kind: Kind, since: datetime | None, first: datetime | None, question: Question, http: Http
    ) -> Iterator[_Found]:
        """`first` bounds the comments."""
        search = self._discussions if kind == "discussion" else self._issues
        onward = ""
        for number in range(1, self._pages + 1):
            found = search(self._query(kind, question.term, since), onward, first, question, http)
            if found.incomplete or not found.onward:
                yield found
                return
            if number == self._pages:
                found = found._replace(
                    gap=f"{self.address()} has more {kind}s than one pull reads; they come next time"
                )
            yield found
            if found.updated and (since is None or found.reached.replace(microsecond=0) > since):
                since, onward = found.reached.replace(microsecond=0), ""
            else:  # a page of one second
                onward = found.onward

    def _query(self, kind: Kind, term: str, since: datetime | None) -> str:
        repositories = [f"repo:{name}" for name in self._repositories]
        if kind == "discussion":
            parts = [f'"{_bare(term)}"', *repositories, self._qualifiers, "sort:updated-asc"]
        else:  # the "advanced" syntax, where a space between repositories asks for what is in all of them
            either = f"({' OR '.join(repositories)})" if len(repositories) > 1 else "".join(repositories)
            parts = [f'"{_bare(term)}"', f"is:{kind}", either, self._qualifiers]
        if since:
            parts.append(f"updated:>={_iso(since)}")
        return " ".join(part for part in parts if part)

    def _issues(self, query: str, onward: str, first: datetime | None, question: Question, http: Http) -> _Found:
        page = int(onward or "1")
        size = _PAGE_WITH_COMMENTS if self._comments else _PAGE
        params: dict[str, str | int] = {"q": query, "advanced_search": "true", "sort": "updated", "order": "asc"}
        params |= {"per_page": size, "page": page}
        answer = self._api.get(_SEARCH, http, params, question.now)
        document = Fields(answer.json(), self.address())
        items = list(document.many("items", "a result"))
        posts = [issue(item) for item in items]
        incomplete = document.flag("incomplete_results")
        gap = f"{self.address()} ran out of time and gave some results only; it is asked again" if incomplete else ""
        if self._comments:
            busy = [post for item, post in zip(items, posts, strict=True) if item.count("comments") != 0]
            below = [list(self._comments_of(post, first, question, http)) for post in busy]
            posts += [one for comments in below for one in comments]
            if any(len(comments) >= _PAGE * _COMMENT_PAGES for comments in below):
                gap = gap or f"{self._api.base} has more new comments below one issue than are read"
        updated = [moment for item in items if (moment := item.time("updated_at"))]
        return _Found(posts, updated, str(page + 1) if _has_next(answer) else "", incomplete, gap)

    def _comments_of(self, post: Post, since: datetime | None, question: Question, http: Http) -> Iterator[Post]:
        path = f"{post.ref}/comments"
        for page in range(1, _COMMENT_PAGES + 1) if post.ref else ():
            params: dict[str, str | int] = {"per_page": _PAGE, "page": page}
            if since:
                params["since"] = _iso(since)
            try:
                answer = self._api.get(path, http, params, question.now)
            except FetchError as error:
                if gone(error):  # deleted since the search
                    return
                raise
            for one in Fields({"comments": answer.json()}, self._api.base + path).many("comments", "a comment"):
                yield comment(one)
            if not _has_next(answer):
                return

    def _discussions(self, query: str, onward: str, first: datetime | None, question: Question, http: Http) -> _Found:
        variables = {"query": query, "first": _PAGE, "after": onward or None}
        found = self._api.graphql(DISCUSSIONS, variables, http, question.now).one("search")
        if found is None:
            raise BadAnswer(f"{self._api.base} answered a search for discussions with none.")
        edges = found.many("edges", "a result")
        nodes = [node for edge in edges if (node := edge.one("node", "a discussion")) and "id" in node]
        info = found.one("pageInfo")
        more = info.text("endCursor") if info and info.flag("hasNextPage") else ""
        updated = [moment for node in nodes if (moment := node.time("updatedAt"))]
        return _Found([discussion(node) for node in nodes], updated, more)


def _has_next(answer: Answer) -> bool:
    return 'rel="next"' in answer.headers.get("link", "")


def _oldest_first(posts: Sequence[Post]) -> list[Post]:
    """Each once: paging shows one twice when it is updated meanwhile."""
    each = {post.source_id: post for post in posts}
    return sorted(each.values(), key=lambda post: (post.published_at or _NEVER, post.source_id))


def _bare(term: str) -> str:
    return " ".join(term.replace('"', " ").split())[:_LONGEST_QUERY]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(marks: dict[str, _Mark]) -> str:
    return json.dumps({kind: _as_json(mark) for kind, mark in marks.items()}) if marks else ""


def _as_json(mark: _Mark) -> list[str | bool | None]:
    return [_iso(mark.at), mark.finished, _iso(mark.comments) if mark.comments else None]


def _read(cursor: str) -> dict[str, _Mark]:
    """A cursor of another program or version is none: reading again loses nothing."""
    try:
        stored = {
            kind: (parse(at), finished is True, parse(comments or ""))
            for kind, (at, finished, comments) in json.loads(cursor).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {kind: _Mark(at, finished, comments) for kind, (at, finished, comments) in stored.items() if at}
