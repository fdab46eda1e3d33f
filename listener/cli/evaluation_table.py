"""What `listener evaluate` prints: a plain table, the scorers side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_GROUPS = 30
_NAME = 28

_Told = Mapping[str, Any]

_OVERALL: tuple[tuple[str, Callable[[_Told], str]], ...] = (
    ("texts", lambda f: f"{f['n']:,}"),
    ("read by the scorer", lambda f: f"{f['coverage']:.1%}"),
    ("accuracy", lambda f: _share(f["scored_only"]["accuracy"])),
    ("  unread ones as wrong", lambda f: _share(f["all_texts"]["accuracy"])),
    ("macro-F1", lambda f: _share(f["scored_only"]["macro_f1"])),
    ("  unread ones as wrong", lambda f: _share(f["all_texts"]["macro_f1"])),
    ("net score", lambda f: _points(f["scored_only"]["net_predicted"])),
    ("  by the labels", lambda f: _points(f["scored_only"]["net_true"])),
    ("  error", lambda f: _points(f["scored_only"]["net_error"])),
    ("  error, unread ones too", lambda f: _points(f["all_texts"]["net_error"])),
    ("calibration error (ECE)", lambda f: "-" if f["ece"] is None else _share(f["ece"])),
)


def lines(told: _Told) -> Iterator[str]:
    """`told` is what --json prints."""
    yield from _contest("", told["scorers"])
    if audits := told.get("audits"):
        yield from ("", "Audit labels alone")
        yield from _contest("", audits)
    if told.get("bad_lines"):
        yield from ("", f"bad lines, skipped: {told['bad_lines']:,}")


def _contest(title: str, scorers: Mapping[str, _Told]) -> Iterator[str]:
    overall = [one["overall"] for one in scorers.values()]
    three_way = next(iter(scorers.values()))["three_way"]
    head = ["three-way: passive and no_opinion are neutral" if three_way else title, *scorers]
    yield from _table([head, *([name, *map(figure, overall)] for name, figure in _OVERALL)])
    for kind in ("labels", "languages", "sources"):
        yield from ("", *_table(list(_LISTS[kind](scorers))))
    for name, one in scorers.items():
        yield from ("", *_table(list(_confusion(name, one["overall"]["confusion"]))))


def _labels(scorers: Mapping[str, _Told]) -> Iterator[list[str]]:
    yield ["F1 (precision, recall)", *scorers]
    found = [one["overall"]["labels"] for one in scorers.values()]
    for label in dict.fromkeys(label for labels in found for label in labels):
        yield [label, *(_of_label(labels.get(label)) for labels in found)]


def _by(kind: str, title: str) -> Callable[[Mapping[str, _Told]], Iterator[list[str]]]:
    def rows(scorers: Mapping[str, _Told]) -> Iterator[list[str]]:
        yield [title, *scorers]
        groups = [one[kind] for one in scorers.values()]
        names = list(dict.fromkeys(name for group in groups for name in group))
        for name in names[:_GROUPS]:
            yield [name, *(_group(group.get(name)) for group in groups)]
        if len(names) > _GROUPS:
            yield [f"and {len(names) - _GROUPS} more", *("" for _ in groups)]

    return rows


_LISTS = {
    "labels": _labels,
    "languages": _by("languages", "by language: macro-F1, error of net score, texts"),
    "sources": _by("sources", "by source: macro-F1, error of net score, texts"),
}


def _confusion(name: str, confusion: Mapping[str, Mapping[str, int]]) -> Iterator[list[str]]:
    said = list(next(iter(confusion.values()), {}))
    yield [f"{name} says (people say)", *said]
    for gold, row in confusion.items():
        yield [gold, *(f"{row[one]:,}" for one in said)]


def _of_label(of: Mapping[str, float] | None) -> str:
    return f"{of['f1']:.3f} ({of['precision']:.2f}, {of['recall']:.2f})" if of else "-"


def _group(figures: _Told | None) -> str:
    if not figures:
        return "-"
    if not figures["scored"]:
        return f"unread {figures['n']:>7,}"
    its = figures["scored_only"]
    return f"{its['macro_f1']:.3f} {its['net_error']:>+7.1f} {figures['n']:>7,}"


def _share(value: float) -> str:
    return f"{value:.3f}"


def _points(value: float) -> str:
    return f"{value:+.1f}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, the others to the right, a rule below the head."""
    cells = [[_short(row[0], _NAME if place else 60), *row[1:]] for place, row in enumerate(rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for place, (first, *others) in enumerate(cells):
        rest = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join((f"{first:<{widths[0]}}", *rest)).rstrip()
        if not place:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))


def _short(name: str, width: int) -> str:
    name = " ".join(name.split()) if not name.startswith("  ") else name
    return name if len(name) <= width else name[: width - 1] + "…"
