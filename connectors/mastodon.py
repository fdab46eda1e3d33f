"""Mastodon and what speaks its API (https://docs.joinmastodon.org/): hashtag timelines, and search with a token."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import AuthError
from connectors.mastodon_instance import FULL, PAGE, Instance
from connectors.mastodon_status import KIND, Status, first_id_of, place
from connectors.post import Checked, Known, Page, Post, Question

_REQUESTS = 25
"""What one pull spends on one timeline or search."""

_BEFORE_ALL = "0"
"""Smaller than every id."""

_AHEAD = timedelta(hours=1)
"""So fast may the clock of a server be; a date beyond says nothing of when a post came."""

_IN_EVERY_INDEX = "mastodon"


def tag_of(text: str) -> str:
    """The hashtag people would write for `text`: acmecloud for "Acme Cloud". "" where none can be made of it."""
    letters = unicodedata.normalize("NFKC", text).lower()
    kept = (one for one in letters if one in "_·・\u200c" or unicodedata.category(one)[:1] in "LM" or one.isdecimal())
    tag = unicodedata.normalize("NFKC", "".join(kept))  # again: letters and marks that had a sign between them
    return tag if len(tag) > 1 and not tag.isdecimal() else ""


def _a_tag(text: str) -> str:
    if not (tag := tag_of(text)):
        raise ValueError("is no hashtag: write two letters or more, and not digits only")
    return tag


class MastodonOptions(Options):
    instance: WebAddress = "https://mastodon.social"
    tags: list[Annotated[str, AfterValidator(_a_tag)]] = Field(default=[])
    """In place of the hashtags that are made of the brands' terms."""
    local: bool = False
    """Only what people of this very instance write."""
    token: SecretStr = SecretStr("")
    search: bool = False
    """Also search the texts; needs a token that may read:search, and an instance with an index."""
    unindexed: bool = False
    """Also authors who have not said that their posts may be indexed (`indexable` in their profile)."""
    overlap_minutes: float = Field(default=60.0, ge=0, le=1440)
    """Posts of other instances arrive late, and edits later: this much is read again at every pull."""

    @model_validator(mode="after")
    def _search_has_a_token(self) -> Self:
        if self.search and not self.token.get_secret_value():
            raise ValueError("search needs the token of an account on the instance, with the right read:search")
        return self


