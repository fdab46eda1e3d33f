"""A report says what the database holds, with its coverage beside it, or why there is no number."""

from __future__ import annotations

import json
import math
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.nps.estimate import Gate
from listener.report import json as as_json
from listener.report import markdown, text
from listener.report.build import Report, build
from listener.report.columns import columns
from storage.records import Arrival, Post, stamp
from storage.records_nps import Told
from storage.sqlite import SqliteStore
from tests import eventful
from tests.conftest import NOW, Golden
from tests.made import AT, ago, arrival, audit, author, mention, post, review, run, watch

BERLIN = ZoneInfo("Europe/Berlin")
SINCE = NOW - timedelta(days=7)
OPEN = Gate(min_authors=3, max_half_width=100.0, min_coverage=0.5)
RENDERERS = {"report.txt": text.render, "report.md": markdown.render, "report.json": as_json.render}

HOSTILE = "# Free [money](https://evil.example) <b>@everyone</b> `x` | *now*"


def fill(store: SqliteStore) -> None:
    """Three sources, of which one fails, and a week of posts on Acme by people and by nobody known."""
    store.sync_watches([watch("blogs"), watch("reviews"), watch("status")])
    store.finish_run(run(watch("blogs"), 1), AT)
    store.finish_run(run(watch("blogs"), 2, outcome="unchanged", new=0), AT)
    store.finish_run(run(watch("reviews"), 1), AT)
    for number in (1, 2):
        store.finish_run(run(watch("status"), number, outcome="failed", new=0, error="status.example: HTTP 500."), AT)
    store.add_page(list(_week()), AT)


def _week() -> Iterator[Arrival]:
    yield arrival("1", handle="ann", title="Acme is great", text="Acme is great and their people are lovely.")
    yield arrival("2", handle="ann", text="Acme again: great.", at=ago(days=1))
    yield arrival("3", handle="bob", label="detractor", title=HOSTILE, text="Acme\nlost my data.", at=ago(days=2))
    yield arrival(
        "4", handle="cid", label="passive", text="Acme is fine.", source="reviews", rating=4.0, rating_scale=5.0
    )
    yield arrival("5", label="detractor", text="acme " * 200, url="https://blog.example/a(b) c", at=ago(days=3))
    yield arrival("6", handle="dan", label="no_opinion", text="Acme opens an office.")
    yield arrival("7", handle="eve", label=None, text="Acme ist gut.")
    yield arrival("8", handle="fay", label="promoter", text="Acme praised", genre="news")
    yield arrival("9", label="detractor", text="too old", at=ago(days=8))
    yield arrival("10", label="detractor", text="of no time", at=None, dated="implausible")
    yield arrival("11", brand="Rival", text="Rival is great", handle="gus")


def fill_long(store: SqliteStore) -> None:
    """Six weeks of two sources, the last three of which are told: with audits, a seam, a story that made the round, and
    somebody who was quarantined."""
    store.sync_watches([watch("blogs"), watch("reviews")])
    for day, name in product(range(43, 0, -1), ("blogs", "reviews")):
        store.finish_run(run(watch(name), day, started_at=ago(days=day), finished_at=ago(days=day)), AT)
    said = [_of_six_weeks(number) for number in range(240)]
    store.add_page(said, AT)
    store.set_standing(author("person 9").id, "quarantined")
    retold = [one.post.id for one in said[:8]]
    store.add_stories([Told(post_id, retold[0]) for post_id in retold], [])
    store.note("Acme", {"sources": "blogs"}, ago(days=40))
    store.note("Acme", {"sources": "blogs, reviews"}, ago(days=12))
    drawn = random.Random(7).sample(said, 120)
    store.add_audit(*audit(*drawn, size=120, population=240))
    store.add_reviews(
        review(one, "passive" if number % 5 == 0 else one.mentions[0][0].label or "not_us", sampled_by="audit")
        for number, one in enumerate(drawn)
    )


def _of_six_weeks(number: int) -> Arrival:
    """The last comes first; the mood was better before."""
    moods = (
        ("detractor", "promoter", "passive", "detractor") if number < 120 else ("promoter", "promoter", "no_opinion")
    )
    label = None if number % 40 == 39 else moods[number % len(moods)]
    value = {"promoter": 0.7, "detractor": -0.6}.get(label or "", 0.0)
    source = "reviews" if number % (3 if number < 120 else 6) == 0 else "blogs"
    at = ago(hours=4 * number + 1)
    text = f"Acme was mentioned in post {number}."
    return arrival(
        str(number), handle=f"person {number % 90}", label=label, value=value, source=source, at=at, text=text
    )


