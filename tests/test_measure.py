"""A window comes to the same whoever asks, and is compared only with what can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from listener.coverage import before
from listener.measure import Measured, frames, measure
from listener.nps.estimate import Gate
from listener.report.trend import WEEKLY, Trend, trend, weeks
from storage.records import Arrival, Mention, stamp
from storage.records_nps import Audit, Progress
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.made import AT, ago, arrival, audit, post, review

BERLIN = ZoneInfo("Europe/Berlin")
OPEN = Gate(min_authors=3, max_half_width=100.0, min_coverage=0.5, audits=30)
SINCE = NOW - timedelta(days=7)


def _measured(store: SqliteStore, gate: Gate = OPEN, since: datetime = SINCE, until: datetime = NOW) -> Measured:
    return measure(store, "Acme", since, until, None, gate)


def _said(label: str | None, count: int, name: str, *, days: float = 1, source: str = "blogs") -> list[Arrival]:
    made = []
    for number in range(count):
        its_id = f"{name} {number}"
        value = {"promoter": 0.8, "detractor": -0.8}.get(label or "", 0.0)
        made.append(arrival(its_id, handle=its_id, label=label, value=value, at=ago(days=days), source=source))
    return made


def _add(store: SqliteStore, *arrivals: Sequence[Arrival]) -> None:
    for page in arrivals:
        store.add_page(list(page), AT)


def _scored_by(scorer: str, arrivals: Sequence[Arrival]) -> list[Arrival]:
    def rescored(mention: Mention) -> Mention:
        return mention._replace(scorer=scorer)

    return [one._replace(mentions=tuple((rescored(m), s) for m, s in one.mentions)) for one in arrivals]


# -- what a window comes to


def test_the_same_window_measured_twice_is_the_same(store: SqliteStore) -> None:
    said = _said("promoter", 40, "p") + _said("detractor", 20, "d")
    _add(store, said)
    store.add_audit(*audit(*said))
    store.add_reviews(review(one, "passive", sampled_by="audit") for one in said)
    assert _measured(store) == _measured(store)
    assert _measured(store).figures.inps.method == "stratified"


def test_a_window_is_half_open(store: SqliteStore) -> None:
    _add(store, [arrival("first", at=stamp(SINCE)), arrival("last", at=stamp(NOW))])
    assert [tally.mentions for tally in _measured(store).tallies] == [1]
    assert _measured(store, until=NOW + timedelta(milliseconds=1)).population.pool == 2


def test_windows_that_meet_share_nothing_and_miss_nothing(store: SqliteStore) -> None:
    _add(store, [arrival(str(n), handle=str(n), at=ago(hours=n)) for n in range(1, 168)])
    edges = [SINCE, SINCE + timedelta(hours=5, minutes=17), SINCE + timedelta(days=3), NOW]
    parts = [_measured(store, since=a, until=b).population for a, b in pairwise(edges)]
    assert sum(part.pool for part in parts) == _measured(store).population.pool == 167
    assert sum(part.authors for part in parts) == 167


def test_only_labels_of_draws_are_evidence(store: SqliteStore) -> None:
    said = _said("promoter", 60, "p")
    _add(store, said)
    store.add_reviews(review(one, "detractor", sampled_by="audit") for one in said)
    assert _measured(store).figures.inps.method == "counted", "nobody drew them"
    store.add_audit(*audit(*said))
    found = _measured(store)
    assert (found.figures.inps.method, found.audited) == ("audited", 1.0)
    estimate = found.figures.inps.estimate
    assert estimate is not None and estimate.value == -100.0


def test_audits_speak_for_what_they_could_have_drawn(store: SqliteStore) -> None:
    early, late = _said("promoter", 60, "early", days=6), _said("promoter", 60, "late", days=1)
    _add(store, early, late)
    store.add_audit(*audit(*early, until=ago(days=3)))
    store.add_reviews(review(one, "promoter", sampled_by="audit") for one in early)
    found = _measured(store)
    assert (found.audited, found.figures.inps.method) == (0.5, "counted")
    assert _measured(store, until=NOW - timedelta(days=3)).figures.inps.method == "audited"


def test_labels_of_a_year_ago_tell_nothing_of_the_errors_of_today(store: SqliteStore) -> None:
    for name, days, method in (("old", 380, "counted"), ("newer", 300, "corrected")):
        said = _said("promoter", 120, name, days=days)
        _add(store, said, _said("promoter", 40, f"now {name}"))
        store.add_audit(*audit(*said, number=days))
        store.add_reviews(review(one, "promoter", sampled_by="audit") for one in said)
        assert _measured(store).figures.inps.method == method


def test_labels_under_another_scorer_tell_nothing_of_the_errors_of_this_one(store: SqliteStore) -> None:
    said = _scored_by("other@1", _said("promoter", 120, "old", days=30))
    _add(store, said, _said("promoter", 40, "now"))
    store.add_audit(*audit(*said))
    store.add_reviews(review(one, "promoter", sampled_by="audit") for one in said)
    assert _measured(store).figures.inps.method == "counted"


@pytest.mark.parametrize("since", [datetime(1, 1, 2, tzinfo=UTC), datetime(1, 6, 1, tzinfo=UTC)])
def test_a_window_may_begin_as_early_as_time_does(store: SqliteStore, since: datetime) -> None:
    said = _said("promoter", 5, "p")
    _add(store, said)
    store.add_audit(*audit(*said))
    store.add_reviews([review(said[0], "promoter", sampled_by="audit")])
    assert _measured(store, since=since).population.authors == 5
    assert before(since, timedelta(days=365)) <= since


def _progress(since: str, until: str, after: int, upto: int) -> Progress:
    return Progress(Audit("a", "Acme", since, until, "s", 1, 1, AT, after, upto), 1, 0)


@pytest.mark.parametrize(
    ("draws", "merged"),
    [
        ([], []),
        ([("", "~", 0, 10), ("", "~", 10, 25), ("", "~", 25, 30)], [("", "~", 0, 30)]),
        ([("", "~", 25, 30), ("", "~", 0, 10)], [("", "~", 0, 10), ("", "~", 25, 30)]),
        ([("", "~", 0, 30), ("", "~", 5, 10), ("", "~", 20, 40)], [("", "~", 0, 40)]),
        ([("a", "b", 0, 10), ("b", "c", 10, 20)], [("a", "b", 0, 10), ("b", "c", 10, 20)]),
    ],
)
def test_draws_that_go_on_from_one_another_are_one_frame(
    draws: list[tuple[str, str, int, int]], merged: list[tuple[str, str, int, int]]
) -> None:
    assert frames(_progress(*draw) for draw in draws) == merged


def test_a_year_of_daily_draws_is_asked_for_as_one_frame(store: SqliteStore) -> None:
    days = [_progress("", "~", 10 * n, 10 * n + 10) for n in range(366)]
    assert frames(days) == [("", "~", 0, 3660)]


# -- what changed


def _trend(store: SqliteStore, gate: Gate = OPEN, since: datetime = SINCE) -> Trend:
    seams = store.seams("Acme", stamp(before(since, NOW - since)), stamp(NOW))
    return trend(store, "Acme", since, NOW, _measured(store, gate, since), gate, seams)


def test_a_change_is_split_into_who_was_heard_and_how_they_thought(store: SqliteStore) -> None:
    _add(store, _said("promoter", 60, "a", days=9), _said("promoter", 30, "b", days=2))
    _add(store, _said("detractor", 90, "c", days=2, source="forum"))
    found = _trend(store)
    assert found.change is not None and found.change.detectable and found.change.difference == -150.0
    assert found.split is not None
    assert tuple(found.split) == (-150.0, -150.0, 0.0, 100.0), "only others were heard"


def test_of_a_net_that_is_withheld_no_part_is_told(store: SqliteStore) -> None:
    """Before, a third of the mentions came from one voice that is torn, which leaves NET wider than INPS."""
    narrow = OPEN._replace(max_half_width=10.0)
    loud = [arrival(f"x{n}", handle="loud", label=("promoter", "detractor")[n % 2], at=ago(days=9)) for n in range(20)]
    _add(store, loud, _said("passive", 40, "quiet", days=9), _said("promoter", 60, "now", days=2))
    found = _trend(store, narrow)
    assert found.change is not None and found.split is None
    _add(store, _said("no_opinion", 60, "silent", days=9))
    found = _trend(store, narrow)
    assert found.change is not None and found.split is not None


def test_audited_windows_are_compared_across_scorers_but_their_machines_are_not(store: SqliteStore) -> None:
    then = _scored_by("old@1", _said("promoter", 60, "then", days=9))
    now = _scored_by("new@1", _said("detractor", 60, "now", days=2))
    _add(store, then, now)
    store.note("Acme", {"scorer": "old@1"}, ago(days=12))
    store.note("Acme", {"scorer": "new@1"}, ago(days=5))
    assert _trend(store).reason == f"the scorer changed on {ago(days=5)[:10]}"
    for number, (said, label) in enumerate(((then, "promoter"), (now, "passive")), 1):
        store.add_audit(
            *audit(*said, number=number, since=ago(days=10 if number == 1 else 3), until=ago(days=8 * (number == 1)))
        )
        store.add_reviews(review(one, label, sampled_by="audit") for one in said)
    found = _trend(store)
    assert found.reason == "" and found.change is not None
    assert (found.change.difference, found.change.detectable) == (-100.0, True), "people's labels hold"
    assert found.split is None


def test_a_few_labels_that_cannot_be_scored_again_do_not_forbid_the_comparison(store: SqliteStore) -> None:
    _add(store, _said("promoter", 200, "then", days=9), _said("detractor", 200, "now", days=2))
    _add(store, _scored_by("old@1", _said("promoter", 3, "gone", days=9)))
    assert _trend(store).change is not None
    _add(store, _scored_by("old@1", _said("promoter", 3, "more", days=9)))
    assert _trend(store).reason == "labels by different scorers (old@1, test@1): see `listener rescore`"


def test_every_change_of_the_query_is_told_by_its_day(store: SqliteStore) -> None:
    _add(store, _said("promoter", 40, "then", days=9), _said("promoter", 40, "now", days=2))
    for days, query in ((20, "a"), (10, "b"), (4, "c"), (4 - 1 / 24, "d"), (0, "e")):
        store.note("Acme", {"query": query}, ago(days=days))
    assert _trend(store).reason == f"the query changed on {ago(days=10)[:10]}, {ago(days=4)[:10]}"


# -- weeks


def _edges(store: SqliteStore, since: datetime, until: datetime) -> list[str]:
    told = weeks(store, "Acme", since, until, BERLIN, OPEN)
    assert [week.until for week in told[:-1]] == [week.since for week in told[1:]]
    assert (told[0].since, told[-1].until) == (since, until)
    return [week.since.astimezone(BERLIN).strftime("%a %m-%d %H:%M") for week in told]


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("since", "until", "starts"),
    [
        ("2026-03-16T00:00", "2026-04-06T00:00", ["Mon 03-16 00:00", "Mon 03-23 00:00", "Mon 03-30 00:00"]),
        ("2026-10-19T00:00", "2026-11-02T00:00", ["Mon 10-19 00:00", "Mon 10-26 00:00"]),
        ("2026-10-21T09:00", "2026-10-28T09:00", ["Wed 10-21 09:00", "Mon 10-26 00:00"]),
        # Six days and 23 hours and three quarters, yet two Mondays: the clocks went forward in between.
        ("2026-03-22T23:30", "2026-03-30T00:13", ["Sun 03-22 23:30", "Mon 03-23 00:00", "Mon 03-30 00:00"]),
        ("2026-11-16T00:01", "2026-11-16T00:02", ["Mon 11-16 00:01"]),
    ],
)
def test_weeks_go_from_local_monday_to_local_monday(
    store: SqliteStore, since: str, until: str, starts: list[str]
) -> None:
    assert _edges(store, _local(since), _local(until)) == starts


def test_two_weeks_are_two_weeks_though_the_clocks_go_forward() -> None:
    for since, until in (("2026-03-16", "2026-03-30"), ("2026-11-02", "2026-11-16"), ("2026-10-12", "2026-10-26")):
        assert _local(f"{until}T00:00") - _local(f"{since}T00:00") >= WEEKLY
    assert timedelta(days=13) < WEEKLY


def test_the_mentions_of_the_weeks_are_those_of_the_window(store: SqliteStore) -> None:
    _add(store, [arrival(str(n), handle=str(n), at=ago(hours=5 * n)) for n in range(1, 120)])
    told = weeks(store, "Acme", NOW - timedelta(days=30), NOW, BERLIN, OPEN)
    assert sum(week.mentions for week in told) == 119
    assert len(told) == 5


def test_a_post_without_a_time_is_in_no_window(store: SqliteStore) -> None:
    _add(store, [Arrival(post("x", at=None, dated="implausible"), None, arrival("x", at=None).mentions)])
    assert _measured(store).population.pool == 0
