"""Advice on a query before it goes live: what will match too much, what can never match, and what to write instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from listener.match.search import common_words
from listener.match.syntax import And, Near, Node, Not, Or, Query, Term, terms
from listener.match.words import HANGUL, KINDS, UNSPACED

_SHORT = 3  # letters
_SHORTEST_PREFIX = 3
_ANY_CONTEXT = ("app", "login", "support")


def lint(brand: str, query: Query) -> list[str]:
    """Warnings about a brand's query, one sentence each with the fix, none twice; [] when there is nothing to say."""
    found = (
        *_operators_as_words(query.root),
        *_too_common(query.root),
        *_short_prefixes(query.root),
        *_unreachable(query.root, ()),
        *_written_twice(query.root),
    )
    return [f"{brand}: {warning}" for warning in dict.fromkeys(found)]


def _operators_as_words(root: Node) -> Iterator[str]:
    for term in terms(root):
        if term.text in ("and", "or", "not"):
            operator = term.text.upper()
            yield f"the lower-case {term.text} is searched for as a word: write {operator} if you mean the operator"


def _too_common(root: Node) -> Iterator[str]:
    for term in _bare(root):
        context = common_words().get(term.pattern)
        if term.prefix or term.pattern in ("and", "or", "not"):
            continue
        if context is not None:
            why = "is an everyday word and will find posts about other things"
        elif _is_short(term.pattern):
            why = "is so short that it will find posts about other things"
        else:
            continue
        words = " OR ".join(context or _ANY_CONTEXT)
        yield f'{term} {why}: add a context word, as in ("{term.text}" AND ({words}))'


def _bare(node: Node) -> tuple[Term, ...]:
    """Wanted terms that are enough on their own: no other wanted term has to be there as well."""
    match node:
        case Term():
            return (node,)
        case Or(parts):
            return tuple(term for part in parts for term in _bare(part))
        case And(parts):
            wanted = [part for part in parts if not isinstance(part, Not) and any(terms(part))]
            return _bare(wanted[0]) if len(wanted) == 1 else ()
    return ()


def _is_short(pattern: str) -> bool:
    if any(KINDS[character] in (HANGUL, UNSPACED) for character in pattern):
        return len(pattern) == 1
    return len(pattern) <= _SHORT


def _short_prefixes(root: Node) -> Iterator[str]:
    for term in terms(root):
        if term.prefix and len(term.pattern) < _SHORTEST_PREFIX and _is_short(term.pattern):
            yield (
                f"{term} finds every word that begins with {term.text}: "
                f"write at least {_SHORTEST_PREFIX} letters before the *, or the whole words"
            )


def _unreachable(node: Node, excluded: tuple[Term, ...]) -> Iterator[str]:
    """Wanted terms below the node that a NOT beside or above them excludes."""
    match node:
        case Term():
            for other in excluded:
                if _covers(other, node):
                    yield f"{node} can never match because NOT {other} excludes it: delete one of the two"
        case Near(left, right):
            for term in left + right:
                yield from _unreachable(term, excluded)
        case And(parts):
            here = tuple(term for part in parts if isinstance(part, Not) for term in _each_excluded(part.part))
            for part in parts:
                yield from _unreachable(part, excluded + here)
        case Or(parts):
            for part in parts:
                yield from _unreachable(part, excluded)


def _each_excluded(node: Node) -> tuple[Term, ...]:
    """The terms of which any one alone makes the excluded node hold."""
    match node:
        case Term():
            return (node,)
        case Or(parts):
            return tuple(term for part in parts for term in _each_excluded(part))
    return ()


def _covers(wide: Term, narrow: Term) -> bool:
    """Does `wide` hold in every text in which `narrow` does, as far as the writing of the two tells?"""
    if wide.title_only and not narrow.title_only:
        return False
    return wide.key == narrow.key or (wide.prefix and narrow.pattern.startswith(wide.pattern))


def _written_twice(node: Node) -> Iterator[str]:
    match node:
        case And(parts) | Or(parts):
            group = [part for part in parts if isinstance(part, Term)]
            inner: list[Node] = [part for part in parts if not isinstance(part, Term)]
        case Near(left, right):
            group, inner = [*left], []
            yield from _written_twice(Or(right))
        case Not(part):
            group, inner = [], [part]
        case _:
            return
    times = Counter((term.key, term.title_only) for term in group)
    for term in group:
        if times[term.key, term.title_only] > 1:
            times[term.key, term.title_only] = 0
            yield f"{term} is written more than once in the same list (upper and lower case are equal): keep one"
    for part in inner:
        yield from _written_twice(part)
