"""What every database must be to rules, beside the counting: `storage.contract_states`."""

from __future__ import annotations

from datetime import timedelta

from storage.contract import Store
from storage.records import stamp, voice_of
from storage.records_states import DayCount, RuleLook, RuleState, Snooze
from tests.conftest import NOW
from tests.made import AT, ago, alert, arrival, author, mention, run, watch


def _state(rule: str = "spikes", brand: str = "Acme", key: str = "spike", *, lasting: int = 1) -> RuleState:
    return RuleState(rule, brand, key, AT, ago(hours=-1), lasting, None)


class StatesContract:
    def test_what_was_told_is_remembered_with_its_alert_and_the_last_holds(self, store: Store) -> None:
        store.fire([alert(1)], [_state(), _state(brand="Globex")])
        store.fire([alert(1)], [_state()._replace(fired_at=ago(hours=-2), lasting=0)])
        first, second = store.rule_states()
        assert (first.brand, first.fired_at, first.lasting) == ("Acme", ago(hours=-2), 0)
        assert second == _state(brand="Globex")
        assert len(store.deliveries()) == 1

    def test_what_was_looked_at_last_is_remembered_by_rule_and_brand(self, store: Store) -> None:
        first, other = RuleLook("spikes", "Acme", AT), RuleLook("spikes", "Globex", AT)
        store.fire([], [], [other, first])
        store.fire([], [], [first._replace(slot=ago(hours=-1))])
        assert store.rule_looks() == [first._replace(slot=ago(hours=-1)), other]

    def test_an_acknowledgement_is_of_what_lasts_and_taken_back_by_waking(self, store: Store) -> None:
        over = _state(key="over", lasting=0)
        store.fire([], [_state(), _state(brand="Globex"), over, _state(rule="other")])
        assert store.ack_rule("spikes", "Acme", AT) == 1
        assert store.ack_rule("spikes", "", AT) == 1
        assert store.ack_rule("spikes", "", AT) == 0
        assert [(one.rule, one.brand) for one in store.rule_states() if one.acked_at] == [
            ("spikes", "Acme"),
            ("spikes", "Globex"),
        ]
        assert store.wake_rule("spikes", "Globex") == 1
        assert [one.brand for one in store.rule_states() if one.acked_at] == ["Acme"]

    def test_a_snooze_holds_until_its_end_or_until_it_is_woken(self, store: Store) -> None:
        store.snooze_rule(Snooze("spikes", "", ago(hours=-4)))
        store.snooze_rule(Snooze("spikes", "Acme", ago(hours=-2)))
        store.snooze_rule(Snooze("spikes", "Acme", ago(hours=-1)))
        assert store.snoozes(AT) == [Snooze("spikes", "", ago(hours=-4)), Snooze("spikes", "Acme", ago(hours=-1))]
        assert store.snoozes(ago(hours=-1)) == [Snooze("spikes", "", ago(hours=-4))]
        assert store.wake_rule("spikes", "") == 2
        assert store.snoozes(AT) == []

    def test_a_voice_has_spoken_when_a_mention_of_it_was_found_before(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann")], AT)
        voice = voice_of(author("ann").id, "")
        assert store.has_spoken("Acme", voice, ago(minutes=-1))
        assert not store.has_spoken("Acme", voice, AT)
        assert not store.has_spoken("Globex", voice, ago(minutes=-1))
        assert not store.has_spoken("Acme", voice_of(author("bob").id, ""), ago(minutes=-1))

    def test_complaints_are_the_newest_that_were_known_and_no_history(self, store: Store) -> None:
        made = [arrival(str(n), label="detractor", at=ago(hours=n)) for n in (1, 2, 3)]
        late = arrival("4", label="detractor", at=ago(hours=4))
        praise, history = arrival("5", at=ago(hours=1)), arrival("6", label="detractor", at=ago(hours=1))
        (its, score), (old, old_score) = late.mentions[0], history.mentions[0]
        late = late._replace(mentions=((its._replace(found_at=ago(hours=-9)), score),))
        history = history._replace(mentions=((old._replace(backfill=1), old_score),))
        store.add_page([*made, late, praise, history], AT)
        found = store.complaints("Acme", ago(hours=5), AT, AT, 10)
        assert [one.post_id for one in found] == [one.post.id for one in made]
        assert len(store.complaints("Acme", ago(hours=5), AT, ago(hours=-9), 10)) == 4
        assert [one.post_id for one in store.complaints("Acme", ago(hours=5), AT, AT, 1)] == [made[0].post.id]

    def test_days_are_counted_by_source_label_and_the_day_they_were_found(self, store: Store) -> None:
        made = arrival("1", at="2026-11-10T05:00:00.000Z", label=None)
        found = mention(made.post, "Acme", None, found_at="2026-11-12T05:00:00.000Z")
        store.add_page([made._replace(mentions=(found,)), arrival("2", at="2026-11-13T05:00:00.000Z")], AT)
        assert store.days_said("Acme", "2026-11-10", "2026-11-13") == [
            DayCount("2026-11-10", "2026-11-12", "blogs", "", 1)
        ]

    def test_runs_are_told_in_the_order_in_which_they_began(self, store: Store) -> None:
        of = watch()
        store.sync_watches([of])
        for number in (2, 1, 3):
            store.finish_run(run(of, number), AT)
        since, until = stamp(NOW + timedelta(minutes=1)), stamp(NOW + timedelta(minutes=3))
        assert [one.started_at for one in store.runs_between(since, until)] == [
            stamp(NOW + timedelta(minutes=number)) for number in (1, 2)
        ]
