"""What actions do to a case: pure, for every state, and taken back to the letter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.desk import claims, work
from listener.desk.claims import Held, Refused
from listener.desk.urgency import answer_within, clock, flagged
from listener.desk.work import Subject, perform, undone
from listener.settings import BrandSettings, DeskSettings, Settings
from storage.records import moment, stamp
from storage.records_desk import CLOSED, OPEN, Case, CaseEvent, State
from storage.records_nps import Draw
from storage.records_scoring import Review
from tests.conftest import NOW
from tests.made import mention, post

SETTINGS = Settings()
HOUR = timedelta(hours=1)
DOING = tuple(action for action in work.ACTIONS if action not in ("claim", "undo"))
VALUES = {"label": "detractor", "assign": "bea", "snooze": "2d", "note": "called them"}


def subject(case: Case | None = None, hours: float = 1, label: str | None = "detractor", **others: Any) -> Subject:
    published = post(at=stamp(NOW - hours * HOUR), published_at=stamp(NOW - hours * HOUR))
    return Subject(mention(published, label=label)[0], published, case, **others)


def case(state: State = "new", hours: float = 1, **others: Any) -> Case:
    of = subject(hours=hours)
    due_at, urgent_at = clock(of.mention, of.post, "detractor", None, SETTINGS)
    return Case(of.mention.id, "Acme", state, "", stamp(NOW), due_at, urgent_at)._replace(**others)


def done(before: Case | None, action: str, value: str = "", who: str = "ann", **others: Any) -> work.Work:
    return perform(subject(before, **others), action, value, who, NOW, SETTINGS)


# -- the clock


def test_an_answer_is_due_some_time_after_publication_not_after_discovery() -> None:
    of = subject(hours=3)
    assert clock(of.mention, of.post, "detractor", None, SETTINGS)[0] == stamp(NOW + HOUR)


def test_a_brand_has_its_own_clock_where_it_says_so() -> None:
    own = BrandSettings(name="Acme", query="acme", answer_within={"detractor": HOUR, "promoter": 24 * HOUR})
    settings = Settings(brands=(own, BrandSettings(name="Globex", query="globex")))
    assert answer_within(settings, "Acme", "detractor") == HOUR
    assert answer_within(settings, "Acme", "promoter") == 24 * HOUR
    assert answer_within(settings, "Globex", "detractor") == 4 * HOUR
    assert answer_within(settings, "Globex", "promoter") is None


@pytest.mark.parametrize(
    ("reach", "confidence", "earlier"),
    [
        (None, 0.5, timedelta()),
        (0, 0.5, timedelta()),
        (1, 0.5, timedelta(minutes=30)),
        (1023, 0.5, 5 * HOUR),
        (10**12, 0.5, 6 * HOUR),
        (-5, 0.5, timedelta()),
        (None, 1.0, timedelta(minutes=30)),
        (None, 0.0, -timedelta(minutes=30)),
    ],
)
def test_who_is_read_by_many_and_what_is_sure_comes_first(
    reach: int | None, confidence: float, earlier: timedelta
) -> None:
    of = subject()
    sure = of.mention._replace(confidence=confidence)
    due_at, urgent_at = clock(sure, of.post, "detractor", reach, SETTINGS)
    assert due_at is not None
    assert moment(due_at) - moment(urgent_at) == earlier


def test_without_a_clock_nothing_is_due_and_everything_due_comes_before() -> None:
    of = subject()
    due_at, urgent_at = clock(of.mention, of.post, "promoter", None, SETTINGS)
    assert due_at is None
    assert urgent_at > clock(of.mention, of.post, "detractor", None, SETTINGS)[1]


# -- what is flagged


def test_a_fresh_detractor_that_counts_is_flagged() -> None:
    of = subject()
    made = flagged(of.mention, of.post, SETTINGS, NOW)
    assert made is not None
    assert (made.state, made.flagged, made.opened_at) == ("new", 1, stamp(NOW))


@pytest.mark.parametrize("label", ["promoter", "passive", "no_opinion", None])
def test_nothing_but_detractors_is_flagged(label: str | None) -> None:
    of = subject(label=label)
    assert flagged(of.mention, of.post, SETTINGS, NOW) is None


def test_what_is_unsure_or_does_not_count_or_is_old_or_gone_is_not_flagged() -> None:
    of, strict = subject(), Settings(desk=DeskSettings(min_confidence=0.71))
    assert flagged(of.mention, of.post, strict, NOW) is None
    assert flagged(of.mention._replace(left_out="echo"), of.post, SETTINGS, NOW) is None
    assert flagged(of.mention._replace(matched=0), of.post, SETTINGS, NOW) is None
    assert flagged(of.mention, of.post._replace(deleted_at=stamp(NOW)), SETTINGS, NOW) is None
    assert flagged(of.mention, of.post._replace(at=None), SETTINGS, NOW) is None
    old = subject(hours=7 * 24 + 1)
    assert flagged(old.mention, old.post, SETTINGS, NOW) is None


# -- every action in every state


AFTER = {
    "assign": "assigned",
    "release": "new",
    "answered": "answered",
    "thanked": "answered",
    "ignore": "ignored",
    "snooze": "waiting",
    "not_us": "not_us",
}


@pytest.mark.parametrize("state", [*OPEN, *CLOSED])
@pytest.mark.parametrize("action", sorted(AFTER))
def test_an_action_leads_to_its_state_or_is_refused_with_a_sentence(action: str, state: State) -> None:
    try:
        after = done(case(state), action, VALUES.get(action, "")).after
    except Refused as refused:
        assert str(refused).endswith(".")
        assert state in CLOSED, "what is open can always be worked on"
    else:
        assert after.state == AFTER[action]


@pytest.mark.parametrize("state", [*OPEN, *CLOSED])
def test_reopening_is_for_what_is_closed(state: State) -> None:
    if state in OPEN:
        with pytest.raises(Refused, match="open already"):
            done(case(state), "reopen")
    else:
        assert done(case(state), "reopen").after.state == "new"
        assert done(case(state, assignee="bea"), "reopen").after.state == "assigned"


@pytest.mark.parametrize("action", ["answered", "not_us", "ignore"])
def test_what_is_done_is_not_done_twice(action: str) -> None:
    with pytest.raises(Refused, match="already"):
        done(done(case(), action).after, action)


def test_the_first_answer_counts_and_thanks_are_an_answer() -> None:
    first = done(case(), "answered").after
    later = perform(subject(first), "thanked", "", "ann", NOW + HOUR, SETTINGS).after
    assert (later.answered_at, later.thanked_at) == (stamp(NOW), stamp(NOW + HOUR))
    assert done(case(), "thanked").after.answered_at == stamp(NOW)


def test_snoozing_takes_a_duration_and_a_day_if_none_is_said() -> None:
    assert done(case(), "snooze").after.snoozed_until == stamp(NOW + 24 * HOUR)
    assert done(case(), "snooze", "4h").after.snoozed_until == stamp(NOW + 4 * HOUR)
    for wrong in ("soon", "0s", "400d", "-1d", "9" * 30 + "d"):
        with pytest.raises(Refused):
            done(case(), "snooze", wrong)


def test_a_note_changes_nothing_but_the_trail_and_says_something() -> None:
    made = done(case("assigned", assignee="bea"), "note", "  called\x00 them  ")
    assert made.after == case("assigned", assignee="bea")
    assert (made.event.what, made.event.detail) == ("noted", "called them")
    with pytest.raises(Refused, match="empty"):
        done(case(), "note", " \n ")
    assert len(done(case(), "note", "x" * 10_000).event.detail) == work.NOTE


def test_an_unknown_action_or_label_is_refused() -> None:
    for action, value in (("delete", ""), ("__class__", ""), ("label", "great"), ("label", "")):
        with pytest.raises(Refused):
            done(case(), action, value)


# -- labels


def test_a_label_is_a_review_by_whoever_gave_it() -> None:
    made = done(case(), "label", "detractor")
    assert made.review is not None
    assert (made.review.label, made.review.reviewer, made.review.sampled_by) == ("detractor", "ann", "flag")
    assert made.after.state == "new"


def test_a_label_of_what_nobody_flagged_is_free() -> None:
    made = done(None, "label", "promoter", label="promoter")
    assert made.review is not None
    assert made.review.sampled_by == "free"


def test_a_blind_label_carries_the_probability_it_was_drawn_with() -> None:
    draw = Draw("audit1", "m1", "", 0.125)
    made = done(case(), "label", "promoter", draw=draw)
    assert made.review is not None
    assert made.review[-4:-1] == ("audit", 0.125, "audit1")


def test_clearing_a_false_alarm_takes_one_key() -> None:
    after = done(case(), "label", "promoter").after
    assert (after.state, after.due_at) == ("ignored", None)


def test_another_label_brings_back_what_was_closed_for_want_of_anything_due() -> None:
    cleared = done(case(), "label", "no_opinion").after
    again = done(cleared, "label", "detractor").after
    assert (again.state, again.due_at) == ("new", case().due_at)


@pytest.mark.parametrize("state", ["assigned", "waiting", "answered", "ignored"])
def test_a_label_leaves_alone_what_somebody_has_or_decided(state: State) -> None:
    assert done(case(state), "label", "promoter").after.state == state


def test_a_detractor_that_the_machine_missed_is_due_but_not_if_it_is_old() -> None:
    fresh, old = done(None, "label", "detractor", label="promoter"), done(None, "label", "detractor", hours=24 * 30)
    assert (fresh.after.state, fresh.after.flagged) == ("new", 0)
    assert old.after.state == "ignored"


def test_not_us_is_a_label_and_closes() -> None:
    for made in (done(case(), "not_us"), done(case(), "label", "not_us")):
        assert made.after.state == "not_us"
        assert made.review is not None
        assert made.review.label == "not_us"


def test_saying_the_same_again_is_refused_but_somebody_else_may() -> None:
    said = Review("r1", "m1", "detractor", "ann", stamp(NOW), "free")
    with pytest.raises(Refused, match="You said already"):
        done(case(), "label", "detractor", review=said)
    assert done(case(), "label", "detractor", who="bea", review=said).review is not None


# -- claims


def test_nobody_works_on_what_somebody_else_holds_until_the_claim_ends() -> None:
    held = case(claimed_by="bea", claimed_until=stamp(NOW + HOUR))
    for action in DOING:
        with pytest.raises(Held, match="bea is working on this"):
            done(held, action, VALUES.get(action, ""))
    with pytest.raises(Held):
        claims.claimed_until(held, "ann", NOW, SETTINGS)
    assert done(held, "answered", who="bea").after.claimed_by == ""
    assert perform(subject(held), "answered", "", "ann", NOW + HOUR, SETTINGS).after.state == "answered"


def test_taking_it_oneself_claims_it_giving_it_away_does_not() -> None:
    assert done(case(), "assign").after.claimed_by == "ann"
    assert done(case(), "assign", "bea").after.claimed_by == ""


def test_only_what_is_open_is_claimed() -> None:
    assert claims.claimed_until(case(), "ann", NOW, SETTINGS) == stamp(NOW + SETTINGS.desk.claim)
    for closed in (None, case("answered")):
        with pytest.raises(Refused):
            claims.claimed_until(closed, "ann", NOW, SETTINGS)


# -- undo


cases = st.none() | st.builds(
    case,
    st.sampled_from((*OPEN, *CLOSED)),
    assignee=st.sampled_from(("", "ann", "bea")),
    answered_at=st.sampled_from((None, stamp(NOW - HOUR))),
    snoozed_until=st.sampled_from((None, stamp(NOW + HOUR))),
    flagged=st.sampled_from((0, 1)),
)
labels = st.sampled_from(("promoter", "passive", "detractor", "no_opinion", "not_us"))


@given(cases, st.lists(st.tuples(st.sampled_from(DOING), labels), min_size=1, max_size=8))
def test_whatever_was_done_is_undone_step_by_step(first: Case | None, steps: list[tuple[str, str]]) -> None:
    now, standing = first, []
    for number, (action, label) in enumerate(steps):
        value = label if action == "label" else VALUES.get(action, "")
        try:
            made = perform(subject(now), action, value, "ann", NOW + number * HOUR, SETTINGS)
        except Refused:
            continue
        assert work.from_json(made.event.before) == now
        standing.append((now, made.event))
        now = made.after
    for before, event in reversed(standing):
        taken = undone(subject(now), event, "ann", NOW + 20 * HOUR)
        assert taken.takes_back == event.id
        if before is not None:
            assert taken.after == before
        else:
            assert (taken.after.state, taken.after.assignee) == ("ignored", "")
        now = taken.after


@given(cases, st.sampled_from(DOING), labels)
def test_every_change_is_an_event_with_who_and_when(before: Case | None, action: str, label: str) -> None:
    try:
        made = done(before, action, label if action == "label" else VALUES.get(action, ""))
    except Refused as refused:
        assert len(str(refused)) > 5
        return
    assert (made.event.who, made.event.happened_at, made.event.undone_at) == ("ann", stamp(NOW), None)
    assert made.after.mention_id == made.event.mention_id
    assert made.after.state in OPEN or made.after.claimed_by == ""


def test_undoing_is_itself_nothing_to_undo() -> None:
    made = done(case(), "answered")
    taken = undone(subject(made.after), made.event, "bea", NOW + HOUR)
    assert (taken.event.what, taken.event.detail, taken.event.who) == ("undone", made.event.id, "bea")
    assert taken.event.undone_at == taken.event.happened_at


def test_what_is_undone_is_not_undone_again() -> None:
    made = done(case(), "answered")
    with pytest.raises(Refused, match="already"):
        undone(subject(made.after), made.event._replace(undone_at=stamp(NOW)), "ann", NOW)


def test_undo_brings_no_claim_back() -> None:
    mine = case(claimed_by="ann", claimed_until=stamp(NOW + HOUR))
    made = done(mine, "answered")
    assert undone(subject(made.after), made.event, "ann", NOW).after.claimed_by == ""


# -- what was seen


def test_what_was_seen_changes_with_what_counts_and_not_with_claims() -> None:
    seen = claims.seen("m1", case(), None)
    assert seen == claims.seen("m1", case(claimed_by="bea", claimed_until=stamp(NOW)), None)
    others = [case("answered"), case(assignee="bea"), case(snoozed_until=stamp(NOW)), None]
    assert len({seen, *(claims.seen("m1", one, None) for one in others)}) == 5
    assert seen != claims.seen("m1", case(), Review("r", "m1", "passive", "ann", stamp(NOW), "free"))


def test_events_of_the_same_instant_differ() -> None:
    ids: list[CaseEvent] = [done(case(), "note", text).event for text in ("a", "b")]
    assert len({event.id for event in ids}) == 2
