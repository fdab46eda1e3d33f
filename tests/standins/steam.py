"""A server that answers like Steam's IUserReviewsService, from a list of invented reviews.

with SteamServer(app=620) as steam:
    steam.publish(review(1, "Fine", created=1_700_000_000))
    connector = Steam(SteamOptions(app=620, base_url=steam.base))
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from tests.standins.loopback import Asked, Loopback, Told, told

Review = dict[str, Any]


def review(number: int, text: str, *, created: int, recommended: bool = True, **more: Any) -> Review:
    """`created` in seconds since 1970."""
    return {
        "recommendationid": str(number),
        "author": {
            "steamid": str(76_561_190_000_000_000 + number),
            "num_games_owned": 12,
            "num_reviews": 3,
            "playtime_forever": 900,
            "playtime_last_two_weeks": 0,
            "playtime_at_review": 60,
            "last_played": created,
        },
        "language": "english",
        "review": text,
        "timestamp_created": created,
        "timestamp_updated": created,
        "voted_up": recommended,
        "votes_up": 0,
        "votes_funny": 0,
        "weighted_vote_score": "0.5",
        "comment_count": 0,
        "steam_purchase": True,
        "received_for_free": False,
        "written_during_early_access": False,
        **more,
    }


class SteamServer(Loopback):
    """Newest first, `num_per_page` at a time and fewer on every third page, since Steam takes hidden ones out of a full
    page. Its cursor names the review to go on behind. An app it does not know gets an empty response."""

    def __init__(self, app: int = 620, reviews: Iterable[Review] = ()) -> None:
        super().__init__()
        self._app = app
        self._reviews = list(reviews)
        self.forgets_after: int | None = None
        """From this many requests on every list is empty, as when a cursor is too old."""

    def publish(self, *reviews: Review) -> None:
        with self.lock:
            self._reviews.extend(reviews)

    def edit(self, number: int, text: str, updated: int) -> None:
        with self.lock:
            for one in self._reviews:
                if one["recommendationid"] == str(number):
                    one |= {"review": text, "timestamp_updated": updated}

    def answer(self, asked: Asked) -> Told:
        if asked.path != "/IUserReviewsService/GetAppReviews/v1/":
            return Told(404, b"<html>Not Found</html>", {"Content-Type": "text/html"})
        wanted = json.loads(asked.params["input_json"])
        if wanted["appid"] != self._app:
            return told({"response": {}})
        found = sorted(self._reviews, key=lambda one: (one["timestamp_created"], one["recommendationid"]), reverse=True)
        if "all" not in wanted["languages"]:
            found = [one for one in found if one["language"] in wanted["languages"]]
        behind = _decoded(wanted["cursor"])
        rest = [one for one in found if [one["timestamp_created"], one["recommendationid"]] < behind]
        if self.forgets_after is not None and len(self.requests) > self.forgets_after:
            rest = []
        size = wanted["num_per_page"] - (len(rest) % 3 == 0) * 7
        shown = rest[:size]
        response: dict[str, Any] = {
            "cursor": _encoded(shown[-1]) if shown else wanted["cursor"],
            "query_summary": {"num_reviews": len(shown), "total_reviews": len(found)},
        }
        if shown:
            response["reviews"] = shown
        return told({"response": response})


def _encoded(last: Review) -> str:
    """With the letters that an address must escape."""
    return "+/=" + base64.b64encode(json.dumps([last["timestamp_created"], last["recommendationid"]]).encode()).decode()


def _decoded(cursor: str) -> list[Any]:
    return [2**60, ""] if cursor == "*" else json.loads(base64.b64decode(cursor[3:]))
