"""The dashboard and the sources page, through the whole application."""

from __future__ import annotations

import html
import re
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.coverage import heard_share, source_health
from listener.desk import charts
from listener.desk.charts import Column, Interval
from listener.desk.responses import FEWEST, responses
from listener.nps.estimate import Gate
from listener.report import words
from listener.report.days import midnights
from listener.report.trend import weeks
from storage.records import stamp
from storage.records_figures import Answered
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.desk import DeskAt
from tests.made import ago, arrival, case, event, run

BERLIN = """
timezone = "Europe/Berlin"

[[brands]]
name = "Acme"
query = "acme"

[[brands]]
name = "Globex"
query = "globex"

[[sources]]
type = "feed"
name = "blogs"
url = "http://127.0.0.1:1/feed"
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskAt]:
    with DeskAt(tmp_path, BERLIN) as made:
        made.app.sync_watches()
        yield made


def speak(desk: DeskAt, count: int, brand: str = "Acme", label: str | None = "promoter", days: float = 1) -> None:
    """So many authors, each once, that long ago."""
    at = ago(days=days)
    said = [
        arrival(f"{brand} {label} {days} {n}", brand=brand, label=label, handle=f"{label} {n}", at=at, published_at=at)
        for n in range(count)
    ]
    desk.store.add_page(said, stamp(desk.now))


def listened(desk: DeskAt, days: int = 95, outcome: str = "ok") -> None:
    """Every watch has been asked every day."""
    for watch in desk.store.watches():
        for day in range(days, -1, -1):
            at = ago(days=day)
            one = run(watch, 1000 + day)._replace(started_at=at, finished_at=at, outcome=outcome, error="")  # type: ignore[arg-type]
            desk.store.finish_run(one, ago(hours=-1))


def text_of(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page.text).split()))


def shown(desk: DeskAt, query: str = "") -> httpx.Response:
    return desk.client("viewer").get(f"/dashboard{query}")


# -- implied NPS


def test_the_number_is_the_reports_with_its_interval(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 60, days=3)
    speak(desk, 20, label="detractor", days=3)
    page = shown(desk, "?brand=Acme&window=30d")
    since = NOW - timedelta(days=30)
    coverage = heard_share(source_health(desk.store, since, NOW))
    settings = desk.config.settings
    told = weeks(desk.store, "Acme", since, NOW, settings.zone, Gate(**settings.report.model_dump()))
    assert coverage == 1.0
    for week in told:
        assert words.figure(week.figures.inps) in text_of(page)
    assert 'class="interval"' in page.text
    assert 'class="value"' in page.text


def test_a_number_that_the_report_refuses_is_not_drawn_and_the_reason_is_said(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 29, days=3)
    page = shown(desk)
    assert "not enough opinions (n = 29 authors, 30 needed)" in text_of(page)
    assert "No week has a number" in text_of(page)
    assert 'class="interval"' not in page.text
    assert "+100" not in page.text


def test_a_refused_week_is_a_gap_with_its_reason_as_hint_and_in_the_table(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 60, days=3)
    speak(desk, 5, days=10)
    page = shown(desk)
    reason = "not enough opinions (n = 5 authors, 30 needed)"
    assert page.text.count('class="gap"') == 4  # of five weeks one has a number
    assert page.text.count('class="interval"') == 1
    assert re.search(rf'title="[^"]+: no number: {re.escape(reason)}"', page.text)
    assert re.search(rf"<td>no number: {re.escape(reason)}</td>", page.text)


def test_too_little_coverage_takes_the_number_away(desk: DeskAt) -> None:
    listened(desk, outcome="failed")
    speak(desk, 60, days=3)
    assert "not enough coverage" in text_of(shown(desk))
    assert 'class="interval"' not in shown(desk).text


def test_a_week_is_not_told_by_weeks(desk: DeskAt) -> None:
    page = shown(desk, "?window=7d")
    assert "A week has one number" in text_of(page)
    assert "Week by week" not in text_of(page)


# -- volume


def test_days_are_local_and_the_links_lead_to_the_mentions_of_that_day(desk: DeskAt) -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # 21 November in Berlin
    made = [arrival(str(n), at=stamp(late), published_at=stamp(late)) for n in range(3)]
    desk.store.add_page(made, stamp(NOW))
    page = shown(desk, "?brand=Acme&window=7d")
    row = re.search(r'<tr><th scope="row"><a href="([^"]+)">21 Nov</a></th>(.*?)</tr>', page.text, re.DOTALL)
    assert row
    link = re.search(r'href="([^"]+label=promoter)">3</a>', row[2])
    assert link
    behind = html.unescape(link[1])
    asked = parse_qs(urlsplit(behind).query)
    assert asked == {"brand": ["Acme"], "since": ["2026-11-21"], "until": ["2026-11-22"], "label": ["promoter"]}
    listed = desk.client("viewer").get(behind)
    assert len(re.findall(r'<li class="row', listed.text)) == 3


@pytest.mark.parametrize("window", ["7d", "30d", "90d"])
def test_every_link_of_the_dashboard_leads_somewhere(desk: DeskAt, window: str) -> None:
    listened(desk)
    speak(desk, 40, days=2)
    speak(desk, 40, "Globex", days=2)
    client = desk.client("viewer")
    page = client.get(f"/dashboard?window={window}")
    links = {html.unescape(link) for link in re.findall(r'href="(/[^"]*)"', page.text)}
    of_figures = sorted(link for link in links if link.startswith(("/mentions", "/dashboard", "/?", "/sources")))
    assert len(of_figures) > 15
    for link in of_figures[:: max(len(of_figures) // 25, 1)]:
        assert client.get(link).status_code == 200, link


def test_what_does_not_count_is_not_in_the_volume(desk: DeskAt) -> None:
    speak(desk, 4)
    at = ago(days=1)
    desk.store.add_page([arrival("n", genre="news", at=at, published_at=at)], stamp(NOW))
    assert "all 4 mentions" in text_of(shown(desk))


# -- answers


def answered(desk: DeskAt, hours: list[float]) -> None:
    """Mentions of ten hours ago and before, each answered after so many hours."""
    for number, took in enumerate(hours):
        at = ago(hours=10)
        made = arrival(f"a{number}", label="detractor", at=at, published_at=at)
        desk.store.add_page([made], stamp(desk.now))
        before = case(made, due_at=ago(hours=6))
        assert desk.store.open_case(before)
        after = before._replace(state="answered", answered_at=ago(hours=10 - took))
        assert desk.store.act(event(before, "answered", minute=number), after)


def test_nothing_answered_is_said(desk: DeskAt) -> None:
    assert "None answered yet" in text_of(shown(desk))


def test_the_usual_time_needs_some_answers(desk: DeskAt) -> None:
    answered(desk, [1, 2])
    assert "2 answered too few to name a usual time" in text_of(shown(desk))


def test_half_of_the_answers_came_within_the_time_named(desk: DeskAt) -> None:
    answered(desk, [0.5, 1, 3, 5, 9])
    said = text_of(shown(desk))
    assert "3 h half of them came within that time of publication" in said
    assert "5 answered , 3 of 5 in time" in said
    assert "0 open now" in said


@given(st.lists(st.floats(0, 500), max_size=40))
def test_the_distribution_holds_every_answer_once(hours: list[float]) -> None:
    found = responses([Answered(ago(hours=took), stamp(NOW), stamp(NOW)) for took in hours])
    assert sum(many for _, many in found.spread) == found.answers == found.timely == found.due == len(hours)
    assert (found.median is None) == (len(hours) < FEWEST)


def test_an_answer_before_publication_took_no_time() -> None:
    found = responses([Answered(ago(hours=1), ago(hours=2), None)] * FEWEST)
    assert found.median == timedelta()
    assert (found.timely, found.due) == (0, 0)


# -- share of voice


def test_shares_are_of_what_was_said_where_all_were_listened_for(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 30)
    speak(desk, 10, "Globex")
    said = text_of(shown(desk))
    assert re.search(r"Acme 75% 30 Globex 25% 10 ", said)


def test_shares_are_refused_where_no_source_was_heard(desk: DeskAt) -> None:
    speak(desk, 30)
    speak(desk, 10, "Globex")
    assert "No comparison: no source was heard for all of Acme, Globex" in text_of(shown(desk))
    assert "75%" not in shown(desk).text


def test_a_source_about_one_brand_compares_nothing(tmp_path: Path) -> None:
    with DeskAt(tmp_path, BERLIN + 'about = "Acme"\n') as desk:
        desk.app.sync_watches()
        listened(desk)
        speak(desk, 30)
        assert "No comparison: no source was heard for all of Acme, Globex" in text_of(shown(desk))


def test_one_brand_is_not_compared(tmp_path: Path) -> None:
    with DeskAt(tmp_path) as desk:
        assert "a share of voice needs two brands or more" in text_of(shown(desk))


# -- what is asked for


@pytest.mark.parametrize(
    "query", ["?brand=Nobody", "?window=1d", "?window=30d&window=7d", "?brand=Acme&brand=Globex", "?window=90d%20"]
)
def test_what_is_not_there_is_refused_with_a_sentence(desk: DeskAt, query: str) -> None:
    page = shown(desk, query)
    assert page.status_code == 400
    assert "There is no" in page.text or "stands twice" in page.text


def test_what_the_address_says_is_escaped(desk: DeskAt) -> None:
    page = shown(desk, "?brand=<script>alert(1)</script>")
    assert page.status_code == 400
    assert "<script>alert" not in page.text


def test_no_chart_needs_what_the_policy_forbids(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 60, days=3)
    for path in ("/dashboard", "/sources"):
        page = desk.client("viewer").get(path).text
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", page)


def test_every_chart_is_named_and_has_a_table(desk: DeskAt) -> None:
    listened(desk)
    speak(desk, 60, days=3)
    answered(desk, [1, 2, 3, 4, 5])
    page = shown(desk).text
    images = re.findall(r'<svg role="img" aria-labelledby="(\S+) (\S+)"', page)
    assert len(images) == 8
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for title, said in images:
        assert {title, said} <= set(ids)
    assert page.count('<details class="data">') == 4


def connections(desk: DeskAt) -> set[sqlite3.Connection]:
    """Those that are open."""
    assert isinstance(desk.store, SqliteStore)
    return set(desk.store._connections._all)


def test_two_hundred_looks_leave_no_thread_and_no_connection_behind(desk: DeskAt) -> None:
    """Open are the writer's connection, this thread's, and those of the desk's own few threads."""
    listened(desk)
    speak(desk, 40, days=3)
    client, still = desk.client("viewer"), threading.active_count()
    for _ in range(100):
        assert client.get("/dashboard?window=30d").status_code == 200
        assert client.get("/api/report?brand=Acme&since=30d").status_code == 200
        assert len(connections(desk)) <= 5
    assert threading.active_count() <= still + 3
    assert len(desk.starlette.state.dashboard_aside._threads) <= 2


