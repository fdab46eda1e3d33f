"""The report as Markdown, for a wiki, an issue or a chat."""

from __future__ import annotations

import re
from collections.abc import Sequence

from listener.report import section_words, words
from listener.report.build import Excerpt, Report
from listener.report.section_words import Entry, Section

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])|(?<=\A)([-+])|(?<=\A\d)([.)])|(?<=\A\d\d)([.)])")


def render(reports: Sequence[Report]) -> str:
    return "\n\n".join("\n".join(_one(report)) for report in reports) + "\n"


def _one(report: Report) -> list[str]:
    lines = [f"# {escape(report.brand)}", "", escape(words.window(report)), ""]
    lines += [f"- **{what}:** {escape(said)}" for what, said in words.summary(report)]
    for section in section_words.sections(report):
        lines += _section(section)
    lines += _list("Told more than once", [words.story(one) for one in report.stories])
    lines += _excerpts("Detractors", report.detractors, report) + _excerpts("Promoters", report.promoters, report)
    lines += ["", "## Mentions", "", "| label | mentions |", "| --- | ---: |"]
    lines += [f"| {name} | {report.population.labels[label]} |" for label, name in words.NAMES.items()]
    lines += [f"| unscored ({escape(r)}) | {n} |" for r, n in sorted(report.population.unscored.items())]
    lines += ["", "| step | left | dropped |", "| --- | ---: | --- |"]
    lines += [f"| {step} | {left} | {escape(why)} |" for step, left, why in words.waterfall(report)]
    lines += _list("Week by week", [words.week(week, report) for week in report.weeks])
    found = words.confusion(report.measured.figures.audits)
    lines += _list("Audits", [f"{number} × machine {machine}, person {person}" for machine, person, number in found])
    return [*lines, *_sources(report), "", f"_{words.METHOD}_"]


def _sources(report: Report) -> list[str]:
    lines = ["", "## Sources", ""]
    lines += ["| source | runs | gaps |", "| --- | --- | --- |"] if report.sources else [words.heard(report.sources)]
    for source in report.sources:
        cells = (source.source, words.health(source, report), section_words.gaps_of(source.source, report))
        lines.append(f"| {' | '.join(map(escape, cells))} |")
    return lines


def _section(section: Section) -> list[str]:
    lines = ["", f"## {section.title}", ""]
    if section.note:
        lines += [escape(section.note), ""]
    for number, entry in enumerate(section.entries, 1):
        lines.append(f"{number}. {escape(entry.said)}")
        link = f"[open]({_target(entry.url)})" if entry.url else ""
        if under := " · ".join(filter(None, (escape(entry.under), link))):
            lines.append(f"   {under}")
    return lines if lines[-1] else lines[:-1]


def _list(title: str, rows: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {escape(row)}" for row in rows)] if rows else []


def _excerpts(title: str, excerpts: Sequence[Excerpt], report: Report) -> list[str]:
    entries = [Entry(words.headline(one), words.byline(one, report), one.url) for one in excerpts]
    return _section(Section(title, "" if entries else "none", tuple(entries)))


def escape(text: str) -> str:
    """Text of strangers shows as it is: no mark-up, no mention of `@everyone`, no line of its own."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split())).replace("@", "@\u200b")


def _target(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
