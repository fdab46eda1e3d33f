"""Reviews of a game on Steam, through the public IUserReviewsService of its Web API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from connectors.contract import Facts, Http, Options, WebAddress
from connectors.errors import BadAnswer
from connectors.fields import Fields
from connectors.post import Author, Page, Post, Question

_PER_PAGE = 100
_MOST_PAGES = 20
"""Requests of one pull; what is left of a longer walk is for the next one."""

_MOST_WALKS = 10
_RECENT, _BOTH_THUMBS, _ANY_PURCHASE = 1, 0, 1
"""The API's numbers for filter, review_type and purchase_type."""

_START = "*"
_LONGEST_CURSOR = 1_000
_DAY = 86_400
_UNDERFLOW = 2**31
"""Counts of votes that have fallen below zero come as a number near 2^32."""

Language = Literal[
    "all", "arabic", "brazilian", "bulgarian", "czech", "danish", "dutch", "english", "finnish", "french", "german",
    "greek", "hungarian", "indonesian", "italian", "japanese", "koreana", "latam", "norwegian", "polish", "portuguese",
    "romanian", "russian", "schinese", "spanish", "swedish", "tchinese", "thai", "turkish", "ukrainian", "vietnamese",
]  # fmt: skip
_BCP47 = {
    "arabic": "ar", "brazilian": "pt", "bulgarian": "bg", "czech": "cs", "danish": "da", "dutch": "nl",
    "english": "en", "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "koreana": "ko", "latam": "es", "norwegian": "no",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "schinese": "zh", "spanish": "es",
    "swedish": "sv", "tchinese": "zh", "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip


class SteamOptions(Options):
    app: int = Field(gt=0, lt=2**32)
    """The number in the game's address: 620 in store.steampowered.com/app/620."""
    languages: list[Language] = Field(default=["all"], min_length=1)
    base_url: WebAddress = "https://api.steampowered.com"
    overlap_days: float = Field(default=2.0, ge=0, le=90)
    """Late and edited reviews are looked for as far behind the newest known one, one page further at most."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk towards older reviews: where it is (Steam's own cursor), and where it ends.

    `floor` is the time to be reached, `known` that of the newest review stored before, 0 where there is none (both in
    seconds since 1970). `met`: it has come to reviews as old as that one.
    """

    at: str
    floor: int
    known: int
    met: bool = False

    def ends(self, dates: Sequence[int]) -> bool:
        """Whether a page with these dates is the last one of interest."""
        return bool(dates) and (min(dates) < self.floor or max(dates) <= self.known)


@dataclass(slots=True)
class _State:
    """`newest` is the time of the newest review read; `walks` are begun and not at their end, the newest first."""

    newest: int = 0
    walks: list[_Walk] = field(default_factory=list)

    @classmethod
    def of(cls, cursor: str) -> _State:
        if not cursor:
            return cls()
        try:
            kept = json.loads(cursor)
            walks = [_Walk(str(at), int(floor), int(known), met is True) for at, floor, known, met in kept["walks"]]
            return cls(int(kept["newest"]), walks)
        except (ValueError, KeyError, TypeError, OverflowError):
            return cls()  # a cursor of another program or version: reading again loses nothing

    def cursor(self) -> str:
        walks = [(walk.at, walk.floor, walk.known, walk.met) for walk in self.walks]
        return json.dumps({"newest": self.newest, "walks": walks})


class Steam:
    """Walks from the newest review to those known, one page of Steam after the other, and yields each as it is read.

    The cursor is JSON: {"newest": seconds since 1970, "walks": [[Steam's cursor, floor, known, met], ...]}. A walk that
    a kill or the limit of a pull cut short is in it and is taken up at the next pull, once that has read what is newer.
    """

    kind: ClassVar[str] = "steam"
    facts: ClassVar[Facts] = Facts(
        hears="reviews of one game, recommended or not, in every language",
        misses="edits of reviews that are older than the overlap, reviews that Steam hides",
        every=timedelta(minutes=30),
    )
    options: ClassVar[type[Options]] = SteamOptions

    def __init__(self, options: SteamOptions) -> None:
        self._url = f"{options.base_url.rstrip('/')}/IUserReviewsService/GetAppReviews/v1/"
        self._app = options.app
        self._languages = list(dict.fromkeys(options.languages))
        self._overlap = int(timedelta(days=options.overlap_days).total_seconds())

    def address(self) -> str:
        return self._url

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return ("",)

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        state = _State.of(question.cursor)
        since, latest = int(question.since.timestamp()) if question.since else 0, int(question.now.timestamp()) + _DAY
        floor = state.newest - self._overlap if state.newest else since
        state.walks.insert(0, _Walk(_START, floor, state.newest))
        asked: set[str] = set()
        for left in reversed(range(_MOST_PAGES)):
            walk = state.walks.pop(0)
            asked.add(walk.at)
            reviews, following = self._ask(walk, http)
            if not reviews and walk.at == _START and walk.known:
                raise BadAnswer(f"{self._url} answered empty for app {self._app} although it had reviews before.")
            dates = [created for review in reviews if 0 < (created := review.count("timestamp_created") or 0) <= latest]
            walk = replace(walk, at=following, met=walk.met or min(dates, default=walk.known + 1) <= walk.known)
            at_end = not reviews or not following or following in asked
            if not (at_end or walk.ends(dates)):
                state.walks.insert(0, walk)
            state.newest = max(state.newest, *dates, 0)
            gap = _left_over(state, left)
            if at_end and walk.known and not walk.met:
                gap = f"{self._url} ended its list of app {self._app} before the reviews that are known"
            yield Page(self._posts(reviews), cursor=state.cursor(), gap=gap)
            if not state.walks:
                return

    def _ask(self, walk: _Walk, http: Http) -> tuple[list[Fields], str]:
        """The reviews of a page, newest first, and Steam's cursor of the next, "" behind the last."""
        wanted = {
            "appid": self._app,
            "filter": _RECENT,
            "languages": self._languages,
            "review_type": _BOTH_THUMBS,
            "purchase_type": _ANY_PURCHASE,
            "num_per_page": _PER_PAGE,
            "filter_offtopic_activity": False,
            "cursor": walk.at,
        }
        answer = http.get(self._url, params={"input_json": json.dumps(wanted, separators=(",", ":"))})
        response = Fields(answer.json(), self._url).one("response")
        if response is None:
            raise BadAnswer(f'{self._url} answered without a "response".')
        summary = response.one("query_summary")
        if "reviews" not in response and summary is None:
            raise BadAnswer(f"{self._url} says nothing of app {self._app}: check the number.")
        following = response.text("cursor")
        if len(following) > _LONGEST_CURSOR:
            raise response.wrong("cursor", "is too long")
        nothing = summary is not None and not summary.count("num_reviews")
        return list(response.many("reviews", "a review", optional=nothing)), following

    def _posts(self, reviews: Sequence[Fields]) -> list[Post]:
        once: dict[str, Post] = {}
        for review in reviews:
            post = self._post(review)
            once.setdefault(post.source_id, post)
        posts = list(once.values())[::-1]
        posts.sort(key=lambda post: post.published_at or datetime.min.replace(tzinfo=UTC))
        return posts

    def _post(self, review: Fields) -> Post:
        published, edited = review.time("timestamp_created"), review.time("timestamp_updated")
        author = review.one("author", "an author")
        steam_id = author.key("steamid") if author is not None and "steamid" in author else ""
        profile = f"https://steamcommunity.com/profiles/{steam_id}"
        shop = f"https://steamcommunity.com/app/{self._app}/reviews/"
        return Post(
            kind=self.kind,
            source_id=review.key("recommendationid"),
            url=f"{profile}/recommended/{self._app}/" if steam_id.isdecimal() else shop,
            body=review.text("review"),
            markup="bbcode",
            author=_author(author, steam_id, profile),
            published_at=published,
            edited_at=edited if edited and published and edited > published else None,
            genre="review",
            rating=float(review.flag("voted_up")) if "voted_up" in review else None,
            rating_scale=1.0,
            language=_BCP47.get(review.text("language"), ""),
            reach=_reach(review, author),
        )


def _left_over(state: _State, left: int) -> str:
    """What a pull that ends here leaves to the next one."""
    if left and len(state.walks) <= _MOST_WALKS:
        return ""
    lost = len(state.walks) - _MOST_WALKS
    if lost > 0:
        del state.walks[_MOST_WALKS:]
        return "more reviews have come than can be read: the oldest of them were left out"
    if state.walks:
        return f"more than {_MOST_PAGES * _PER_PAGE:,} reviews to read: the next pull goes on from here"
    return ""


def _author(author: Fields | None, steam_id: str, profile: str) -> Author | None:
    if author is None or not steam_id:
        return None
    return Author(steam_id, author.text("personaname"), profile if steam_id.isdecimal() else "")


def _reach(review: Fields, author: Fields | None) -> dict[str, int]:
    """Votes, comments, how helpful Steam thinks the review is (percent), and the minutes its author had played."""
    reach = review.reach(helpful="votes_up", funny="votes_funny", comments="comment_count")
    reach = {name: count for name, count in reach.items() if 0 <= count < _UNDERFLOW}
    helpfulness = review.number("weighted_vote_score")
    if helpfulness is not None and 0 <= helpfulness <= 1:
        reach["helpfulness_percent"] = round(100 * helpfulness)
    if author is not None:
        played = author.count("playtime_at_review") or author.count("playtime_forever")
        reach |= {"minutes_played": played} if played is not None else {}
    return reach
