"""Posts become what is stored of them: cleaned, matched against all brands at once, scored, checked for alerts.

Everything here is a function of its arguments, so that pulling, importing and rescoring share it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from connectors.dates import plausible
from connectors.post import Author as SourceAuthor
from connectors.post import Post as SourcePost
from connectors.post import short_id
from connectors.text import clean, plain
from listener.alerts.rules import Past, Rule, raise_alerts
from listener.match import Match, Matcher, Subject
from listener.sentiment.contract import Scorer, Text, Verdict
from storage.records import Arrival, Author, Dated, Mention, Post, Score, left_out, mention_id, stamp, voice_of
from storage.records_desk import Case

_TEXT, _TITLE, _NAME, _URL = 100_000, 1_000, 200, 2_000


# One encoder for all: json.dumps makes a new one at every call that is not plain.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


Flag = Callable[[Mention, Post, datetime, int | None], Case | None]
"""(mention, its post, now, how many read its author) → the work that it makes for somebody."""


class Stored(Protocol):
    """What is stored already; the part of the Store that asks nobody to write."""

    def fingerprints(self, post_ids: Sequence[str]) -> dict[str, str]: ...


@dataclass(frozen=True)
class Origin:
    """Where posts come from: the source's name, the brand it is wholly about, and whether to keep posts that speak
    of no brand. `backfill` marks history (a first run, an import) as against news."""

    source: str
    about: str = ""
    keep_all: bool = True
    backfill: bool = False


class _Found(NamedTuple):
    """A post to be stored, and the brands that it speaks of."""

    post: Post
    author: Author | None
    matches: Sequence[Match]


class Intake:
    def __init__(
        self,
        matcher: Matcher,
        scorer: Scorer,
        rules: Sequence[Rule],
        max_alert_age: timedelta,
        staff: Set[str] = frozenset(),
        flag: Flag = lambda mention, post, now, reach: None,
        desk: str = "",
        past: Past | None = None,
    ) -> None:
        """`staff` holds handles and names in lower case, without @: what they say of a brand is no public opinion.
        `desk` is the address of the review desk, which alerts link to. `past` is what rules ask of what is stored."""
        self._matcher = matcher
        self._scorer = scorer
        self._rules = rules
        self._max_alert_age = max_alert_age
        self._staff = staff
        self._flag = flag
        self._desk = desk
        self._past = past

    def relevant(self, text: str) -> bool:
        """False when no brand can match a post of this text."""
        return self._matcher.relevant(text)

    def arrivals(self, posts: Sequence[SourcePost], origin: Origin, stored: Stored, now: datetime) -> list[Arrival]:
        """What is new or edited among `posts`, ready to be stored. What `stored` knows unchanged is neither cleaned nor
        scored again."""
        found = self._found(posts, origin, stored, now)
        # All at once: a scorer is half as fast again when it need not fetch its models for every text anew.
        asked = [text_of(one.post, match.brand) for one in found for match in one.matches]
        verdicts = iter(self._scorer.score_many(asked) if asked else ())
        seen_at = stamp(now)
        made = []
        for post, author, matches in found:
            pairs = tuple([_mention(post, match, next(verdicts), origin, seen_at) for match in matches])
            made.append(self._arrival(post, author, pairs, origin, now) if pairs else Arrival(post, author))
        return made

    def _found(self, posts: Sequence[SourcePost], origin: Origin, stored: Stored, now: datetime) -> list[_Found]:
        """What is worth storing, cleaned, and which brands it speaks of."""
        found = []
        seen_at = stamp(now)
        ids = [post.id for post in posts]
        known = stored.fingerprints(ids)
        for post_id, post in zip(ids, posts, strict=True):
            fingerprint = post.fingerprint
            if known.get(post_id) != fingerprint and (post_id in known or not post.deleted):
                author = self._author(post, origin, seen_at)
                row = _row(post, post_id, fingerprint, author, origin.source, seen_at, now)
                matches = () if row.deleted_at else self._matches(row, origin)
                if matches or origin.keep_all or post_id in known:
                    found.append(_Found(row, author, matches))
        return found

    def _author(self, post: SourcePost, origin: Origin, seen_at: str) -> Author | None:
        author = post.author
        if author is None or not author.id:
            return None
        reach = None if author.reach is None else min(author.reach, 2**53)
        called = (name.lower().removeprefix("@") for name in (author.id, author.name or ""))
        ours = (self._staff and not self._staff.isdisjoint(called)) or (origin.about and post.reach.get("staff"))
        return Author(*_known_as(post.kind, author), reach, seen_at, seen_at, "staff" if ours else "")

    def _arrival(
        self,
        post: Post,
        author: Author | None,
        pairs: tuple[tuple[Mention, Score], ...],
        origin: Origin,
        now: datetime,
    ) -> Arrival:
        """A post that speaks of a brand, with what follows from that."""
        reach = author.reach if author else None
        alerts = raise_alerts(
            self._rules,
            post,
            pairs,
            now=now,
            max_age=self._max_alert_age,
            baseline=origin.backfill,
            desk=self._desk,
            reach=reach,
            past=self._past,
        )
        flagged = [self._flag(mention, post, now, reach) for mention, _ in pairs]
        return Arrival(post, author, pairs, alerts, tuple([case for case in flagged if case]))

    def _matches(self, post: Post, origin: Origin) -> Sequence[Match]:
        matches = self._matcher.match(subject_of(post))
        if origin.about and all(match.brand != origin.about for match in matches):
            return [Match(origin.about, (f"{origin.source} is about it",)), *matches]
        return matches


def subject_of(post: Post) -> Subject:
    """What a query is asked about; `rating:` speaks of stars, whatever scale the source has."""
    stars = None if post.rating is None or not post.rating_scale else 5 * post.rating / post.rating_scale
    return Subject(post.text, post.title, post.url, post.author, post.language, post.source, post.genre, stars)


def text_of(post: Post, brand: str) -> Text:
    """What a scorer is asked about a stored post that is a mention of `brand`."""
    return Text(readable(post), brand, post.language, post.rating, post.rating_scale or 5.0, post.genre)


def readable(post: Post) -> str:
    """What a reader reads: many feeds repeat the title as the first words of the body."""
    if not post.title or post.text.startswith(post.title):
        return post.text
    return f"{post.title}\n{post.text}" if post.text else post.title


def score_of(of: str, at: str, verdict: Verdict) -> Score:
    """The verdict on the mention `of` as it is stored."""
    return Score(
        *(of, at, verdict.scorer, verdict.label, verdict.value, verdict.confidence, verdict.language),
        verdict.unscored,
        _to_json(probabilities(verdict)),
        _to_json(verdict.explanation),
        " ".join(verdict.tags),
    )


def _mention(post: Post, match: Match, verdict: Verdict, origin: Origin, found_at: str) -> tuple[Mention, Score]:
    its_id = mention_id(post.id, match.brand)
    mention = Mention(
        *(its_id, post.id, match.brand, post.source, post.author_id, post.at, found_at, post.genre),
        _why(match.why),
        *(verdict.label, verdict.value, verdict.confidence, verdict.language, verdict.unscored, verdict.scorer),
        *(int(origin.backfill), 1, " ".join(verdict.tags)),
        *(voice_of(post.author_id, post.id), left_out("", "", post.genre)),
    )
    return mention, score_of(its_id, found_at, verdict)


def probabilities(verdict: Verdict) -> dict[str, float]:
    """By label; empty when the scorer has none."""
    return dict(zip(("detractor", "passive", "promoter"), verdict.probabilities, strict=False))


def _row(
    post: SourcePost,
    post_id: str,
    fingerprint: str,
    author: Author | None,
    source: str,
    seen_at: str,
    now: datetime,
) -> Post:
    published = stamp(post.published_at) if post.published_at else None
    at, dated = _when(post.published_at, published, seen_at, now)
    text = clean(plain(post.body, post.markup), _TEXT)
    rating = post.rating if post.rating is not None and 0 <= post.rating <= post.rating_scale < math.inf else None
    return Post(
        id=post_id,
        kind=post.kind,
        source_id=clean(post.source_id, _URL),
        source=source,
        url=_link(post.url),
        title=clean(post.title, _TITLE),
        text=text,
        raw="" if post.markup == "plain" else clean(post.body, _TEXT),
        markup=post.markup,
        author_id=author.id if author else None,
        author=author.name if author else "",
        at=at,
        dated=dated,
        published_at=published,
        first_seen_at=seen_at,
        edited_at=stamp(post.edited_at) if post.edited_at else None,
        deleted_at=seen_at if post.deleted else None,
        genre=post.genre,
        rating=rating,
        rating_scale=None if rating is None else post.rating_scale,
        language=clean(post.language, 35) if post.language else "",
        thread=clean(post.thread, _URL) if post.thread else "",
        reach=_to_json({key: min(value, 2**53) for key, value in post.reach.items()}) if post.reach else "{}",
        fingerprint=fingerprint,
        ref=clean(post.ref, _URL) if post.ref else "",
    )


@lru_cache(maxsize=4096)
def _why(terms: tuple[str, ...]) -> str:
    """The same few terms are why most mentions are ones."""
    return _to_json(terms)


@lru_cache(maxsize=4096)
def _known_as(kind: str, author: SourceAuthor) -> tuple[str, str, str, str, str]:
    """The columns of an author that are the same at every sight; the same few write most of a feed."""
    name = clean(author.name or author.id, _NAME)
    return short_id(kind, author.id), kind, clean(author.id, _URL), name, _link(author.url)


def _when(
    published: datetime | None, published_at: str | None, seen_at: str, now: datetime
) -> tuple[str | None, Dated]:
    """The time that counts. A source that gives no date is taken by when we saw it; one that gives an impossible
    date is believed in nothing, so the post is kept out of every window instead of landing in a wrong one."""
    if published is None:
        return seen_at, "first_seen"
    if not plausible(published, now):
        return None, "implausible"
    return published_at, "stated"


def _link(url: str) -> str:
    """Only what a browser may safely open."""
    url = clean(url, _URL).strip() if url else ""
    return url if url[:8].lower().startswith(("http://", "https://")) and len(url.split()) == 1 else ""
