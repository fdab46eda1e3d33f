"""The report for a terminal or a plain mail."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from listener.report import words
from listener.report.build import Excerpt, Report

_BAR = 24


def render(reports: Sequence[Report], width: int = 96) -> str:
    return "\n\n".join("\n".join(_one(report, width)) for report in reports) + "\n"


def _one(report: Report, width: int) -> list[str]:
    title = f"{report.brand}: {words.window(report)}"
    lines = [title, "=" * min(len(title), width), ""]
    lines += [line for what, said in words.summary(report) for line in _wrapped(f"{what:<13}", said, width)]
    lines += ["", "Mentions by label", *_bars(report), "", "From all mentions to voices"]
    lines += [f"  {step:<9}{left:>7}  {why}".rstrip() for step, left, why in words.waterfall(report)]
    lines += _table("Week by week", [words.week(week, report) for week in report.weeks], width)
    lines += _table("Audits: the machine's label, then people's", _confusion(report), width)
    lines += ["", "Sources", *([] if report.sources else [f"  {words.heard(report.sources)}"])]
    lines += [line for s in report.sources for line in _wrapped(f"  {s.source:<18} ", words.health(s, report), width)]
    lines += _table("Told more than once", [words.story(one) for one in report.stories], width)
    lines += _excerpts("Detractors, the surest first", report.detractors, report, width)
    lines += _excerpts("Promoters, the surest first", report.promoters, report, width)
    lines += ["", *textwrap.wrap(words.METHOD, width)]
    return lines


def _table(title: str, rows: Sequence[str], width: int) -> list[str]:
    return ["", title, *(line for row in rows for line in _wrapped("  ", row, width))] if rows else []


def _confusion(report: Report) -> list[str]:
    found = words.confusion(report.measured.figures.audits)
    return [f"{machine:<12}{person:<12}{number:>4}" for machine, person, number in found]


def _bars(report: Report) -> list[str]:
    counts = {name: report.population.labels[label] for label, name in words.NAMES.items()}
    counts |= {f"unscored({reason})": n for reason, n in sorted(report.population.unscored.items())}
    most = max(counts.values(), default=0)
    return [
        f"  {name:<20}{n:>6}  {'█' * round(_BAR * n / most) if most else ''}".rstrip() for name, n in counts.items()
    ]


def _excerpts(title: str, excerpts: Sequence[Excerpt], report: Report, width: int) -> list[str]:
    lines = ["", title]
    for number, excerpt in enumerate(excerpts, 1):
        lines += _wrapped(f"  {number}. ", words.headline(excerpt), width)
        lines += _wrapped("     ", words.byline(excerpt, report), width)
        if excerpt.url:
            lines.append(f"     {excerpt.url}")
    return lines if excerpts else [*lines, "  none"]


def _wrapped(label: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=label, subsequent_indent=" " * len(label), break_long_words=False
    ) or [label.rstrip()]