def long_report(store: SqliteStore) -> Report:
    return build(store, "Acme", NOW - timedelta(days=20), NOW, BERLIN, OPEN._replace(audits=30), top=1)


def full_report(store: SqliteStore) -> Report:
    eventful.fill(store)
    return build(store, "Acme", eventful.SINCE, NOW, BERLIN, OPEN, 3, known=eventful.KNOWN)


def report(store: SqliteStore, gate: Gate = OPEN, brand: str = "Acme", top: int = 5) -> Report:
    return build(store, brand, SINCE, NOW, BERLIN, gate, top)


@pytest.fixture
def filled(store: SqliteStore) -> SqliteStore:
    fill(store)
    return store


# -- golden


@pytest.mark.parametrize("name", RENDERERS)
def test_the_report_reads_as_agreed(filled: SqliteStore, name: str, golden: Golden) -> None:
    golden(f"report/{name}", RENDERERS[name]([report(filled)]))


@pytest.mark.parametrize("name", RENDERERS)
def test_a_longer_report_reads_as_agreed(store: SqliteStore, name: str, golden: Golden) -> None:
    fill_long(store)
    golden(f"report/long_{name}", RENDERERS[name]([long_report(store)]))


@pytest.mark.parametrize("name", RENDERERS)
def test_a_report_with_every_section_reads_as_agreed(store: SqliteStore, name: str, golden: Golden) -> None:
    golden(f"report/full_{name}", RENDERERS[name]([full_report(store)]))


def test_a_report_on_a_narrow_terminal_reads_as_agreed(store: SqliteStore, golden: Golden) -> None:
    golden("report/narrow_report.txt", text.render([full_report(store)], 40))


@pytest.mark.parametrize("name", RENDERERS)
def test_two_reports_of_the_same_data_are_the_same_bytes(filled: SqliteStore, tmp_path: Path, name: str) -> None:
    other = SqliteStore(tmp_path / "other.db")
    other.migrate()
    other.sync_watches([watch("status"), watch("reviews"), watch("blogs")])
    fill(other)
    first, again, elsewhere = (RENDERERS[name]([report(store)]) for store in (filled, filled, other))
    other.close()
    assert first == again == elsewhere


def test_several_brands_are_one_document(filled: SqliteStore) -> None:
    both = [report(filled), report(filled, brand="Rival")]
    assert [r["brand"] for r in json.loads(as_json.render(both))["reports"]] == ["Acme", "Rival"]
    assert markdown.render(both).count("\n# ") == 1
    assert text.render(both).count("Implied NPS  ") == 2


# -- numbers


def _recount(path: Path, statement: str) -> dict[str, int]:
    window = "m.brand = 'Acme' AND m.matched = 1 AND m.at >= ? AND m.at < ?"
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute(statement.format(window=window), (stamp(SINCE), stamp(NOW))).fetchall())


def test_every_sum_is_that_of_a_recount(filled: SqliteStore) -> None:
    told = as_json.as_dict(report(filled))
    path = Path(filled.place)
    opinion = "m.genre NOT IN ('news', 'question')"
    labels = _recount(path, f"SELECT label, COUNT(*) FROM mentions m WHERE {{window}} AND {opinion} GROUP BY label")
    pool = _recount(path, "SELECT 'n', COUNT(*) FROM mentions m WHERE {window}")["n"]
    unread = labels.pop(None, 0)  # type: ignore[call-overload]
    fall = told["waterfall"]
    assert told["labels"] == {"promoter": 0, "passive": 0, "detractor": 0, "no_opinion": 0} | labels
    assert sum(told["unscored"].values()) == unread
    assert (fall["pool"], fall["eligible"], fall["scored"]) == (
        pool,
        sum(labels.values()) + unread,
        sum(labels.values()),
    )
    assert fall["opinion"] == sum(labels.values()) - labels["no_opinion"]
    assert fall["pool"] == fall["eligible"] + sum(fall["dropped"].values())
    by_source = _recount(path, f"SELECT m.source, COUNT(*) FROM mentions m WHERE {{window}} AND {opinion} GROUP BY 1")
    assert {source: sum(counts.values()) for source, counts in told["labels_by_source"].items()} == by_source
    authors = _recount(
        path,
        "SELECT 'n', COUNT(DISTINCT COALESCE(m.author_id, m.id)) FROM mentions m "
        f"WHERE {{window}} AND {opinion} AND m.label IN ('promoter', 'passive', 'detractor')",
    )
    assert (fall["authors"], fall["unknown_authors"], fall["undated"]) == (authors["n"], 1, 1)


