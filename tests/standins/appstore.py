"""A server that answers like the App Store's review feed, from a list of invented reviews.

with AppStoreServer(app=1) as store:
    store.publish("us", review(7, "Fine", at=NOW, stars=5))
    connector = AppStore(AppStoreOptions(app=1, base_url=store.base))
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any
from xml.sax.saxutils import escape

from tests.standins.loopback import Asked, Loopback, Told, told

_PATH = re.compile(r"/([a-z]{2})/rss/customerreviews/page=(\d+)/id=(\d+)/sortby=mostrecent/(json|xml)")
_PACIFIC = timezone(timedelta(hours=-7))
_SIZE, _DEPTH = 50, 10

Review = dict[str, Any]


def review(number: int, text: str, *, at: datetime | None, stars: int = 5, **more: Any) -> Review:
    """`at` None: without a date, as the JSON of old feeds."""
    return {"number": number, "text": text, "at": at, "stars": stars, "title": f"On {number}", "version": "1.2", **more}


class AppStoreServer(Loopback):
    """Newest first, 50 on a page, 10 pages. `blank` holds the (page, format) that come back empty by mistake."""

    def __init__(self, app: int = 1, *, begins_with_app: bool = False) -> None:
        super().__init__()
        self._app = app
        self._begins_with_app = begins_with_app
        self._reviews: dict[str, dict[int, Review]] = {}
        self.blank: set[tuple[int, str]] = set()

    def publish(self, country: str, *reviews: Review) -> None:
        with self.lock:
            for one in reviews:
                self._reviews.setdefault(country, {})[one["number"]] = one

    def edit(self, country: str, number: int, text: str, at: datetime) -> None:
        """Keeps the number and moves the date."""
        with self.lock:
            self._reviews[country][number] |= {"text": text, "at": at}

    def answer(self, asked: Asked) -> Told:
        found = _PATH.fullmatch(asked.path)
        if not found:
            return Told(404, b"no such feed")
        country, page, app, form = found[1], int(found[2]), int(found[3]), found[4]
        if page > _DEPTH:
            return Told(200, b"CustomerReviews RSS page depth is limited to 10", {"Content-Type": "text/javascript"})
        known = app == self._app
        shown = list(self._reviews.get(country, {}).values()) if known else []
        if all(one["at"] for one in shown):
            shown.sort(key=lambda one: (one["at"], one["number"]), reverse=True)
        else:
            shown.reverse()
        last = min(-(-len(shown) // _SIZE), _DEPTH) or 1
        some = [] if (page, form) in self.blank else shown[(page - 1) * _SIZE : page * _SIZE]
        if form == "xml":
            return Told(200, atom(some).encode(), {"Content-Type": "application/xml; charset=iso-8859-1"})
        return told(self._document(some, page, last, known))

    def _document(self, reviews: list[Review], page: int, last: int, known: bool) -> dict[str, Any]:
        entries = [as_json(one) for one in reviews]
        if self._begins_with_app and entries:
            entries.insert(0, {"im:name": {"label": "Anvil"}, "id": {"label": "https://apps.example/anvil"}})
        links = [
            {
                "attributes": {
                    "rel": rel,
                    "href": f"{self.base}/us/rss/customerreviews/page={to}/id=1/x" if known else "",
                }
            }
            for rel, to in (("first", 1), ("last", last), ("previous", max(page - 1, 1)), ("next", page + 1))
        ]
        feed: dict[str, Any] = {"title": {"label": "iTunes Store: Customer Reviews"}, "link": links}
        if entries:
            feed["entry"] = entries[0] if len(entries) == 1 else entries
        return {"feed": feed}


def as_json(one: Review) -> dict[str, Any]:
    texts = {
        "id": str(one["number"]),
        "title": one["title"],
        "im:version": one["version"],
        "im:rating": str(one["stars"]),
        "im:voteSum": str(one.get("votes_for", 0)),
        "im:voteCount": str(one.get("votes", 0)),
    }
    entry: dict[str, Any] = {name: {"label": text} for name, text in texts.items()}
    entry["content"] = {"label": one["text"], "attributes": {"type": "text"}}
    user = f"https://itunes.apple.com/us/reviews/id{900 + one['number']}"
    entry["author"] = {"uri": {"label": user}, "name": {"label": f"user {one['number']}"}, "label": ""}
    if one["at"]:
        entry["updated"] = {"label": one["at"].astimezone(_PACIFIC).isoformat()}
    return entry


def atom(reviews: list[Review]) -> str:
    """Every review is dated here; its second <content> is a table for people to look at."""
    entries = "".join(
        f"<entry><updated>{(one['at'] or datetime(2020, 1, 1, tzinfo=_PACIFIC)).astimezone(_PACIFIC).isoformat()}</updated>"
        f"<id>{one['number']}</id><title>{escape(one['title'])}</title>"
        f'<content type="text">{escape(one["text"])}</content>'
        '<im:contentType term="Application" label="Application"/>'
        f"<im:voteSum>{one.get('votes_for', 0)}</im:voteSum><im:voteCount>{one.get('votes', 0)}</im:voteCount>"
        f"<im:rating>{one['stars']}</im:rating><im:version>{one['version']}</im:version>"
        f"<author><name>user {one['number']}</name>"
        f"<uri>https://itunes.apple.com/us/reviews/id{900 + one['number']}</uri></author>"
        '<content type="html"><table border="0"><tr><td><b>Anvil</b></td></tr></table></content></entry>'
        for one in reviews
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns:im="http://itunes.apple.com/rss" '
        f'xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>iTunes Store: Customer Reviews</title>{entries}</feed>'
    )
