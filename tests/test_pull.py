"""One watch, one run: what it keeps, how it says it ended, and when it is due again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from connectors.contract import Facts, Http, Options
from connectors.errors import AuthError, BadAnswer, BlockedAddress, FetchError, Gone, RateLimited, Stopped
from connectors.post import Page, Post, Question, Validators
from listener.alerts.rules import Rule
from listener.config import Source
from listener.intake import Intake
from listener.match import Matcher, parse
from listener.pull import Puller
from listener.sentiment.scorer import DefaultScorer
from listener.settings import SourceSettings
from storage.contract import Store
from storage.errors import StoreError, StoreFull
from storage.records import Bookmark, Run, Watch, moment, stamp
from tests.conftest import NOW
from tests.made import AT, watch

_INTERVAL = timedelta(minutes=10)
_MAX_BACKOFF = timedelta(hours=2)
_SCORER = DefaultScorer()


class Scripted:
    """Yields its pages, raises its errors, remembers what it was asked."""

    kind: ClassVar[str] = "scripted"
    facts: ClassVar[Facts] = Facts(hears="what a test says", misses="all else")
    options: ClassVar[type[Options]] = Options

    def __init__(self, *steps: Page | BaseException) -> None:
        self.steps = steps
        self.asked: list[Question] = []

    def address(self) -> str:
        return "https://scripted.example/"

    def terms(self, wanted: Sequence[str]) -> Sequence[str]:
        return wanted

    def pull(self, question: Question, http: Http) -> Iterator[Page]:
        self.asked.append(question)
        for step in self.steps:
            if isinstance(step, BaseException):
                raise step
            yield step


class FixedChance(random.Random):
    """No jitter, unless a test wants some."""

    def __init__(self, share: float = 0.5) -> None:
        super().__init__(1)
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


class Bench:
    """A store with one watch on one scripted source."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.time = NOW
        self.chance = FixedChance()
        store.sync_watches([watch("blogs")])
        self.id = watch("blogs").id

    def now(self) -> datetime:
        return self.time

    def puller(self, store: Any = None) -> Puller:
        intake = Intake(Matcher({"Acme": parse("acme")}), _SCORER, [Rule("all", ("chat",))], timedelta(days=1))
        http: Any = None  # scripted sources ask nobody
        return Puller(store or self.store, http, intake, self.now, self.chance, _MAX_BACKOFF)

    def pull(self, *steps: Page | BaseException, due_only: bool = False, **settings: Any) -> Run | None:
        return self.puller().pull(self.id, _source(Scripted(*steps), **settings), due_only=due_only)

    def ran(self, *steps: Page | BaseException, **settings: Any) -> Run:
        run = self.pull(*steps, **settings)
        assert run is not None
        return run

    def asked(self, **settings: Any) -> Question:
        """What a pull asks."""
        connector = Scripted()
        self.puller().pull(self.id, _source(connector, **settings), due_only=False)
        return connector.asked[0]

    @property
    def watch(self) -> Watch:
        found = self.store.watch(self.id)
        assert found is not None
        return found

    @property
    def wait(self) -> timedelta:
        return moment(self.watch.next_due) - self.time


def _source(connector: Scripted, **settings: Any) -> Source:
    given = SourceSettings(type="scripted", name="blogs", **settings)
    return Source("blogs", connector, given, given.interval or _INTERVAL)


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


def _post(number: int, body: str = "Acme is awful", **others: Any) -> Post:
    return Post("scripted", str(number), f"https://scripted.example/{number}", body, published_at=NOW, **others)


def _page(*numbers: int, **others: Any) -> Page:
    return Page([_post(number) for number in numbers], **others)


# -- outcomes


def test_new_posts_are_ok(bench: Bench) -> None:
    run = bench.ran(_page(1, 2), _page(3))
    assert (run.outcome, run.read, run.new, run.edited, run.mentions, run.error) == ("ok", 3, 3, 0, 3, "")
    assert (bench.watch.last_outcome, bench.watch.heard_at, bench.watch.news_at) == ("ok", AT, AT)


def test_an_edit_is_ok_and_no_news(bench: Bench) -> None:
    bench.ran(_page(1))
    bench.time += timedelta(hours=1)
    run = bench.ran(Page([_post(1, "Acme is fine again")]))
    assert (run.outcome, run.new, run.edited, run.mentions) == ("ok", 0, 1, 0)
    assert (bench.watch.news_at, bench.watch.heard_at) == (AT, stamp(bench.time))


