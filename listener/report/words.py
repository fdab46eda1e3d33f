"""How a report puts things into words, whatever the format."""

from __future__ import annotations

from datetime import datetime

from listener.nps.estimate import Figure
from listener.report.build import Excerpt, Report, SourceHealth

NAMES = {"promoter": "promoters", "passive": "passives", "detractor": "detractors", "no_opinion": "no opinion"}
METHOD = (
    "Implied NPS is 100 × the mean over authors of their mean vote (promoter +1, passive 0, detractor −1), over "
    "authors who hold an opinion. NET is 100 × (promoters − detractors) / all scored mentions. Intervals are 95 % "
    "adjusted-Wald. Neither is a survey NPS; do not compare them with one."
)


def signed(points: float) -> str:
    """+12, −7, 0."""
    rounded = round(points)
    return f"{'−' if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded)}"


def figure(given: Figure) -> str:
    """'+12 (−3 to +27, uncalibrated, …)' or 'no number: not enough opinions (…)'."""
    if given.estimate is None:
        return f"no number: {given.reason}"
    estimate = given.estimate
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)}; {given.badge})"


def window(report: Report) -> str:
    zone = getattr(report.zone, "key", "UTC")
    return f"{_when(report.since, report)} to {_when(report.until, report)} ({zone})"


def waterfall(report: Report) -> list[tuple[str, int, str]]:
    """(step, how many are left, what was dropped and why)."""
    people = report.population
    unknown = f"{people.unknown_authors} of them unknown, each counted as one" if people.unknown_authors else ""
    return [
        ("pool", people.pool, f"{report.undated} more have an impossible date" if report.undated else ""),
        ("eligible", people.eligible, _dropped(dict(people.dropped))),
        ("scored", people.scored, _dropped({f"unscored({k})": n for k, n in people.unscored.items()})),
        ("opinion", people.opinion, _dropped({"no opinion": people.labels["no_opinion"]})),
        ("authors", people.authors, unknown),
    ]


def heard(report: Report) -> str:
    """'4 of 5 sources heard; not heard: status'."""
    if not report.sources:
        return "no source is configured"
    lost = [source.source for source in report.sources if not source.covered]
    return f"{report.covered} of {len(report.sources)} sources heard" + (
        f"; not heard: {', '.join(lost)}" if lost else ""
    )


def health(source: SourceHealth, report: Report) -> str:
    runs = ", ".join(f"{outcome} {n}" for outcome, n in sorted(source.runs.items())) or "never asked"
    news = f"last news {_when(source.news_at, report)}" if source.news_at else "no news yet"
    return "; ".join(filter(None, (runs, news, source.silent or source.trouble)))


def byline(excerpt: Excerpt, report: Report) -> str:
    words = ", ".join(f"{word} {weight:+.1f}" for word, weight in excerpt.words)
    said = (excerpt.source, excerpt.author, _when(excerpt.at, report), f"{excerpt.confidence:.0%} sure", words)
    return " · ".join(filter(None, said))


def headline(excerpt: Excerpt) -> str:
    if not excerpt.title or excerpt.text.startswith(excerpt.title):
        return excerpt.text
    return f"{excerpt.title}: {excerpt.text}" if excerpt.text else excerpt.title


def _dropped(reasons: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()) if n)


def _when(at: datetime, report: Report) -> str:
    return at.astimezone(report.zone).strftime("%Y-%m-%d %H:%M")
