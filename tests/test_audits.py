"""Audits: drawn once whoever asks, each person's word kept, and as files there and back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.archive import BadRow, NoArchive
from connectors.text import clean
from listener.audit_files import EXPORTED, Labelling, Unlabelled, label_of, read, write
from listener.audits import ANSWERS, Answer, Plan, draw, draw_daily, holding, newest_draws, news, once, refusal
from storage.contract import Store
from storage.records import mention_id
from storage.records_nps import Audit, Draw, Drawn
from storage.records_scoring import Review
from storage.sqlite import SqliteStore
from tests.conftest import NOW
from tests.databases import another
from tests.made import AT, ago, arrival, mention, post

DAY = date(2026, 11, 22)
SINCE, UNTIL = ago(days=90), AT


def _fill(store: Store, numbers: Sequence[int], **others: Any) -> None:
    labels = ("promoter", "detractor", "no_opinion")
    made = [
        arrival(
            str(number), **{"label": labels[number % 3], "handle": f"a{number % 9}", "text": f"acme {number}"} | others
        )
        for number in numbers
    ]
    store.add_page(made, AT)


def _plan(size: int = 10, seed: str = "7", **others: Any) -> Plan:
    return Plan(SINCE, UNTIL, size, seed)._replace(**others)


def _drawn(store: Store, plan: Plan, brand: str = "Acme") -> Audit:
    made = draw(store, brand, plan, NOW)
    assert made is not None
    return made[0]


def _ids(store: Store, audit: Audit) -> list[str]:
    return [one.mention.id for one in store.drawn(audit_id=audit.id, waiting=False)]


def _say(store: Store, *answers: Answer, minutes: float = 0, insist: bool = False) -> int:
    """How many of the answers are news."""
    draws = newest_draws(store, [answer.mention_id for answer in answers])
    made = news(store, answers, draws, NOW + timedelta(minutes=minutes), insist=insist)
    store.add_reviews(made)
    return len(made)


def _label(store: Store, its_id: str) -> str:
    (label,) = {one.label for one in store.drawn(waiting=False) if one.mention.id == its_id}
    return label


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


@pytest.fixture
def audited(store: Store) -> tuple[Store, str]:
    """A store with an audit, and a mention of it."""
    _fill(store, range(30))
    return store, _ids(store, _drawn(store, _plan()))[0]


# -- draws


def test_the_same_seed_draws_the_same_of_the_same_mentions_and_another_seed_others(tmp_path: Path) -> None:
    draws = []
    for name, seed in (("one", "7"), ("two", "7"), ("three", "8")):
        store = SqliteStore(tmp_path / f"{name}.db")
        store.migrate()
        _fill(store, range(60))
        audit = _drawn(store, _plan(seed=seed))
        draws.append((audit.id, [one.draw[1:] for one in store.drawn(audit_id=audit.id)]))
        store.close()
    assert draws[0] == draws[1]
    assert draws[0][1] != draws[2][1]


def test_a_draw_stores_its_frame_and_with_which_probability_each_was_drawn(store: Store) -> None:
    _fill(store, range(40))
    audit = _drawn(store, _plan())
    assert (audit.size, audit.population, audit.after_seq, audit.design, audit.day) == (10, 40, 0, "sized", "")
    assert audit.upto_seq == max(framed.seq for framed in store.frame("Acme", SINCE, UNTIL))
    draws = [one.draw for one in store.drawn(audit_id=audit.id)]
    assert len({one.mention_id for one in draws}) == 10
    assert all(0 < one.inclusion_prob <= 1 and one.stratum == "" for one in draws)


def test_the_last_ninety_days_drawn_again_a_minute_later_are_the_same_audit(store: Store) -> None:
    _fill(store, range(40))
    first = draw(store, "Acme", _plan(), NOW)
    again = draw(store, "Acme", _plan(since=ago(days=90, minutes=-1)), NOW + timedelta(minutes=1))
    assert first and again and first[0].id == again[0].id
    assert (first[1], again[1]) == (True, False)
    assert len(store.audits()) == 1 and len(store.drawn()) == 10


def test_draws_of_one_seed_that_differ_in_anything_do_not_share_their_chance(store: Store) -> None:
    """Else two audits would say twice what one says, and the interval would be too narrow."""
    _fill(store, range(300), handle="")
    small, large = _ids(store, _drawn(store, _plan(30))), _ids(store, _drawn(store, _plan(60)))
    assert len({*small} & {*large}) < 20
    _fill(store, [300], handle="")
    assert len({*small} & {*_ids(store, _drawn(store, _plan(30)))}) < 15


def test_more_than_there_are_draws_all(store: Store) -> None:
    _fill(store, range(5))
    audit = _drawn(store, _plan(100))
    assert (audit.size, audit.population) == (5, 5)
    assert {one.draw.inclusion_prob for one in store.drawn()} == {1.0}


def test_per_label_draws_so_many_of_each_label_and_of_the_unscored(store: Store) -> None:
    _fill(store, range(30))
    _fill(store, [100], label=None)
    audit = _drawn(store, _plan(2, per_label=True))
    draws = [one.draw for one in store.drawn(audit_id=audit.id)]
    strata = {stratum: [d for d in draws if d.stratum == stratum] for stratum in {d.stratum for d in draws}}
    assert {stratum: len(its) for stratum, its in strata.items()} == {
        "promoter": 2,
        "detractor": 2,
        "no_opinion": 2,
        "unscored": 1,
    }
    assert {d.inclusion_prob for d in strata["promoter"]} == {0.2}
    assert (audit.size, audit.population, audit.design) == (7, 31, "per-label")


def test_what_does_not_count_is_not_drawn(store: Store) -> None:
    _fill(store, [1], genre="news")
    _fill(store, [2], at=ago(days=91))
    _fill(store, [3], brand="Rival")
    _fill(store, [4], handle="bot")
    _fill(store, [5])
    store.set_standing(next(one.author.id for one in store.authors_named("bot")), "quarantined")
    store.add_page([arrival("5", text="", deleted_at=AT, fingerprint="gone")._replace(mentions=())], AT)
    assert draw(store, "Acme", _plan(), NOW) is None
    assert store.audits() == []


def test_a_mention_that_two_audits_drew_waits_once(store: Store) -> None:
    _fill(store, range(5))
    _drawn(store, _plan(5, "1"))
    newest = draw(store, "Acme", _plan(4, "2"), NOW + timedelta(minutes=1))
    assert newest is not None
    waiting = once(store.drawn())
    assert len(store.drawn()) == 9 and len(waiting) == 5
    assert [one.draw.audit_id for one in waiting[:4]] == [newest[0].id] * 4


# -- the daily draw


def test_a_day_is_drawn_once_whoever_asks_and_of_what_came_since_the_last(store: Store) -> None:
    _fill(store, range(20))
    first = draw_daily(store, "Acme", 3, DAY, NOW)
    assert first is not None and (first.size, first.population, first.after_seq, first.day) == (3, 20, 0, "2026-11-22")
    _fill(store, range(20, 30))
    assert draw_daily(store, "Acme", 3, DAY, NOW) is None
    second = draw_daily(store, "Acme", 3, DAY + timedelta(days=1), NOW + timedelta(days=1))
    assert second is not None and (second.population, second.after_seq) == (10, first.upto_seq)
    assert {one.post.source_id for one in store.drawn(audit_id=second.id)} <= {str(number) for number in range(20, 30)}


def test_a_day_without_news_writes_nothing_and_leaves_no_gap(store: Store) -> None:
    assert draw_daily(store, "Acme", 3, DAY, NOW) is None
    _fill(store, range(5))
    first = draw_daily(store, "Acme", 3, DAY, NOW)
    assert first is not None
    assert draw_daily(store, "Acme", 3, DAY + timedelta(days=1), NOW + timedelta(days=1)) is None
    _fill(store, range(5, 9))
    third = draw_daily(store, "Acme", 3, DAY + timedelta(days=2), NOW + timedelta(days=2))
    assert third is not None and (third.after_seq, third.population) == (first.upto_seq, 4)
    assert len(store.audits("Acme")) == 2


def test_a_draw_by_hand_does_not_move_the_daily_one(store: Store) -> None:
    _fill(store, range(10))
    _drawn(store, _plan(5))
    daily = draw_daily(store, "Acme", 3, DAY, NOW)
    assert daily is not None and (daily.after_seq, daily.population) == (0, 10)


def test_none_a_day_switches_it_off_and_every_brand_has_its_own(store: Store) -> None:
    _fill(store, range(10))
    _fill(store, range(10, 14), brand="Rival")
    assert draw_daily(store, "Acme", 0, DAY, NOW) is None
    daily = [draw_daily(store, brand, 3, DAY, NOW) for brand in ("Acme", "Rival")]
    assert [one and one.population for one in daily] == [10, 4]


def test_processes_that_draw_a_day_at_once_draw_it_once(store: Store) -> None:
    stores = [another(store) for _ in range(4)]
    _fill(stores[0], range(50))
    with ThreadPoolExecutor(len(stores)) as threads:
        made = list(threads.map(lambda one: draw_daily(one, "Acme", 3, DAY, NOW), stores))
    assert len([audit for audit in made if audit]) == 1
    assert len(stores[0].drawn()) == 3
    for one in stores:
        one.close()


# -- labels


def test_a_label_is_stored_with_how_it_was_sampled(audited: tuple[Store, str]) -> None:
    store, its_id = audited
    draws = newest_draws(store, [its_id])
    (review,) = news(store, [Answer(its_id, "passive", "ann")], draws, NOW)
    drawn = draws[its_id]
    assert review[1:] == (its_id, "passive", "ann", AT, "audit", drawn.inclusion_prob, drawn.audit_id, None)


def test_the_same_answer_twice_is_one_and_another_takes_its_place_there_and_back(
    audited: tuple[Store, str],
) -> None:
    store, its_id = audited
    for minute, (label, new) in enumerate((("promoter", 1), ("promoter", 0), ("detractor", 1), ("promoter", 1))):
        assert _say(store, Answer(its_id, label, "ann"), minutes=minute) == new
        assert _label(store, its_id) == label
    assert len(store.reviews_of([its_id])) == 3


def test_an_old_answer_said_again_does_not_overrule_somebody_elses_newer_one_unless_it_is_meant(
    audited: tuple[Store, str],
) -> None:
    store, its_id = audited
    ann, bob = Answer(its_id, "promoter", "ann"), Answer(its_id, "detractor", "bob")
    assert _say(store, ann) == 1
    assert _say(store, bob, minutes=1) == 1
    assert _say(store, ann, bob, minutes=2) == 0
    assert _label(store, its_id) == "detractor"
    assert _say(store, ann, minutes=3, insist=True) == 1
    assert _label(store, its_id) == "promoter"


def test_what_was_undone_can_be_said_again(audited: tuple[Store, str]) -> None:
    store, its_id = audited
    answer = Answer(its_id, "promoter", "ann")
    for minute in range(3):
        assert _say(store, answer, minutes=minute) == 1
        held = holding(store, its_id)
        assert held is not None and store.undo_review(held.id, AT)
        assert _label(store, its_id) == ""
    assert holding(store, its_id) is None


def test_two_processes_that_store_the_same_answers_store_them_once(audited: tuple[Store, str]) -> None:
    store, its_id = audited
    draws = newest_draws(store, [its_id])
    both = [news(store, [Answer(its_id, "passive", "ann")], draws, NOW + timedelta(seconds=s)) for s in (0, 1)]
    for reviews in both:
        store.add_reviews(reviews)
    assert len(store.reviews_of([its_id])) == 1


def test_a_clock_that_went_back_lets_no_old_answer_win(audited: tuple[Store, str]) -> None:
    store, its_id = audited
    _say(store, Answer(its_id, "promoter", "ann"), minutes=60)
    _say(store, Answer(its_id, "detractor", "ann"))
    assert _label(store, its_id) == "detractor"


def test_of_several_answers_at_once_the_last_holds(audited: tuple[Store, str]) -> None:
    store, its_id = audited
    said = [(label, by) for label, by in (("promoter", "ann"), ("passive", "bob"), ("detractor", "ann"))]
    assert _say(store, *(Answer(its_id, label, by) for label, by in said)) == 2
    assert _label(store, its_id) == "detractor"
    assert _say(store, *(Answer(its_id, label, by) for label, by in said), minutes=1) == 0


@pytest.mark.parametrize("sampled_by", ["flag", "free"])
def test_a_label_that_was_not_asked_for_by_chance_is_no_answer_to_an_audit(
    audited: tuple[Store, str], sampled_by: str
) -> None:
    store, its_id = audited
    store.add_reviews([Review("r1", its_id, "detractor", "ann", AT, sampled_by)])
    assert its_id in [one.mention.id for one in store.drawn()]
    assert holding(store, its_id) is None
    assert store.audited("Acme", SINCE, UNTIL) == []
    assert _say(store, Answer(its_id, "detractor", "ann"), minutes=1) == 1
    assert [one.label for one in store.audited("Acme", SINCE, UNTIL)] == ["detractor"]


def test_a_mention_that_no_audit_drew_is_told_from_one_that_is_none(audited: tuple[Store, str]) -> None:
    store, _ = audited
    drawn = {one.mention.id for one in store.drawn()}
    other = next(its for number in range(30) if (its := mention_id(post(str(number)).id, "Acme")) not in drawn)
    assert newest_draws(store, [other, "nonsense"]) == {}
    assert refusal(store, other) == f"'{other}' was not drawn in an audit"
    assert refusal(store, "nonsense") == "there is no mention 'nonsense'"


# -- files


def _row(text: str, number: int = 1, **others: Any) -> Drawn:
    made = post(str(number), text=text)._replace(**others)
    its, _ = mention(made)
    return Drawn(Draw("a1", its.id, "promoter", 0.5), its, made, "")


def _written(rows: Sequence[Drawn], form: str) -> str:
    stream = io.StringIO(newline="")
    write(rows, form, stream)
    return stream.getvalue()


def _lines(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline=""))


def _read(text: str, reviewer: str = "ann") -> list[Labelling | Unlabelled | BadRow]:
    return list(read(_lines(text), reviewer))


def test_a_sheet_has_the_sources_own_id_and_what_a_reader_reads(store: Store) -> None:
    row = _row("so it is", title="Acme")
    (told,) = csv.DictReader(_lines(_written([row], "csv")))
    assert tuple(told) == EXPORTED
    assert told == {
        "mention_id": row.mention.id,
        "source": "blogs",
        "post_id": "1",
        "url": "https://blog.example/1",
        "text": "Acme\nso it is",
    }
    assert json.loads(_written([row], "jsonl")) == told


@pytest.mark.parametrize("evil", ["=1+1", "+1+1", "-1|2", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(evil: str) -> None:
    row = _row(evil, source=evil, source_id=evil)
    (told,) = csv.DictReader(_lines(_written([row], "csv")))
    assert told["text"] == told["source"] == told["post_id"] == f"'{evil}".replace("\r", "\n")
    assert told["mention_id"] == row.mention.id
    assert json.loads(_written([row], "jsonl"))["text"] == evil


@pytest.mark.parametrize("its_id", ["-1", "-dQw4w9WgXc", "@ann.example", "+1", "t3_abc"])
def test_an_id_of_a_source_that_computes_nothing_can_be_looked_up_by(its_id: str) -> None:
    (told,) = csv.DictReader(_lines(_written([_row("-1", source_id=its_id)], "csv")))
    assert (told["post_id"], told["text"]) == (its_id, "'-1")


_stored_text = st.text(max_size=60).map(clean)


@given(
    st.lists(_stored_text, min_size=1, max_size=5), st.sampled_from(["csv", "jsonl"]), st.sampled_from(["\n", "\r\n"])
)
def test_what_is_exported_and_labelled_comes_back_whatever_it_says(texts: list[str], form: str, end: str) -> None:
    rows = [_row(text, number) for number, text in enumerate(texts)]
    written = _written(rows, form)
    if form == "csv":
        table = [
            [*cells, label] for cells, label in zip(csv.reader(_lines(written)), ["label", *ANSWERS], strict=False)
        ]
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator=end).writerows(table)
        written = stream.getvalue()
    else:
        told = [json.loads(line) | {"label": label} for line, label in zip(_lines(written), ANSWERS, strict=False)]
        written = end.join(json.dumps(one) for one in told)
    expected = [Answer(row.mention.id, label, "ann") for row, label in zip(rows, ANSWERS, strict=False)]
    assert [one.answer for one in _read(written) if isinstance(one, Labelling)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "mention_id,label\nm1,promoter\n",
        "\ufeffmention_id,label\r\nm1,promoter\r\n",
        'label,text,mention_id\nPromoter,"a\nb,c",m1\n',
        "Mention_ID;Label\nm1; PROMOTER \n",
        "mention_id\tlabel\nm1\tpromoter",
        "mention_id,label,reviewer\nm1,promoter,\n",
        '{"mention_id": "m1", "label": "promoter", "text": "x"}\n',
        '\ufeff\n{"label": "Promoter", "mention_id": "m1", "reviewer": null}\n\n',
    ],
)
def test_labels_come_as_csv_or_json_lines_in_any_order_of_columns(text: str) -> None:
    assert [one.answer for one in _read(text) if isinstance(one, Labelling)] == [Answer("m1", "promoter", "ann")]


def test_a_row_may_name_its_reviewer_and_may_be_without_a_label_yet() -> None:
    rows = _read("mention_id,label,reviewer\nm1,passive,bob\nm2,,\nm3\n")
    assert rows == [Labelling(2, Answer("m1", "passive", "bob")), Unlabelled(3), Unlabelled(4)]


def test_bad_rows_are_told_with_their_lines() -> None:
    rows = _read('mention_id,label\nm1,great\n,promoter\nm3,passive,x,y\n"m4,passive\n')
    assert [(row.line, row.problem) for row in rows if isinstance(row, BadRow)] == [
        (2, "has the label 'great': there are promoter, passive, detractor, no_opinion, not_us"),
        (3, "has no mention_id"),
        (4, "has more cells than the first line has columns"),
        (5, "is not CSV (unexpected end of data)"),
    ]
    rows = _read('{"mention_id": "m1", "label": ["x"]}\n[1]\nnonsense\n{"mention_id": "m1", "label": NaN}\n')
    assert [row.line for row in rows if isinstance(row, BadRow)] == [1, 2, 3, 4]


@pytest.mark.parametrize("text", ["", "\n\n", "id,label\n1,promoter\n", "mention_id\nm1\n", "\0", "[1]\n"])
def test_a_file_without_the_columns_is_refused_whole(text: str) -> None:
    with pytest.raises(NoArchive, match="mention_id and label at least"):
        _read(text)


@given(st.text(st.sampled_from('mention_id,label\n\r"{}[]:;\t\0é'), max_size=80))
def test_any_file_is_read_or_refused(text: str) -> None:
    try:
        rows = _read(text)
    except NoArchive as refused:
        assert "\n" not in str(refused)
    else:
        assert all(row.answer.label in ANSWERS for row in rows if isinstance(row, Labelling))


@pytest.mark.parametrize("said", ["No opinion", "no-opinion", " NO_OPINION "])
def test_a_label_may_be_written_as_people_write(said: str) -> None:
    assert label_of(said) == "no_opinion"


@given(st.text(max_size=20))
def test_any_word_is_a_label_or_refused_in_one_line(said: str) -> None:
    try:
        assert label_of(said) in ANSWERS
    except ValueError as error:
        assert "\n" not in str(error)