class Mastodon:
    """A term "#tag" is read from that hashtag's timeline; any other is searched for, or made a tag without `search`.

    A timeline is read forwards by min_id, which skips nothing. Its cursor is JSON: {"after": the id behind which the
    next pull begins, "read": how far a walk has come that is not at its end}. A search is read backwards from now and
    handed on once it is whole. Its cursor is {"until": seconds since 1970 of the newest post}.
    """

    kind: ClassVar[str] = KIND
    facts: ClassVar[Facts] = Facts(
        hears="posts with a hashtag, as far as one instance knows them; with a token, also full-text search",
        misses="posts without the tag, from servers the instance does not know, of people who opt out of indexing",
        key="none; a token for search, and where an instance asks for a login",
        duty="quote and link; forget what is deleted; #nobot and noindex are left out",
    )
    options: ClassVar[type[Options]] = MastodonOptions

    def __init__(self, options: MastodonOptions) -> None:
        self._instance = Instance(
            options.instance, options.token.get_secret_value(), local=options.local, unindexed=options.unindexed
        )
        self._scheme = urlsplit(options.instance).scheme
        self._tags = options.tags
        self._searches = options.search
        self._overlap = timedelta(minutes=options.overlap_minutes)

    def address(self) -> str:
        return f"{self._scheme}://{self._instance.host}/"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        tags = self._tags or [tag for term in wanted if (tag := tag_of(term))]
        # Signs are nothing to a search: c++ would find every c.
        texts = [_words(term) for term in wanted if sum(map(str.isalnum, term)) > 1] if self._searches else []
        return list(dict.fromkeys([f"#{tag}" for tag in tags] + texts))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        if self._searches and not question.term.startswith("#"):
            return self._search(question, http)
        return self._timeline(question, http)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        for one in known:
            host, _, number = one.ref.partition(" ")
            if host != self._instance.host or not number:
                continue  # of another instance: its numbers are other statuses here
            status = self._instance.status(number, http)
            if status is None:
                yield Checked(one.source_id)
            elif status.post is not None and status.post.source_id == one.source_id:
                yield Checked(one.source_id, status.post)

    def _timeline(self, question: Question, http: Http) -> Iterator[Page]:
        tag = tag_of(question.term)
        gap = self._instance.hidden(http, question.now)
        after, last = _place_in(question.cursor)
        proofs = question.validators if after and not last else None
        if not after:
            after, too_deep = self._beginning(tag, question, http)
            gap = gap or too_deep
        last = last or after
        walked: list[Status] = []
        given: set[str] = set()
        for requests_left in reversed(range(_REQUESTS)):
            answer, statuses = self._instance.timeline(tag, http, min_id=last, validators=proofs)
            if answer.unchanged:
                yield Page(unchanged=True, validators=answer.validators, gap=gap)
                return
            fresh = sorted((one for one in statuses if one.place > place(last)), key=lambda one: one.place)
            if statuses and not fresh:
                gap = f"{self._instance.url} does not page by min_id, so older posts of #{tag} may be missing"
            walked += fresh
            begin = self._overlapped(after, walked, question.now)
            last = fresh[-1].id if fresh else last
            if not fresh or len(statuses) < FULL:
                # They prove the whole only if the whole was one answer.
                proofs = answer.validators if proofs is not None else None
                yield Page(_posts(fresh, given), json.dumps({"after": begin}), proofs, gap=gap)
                return
            proofs = None
            if not requests_left:
                gap = f"#{tag} on {self._instance.url} had over {len(walked):,} posts to read; the next pull goes on"
            yield Page(_posts(fresh, given), json.dumps({"after": begin, "read": last}), gap=gap)

    def _beginning(self, tag: str, question: Question, http: Http) -> tuple[str, str]:
        """The id behind which the posts since `question.since` stand, and in words what lies too deep for us."""
        since = question.since
        if since is None:
            return _BEFORE_ALL, ""
        oldest = ""
        for _ in range(_REQUESTS):
            _, statuses = self._instance.timeline(tag, http, max_id=oldest)
            if len(statuses) < FULL:
                return _BEFORE_ALL, ""
            if all(one.tells_the_time(question.now) for one in statuses):
                return first_id_of(since), ""
            last = min(statuses, key=lambda one: one.place)
            oldest = last.id
            if last.created is not None and last.created < since:
                return oldest, ""
        most = f"the {_REQUESTS * PAGE:,} posts that a first pull reads"
        return oldest, f"#{tag} on {self._instance.url} goes back further than {most}"

    def _overlapped(self, after: str, walked: Sequence[Status], now: datetime) -> str:
        """The id behind which stands all that came within the overlap before the newest post."""
        dates = [one.created if one.created and one.created <= now + _AHEAD else None for one in walked]
        newest = max(filter(None, dates), default=None)
        if newest is None:
            return after
        for one, created in zip(walked, dates, strict=True):
            # Ids are in the order of arrival, dates need not be.
            if created is not None and created > newest - self._overlap:
                break
            after = one.id
        return after

    def _search(self, question: Question, http: Http) -> Iterator[Page]:
        since = self._search_from(question)
        # Whole days, and one more: the server reads the date in the time zone of the token's owner.
        query = f'"{_words(question.term)}"' + (f" after:{since - timedelta(days=2):%Y-%m-%d}" if since else "")
        found: list[Status] = []
        gap = ""
        while True:
            statuses = self._instance.found(query, len(found), http)
            found += statuses
            # Single old dates stand among the newest ids: posts that other instances delivered late.
            known = sum(since is not None and one.created is not None and one.created < since for one in statuses)
            if known * 2 > len(statuses) or len(statuses) < FULL:
                break
            if len(found) >= _REQUESTS * PAGE:
                gap = f'{self._instance.url} found more than the {len(found):,} newest posts for "{question.term}"'
                break
        if not found:
            self._prove_that_it_searches(http)
            yield Page()
            return
        yield from self._in_pages(found, question.now, gap)

    def _search_from(self, question: Question) -> datetime | None:
        try:
            until = datetime.fromtimestamp(json.loads(question.cursor)["until"], UTC)
            return until - self._overlap
        except (ValueError, KeyError, TypeError, OverflowError, OSError):
            return question.since  # no cursor, or one of another program: reading again loses nothing

    def _prove_that_it_searches(self, http: Http) -> None:
        """Without the right to search, an index, or an index that works, every search is answered 200 with nothing."""
        if not self._instance.found(_IN_EVERY_INDEX, 0, http):
            raise AuthError(
                f"{self._instance.url} finds no posts whatever is searched: it has no full-text search, or the token "
                "lacks read:search; set search = false or use another token or instance."
            )

    def _in_pages(self, found: Iterable[Status], now: datetime, gap: str) -> Iterator[Page]:
        def age(one: Status) -> tuple[datetime, tuple[int, str]]:
            return min(one.created or now, now), one.place

        ordered = sorted(found, key=age)
        given: set[str] = set()
        for start in range(0, len(ordered), PAGE):
            part = ordered[start : start + PAGE]
            cursor = json.dumps({"until": int(age(part[-1])[0].timestamp())})
            yield Page(_posts(part, given), cursor, gap=gap)


def _posts(statuses: Iterable[Status], given: set[str]) -> list[Post]:
    """Those to be kept that are not in `given` yet, where they are put."""
    posts = []
    for one in statuses:
        if one.post is not None and one.post.source_id not in given:
            given.add(one.post.source_id)
            posts.append(one.post)
    return posts


def _place_in(cursor: str) -> tuple[str, str]:
    """ "after" and "read", "" for what is not said."""
    try:
        said = json.loads(cursor)
    except ValueError:
        return "", ""
    after, last = (said.get("after"), said.get("read")) if isinstance(said, dict) else (None, None)
    if not isinstance(after, str) or not after:
        return "", ""
    return after, last if isinstance(last, str) else ""


def _words(term: str) -> str:
    return " ".join(term.replace('"', " ").split())
