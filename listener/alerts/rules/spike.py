"""Whether so much is said just now that chance does not explain it.

What counts is how many separate stories were told, copies left aside. It is compared with what is usual at that time of
the week (`usual.learn`), over several lengths of window, by the exact tail of the negative binomial distribution: the
predictive distribution of a Poisson count whose rate is Gamma (A. Gelman et al., "Bayesian Data Analysis", 2013, §2.6;
for surveillance, A. Noufaily et al., "An improved algorithm for outbreak detection in multiple surveillance systems",
Statistics in Medicine 32, 2013).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from listener.alerts.rules.counts import chance_of_at_least, usual_range
from listener.alerts.rules.usual import HOUR, SCALES, Usual

QUIET_BEFORE = timedelta(hours=24)
"""A window and so long before it must have been heard without a gap: after an outage what comes is catching up."""


class Said(NamedTuple):
    """A mention that counts. `found_at` is when we learned of it; `first` whether it tells its story for the first
    time, a story of its own if it has no other."""

    at: datetime
    found_at: datetime
    voice: int
    story: str
    first: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What makes a spike. A window of a day as full as this must come by chance no more often than `chance`, a shorter
    one that much less often as there are more of them: tuned so that a brand has one false alert a month at most
    (`tests.bench alerts`). It must be `times` the usual and hold so many mentions, authors and stories. Of what one
    voice says no more than `by_one` counts."""

    chance: float = 2.5e-3
    times: float = 2.0
    mentions: int = 5
    authors: int = 3
    stories: int = 2
    by_one: int = 3


OPTIONS = Options()


class Spike(NamedTuple):
    """`told` counts stories told for the first time, of which `expected` are usual and all but 5 % of such windows have
    `low` to `high`. `top_story` is the post that first told what was said most, in `top_mentions`."""

    since: datetime
    until: datetime
    mentions: int
    authors: int
    stories: int
    told: int
    expected: float
    low: int
    high: int
    chance: float
    top_story: str
    top_mentions: int

    @property
    def reasons(self) -> tuple[str, ...]:
        """In sentences why this is a spike."""
        hours = round((self.until - self.since) / HOUR)
        span = "the last hour" if hours == 1 else f"{hours} hours"
        usual = f"{self.expected:.0f}" if self.expected >= 9.5 else f"{self.expected:.1f}"
        said = (
            f"{self.mentions} mentions by {self.authors} people in {span}; {usual} are usual at this time of the week"
        )
        copied = f", one of them {self.top_mentions} times" if self.top_mentions > 1 else ""
        counted = "" if self.told == self.mentions else f" Copies and loud voices aside, {self.told} are counted."
        return (
            f"{said} (95 %: {self.low}–{self.high}).",
            f"They tell {self.stories} separate stories{copied}.{counted}",
        )


def spike(
    usual: Usual,
    recent: Sequence[Said],
    at: datetime,
    heard_since: datetime,
    told_until: datetime | None = None,
    options: Options = OPTIONS,
) -> Spike | None:
    """The least likely of the windows that end at `at`, if it is a spike.

    `recent` holds at least all mentions dated in the last 24 hours; what was found after `at` is passed over. Since
    `heard_since` there was no gap in what was heard: only windows that begin QUIET_BEFORE later are looked at. What was
    said before `told_until`, the end of the last spike that was told of, is not told again.
    """
    since = at - max(SCALES) * HOUR
    known = [one for one in recent if since <= one.at < at and one.found_at <= at]
    if len(known) < options.mentions:
        return None
    earliest = max(heard_since + QUIET_BEFORE, told_until or heard_since)
    scales = [scale for scale in SCALES if at - scale * HOUR >= earliest]
    found = [window for scale in scales if (window := _window(usual, known, at, scale, options))]
    return min(found, key=_surprise, default=None)


def _surprise(found: Spike) -> float:
    return found.chance / ((found.until - found.since) / HOUR)


def _window(usual: Usual, known: Sequence[Said], at: datetime, scale: int, options: Options) -> Spike | None:
    since = at - scale * HOUR
    inside = [one for one in known if one.at >= since]
    told = _told(inside, options.by_one)
    if len(inside) < options.mentions or told < options.stories:
        return None
    expected, dispersion = usual.expected(since, at), usual.dispersions[scale]
    if told < options.times * expected:
        return None
    chance = chance_of_at_least(told, expected, dispersion)
    if chance > options.chance * scale / max(SCALES):  # of short windows there are more
        return None
    authors, stories = len({one.voice for one in inside}), Counter(one.story for one in inside)
    if authors < options.authors or len(stories) < options.stories:
        return None
    usual_counts = usual_range(expected, dispersion)
    return Spike(
        since, at, len(inside), authors, len(stories), told, expected, *usual_counts, chance, *stories.most_common(1)[0]
    )


def _told(inside: Sequence[Said], by_one: int) -> int:
    """Stories told for the first time, of one voice's no more than `by_one`."""
    voices = Counter(one.voice for one in inside if one.first)
    return sum(min(many, by_one) for many in voices.values())
