"""The report for a terminal or a plain mail."""

from __future__ import annotations

from collections.abc import Sequence

from listener.report import section_words, words
from listener.report.build import Excerpt, Report
from listener.report.columns import columns, plain, wrapped
from listener.report.section_words import Entry, Section

_BAR, _BESIDE_BAR = 24, 30
_NARROW = 60
"""Below so many columns, what stands beside a name goes on under it."""


def render(reports: Sequence[Report], width: int = 96) -> str:
    return plain("\n\n".join("\n".join(_one(report, width)) for report in reports) + "\n")


def _one(report: Report, width: int) -> list[str]:
    title = wrapped("", f"{report.brand}: {words.window(report)}", width)
    lines = [*title, "=" * min(max(map(columns, title)), width), ""]
    lines += [line for what, said in words.summary(report) for line in wrapped(f"{what:<13}", said, width)]
    for section in section_words.sections(report):
        lines += _section(section, width)
    lines += _table("Told more than once", [words.story(one) for one in report.stories], width)
    lines += _excerpts("Detractors, the surest first", report.detractors, report, width)
    lines += _excerpts("Promoters, the surest first", report.promoters, report, width)
    lines += ["", "Mentions by label", *_bars(report, width), "", "From all mentions to voices"]
    for step, left, why in words.waterfall(report):
        lines += wrapped(f"  {step:<9}{left:>7}  ", why, width)
    lines += _table("Week by week", [words.week(week, report) for week in report.weeks], width)
    lines += _table("Audits: the machine's label, then people's", _confusion(report), width)
    return [*lines, *_sources(report, width), "", *wrapped("", words.METHOD, width)]


def _section(section: Section, width: int) -> list[str]:
    lines = ["", section.title]
    if section.note:
        lines += wrapped("  ", section.note, width)
    for number, entry in enumerate(section.entries, 1):
        lines += _entry(number, entry, width)
    return lines


def _entry(number: int, entry: Entry, width: int) -> list[str]:
    lines = wrapped(f"  {number}. ", entry.said, width)
    if entry.under:
        lines += wrapped("     ", entry.under, width)
    return [*lines, f"     {entry.url}"] if entry.url else lines


def _table(title: str, rows: Sequence[str], width: int) -> list[str]:
    return ["", title, *(line for row in rows for line in wrapped("  ", row, width))] if rows else []


def _confusion(report: Report) -> list[str]:
    found = words.confusion(report.measured.figures.audits)
    return [f"{number} × machine {machine}, person {person}" for machine, person, number in found]


def _bars(report: Report, width: int) -> list[str]:
    counts = {name: report.population.labels[label] for label, name in words.NAMES.items()}
    counts |= {f"unscored({reason})": n for reason, n in sorted(report.population.unscored.items())}
    most = max(counts.values(), default=0)
    longest = max(min(_BAR, width - _BESIDE_BAR), 0)
    return [
        f"  {name:<20}{n:>6}  {'█' * round(longest * n / most) if most else ''}".rstrip() for name, n in counts.items()
    ]


def _sources(report: Report, width: int) -> list[str]:
    lines = ["", "Sources", *([] if report.sources else [f"  {words.heard(report.sources)}"])]
    hanging = 4 if width < _NARROW else None
    for source in report.sources:
        gaps = section_words.gaps_of(source.source, report)
        said = "; ".join(filter(None, (words.health(source, report), gaps)))
        lines += wrapped(f"  {source.source:<18} ", said, width, hanging)
    return lines


def _excerpts(title: str, excerpts: Sequence[Excerpt], report: Report, width: int) -> list[str]:
    entries = [Entry(words.headline(one), words.byline(one, report), one.url) for one in excerpts]
    return _section(Section(title, "" if entries else "none", tuple(entries)), width)
