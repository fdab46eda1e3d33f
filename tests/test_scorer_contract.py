"""The default scorer keeps the promises that every scorer makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from listener.sentiment.contract import Scorer
from listener.sentiment.scorer import DefaultScorer
from tests.contracts.scorers import ScorerContract


class TestDefaultScorer(ScorerContract):
    def make(self, rivals: Mapping[str, Sequence[str]]) -> Scorer:
        return DefaultScorer(["en"], rivals=rivals)
