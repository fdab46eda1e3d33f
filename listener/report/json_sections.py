"""The sections of a report as JSON with stable keys (the README has the schema)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from listener.nps.share import ShareOfVoice
from listener.report.sections import Answers, Complaint, Complaints, Quote, Sections, Unanswered


def as_dict(of: Sections) -> dict[str, Any]:
    return {
        "needs_answer": _unanswered(of.unanswered),
        "responses": _answers(of.answers),
        "themes": _complaints(of.complaints),
        "questions": [
            {
                "text": one.text,
                "askers": one.askers,
                "times": one.times,
                "answer_url": one.answer_url or None,
                "newest": _quote(one.quote),
            }
            for one in of.questions
        ],
        "advocates": [
            {**one._asdict(), "sources": list(one.sources), "latest_at": time(one.latest_at)} for one in of.advocates
        ],
        "praise": [{"permission": one.permission, "quote": _quote(one.quote)} for one in of.praise],
        "share_of_voice": of.share and _share(of.share),
        "days": [{"since": time(day.since), "until": time(day.until), "labels": dict(day.counts)} for day in of.days],
        "heard_by_day": {strip.source: dict(strip.days) for strip in of.heard},
    }


def time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _unanswered(found: Unanswered) -> dict[str, Any]:
    first = [
        {
            "overdue": one.late,
            "due_at": one.due_at and time(one.due_at),
            "assignee": one.assignee,
            "quote": _quote(one.quote),
        }
        for one in found.first
    ]
    return {"open": found.open, "overdue": found.late, "more_overdue": found.more, "first": first}


def _answers(found: Answers) -> dict[str, Any]:
    return {
        "answers": found.answers,
        "median_seconds": _seconds(found.median),
        "p90_seconds": _seconds(found.p90),
        "due": found.due,
        "in_time": found.timely,
        "more": found.more,
    }


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else round(length.total_seconds())


def _complaints(found: Complaints) -> dict[str, Any]:
    return {
        "since": time(found.since),
        "texts": found.read,
        "texts_before": found.read_before,
        "sampled": found.sampled,
        "found": [_complaint(one) for one in found.themes],
    }


def _complaint(one: Complaint) -> dict[str, Any]:
    return {
        "term": one.term,
        "authors": one.authors,
        "mentions": one.mentions,
        "authors_before": one.before_authors,
        "z": round(one.z, 2),
        "examples": [_quote(example) for example in one.examples],
    }


def _share(share: ShareOfVoice) -> dict[str, Any]:
    return {
        "sources": list(share.sources),
        "passed_over": list(share.passed_over),
        "mentions": share.mentions,
        "shares": {brand: round(part, 4) for brand, part in share.shares.items()},
        "reason": share.reason or None,
    }


def _quote(quote: Quote) -> dict[str, Any]:
    return {**quote._asdict(), "at": time(quote.at)}
