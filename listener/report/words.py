"""How a report puts things into words, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Protocol

from listener.coverage import SourceHealth
from listener.measure import Measured
from listener.nps.audits import AuditSummary
from listener.nps.drift import FEWEST
from listener.nps.estimate import CORRECTED, Figure
from listener.nps.trend import Split
from listener.report.build import Excerpt, Report, Retold
from listener.report.trend import Week
from storage.records import moment
from storage.records_nps import Seam, Variant


class Windowed(Protocol):
    """What speaks of a brand over a window, its times in a zone."""

    @property
    def brand(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...
    @property
    def zone(self) -> tzinfo: ...


NAMES = {"promoter": "promoters", "passive": "passives", "detractor": "detractors", "no_opinion": "no opinion"}
METHOD = (
    "Implied NPS is 100 × the mean over authors of their mean vote (promoter +1, passive 0, detractor −1), over "
    "authors who hold an opinion. NET is 100 × (promoters − detractors) / all scored mentions. Intervals are 95 %: "
    "adjusted-Wald where only the machine has read, prediction-powered (PPI++) where people have labelled a random "
    "sample. Neither is a survey NPS; do not compare them with one."
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


def window(of: Windowed) -> str:
    zone = getattr(of.zone, "key", "UTC")
    return f"{when(of.since, of)} to {when(of.until, of)} ({zone})"


def summary(report: Report) -> list[tuple[str, str]]:
    """(what, in words): the head of a report."""
    lines = [
        ("Implied NPS", figure(report.inps)),
        ("NET", figure(report.net)),
        ("Change", change(report)),
        ("Definitions", definitions(report)),
        ("Coverage", heard(report.sources)),
        ("Audits", audits(report.measured)),
        ("Voices", voices(report)),
        ("Seams", "; ".join(seam(one, report) for one in report.seams)),
    ]
    return [(what, said) for what, said in lines if said]


def change(report: Report) -> str:
    trend = report.trend
    against = f"{when(trend.since, report)} to {when(report.since, report)}"
    if trend.change is None:
        return f"not told ({trend.reason})"
    before = trend.inps.estimate
    said = f"{trend.change.words} against {against}" + (f" ({signed(before.value)})" if before else "")
    return said + (_parts(trend.split) if trend.change.detectable and trend.split else "")


def _parts(parts: Split) -> str:
    """Who was heard, and how they thought."""
    fixed = "" if parts.fixed_mix is None else f"; with the sources' old shares it would be {signed(parts.fixed_mix)}"
    mood = f"{signed(parts.mix)} is other sources, {signed(parts.sentiment)} mood"
    return f"; of NET's {signed(parts.change)} by the machine's labels, {mood}{fixed}"


def definitions(report: Report) -> str:
    """How far the figure hangs on what is counted."""
    band = report.band
    if band is None or report.inps.estimate is None:
        return ""
    low, high = (
        f"{signed(points)} ({definition(of)})" for points, of in ((band.low, band.lowest), (band.high, band.highest))
    )
    said = f"counted in other ways, the machine's labels give {low} to {high}"
    if band.flips:
        said += "; the sign depends on it"
    if report.with_quarantined is not None:
        said += f"; with quarantined authors {signed(report.with_quarantined)}"
    return said


def definition(of: Variant) -> str:
    """'by author, news in'."""
    parts = ["by author" if of.by_voice else "by mention", "no opinion as 0" if of.no_opinion else ""]
    parts += ["news in" if of.news else "", "quarantined authors in" if of.quarantined else ""]
    return ", ".join(filter(None, parts))


def audits(measured: Measured) -> str:
    found = measured.figures.audits
    if not found.n and measured.figures.inps.method == CORRECTED:
        return "none labelled in this window: the figures rest on the machine and on how it erred before"
    if not found.n:
        return "none labelled in this window: the figures rest on the machine alone (see `listener audit`)"
    told = found.accuracy is not None and found.n >= FEWEST  # a share of fewer tells nothing
    agreed = f"; people agree with the machine on {found.accuracy:.0%}" if told else ""
    drift = measured.figures.drift
    return (
        f"{found.n} labelled, the last on {found.last[:10]}{agreed}; "
        f"drawn from {measured.audited:.0%} of what counts" + (f"; {drift.verdict}" if drift else "")
    )


def confusion(found: AuditSummary) -> list[tuple[str, str, int]]:
    """(machine's label, person's, how many audits), where there is any."""
    names = [*NAMES, "unscored", "not_us"]
    pairs = sorted(found.confusion, key=lambda pair: (names.index(pair[0]), names.index(pair[1])))
    return [(*pair, found.confusion[pair]) for pair in pairs]


def voices(report: Report) -> str:
    people = report.population
    if not people.authors:
        return ""
    return (
        f"{people.authors} authors, as concentrated as {people.effective_authors:.0f} equally loud ones; "
        f"the loudest wrote {people.top_share:.0%} of the opinions"
    )


def seam(one: Seam, report: Report) -> str:
    """'2026-11-20 09:00 the scorer became listener@2'."""
    return f"{when(moment(one.noted_at), report)} the {one.what} became {one.now_is}"


def story(one: Retold) -> str:
    voices = "1 voice" if one.voices == 1 else f"{one.voices} voices"
    return f"{one.mentions} mentions by {voices}: {one.text}"


def week(one: Week, report: Report) -> str:
    return f"{when(one.since, report)[:10]}  {figure(one.figures.inps)}"


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


def heard(sources: Sequence[SourceHealth]) -> str:
    """'4 of 5 sources heard; not heard: status'."""
    if not sources:
        return "no source is configured"
    lost = [source.source for source in sources if not source.covered]
    return f"{len(sources) - len(lost)} of {len(sources)} sources heard" + (
        f"; not heard: {', '.join(lost)}" if lost else ""
    )


def health(source: SourceHealth, report: Report) -> str:
    runs = ", ".join(f"{outcome} {n}" for outcome, n in sorted(source.runs.items())) or "never asked"
    news = f"last news {when(source.news_at, report)}" if source.news_at else "no news yet"
    return "; ".join(filter(None, (runs, news, source.silent or source.trouble)))


def byline(excerpt: Excerpt, report: Report) -> str:
    words = ", ".join(f"{word} {weight:+z.1f}" for word, weight in excerpt.words)
    said = (excerpt.source, excerpt.author, when(excerpt.at, report), f"{excerpt.confidence:.0%} sure", words)
    return " · ".join(filter(None, said))


def headline(excerpt: Excerpt) -> str:
    if not excerpt.title or excerpt.text.startswith(excerpt.title):
        return excerpt.text
    return f"{excerpt.title}: {excerpt.text}" if excerpt.text else excerpt.title


def _dropped(reasons: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()) if n)


def when(at: datetime, report: Windowed) -> str:
    """'2026-11-20 09:00', in the report's zone."""
    return at.astimezone(report.zone).strftime("%Y-%m-%d %H:%M")