@pytest.mark.parametrize("pages", [[Page()], [_page(1)]])
def test_an_answer_without_anything_new_is_empty(bench: Bench, pages: list[Page]) -> None:
    bench.ran(_page(1))
    assert bench.ran(*pages).outcome == "empty"


def test_a_proof_that_nothing_has_changed_is_unchanged_and_counts_as_heard(bench: Bench) -> None:
    assert bench.ran(Page(unchanged=True)).outcome == "unchanged"
    assert (bench.watch.heard_at, bench.watch.news_at) == (AT, None)


def test_a_gap_is_partial_and_says_what_is_missing(bench: Bench) -> None:
    run = bench.ran(_page(1, gap="half of it was too long"))
    assert (run.outcome, run.new, run.error) == ("partial", 1, "half of it was too long")
    assert bench.wait == _INTERVAL


def test_a_failure_in_the_middle_keeps_the_pages_before_it(bench: Bench) -> None:
    run = bench.ran(_page(1, cursor="c1"), _page(2, cursor="c2"), BadAnswer("the third page was HTML."))
    assert (run.outcome, run.read, run.new, run.error) == ("partial", 2, 2, "the third page was HTML.")
    assert (bench.store.counts()["posts"], bench.watch.cursor, bench.watch.failures) == (2, "c2", 0)


def test_nothing_but_an_error_is_failed(bench: Bench) -> None:
    run = bench.ran(AuthError("the token is refused."))
    assert (run.outcome, run.error, run.read) == ("failed", "the token is refused.", 0)
    assert (bench.watch.failures, bench.watch.heard_at, bench.watch.last_error) == (1, None, "the token is refused.")


@pytest.mark.parametrize("error", [KeyError("title"), RecursionError("too deep"), AttributeError("no such thing")])
def test_a_connectors_own_mistake_is_a_failed_run_and_one_sentence(bench: Bench, error: Exception) -> None:
    run = bench.ran(error)
    assert run.outcome == "failed"
    assert run.error.startswith(f"the feed connector failed: {type(error).__name__}: ")
    assert run.error.endswith(".") and "\n" not in run.error and "Traceback" not in run.error


def test_a_page_that_holds_no_posts_is_the_connectors_mistake(bench: Bench) -> None:
    nonsense: Any = [None]
    assert bench.ran(_page(1), Page(nonsense)).outcome == "partial"
    assert bench.store.counts()["posts"] == 1


def test_after_a_permanent_move_the_new_address_is_asked(bench: Bench) -> None:
    run = bench.ran(_page(1, moved_to="https://new.example/feed"))
    assert run.error == "moved for good to https://new.example/feed, where it is asked from now on."
    assert bench.asked().address == "https://new.example/feed"


def test_a_new_address_that_may_hold_a_secret_is_not_written_down(bench: Bench) -> None:
    run = bench.ran(_page(1, moved_to="https://new.example/feed?token=S3CR3TS3CR3T"))
    assert run.error == "moved for good to https://new.example/feed, which may hold a secret: change its url."
    assert (bench.watch.moved_to, bench.asked().address) == ("", "")


def test_a_new_address_that_keeps_failing_is_given_up_for_the_configured_one(bench: Bench) -> None:
    bench.ran(_page(1, moved_to="https://new.example/feed"))
    for _ in range(3):
        bench.ran(FetchError("no answer."))
    assert bench.asked().address == ""


def test_a_window_that_turned_over_is_a_gap_and_is_asked_sooner(bench: Bench) -> None:
    assert bench.ran(_page(1, 2, turnover=True)).outcome == "ok"  # the first pull knows nothing before
    run = bench.ran(_page(3, 4, turnover=True))
    assert (run.outcome, run.new) == ("partial", 2) and "all 2 entries are new" in run.error
    assert bench.wait == _INTERVAL / 4


