"""Which terms no match can do without: what a search API is asked for, and what wakes a brand's expression up."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from listener.match.syntax import And, Near, Node, Or, Query, Term


def search_terms(query: Query) -> tuple[str, ...]:
    """Plain words and phrases such that every text the query can match holds at least one of them.

    One for every branch of an OR; of the parts of an AND the most selective. A prefix gives its bare letters (an
    API that only knows whole words will miss the longer ones). () when there are none (`*`, or fields alone): read
    everything.
    """
    found: dict[str, str] = {}
    for term in anchors(query.root) or ():
        found.setdefault(term.pattern, term.text)
    return tuple(found.values())


def anchors(node: Node) -> tuple[Term, ...] | None:
    """Terms of which every text that the node matches holds one; None when a text can do without."""
    match node:
        case Term():
            return (node,)
        case Near(left, right):
            return max(left, right, key=_selectivity)
        case And(parts):
            some = [found for found in map(anchors, parts) if found is not None]
            return max(some, key=_selectivity, default=None)
        case Or(parts):
            every: list[Term] = []
            for part in parts:
                found = anchors(part)
                if found is None:
                    return None
                every += found
            return tuple(dict.fromkeys(every))
    return None


@cache
def common_words() -> dict[str, tuple[str, ...]]:
    """Everyday English words, each with the context words that tell a brand of that name apart (mostly none)."""
    words: dict[str, tuple[str, ...]] = {}
    data = files("listener.match").joinpath("common_words.txt").read_text("utf-8")
    for line in data.splitlines():
        entry, _, _ = line.partition("#")
        word, colon, context = entry.partition(":")
        if colon:
            words[word.strip()] = tuple(context.split())
        else:
            words.update((plain, ()) for plain in entry.split() if plain not in words)
    return words


def _rarity(pattern: str) -> int:
    """0 an everyday word, 1 one that a brand is named after, 2 neither."""
    context = common_words().get(pattern)
    return 2 if context is None else int(bool(context))


def _selectivity(group: tuple[Term, ...]) -> tuple[int, int, int]:
    """Fewer terms are more selective; then rarer ones; then the more letters in the shortest."""
    return (
        -len(group),
        min(_rarity(term.pattern) for term in group),
        min(len(term.pattern) for term in group),
    )
