"""The report as JSON with stable keys (the README has the schema)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from listener.coverage import SourceHealth
from listener.measure import Measured
from listener.nps.estimate import Figure
from listener.report import json_sections, words
from listener.report.build import Excerpt, Report
from listener.report.json_sections import time
from listener.report.trend import Week
from listener.report.words import NAMES
from storage.records import moment


def render(reports: Sequence[Report]) -> str:
    return json.dumps({"reports": [as_dict(report) for report in reports]}, ensure_ascii=False, indent=2) + "\n"


def as_dict(report: Report) -> dict[str, Any]:
    return {
        **head(report),
        **numbers(report.measured, report.sources, report.undated),
        "change": _change(report),
        "definitions": _definitions(report),
        "weeks": [_week(week) for week in report.weeks],
        "seams": [
            {"at": time(moment(seam.noted_at)), "what": seam.what, "now_is": seam.now_is} for seam in report.seams
        ],
        "labels_by_source": _counts(report.population.by_source),
        "stories": [story._asdict() for story in report.stories],
        "detractors": [_excerpt(excerpt) for excerpt in report.detractors],
        "promoters": [_excerpt(excerpt) for excerpt in report.promoters],
        **json_sections.as_dict(report.sections),
    }


def head(window: words.Windowed) -> dict[str, Any]:
    return {
        "brand": window.brand,
        "since": time(window.since),
        "until": time(window.until),
        "timezone": getattr(window.zone, "key", "UTC"),
    }


def numbers(measured: Measured, sources: Sequence[SourceHealth], undated: int) -> dict[str, Any]:
    """What `listener nps` prints and every report has."""
    people, found = measured.population, measured.figures
    return {
        "inps": figure(found.inps),
        "net": figure(found.net),
        "waterfall": {
            "pool": people.pool,
            "eligible": people.eligible,
            "scored": people.scored,
            "opinion": people.opinion,
            "authors": people.authors,
            "unknown_authors": people.unknown_authors,
            "effective_authors": round(people.effective_authors, 1),
            "top_share": round(people.top_share, 4),
            "dropped": dict(sorted(people.dropped.items())),
            "undated": undated,
        },
        "labels": {label: people.labels[label] for label in NAMES},
        "unscored": dict(sorted(people.unscored.items())),
        "scorers": dict(sorted(people.scorers.items())),
        "audits": _audits(measured),
        "coverage": {
            "sources": len(sources),
            "heard": sum(source.covered for source in sources),
            "by_source": {source.source: _health(source) for source in sources},
        },
    }


def figure(of: Figure) -> dict[str, Any]:
    estimate = of.estimate
    numbers = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    value, low, high = map(_points, numbers)
    return {
        "value": value,
        "low": low,
        "high": high,
        "method": of.method,
        "badge": of.badge,
        "reason": of.reason or None,
    }


def _points(points: float | None) -> float | None:
    return None if points is None else round(points, 2) + 0.0  # no −0.0


def _audits(measured: Measured) -> dict[str, Any]:
    found, drift = measured.figures.audits, measured.figures.drift
    confusion: dict[str, dict[str, int]] = {}
    for machine, person, number in words.confusion(found):
        confusion.setdefault(machine, {})[person] = number
    return {
        "labelled": found.n,
        "last": found.last or None,
        "accuracy": None if found.accuracy is None else round(found.accuracy, 4),
        "covered": round(measured.audited, 4),
        "drift": drift.verdict if drift else None,
        "confusion": confusion,
    }


def _change(report: Report) -> dict[str, Any]:
    trend = report.trend
    told: dict[str, Any] = {"since": time(trend.since), "before": figure(trend.inps)}
    told |= {key: _points(getattr(trend.change, key, None)) for key in ("difference", "low", "high")}
    told |= {"detectable": trend.change.detectable if trend.change else None, "reason": trend.reason or None}
    parts = trend.split and {key: _points(points) for key, points in trend.split._asdict().items()}
    return told | {"net_by_source": parts}


def _definitions(report: Report) -> dict[str, Any] | None:
    if report.band is None or report.inps.estimate is None:  # what is withheld is not told by another name
        return None
    return {
        "low": _points(report.band.low),
        "high": _points(report.band.high),
        "lowest": words.definition(report.band.lowest),
        "highest": words.definition(report.band.highest),
        "sign_flips": report.band.flips,
        "with_quarantined": _points(report.with_quarantined),
    }


def _week(week: Week) -> dict[str, Any]:
    return {
        "since": time(week.since),
        "until": time(week.until),
        "inps": figure(week.figures.inps),
        "mentions": week.mentions,
    }


def _counts(of: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(counts.items())) for name, counts in sorted(of.items())}


def _health(source: SourceHealth) -> dict[str, Any]:
    return {
        "heard": source.covered,
        "runs": dict(sorted(source.runs.items())),
        "heard_at": source.heard_at and time(source.heard_at),
        "news_at": source.news_at and time(source.news_at),
        "trouble": source.trouble,
        "silent": source.silent,
    }


def _excerpt(excerpt: Excerpt) -> dict[str, Any]:
    return {**excerpt._asdict(), "at": time(excerpt.at), "words": [list(word) for word in excerpt.words]}
