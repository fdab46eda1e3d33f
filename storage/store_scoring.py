"""The part of the store for those who score again, label and calibrate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from storage import sql_pull, sql_scoring
from storage.pages import Connection
from storage.records import Mention, Post
from storage.records_scoring import Calibration, Labelled, Rescored, Review, Stale, WordRule

_Open = Callable[[], AbstractContextManager[Connection]]
_REVIEW, _MENTION = len(Review._fields), len(Mention._fields)


class ScoringStore:
    """`storage.contract.Scoring` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    def stale(self, brand: str, scorer: str, after: int, limit: int) -> list[Stale]:
        with self._read() as connection:
            rows = connection.execute(sql_scoring.STALE, (brand, scorer, after, limit))
            return [
                Stale(row[0], Mention._make(row[1 : 1 + _MENTION]), Post._make(row[1 + _MENTION :])) for row in rows
            ]

    def count_stale(self, brand: str, scorer: str) -> int:
        with self._read() as connection:
            return int(connection.execute(sql_scoring.COUNT_STALE, (brand, scorer)).fetchone()[0])

    def rescore(self, rescored: Sequence[Rescored]) -> None:
        with self._write() as connection:
            for score, changed, fingerprint in rescored:
                of = (score.mention_id, fingerprint)
                if not changed:
                    connection.execute(sql_scoring.SET_SCORER, (score.scorer, *of))
                    continue
                judged = (score.label, score.value, score.confidence, score.language, score.unscored, score.scorer)
                if connection.execute(sql_scoring.SET_SCORE, (*judged, score.tags, *of)).rowcount:
                    connection.execute(sql_pull.ADD_SCORE, score)

    def add_reviews(self, reviews: Iterable[Review]) -> None:
        with self._write() as connection:
            connection.executemany(sql_scoring.ADD_REVIEW, list(reviews))

    def undo_review(self, review_id: str, now: str) -> bool:
        return self._changed(sql_scoring.UNDO_REVIEW, (now, review_id))

    def labelled(self, brand: str = "") -> list[Labelled]:
        with self._read() as connection:
            return [
                Labelled(
                    Review._make(row[:_REVIEW]),
                    Mention._make(row[_REVIEW : _REVIEW + _MENTION]),
                    Post._make(row[_REVIEW + _MENTION :]),
                )
                for row in connection.execute(sql_scoring.LABELLED, (brand, brand))
            ]

    def add_word_rule(self, rule: WordRule) -> None:
        self._changed(sql_scoring.ADD_WORD_RULE, rule)

    def undo_word_rule(self, rule_id: str, now: str) -> bool:
        return self._changed(sql_scoring.UNDO_WORD_RULE, (now, rule_id))

    def word_rules(self) -> list[WordRule]:
        with self._read() as connection:
            return [WordRule._make(row) for row in connection.execute(sql_scoring.WORD_RULES)]

    def add_calibration(self, calibration: Calibration) -> None:
        self._changed(sql_scoring.ADD_CALIBRATION, calibration)

    def undo_calibration(self, brand: str, now: str) -> bool:
        return self._changed(sql_scoring.UNDO_CALIBRATION, (now, brand))

    def calibrations(self) -> list[Calibration]:
        with self._read() as connection:
            return [Calibration._make(row) for row in connection.execute(sql_scoring.CALIBRATIONS)]

    def _changed(self, statement: str, values: tuple[object, ...]) -> bool:
        with self._write() as connection:
            return bool(connection.execute(statement, values).rowcount)