def test_the_figures_are_those_of_the_votes(filled: SqliteStore) -> None:
    """Authors: ann +1 (two posts), bob −1, cid 0, one unknown −1. Mentions: 2 promoters, 2 detractors of 6."""
    told = as_json.as_dict(report(filled))
    assert (told["inps"]["value"], told["net"]["value"]) == (-25.0, 0.0)
    assert told["inps"]["low"] < -25.0 < told["inps"]["high"]
    assert told["inps"]["badge"] == "uncalibrated, sampling error only"


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (Gate(), "not enough opinions (n = 4 authors, 30 needed)"),
        (OPEN._replace(max_half_width=20.0), "not enough opinions (n = 4 authors leave ±"),
        (OPEN._replace(min_coverage=0.8), "not enough coverage (67% of the sources were heard, 80% needed)"),
        (OPEN._replace(max_unscored=0.1), "too much unread (14% of the mentions could not be scored)"),
    ],
)
def test_a_number_that_would_mislead_is_refused_in_every_format(filled: SqliteStore, gate: Gate, reason: str) -> None:
    refused = report(filled, gate)
    figure = as_json.as_dict(refused)["inps"]
    assert (figure["value"], figure["low"], figure["high"]) == (None, None, None)
    assert figure["reason"].startswith(reason)
    for render in (text.render, markdown.render):
        assert f"no number: {reason}" in " ".join(render([refused]).split())


def test_silence_is_not_enough_and_never_zero(store: SqliteStore) -> None:
    silent = report(store)
    told = as_json.as_dict(silent)
    assert (told["inps"]["value"], told["net"]["value"]) == (None, None)
    for render in RENDERERS.values():
        rendered = render([silent])
        assert "not enough opinions (n = 0 authors, 3 needed)" in rendered
        assert not re.search(r"nan|NaN|Infinity", rendered)
    assert "no source is configured" in text.render([silent])


