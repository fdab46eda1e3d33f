"""What a report has to say beside its figures: whom to answer, how soon it was done, what people complain of and ask,
who speaks well of the brand, how loud it is beside others, and when nobody was listening.

Each section reads a bounded number of rows, however much is stored. Posts that were taken away, and mentions that wait
for a blind audit, whose label is nobody's to see, are in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from listener.nps.share import ShareOfVoice


class Quote(NamedTuple):
    """A post's words: `text` is one line of at most 200 characters."""

    mention_id: str
    post_id: str
    text: str
    url: str
    author: str
    source: str
    at: datetime


class Waiting(NamedTuple):
    """A case somebody still has to answer; `late` when it was due before the report's window ended."""

    quote: Quote
    assignee: str
    due_at: datetime | None
    late: bool


class Unanswered(NamedTuple):
    """`open` cases that are not snoozed when the report is made, and how many of them are `late`; `more` that there may
    be more late ones than were counted. `first` are the late ones, the longest overdue first, then the most urgent."""

    open: int
    late: int
    more: bool
    first: tuple[Waiting, ...]


class Answers(NamedTuple):
    """First answers given in the window: of how many, within what time half (`median`) and nine of ten (`p90`) were
    given, None of too few; `timely` of the `due` ones came in time. `more` that there were more than were read."""

    answers: int
    median: timedelta | None
    p90: timedelta | None
    timely: int
    due: int
    more: bool


class Complaint(NamedTuple):
    """A theme of detractors: `authors` and `mentions` in the window, `before_authors` in the time before; `z` how sure
    that it is more (listener.report.themes)."""

    term: str
    authors: int
    mentions: int
    before_authors: int
    z: float
    examples: tuple[Quote, ...]


class Complaints(NamedTuple):
    """Themes by `read` texts of detractors in the window against `read_before` from `since` on. `sampled` when there
    are more than were read: then of every part of the time the newest were."""

    themes: tuple[Complaint, ...]
    since: datetime
    read: int
    read_before: int
    sampled: bool


class Question(NamedTuple):
    """What `askers` people asked, `times` times, most lately in `quote`; `answer_url` is where it is answered, "" if
    nobody has said."""

    text: str
    askers: int
    times: int
    answer_url: str
    quote: Quote


class Advocate(NamedTuple):
    """Who praised the brand in at least two threads: `praise` mentions in `threads`, `helped` others in theirs."""

    name: str
    handle: str
    url: str
    sources: tuple[str, ...]
    praise: int
    threads: int
    helped: int
    latest_at: datetime


class Praise(NamedTuple):
    """Words that may be quoted once their author agrees; `permission` is one of storage.records_people.PERMITS."""

    quote: Quote
    permission: str


class Day(NamedTuple):
    """A local day, or what the window has of it; `counts` by label ("unscored" where nobody could read it)."""

    since: datetime
    until: datetime
    counts: Mapping[str, int]


Heard = Literal["heard", "partly", "failed", "not asked"]
"""All of a day's runs, fewer than four of five or not whole ones, none, and no run at all."""


class Strip(NamedTuple):
    """How a source was heard on each UTC day that the window touches."""

    source: str
    days: tuple[tuple[str, Heard], ...]


@dataclass(frozen=True)
class Sections:
    """`share` is None when there is no other brand. `days` and `heard` are empty for windows of more than 3 years."""

    unanswered: Unanswered
    answers: Answers
    complaints: Complaints
    questions: tuple[Question, ...]
    advocates: tuple[Advocate, ...]
    praise: tuple[Praise, ...]
    share: ShareOfVoice | None
    days: tuple[Day, ...]
    heard: tuple[Strip, ...]

    @property
    def quoted(self) -> frozenset[str]:
        """The ids of the posts whose words they hold."""
        quotes = [quote for theme in self.complaints.themes for quote in theme.examples]
        for some in (self.unanswered.first, self.questions, self.praise):
            quotes += [one.quote for one in some]
        return frozenset(quote.post_id for quote in quotes)
