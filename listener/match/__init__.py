"""What is looked for: the query language, the matcher over all brands, and the advice on a query."""

from listener.match.explain import Explanation
from listener.match.fields import Subject
from listener.match.lint import lint
from listener.match.matcher import Match, Matcher
from listener.match.parser import parse
from listener.match.search import search_terms
from listener.match.syntax import Query, QueryError

__all__ = ["Explanation", "Match", "Matcher", "Query", "QueryError", "Subject", "lint", "parse", "search_terms"]
