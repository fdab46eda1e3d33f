"""The part of the store for those who estimate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import Any, Literal

from storage import sql_nps, sql_pull
from storage.contract_nps import ECHOING, Frame
from storage.pages import CHUNK, Connection
from storage.records import Author, Mention, Post, mentions_of, moment, stamp, voice_of
from storage.records_nps import (
    Audit,
    Audited,
    Ballots,
    Draw,
    Drawn,
    Framed,
    Progress,
    Seam,
    Sketch,
    Speaker,
    StoredReport,
    Story,
    Storyless,
    Tally,
    Told,
    Variant,
)
from storage.records_scoring import Review
from storage.windows import by_days, gaps, votes, whole_days

_Open = Callable[[], AbstractContextManager[Connection]]
_STORIES = "stories"
"""The sweep whose position is the last post that has its story."""

_AUDIT, _DRAW, _MENTION, _POST, _AUTHOR = (len(r._fields) for r in (Audit, Draw, Mention, Post, Author))
_BALLOTS = len(Ballots._fields) - 1


class NpsStore:
    """`storage.contract_nps.Estimating` on connections that `_read` and `_write` open."""

    _read: _Open
    _write: _Open

    # -- counting

    def tallies(self, brand: str, since: str, until: str) -> list[Tally]:
        with self._read() as connection:
            rows = connection.execute(sql_nps.TALLIES, by_days(brand, since, until))
            return [Tally._make(row) for row in rows]

    def ballots(self, brand: str, since: str, until: str, by: Literal["", "source", "language"] = "") -> list[Ballots]:
        statement = sql_nps.ballots(by, voice_by_voice=not by and self._has_most(brand, since, until))
        rows = self._sorted(statement, (brand, since, until))
        return [Ballots._make(row) for row in rows if row[1]]

    def counted(self, brand: str, since: str, until: str) -> tuple[Ballots | None, list[Variant]]:
        scored = [tally for tally in self.tallies(brand, since, until) if tally.label]
        kinds = {tally.left_out for tally in scored}
        wanted, statement = sql_nps.counted(kinds, voice_by_voice=self._has_most(brand, since, until))
        (row,) = self._sorted(statement, (brand, since, until))
        ballots = Ballots("", *row[:_BALLOTS]) if row[0] else None
        by_voice = {one: row[start : start + 2] for start, one in zip(count(_BALLOTS, 2), wanted, strict=False)}
        made = []
        for news, quarantined, no_opinion in sql_nps.VARIANT_KINDS:
            there = (news and "news" in kinds, quarantined and "quarantined" in kinds, no_opinion)
            made.append(Variant(True, no_opinion, news, quarantined, *by_voice[there]))
            counted = votes(scored, sql_nps.kinds_of((news, quarantined, no_opinion)), no_opinion)
            made.append(Variant(False, no_opinion, news, quarantined, *counted))
        return ballots, made

    def _has_most(self, brand: str, since: str, until: str) -> bool:
        """Whether a brand has half of all mentions in the window, by whole days."""
        with self._read() as connection:
            (last,) = connection.execute(sql_nps.LAST_MENTION).fetchone()
            (inside,) = connection.execute(sql_nps.IN_DAYS, (brand, *whole_days(since, until))).fetchone()
            return bool(2 * inside > last)

    def set_standing(self, author_id: str, standing: str) -> int:
        with self._write() as connection:
            connection.execute(sql_nps.SET_STANDING, (standing, author_id))
            voice = voice_of(author_id, "")
            return connection.execute(sql_nps.LEAVE_OUT, (standing, standing, voice)).rowcount

    def speakers(self, brand: str, since: str, until: str, limit: int) -> list[Speaker]:
        return self._speakers(sql_nps.SPEAKERS, (brand, since, until, limit))

    def authors_named(self, name: str, limit: int = 20) -> list[Speaker]:
        return self._speakers(sql_nps.AUTHORS_NAMED, (name.lower(), name, limit))

    def _speakers(self, statement: str, values: tuple[object, ...]) -> list[Speaker]:
        with self._read() as connection:
            rows = connection.execute(statement, values)
            return [Speaker(Author._make(row[:_AUTHOR]), *row[_AUTHOR:]) for row in rows]

    def _sorted(self, statement: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """All rows of a statement that sorts numbers of all mentions, and nothing anybody wrote."""
        with self._read() as connection:
            return connection.execute(statement, values).fetchall()

    # -- auditing

    def frame(self, brand: str, since: str, until: str, after_seq: int = 0) -> Iterator[Framed]:
        with self._read() as connection:
            for row in connection.execute(sql_nps.FRAME, (brand, since, until, after_seq)):
                yield Framed._make(row)

    def add_audit(self, audit: Audit, draws: Sequence[Draw]) -> bool:
        with self._write() as connection:
            added = connection.execute(sql_nps.ADD_AUDIT, audit).rowcount == 1
            if added:
                connection.executemany(sql_nps.ADD_DRAW, draws)
            return added

    def audits(self, brand: str = "") -> list[Progress]:
        with self._read() as connection:
            rows = connection.execute(sql_nps.AUDITS, (brand, brand))
            return [Progress(Audit._make(row[:_AUDIT]), *row[_AUDIT:]) for row in rows]

    def drawn(self, brand: str = "", audit_id: str = "", *, waiting: bool = True, limit: int = 1000) -> list[Drawn]:
        values = (brand, brand, audit_id, audit_id, int(waiting), limit)
        mention, post = _DRAW + _MENTION, _DRAW + _MENTION + _POST
        with self._read() as connection:
            return [
                Drawn(Draw._make(r[:_DRAW]), Mention._make(r[_DRAW:mention]), Post._make(r[mention:post]), r[post])
                for r in connection.execute(sql_nps.DRAWN, values)
            ]

    def draws_of(self, mention_ids: Sequence[str]) -> list[Draw]:
        return [Draw._make(row) for row in self._of(sql_nps.DRAWS_OF, mention_ids)]

    def reviews_of(self, mention_ids: Sequence[str]) -> list[Review]:
        return [Review._make(row) for row in self._of(sql_nps.REVIEWS_OF, mention_ids)]

    def _of(
        self, statement: str, ids: Sequence[str] | Sequence[int], others: tuple[str, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of these ids, in the order of the statement as far as they are asked for together."""
        found: list[tuple[Any, ...]] = []
        with self._read() as connection:
            for start in range(0, len(ids), CHUNK):
                chunk = tuple(ids[start : start + CHUNK])
                found += connection.execute(statement.format(marks=", ".join("?" * len(chunk))), (*chunk, *others))
        return found

    def audited(self, brand: str, since: str, until: str) -> list[Audited]:
        return self._audited(sql_nps.AUDITED, brand, since, until)

    def census(self, brand: str, since: str, until: str) -> list[Audited]:
        with self._read() as connection:
            if connection.execute(sql_nps.UNREVIEWED, (brand, since, until)).fetchone():
                return []
        return self._audited(sql_nps.CENSUS, brand, since, until)

    def _audited(self, statement: str, brand: str, since: str, until: str) -> list[Audited]:
        with self._read() as connection:
            rows = [Audited._make(row) for row in connection.execute(statement, (brand, since, until))]
        voices = sorted({row.voice for row in rows})
        loud = {voice: many for voice, *many in self._of(sql_nps.LOUDNESS, voices, (brand, since, until))}
        counted = ((row, *loud.get(row.voice, (1, 0))) for row in rows)  # not there: left out since the line above
        return [row._replace(mentions=mentions, opinions=opinions) for row, mentions, opinions in counted]

    def covered(self, brand: str, since: str, until: str, frames: Sequence[Frame]) -> int:
        """Where little is outside the frames, that is what is counted: it takes no look at what is inside."""
        if not frames:
            return 0
        with self._read() as connection:
            (last,) = connection.execute(sql_nps.LAST_MENTION).fetchone()
            (eligible,) = connection.execute(sql_nps.ELIGIBLE_MENTIONS, by_days(brand, since, until)).fetchone()
            left = gaps(frames, last) if all(one[0] <= since and one[1] >= until for one in frames) else [(0, last)]
            if sum(upto - after for after, upto in left) * 4 < eligible:
                outside = [connection.execute(sql_nps.IN_GAP, (*gap, brand, since, until)).fetchone() for gap in left]
                return int(eligible - sum(count for (count,) in outside))
            statement = sql_nps.COVERED.format(frames=" OR ".join([sql_nps.IN_FRAME] * len(frames)))
            values = (brand, since, until, *(value for frame in frames for value in frame))
            return int(connection.execute(statement, values).fetchone()[0])

    # -- telling stories apart

    def storyless(self, limit: int) -> list[Storyless]:
        with self._read() as connection:
            (last,) = connection.execute(sql_nps.LAST_POST).fetchone()
            told_upto, _ = connection.execute(sql_pull.SWEEP, (_STORIES,)).fetchone() or (0, "")
            rows = connection.execute(sql_nps.STORYLESS, (told_upto, last, limit)).fetchall()
        if not rows and last > told_upto:  # posts that are no mentions are not looked through twice
            with self._write() as connection:
                connection.execute(sql_pull.SET_SWEEP, (_STORIES, last, ""))
        return [Storyless._make(row) for row in rows]

    def alike(self, bands: Sequence[int]) -> list[tuple[int, str, str]]:
        return [(band, post_id, sketch) for band, post_id, sketch in self._of(sql_nps.ALIKE, bands)]

    def add_stories(self, told: Sequence[Told], sketches: Sequence[Sketch]) -> int:
        echoes = 0
        with self._write() as connection:
            rows = [(one.post_id, one.at, one.sketch, " ".join(map(str, one.bands))) for one in sketches]
            connection.executemany(sql_nps.ADD_SKETCH, rows)
            # In the order of their index: numbers at random would look for its pages again and again.
            connection.executemany(
                sql_nps.ADD_BAND, sorted((band, one.post_id) for one in sketches for band in one.bands)
            )
            connection.executemany(sql_nps.SET_STORY, [(one.story, one.post_id) for one in told])
            for one in told:
                if one.story != one.post_id:
                    echoes += _mark_echoes(connection, one)
            if told:
                (upto,) = connection.execute(sql_nps.PLACE, (told[-1].post_id,)).fetchone()
                connection.execute(sql_pull.SET_SWEEP, (_STORIES, upto, ""))
        return echoes

    def forget_sketches(self, before: str, limit: int = 5000) -> int:
        with self._write() as connection:
            old = connection.execute(sql_nps.OLD_SKETCHES, (before, limit)).fetchall()
            connection.executemany(
                sql_nps.DROP_BAND, [(int(band), post_id) for post_id, bands in old for band in bands.split()]
            )
            connection.executemany(sql_nps.DROP_SKETCH, [(post_id,) for post_id, _ in old])
            return len(old)

    def stories(self, brand: str, since: str, until: str, limit: int = 10) -> list[Story]:
        """Stories are looked at in the order of how often they were told again at all, as long as one of them could be
        among the largest."""
        found: list[Story] = []
        with self._read() as connection:
            retold = connection.execute(sql_nps.RETOLD, (since, until))
            while limit and (some := retold.fetchmany(CHUNK)):
                found.sort(key=lambda story: (-story.mentions, story.story))
                if len(found) >= limit and found[limit - 1].mentions > some[0][1] + 1:
                    break
                ids = [story for story, _ in some]
                statement = sql_nps.STORIES.format(marks=", ".join("?" * len(ids)))
                found += map(Story._make, connection.execute(statement, (*ids, *ids, brand, since, until)))
        return sorted(found, key=lambda story: (-story.mentions, story.story))[:limit]

    # -- remembering

    def note(self, brand: str, states: Mapping[str, str], now: str) -> list[Seam]:
        changed = []
        with self._write() as connection:
            for what, now_is in states.items():
                last = connection.execute(sql_nps.LAST_STATE, (brand, what)).fetchone()
                if last is None or last[0] != now_is:
                    seam = Seam(brand, what, now, now_is)
                    connection.execute(sql_nps.ADD_SEAM, seam)
                    changed += [seam] if last else []
        return changed

    def seams(self, brand: str, since: str, until: str) -> list[Seam]:
        with self._read() as connection:
            return [Seam._make(row) for row in connection.execute(sql_nps.SEAMS, (brand, since, until))]

    def add_report(self, report: StoredReport) -> None:
        with self._write() as connection:
            connection.execute(sql_nps.ADD_REPORT, report)

    def report(self, report_id: str) -> StoredReport | None:
        with self._read() as connection:
            rows = connection.execute(sql_nps.REPORT, (report_id, report_id + "~")).fetchall()
            return StoredReport._make(rows[0]) if len(rows) == 1 else None

    def reports(self, limit: int = 20) -> list[StoredReport]:
        with self._read() as connection:
            return [StoredReport._make(row) for row in connection.execute(sql_nps.REPORTS, (limit,))]


def _mark_echoes(connection: Connection, told: Told) -> int:
    echoes = 0
    its = connection.execute(sql_nps.ITS_MENTIONS, mentions_of(told.post_id)).fetchall()
    for mention_id, seq, author_id, at in its:
        of_brand = mention_id.removeprefix(told.post_id)
        lately = (told.story, author_id, told.post_id, of_brand)
        around = (stamp(moment(at) - ECHOING), stamp(moment(at) + ECHOING))
        values = (told.story + of_brand, *lately, author_id, seq, *around)
        first = connection.execute(sql_nps.TOLD_BEFORE, values).fetchone()
        if first:
            connection.execute(sql_nps.REPEAT, (first[0], mention_id))
            echoes += 1
    return echoes
