"""What becomes of what a standing rule finds: told once, and not while somebody wants peace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.alerts.lookout import Lookout, replay
from listener.alerts.notice import Notice
from listener.alerts.rules.standing import Found, Standing, States, judge, raised
from storage.records import stamp
from storage.records_states import RuleState, Snooze
from storage.sqlite import SqliteStore

_HOUR = timedelta(hours=1)
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Trouble:
    """A rule that finds what a test says, by hour since noon."""

    repeats = True
    cooldown = 6 * _HOUR

    def __init__(self, hours: Iterable[int] = range(1000), *, repeats: bool = True, fails: str = "") -> None:
        self.hours = set(hours)
        self.repeats = repeats
        self.looks = 0
        self._fails = fails

    def slot(self, at: datetime) -> datetime:
        return at.replace(minute=0)

    def look(self, brand: str, at: datetime, told: States) -> Iterable[Found]:
        self.looks += 1
        if brand == self._fails:
            raise RuntimeError("no idea")
        holds = round((at - _NOON) / _HOUR) in self.hours
        return (
            [Found("it", "brand.spike", "It is so", reasons=("Because.",), query=(("brand", brand),))] if holds else []
        )

    def over(self, state: RuleState, at: datetime) -> Found | None:
        return None if self.repeats else Found(state.key, "source.well", "It is over")


def _standing(rule: Trouble, *brands: str, name: str = "watch") -> Standing:
    return Standing(name, "spike", ("chat",), brands or ("Acme",), rule.cooldown, rule)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "listener.db")
    store.migrate()
    yield store
    store.close()


def _lookout(store: SqliteStore, *rules: Standing, failed: list[str] | None = None) -> Lookout:
    errors = [] if failed is None else failed
    return Lookout(store, rules, "https://desk.example", lambda rule, error: errors.append(f"{rule}: {error}"))


def _told(store: SqliteStore, lookout: Lookout, hours: Iterable[float]) -> list[float]:
    """In which of these hours something was told."""
    return [hour for hour in hours if lookout.look(_NOON + hour * _HOUR)]


def test_what_is_found_is_told_once_and_says_why_and_where_to_see_it(store: SqliteStore) -> None:
    lookout = _lookout(store, _standing(Trouble()))
    assert _told(store, lookout, (0, 0.1, 1, 2)) == [0]
    (outgoing,) = store.deliveries()
    notice = Notice.from_json(outgoing.alert.notice)
    assert (outgoing.delivery.channel, notice.rule, notice.brand) == ("chat", "watch", "Acme")
    assert notice.reasons == ("Because.",)
    assert notice.desk == "https://desk.example/mentions?brand=Acme"


def test_what_lasts_is_told_again_after_the_cooldown_if_it_is_of_that_kind(store: SqliteStore) -> None:
    assert _told(store, _lookout(store, _standing(Trouble())), range(14)) == [0, 6, 12]


def test_of_the_other_kind_only_its_beginning_and_its_end_are_told(store: SqliteStore) -> None:
    rule = Trouble([*range(2, 10), *range(20, 23)], repeats=False)
    assert _told(store, _lookout(store, _standing(rule)), range(30)) == [2, 10, 20, 23]
    titles = [Notice.from_json(one.alert.notice).title for one in reversed(store.deliveries())]
    assert titles == ["It is so", "It is over"] * 2


def test_what_comes_back_within_the_cooldown_is_not_told_and_neither_is_its_end(store: SqliteStore) -> None:
    rule = Trouble([0, 2, 3], repeats=False)
    assert _told(store, _lookout(store, _standing(rule)), range(6)) == [0, 1]


def test_who_starts_again_tells_nothing_twice(store: SqliteStore) -> None:
    told = [_told(store, _lookout(store, _standing(Trouble())), [hour]) for hour in range(6)]
    assert told == [[0], [], [], [], [], []]


def test_a_slot_is_looked_at_once_even_by_another_process(store: SqliteStore) -> None:
    rule = Trouble([])
    for hour in (0, 0.1, 0.9, 1):
        _told(store, _lookout(store, _standing(rule)), [hour])
    assert rule.looks == 2


def test_a_kill_between_finding_and_telling_tells_it_once(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told and that it was told are one transaction: it happens whole, or the next look finds it again."""
    failed: list[str] = []
    lookout = _lookout(store, _standing(Trouble()), failed=failed)
    with monkeypatch.context() as killed:
        killed.setattr("storage.sql_states.SET_STATE", "INSERT INTO nowhere VALUES (?)")
        assert lookout.look(_NOON) == 0
    assert len(failed) == 1
    assert store.deliveries() == []
    assert lookout.look(_NOON) == 1
    assert len(store.deliveries()) == 1