def test_a_window_of_new_texts_of_known_posts_has_not_turned_over(bench: Bench) -> None:
    bench.ran(_page(1, 2))
    changed = Page([_post(1, "Acme is awful indeed"), _post(3)], turnover=True)
    assert bench.ran(changed).outcome == "ok"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (RateLimited("wait."), "throttled"),
        (AuthError("no."), "refused"),
        (BlockedAddress("private."), "forbidden"),
        (BadAnswer("html."), "garbled"),
        (Gone("gone."), "gone"),
        (FetchError("no answer."), "unreachable"),
    ],
)
def test_the_kind_of_a_failure_is_kept_until_a_run_does_not_fail(bench: Bench, error: FetchError, trouble: str) -> None:
    bench.ran(error)
    assert (bench.watch.trouble, bench.watch.failing_since) == (trouble, AT)
    bench.time += timedelta(hours=1)
    bench.ran(error)
    assert bench.watch.failing_since == AT
    bench.ran(_page(1))
    assert (bench.watch.trouble, bench.watch.failing_since) == ("", None)


def test_a_stream_that_was_listened_to_for_the_interval_goes_on_at_once(bench: Bench) -> None:
    class Stream(Scripted):
        def pull(self, question: Question, http: Http) -> Iterator[Page]:
            yield from super().pull(question, http)
            bench.time += question.stay

    stream = Stream(_page(1))
    bench.puller().pull(bench.id, _source(stream), stay=_INTERVAL)
    assert stream.asked[0].stay == _INTERVAL and bench.wait == timedelta()


@pytest.mark.parametrize(("listened", "wait"), [(0, 10), (4, 6), (60, 0), (599, 0)])
def test_a_stream_that_was_left_early_is_listened_to_again_soon(bench: Bench, listened: int, wait: int) -> None:
    class Left(Scripted):
        facts = Facts(hears="all", misses="nothing", stream=True)

        def pull(self, question: Question, http: Http) -> Iterator[Page]:
            bench.time += timedelta(seconds=listened)
            yield _page(1)

    run = bench.puller().pull(bench.id, _source(Left()), stay=_INTERVAL)
    assert run is not None and run.outcome == "ok"
    assert bench.wait == timedelta(seconds=wait)


def test_what_is_no_stream_is_due_after_its_interval_however_long_one_would_have_stayed(bench: Bench) -> None:
    bench.puller().pull(bench.id, _source(Scripted(_page(1))), stay=_INTERVAL)
    assert bench.wait == _INTERVAL


def test_who_is_stopped_before_anything_came_has_learnt_nothing_of_the_source(bench: Bench) -> None:
    bench.ran(_page(1))
    bench.time += _INTERVAL
    before = bench.watch
    assert bench.pull(Stopped("it was stopped before it answered."), due_only=True) is None
    assert bench.watch == before, "it is still due, and has not failed"


def test_who_is_stopped_in_the_middle_keeps_what_came_and_goes_on_at_once(bench: Bench) -> None:
    run = bench.ran(_page(1), Stopped("it was stopped before it answered."))
    assert (run.outcome, run.new) == ("partial", 1)
    assert bench.wait == timedelta()
    assert bench.watch.trouble == "", "the source has none"


def test_a_watch_at_which_workers_die_is_left_alone_longer_and_longer(bench: Bench) -> None:
    source = _source(Scripted())
    bench.puller().give_up(bench.id, source, "5 workers ended while they were at it.")
    assert (bench.watch.failures, bench.watch.last_outcome, bench.wait) == (1, "failed", _INTERVAL)
    assert bench.watch.last_error == "blogs was given up: 5 workers ended while they were at it."
    bench.puller().give_up(bench.id, source, "it is not due, and was asked meanwhile.")
    assert bench.watch.failures == 1
    bench.time += bench.wait
    bench.puller().give_up(bench.id, source, "5 workers ended while they were at it.")
    assert bench.wait == 2 * _INTERVAL


def test_a_stream_is_told_what_no_brand_can_match(bench: Bench) -> None:
    relevant = bench.asked().relevant
    assert relevant("ACME is down") and not relevant("the weather")
    assert bench.asked(about="Acme").relevant("the weather")


def test_each_run_is_counted_in_the_coverage(bench: Bench) -> None:
    bench.ran(_page(1))
    bench.time += timedelta(minutes=30)
    bench.ran(FetchError("no answer."))
    assert {(c.outcome, c.runs) for c in bench.store.coverage("2026-11-22", "2026-11-22")} == {("ok", 1), ("failed", 1)}


