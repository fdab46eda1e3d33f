"""Customer reviews of Apple's App Store: the 500 newest of an app in each country, through the public review feed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field, StringConstraints

from connectors.appstore_page import Review, Shown, from_atom, from_json
from connectors.contract import Facts, Http, Options, WebAddress
from connectors.dates import parse, plausible
from connectors.errors import BadAnswer
from connectors.fields import Fields
from connectors.post import Author, Page, Post, Question

_DEEPEST, _FULL = 10, 50
"""Pages that the store shows and reviews of each; the eleventh is a sentence in place of a feed."""

_OVERLAP = timedelta(days=2)
"""Reviews are checked before they are shown, so that some appear behind newer ones."""

_PAGE = 100
_USER = re.compile(r"/reviews/id(\d{1,20})")

_Country = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z]{2}$")]


class AppStoreOptions(Options):
    app: int = Field(gt=0, lt=10**15)
    """The number in the app's address: 497799835 in apps.apple.com/us/app/xcode/id497799835."""
    countries: list[_Country] = Field(default=["us"], min_length=1)
    base_url: WebAddress = "https://itunes.apple.com"


class _Walk(NamedTuple):
    """The posts from the newest one down, and in a sentence what they lack. `torn`: a page in the middle is missing."""

    posts: list[Post]
    gap: str = ""
    torn: bool = False


class _State(NamedTuple):
    """`known`: the app had reviews. `newest` is the date of the newest up to which all were read. `torn`: the last walk
    met a page that was empty by mistake."""

    known: bool = False
    newest: datetime | None = None
    torn: bool = False

    @classmethod
    def of(cls, cursor: str, now: datetime) -> _State:
        try:
            kept = json.loads(cursor) if cursor else {}
            newest, torn = parse(kept["newest"]), kept["torn"] is True
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()  # a cursor of another program or version: reading again loses nothing
        return cls(True, newest if newest and plausible(newest, now) else None, torn)