def test_a_thread_that_ended_leaves_no_connection_open(desk: DeskAt) -> None:
    desk.store.watches()
    known = connections(desk)
    for _ in range(3):
        thread = threading.Thread(target=desk.store.watches)
        thread.start()
        thread.join()
    assert connections(desk) == known


# -- sources


def test_sources_are_shown_with_state_and_reason_the_worst_first(tmp_path: Path) -> None:
    more = '[[sources]]\ntype = "feed"\nname = "forum"\nurl = "http://127.0.0.1:1/forum"\n'
    with DeskAt(tmp_path, BERLIN + more) as desk:
        blogs, forum = desk.app.sync_watches()
        good = run(blogs)._replace(started_at=ago(hours=1), finished_at=ago(hours=1))
        bad = run(forum)._replace(
            started_at=ago(hours=1), finished_at=ago(hours=1), outcome="failed", new=0, error="said <b>no</b>."
        )
        desk.store.finish_run(good, ago(hours=-1))
        desk.store.finish_run(bad, ago(hours=-1), trouble="refused")
        page = desk.client("viewer").get("/sources")
        assert re.findall(r'<span class="health (\w+)">', page.text) == ["blocked", "ok"]
        assert "said &lt;b&gt;no&lt;/b&gt;." in page.text
        assert "1 blocked 1 ok" in text_of(page)


