"""What every database must be to the dashboard and the report: `storage.contract_figures`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.contract import Store
from storage.records import Arrival, stamp
from storage.records_figures import Answered
from tests.made import AT, ago, arrival, audit, case, event, review

_BEGIN = datetime(2026, 11, 10, tzinfo=UTC)
_HOURS = st.integers(0, 24 * 8)


def _at(hours: float) -> str:
    return stamp(_BEGIN + timedelta(hours=hours))


class FiguresContract:
    def test_volumes_are_by_label_between_any_two_times(self, store: Store) -> None:
        said = [("promoter", 1), ("promoter", 22), ("detractor", 23), (None, 25), ("passive", 49), ("promoter", 73)]
        store.add_page([arrival(str(n), label=label, at=_at(h)) for n, (label, h) in enumerate(said)], AT)
        assert store.volumes("Acme", [_at(-1), _at(23), _at(47), _at(71)]) == [
            {"promoter": 2},
            {"detractor": 1, "": 1},
            {"passive": 1},
        ]
        assert store.volumes("Globex", [_at(0), _at(24)]) == [{}]
        assert store.volumes("Acme", [_at(0)]) == store.volumes("Acme", []) == []

    def test_volumes_leave_out_what_does_not_count(self, store: Store) -> None:
        store.add_page(
            [arrival("1", at=_at(1)), arrival("2", at=_at(2), handle="ours"), arrival("3", at=_at(3), genre="news")], AT
        )
        for speaker in store.authors_named("ours"):
            store.set_standing(speaker.author.id, "staff")
        assert store.volumes("Acme", [_at(0), _at(24)]) == [{"promoter": 1}]
        assert store.volumes("Acme", [_at(0), _at(4)]) == [{"promoter": 1}]

    @settings(
        max_examples=25,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
        deadline=None,
    )
    @given(edges=st.lists(_HOURS, min_size=2, max_size=9, unique=True).map(sorted))
    def test_volumes_lose_and_double_nothing(self, store: Store, edges: list[int]) -> None:
        store.add_page([arrival(str(hour), at=_at(hour + 0.5)) for hour in range(24 * 8)], AT)
        counted = store.volumes("Acme", [_at(edge) for edge in edges])
        assert counted == [{"promoter": later - earlier} for earlier, later in pairwise(edges)]

    def test_answers_are_the_first_of_the_window_the_last_before_the_others(self, store: Store) -> None:
        made = [arrival(str(hours), label="detractor", at=ago(hours=hours)) for hours in (1, 5, 9, 30)]
        store.add_page(made, AT)
        for minute, one in enumerate(made[1:]):
            before = case(one)
            assert store.open_case(before)
            after = before._replace(state="answered", answered_at=ago(minutes=-minute))
            assert store.act(event(before, "answered", minute=minute), after)
        due = ago(hours=-3)
        assert store.answered("Acme", AT, ago(minutes=-2), 9) == [
            Answered(ago(hours=9), ago(minutes=-1), due),
            Answered(ago(hours=5), ago(minutes=0), due),
        ]
        assert len(store.answered("Acme", AT, ago(minutes=-9), 1)) == 1
        assert store.answered("Globex", ago(hours=24), ago(minutes=-9), 9) == []

    def test_what_was_said_is_that_of_the_newest_and_goes_by_peoples_labels(self, store: Store) -> None:
        made = [arrival(str(n), label="detractor", at=ago(hours=n), text=f"Acme {n}") for n in range(1, 7)]
        others = [
            arrival("p", at=ago(hours=1)),
            arrival("n", label="detractor", genre="news", at=ago(hours=1)),
            arrival("r", label="detractor", brand="Globex", at=ago(hours=1)),
        ]
        store.add_page([*made, *others], AT)
        store.add_reviews([review(made[1], "promoter"), review(made[2], "detractor")])
        store.add_audit(*audit(made[3]))
        store.add_page([Arrival(made[4].post._replace(deleted_at=AT, text="", fingerprint=""), None, ())], AT)
        said = store.said("Acme", ago(days=1), AT, "detractor", 9)
        assert [one.text for one in said] == ["Acme 1", "Acme 3", "Acme 6"]
        assert said[0].mention_id == made[0].mentions[0][0].id and said[0].post_id == made[0].post.id
        assert [one.text for one in store.said("Acme", ago(days=1), AT, "detractor", 1)] == ["Acme 1"]
        assert store.said("Acme", ago(hours=1), ago(hours=1), "detractor", 9) == []
        assert [one.text for one in store.said("Acme", ago(hours=3), ago(hours=1), "detractor", 9)] == ["Acme 3"]
