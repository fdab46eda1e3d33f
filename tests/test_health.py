"""A quiet source, a deaf one, a barred one and a dead one are told apart, from what the runs left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from listener.health import Health, health, silent, worst
from storage.records import Watch, Yield, stamp
from tests.conftest import NOW
from tests.made import AT, ago, watch

_DAILY = Yield("w", ago(days=20)[:10], 400, 9.0)
"""Twenty posts a day, and never more than nine hours without one."""


def _watch(**others: Any) -> Watch:
    usual: dict[str, Any] = {
        "last_run_at": ago(minutes=5),
        "last_outcome": "empty",
        "heard_at": ago(minutes=5),
        "news_at": ago(hours=1),
        "next_due": stamp(NOW + timedelta(minutes=10)),
        "baseline": 0,
    }
    return watch(**(usual | others))


def _state(past: Yield | None = None, **others: Any) -> str:
    return health(_watch(**others), past, NOW).state


def test_a_source_with_news_of_today_is_ok() -> None:
    assert _state() == "ok"


def test_a_source_that_answers_and_has_little_to_say_is_quiet() -> None:
    assert _state(news_at=ago(days=3)) == "quiet"
    assert _state(news_at=None) == "quiet"
    assert _state(news_at=ago(days=3), past=Yield("w", ago(days=20)[:10], 4, 100.0)) == "quiet"


def test_a_source_that_used_to_yield_and_turns_empty_is_degraded() -> None:
    its = health(_watch(news_at=ago(days=2)), _DAILY, NOW)
    assert its.state == "degraded" and its.failing
    assert its.reason == (
        "answers but has had nothing new for 48 h, in which about 43 posts were expected "
        "(21.6 a day, never silent for more than 9 h)."
    )


@pytest.mark.parametrize("hours", [1, 5, 9, 13])
def test_a_silence_no_longer_than_usual_means_nothing(hours: int) -> None:
    assert silent(_watch(news_at=ago(hours=hours)), _DAILY) == ""


def test_a_silence_in_which_few_posts_were_expected_means_nothing() -> None:
    assert silent(_watch(news_at=ago(days=4)), _DAILY._replace(posts=30, longest_silence=1.0)) == ""


def test_time_in_which_the_source_was_not_heard_is_not_its_silence() -> None:
    assert silent(_watch(news_at=ago(days=9), heard_at=ago(days=8.9)), _DAILY) == ""


def test_the_first_nights_and_the_first_weekend_of_a_new_source_alarm_nobody() -> None:
    busy = Yield("w", ago(days=3)[:10], 900, 0.5)
    assert silent(_watch(news_at=ago(hours=12)), busy) == ""
    assert silent(_watch(news_at=ago(hours=66)), busy._replace(since_day=ago(days=7)[:10])) == ""
    assert silent(_watch(news_at=ago(hours=80)), busy._replace(since_day=ago(days=7)[:10])) != ""


def test_a_source_whose_history_began_with_its_last_news_is_not_judged() -> None:
    assert silent(_watch(news_at=ago(days=2)), Yield("w", AT[:10], 400, 0.0)) == ""


@pytest.mark.parametrize(
    ("trouble", "failures", "state"),
    [
        ("refused", 1, "blocked"),
        ("forbidden", 1, "blocked"),
        ("throttled", 1, "degraded"),
        ("throttled", 2, "blocked"),
        ("unreachable", 5, "degraded"),
        ("garbled", 1, "degraded"),
    ],
)
def test_a_failing_source_is_degraded_and_a_barred_one_blocked(trouble: str, failures: int, state: str) -> None:
    failing = {"last_outcome": "failed", "failing_since": ago(hours=3), "last_error": "HTTP 500."}
    its = health(_watch(trouble=trouble, failures=failures, **failing), None, NOW)
    assert its == Health(state, "HTTP 500.")  # type: ignore[arg-type]


def test_a_source_that_is_gone_or_has_failed_for_a_week_is_dead() -> None:
    assert health(_watch(closed="it is gone."), None, NOW) == Health("dead", "it is gone.")
    its = health(_watch(failures=99, failing_since=ago(days=8), last_error="HTTP 500."), None, NOW)
    assert its == Health("dead", "has failed for 8 days: HTTP 500.")


def test_a_gap_is_degraded() -> None:
    assert health(_watch(last_outcome="partial", last_error="a gap"), None, NOW) == Health("degraded", "a gap")


def test_nobody_asking_is_not_calm() -> None:
    assert health(_watch(next_due=ago(hours=5)), None, NOW) == Health("degraded", "due for 5 h, but nobody asks it.")
    assert health(watch(next_due=ago(hours=5)), None, NOW).state == "degraded"
    assert health(watch(next_due=AT), None, NOW) == Health("quiet", "not asked yet")


def test_a_source_that_is_asked_seldom_or_listened_to_for_long_is_not_late_in_between() -> None:
    at_it = _watch(next_due=ago(hours=2))
    assert health(at_it, None, NOW, timedelta(hours=6)).state == "ok"
    assert health(at_it, None, NOW, timedelta(minutes=15)).state == "degraded"
    assert health(watch(next_due=ago(hours=2)), None, NOW, timedelta(hours=6)).state == "quiet"


def test_a_source_is_as_well_as_its_worst_watch() -> None:
    assert worst([Health("ok", ""), Health("blocked", "no."), Health("quiet", "")]) == Health("blocked", "no.")
