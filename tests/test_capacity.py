"""The capacity model: its arithmetic by hand, that nothing gets cheaper by having more of it, and that it names what
gives out first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.capacity_model import (
    CLOCK,
    DATABASE,
    DISK,
    LOCK,
    STREAM,
    WAITING,
    WORKERS,
    Costs,
    Load,
    Needs,
    Plan,
    Rates,
    heard,
    needs,
    reach,
    watched,
)
from tests.bench.scale_processors import cpu_seconds, cpu_seconds_with_children

FREE = Load(0.0, 0.0, 0.0)
NOTHING = Costs(FREE, FREE, FREE, FREE, 0.0, 0.0, 0.0)
USUAL = Costs(
    unchanged=Load(0.004, 0.002, 0.001),
    changed=Load(0.006, 0.003, 0.002),
    post=Load(0.001, 0.0005, 0.0002),
    job=Load(0.002, 0.001, 0.0),
    clock=0.0001,
    event=0.0001,
    size=5_000.0,
)
PLAN = Plan()

seconds = st.just(0.0) | st.floats(1e-6, 0.1)
loads = st.builds(Load, seconds, seconds, seconds)
costs_of_any_kind = st.builds(Costs, loads, loads, loads, loads, seconds, seconds, st.just(0.0) | st.floats(1, 1e5))
watches = st.floats(1, 1e7)
plans = st.builds(
    Plan,
    interval=st.floats(60, 86_400),
    posts_a_day=st.just(0.0) | st.floats(0.01, 1000),
    answer=st.floats(0.01, 30),
    threads=st.integers(1, 64),
    processors=st.integers(1, 64),
    disk=st.floats(1e9, 1e14),
    busy=st.floats(0.1, 1),
)


def of_watches(many: float, costs: Costs = USUAL, plan: Plan = PLAN) -> Needs:
    rates = watched(many, plan)
    return needs(rates, rates.posts, costs, plan)


def test_rates_by_hand() -> None:
    """9,000 watches every 900 s are 10 pulls a second; 96 posts a day are one a pull: 1 - 1/e of them bring some."""
    rates = watched(9_000, PLAN._replace(posts_a_day=96))
    assert rates.pulls == pytest.approx(10)
    assert rates.posts == pytest.approx(10)
    assert rates.changed == pytest.approx(10 * (1 - 0.36787944))


def test_uses_by_hand() -> None:
    found = needs(Rates(unchanged=80.0, changed=20.0, posts=50.0), 50.0, USUAL, PLAN)
    assert found.uses == pytest.approx(
        {
            WAITING: 100 * 0.5 / 8,
            WORKERS: (80 * 0.004 + 20 * 0.006 + 50 * 0.001 + 100 * 0.002) / 4,
            LOCK: 80 * 0.001 + 20 * 0.002 + 50 * 0.0002,
            DATABASE: (80 * 0.002 + 20 * 0.003 + 50 * 0.0005 + 100 * 0.001) / 4,
            CLOCK: 100 * 0.0001,
            DISK: 50 * 365 * 86_400 * 5_000 / 1e12,
            STREAM: 0.0,
        }
    )
    assert found.processes == 9  # 50 threads wait, of 8 × 0.7 each
    assert found.databases == 1
    assert found.machines == 1  # 0.69 + 0.01 processors of workers and clock, 0.345 of PostgreSQL: of 2.8
    assert found.disk_a_year == pytest.approx(50 * 365 * 86_400 * 5_000)


@pytest.mark.parametrize(("pulls", "machines"), [(300.0, 1), (320.0, 2)])
def test_one_machine_does_everything_until_it_is_as_busy_as_it_may_be(pulls: float, machines: int) -> None:
    """A pull takes 9.1 ms of a processor, PostgreSQL's included: 2.73 and 2.91 processors, of 4 × 0.7."""
    assert needs(Rates(unchanged=pulls), 0.0, USUAL, PLAN).machines == machines


def test_what_one_machine_cannot_do_is_done_by_workers_machines_and_those_of_postgresql() -> None:
    rates = Rates(unchanged=1000.0)
    found = needs(rates, 0.0, USUAL, PLAN)
    assert found.databases == 2  # the lock is held 1.0 of the time, and may be 0.7
    assert found.machines == 2 + 3  # (6 + 0.1) processors, of 2.8 a machine


def test_a_use_of_exactly_what_is_allowed_needs_no_second_one() -> None:
    found = needs(Rates(unchanged=700.0), 0.0, NOTHING._replace(unchanged=Load(0, 0, 0.001)), PLAN)
    assert found.uses[LOCK] == pytest.approx(0.7)
    assert found.databases == 1


