"""Questions and answers of one Stack Exchange site that name a term (https://api.stackexchange.com/docs).

The search finds (its excerpts are cut, and may not even hold the term); /questions and /answers tell the whole body,
the author and the edits, the same that a recheck gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import BadAnswer
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question
from connectors.stackexchange_api import StackExchangeApi

_LARGEST = 100
"""Hits of one page, and ids of one request."""
_PAGES = 25
"""Pages of one pull; also how deep an asker without a key may page."""
_REMEMBERED = 1_000
"""Hits of the overlap that are not asked for again while nothing has happened to them."""
_SURELY = 20
"""So many known posts do not vanish at once: an answer without any of them is no answer."""

_ROOTS = {"stackoverflow", "serverfault", "superuser", "askubuntu", "stackapps", "stackexchange"}
_LANGUAGES = {f"{code}.stackoverflow": code for code in ("es", "ja", "pt", "ru")} | dict.fromkeys(
    ("stackoverflow", "serverfault", "superuser", "askubuntu"), "en"
)
"""Sites that ask everybody to write in one language."""

_Letter = Literal["q", "a"]
_KINDS: tuple[tuple[_Letter, str, str], ...] = (("q", "questions", "question_id"), ("a", "answers", "answer_id"))


def _site(name: str) -> str:
    """ "unix.stackexchange.com" and "unix" are one site and give the same ids. Raises ValueError for what is none."""
    name = name.strip().lower().removeprefix("https://").rstrip("/")
    if name != "meta.stackexchange.com":
        name = name.removesuffix(".stackexchange.com")
    name = name.removesuffix(".com")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+){0,3}", name):
        raise ValueError('must be the name of a site, such as "stackoverflow" or "unix"')
    return name


class StackExchangeOptions(Options):
    site: Annotated[str, AfterValidator(_site)] = "stackoverflow"
    key: str = ""
    """Of stackapps.com; no secret: it only raises the quota from 300 to 10,000 requests a day."""
    base_url: WebAddress = "https://api.stackexchange.com/2.3"
    overlap_days: float = Field(default=1.0, ge=0, le=30)
    """The search is filled with a delay: this much is read again at every pull."""


class _Hit(NamedTuple):
    """What a search knows of a post. `activity` (epoch seconds) moves with every edit."""

    letter: _Letter
    number: int
    created: int
    activity: int

    @property
    def key(self) -> str:
        return f"{self.letter}{self.number}"


class StackExchange:
    """Walks the hits by creation time, the oldest first, and asks for those that are new or have changed.

    The cursor is JSON: {"from": epoch seconds to begin at, "seen": {"q12": [created, last activity], ...}}.
    Throttles are remembered by the connector: until they end, nothing more is asked.
    """

    kind: ClassVar[str] = "stackexchange"
    facts: ClassVar[Facts] = Facts(
        hears="questions and answers of one Stack Exchange site that name a term, in full",
        misses="comments; edits of posts that are older than a day, until they are checked again",
        key="none (300 requests a day); a free key of stackapps.com for 10,000",
        duty="CC BY-SA: name the author and the licence, link to the post",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = StackExchangeOptions

    def __init__(self, options: StackExchangeOptions) -> None:
        self._api = StackExchangeApi(options.base_url.rstrip("/"), options.site, options.key)
        self._site = options.site
        own = options.site.endswith(".net")
        root = options.site.rpartition(".")[2] in _ROOTS
        self._web = f"https://{options.site}{'' if own else '.com' if root else '.stackexchange.com'}"
        self._overlap = timedelta(days=options.overlap_days)

    def address(self) -> str:
        return self._api.url("search/excerpts")

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        phrases = (_phrase(term) for term in wanted)
        return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        now = question.now
        settled = int((now - self._overlap).timestamp())  # what is older than this has surely been in the index
        start, seen = _resumed(question)
        begin, page = start, 1
        for left in reversed(range(_PAGES)):
            hits, more = self._search(question.term, start, page, http, now)
            changed = [hit for hit in hits if seen.get(hit.key) != (hit.created, hit.activity)]
            posts = self._posts(changed, http, now)
            seen |= {hit.key: (hit.created, hit.activity) for hit in changed if hit.key in posts}
            last = hits[-1].created if more else settled
            more_than = f"{self.address()} has more than {_PAGES} pages; the next pull goes on there"
            yield Page(
                [posts[hit.key] for hit in changed if hit.key in posts],
                cursor=_cursor(max(min(last, settled), begin), seen),
                gap=more_than if more and not left else "",
                poll_after=self._api.pause(now),
            )
            if not more:
                return
            # By time, not by page: what is deleted meanwhile would shift the pages, and deep ones are refused.
            page, start = (page + 1, start) if last == start else (1, last)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        for letter, _, _ in _KINDS:
            prefix = f"{self._site}|{letter}|"
            ids = [one.source_id.removeprefix(prefix) for one in known if one.source_id.startswith(prefix)]
            numbers = [int(one) for one in ids if one.isdecimal()]
            for at in range(0, len(numbers), _LARGEST):
                some = numbers[at : at + _LARGEST]
                found, document = self._by_ids(letter, some, http, None)
                for number in some:
                    item = found.get(number)
                    yield Checked(f"{prefix}{number}", self._post(letter, number, item) if item else None)
                if "backoff" in document:
                    break  # the rest is asked about next time

    def _search(self, term: str, start: int, page: int, http: Http, now: datetime) -> tuple[list[_Hit], bool]:
        """The hits that were created from `start` on, and whether there are more."""
        params: dict[str, str | int] = {"q": term, "fromdate": start, "sort": "creation", "order": "asc"}
        document = self._api.ask("search/excerpts", {**params, "page": page, "pagesize": _LARGEST}, http, now)
        hits = list({hit.key: hit for hit in map(_hit, document.many("items", "a hit"))}.values())
        more = document.flag("has_more")
        if more and (not hits or hits[0].created > hits[-1].created):
            raise document.wrong("items", "is not what has_more and the order asked for promise")
        return hits, more

    def _posts(self, hits: Sequence[_Hit], http: Http, now: datetime) -> dict[str, Post]:
        """By the keys of the hits, without those that have been deleted: the search forgets them later."""
        posts: dict[str, Post] = {}
        for letter, _, _ in _KINDS:
            if numbers := [hit.number for hit in hits if hit.letter == letter]:
                found, _ = self._by_ids(letter, numbers, http, now)
                posts |= {f"{letter}{number}": self._post(letter, number, item) for number, item in found.items()}
        return posts

    def _by_ids(
        self, letter: _Letter, numbers: Sequence[int], http: Http, now: datetime | None
    ) -> tuple[dict[int, Fields], Fields]:
        """The questions or answers with these numbers (at most _LARGEST), and the answer they came in."""
        _, method, name = _KINDS[letter == "a"]
        path = f"{method}/{';'.join(map(str, numbers))}"
        document = self._api.ask(path, {"pagesize": _LARGEST, "filter": "withbody"}, http, now)
        if document.flag("has_more"):
            raise document.wrong("has_more", "says that posts which were asked for are left out")
        found = {_number(item, name): item for item in document.many("items", "a post")}
        if not found and len(numbers) >= _SURELY:
            raise BadAnswer(f"{self._api.url(method)} knows none of {len(numbers)} posts it had given.")
        return found, document

    def _post(self, letter: _Letter, number: int, item: Fields) -> Post:
        if "body" not in item:
            raise item.wrong("body", "is missing")
        names = {"views": "view_count", "answers": "answer_count"} if letter == "q" else {}
        return Post(
            kind=self.kind,
            source_id=f"{self._site}|{letter}|{number}",
            url=f"{self._web}/{letter}/{number}",
            body=item.text("body"),
            markup="html",
            title=unescape(item.text("title")) if letter == "q" else "",
            author=self._author(item),
            published_at=item.time("creation_date"),
            edited_at=item.time("last_edit_date"),
            genre="question" if letter == "q" else "answer",
            language=_LANGUAGES.get(self._site, ""),
            thread=f"{self._site}|q|{number if letter == 'q' else item.key('question_id')}",
            reach=item.reach(score="score", **names),
        )

    def _author(self, item: Fields) -> Author | None:
        """Numbers of users differ from site to site; who has left has a name and no number."""
        owner = item.one("owner")
        if owner is None or not ("user_id" in owner or "display_name" in owner):
            return None
        name = unescape(owner.text("display_name"))
        number = owner.count("user_id")
        return Author(
            id=f"{self._site}|{name if number is None else number}",
            name=name,
            url="" if number is None else f"{self._web}/users/{number}",
            reach=owner.count("reputation"),
        )


def _hit(item: Fields) -> _Hit:
    letter: _Letter = "a" if item.key("item_type") == "answer" else "q"
    created = item.count("creation_date")
    if created is None or not 0 <= created < 2**40:
        raise item.wrong("creation_date", "is not a number")
    number = _number(item, "answer_id" if letter == "a" else "question_id")
    return _Hit(letter, number, created, item.count("last_activity_date") or 0)


def _number(item: Fields, name: str) -> int:
    number = item.count(name)
    if number is None or number <= 0:
        raise item.wrong(name, "is no id")
    return number


def _resumed(question: Question) -> tuple[int, dict[str, tuple[int, int]]]:
    """Where to begin (epoch seconds), and what has been read of what comes after it."""
    since = max(int(question.since.timestamp()), 0) if question.since else 0
    try:
        kept = json.loads(question.cursor)
        start = kept["from"]
        seen = {key: (int(created), int(activity)) for key, (created, activity) in kept["seen"].items()}
        if type(start) is int and 0 <= start < 2**40:
            return start, seen
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError):
        pass  # none yet, or of another program or version: reading again loses nothing
    return since, {}


def _cursor(start: int, seen: dict[str, tuple[int, int]]) -> str:
    recent = sorted((times, key) for key, times in seen.items() if times[0] >= start)[-_REMEMBERED:]
    return json.dumps({"from": start, "seen": {key: times for times, key in recent}}, separators=(",", ":"))


def _phrase(term: str) -> str:
    """Words in quotes stand next to each other."""
    bare = " ".join(term.replace('"', " ").split())
    return f'"{bare}"' if " " in bare else bare
