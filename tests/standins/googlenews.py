"""A server that answers like the search of Google News, from a list of invented articles.

with GoogleNewsServer(now=NOW) as news:
    news.publish(Article("Acme opens", at=NOW))
    connector = GoogleNews(GoogleNewsOptions(base_url=news.base))
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from tests.standins.loopback import Asked, Loopback, Told

_MOST = 100
_QUERY = re.compile(r'"([^"]+)" when:(\d+)([hd])')
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Article:
    headline: str
    at: datetime
    publisher: str = "The Paper"
    site: str = "https://www.paper.example"


class GoogleNewsServer(Loopback):
    """At most 100 articles of the window that hold the phrase, in no order of time. Each indexing of an article gets a
    token of its own. Editions whose three parameters disagree are not found."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self._articles: list[Article] = []

    def publish(self, *articles: Article) -> None:
        with self.lock:
            self._articles.extend(articles)

    def answer(self, asked: Asked) -> Told:
        params = asked.params
        found = _QUERY.fullmatch(params.get("q", ""))
        country, _, language = params.get("ceid", "").partition(":")
        agrees = country == params.get("gl") and language[:2] == params.get("hl", "")[:2]
        if asked.path != "/rss/search" or not found or not agrees:
            return Told(404, b"<html>Error 404</html>", {"Content-Type": "text/html"})
        since = self.now - int(found[2]) * _UNITS[found[3]]
        hits = [
            (number, one)
            for number, one in enumerate(self._articles)
            if one.at >= since and found[1].casefold() in one.headline.casefold()
        ]
        hits.sort(key=lambda hit: hit[0] % 7)
        items = "".join(_item(one, f"{params['ceid']}/{number}") for number, one in hits[:_MOST])
        body = (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><generator>NFE/5.0</generator>'
            f"<title>search - Google News</title><language>{params['hl']}</language>{items}</channel></rss>"
        )
        return Told(200, body.encode(), {"Content-Type": "application/xml; charset=utf-8"})


def _item(one: Article, token: str) -> str:
    guid = "CBMi" + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    link = f"https://news.google.com/rss/articles/{guid}?oc=5"
    html = f'<a href="{link}" target="_blank">{escape(one.headline)}</a>&nbsp;&nbsp;<font color="#6f6f6f">{escape(one.publisher)}</font>'
    return (
        f"<item><title>{escape(f'{one.headline} - {one.publisher}')}</title><link>{link}</link>"
        f'<guid isPermaLink="false">{guid}</guid><pubDate>{format_datetime(one.at, usegmt=True)}</pubDate>'
        f"<description>{escape(html)}</description>"
        f"<source url={quoteattr(one.site)}>{escape(one.publisher)}</source></item>"
    )
