"""A Discourse forum searched for a term: /search.json shows pieces of posts, which are then asked for one by one.

The cursor is JSON {"after": day, "before": day or "", "then": day or "", "seen": [ids that were asked for]}. A search
that has more hits than one pull reads goes on below them, day by day (`before`), before it begins anew at `then`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from connectors.contract import Http
from connectors.discourse_api import DiscourseApi, is_gone, is_withheld
from connectors.discourse_walk import Reader, loaded
from connectors.errors import FetchError, RateLimited
from connectors.fields import Fields
from connectors.post import Page, Post, Question

_PAGES = 5
"""Of hits in one pull: visitors may search some 8 times a minute. No search shows more than 10."""
_BATCH = 20
"""Posts of one page."""
_POSTS = 100
"""Posts asked for one by one in one pull."""
_REMEMBERED = 1_000
_AGAIN = timedelta(days=2)
"""How far each search goes back behind the last one."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Place:
    after: date
    before: date | None = None
    then: date | None = None
    seen: tuple[int, ...] = ()
    """In the order they were asked for: a walk downwards must not forget what it has just read."""

    def cursor(self) -> str:
        days = {name: day.isoformat() if day else "" for name, day in self._days()}
        return json.dumps({**days, "seen": self.seen[-_REMEMBERED:]}, separators=(",", ":"))

    def _days(self) -> Iterator[tuple[str, date | None]]:
        yield from (("after", self.after), ("before", self.before), ("then", self.then))


@dataclass(frozen=True, slots=True)
class _Hits:
    """`titles`: that of its topic by the id of each hit. `more`: some were not shown, all older than `oldest`."""

    titles: dict[int, str]
    oldest: date | None
    more: bool
    trouble: FetchError | None = None


def search(api: DiscourseApi, reader: Reader, question: Question, http: Http) -> Iterator[Page]:
    """The posts that the search finds and that were not asked for before, oldest first."""
    place = _place(question)
    hits = _hits(api, question, place, http)
    new = sorted(hits.titles.keys() - set(place.seen))
    for at in range(0, min(len(new), _POSTS), _BATCH):
        some = new[at : min(at + _BATCH, _POSTS)]
        whole = (_whole(api, reader, number, hits.titles[number], question.now, http) for number in some)
        posts = [post for post in whole if post is not None]
        place = replace(place, seen=(*place.seen, *some))
        yield Page(posts, cursor=place.cursor())
    if len(new) > _POSTS:
        yield Page(
            gap=f"{api.shown} has {len(new):,} new hits; {_POSTS} were read, the others come with the next pulls"
        )
    else:
        place, gap = _moved(place, hits, question.now, api.shown)
        yield Page(cursor=place.cursor(), gap=gap)
    if hits.trouble is not None:
        raise hits.trouble


def _moved(place: _Place, hits: _Hits, now: datetime, shown: str) -> tuple[_Place, str]:
    """Where to search next, and what is missing until then."""
    then = place.then or (now - _AGAIN).date()
    if not hits.more or hits.oldest is None:
        gap = f"{shown} has more hits than it shows, and these have no dates" if hits.more else ""
        return _Place(then, seen=place.seen), gap
    before = hits.oldest + _DAY
    if place.before is None or before < place.before:
        gap = f"{shown} has more hits than one pull reads; the next one goes on before {before.isoformat()}"
        return replace(place, before=before, then=then), gap
    if hits.trouble is not None:
        return place, ""  # what is left of this day is asked for again
    gap = f"{shown} has more hits on {hits.oldest.isoformat()} than it shows; some of that day are missing"
    return replace(place, before=hits.oldest, then=then), gap


def _hits(api: DiscourseApi, question: Question, place: _Place, http: Http) -> _Hits:
    titles: dict[int, str] = {}
    dates: list[datetime] = []
    query = f"{question.term} order:latest after:{place.after.isoformat()}"
    query += f" before:{place.before.isoformat()}" if place.before else ""
    more, trouble, page = True, None, 0
    while more and page < _PAGES:
        page += 1
        try:
            document = api.ask("/search.json", http, question.now, {"q": query, "page": page})
        except RateLimited as error:
            if page == 1:
                raise
            trouble = error
            break
        more = _says_more(document, api.shown)
        topics = {topic.key("id"): topic.text("title") for topic in document.many("topics", "a topic", optional=True)}
        for hit in document.many("posts", "a hit"):
            titles[_number(hit)] = topics.get(hit.key("topic_id"), "")
            if moment := hit.time("created_at"):
                dates.append(moment)
    return _Hits(titles, min(dates).date() if dates else None, more, trouble)


def _says_more(document: Fields, shown: str) -> bool:
    """Raises FetchError for an empty answer that only means that the forum is too busy to search."""
    result = document.one("grouped_search_result")
    if result is None:
        raise document.wrong("grouped_search_result", "is missing")
    if problem := result.text("error"):
        raise FetchError(f'{shown} could not search ("{" ".join(problem[:120].split())}").')
    return result.flag("more_full_page_results")


def _number(hit: Fields) -> int:
    number = hit.count("id")
    if number is None or number <= 0:
        raise hit.wrong("id", "is no id")
    return number


def _whole(api: DiscourseApi, reader: Reader, number: int, title: str, now: datetime, http: Http) -> Post | None:
    """None for what has gone, or gone private, since it was found."""
    try:
        return reader(api.ask(f"/posts/{number}.json", http, now), title)
    except FetchError as error:
        if is_gone(error) or is_withheld(error):
            return None
        raise


def _place(question: Question) -> _Place:
    kept = loaded(question.cursor)
    try:
        before, then = (date.fromisoformat(kept[name]) if kept[name] else None for name in ("before", "then"))
        return _Place(date.fromisoformat(kept["after"]), before, then, tuple(int(one) for one in kept["seen"]))
    except (ValueError, TypeError, LookupError, OverflowError):
        since = question.since or datetime(2013, 1, 1, tzinfo=UTC)  # Discourse is not older
        return _Place((since - _DAY).date())