def test_a_source_that_was_never_asked_was_not_heard(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs")])
    coverage = as_json.as_dict(report(store))["coverage"]
    assert (coverage["heard"], coverage["sources"]) == (0, 1)
    assert "0 of 1 sources heard; not heard: blogs" in text.render([report(store)])


@pytest.mark.parametrize(("failed", "heard"), [(1, True), (2, False)])
def test_a_source_was_heard_when_four_of_five_runs_did_not_fail(store: SqliteStore, failed: int, heard: bool) -> None:
    store.sync_watches([watch("blogs")])
    for number in range(5):
        store.finish_run(run(watch("blogs"), number, outcome="failed" if number < failed else "empty"), AT)
    (health,) = report(store).sources
    assert health.covered is heard


def test_a_source_of_several_watches_was_not_heard_when_one_of_them_was_deaf(store: SqliteStore) -> None:
    terms = [watch("search", term) for term in "abcdefgh"]
    store.sync_watches(terms)
    for one in terms[1:]:
        store.finish_run(run(one, outcome="empty"), AT)
    (health,) = report(store).sources
    assert health.covered  # the eighth was added a moment ago
    store.finish_run(run(terms[0], outcome="failed", new=0, error="a: HTTP 500."), AT)
    (health,) = report(store).sources
    assert not health.covered


def test_whom_to_answer_comes_surest_first_and_not_more_than_asked_for(store: SqliteStore) -> None:
    made = []
    for number, confidence in enumerate((0.5, 0.9, 0.7)):
        one = post(str(number))
        made.append(Arrival(one, None, (mention(one, label="detractor", confidence=confidence),)))
    store.add_page(made, AT)
    assert [excerpt.confidence for excerpt in report(store, top=2).detractors] == [0.9, 0.7]
    assert report(store, top=0).detractors == ()


def _anything(chance: random.Random) -> list[Arrival]:
    """Posts of any label by any crowd; of some worlds none has an opinion, of some all have the same."""
    labels = chance.choice(
        (["promoter"], [None], ["no_opinion"], ["detractor", None], ["promoter", "detractor", "passive"])
    )
    crowd = chance.choice((1, 40, 500))
    made = []
    for number in range(chance.choice((0, 2, 60, 130, 130))):
        label = chance.choice(labels)
        sign = {"promoter": 1, "detractor": -1}.get(label or "", 0)
        by = {"handle": f"person {chance.randrange(crowd)}"} if chance.random() < 0.9 else {}
        value, at = sign * chance.random(), ago(hours=chance.uniform(0.1, 330))
        genre = chance.choice(("post", "review", "comment", "post", "news"))
        made.append(arrival(str(number), label=label, value=value, at=at, genre=genre, **by))
    return made


@pytest.mark.parametrize("seed", range(48))
def test_whatever_the_world_the_figures_are_numbers_with_intervals_or_reasons(store: SqliteStore, seed: int) -> None:
    chance = random.Random(seed)
    said = _anything(chance)
    store.add_page(said, AT)
    drawn = chance.sample(said, chance.choice((0, min(1, len(said)), len(said), len(said) * 2 // 3)))
    if drawn:
        store.add_audit(*audit(*drawn, population=len(said)))
        answers = chance.choice(
            (["not_us"], ["no_opinion"], ["promoter"], ["promoter", "detractor", "not_us", "passive"])
        )
        store.add_reviews(review(one, chance.choice(answers), sampled_by="audit") for one in drawn)
    gate = Gate() if seed % 3 == 0 else OPEN._replace(min_authors=1, audits=30, max_unscored=1.0, max_half_width=200.0)
    made = report(store, gate)
    told = as_json.as_dict(made)
    parts = [told["inps"], told["net"], told["change"]["before"], *(week["inps"] for week in told["weeks"])]
    for figure in parts:
        if figure["value"] is None:
            assert figure["reason"] and figure["low"] is figure["high"] is None
        else:
            assert -100 <= figure["low"] <= figure["value"] <= figure["high"] <= 100
            assert figure["low"] < figure["high"]
    for render in RENDERERS.values():
        assert not re.search(r"\bnan\b|\binf\b|NaN|Infinity|(?<![\w.])[-−]0(?:\.0)?(?![\d.:])", render([made]))


# -- texts of strangers


def _with_title(store: SqliteStore, title: str, **others: Any) -> Report:
    given: Post = post("1", title=title, **others)
    store.add_page([Arrival(given, author(), (mention(given, label="detractor"),))], AT)
    return report(store)


def test_markdown_shows_a_hostile_title_as_it_is(store: SqliteStore) -> None:
    rendered = markdown.render([_with_title(store, HOSTILE, text="x", author="*bob* @here")])
    (line,) = [line for line in rendered.splitlines() if "money" in line]
    assert "\\[money\\]" in line and "\\<b\\>" in line and "\\`x\\`" in line and "\\|" in line
    assert "@everyone" not in rendered and "@here" not in rendered


def test_a_title_of_several_lines_is_one_line(store: SqliteStore) -> None:
    hostile = _with_title(store, "one\n\n# two\n| three |", text="x")
    for render in (text.render, markdown.render):
        assert not [line for line in render([hostile]).splitlines() if line.startswith(("# two", "| three", "two"))]


@given(st.text(max_size=80))
def test_no_text_ends_its_line_or_mentions_anyone(given: str) -> None:
    escaped = markdown.escape(given)
    assert not set(escaped) & set("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
    assert not re.search(r"@(?!\u200b)", escaped)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~]", escaped)
    assert (
        re.sub(r"\\([\\`*_{}\[\]<>#|~!&.)+-])", r"\1", escaped).replace("\u200b", "").split()
        == given.replace("\u200b", "").split()
    )


@pytest.mark.parametrize("title", ["- item", "+ item", "1. item", "1) item", "&lt;b&gt;"])
def test_what_looks_like_a_list_or_an_entity_is_shown_as_it_is(store: SqliteStore, title: str) -> None:
    rendered = markdown.render([_with_title(store, title, text="x")])
    assert not re.search(rf"^1\. {re.escape(title)}", rendered, re.MULTILINE)


def test_a_link_stays_within_its_brackets(store: SqliteStore) -> None:
    rendered = markdown.render([_with_title(store, "t", url="https://blog.example/a) [x](https://evil.example")])
    (target,) = re.findall(r"\[open\]\(([^)]*)\)", rendered)
    assert " " not in target and "(" not in target


def test_confidence_and_weights_are_finite_numbers_in_the_json(filled: SqliteStore) -> None:
    def numbers(value: Any) -> Iterator[float]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for inner in value:
                yield from numbers(inner)
        elif isinstance(value, float):
            yield value

    assert all(map(math.isfinite, numbers(json.loads(as_json.render([report(filled)])))))


@pytest.mark.parametrize("width", [40, 57, 80, 120])
def test_the_text_keeps_to_the_width_of_the_terminal(store: SqliteStore, width: int) -> None:
    for made in (full_report(store), report(store, brand="Nobody's")):
        prose = [line for line in text.render([made], width).splitlines() if "https://" not in line]
        assert max(map(columns, prose)) <= width


def test_times_are_those_of_the_zone(filled: SqliteStore) -> None:
    first: datetime = report(filled).since
    assert first == SINCE
    assert "2026-11-15 13:00 to 2026-11-22 13:00 (Europe/Berlin)" in text.render([report(filled)])