# -- when again


def test_a_good_run_is_due_again_after_the_interval(bench: Bench) -> None:
    bench.ran(_page(1))
    assert bench.wait == _INTERVAL


@pytest.mark.parametrize(
    ("wish", "wait"), [(timedelta(hours=1), timedelta(hours=1)), (timedelta(seconds=5), _INTERVAL)]
)
def test_the_source_may_ask_for_longer_pauses_and_not_for_shorter_ones(
    bench: Bench, wish: timedelta, wait: timedelta
) -> None:
    bench.ran(Page(poll_after=wish), Page())
    assert bench.wait == wait


def test_failures_double_the_pause_up_to_the_longest_and_a_success_ends_it(bench: Bench) -> None:
    waits = []
    for _ in range(14):
        bench.ran(FetchError("no answer."))
        waits.append(bench.wait)
        bench.time += bench.wait
    assert waits[:5] == [_INTERVAL * factor for factor in (1, 2, 4, 8, 12)]
    assert set(waits[4:]) == {_MAX_BACKOFF}
    bench.ran(_page(1))
    assert (bench.wait, bench.watch.failures) == (_INTERVAL, 0)
    bench.ran(FetchError("no answer."))
    assert bench.wait == _INTERVAL


@pytest.mark.parametrize(("share", "wait"), [(0.0, _INTERVAL * 0.9), (1.0, _INTERVAL * 1.1)])
def test_the_pause_after_a_failure_is_jittered_by_a_tenth(bench: Bench, share: float, wait: timedelta) -> None:
    bench.chance = FixedChance(share)
    bench.ran(FetchError("no answer."))
    assert bench.wait == wait


def test_an_interval_beyond_the_longest_pause_is_kept_on_failure(bench: Bench) -> None:
    bench.ran(FetchError("no answer."), interval=timedelta(days=1))
    assert bench.wait == timedelta(days=1)


def test_a_source_asked_every_second_is_left_alone_for_a_minute_when_it_fails(bench: Bench) -> None:
    bench.ran(FetchError("no answer."), interval=timedelta(seconds=1))
    assert bench.wait == timedelta(seconds=60)


def test_a_throttling_source_is_asked_when_it_says_and_not_punished(bench: Bench) -> None:
    for hours in (3, 3):
        bench.ran(RateLimited("later.", status=429, retry_after=bench.time + timedelta(hours=hours)))
        assert bench.wait == timedelta(hours=3)
        bench.time += bench.wait


def test_retry_after_never_makes_a_source_due_sooner_than_usual(bench: Bench) -> None:
    bench.ran(RateLimited("later.", retry_after=NOW + timedelta(seconds=1)))
    assert bench.wait == _INTERVAL
    bench.ran(RateLimited("later.", retry_after=NOW - timedelta(days=1)))
    assert bench.wait == _INTERVAL


def test_a_throttle_without_a_time_backs_off_like_any_failure(bench: Bench) -> None:
    bench.ran(RateLimited("later."))
    bench.ran(RateLimited("later."))
    assert bench.wait == 2 * _INTERVAL


def test_an_error_that_says_when_is_waited_for_on_top_of_the_backoff(bench: Bench) -> None:
    bench.ran(FetchError("down for maintenance.", status=503, retry_after=NOW + timedelta(hours=5)))
    assert bench.wait == timedelta(hours=5)


def test_what_is_gone_is_never_asked_again(bench: Bench) -> None:
    run = bench.ran(Gone("https://scripted.example/ is gone (410).", status=410))
    assert (run.outcome, bench.watch.closed) == ("failed", "https://scripted.example/ is gone (410).")
    bench.time += timedelta(days=400)
    assert bench.store.due_watches(stamp(bench.time)) == []
    assert bench.pull(_page(1), due_only=True) is None


def test_what_was_gone_and_answers_when_asked_by_name_is_open_again(bench: Bench) -> None:
    bench.ran(Gone("gone.", status=410))
    assert bench.ran(_page(1), due_only=False).outcome == "ok"
    assert bench.watch.closed == ""
    assert bench.store.due_watches(stamp(NOW + _INTERVAL)) == [bench.watch]


# -- whose turn