DEAR = {
    WORKERS: NOTHING._replace(post=Load(1.0, 0, 0)),
    LOCK: NOTHING._replace(unchanged=Load(0, 0, 1.0)),
    DATABASE: NOTHING._replace(job=Load(0, 4.0, 0)),
    CLOCK: NOTHING._replace(clock=1.0),
    DISK: NOTHING._replace(size=1e9),
    WAITING: NOTHING,
}


@pytest.mark.parametrize("name", DEAR)
def test_what_gives_out_first_is_named(name: str) -> None:
    plan = PLAN._replace(answer=0.1, posts_a_day=100)
    assert of_watches(10_000, DEAR[name], plan).first == name


def test_a_stream_is_read_by_one_process() -> None:
    found = needs(heard(events=10_000.0, stored=0.0), 0.0, USUAL, PLAN)
    assert found.first == STREAM
    assert found.uses[STREAM] == pytest.approx(1.0)
    assert found.databases == 2  # two installations have to hear a part each


def test_what_workers_do_not_relieve_is_named_apart_from_what_they_do() -> None:
    found = of_watches(100_000)
    assert found.first == WAITING
    assert found.first_single == LOCK


@given(watches, plans)
def test_pulls_are_with_news_or_without_and_each_news_has_a_post(many: float, plan: Plan) -> None:
    rates = watched(many, plan)
    assert rates.pulls == pytest.approx(many / plan.interval)
    assert rates.posts == pytest.approx(many * plan.posts_a_day / 86_400)
    assert 0 <= rates.changed <= rates.posts * (1 + 1e-9)
    assert rates.unchanged >= 0


@given(watches, st.floats(1, 100), costs_of_any_kind, plans)
def test_more_watches_never_need_less(many: float, more: float, costs: Costs, plan: Plan) -> None:
    few, lots = of_watches(many, costs, plan), of_watches(many * more, costs, plan)
    assert all(lots.uses[name] >= use * (1 - 1e-9) for name, use in few.uses.items())
    assert lots.processes >= few.processes
    assert lots.databases >= few.databases
    assert lots.machines >= few.machines >= few.databases
    assert lots.disk_a_year >= few.disk_a_year


@given(watches, costs_of_any_kind, st.floats(1, 10))
def test_slower_answers_and_dearer_posts_never_need_less(many: float, costs: Costs, factor: float) -> None:
    plan = PLAN._replace(answer=PLAN.answer * factor)
    dearer = costs._replace(post=Load(*(factor * each for each in costs.post)))
    before, after = of_watches(many, costs), of_watches(many, dearer, plan)
    assert after.processes >= before.processes
    assert after.machines >= before.machines


@given(watches, costs_of_any_kind)
def test_at_its_reach_a_resource_is_as_busy_as_it_may_be(many: float, costs: Costs) -> None:
    for name, use in of_watches(many, costs).uses.items():
        if use == 0:
            continue
        there = of_watches(reach(use, many, PLAN), costs)
        assert there.uses[name] == pytest.approx(PLAN.busy, rel=1e-6)


def test_costs_of_a_pull_and_of_a_post_come_out_of_two_pulls() -> None:
    pytest.importorskip("psycopg")
    from tests.bench.capacity import Measured, costs_of
    from tests.bench.scale_pull import Cost, Pulled

    def pull(
        new: int,
    ) -> Cost:  # of two feeds: 8 ms + 1 ms a post of the worker, 4 and 0.5 of PostgreSQL, 2 and 0.25 of the lock
        cpu, database, locked = (0.008 + new * 0.001, 0.004 + new * 0.0005, 0.002 + new * 0.00025)
        return Cost(1.0, 2 * cpu, 2 * database, 2 * locked, trips=0)

    phases = {"first": pull(50), "10 % new": pull(5), "304": Cost(1.0, 0.002, 0.004, 0.006, 0)}
    pulled = Pulled(phases, posts=100, mentions=100, size=400_000, memory=0.0)
    found = costs_of(Measured(pulled, pulled, 2, [0.1, 0.0001, 0.0002], [0.1, 0.003, 0.001], 10, 0.0005))
    assert found.changed == pytest.approx((0.008, 0.004, 0.002))
    assert found.post == pytest.approx((0.001, 0.0005, 0.00025))
    assert found.unchanged == pytest.approx((0.001, 0.002, 0.003))
    assert found.job == pytest.approx((0.003, 0.0012, 0.0))
    assert (found.clock, found.event, found.size) == (0.0001, 0.0005, 4_000)


def test_processors_time_of_children_that_have_ended_counts() -> None:
    before = cpu_seconds_with_children(os.getpid())
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert cpu_seconds_with_children(os.getpid()) - before >= 0.25
    assert 0 < cpu_seconds(os.getpid()) <= before + 60
    assert cpu_seconds(2**22 + 1) == 0
