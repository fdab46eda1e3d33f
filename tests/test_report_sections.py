"""What the sections of a report say is what the store holds, bounded, and of nobody who must not be named."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import short_id
from listener.config import load
from listener.nps.share import share_of_voice
from listener.report import gather, markdown, section_words, text
from listener.report import json as as_json
from listener.report.build import Report, build
from listener.report.columns import columns, plain, wrapped
from listener.report.gather import Known
from listener.report.known import known as known_of
from listener.report.listened import gaps, heard
from listener.report.sections import Sections, Strip
from storage.records import Arrival
from storage.records_people import AuthorNote, Permission
from storage.sqlite import SqliteStore
from tests import eventful
from tests.conftest import NOW
from tests.made import AT, ago, arrival, audit, author, case, event, review, run, watch
from tests.test_report import OPEN

WEEK = timedelta(days=7)


def report(store: SqliteStore, top: int = 5, known: Known = Known(), length: timedelta = WEEK) -> Report:  # noqa: B008
    return build(store, "Acme", NOW - length, NOW, UTC, OPEN, top, known=known)


def sections(store: SqliteStore, top: int = 5) -> Sections:
    return report(store, top).sections


def said(made: Report) -> str:
    """Every section, as one line."""
    return " ".join(text.render([made]).split())


# -- needs an answer, response times


def _opened(store: SqliteStore, *due: float | None, **others: Any) -> list[Arrival]:
    """Open cases, due so many hours ago."""
    made = [arrival(str(n), handle=f"u{n}", label="detractor", text=f"Acme lost file {n}") for n in range(len(due))]
    store.add_page(made, AT)
    for one, hours in zip(made, due, strict=True):
        at = ago(hours=hours) if hours is not None else None
        assert store.open_case(case(one, due_at=at, urgent_at=at or ago(hours=-99), **others))
    return made


def test_the_longest_overdue_come_first_then_what_is_due_next_then_what_is_never_due(store: SqliteStore) -> None:
    made = _opened(store, -2, 3, None, 30)
    found = sections(store).unanswered
    assert (found.open, found.late, found.more) == (4, 2, False)
    assert [one.quote.post_id for one in found.first] == [made[n].post.id for n in (3, 1, 0, 2)]
    assert [one.late for one in found.first] == [True, True, False, False]
    told = said(report(store))
    assert "4 cases are open, 2 of them overdue" in told and "overdue by 30 h" in told


def test_one_that_is_urgent_for_its_author_is_not_late_for_that(store: SqliteStore) -> None:
    (one,) = _opened(store, -5)
    before = store.case(one.mentions[0][0].id)
    assert before is not None
    assert store.act(event(before, "assigned"), before._replace(urgent_at=ago(hours=9)))
    found = sections(store).unanswered
    assert (found.open, found.late, [one.late for one in found.first]) == (1, 0, [False])


def test_snoozed_and_answered_cases_wait_for_nobody(store: SqliteStore) -> None:
    _opened(store, 1, snoozed_until=ago(hours=-5))
    found = sections(store).unanswered
    assert (found.open, found.late, found.first) == (0, 0, ())
    assert "no case is open" in said(report(store))


def test_more_late_cases_than_are_read_are_told_as_so_many_or_more(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _opened(store, *range(1, 9))
    monkeypatch.setattr(gather, "_CASES", 5)
    found = sections(store).unanswered
    assert (found.open, found.late, found.more) == (8, 5, True)
    assert "8 cases are open, 5 or more of them overdue" in said(report(store))


@pytest.mark.parametrize(
    ("hours", "median", "p90"), [([1] * 4, None, None), ([1, 2, 3, 4, 50], 3, None), (range(1, 12), 6, 10)]
)
def test_times_are_told_of_enough_answers_only(
    store: SqliteStore, hours: list[int], median: int | None, p90: int | None
) -> None:
    made = [arrival(str(n), label="detractor", at=ago(hours=60)) for n in range(len(hours))]
    store.add_page(made, AT)
    for one, took in zip(made, hours, strict=True):
        before = case(one, due_at=ago(hours=57))
        assert store.open_case(before)
        after = before._replace(state="answered", answered_at=ago(hours=60 - took))
        assert store.act(event(before, "answered"), after)
    found = sections(store).answers
    assert (found.answers, found.due, found.timely) == (len(hours), len(hours), sum(took <= 3 for took in hours))
    assert found.median == (median and timedelta(hours=median))
    assert found.p90 == (p90 and timedelta(hours=p90))
    assert ("too few for a median" in said(report(store))) == (median is None)


# -- complaints


def test_a_theme_is_told_with_its_authors_and_an_example(store: SqliteStore) -> None:
    made = eventful_report(store)
    (theme,) = made.sections.complaints.themes
    assert (theme.term, theme.authors, theme.mentions, theme.before_authors) == ("login broken", 12, 12, 0)
    assert all("login broken" in one.text for one in theme.examples)
    assert f"login broken: {theme.authors} authors, none before" in said(made)


def eventful_report(store: SqliteStore) -> Report:
    eventful.fill(store)
    return build(store, "Acme", eventful.SINCE, NOW, UTC, OPEN, known=eventful.KNOWN)


def test_labels_of_people_decide_what_is_a_complaint_and_blind_audits_are_kept(store: SqliteStore) -> None:
    made = [arrival(str(n), handle=f"u{n}", label="detractor", text=f"Acme is odd {n}") for n in range(4)]
    store.add_page(made, AT)
    store.add_reviews([review(made[0], "promoter")])
    store.add_audit(*audit(made[1]))
    assert sections(store).complaints.read == 2


def test_of_many_complaints_an_even_sample_is_read_which_is_said(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = [arrival(str(n), label="detractor", at=ago(hours=n), text=f"Acme fails {n}") for n in range(160)]
    store.add_page([*page, arrival("old", label="detractor", at=ago(days=9))], AT)
    monkeypatch.setattr(gather, "_TEXTS", 40)
    asked = gather._Asked(store, "Acme", NOW - WEEK, NOW, 5)
    read, more = gather._said(asked, asked.since, asked.until, 40)
    assert (len(read), more) == (40, True)
    hours = sorted(int(one.text.split()[-1]) for one in read)
    assert [sum(first <= hour < first + 21 for hour in hours) for first in range(0, 160, 21)] == [5] * 8
    assert "nothing stands out: a sample of 40 texts of detractors" in said(report(store))


def test_with_nothing_to_compare_with_that_is_said(store: SqliteStore) -> None:
    store.add_page([arrival("1", label="detractor", text="Acme lost my data")], AT)
    assert "nothing to compare with: there are no detractors among those of the 28 days before" in said(report(store))


# -- people


def test_who_opted_out_is_neither_an_advocate_nor_quoted(store: SqliteStore) -> None:
    made = eventful_report(store)
    assert [one.name for one in made.sections.advocates] == ["ann"]
    assert {one.quote.author for one in made.sections.praise} == {"ann"}


def test_praise_is_one_of_each_author_the_permitted_first_and_never_the_refused(store: SqliteStore) -> None:
    page = [
        arrival(str(n), handle=f"u{n // 2}", text=f"Acme is a joy to work with {n}.", at=ago(hours=n)) for n in range(6)
    ]
    store.add_page(page, AT)
    for number, state in ((0, "refused"), (1, "refused"), (4, "granted"), (3, "asked")):
        its_id = page[number].mentions[0][0].id
        assert store.set_permission(Permission(short_id(its_id), its_id, state, AT, "ann"))
    found = sections(store).praise
    assert [(one.quote.post_id, one.permission) for one in found] == [
        (page[4].post.id, "granted"),
        (page[2].post.id, "none"),
    ]


def test_a_question_that_two_ask_comes_before_one_that_one_asks(store: SqliteStore) -> None:
    page = [
        arrival("1", handle="a", label="no_opinion", text="How do I export invoices from Acme?", at=ago(hours=9)),
        arrival("2", handle="b", label="no_opinion", text="Acme: how to export invoices?", at=ago(hours=8)),
        arrival("3", handle="c", label="no_opinion", text="Does Acme run on a toaster?", at=ago(hours=1)),
    ]
    store.add_page(page, AT)
    (found,) = sections(store).questions
    assert (found.askers, found.times, found.quote.post_id) == (2, 2, page[1].post.id)


def test_what_was_taken_away_is_quoted_nowhere(store: SqliteStore) -> None:
    made = eventful_report(store)
    for one in sorted(made.quoted):
        post = store.posts_of([one])[0]
        gone = post._replace(title="", text="", url="", author="", deleted_at=AT, fingerprint="")
        store.add_page([Arrival(gone, None, ())], AT)
    assert not report(store, known=eventful.KNOWN).quoted & made.quoted


def test_a_report_knows_whom_it_quotes(store: SqliteStore) -> None:
    made = eventful_report(store)
    told = as_json.as_dict(made)
    quotes = [one["quote"] for key in ("praise",) for one in told[key]]
    quotes += [one["quote"] for one in told["needs_answer"]["first"]] + [one["newest"] for one in told["questions"]]
    quotes += [quote for one in told["themes"]["found"] for quote in one["examples"]]
    assert len(quotes) >= 6 and {one["post_id"] for one in quotes} <= made.quoted


def test_nobody_is_shown_where_nobody_is_asked_for(store: SqliteStore) -> None:
    eventful.fill(store)
    found = sections(store, top=0)
    lists = (found.unanswered.first, found.questions, found.advocates, found.praise, found.complaints.themes)
    assert not any(lists)
    assert found.unanswered.open == 2


# -- share of voice


def test_shares_are_told_over_the_sources_that_all_were_listened_for_on(store: SqliteStore) -> None:
    told = said(eventful_report(store))
    assert "Acme 75% (30), Globex 25% (10), over blogs; not counted, as not heard for all: forum" in told


def test_a_share_that_cannot_be_told_has_its_reason_and_one_brand_none(store: SqliteStore) -> None:
    share = share_of_voice({"Acme": {"blogs": 3}, "Globex": {}}, {"Acme": {"blogs"}})
    assert "no source was heard for all of Acme, Globex" in said(report(store, known=Known(share=share)))
    assert "Share of voice" not in said(report(store))


def test_the_configuration_tells_rivals_names_and_shares(store: SqliteStore, tmp_path: Path) -> None:
    config = tmp_path / "listener.toml"
    brands = (
        '[[brands]]\nname = "Acme"\nquery = "acme OR acmecorp"\nrivals = ["Globex"]\n'
        '[[brands]]\nname = "Globex"\nquery = "globex"\n'
    )
    config.write_text(f'{brands}[[sources]]\ntype = "feed"\nname = "blogs"\nurl = "https://b.example/f"\n')
    config.chmod(0o600)
    store.sync_watches([watch("blogs")])
    store.finish_run(run(watch("blogs")), AT)
    store.add_page([arrival("1"), arrival("2"), arrival("3", brand="Globex")], AT)
    knows = known_of(store, load(config, {}), NOW - WEEK, NOW, [])
    assert (knows["Acme"].rivals, knows["Globex"].rivals) == (("Globex",), ())
    assert {"Acme", "acmecorp"} <= set(knows["Acme"].names)
    assert knows["Acme"].share == knows["Globex"].share
    assert knows["Acme"].share is not None and knows["Acme"].share.mentions == {"Acme": 2, "Globex": 1}


# -- when it was heard


@pytest.mark.parametrize(
    ("outcomes", "how"),
    [
        ({}, "not asked"),
        ({"failed": 3}, "failed"),
        ({"failed": 1, "ok": 4}, "heard"),
        ({"failed": 2, "ok": 4}, "partly"),
        ({"partial": 3, "ok": 1}, "partly"),
        ({"empty": 1, "unchanged": 5}, "heard"),
    ],
)
def test_a_day_is_heard_as_well_as_its_runs(outcomes: dict[str, int], how: str) -> None:
    assert heard(outcomes) == how


def test_every_day_of_the_window_has_its_place_asked_or_not(store: SqliteStore) -> None:
    store.sync_watches([watch("blogs")])
    for day in (0, 1, 4):
        at = ago(days=day)
        store.finish_run(run(watch("blogs"), day, started_at=at, outcome="failed" if day == 4 else "ok"), AT)
    (strip,) = sections(store).heard
    assert [day for day, _ in strip.days] == [f"2026-11-{day}" for day in range(15, 23)]
    assert gaps(strip) == [
        ("2026-11-15", "2026-11-17", "not asked"),
        ("2026-11-18", "2026-11-18", "failed"),
        ("2026-11-19", "2026-11-20", "not asked"),
    ]
    assert "not asked 2026-11-15 to 2026-11-17, 2026-11-19 to 2026-11-20; failed 2026-11-18" in said(report(store))


@given(st.lists(st.sampled_from(["heard", "partly", "failed", "not asked"]), max_size=40))
def test_gaps_lose_no_day_and_invent_none(states: list[Any]) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    days = [(f"{first + timedelta(days=n):%Y-%m-%d}", how) for n, how in enumerate(states)]
    spread = [
        (f"{begin + timedelta(days=n):%Y-%m-%d}", how)
        for one, last, how in gaps(Strip("blogs", tuple(days)))
        for begin, end in [(datetime.fromisoformat(one), datetime.fromisoformat(last))]
        for n in range((end - begin).days + 1)
    ]
    assert spread == [(day, how) for day, how in days if how != "heard"]


def test_days_are_local_and_hold_every_mention_that_counts(store: SqliteStore) -> None:
    eventful.fill(store)
    made = report(store)
    assert sum(sum(day.counts.values()) for day in made.sections.days) == made.population.eligible
    assert [day.since.hour for day in made.sections.days[1:]] == [0] * 7
    assert (made.sections.days[0].since, made.sections.days[-1].until) == (made.since, made.until)


# -- nothing, and too much


def test_of_nothing_a_line_at_most_is_said_and_never_0_of_0(store: SqliteStore) -> None:
    empty = report(store)
    assert [section.title for section in section_words.sections(empty)] == ["Needs an answer"]
    for render in (text.render, markdown.render, as_json.render):
        assert "0 of 0" not in render([empty]) and "0%" not in render([empty])


@pytest.mark.parametrize("render", [text.render, markdown.render, as_json.render])
def test_template_text_is_shown_and_never_evaluated(store: SqliteStore, render: Any) -> None:
    """Whatever evaluates it would show 1234321, or a class."""
    traps = [
        "{{1111*1111}}",
        "{0.__class__}",
        "${1111*1111}",
        "%s %d %(name)s",
        "<%= 1111*1111 %>",
        "{brand}",
        "#{7*7}",
    ]
    store.add_page(
        [
            arrival(f"{label}{n}", handle=f"{trap} {n}", label=label, text=f"Acme: {trap} says it all?", title=trap)
            for label in ("promoter", "detractor")
            for n, trap in enumerate(traps)
        ],
        AT,
    )
    rendered = re.sub(r"\\(?=[^A-Za-z0-9\"])|\s", "", render([report(store, top=20)]))
    assert "1234321" not in rendered and "<class" not in rendered
    assert not [trap for trap in traps if rendered.count("".join(trap.split())) < 2]


def test_a_quote_has_its_title_before_its_text_and_once(store: SqliteStore) -> None:
    page = [
        arrival("1", handle="a", title="Joy", text="Acme is nice to work with."),
        arrival("2", handle="b", title="Acme is nice", text="Acme is nice to work with."),
        arrival("3", handle="c", title="Acme is nice to all of us", text=""),
    ]
    store.add_page(page, AT)
    assert {one.quote.text for one in sections(store).praise} == {
        "Joy: Acme is nice to work with.",
        "Acme is nice to work with.",
        "Acme is nice to all of us",
    }


# -- columns


@given(st.text(max_size=200), st.integers(12, 120))
def test_lines_keep_to_the_width_and_lose_no_letter(given: str, width: int) -> None:
    lines = wrapped("  1. ", given, width)
    assert max(map(columns, lines)) <= width
    joined = "".join("".join(lines).split())
    assert joined == "1." + "".join(given.split())


def test_a_link_stays_whole_and_wide_letters_fill_the_line() -> None:
    link = "https://blog.example/" + "a" * 60
    assert wrapped("", f"see {link} there", 40) == ["see", link, "there"]
    assert wrapped("", "登录失败" * 5, 12) == ["登录失败登录", "失败登录失败", "登录失败登录", "失败"]


def test_a_strangers_text_steers_no_terminal() -> None:
    assert plain("a\x1b[31mb\u202ec\u2066d\x9be\x07\rf\ng") == "a[31mbcdef\ng"


def test_the_only_praise_of_somebody_who_opted_out_is_left_out(store: SqliteStore) -> None:
    store.add_page([arrival("1", handle="zoe", text="Acme is a joy to work with.")], AT)
    assert store.add_note(AuthorNote(short_id("n"), author("zoe").id, "Acme", "opted_out", AT, "ann"))
    assert sections(store).praise == ()