class AppStore:
    """Walks from the newest review to `_OVERLAP` before the newest one it knows, and yields them in reverse.

    The term is a country. The cursor is JSON: {"newest": ISO time of the newest review, "" where none has a date,
    "torn": whether a page was left out, which is asked for once more}. That there is a cursor says that the app has
    reviews: an empty answer is then a fault of the store, which has such hours. An edit keeps the id of a review and
    moves its date. Reviews of one version of the app share a thread.
    """

    kind: ClassVar[str] = "appstore"
    facts: ClassVar[Facts] = Facts(
        hears="reviews with 1 to 5 stars, each country's App Store a watch of its own",
        misses="all but the 500 newest reviews of a country, stars without a text, developers' replies",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = AppStoreOptions

    def __init__(self, options: AppStoreOptions) -> None:
        self._base = options.base_url.rstrip("/")
        self._app = str(options.app)
        self._countries = tuple(dict.fromkeys(options.countries))

    def address(self) -> str:
        return self._base

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return self._countries

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        state = _State.of(question.cursor, question.now)
        walk = self._walk(question, state, http)
        posts = _oldest_first(walk.posts)
        cursor = ""
        if posts:
            again = walk.torn and not state.torn  # a page that stays empty is given up
            dates = [date for post in posts if (date := post.published_at)]
            newest = state.newest if again else max(dates, default=state.newest)
            cursor = json.dumps({"newest": newest.isoformat() if newest else "", "torn": again})
        for at in range(0, len(posts) - _PAGE, _PAGE):
            yield Page(posts[at : at + _PAGE])
        yield Page(posts[max(len(posts) - 1, 0) // _PAGE * _PAGE :], cursor=cursor, gap=walk.gap)

    def _walk(self, question: Question, state: _State, http: Http) -> _Walk:
        country = question.term
        floor = state.newest - _OVERLAP if state.newest else question.since
        posts: list[Post] = []
        last, expected = 0, state.known
        for number in range(1, _DEEPEST + 1):
            shown = self._page(country, number, http, expected=expected)
            if shown.too_deep:
                break
            if not shown.reviews:
                gap = f"{self._where(country)} left page {number} of {last} empty, which was not read"
                return _Walk(posts, gap, torn=True) if number <= last else _Walk(posts)
            found = [self._post(review, country, question.now) for review in shown.reviews]
            posts += found
            last = max(last, min(shown.last, _DEEPEST))
            expected = number < last if last else len(found) >= _FULL  # Atom does not say which page is the last
            if _reaches(found, floor) or (number >= last > 0 and len(found) < _FULL):
                return _Walk(posts)
        return _Walk(posts, self._hidden(country, posts, state.newest or question.since))

    def _page(self, country: str, number: int, http: Http, *, expected: bool) -> Shown:
        """Page `number`, in the other format if it is empty where reviews are `expected`."""
        url = f"{self._where(country)}/rss/customerreviews/page={number}/id={self._app}/sortby=mostrecent"
        shown = from_json(http.get(f"{url}/json"), self._where(country))
        if shown.reviews or shown.too_deep:
            return shown
        if expected:
            shown = from_atom(http.get(f"{url}/xml"), self._where(country))
            if number == 1 and not shown.reviews:
                raise BadAnswer(
                    f"{self._where(country)} answered empty although it had reviews of app {self._app} before; "
                    "it is asked again later."
                )
        elif number == 1 and not shown.linked:
            raise BadAnswer(
                f"{self._where(country)} knows no app {self._app}, or no review of it: check number and country."
            )
        return shown

    def _hidden(self, country: str, posts: Sequence[Post], reached: datetime | None) -> str:
        """Says what lies between the oldest review that the store shows and the time that the walk was to reach."""
        dates = [post.published_at for post in posts if post.published_at is not None]
        if not dates or reached is None or min(dates) <= reached:
            return ""
        return (
            f"{self._where(country)} shows the {len(posts)} newest reviews and no more: "
            f"those from {reached:%Y-%m-%d %H:%M} to {min(dates):%Y-%m-%d %H:%M} UTC were not seen"
        )

    def _where(self, country: str) -> str:
        return f"{self._base}/{country}"

    def _post(self, review: Review, country: str, now: datetime) -> Post:
        fields = Fields(review, self._where(country), "a review")
        rating = fields.number("rating")
        version = fields.text("version")[:40]
        published = fields.time("updated")
        return Post(
            kind=self.kind,
            source_id=fields.key("id"),
            url=f"https://apps.apple.com/{country}/app/id{self._app}?see-all=reviews",  # none has a page of its own
            body=fields.text("content"),
            title=fields.text("title"),
            author=_author(fields.text("author"), fields.text("author_uri")),
            published_at=published if published and plausible(published, now) else None,
            genre="review",
            rating=rating if rating is not None and 1 <= rating <= 5 else None,
            thread=f"{self._app}/{version}" if version else "",
            reach=fields.reach(votes="votes", votes_for="votes_for"),
        )


def _author(name: str, uri: str) -> Author | None:
    found = _USER.search(uri)
    if not (name or found):
        return None
    return Author(found[1] if found else name, name, uri if found and uri.startswith("https://") else "")


def _reaches(posts: Sequence[Post], floor: datetime | None) -> bool:
    """Whether the page has come to `floor`; one without dates has not."""
    dates = [post.published_at for post in posts if post.published_at is not None]
    return floor is not None and bool(dates) and min(dates) < floor


def _oldest_first(posts: Sequence[Post]) -> list[Post]:
    """Each once: pages shift while they are read. Sorted by date where all have one, else in reverse."""
    once: dict[str, Post] = {}
    for post in posts:
        once.setdefault(post.source_id, post)
    turned = list(once.values())[::-1]
    if all(post.published_at is not None for post in turned):
        turned.sort(key=lambda post: post.published_at or datetime.min.replace(tzinfo=UTC))
    return turned
