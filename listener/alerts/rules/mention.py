"""Which mentions are worth a message, and to whom. Pure: what is raised is stored together with the post."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from connectors.post import short_id
from listener.alerts.notice import Notice
from storage.records import Alert, Delivery, Mention, Post, Score, moment, stamp

Raised = tuple[Alert, tuple[Delivery, ...]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who wants to hear of what. No `brands` means all; `min_confidence` is 0..1; `on` is "mention" for new ones,
    "overdue" for those whose answer is (`reminders`).

    Of new ones only: `min_reach` is how many must read the author at least, `max_rating` how many stars of 5 the post
    gives at most, `first_time` wants only what an author first says of the brand. What comes within `roll_up` is told
    together, at its end."""

    name: str
    channels: tuple[str, ...]
    brands: tuple[str, ...] = ()
    labels: tuple[str, ...] = ("detractor",)
    min_confidence: float = 0.0
    on: str = "mention"
    min_reach: int = 0
    max_rating: float | None = None
    first_time: bool = False
    roll_up: timedelta = timedelta()

    def wants(self, mention: Mention) -> bool:
        return (
            mention.label in self.labels
            and mention.confidence >= self.min_confidence
            and (not self.brands or mention.brand in self.brands)
        )

    def wants_new(self, mention: Mention, post: Post, reach: int | None) -> bool:
        """Whether it wants a new mention, `first_time` aside."""
        return (
            self.on == "mention"
            and self.wants(mention)
            and (reach or 0) >= self.min_reach
            and (self.max_rating is None or _stars(post) <= self.max_rating)
        )


class Past(Protocol):
    """What rules ask of what is stored before a post is."""

    def is_first(self, mention: Mention) -> bool:
        """Whether its author has not been heard of the brand before, as far as anybody knows."""

    def is_quiet(self, rule: str, brand: str) -> bool:
        """Whether somebody has told the rule to be quiet about the brand."""


def raise_alerts(
    rules: Sequence[Rule],
    post: Post,
    pairs: Sequence[tuple[Mention, Score]],
    *,
    now: datetime,
    max_age: timedelta,
    baseline: bool,
    desk: str = "",
    reach: int | None = None,
    past: Past | None = None,
) -> tuple[Raised, ...]:
    """The alerts that the mentions of one new post give rise to, with a delivery for each channel.

    Nothing older than `max_age` is news, nor is a post of unknown date on a watch's first run (`baseline`), which
    knows nobody's earlier mentions either. A mention goes to a channel once, for the first of the rules that want it
    there. `desk` is the address of the review desk, "" where it has none; `reach` is how many read the post's author.
    """
    raised: list[Raised] = []
    for mention, score in pairs:
        wanting = [rule for rule in rules if rule.wants_new(mention, post, reach)]
        if not wanting or not _is_news(post, now, max_age, baseline):
            continue
        wanting = [rule for rule in wanting if _may_tell(rule, mention, past, baseline)]
        link = desk_link(desk, mention.id)
        raised += [_raise(rule, names, post, mention, score, stamp(now), link) for rule, names in first_come(wanting)]
    return tuple(raised)


def first_come(wanting: Iterable[Rule]) -> Iterator[tuple[Rule, Sequence[str]]]:
    """Each rule with those of its channels that no rule before it names; a rule that has none left is passed over."""
    told: set[str] = set()
    for rule in wanting:
        channels = [name for name in dict.fromkeys(rule.channels) if name not in told]
        told.update(channels)
        if channels:
            yield rule, channels


def desk_link(desk: str, mention_id: str) -> str:
    """Where the review desk at that address shows a mention; "" without one."""
    return f"{desk}/mentions/{mention_id}" if desk else ""


def _may_tell(rule: Rule, mention: Mention, past: Past | None, baseline: bool) -> bool:
    if past is None:
        return not rule.first_time
    if rule.first_time and (baseline or not past.is_first(mention)):
        return False
    return not past.is_quiet(rule.name, mention.brand)


def _stars(post: Post) -> float:
    """Of 5; more than any where the author gave none."""
    return math.inf if post.rating is None or not post.rating_scale else 5 * post.rating / post.rating_scale


def _is_news(post: Post, now: datetime, max_age: timedelta, baseline: bool) -> bool:
    if post.at is None or post.dated == "implausible" or (baseline and post.dated == "first_seen"):
        return False
    return now - moment(post.at) <= max_age


def _raise(
    rule: Rule, channels: Sequence[str], post: Post, mention: Mention, score: Score, now: str, desk: str
) -> Raised:
    notice = Notice(
        type=f"mention.{mention.label}",
        found_at=now,
        brand=mention.brand,
        rule=rule.name,
        label=mention.label or "",
        value=mention.value,
        confidence=mention.confidence,
        language=mention.language,
        source=post.source,
        author=post.author,
        title=post.title,
        text=post.text,
        url=post.url,
        published_at=post.published_at,
        explanation=_explanation(score.explanation),
        why=matched_terms(mention.why),
        mention_id=mention.id,
        reasons=_reasons(rule),
        desk=desk,
    ).bounded()
    alert = Alert(short_id(rule.name, mention.id), rule.name, mention.brand, mention.id, now, notice.to_json())
    due = _rolled_up(now, rule.roll_up)
    return alert, tuple(delivery(alert, channel)._replace(next_try_at=due) for channel in channels)


def _reasons(rule: Rule) -> tuple[str, ...]:
    """Beyond what a message shows anyway."""
    found = []
    if rule.first_time:
        found.append("the author's first mention of the brand that is known here")
    if rule.min_reach:
        found.append(f"at least {rule.min_reach:,} read the author")
    if rule.max_rating is not None:
        found.append(f"{rule.max_rating:g} stars of 5 at most")
    return tuple(found)


def _rolled_up(now: str, roll_up: timedelta) -> str:
    """The end of the stretch of time that `now` is in, so that all in it come due together."""
    if not roll_up:
        return now
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    return stamp(begin + ((moment(now) - begin) // roll_up + 1) * roll_up)


def delivery(alert: Alert, channel: str) -> Delivery:
    """The delivery of `alert` to `channel`, due at once. The same pair has the same id everywhere."""
    return Delivery(short_id(alert.id, channel), alert.id, channel, "waiting", 0, alert.raised_at, "", None)


def _explanation(stored: str) -> tuple[tuple[str, float], ...]:
    return tuple((str(word), float(weight)) for word, weight in json.loads(stored or "[]"))


def matched_terms(why: str) -> tuple[str, ...]:
    """`Mention.why` is a JSON list of the terms that matched, or a plain sentence."""
    if why.startswith("["):
        try:
            return tuple(str(term) for term in json.loads(why))
        except ValueError:
            pass  # a sentence that happens to begin with a bracket
    return (why,) if why else ()
