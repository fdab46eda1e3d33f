"""All brands at once: one pass over a post finds every term, then only the brands concerned are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from listener.match.explain import Explanation, explain
from listener.match.fields import Subject
from listener.match.occurrences import Found, Index
from listener.match.reading import Reading
from listener.match.search import anchors
from listener.match.syntax import Node, Or, Query, Term, terms
from listener.match.words import Origins, normalise, word_end


class Match(NamedTuple):
    """`why`: the wanted parts of the query that hold, as the query writes them, each once."""

    brand: str
    why: tuple[str, ...]


class _Brand(NamedTuple):
    """`words` (key, as written) are those of a query that any one word decides, which needs no evaluation; else ()."""

    root: Node
    words: tuple[tuple[str, str], ...]


class Matcher:
    """Immutable after construction; one may serve many threads.

    Cost per post: one pass over title and text whatever the number of brands, plus the evaluation of those whose
    terms occur, and of those that no term decides (`*`, or fields alone).
    """

    def __init__(self, queries: Mapping[str, Query]) -> None:
        self._index = Index(term for query in queries.values() for term in terms(query.root))
        self._brands: dict[str, _Brand] = {}
        self._always: list[str] = []
        self._concerned: dict[str, list[str]] = {}
        for name, query in queries.items():
            self._brands[name] = _Brand(query.root, _deciding_words(query.root))
            needed = anchors(query.root)
            if needed is None:
                self._always.append(name)
            for key in dict.fromkeys(term.key for term in needed or ()):
                self._concerned.setdefault(key, []).append(name)
        self._order = {name: position for position, name in enumerate(self._brands)}

    def match(self, subject: Subject) -> list[Match]:
        """The brands that the subject speaks of, in the order of the queries."""
        text = normalise(subject.text)
        in_text = self._index.find(text)
        title = normalise(subject.title) if subject.title else ""
        in_title = self._index.find(title) if title else {}
        if not (in_text or in_title or self._always):
            return []
        reading = Reading(subject, title, text, in_title, in_text)
        return [match for name in self._candidates(in_title, in_text) if (match := self._judge(name, reading))]

    def relevant(self, text: str) -> bool:
        """False only when no brand can match a post whose title and body are all in `text`, whatever else it is.

        For a stream, where nearly everything is dropped: one pass, and nothing is evaluated.
        """
        return bool(self._always) or not self._concerned.keys().isdisjoint(self._index.find(normalise(text)))

    def explain(self, subject: Subject) -> list[Explanation]:
        """For every brand whether and why it matches, part by part, for a person to read."""
        reading = self._read(subject)
        return [explain(name, brand.root, reading) for name, brand in self._brands.items()]

    def spans(self, subject: Subject, brand: str) -> tuple[tuple[str, int, int], ...]:
        """Where the wanted terms of a brand occur: ("title" or "text", start, end), sorted, the title first.

        Offsets are those of the subject's own strings. A prefix covers its whole word. Spans of terms that overlap
        overlap. () when the brand does not match.
        """
        reading = self._read(subject)
        found = {leaf for leaf in reading.reasons(self._brands[brand].root) if isinstance(leaf, Term)}
        return (
            *_spans("title", subject.title, reading.title, reading.in_title, found),
            *_spans("text", subject.text, reading.text, reading.in_text, {t for t in found if not t.title_only}),
        )

    def _read(self, subject: Subject) -> Reading:
        title, text = normalise(subject.title), normalise(subject.text)
        return Reading(subject, title, text, self._index.find(title), self._index.find(text))

    def _candidates(self, in_title: Found, in_text: Found) -> list[str]:
        names = set(self._always)
        for key in (*in_title, *in_text):
            names.update(self._concerned.get(key, ()))
        return sorted(names, key=self._order.__getitem__) if len(names) > 1 else list(names)

    def _judge(self, name: str, reading: Reading) -> Match | None:
        brand = self._brands[name]
        if brand.words:
            in_title, in_text = reading.in_title, reading.in_text
            return Match(name, tuple([word for key, word in brand.words if key in in_text or key in in_title]))
        if not reading.holds(brand.root):
            return None
        return Match(name, tuple(dict.fromkeys(map(str, reading.reasons(brand.root)))))


def _deciding_words(root: Node) -> tuple[tuple[str, str], ...]:
    parts = root.parts if isinstance(root, Or) else (root,)
    words = {part.key: str(part) for part in parts if isinstance(part, Term) and not part.title_only}
    return tuple(words.items()) if len(words) == len(parts) else ()


def _spans(where: str, original: str, normalised: str, found: Found, wanted: set[Term]) -> list[tuple[str, int, int]]:
    spans = set()
    origins: Origins | None = None
    for term in wanted:
        for start in found.get(term.key, ()):
            origins = origins or Origins(original)
            end = start + len(term.pattern)
            spans.add(origins.span(start, word_end(normalised, end) if term.prefix else end))
    return [(where, start, end) for start, end in sorted(spans)]