def test_two_that_find_the_same_at_once_raise_one_alert() -> None:
    rule = _standing(Trouble())
    found = list(rule.rule.look("Acme", _NOON, {}))
    first, second = (judge(rule, "Acme", found, {}, at, quiet=False) for at in (_NOON, _NOON + _HOUR))
    (one, last), (other, same) = first.told[0], second.told[0]
    assert (
        raised(rule, "Acme", one, last, _NOON, "")[0].id == raised(rule, "Acme", other, same, _NOON + _HOUR, "")[0].id
    )


def test_while_it_is_snoozed_nothing_is_told_and_what_lasts_is_told_then(store: SqliteStore) -> None:
    store.snooze_rule(Snooze("watch", "", stamp(_NOON + 3 * _HOUR)))
    assert _told(store, _lookout(store, _standing(Trouble())), range(6)) == [3]


def test_a_snooze_of_one_brand_leaves_the_others(store: SqliteStore) -> None:
    store.snooze_rule(Snooze("watch", "Acme", stamp(_NOON + 3 * _HOUR)))
    _lookout(store, _standing(Trouble(), "Acme", "Globex")).look(_NOON)
    assert [one.alert.brand for one in store.deliveries()] == ["Globex"]


def test_what_is_acknowledged_is_quiet_until_it_is_over(store: SqliteStore) -> None:
    lookout = _lookout(store, _standing(Trouble([*range(20), *range(30, 33)])))
    assert lookout.look(_NOON) == 1
    assert store.ack_rule("watch", "", stamp(_NOON)) == 1
    assert _told(store, lookout, range(1, 33)) == [30]


def test_a_rule_that_fails_keeps_none_of_the_others_and_is_asked_again(store: SqliteStore) -> None:
    failed: list[str] = []
    broken = Trouble(fails="Acme")
    lookout = _lookout(store, _standing(broken, "Acme", "Globex", name="broken"), _standing(Trouble()), failed=failed)
    assert lookout.look(_NOON) == 2
    assert failed == ["broken: no idea"]
    lookout.look(_NOON)
    assert len(failed) == 2


@given(st.sets(st.integers(0, 40)), st.booleans())
def test_trying_says_what_running_tells(hours: set[int], repeats: bool) -> None:
    rule = _standing(Trouble(hours, repeats=repeats))
    states: dict[str, RuleState] = {}
    told = []
    for hour in range(48):
        at = _NOON + hour * _HOUR
        judged = judge(rule, "Acme", list(rule.rule.look("Acme", at, states)), states, at, quiet=False)
        states.update((one.key, one) for one in judged.states)
        told += [(at, found.title) for found, _ in judged.told]
    tried = [(one.at, one.found.title) for one in replay(rule, _NOON, _NOON + 47 * _HOUR)]
    assert tried == told
    if not repeats:
        ends = [title == "It is over" for _, title in told]
        assert ends == [number % 2 == 1 for number in range(len(ends))]


@given(st.sets(st.integers(0, 60)), st.integers(1, 12))
def test_nothing_is_told_twice_within_its_cooldown(hours: set[int], cooldown: int) -> None:
    rule = _standing(Trouble(hours))
    rule = Standing(rule.name, rule.on, rule.channels, rule.brands, cooldown * _HOUR, rule.rule)
    times = [one.at for one in replay(rule, _NOON, _NOON + 60 * _HOUR)]
    assert all(later - earlier >= cooldown * _HOUR for earlier, later in pairwise(times))
    assert bool(times) == bool(hours)