def test_a_source_that_is_asked_nothing_is_shown(tmp_path: Path) -> None:
    config = '[[brands]]\nname = "Acme"\nquery = "*"\n[[sources]]\ntype = "hackernews"\nname = "hackernews"\n'
    with DeskAt(tmp_path, config) as desk:
        desk.app.sync_watches()
        said = text_of(desk.client("viewer").get("/sources"))
        assert "degraded is asked nothing: no brand's query holds a term" in said


def test_no_source_is_said(tmp_path: Path) -> None:
    with DeskAt(tmp_path) as desk:
        client = desk.client("viewer")
        assert "No source is configured" in text_of(client.get("/sources"))
        assert "No source is listened to." in text_of(client.get("/dashboard"))


def test_a_source_that_was_not_heard_says_so_on_the_dashboard(desk: DeskAt) -> None:
    said = text_of(shown(desk))
    assert "0 of 1 sources heard; not heard: blogs" in said
    assert "not heard 0 never asked" in said


# -- geometry

_POINTS = st.floats(-100, 100)


@given(
    st.lists(st.one_of(st.none(), st.tuples(_POINTS, _POINTS, _POINTS).map(sorted)), min_size=1, max_size=60),
)
def test_intervals_stay_inside_their_chart(found: list[list[float] | None]) -> None:
    columns = [Column(str(n), "") for n in range(len(found))]
    given_ = [Interval(one[1], one[0], one[2]) if one else None for one in found]
    made = charts.intervals("c", "t", "s", columns, given_)
    if made is None:
        assert not any(given_)
        return
    assert sum(mark.kind == "gap" for mark in made.marks) == found.count(None)
    for mark in made.marks:
        assert 0 <= mark.x < mark.x + mark.width <= 100.01
        assert 0 <= mark.y <= mark.y + mark.height <= made.height
    assert 2 <= len(made.levels) <= 7
    assert sum(level.zero for level in made.levels) == 1


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=100))
def test_bars_are_as_high_as_their_share_and_never_higher_than_the_chart(counts: list[int]) -> None:
    columns = [Column(str(n), "") for n in range(len(counts))]
    for made in (
        charts.strip("c", "t", "s", columns, counts, max(counts), "all"),
        charts.bars("c", "t", "s", columns, counts),
    ):
        assert len(made.marks) == sum(map(bool, counts))
        assert all(0 <= mark.y <= mark.y + mark.height <= made.height for mark in made.marks)


@given(st.integers(1, 400))
def test_no_more_columns_are_named_than_stand_beside_each_other(count: int) -> None:
    named = charts.named(count)
    assert named[0] == 0
    assert len(named) <= 5


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles", "Pacific/Apia", "UTC"])
def test_midnights_are_those_of_the_zone_whatever_its_clocks_do(zone: str) -> None:
    its = ZoneInfo(zone)
    since = datetime(2026, 3, 1, 5, tzinfo=UTC)
    found = midnights(since, since + timedelta(days=60), its)
    assert len(found) in (59, 60)
    assert all((local := at.astimezone(its)).hour == 0 and local.minute == 0 for at in found)
