"""Firefox add-ons: the reviews on addons.mozilla.org (https://mozilla.github.io/addons-server/topics/api/ratings.html)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import FetchError
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question
from connectors.read_back import pages, read_back

_SIZE = 50
_MOST_REQUESTS = 20
_OVERLAP = timedelta(days=3)


class AmoOptions(Options):
    addons: list[str] = Field(min_length=1)
    """Slugs, numbers or GUIDs."""
    base_url: WebAddress = "https://addons.mozilla.org/api/v5"


class Amo:
    """Reads each add-on's reviews back from the newest. One user's reviews of two versions are two posts, and the list
    shows the later one only. Developers' replies are not read."""

    kind: ClassVar[str] = "amo"
    facts: ClassVar[Facts] = Facts(
        hears="reviews of Firefox add-ons with a text, rated 1 to 5",
        misses="stars without a text; a user's older review once there is a newer one",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = AmoOptions

    def __init__(self, options: AmoOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/ratings/rating/"
        self._addons = options.addons

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return tuple(dict.fromkeys(self._addons))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        posts, whole = read_back(self._batches(question.term, http), question, _OVERLAP, _MOST_REQUESTS)
        gap = (
            "" if whole else f"{self._url} has more reviews of {question.term} than the {len(posts):,} that were read."
        )
        yield from pages(posts, question, gap=gap)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        """One request each."""
        for one in known:
            try:
                answer = http.get(f"{self._url}{quote(one.source_id, safe='')}/")
            except FetchError as error:
                if error.status != 404 or not _says_not_found(error.answer):
                    raise
                yield Checked(one.source_id)
                continue
            review = Fields(answer.json(), self._url, "a review")
            yield Checked(one.source_id, None if review.flag("is_deleted") else self._post(review))

    def _batches(self, addon: str, http: Http) -> Iterator[list[Post]]:
        page = 1
        while True:
            document = self._page(addon, page, http)
            yield [self._post(review) for review in document.many("results", "a review")]
            if "next" not in document:
                return
            page += 1

    def _page(self, addon: str, page: int, http: Http) -> Fields:
        try:
            answer = http.get(
                self._url,
                params={"addon": addon, "filter": "without_empty_body", "page_size": _SIZE, "page": page},
            )
        except FetchError as error:
            if error.status != 404:
                raise
            raise FetchError(
                f"{self._url} knows no public add-on '{addon}' (HTTP 404): check its slug.", status=404
            ) from None
        return Fields(answer.json(), self._url)

    def _post(self, review: Fields) -> Post:
        number = review.key("id")
        addon = review.one("addon")
        slug = (addon.text("slug") or (addon.key("id") if "id" in addon else "")) if addon else ""
        path = quote(slug, safe="", errors="replace")
        score = review.number("score")
        return Post(
            kind=self.kind,
            source_id=number,
            url=f"https://addons.mozilla.org/firefox/addon/{path}/reviews/{number}/" if slug else "",
            body=review.text("body"),
            author=_author(review.one("user")),
            published_at=review.time("created"),
            genre="review",
            rating=score if score is not None and 1 <= score <= 5 else None,
            thread=slug,
        )


def _author(user: Fields | None) -> Author | None:
    if user is None:
        return None
    name = user.text("name")
    account = user.key("id") if "id" in user else name
    return Author(account, name, user.text("url")) if account else None


def _says_not_found(body: bytes) -> bool:
    """The API's own 404, not that of a server in front of it."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and "detail" in said
