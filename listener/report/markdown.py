"""The report as Markdown, for a wiki, an issue or a chat."""

from __future__ import annotations

import re
from collections.abc import Sequence

from listener.report import words
from listener.report.build import Excerpt, Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])|(?<=\A)([-+])|(?<=\A\d)([.)])|(?<=\A\d\d)([.)])")


def render(reports: Sequence[Report]) -> str:
    return "\n\n".join("\n".join(_one(report)) for report in reports) + "\n"


def _one(report: Report) -> list[str]:
    lines = [f"# {escape(report.brand)}", "", escape(words.window(report)), ""]
    lines += [f"- **{what}:** {escape(said)}" for what, said in words.summary(report)]
    lines += ["", "| label | mentions |", "| --- | ---: |"]
    lines += [f"| {name} | {report.population.labels[label]} |" for label, name in words.NAMES.items()]
    lines += [f"| unscored ({escape(r)}) | {n} |" for r, n in sorted(report.population.unscored.items())]
    lines += ["", "| step | left | dropped |", "| --- | ---: | --- |"]
    lines += [f"| {step} | {left} | {escape(why)} |" for step, left, why in words.waterfall(report)]
    lines += _section("Week by week", [escape(words.week(week, report)) for week in report.weeks])
    found = words.confusion(report.measured.figures.audits)
    rows = [f"{number} × machine {machine}, person {person}" for machine, person, number in found]
    lines += _section("Audits", [escape(row) for row in rows])
    lines += ["", "## Sources", ""]
    lines += ["| source | runs |", "| --- | --- |"] if report.sources else [words.heard(report.sources)]
    lines += [f"| {escape(s.source)} | {escape(words.health(s, report))} |" for s in report.sources]
    lines += _section("Told more than once", [escape(words.story(one)) for one in report.stories])
    lines += _excerpts("Detractors", report.detractors, report) + _excerpts("Promoters", report.promoters, report)
    return [*lines, "", f"_{words.METHOD}_"]


def _section(title: str, rows: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {row}" for row in rows)] if rows else []


def _excerpts(title: str, excerpts: Sequence[Excerpt], report: Report) -> list[str]:
    lines = ["", f"## {title}", ""]
    for number, excerpt in enumerate(excerpts, 1):
        lines += [f"{number}. {escape(words.headline(excerpt))}", f"   {escape(words.byline(excerpt, report))}"]
        if excerpt.url:
            lines[-1] += f" · [open]({_target(excerpt.url)})"
    return lines if excerpts else [*lines, "none"]


def escape(text: str) -> str:
    """Text of strangers shows as it is: no mark-up, no mention of `@everyone`, no line of its own."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split())).replace("@", "@\u200b")


def _target(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
