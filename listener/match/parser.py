"""Query text -> Query, by recursive descent.

    any of      := all of ("OR" all of)*
    all of      := near (["AND"] near)*                    two things side by side mean AND
    near        := not ["near/N" not]                      N words apart at most, in either order
    not         := ("NOT" | "-") not | one
    one         := "(" any of ")" | word | "phrase" | word* | field:value | *

So NOT binds tightest, then near, AND, OR: `a OR b c near/5 d` is `a OR (b AND (c near/5 d))`. Operators are upper case
(`near` either way); in quotes they are ordinary words, and a backslash lets a quote be part of a phrase.
"""

from __future__ import annotations

from listener.match.fields import field_node
from listener.match.syntax import And, Everything, Near, Node, Not, Or, Query, QueryError, Term
from listener.match.tokens import Kind, Token, tokens

_DEEPEST = 50
_OPENERS: tuple[Kind, ...] = ("(", "NOT", "term", "field", "*")


def parse(text: str) -> Query:
    """Raises QueryError, and nothing else, for any text that is not a query.

    >>> str(parse('("acme cloud" OR acme) -jobs'))
    '("acme cloud" OR acme) AND NOT jobs'
    """
    parser = _Parser(tokens(text))
    root = parser.any_of()
    parser.expect_end()
    if not _asks_for_something(root):
        column = parser.first_not
        raise QueryError(
            f"NOT at column {column} would match almost every post on its own: "
            "write what to look for first, as in (acme NOT jobs), or * NOT jobs for everything else",
            column,
        )
    return Query(root)


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0
        self.first_not = 1

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self, kind: Kind) -> Token | None:
        token = self._token
        if token.kind != kind:
            return None
        self._at += 1
        return token

    def any_of(self) -> Node:
        parts = [self._all_of()]
        while self._take("OR"):
            parts.append(self._all_of())
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))]
        return Or(tuple(flat)) if len(flat) > 1 else flat[0]

    def _all_of(self) -> Node:
        parts = [self._near()]
        while self._take("AND") or self._token.kind in _OPENERS:
            parts.append(self._near())
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,))]
        return And(tuple(flat)) if len(flat) > 1 else flat[0]

    def _near(self) -> Node:
        start = self._token
        left = self._not()
        near = self._take("near")
        if near is None:
            return left
        right_start = self._token
        right = self._not()
        if self._token.kind == "near":
            column = self._token.column
            raise QueryError(
                f"{self._token.text} at column {column} follows another near: write (a near/5 b) AND (b near/5 c)",
                column,
            )
        return Near(_words_of(left, near, start), _words_of(right, near, right_start), near.distance)

    def _not(self) -> Node:
        token = self._take("NOT")
        if token is None:
            return self._one()
        if self.first_not == 1:
            self.first_not = token.column
        self._enter(token)
        part = self._not()
        self._depth -= 1
        return part.part if isinstance(part, Not) else Not(part)

    def _one(self) -> Node:
        token = self._token
        if self._take("("):
            return self._bracket(token)
        if self._take("term"):
            return Term(token.text, prefix=token.prefix)
        if self._take("field"):
            try:
                return field_node(token.name, token.text, prefix=token.prefix)
            except ValueError as error:
                raise QueryError(f"{error} (column {token.column})", token.column) from None
        if self._take("*"):
            return Everything()
        raise self._missing(token)

    def _bracket(self, opening: Token) -> Node:
        self._enter(opening)
        inside = self.any_of()
        if not self._take(")"):
            if self._token.kind != "end":
                raise self._misplaced(self._token)
            raise QueryError(
                f"the bracket opened at column {opening.column} is never closed, add a ) where it ends",
                opening.column,
            )
        self._depth -= 1
        return inside

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._misplaced(self._token)

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryError(
                f"brackets and NOTs are nested deeper than {_DEEPEST} at column {token.column}, simplify the query",
                token.column,
            )

    def _missing(self, token: Token) -> QueryError:
        if token.kind == "end" and len(self._tokens) == 1:
            return QueryError('the query is empty: write a word, a "phrase", or * for every post', 1)
        before = f" after {self._tokens[self._at - 1].text}" if self._at else ""
        instead = "the query ends" if token.kind == "end" else f"{token.text} stands"
        hint = f'; write "{token.text}" in quotes to search for the word' if token.text.isalpha() else ""
        return QueryError(
            f"a word, a phrase or a ( is expected{before} at column {token.column}, but {instead} there{hint}",
            token.column,
        )

    def _misplaced(self, token: Token) -> QueryError:
        if token.kind == ")":
            return QueryError(f"the ) at column {token.column} closes nothing, delete it", token.column)
        return QueryError(f"{token.text} is not expected at column {token.column}", token.column)


def _words_of(node: Node, near: Token, start: Token) -> tuple[Term, ...]:
    parts = node.parts if isinstance(node, Or) else (node,)
    words = [part for part in parts if isinstance(part, Term) and not part.title_only]
    if len(words) == len(parts):
        return tuple(words)
    hint = f'(acme OR "acme cloud") {near.text} (down OR outage)'
    if isinstance(node, Not):
        hint = f"NOT (acme {near.text} jobs)"
    raise QueryError(
        f"{near.text} at column {near.column} joins words, phrases or (a OR b), not what stands at column "
        f"{start.column}: write for example {hint}",
        start.column,
    )


def _asks_for_something(node: Node) -> bool:
    """Does every way to match need something to be there, and not only something to be absent?"""
    match node:
        case Not():
            return False
        case And(parts):
            return any(map(_asks_for_something, parts))
        case Or(parts):
            return all(map(_asks_for_something, parts))
    return True
