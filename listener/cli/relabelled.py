"""Labels that change, as `rescore` and `rules preview` tell them: how many from what to what, and the first few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from listener.intake import readable
from listener.rescore import Change, Step

_EXAMPLES = 10
_WIDTH = 90


@dataclass
class Tally:
    """What steps add up to."""

    looked: int = 0
    rescored: int = 0
    labels: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)

    @property
    def relabelled(self) -> int:
        return self.labels.total()

    def add(self, step: Step) -> None:
        self.looked += step.looked
        self.rescored += step.rescored
        self.labels.update((change.mention.brand, change.before, change.after) for change in step.changes)
        self.examples += step.changes[: _EXAMPLES - len(self.examples)]

    def table(self) -> list[str]:
        """Lines; the commonest change first, none where no label changes."""
        if not self.labels:
            return []
        rows = [(*which, f"{count:,}") for which, count in self.labels.most_common()]
        return _aligned([("brand", "from", "to", "mentions"), *rows])

    def shown(self, word: str = "") -> list[str]:
        """The examples, two lines each; what is shown of a text is what stands around `word`."""
        lines = []
        for mention, post, before, after in self.examples:
            day = (post.at or post.first_seen_at)[:10]
            lines.append(f"  {day} {post.source}, {mention.brand}: {before} -> {after}  {post.url}".rstrip())
            lines.append(f"    {_around(readable(post), word)}")
        return lines

    def as_json(self) -> dict[str, Any]:
        labels = self.labels.most_common()
        return {
            "relabelled": self.relabelled,
            "labels": [{"brand": b, "from": old, "to": new, "mentions": n} for (b, old, new), n in labels],
            "examples": [
                {"mention": mention.id, "brand": mention.brand, "from": before, "to": after, "url": post.url}
                | {"text": readable(post)[:200]}
                for mention, post, before, after in self.examples
            ],
        }


def _around(text: str, word: str) -> str:
    at = max(text.lower().find(word) - _WIDTH // 3, 0)
    cut = " ".join(text[at : at + _WIDTH].split())
    return ("…" if at else "") + cut + ("…" if at + _WIDTH < len(text) else "")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as they need; the last is of numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *cells, number in rows:
        left = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths[:-1], strict=True))
        lines.append(f"  {left}  {number.rjust(widths[-1])}")
    return lines
