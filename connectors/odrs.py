"""GNOME's Open Desktop Ratings Service (https://odrs.gnome.org): reviews of apps in GNOME Software and KDE Discover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field

from connectors.contract import Answer, Facts, Http, Options, WebAddress
from connectors.fields import Fields
from connectors.post import Author, Checked, Known, Page, Post, Question
from connectors.read_back import horizon, pages

_OVERLAP = timedelta(days=30)
"""A review that was reported and found sound comes back with its old date."""


class OdrsOptions(Options):
    apps: list[str] = Field(min_length=1)
    """AppStream ids, "org.gnome.Builder"; some older apps are known as "org.gnome.Builder.desktop"."""
    base_url: WebAddress = "https://odrs.gnome.org/1.0/reviews/api"


class Odrs:
    """One answer holds all reviews of an app, the newest first."""

    kind: ClassVar[str] = "odrs"
    facts: ClassVar[Facts] = Facts(
        hears="reviews of Linux desktop apps (GNOME Software, KDE Discover), rated 0 to 100",
        misses="whether an app id is known at all: an unknown one looks like one without reviews",
        every=timedelta(hours=1),
    )
    options: ClassVar[type[Options]] = OdrsOptions

    def __init__(self, options: OdrsOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/app/"
        self._apps = options.apps

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return tuple(dict.fromkeys(self._apps))

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        answer = http.get(self._app_url(question.term), validators=question.validators)
        if answer.unchanged:
            yield Page(unchanged=True, validators=answer.validators)
            return
        back_to = horizon(question, _OVERLAP)
        recent = [post for post in self._posts(answer, question.term) if _reaches(post.published_at, back_to)]
        posts = {post.source_id: post for post in reversed(recent)}
        yield from pages(reversed(posts.values()), question, validators=answer.validators)

    def recheck(self, known: Sequence[Known], http: Http) -> Iterator[Checked]:
        """One request per app, whose id is in `ref`. A list without any review proves nothing."""
        by_app: dict[str, list[str]] = {}
        for one in known:
            if one.ref:
                by_app.setdefault(one.ref, []).append(one.source_id)
        for app, ids in by_app.items():
            answer = http.get(self._app_url(app))
            listed = {post.source_id: post for post in self._posts(answer, app)}
            if listed:
                yield from (Checked(number, listed.get(number)) for number in ids)

    def _app_url(self, app: str) -> str:
        return self._url + quote(app, safe="")

    def _posts(self, answer: Answer, app: str) -> Iterator[Post]:
        document = Fields({"reviews": answer.json()}, self._url + app)
        for review in document.many("reviews", "a review"):
            # An app without reviews may be answered with a placeholder that holds the visitor's key.
            if "user_skey" in review and "review_id" not in review:
                continue
            if "date_deleted" not in review:
                yield self._post(review, app)

    def _post(self, review: Fields, app: str) -> Post:
        name = review.text("user_display")
        account = review.text("user_hash") or name
        rating = review.number("rating")
        return Post(
            kind=self.kind,
            source_id=review.key("review_id"),
            url="",
            body=review.text("description"),
            title=review.text("summary"),
            author=Author(account, name) if account else None,
            published_at=review.time("date_created"),
            genre="review",
            rating=rating if rating is not None and 0 <= rating <= 100 else None,
            rating_scale=100.0,
            language=review.text("locale").partition(".")[0],
            thread=app,
            reach=review.reach(likes="karma_up", dislikes="karma_down"),
            ref=app,
        )


def _reaches(moment: datetime | None, back_to: datetime | None) -> bool:
    return moment is None or back_to is None or moment >= back_to
