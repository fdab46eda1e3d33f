"""What an alert says, to every channel the same: stored as it was when it was raised, rendered when it is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from storage.records import stamp

TEXT_CHARS = 2_000
_FIELD_CHARS = 300
_LIST_ITEMS = 10


class Count(NamedTuple):
    """How many of a digest's mentions are of one brand and label."""

    brand: str
    label: str
    mentions: int


class Line(NamedTuple):
    """One mention of a digest."""

    brand: str
    label: str
    confidence: float
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Many mentions in one message: `counts` over all, the `surest` few, and the ids of the deliveries it replaces."""

    total: int
    counts: tuple[Count, ...]
    surest: tuple[Line, ...]
    members: tuple[str, ...]

    def bounded(self, field: int, items: int) -> Digest:
        counts = tuple(Count(cut(c.brand, field), cut(c.label, field), c.mentions) for c in self.counts[: 5 * items])
        surest = tuple(
            line._replace(brand=cut(line.brand, field), label=cut(line.label, field), title=cut(line.title, field))
            for line in self.surest[:items]
        )
        return replace(self, counts=counts, surest=surest)


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a channel needs to render a message; `bounded` in every field but the link.

    `type` is "mention.<label>", "mention.digest", "case.overdue", "brand.<what>", "source.<what>", "report", "test" or
    "ops.<what>". Times are stamps; `found_at` is when the alert was raised. `value` is −1..1 toward the brand,
    `confidence` 0..1. `rule`, `reasons` (sentences), `explanation` (word, weight; the strongest first) and `why` (the
    terms that matched) tell a reader why they got this; `facts` are (what, its figure). `url` is the post's address,
    `desk` where to see at the desk what this speaks of. `report` is the id of the stored report that goes with it, and
    `html` that report, put in when it is sent and never stored. Every text may be hostile: each channel escapes it in
    its own way.
    """

    type: str
    found_at: str
    brand: str = ""
    rule: str = ""
    label: str = ""
    value: float = 0.0
    confidence: float = 0.0
    language: str = ""
    source: str = ""
    author: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    published_at: str | None = None
    explanation: tuple[tuple[str, float], ...] = ()
    why: tuple[str, ...] = ()
    mention_id: str = ""
    digest: Digest | None = None
    reasons: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    desk: str = ""
    report: str = ""
    html: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(replace(self, html="")), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Notice:
        """The inverse of `to_json`; keys of other versions are passed over. Raises ValueError for anything else."""
        try:
            stored: dict[str, Any] = json.loads(text)
            known = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
            known["explanation"] = tuple((word, weight) for word, weight in stored.get("explanation", ()))
            known["why"] = tuple(stored.get("why", ()))
            known["reasons"] = tuple(stored.get("reasons", ()))
            known["facts"] = tuple((what, said) for what, said in stored.get("facts", ()))
            known["digest"] = _digest(stored.get("digest"))
            return cls(**known)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a stored notice: {error}") from error

    def bounded(self, text: int = TEXT_CHARS, field: int = _FIELD_CHARS, items: int = _LIST_ITEMS) -> Notice:
        """With the text cut to `text` characters, every other field but the link to `field`, lists to `items`."""
        return replace(
            self,
            brand=cut(self.brand, field),
            rule=cut(self.rule, field),
            label=cut(self.label, field),
            language=cut(self.language, field),
            source=cut(self.source, field),
            author=cut(self.author, field),
            title=cut(self.title, field),
            text=cut(self.text, text),
            explanation=tuple((cut(word, field), weight) for word, weight in self.explanation[:items]),
            why=tuple(cut(term, field) for term in self.why[:items]),
            reasons=tuple(cut(sentence, field) for sentence in self.reasons[:items]),
            facts=tuple((cut(what, field), cut(said, field)) for what, said in self.facts[: 2 * items]),
            digest=self.digest and self.digest.bounded(field, items),
        )


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis if anything is missing."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"[:limit]


def test_notice(channel_name: str, now: datetime) -> Notice:
    """What `listener alerts test` sends."""
    return Notice(
        type="test",
        found_at=stamp(now),
        rule="alerts test",
        source="listener",
        title=f"Test message for the channel {channel_name}",
        text="If you can read this, alerts reach this place. Nobody needs to do anything.",
    )


def _digest(stored: dict[str, Any] | None) -> Digest | None:
    if stored is None:
        return None
    return Digest(
        total=stored["total"],
        counts=_rows(Count, stored["counts"]),
        surest=_rows(Line, stored["surest"]),
        members=tuple(stored["members"]),
    )


def _rows(kind: Any, stored: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(kind(*row) for row in stored)
