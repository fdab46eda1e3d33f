"""Reads what the sections of a report say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import quantiles
from typing import NamedTuple

from listener.coverage import before
from listener.desk.responses import responses
from listener.nps.share import ShareOfVoice
from listener.praise import is_quotable
from listener.questions import Group, asked_of
from listener.report.days import midnights
from listener.report.listened import strips
from listener.report.sections import (
    Advocate,
    Answers,
    Complaint,
    Complaints,
    Day,
    Praise,
    Question,
    Quote,
    Sections,
    Unanswered,
    Waiting,
)
from listener.report.themes import Telling, themes
from listener.report.trend import LONGEST
from storage.contract import Store
from storage.records import Post, moment, stamp
from storage.records_desk import OPEN, Filter, Item
from storage.records_figures import Answered, Saying

QUOTE_CHARS = 200

_CASES, _ANSWERS, _PRAISE = 200, 5_000, 100
_TEXTS, _TEXTS_BEFORE, _PARTS = 800, 1_600, 8
_PERIODS = 4
"""Complaints are compared with those of so many periods before, of _LONG_BEFORE at least and _LONGEST_BEFORE at most:
what is new takes far more authors to tell against a time as short as its own."""
_LONG_BEFORE, _LONGEST_BEFORE = timedelta(days=28), timedelta(days=366)
_FEWEST_FOR_P90 = 10


class Known(NamedTuple):
    """What the configuration says of a brand: its rivals' names and its own, and its share of voice beside the others,
    None where there are none."""

    rivals: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    share: ShareOfVoice | None = None


class _Asked(NamedTuple):
    """A brand, a window (as stamps too), and how many of a list to show."""

    store: Store
    brand: str
    since: datetime
    until: datetime
    top: int

    @property
    def stamps(self) -> tuple[str, str]:
        return stamp(self.since), stamp(self.until)


def gather(
    store: Store,
    brand: str,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    top: int,
    known: Known,
    sources: Sequence[str],
) -> Sections:
    """`sources` are those that are expected to be heard."""
    asked = _Asked(store, brand, since, until, top)
    told = until - since <= LONGEST
    return Sections(
        unanswered=_unanswered(asked),
        answers=_answers(store.answered(brand, *asked.stamps, _ANSWERS + 1)),
        complaints=_complaints(asked, known.names),
        questions=_questions(asked, known.rivals),
        advocates=_advocates(asked),
        praise=_praise(asked),
        share=known.share,
        days=_days(asked, zone) if told else (),
        heard=strips(store, since, until, sources) if told else (),
    )


# -- answering


def _unanswered(asked: _Asked) -> Unanswered:
    """A case is never less urgent than it is late: all that are late come before the first that is not yet urgent."""
    at = stamp(asked.until)
    counts = asked.store.open_counts(at)
    found = asked.store.queue(Filter(brands=(asked.brand,)), at, limit=_CASES, audits=0)
    seen = [item for item in found.items if item.case is not None and not item.audit_id]
    late = [item for item in seen if _due(item) <= at]
    last = found.items[-1].case if found.items else None
    late.sort(key=lambda item: (_due(item), item.mention.id))
    first = (late + [item for item in seen if _due(item) > at])[: asked.top]
    return Unanswered(
        open=sum(many for (brand, state), many in counts.items() if brand == asked.brand and state in OPEN),
        late=len(late),
        more=bool(found.after and last and last.urgent_at <= at),
        first=tuple(_waiting(item, at) for item in first if item.post.deleted_at is None),
    )


def _due(item: Item) -> str:
    return (item.case and item.case.due_at) or "~"


def _waiting(item: Item, at: str) -> Waiting:
    due = item.case.due_at if item.case else None
    assignee = item.case.assignee if item.case else ""
    return Waiting(_quote(item), assignee, moment(due) if due else None, _due(item) <= at)


def _answers(found: Sequence[Answered]) -> Answers:
    read = found[:_ANSWERS]
    told = responses(read)
    taken = [max((moment(one.answered_at) - moment(one.published_at)).total_seconds(), 0.0) for one in read]
    p90 = quantiles(taken, n=10, method="inclusive")[-1] if len(taken) >= _FEWEST_FOR_P90 else None
    return Answers(
        answers=told.answers,
        median=told.median,
        p90=None if p90 is None else timedelta(seconds=p90),
        timely=told.timely,
        due=told.due,
        more=len(found) > len(read),
    )


# -- what people complain of


def _complaints(asked: _Asked, names: Iterable[str]) -> Complaints:
    length = min(max(_PERIODS * (asked.until - asked.since), _LONG_BEFORE), _LONGEST_BEFORE)
    began = before(asked.since, length)
    now, cut = _said(asked, asked.since, asked.until, _TEXTS)
    earlier, cut_before = _said(asked, began, asked.since, _TEXTS_BEFORE) if now else ([], False)
    found = themes(map(_telling, now), map(_telling, earlier), most=asked.top, names=(asked.brand, *names))
    said = {one.mention_id: one for one in now}
    wanted = {said[example.mention_id].post_id for theme in found for example in theme.examples}
    posts = {post.id: post for post in asked.store.posts_of(sorted(wanted)) if post.deleted_at is None}
    quotes = {its_id: _quote_of(its_id, posts[one.post_id]) for its_id, one in said.items() if one.post_id in posts}
    told = tuple(
        Complaint(*theme[:5], tuple(quotes[one.mention_id] for one in theme.examples if one.mention_id in quotes))
        for theme in found
    )
    return Complaints(told, began, len(now), len(earlier), cut or cut_before)


def _said(asked: _Asked, since: datetime, until: datetime, most: int) -> tuple[list[Saying], bool]:
    """What detractors said, the newest first, of each part of the time at most its share; and if there was more."""
    part = (until - since) / _PARTS
    edges = [stamp(since + number * part) for number in range(_PARTS)] + [stamp(until)]
    share = most // _PARTS
    found: list[Saying] = []
    more = False
    for begin, end in reversed([*pairwise(edges)]):
        some = asked.store.said(asked.brand, begin, end, "detractor", share + 1)
        more |= len(some) > share
        found += some[:share]
    return found, more


def _telling(one: Saying) -> Telling:
    text = one.text if one.text.startswith(one.title) else f"{one.title}\n{one.text}"
    return Telling(text, one.voice, one.language, one.mention_id, one.story)


# -- what people ask


def _questions(asked: _Asked, rivals: Sequence[str]) -> tuple[Question, ...]:
    """Those that more than one person asked come first; one that nobody else asked tells little, and is left out where
    there are others."""
    groups = asked_of(asked.store, asked.brand, rivals, *asked.stamps)
    again = [group for group in groups if group.askers > 1] or groups
    return tuple(_question(group) for group in again[: asked.top])


def _question(group: Group) -> Question:
    newest = group.asked[0]
    answer = group.answer.url if group.answer else ""
    return Question(newest.text or group.first.text, group.askers, len(group.asked), answer, _quote(newest.item))


# -- who speaks well of it


def _advocates(asked: _Asked) -> tuple[Advocate, ...]:
    if not asked.top:
        return ()
    people = asked.store.advocates(asked.brand, *asked.stamps, limit=asked.top).people
    return tuple(
        Advocate(
            name=person.author.name or person.author.handle,
            handle=person.author.handle,
            url=person.author.url,
            sources=tuple(sorted(person.sources)),
            praise=person.praise,
            threads=person.threads,
            helped=person.helped,
            latest_at=moment(person.latest_at),
        )
        for person in people
        if not person.opted_out
    )


def _praise(asked: _Asked) -> tuple[Praise, ...]:
    """Of the newest praise, one of each author: what may be quoted already first, then the surest."""
    since, until = asked.stamps
    wanted = Filter(brands=(asked.brand,), labels=("promoter",), since=since, until=until)
    found = [item for item in asked.store.mentions(wanted, limit=_PRAISE).items if is_quotable(item)]
    authors = sorted({item.mention.author_id for item in found if item.mention.author_id})
    notes = asked.store.notes(authors, asked.brand)
    away = {note.author_id for note in notes if note.what == "opted_out" and note.undone_at is None}
    states = {its_id: one.state for its_id, one in asked.store.permissions([one.mention.id for one in found]).items()}
    kept = [item for item in found if item.mention.author_id not in away and states.get(item.mention.id) != "refused"]
    kept.sort(key=lambda one: (states.get(one.mention.id) != "granted", -one.mention.confidence))
    by_voice: dict[int, Item] = {}
    for item in kept:
        by_voice.setdefault(item.mention.voice, item)
    chosen = list(by_voice.values())[: asked.top]
    return tuple(Praise(_quote(item), states.get(item.mention.id, "none")) for item in chosen)


# -- for charts


def _days(asked: _Asked, zone: tzinfo) -> tuple[Day, ...]:
    edges = [asked.since, *midnights(asked.since, asked.until, zone), asked.until]
    counted = asked.store.volumes(asked.brand, [stamp(edge) for edge in edges])
    return tuple(Day(begin, end, _named(counts)) for (begin, end), counts in zip(pairwise(edges), counted, strict=True))


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    return {label or "unscored": many for label, many in sorted(counts.items())}


# -- quoting


def _quote(item: Item) -> Quote:
    return _quote_of(item.mention.id, item.post)


def _quote_of(mention_id: str, post: Post) -> Quote:
    at = moment(post.at or post.first_seen_at)
    titled = post.title and post.text and not post.text.startswith(post.title)
    said = f"{post.title}: {post.text}" if titled else post.text or post.title
    return Quote(mention_id, post.id, shortened(said), post.url, post.author, post.source, at)


def shortened(text: str, most: int = QUOTE_CHARS) -> str:
    """One line, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0].rstrip(" ,.;:") + "…"
