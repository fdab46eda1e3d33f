"""How the sections of a report read, whatever the format. One that has nothing to say is left out, or says so in a
line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from listener.nps.share import ShareOfVoice
from listener.report.build import Report
from listener.report.listened import gaps
from listener.report.sections import Advocate, Complaint, Complaints, Praise, Question, Quote, Unanswered, Waiting
from listener.report.words import when

COMPLAINTS = "What detractors say more than before"

_HOUR = timedelta(hours=1)
_PERMISSION = {
    "none": "its author was not asked yet",
    "asked": "its author was asked",
    "granted": "may be quoted",
}
_MOST_GAPS = 6


class Entry(NamedTuple):
    """A line, what stands under it, and where it leads ("" nowhere)."""

    said: str
    under: str = ""
    url: str = ""


class Section(NamedTuple):
    """`note` is what is said of all entries, "" nothing."""

    title: str
    note: str
    entries: tuple[Entry, ...] = ()


def sections(report: Report) -> list[Section]:
    """In the order in which they are read; none that is empty."""
    return [*_work(report), *_themes(report), *_questions(report), *_people(report), *_share(report)]


def span(length: timedelta) -> str:
    """'12 min', '5 h', '3 days'."""
    hours = length / _HOUR
    if hours < 1:
        return f"{max(hours * 60, 0):.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _many(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


# -- answering


def _work(report: Report) -> Iterator[Section]:
    found, answers = report.sections.unanswered, report.sections.answers
    entries = tuple(_waiting(one, report) for one in found.first)
    yield Section("Needs an answer", unanswered(found), entries)
    if answers.answers:
        yield Section("Response times", responses(report))
    elif found.open:
        yield Section("Response times", "no case was answered for the first time in this window")


def unanswered(found: Unanswered) -> str:
    """'12 cases are open, 3 of them overdue'."""
    if not found.open:
        return "no case is open"
    are = "is" if found.open == 1 else "are"
    late = f", {found.late:,}{' or more' if found.more else ''} of them overdue" if found.late else ", none overdue"
    return f"{_many(found.open, 'case')} {are} open{late}"


def _waiting(one: Waiting, report: Report) -> Entry:
    due = ""
    if one.due_at is not None:
        due = f"overdue by {span(report.until - one.due_at)}" if one.late else f"due {when(one.due_at, report)}"
    said_at = f"said {span(report.until - one.quote.at)} ago"
    whose = f"with {one.assignee}" if one.assignee else "with nobody"
    return Entry(one.quote.text, _joined(due, whose, one.quote.source, one.quote.author, said_at), one.quote.url)


def responses(report: Report) -> str:
    """'12 first answers: half of them within 2 h, nine of ten within 8 h; 10 of 11 in time'."""
    found = report.sections.answers
    half = f"half of them within {span(found.median)}" if found.median is not None else ""
    most = f"nine of ten within {span(found.p90)}" if found.p90 is not None else ""
    times = ", ".join(filter(None, (half, most))) or "too few for a median"
    due = f"; {found.timely:,} of the {found.due:,} that were due by a time came in time" if found.due else ""
    newest = "the newest " if found.more else ""
    return f"{newest}{_many(found.answers, 'first answer')}: {times}{due}"


# -- complaints, questions


def _themes(report: Report) -> Iterator[Section]:
    found = report.sections.complaints
    if found.read:
        entries = tuple(_theme(one, report) for one in found.themes)
        yield Section(COMPLAINTS, complaints(found, report), entries)


def complaints(found: Complaints, report: Report) -> str:
    sampled = "a sample of " if found.sampled else ""
    before = f"those of the {span(report.since - found.since)} before"
    if not found.read_before:
        return f"nothing to compare with: there are no detractors among {before}"
    texts = _many(found.read, "text")
    said = "" if found.themes else "nothing stands out: "
    return f"{said}{sampled}{texts} of detractors against {before} ({found.read_before:,})"


def _theme(one: Complaint, report: Report) -> Entry:
    said = f"{one.term}: {_many(one.authors, 'author')}, {one.before_authors or 'none'} before"
    example = one.examples[0] if one.examples else None
    return Entry(
        said, f"“{example.text}” ({_byline(example, report)})" if example else "", example.url if example else ""
    )


def _questions(report: Report) -> Iterator[Section]:
    if found := report.sections.questions:
        yield Section("What people ask", "", tuple(_question(one, report) for one in found))


def _question(one: Question, report: Report) -> Entry:
    asked = f"asked by {_many(one.askers, 'person', 'people')}, most lately {when(one.quote.at, report)}"
    answered = f"answered at {one.answer_url}" if one.answer_url else "no answer is noted"
    return Entry(one.text, _joined(asked, answered), one.quote.url)


# -- people


def _people(report: Report) -> Iterator[Section]:
    if advocates := report.sections.advocates:
        yield Section("Advocates", "", tuple(_advocate(one) for one in advocates))
    if praise := report.sections.praise:
        yield Section("Praise to quote", "", tuple(_praise(one, report) for one in praise))


def _advocate(one: Advocate) -> Entry:
    is_name = one.handle and one.handle != one.name and "://" not in one.handle
    known = f"{one.name} ({one.handle})" if is_name else one.name
    helped = f"helped in {_many(one.helped, 'thread')}" if one.helped else ""
    praised = f"praised in {_many(one.threads, 'thread')}"
    return Entry(known, _joined(praised, helped, ", ".join(one.sources)), one.url)


def _praise(one: Praise, report: Report) -> Entry:
    return Entry(
        one.quote.text, _joined(_byline(one.quote, report), _PERMISSION.get(one.permission, "")), one.quote.url
    )


# -- rivals, sources


def _share(report: Report) -> Iterator[Section]:
    if (share := report.sections.share) is not None:
        yield Section("Share of voice", share_of_voice(share))


def share_of_voice(share: ShareOfVoice) -> str:
    """'Acme 60% (120), Rival 40% (80), over blogs; not counted, as not heard for all: forum'."""
    if share.reason:
        return share.reason
    ranked = sorted(share.shares.items(), key=lambda one: (-one[1], one[0]))
    told = ", ".join(f"{brand} {part:.0%} ({share.mentions[brand]:,})" for brand, part in ranked)
    lost = f"; not counted, as not heard for all: {', '.join(share.passed_over)}" if share.passed_over else ""
    return f"{told}, over {', '.join(share.sources)}{lost}"


def gaps_of(source: str, report: Report) -> str:
    """'not asked 2026-11-18 to 2026-11-19; failed 2026-11-21', "" when it was heard every day; of many the last few."""
    strip = next((one for one in report.sections.heard if one.source == source), None)
    found = gaps(strip) if strip else []
    told: dict[str, list[str]] = {}
    for first, last, how in found[-_MOST_GAPS:]:
        told.setdefault(how, []).append(first if first == last else f"{first} to {last}")
    earlier = [f"{_many(len(found) - _MOST_GAPS, 'gap')} before those"] if len(found) > _MOST_GAPS else []
    said = "; ".join([f"{how} {', '.join(days)}" for how, days in told.items()] + earlier)
    # Runs are counted by such days, which are not those of the report.
    return f"{said} (UTC days)" if said and getattr(report.zone, "key", "UTC") != "UTC" else said


def _byline(quote: Quote, report: Report) -> str:
    return _joined(quote.source, quote.author, when(quote.at, report))


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
