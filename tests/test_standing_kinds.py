"""Each kind of standing rule on a made-up past: it fires when it should, and trying it says what running it told."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest

from listener import config
from listener.alerts.lookout import Fired, Lookout, replay
from listener.alerts.rules.configured import standing_rules
from listener.alerts.rules.drift_rule import DriftRule
from listener.alerts.rules.nps_rule import NpsRule
from listener.alerts.rules.source_rule import Asked, SourceRule
from listener.alerts.rules.spike_rule import COOLDOWN
from listener.alerts.rules.standing import Standing, StandingRule, judge
from listener.alerts.rules.theme_rule import ThemeRule
from listener.nps.estimate import Gate
from listener.settings import AlertSettings
from storage.records import Arrival, Watch, stamp
from storage.records_nps import Draw
from storage.records_states import RuleState
from storage.sqlite import SqliteStore
from tests.made import arrival, audit, mention, run, watch

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
_BEGIN = _MONDAY + 75 * _DAY
_HOURS = 96
"""So long the rules look, after so long a past."""

_SPIKE, _OUTAGE, _THEME = range(6, 9), range(30, 40), range(60, 80)
_WORDS = ("slow", "login", "page", "price", "support", "invoice", "export", "search", "mobile", "email", "team", "menu")

_CONFIG = """
[[brands]]
name = "Acme"
query = "acme"

[[sources]]
name = "blogs"
type = "feed"
url = "https://blog.example/feed"

[[sources]]
name = "forum"
type = "feed"
url = "https://forum.example/feed"

