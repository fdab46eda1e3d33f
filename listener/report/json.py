"""The report as JSON with stable keys (the README has the schema)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from listener.nps.estimate import Figure
from listener.report.build import Excerpt, Report, SourceHealth
from listener.report.words import NAMES


def render(reports: Sequence[Report]) -> str:
    return json.dumps({"reports": [as_dict(report) for report in reports]}, ensure_ascii=False, indent=2) + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    people = report.population
    return {
        "brand": report.brand,
        "since": _time(report.since),
        "until": _time(report.until),
        "timezone": getattr(report.zone, "key", "UTC"),
        "inps": _figure(report.inps),
        "net": _figure(report.net),
        "labels": {label: people.labels[label] for label in NAMES},
        "unscored": dict(sorted(people.unscored.items())),
        "waterfall": {
            "pool": people.pool,
            "eligible": people.eligible,
            "scored": people.scored,
            "opinion": people.opinion,
            "authors": people.authors,
            "unknown_authors": people.unknown_authors,
            "dropped": dict(sorted(people.dropped.items())),
            "undated": report.undated,
        },
        "labels_by_source": {source: dict(sorted(n.items())) for source, n in sorted(people.by_source.items())},
        "coverage": {
            "sources": len(report.sources),
            "heard": report.covered,
            "by_source": {source.source: _health(source) for source in report.sources},
        },
        "detractors": [_excerpt(excerpt) for excerpt in report.detractors],
        "promoters": [_excerpt(excerpt) for excerpt in report.promoters],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    estimate = figure.estimate
    numbers = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    value, low, high = (None if number is None else round(number, 2) for number in numbers)
    return {
        "value": value,
        "low": low,
        "high": high,
        "method": figure.method,
        "badge": figure.badge,
        "reason": figure.reason or None,
    }


def _health(source: SourceHealth) -> dict[str, Any]:
    return {
        "heard": source.covered,
        "runs": dict(sorted(source.runs.items())),
        "heard_at": source.heard_at and _time(source.heard_at),
        "news_at": source.news_at and _time(source.news_at),
        "trouble": source.trouble,
        "silent": source.silent,
    }


def _excerpt(excerpt: Excerpt) -> dict[str, Any]:
    return {**excerpt._asdict(), "at": _time(excerpt.at), "words": [list(word) for word in excerpt.words]}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
