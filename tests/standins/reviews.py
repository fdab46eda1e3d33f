"""Servers that answer like the places where apps and plugins are reviewed, from lists of invented reviews."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from tests.standins.loopback import Asked, Loopback, Told, told

Review = dict[str, Any]


class _Reviews(Loopback):
    """`reviews` are objects as the API shows them, in the order of their arrival."""

    identity = "id"

    def __init__(self, known: str) -> None:
        super().__init__()
        self.reviews: list[Review] = []
        self.known = known

    def publish(self, *reviews: Review) -> None:
        with self.lock:
            self.reviews.extend(reviews)

    def edit(self, number: int, **changes: Any) -> None:
        with self.lock:
            for review in self.reviews:
                if review[self.identity] == number:
                    review.update(changes)

    def remove(self, number: int) -> None:
        with self.lock:
            self.reviews = [review for review in self.reviews if review[self.identity] != number]


def amo_review(number: int, text: str, created: datetime, **more: Any) -> Review:
    return {
        "id": number,
        "addon": {
            "id": 77,
            "slug": "acme-tabs",
            "name": {"en-US": "Acme Tabs"},
            "icon_url": "https://cdn.example/i.png",
        },
        "body": text,
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "is_deleted": False,
        "is_developer_reply": False,
        "is_latest": True,
        "previous_count": 0,
        "score": 4,
        "reply": None,
        "user": {"id": 9_000 + number, "name": f"user {number}", "url": None, "username": f"anonymous-{number}"},
        "version": {"id": 5, "version": "1.2.0"},
        **more,
    }


class AmoServer(_Reviews):
    """Pages of at most 50 with `next`; a page past the end and an unknown add-on are 404 with a JSON "detail"."""

    @property
    def base_url(self) -> str:
        return f"{self.base}/api/v5"

    def answer(self, asked: Asked) -> Told:
        path = asked.path.removeprefix("/api/v5/ratings/rating/")
        if path:
            found = [review for review in self.reviews if str(review["id"]) == path.rstrip("/")]
            return told(found[0]) if found else told({"detail": "Not found."}, 404)
        if asked.params.get("addon") != self.known:
            return told({"detail": "Not found."}, 404)
        listed = [one for one in self.reviews if one["body"] or asked.params.get("filter") != "without_empty_body"]
        listed = sorted(listed, key=lambda review: str(review["created"]), reverse=True)
        size, page = min(int(asked.params.get("page_size", "25")), 50), int(asked.params.get("page", "1"))
        if page > 1 and (page - 1) * size >= len(listed):
            return told({"detail": "Invalid page."}, 404)
        more = page * size < len(listed)
        return told(
            {
                "page_size": size,
                "page_count": -(-len(listed) // size),
                "count": len(listed),
                "next": f"{self.base}/elsewhere?page={page + 1}" if more else None,
                "previous": None,
                "results": listed[(page - 1) * size : page * size],
            }
        )


def odrs_review(number: int, text: str, created: datetime, **more: Any) -> Review:
    return {
        "review_id": number,
        "app_id": "org.acme.Editor",
        "date_created": created.timestamp(),
        "date_deleted": None,
        "description": text,
        "distro": "Fedora Linux",
        "karma_down": 1,
        "karma_up": 3,
        "locale": "de_DE.UTF-8",
        "rating": 80,
        "reported": 0,
        "summary": "My view",
        "user_display": f"User {number}",
        "user_hash": f"{number:040x}",
        "version": "3.1",
        **more,
    }


class OdrsServer(_Reviews):
    """All reviews of an app in one answer, the newest first; [] for an app that it does not know."""

    identity = "review_id"

    @property
    def base_url(self) -> str:
        return f"{self.base}/1.0/reviews/api"

    def answer(self, asked: Asked) -> Told:
        known = asked.path == f"/1.0/reviews/api/app/{self.known}"
        shown = [review for review in self.reviews[::-1] if not review["reported"]] if known else []
        return told(sorted(shown, key=lambda review: float(review["date_created"]), reverse=True))


def jetbrains_comment(number: int, text: str, created: datetime, **more: Any) -> Review:
    return {
        "id": number,
        "cdate": str(int(created.timestamp() * 1000)),
        "comment": text,
        "plugin": {"id": 4242, "name": "Acme Lint", "link": "/plugin/4242-acme-lint"},
        "rating": 5,
        "repliesCount": 0,
        "vendor": False,
        "markedAsSpam": False,
        "author": {"id": f"u-{number}", "name": f"Dev {number}", "link": f"/author/u-{number}"},
        "votes": {"positive": 2, "negative": 0},
        **more,
    }


class JetBrainsServer(_Reviews):
    """Bare lists, `size` at a time; `paging=False` gives the first page whatever is asked."""

    paging = True

    @property
    def base_url(self) -> str:
        return f"{self.base}/api"

    def answer(self, asked: Asked) -> Told:
        if asked.path != f"/api/plugins/{self.known}/comments":
            return told({"message": "Plugin not found"}, 404)
        listed = sorted(self.reviews, key=lambda comment: int(comment["cdate"]), reverse=True)
        size = int(asked.params.get("size", "20"))
        page = int(asked.params.get("page", "1")) if self.paging else 1
        return told(listed[(page - 1) * size : page * size])


def topic(number: int, text: str, created: datetime | None, title: str = "Review", stars: int | None = 5) -> Review:
    """A review as the forum's feed shows it; `stars` None: the feed does not show them."""
    head = "<p>Replies: 0</p>\n" + (f"<p>Rating: {stars} stars</p>\n" if stars else "")
    return {"id": number, "title": title, "created": created, "head": head, "body": f"<p>{text}</p>"}


class WordPressServer(_Reviews):
    """The feed of a plugin's reviews, the newest `window` topics."""

    window = 30

    def answer(self, asked: Asked) -> Told:
        if asked.path != f"/support/plugin/{self.known}/reviews/feed/":
            return Told(404, b"<!DOCTYPE html><title>Page not found</title>", {"Content-Type": "text/html"})
        items = "".join(_item(review, self.known) for review in self.reviews[::-1][: self.window])
        return Told(200, _FEED.format(plugin=self.known, items=items).encode(), {"Content-Type": "application/rss+xml"})


_FEED = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">
<channel><title>WordPress.org Forums Reviews: {plugin}</title><link>https://wordpress.org/support/plugin/{plugin}/reviews/</link>
<description></description>{items}</channel></rss>"""


def _item(review: Review, plugin: str) -> str:
    when: datetime | None = review["created"]
    address = f"https://wordpress.org/support/topic/{plugin}-{review['id']}/"
    return (
        f"<item><guid>{address}</guid><title><![CDATA[{review['title']}]]></title><link>{address}</link>"
        + (f"<pubDate>{format_datetime(when.astimezone(UTC))}</pubDate>" if when else "")
        + f"<dc:creator>visitor{review['id']}</dc:creator>"
        f"<description>{escape(review['head'] + review['body'])}</description></item>"
    )
