"""Servers that answer like YouTube's feeds and like its Data API's comments, from invented videos and comments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from tests.standins.loopback import Asked, Loopback, Told, told

CHANNEL = "UC" + "acme".ljust(22, "0")
VIDEO = "dQw4acme001"
KEY = "AIza-not-a-real-key"


class YouTubeFeeds(Loopback):
    """The newest `window` videos of one channel, as Atom. Every answer has more views, and so another `updated`."""

    def __init__(self, window: int = 15) -> None:
        super().__init__()
        self._videos: list[tuple[str, str, datetime]] = []
        self._window = window
        self._views = 1_000

    def publish(self, video: str, title: str, published: datetime) -> None:
        with self.lock:
            self._videos.append((video, title, published))

    def edit(self, video: str, title: str) -> None:
        with self.lock:
            self._videos = [(v, title if v == video else t, at) for v, t, at in self._videos]

    def answer(self, asked: Asked) -> Told:
        listed = asked.params.get("channel_id") or asked.params.get("playlist_id")
        if asked.path != "/feeds/videos.xml" or listed not in (CHANNEL, "PL0123456789acme"):
            return Told(404, b"<html><title>Error 404 (Not Found)!!1</title></html>", {"Content-Type": "text/html"})
        self._views += 7
        entries = "".join(self._entry(*video) for video in self._videos[::-1][: self._window])
        body = _FEED.format(channel=CHANNEL, entries=entries)
        return Told(200, body.encode(), {"Content-Type": "text/xml; charset=UTF-8", "Cache-Control": "max-age=900"})

    def _entry(self, video: str, title: str, published: datetime) -> str:
        updated = published + timedelta(seconds=self._views)
        return _ENTRY.format(
            video=video,
            channel=CHANNEL,
            title=escape(title),
            published=published.isoformat(),
            updated=updated.isoformat(),
            views=self._views,
        )


_FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom">
 <id>yt:channel:{channel}</id><yt:channelId>{channel}</yt:channelId><title>Acme TV</title>
 <author><name>Acme TV</name><uri>https://www.youtube.com/channel/{channel}</uri></author>
 <published>2015-05-01T00:00:00+00:00</published>{entries}</feed>"""

_ENTRY = """<entry><id>yt:video:{video}</id><yt:videoId>{video}</yt:videoId><yt:channelId>{channel}</yt:channelId>
 <title>{title}</title><link rel="alternate" href="https://www.youtube.com/watch?v={video}"/>
 <author><name>Acme TV</name><uri>https://www.youtube.com/channel/{channel}</uri></author>
 <published>{published}</published><updated>{updated}</updated>
 <media:group><media:title>{title}</media:title>
 <media:content url="https://www.youtube.com/v/{video}?version=3" type="application/x-shockwave-flash" width="640" height="390"/>
 <media:description>What is new</media:description>
 <media:community><media:starRating count="12" average="5.00" min="1" max="5"/><media:statistics views="{views}"/>
 </media:community></media:group></entry>"""


def comment(number: int | str, text: str, published: datetime, **more: Any) -> dict[str, Any]:
    """A comment resource; `more` goes into its snippet."""
    return {
        "kind": "youtube#comment",
        "etag": "x",
        "id": f"Ugx{number}" if isinstance(number, int) else number,
        "snippet": {
            "textDisplay": text,
            "textOriginal": text,
            "authorDisplayName": "@viewer",
            "authorChannelUrl": "http://www.youtube.com/@viewer",
            "authorChannelId": {"value": "UCviewer"},
            "likeCount": 3,
            "publishedAt": stamp(published),
            "updatedAt": stamp(published),
            **more,
        },
    }


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refusal(code: int, reason: str) -> Told:
    """An error as Google writes it."""
    error = {
        "code": code,
        "message": "in words",
        "errors": [{"message": "in words", "domain": "youtube", "reason": reason}],
    }
    return told({"error": error}, code)


class YouTubeApi(Loopback):
    """Threads of one video, the newest first, with at most 5 of their replies; asks for the key in the header."""

    def __init__(self) -> None:
        super().__init__()
        self._threads: list[dict[str, Any]] = []
        self._replies: dict[str, list[dict[str, Any]]] = {}

    @property
    def base_url(self) -> str:
        return f"{self.base}/youtube/v3"

    def publish(self, *comments: dict[str, Any]) -> None:
        with self.lock:
            self._threads.extend(comments)

    def reply(self, to: str, *comments: dict[str, Any]) -> None:
        with self.lock:
            self._replies.setdefault(to, []).extend(comments)

    def edit(self, identity: str, text: str) -> None:
        with self.lock:
            for one in self._all():
                if one["id"] == identity:
                    one["snippet"] |= {"textDisplay": text, "textOriginal": text}

    def remove(self, identity: str) -> None:
        with self.lock:
            self._threads = [one for one in self._threads if one["id"] != identity]

    def answer(self, asked: Asked) -> Told:
        if asked.headers.get("x-goog-api-key") != KEY or "key" in asked.params:
            return refusal(400, "keyInvalid")
        if asked.path == "/youtube/v3/commentThreads":
            if asked.params.get("videoId", VIDEO) != VIDEO:
                return refusal(404, "videoNotFound")
            if asked.params.get("allThreadsRelatedToChannelId", CHANNEL) != CHANNEL:
                return refusal(404, "channelNotFound")
            newest = sorted(self._threads, key=lambda one: str(one["snippet"]["publishedAt"]), reverse=True)
            return self._page([self._thread_of(one) for one in newest], asked)
        if asked.path != "/youtube/v3/comments":
            return refusal(404, "notFound")
        if parent := asked.params.get("parentId"):
            return self._page(self._replies.get(parent, []), asked)
        ids = asked.params["id"].split(",")
        return (
            refusal(400, "invalidFilters")
            if len(ids) > 50
            else self._page([one for one in self._all() if one["id"] in ids], asked)
        )

    def _all(self) -> list[dict[str, Any]]:
        return [*self._threads, *(one for replies in self._replies.values() for one in replies)]

    def _thread_of(self, top: dict[str, Any]) -> dict[str, Any]:
        replies = self._replies.get(top["id"], [])
        snippet = {
            "channelId": CHANNEL,
            "videoId": VIDEO,
            "topLevelComment": top,
            "canReply": True,
            "totalReplyCount": len(replies),
            "isPublic": True,
        }
        thread = {"kind": "youtube#commentThread", "etag": "x", "id": top["id"], "snippet": snippet}
        return {**thread, "replies": {"comments": replies[-5:]}} if replies else thread

    def _page(self, found: list[dict[str, Any]], asked: Asked) -> Told:
        at, size = int(asked.params.get("pageToken") or 0), int(asked.params.get("maxResults", "50"))
        document: dict[str, Any] = {"pageInfo": {"resultsPerPage": size}, "items": found[at : at + size]}
        if at + size < len(found):
            document["nextPageToken"] = str(at + size)
        return told(document)