[[channels]]
name = "chat"
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/x"
"""
_KINDS = ("spike", "drift", "nps", "theme", "source")


class Lived(NamedTuple):
    """What was told while it happened, and the store that is left of it."""

    store: SqliteStore
    settings: config.Config
    told: list[tuple[str, str, str]]


def _configured(folder: Path) -> config.Config:
    rules = "".join(f'[[alerts]]\nname = "on-{kind}"\nchannels = ["chat"]\non = "{kind}"\n\n' for kind in _KINDS)
    path = folder / "listener.toml"
    path.write_text(_CONFIG + rules)
    path.chmod(0o600)
    return config.load(path, {})


def _said(number: int, at: datetime, chance: random.Random, text: str = "", **others: Any) -> Arrival:
    """A complaint or some praise, found two minutes after it was written, one in ten up to a day and a half later."""
    handle = f"person{chance.randrange(300)}" if "handle" not in others else others.pop("handle")
    label = "detractor" if text or chance.random() < 0.3 else "promoter"
    words = text or "acme " + " ".join(chance.sample(_WORDS, 4))
    source = others.pop("source", "") or chance.choice(("blogs", "forum"))
    made = arrival(
        *(str(number),), at=stamp(at), label=label, text=words, handle=handle, source=source, thread=f"t{number % 400}"
    )
    late = chance.random() * 36 * _HOUR if chance.random() < 0.1 else timedelta()
    its, score = mention(made.post, "Acme", label, found_at=stamp(at + late + timedelta(minutes=2)))
    return made._replace(mentions=((its, score),))


def _happens(chance: random.Random) -> Iterator[Arrival]:
    """Two mentions every three hours; a burst, and then people who complain of something new."""
    number = 0
    for hour in range(-75 * 24, _HOURS):
        many = 9 if hour in _SPIKE else int(chance.random() < 0.67)
        for _ in range(many):
            number += 1
            yield _said(number, _BEGIN + hour * _HOUR + chance.random() * 0.9 * _HOUR, chance)
        if hour in _THEME:
            number += 1
            at = _BEGIN + hour * _HOUR + 0.5 * _HOUR
            yield _said(number, at, chance, "acme spontaneous combustion of the battery", handle=f"burnt{number}")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("lived")
    settings, store = _configured(folder), SqliteStore(folder / "listener.db")
    store.migrate()
    watches = [watch("blogs"), watch("forum")]
    store.sync_watches(watches)
    arrivals = sorted(_happens(random.Random(7)), key=lambda one: one.mentions[0][0].found_at)
    past = [one for one in arrivals if one.mentions[0][0].found_at < stamp(_BEGIN)]
    store.add_page(past, stamp(_BEGIN))
    with store._write() as connection:
        hours = [stamp(_MONDAY + number * _HOUR)[:13] for number in range(75 * 24)]
        connection.executemany("INSERT INTO heard_hours VALUES (?, ?)", [(w.source, h) for w in watches for h in hours])
    told: list[tuple[str, str, str]] = []
    lookout = Lookout(store, standing_rules(settings, store, ()), "", _never)
    for hour in range(_HOURS):
        at = _BEGIN + hour * _HOUR
        _pull(store, watches, hour, at)
        new = [one for one in arrivals if stamp(at - _HOUR) <= one.mentions[0][0].found_at < stamp(at)]
        store.add_page(new, stamp(at))
        before = {one.alert.id for one in store.deliveries(limit=1000)}
        lookout.look(at)
        new_alerts = [one.alert for one in store.deliveries(limit=1000) if one.alert.id not in before]
        told += sorted((alert.rule, alert.raised_at, alert.brand) for alert in new_alerts)
    yield Lived(store, settings, told)
    store.close()


def _never(rule: str, error: Exception) -> None:
    raise AssertionError(f"{rule}: {error}")


def _pull(store: SqliteStore, watches: list[Watch], hour: int, at: datetime) -> None:
    for of in watches:
        failed = of.source == "forum" and hour in _OUTAGE
        ended = stamp(at - timedelta(minutes=1))
        outcome, error = ("failed", "The server does not answer.") if failed else ("ok", "")
        done = run(of, hour, started_at=ended, finished_at=ended, outcome=outcome, error=error, new=0 if failed else 1)
        store.finish_run(done, stamp(at), trouble="unreachable" if failed else "")


def _tried(lived: Lived) -> list[Fired]:
    window = (_BEGIN, _BEGIN + (_HOURS - 1) * _HOUR)
    rules = standing_rules(lived.settings, lived.store, (), window)
    return [fired for rule in rules for fired in replay(rule, *window)]


def _hours(lived: Lived, rule: str) -> list[int]:
    times = [datetime.fromisoformat(at) for name, at, _ in lived.told if name == rule]
    return [round((at - _BEGIN) / _HOUR) for at in times]


def test_trying_the_rules_on_the_past_says_what_they_told_when_it_happened(lived: Lived) -> None:
    tried = sorted((one.rule, stamp(one.at), one.brand) for one in _tried(lived))
    assert tried == sorted(lived.told)
    assert {rule for rule, *_ in tried} >= {"on-spike", "on-theme", "on-source"}


def test_a_burst_is_told_once_while_it_happens(lived: Lived) -> None:
    (hour,) = [hour for hour in _hours(lived, "on-spike") if hour < min(_THEME)]
    assert min(_SPIKE) < hour <= max(_SPIKE) + 1


def test_a_source_is_told_to_be_down_and_then_to_be_well_again(lived: Lived) -> None:
    down, well = [fired for fired in _tried(lived) if fired.rule == "on-source"]
    assert _hours(lived, "on-source") == [min(_OUTAGE) + 1, max(_OUTAGE) + 1]
    assert (down.found.type, down.found.title) == ("source.down", "forum is down")
    assert down.found.reasons == ("The server does not answer.",)
    assert (well.found.type, well.found.title) == ("source.well", "forum is heard again")


def test_a_new_theme_is_told_with_who_speaks_of_it(lived: Lived) -> None:
    themes = [fired for fired in _tried(lived) if fired.rule == "on-theme"]
    told = [one for one in themes if "combustion" in one.found.title or "battery" in one.found.title]
    assert len(told) == 1
    assert told[0].found.reasons[0].endswith("complaints that were read of the 28 days before, nobody did.")
    assert ("label", "detractor") in told[0].found.query
    assert min(_THEME) < (told[0].at - _BEGIN) / _HOUR <= max(_THEME) + 6


def test_a_theme_quotes_nothing_that_waits_for_a_blind_label(lived: Lived) -> None:
    (told,) = [fired for fired in _tried(lived) if "combustion" in fired.found.title or "battery" in fired.found.title]
    assert "combustion" in told.found.text
    window = stamp(_BEGIN), stamp(_BEGIN + _HOURS * _HOUR)
    burnt = [one for one in lived.store.complaints("Acme", *window, window[1], 500) if "combustion" in one.text]
    made, _ = audit(arrival("x"))
    draws = [Draw(made.id, one.mention_id, "", 0.5) for one in burnt]
    lived.store.add_audit(made._replace(size=len(draws), population=2 * len(draws)), draws)
    (again,) = [fired for fired in _tried(lived) if fired.rule == told.rule and fired.at == told.at]
    assert again.found == told.found._replace(text="")


def test_a_first_run_makes_no_rule_tell_anything(tmp_path: Path) -> None:
    """All that a first run brings is history, and a week later there is nothing to compare with."""
    settings, store = _configured(tmp_path), SqliteStore(tmp_path / "listener.db")
    store.migrate()
    watches = [watch("blogs"), watch("forum")]
    store.sync_watches(watches)
    history = [one for one in _happens(random.Random(7)) if stamp(_BEGIN - 7 * _DAY) < (one.post.at or "")]
    store.add_page(
        [one._replace(mentions=((one.mentions[0][0]._replace(backfill=1), one.mentions[0][1]),)) for one in history],
        stamp(_BEGIN),
    )
    lookout = Lookout(store, standing_rules(settings, store, ()), "", _never)
    for hour in range(0, _HOURS, 6):
        for of in watches:
            store.finish_run(run(of, hour, finished_at=stamp(_BEGIN + hour * _HOUR)), stamp(_BEGIN + hour * _HOUR))
        assert lookout.look(_BEGIN + hour * _HOUR) == 0
    store.close()


# -- drifts and changes


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[SqliteStore]:
    """A hundred days of four mentions a day, three of them praise; from day 70 on nine, six of them complaints."""
    chance, store = random.Random(3), SqliteStore(tmp_path / "listener.db")
    store.migrate()
    of, number = watch("blogs"), 0
    store.sync_watches([of])
    made = []
    for day in range(100):
        for part in range(4 if day < 70 else 9):
            number += 1
            at = _MONDAY + day * _DAY + chance.random() * _DAY
            text = "acme is bad" if part < (1 if day < 70 else 6) else ""
            made.append(
                _said(number, at, random.Random(0 if text else number), text, source="blogs", handle=f"p{number}")
            )
        ended = _MONDAY + day * _DAY + 12 * _HOUR
        store.finish_run(run(of, day, started_at=stamp(ended), finished_at=stamp(ended)), stamp(ended))
    store.add_page(made, stamp(_MONDAY + 100 * _DAY))
    with store._write() as connection:
        hours = [("blogs", stamp(_MONDAY + hour * _HOUR)[:13]) for hour in range(2400)]
        connection.executemany("INSERT INTO heard_hours VALUES (?, ?) ON CONFLICT DO NOTHING", hours)
    yield store
    store.close()


def _replayed(store: SqliteStore, rule: StandingRule) -> list[tuple[int, str]]:
    """(day, title) of what a rule would have told of days 60 to 99."""
    standing = Standing("change", "drift", ("chat",), ("Acme",), rule.cooldown, rule)
    told = replay(standing, _MONDAY + 60 * _DAY, _MONDAY + 99 * _DAY)
    return [((one.at - _MONDAY) // _DAY, one.found.title) for one in told]


def test_a_slow_change_is_told_once_and_soon(changed: SqliteStore) -> None:
    told = _replayed(changed, DriftRule(changed, ["blogs"]))
    assert sorted(title for _, title in told) == ["Acme: slowly more detractors", "Acme: slowly more is said"]
    assert all(72 < day < 82 for day, _ in told)


def test_a_source_that_has_not_been_heard_for_long_drifts_nowhere(changed: SqliteStore) -> None:
    with changed._write() as connection:
        connection.execute("DELETE FROM heard_hours WHERE hour < ?", (stamp(_MONDAY + 65 * _DAY)[:13],))
    assert _replayed(changed, DriftRule(changed, ["blogs"])) == []
    assert _replayed(changed, DriftRule(changed, ["forum"])) == []


def test_a_change_of_the_implied_nps_is_told_once_a_window(changed: SqliteStore) -> None:
    rule = NpsRule(changed, 25 * _DAY, Gate(), ZoneInfo("Europe/Berlin"))
    told = _replayed(changed, rule)
    assert told
    assert all(title.startswith("Acme: implied NPS down ") for _, title in told)
    assert all(later - earlier >= 25 for (earlier, _), (later, _) in pairwise(told))
    assert 70 < told[0][0] < 85


def test_an_nps_that_cannot_be_told_changes_nothing(changed: SqliteStore) -> None:
    assert _replayed(changed, NpsRule(changed, 25 * _DAY, Gate(min_authors=10_000), UTC)) == []


# -- what the README says


def test_the_readme_has_a_row_for_every_kind_of_rule_with_its_cooldown() -> None:
    section = (
        Path(__file__).parents[1].joinpath("README.md").read_text().partition("### Rules")[2].partition("\n## ")[0]
    )
    rows = dict(re.findall(r"^\| `([a-z]+)` \|.*\| ([^|]+) \|$", section, re.MULTILINE))
    kinds = get_args(AlertSettings.model_fields["on"].annotation)
    assert tuple(rows) == ("on", *kinds)
    said = {"spike": COOLDOWN, "drift": DriftRule.cooldown, "theme": ThemeRule.cooldown, "source": SourceRule.cooldown}
    for kind, cooldown in said.items():
        days = cooldown // _DAY
        assert rows[kind].startswith(f"{days} days" if days else f"{cooldown // _HOUR} hours"), kind
    assert rows["nps"].startswith("`window`")


# -- sources


def _failing(**others: Any) -> Watch:
    made = watch("forum", failures=3, failing_since=stamp(_BEGIN - 2 * _HOUR), last_run_at=stamp(_BEGIN))
    return made._replace(last_outcome="failed", last_error="No answer.", baseline=0, **others)


def _titles(*watches: Watch) -> list[str]:
    rule = SourceRule(lambda at: [Asked(one, None) for one in watches], _HOUR)
    return [found.title for found in rule.look("", _BEGIN, {})]


def test_a_source_is_down_when_it_has_failed_for_long_enough() -> None:
    assert _titles(_failing()) == ["forum is down"]
    assert _titles(_failing(trouble="forbidden")) == ["forum is blocked"]
    assert _titles(_failing()._replace(closed="It is gone for good.")) == ["forum is dead"]
    assert _titles(_failing()._replace(failing_since=stamp(_BEGIN - 0.9 * _HOUR))) == []
    assert _titles(watch("forum", last_outcome="ok", last_run_at=stamp(_BEGIN))) == []


def test_one_failed_run_before_a_long_sleep_of_our_own_is_no_trouble() -> None:
    """Nobody asked in between: it may be well."""
    asleep = _failing()._replace(failures=1, last_run_at=stamp(_BEGIN - 2 * _HOUR), next_due=stamp(_BEGIN - 2 * _HOUR))
    assert _titles(asleep) == []


def test_a_source_that_is_configured_no_longer_is_not_said_to_be_well() -> None:
    asked = [Asked(_failing(), None)]
    rule = SourceRule(lambda at: asked, _HOUR)
    standing = Standing("sources", "source", ("chat",), ("",), rule.cooldown, rule)
    begun = judge(standing, "", list(rule.look("", _BEGIN, {})), {}, _BEGIN, quiet=False)
    asked.clear()
    told = {state.key: state for state in begun.states}
    ended = judge(standing, "", list(rule.look("", _BEGIN, told)), told, _BEGIN + _DAY, quiet=False)
    assert ended.told == []
    assert [state.lasting for state in ended.states] == [0]


def test_of_a_source_with_several_questions_it_is_told_how_many_fail() -> None:
    well = watch("forum", "other", last_outcome="ok", last_run_at=stamp(_BEGIN))
    assert _titles(_failing(), well) == ["1 of 2 questions put to forum is down"]
    assert _titles(_failing(), watch("forum", "third")._replace(**_failing()._asdict() | {"id": "3"}), well) == [
        "2 of 3 questions put to forum are down"
    ]


@pytest.mark.parametrize(
    ("later", "said"), [(-1.0, "0 minutes"), (1 / 60, "1 minute"), (1.5, "90 minutes"), (9, "9 hours"), (49, "2 days")]
)
def test_how_long_it_was_down_is_said_in_whole_words_whatever_the_clock_did(later: float, said: str) -> None:
    state = RuleState("sources", "", "forum", stamp(_BEGIN), "", 1, None)
    rule = SourceRule(lambda at: [Asked(watch("forum"), None)], _HOUR)
    list(rule.look("", _BEGIN, {}))
    well = rule.over(state, _BEGIN + later * _HOUR)
    assert well is not None and f"in trouble {said} ago;" in well.reasons[0]
