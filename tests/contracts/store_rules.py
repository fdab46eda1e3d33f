"""What every database must be to rules that look at what is stored: `storage.contract_rules`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from storage.contract import Store
from storage.records import Arrival, stamp
from storage.records_nps import Told
from storage.records_rules import HeardHour, HourCount, Said
from tests.made import AT, arrival, mention, run, watch

_DAY = datetime(2026, 11, 10, tzinfo=UTC)
_FROM, _TO = "2026-11-10", "2026-11-13"


def _at(hours: float) -> str:
    return stamp(_DAY + timedelta(hours=hours))


def _said(number: int, hours: float, found: float | None = None, **others: Any) -> Arrival:
    """A mention of so many hours after midnight, found then or at `found`."""
    mentioned = {"found_at": _at(hours if found is None else found), "backfill": others.pop("backfill", 0)}
    made = arrival(str(number), at=_at(hours), **others)
    its, score = mention(made.post, "Acme", "detractor", **mentioned)
    return made._replace(mentions=((its, score),))


class RulesContract:
    def test_hours_are_counted_by_source_once_the_next_day_is_over(self, store: Store) -> None:
        store.add_page([_said(1, 1), _said(2, 1.5), _said(3, 1.7, source="forum"), _said(4, 30)], AT)
        assert store.hourly("Acme", _FROM, _TO) == []
        store.count_day("Acme", "2026-11-10")
        assert store.counted_days("Acme", _FROM, _TO) == {"2026-11-10"}
        assert store.hourly("Acme", _FROM, _TO) == [
            HourCount("2026-11-10T01", "blogs", 2, 2),
            HourCount("2026-11-10T01", "forum", 1, 1),
        ]
        store.count_day("Acme", "2026-11-11")
        assert store.hourly("Acme", "2026-11-11", _TO) == [HourCount("2026-11-11T06", "blogs", 1, 1)]
        assert store.hourly("Globex", _FROM, _TO) == []

    def test_a_day_that_was_counted_stays_as_it_is(self, store: Store) -> None:
        store.add_page([_said(1, 1)], AT)
        store.count_day("Acme", "2026-11-10")
        store.add_page([_said(2, 2)], AT)
        store.count_day("Acme", "2026-11-10")
        assert store.hourly("Acme", _FROM, _TO) == [HourCount("2026-11-10T01", "blogs", 1, 1)]

    def test_history_and_what_was_found_late_or_does_not_count_is_not_counted(self, store: Store) -> None:
        late, history, news = _said(1, 3, 48), _said(2, 3, backfill=1), _said(3, 3, genre="news")
        store.add_page([late, history, news, _said(4, 3, 47.9)], AT)
        store.count_day("Acme", "2026-11-10")
        assert store.hourly("Acme", _FROM, _TO) == [HourCount("2026-11-10T03", "blogs", 1, 1)]
        found = store.spoken("Acme", _at(0), _at(24), _at(100))
        assert sorted(one.found_at for one in found) == [_at(47.9), _at(48)]

    def test_a_story_that_is_told_again_is_a_mention_and_no_new_story(self, store: Store) -> None:
        first, again = _said(1, 1, handle="ann"), _said(2, 2, handle="bob")
        store.add_page([first, again], AT)
        store.add_stories([Told(first.post.id, first.post.id), Told(again.post.id, first.post.id)], [])
        store.count_day("Acme", "2026-11-10")
        assert [one[2:] for one in store.hourly("Acme", _FROM, _TO)] == [(1, 1), (1, 0)]
        voices = [one.mentions[0][0].voice for one in (first, again)]
        assert store.spoken("Acme", _at(0), _at(24), _at(24)) == [
            Said(_at(1), _at(1), "blogs", voices[0], first.post.id, 1),
            Said(_at(2), _at(2), "blogs", voices[1], first.post.id, 0),
        ]

    def test_what_was_spoken_is_that_which_was_known_the_newest_of_it(self, store: Store) -> None:
        store.add_page([_said(number, number, number + 0.5) for number in range(6)], AT)
        known = store.spoken("Acme", _at(1), _at(5), _at(4))
        assert [one.at for one in known] == [_at(1), _at(2), _at(3)]
        assert store.spoken("Acme", _at(1), _at(5), _at(4), 2) == known[1:]

    def test_hours_are_heard_in_which_a_run_ended_that_had_not_failed(self, store: Store) -> None:
        one, other = watch("a"), watch("b")
        store.sync_watches([one, other])
        ends = [(one, 1.2, "ok"), (one, 1.4, "empty"), (one, 2.5, "failed"), (other, 2.1, "unchanged"), (one, 3, "ok")]
        for number, (of, hour, outcome) in enumerate(ends):
            ended = run(of, number, started_at=_at(hour - 0.5), finished_at=_at(hour), outcome=outcome)
            store.finish_run(ended, AT)
        assert store.heard_hours("2026-11-10T00", "2026-11-10T03") == [
            HeardHour("a", "2026-11-10T01"),
            HeardHour("b", "2026-11-10T02"),
        ]
        store.forget_runs(stamp(_DAY + timedelta(days=59)))
        assert len(store.heard_hours("2026-11-10T00", "2026-11-11T00")) == 3
        store.forget_runs(stamp(_DAY + timedelta(days=60, hours=3)))
        assert store.heard_hours("2026-11-10T00", "2026-11-11T00") == [HeardHour("a", "2026-11-10T03")]