def test_what_is_not_due_is_asked_only_when_told_to(bench: Bench) -> None:
    bench.ran(_page(1))
    assert bench.pull(_page(2), due_only=True) is None
    assert bench.pull(_page(2), due_only=False) is not None
    bench.time += _INTERVAL
    assert bench.pull(_page(3), due_only=True) is not None


def test_a_watch_has_one_puller_at_a_time(bench: Bench) -> None:
    with bench.store.claim(f"watch:{bench.id}"):
        assert bench.pull(_page(1)) is None
    assert bench.pull(_page(1)) is not None


def test_an_unknown_watch_is_nothing_to_do(bench: Bench) -> None:
    assert bench.puller().pull("nobody", _source(Scripted(_page(1)))) is None


# -- what is asked, what is remembered


def test_the_connector_is_asked_from_where_it_got_to(bench: Bench) -> None:
    proof = Validators("https://scripted.example/", '"e1"', "yesterday", "hash")
    bench.ran(_page(1, cursor="c1", validators=proof))
    connector = Scripted(Page(unchanged=True))
    bench.puller().pull(bench.id, _source(connector, backfill=timedelta(days=3)), due_only=False)
    (question,) = connector.asked
    assert (question.now, question.cursor, question.validators) == (NOW, "c1", proof)
    assert question.since == NOW - timedelta(days=3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_page_moves_only_what_it_names(bench: Bench, order: tuple[int, int]) -> None:
    proof = Validators("https://scripted.example/", '"e1"')
    pages = (_page(1, cursor="c1"), _page(2, validators=proof))
    bench.ran(*(pages[number] for number in order))
    assert (bench.watch.cursor, bench.watch.etag) == ("c1", '"e1"')


def test_a_page_that_brings_and_moves_nothing_writes_nothing(bench: Bench) -> None:
    bench.ran(_page(1, cursor="c1"))
    written: list[object] = []

    class Watching:
        def __getattr__(self, name: str) -> Any:
            if name == "add_page":
                return lambda *given: written.append(given)
            return getattr(bench.store, name)

    run = bench.puller(Watching()).pull(bench.id, _source(Scripted(_page(1, cursor="c1"), Page())), due_only=False)
    assert run is not None and run.outcome == "empty"
    assert written == []


def test_the_first_run_that_hears_something_ends_the_baseline_and_no_other(bench: Bench) -> None:
    bench.ran(FetchError("no answer."))
    assert bench.watch.baseline == 1
    undated = Post("scripted", "old", "https://scripted.example/old", "Acme is awful")
    bench.ran(Page([undated]))
    assert (bench.watch.baseline, bench.store.counts()["alerts"]) == (0, 0)
    bench.ran(Page([undated._replace(source_id="new", url="https://scripted.example/new")]))
    assert bench.store.counts()["alerts"] == 1


@pytest.mark.parametrize("error", [StoreFull("the disk is full."), StoreError("broken.")])
def test_a_database_that_fails_is_not_the_sources_fault(bench: Bench, error: StoreError) -> None:
    def full(*_: object) -> None:
        raise error

    before = bench.watch
    with pytest.raises(type(error)):
        bench.puller(_Failing(bench.store, full)).pull(bench.id, _source(Scripted(_page(1))), due_only=False)
    assert bench.watch == before
    assert bench.ran(_page(1)).outcome == "ok"


class _Failing:
    """A store whose `add_page` is another."""

    def __init__(self, store: Store, add_page: Callable[..., None]) -> None:
        self._store = store
        self.add_page = add_page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_what_a_killed_run_has_stored_is_not_stored_again(bench: Bench) -> None:
    """As after a kill between two pages: the first is stored with its cursor, the run never ended."""
    with pytest.raises(KeyboardInterrupt):
        bench.pull(_page(1, cursor="c1"), KeyboardInterrupt())
    assert (bench.watch.cursor, bench.watch.last_outcome, bench.watch.baseline) == ("c1", "", 1)
    run = bench.ran(_page(1, cursor="c1"), _page(2, cursor="c2"))
    assert (run.new, bench.store.counts()["posts"]) == (1, 2)


def test_a_stored_bookmark_outlives_a_run_without_one(bench: Bench) -> None:
    bench.store.add_page([], AT, bench.id, Bookmark(cursor="kept"))
    bench.ran(_page(1))
    assert bench.watch.cursor == "kept"
