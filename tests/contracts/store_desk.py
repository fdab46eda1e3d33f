"""What every store owes to the review desk."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.contract import Store
from storage.records import Arrival
from storage.records_desk import OPEN, Case, Filter, Page, Reminder, View
from tests.made import AT, ago, alert, arrival, audit, author, case, event, mention, post, review, session, user

ANY = Filter()


def flagged(source_id: str, hours: float = 3, **others: Any) -> Arrival:
    """A detractor with a case that is due in so many hours."""
    of_case = {key: others.pop(key) for key in [*others] if key in Case._fields and key != "brand"}
    made = arrival(source_id, label="detractor", value=-0.5, **others)
    due = ago(hours=-hours)
    return made._replace(cases=(case(made, due_at=due, urgent_at=due)._replace(**of_case),))


def shown(page: Page) -> list[str]:
    return [item.post.source_id for item in page.items]


def id_of(of: Arrival) -> str:
    return of.mentions[0][0].id


def all_of(ask: Any, limit: int = 2) -> list[str]:
    """Page after page."""
    found, after = [], ""
    while True:
        page = ask(after, limit)
        found += shown(page)
        assert len(page.items) <= limit
        after = page.after
        if not after:
            return found


def overdue(store: Store, hours: float) -> list[Case]:
    """The cases that are overdue so many hours ago."""
    return [item.case for item in store.overdue(ago(hours=hours)) if item.case]


def answer(store: Store, of: Arrival, minute: int = 0) -> Case:
    """The case of a mention is answered by ann."""
    before = store.case(id_of(of))
    assert before is not None
    done = event(before, "answered", minute=minute)
    assert store.act(done, before._replace(state="answered", answered_at=done.happened_at))
    after = store.case(id_of(of))
    assert after is not None
    return after


def listed(store: Store, **narrowed: Any) -> list[str]:
    return shown(store.mentions(Filter(**narrowed)))


class DeskContract:
    # -- cases that come with a page

    def test_a_post_brings_the_case_of_its_mention(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        assert store.case(id_of(made)) == made.cases[0]
        assert store.case("nobody") is None

    def test_an_edit_opens_a_case_and_resets_none(self, store: Store) -> None:
        plain, worked = arrival("1"), flagged("2")
        store.add_page([plain, worked], AT)
        answered = answer(store, worked)
        edited = [
            flagged("1", fingerprint="f2", text="Acme is bad"),
            flagged("2", fingerprint="f2", text="Acme is very bad"),
        ]
        assert store.add_page(edited, AT).edited == 2
        assert store.case(id_of(plain)) == edited[0].cases[0]
        assert store.case(id_of(worked)) == answered

    def test_a_page_that_is_known_opens_nothing_again(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        answered = answer(store, made)
        store.add_page([made], AT)
        assert store.case(id_of(made)) == answered

    def test_who_posts_again_where_they_were_answered_is_looked_at_again(self, store: Store) -> None:
        first = flagged("1", handle="ann", thread="t", at=ago(hours=1))
        store.add_page([first], AT)
        before = answer(store, first)
        again = arrival("2", handle="ann", thread="t", at=ago(hours=-2))
        store.add_page([again], ago(hours=-2.5))
        after = store.case(id_of(first))
        assert after is not None and (after.state, after.answered_at) == ("new", before.answered_at)
        assert after.due_at == ago(hours=-6)  # its clock began three hours later
        whole = store.whole(id_of(first))
        assert whole is not None
        reopened = whole.events[-1]
        assert (reopened.what, reopened.who, reopened.happened_at) == ("reopened", "", ago(hours=-2.5))
        assert reopened.detail == id_of(again) and overdue(store, -6) == [after]

    def test_a_case_that_somebody_had_is_theirs_again(self, store: Store) -> None:
        first = flagged("1", handle="ann", thread="t", assignee="bob", state="assigned")
        store.add_page([first], AT)
        answer(store, first)
        store.add_page([arrival("2", handle="ann", thread="t", at=ago(hours=-1))], AT)
        after = store.case(id_of(first))
        assert after is not None and (after.state, after.assignee) == ("assigned", "bob")

    @pytest.mark.parametrize(
        "other",
        [
            {"handle": "bob"},
            {"handle": "ann", "thread": "elsewhere"},
            {"handle": "ann", "brand": "Other"},
            {"handle": "ann", "at": ago(days=-15)},
            {"handle": "ann", "at": ago(minutes=30)},
            {"handle": "ann", "at": None},
        ],
        ids=["another voice", "another thread", "another brand", "too late", "before the answer", "undated"],
    )
    def test_other_posts_reopen_nothing(self, store: Store, other: dict[str, Any]) -> None:
        first = flagged("1", handle="ann", thread="t")
        store.add_page([first], AT)
        before = answer(store, first)
        store.add_page([arrival("2", **{"thread": "t", "at": ago(hours=-1)} | other)], AT)
        assert store.case(id_of(first)) == before

    def test_posts_without_a_thread_or_an_author_and_history_reopen_nothing(self, store: Store) -> None:
        page = [flagged("1", handle="ann"), flagged("2", thread="t"), flagged("3", handle="bob", thread="b")]
        store.add_page(page, AT)
        before = [answer(store, one) for one in page]
        made = arrival("6", handle="bob", thread="b", at=ago(hours=-1))
        its, score = made.mentions[0]
        backfill = made._replace(mentions=((its._replace(backfill=1), score),))
        later = [arrival("4", handle="ann", at=ago(hours=-1)), arrival("5", thread="t", at=ago(hours=-1)), backfill]
        store.add_page(later, AT)
        assert [store.case(id_of(one)) for one in page] == before

    def test_only_the_case_that_was_answered_last_is_reopened(self, store: Store) -> None:
        page = [flagged(str(n), handle="ann", thread="t") for n in range(3)]
        store.add_page(page, AT)
        for minute, made in enumerate((page[0], page[2], page[1])):
            answer(store, made, minute)
        store.add_page([arrival(f"9{n}", handle="ann", thread="t", at=ago(hours=-1)) for n in range(2)], AT)
        states = [found.state for one in page if (found := store.case(id_of(one)))]
        assert states == ["answered", "new", "answered"]

    def test_what_the_store_writes_down_of_a_case_holds_no_words_of_the_post(self, store: Store) -> None:
        first = flagged("1", handle="ann", thread="t", text="Acme ruined my unmistakable Tuesday", title="So angry")
        store.add_page([first], AT)
        answer(store, first)
        store.add_page([arrival("2", handle="ann", thread="t", at=ago(hours=-1), text="Acme again")], AT)
        store.add_page([Arrival(first.post._replace(deleted_at=AT), None)], AT)
        whole = store.whole(id_of(first))
        assert whole is not None and whole.item.post.text == ""
        assert [one.what for one in whole.events] == ["answered", "reopened", "taken away upstream"]
        assert not any(word in repr(whole.events) for word in ("Tuesday", "angry", "again"))

    # -- the queue

    def test_the_queue_is_open_cases_the_most_urgent_first(self, store: Store) -> None:
        page = [flagged("1", 5), flagged("2", 1), flagged("3", 9), flagged("4", 2, state="ignored"), arrival("5")]
        store.add_page(page, AT)
        found = store.queue(ANY, AT)
        assert shown(found) == ["2", "1", "3"] and found.after == ""
        item = found.items[0]
        assert (item.mention, item.post, item.case) == (page[1].mentions[0][0], page[1].post, page[1].cases[0])
        assert (item.review, item.reach, item.audit_id) == (None, None, "")

    def test_the_queue_goes_by_urgency_not_by_when_it_is_due(self, store: Store) -> None:
        store.add_page([flagged("1", 1), flagged("2", 2, urgent_at=AT)], AT)
        assert shown(store.queue(ANY, AT)) == ["2", "1"]

    def test_snoozed_cases_are_not_in_the_queue_until_their_time(self, store: Store) -> None:
        store.add_page([flagged("1", state="waiting", snoozed_until=ago(hours=-2)), flagged("2")], AT)
        assert shown(store.queue(ANY, AT)) == ["2"]
        assert sorted(shown(store.queue(ANY, ago(hours=-2)))) == ["1", "2"]
        assert dict(store.open_counts(AT)) == {("Acme", "new"): 1, ("", "overdue"): 0}

    def test_pages_of_the_queue_go_on_where_the_last_one_stopped(self, store: Store) -> None:
        store.add_page([flagged(str(n), hours=n // 3, brand="Acme" if n % 2 else "Other") for n in range(9)], AT)
        whole = shown(store.queue(ANY, AT))
        assert len(whole) == 9
        assert all_of(lambda after, limit: store.queue(ANY, AT, after, limit)) == whole
        both = Filter(brands=("Other", "Acme", "Acme"))
        assert all_of(lambda after, limit: store.queue(both, AT, after, limit)) == whole
        assert all_of(lambda after, limit: store.queue(ANY, AT, after, limit), 3) == whole

    def test_a_case_that_was_handled_between_two_pages_shifts_nothing(self, store: Store) -> None:
        page = [flagged(str(n), hours=n) for n in range(6)]
        store.add_page(page, AT)
        first = store.queue(ANY, AT, limit=2)
        answer(store, page[0])
        assert shown(store.queue(ANY, AT, first.after, 2)) == ["2", "3"]

    def test_the_queue_is_narrowed_by_all_that_a_filter_says(self, store: Store) -> None:
        page = [
            flagged("1", 1, handle="ann", state="assigned", assignee="bob", rating=1.0, rating_scale=5.0),
            flagged("2", 2, brand="Other", source="forum", text="Acme lost my parcel"),
            flagged("3", 3, at=ago(days=3)),
        ]
        page[2] = _in_language(page[2], "de")
        store.add_page(page, AT)
        store.index_posts()
        store.add_reviews([review(page[2], "promoter")])
        for narrowed, expected in _NARROWED:
            assert shown(store.queue(Filter(**narrowed), AT)) == expected, narrowed

    def test_the_waiting_audit_sample_is_mixed_into_the_first_page_evenly(self, store: Store) -> None:
        page = [flagged(f"c{n}", hours=n) for n in range(8)] + [arrival(f"a{n}") for n in range(4)]
        store.add_page(page, AT)
        store.add_audit(*audit(*page[8:]))
        first = store.queue(ANY, AT, limit=6, audits=2)
        assert [name[0] for name in shown(first)] == ["c", "c", "a", "c", "c", "a", "c", "c"]
        assert all(bool(item.audit_id) == (item.case is None) for item in first.items)
        rest = store.queue(ANY, AT, first.after, 6, audits=2)
        assert shown(rest) == ["c6", "c7"] and rest.after == ""
        assert len(store.queue(ANY, AT, audits=0).items) == 8
        assert [item.post.source_id[0] for item in store.queue(Filter(brands=("Other",)), AT).items] == []

    def test_a_case_in_the_audit_sample_is_on_the_first_page_and_nowhere_else(self, store: Store) -> None:
        page = [flagged(str(n), hours=n) for n in range(6)]
        store.add_page(page, AT)
        store.add_audit(*audit(page[5]))
        first = store.queue(ANY, AT, limit=2)
        assert sorted(shown(first)) == ["0", "1", "5"]
        assert next(item for item in first.items if item.audit_id).case == page[5].cases[0]
        assert shown(store.queue(ANY, AT, first.after, 5)) == ["2", "3", "4"]

    def test_no_way_through_the_queue_tells_which_of_the_waiting_sample_are_flagged(self, store: Store) -> None:
        page = [flagged("1", 1), flagged("2", 2), flagged("3", 3, state="assigned", assignee="bob"), flagged("4", 4)]
        store.add_page(page, AT)
        store.add_audit(*audit(*page[:3]))
        assert shown(store.queue(ANY, AT, audits=0)) == ["3", "4"]
        assert shown(store.queue(Filter(labels=("detractor",)), AT, audits=0)) == ["3", "4"]
        assert sorted(shown(store.queue(ANY, AT, audits=10))) == ["1", "2", "3", "4"]

    def test_what_was_labelled_in_an_audit_or_taken_away_waits_no_more(self, store: Store) -> None:
        page = [arrival("1"), arrival("2"), arrival("3")]
        store.add_page(page, AT)
        (first, draws), (second, again) = audit(*page, number=1), audit(page[0], page[2], number=2)
        store.add_audit(first, draws)
        store.add_audit(second, again)
        found = {item.post.source_id: item.audit_id for item in store.queue(ANY, AT).items}
        assert found == {"1": second.id, "2": first.id, "3": second.id}
        given_label = review(page[0], "passive", sampled_by="audit", audit_id=first.id)
        store.add_reviews([given_label, review(page[1], "passive", sampled_by="free")])
        store.add_page([Arrival(page[2].post._replace(deleted_at=AT), None)], AT)
        assert shown(store.queue(ANY, AT)) == ["2"]
        labelled = store.mentions(Filter(labels=("passive",))).items
        assert {item.post.source_id: item.audit_id for item in labelled} == {"1": "", "2": first.id}
        store.undo_review(given_label.id, AT)
        assert sorted(shown(store.queue(ANY, AT))) == ["1", "2"]

    def test_open_counts_are_by_brand_and_state_with_those_past_their_time(self, store: Store) -> None:
        page = [
            flagged("1", -1),
            flagged("2", 1),
            flagged("3", -2, state="assigned", assignee="ann"),
            flagged("4", brand="Other", due_at=None),
            flagged("5", -3, state="answered"),
            flagged("6", -3, state="waiting", snoozed_until=ago(hours=-1)),
        ]
        store.add_page(page, AT)
        assert dict(store.open_counts(AT)) == {
            ("Acme", "new"): 2,
            ("Acme", "assigned"): 1,
            ("Other", "new"): 1,
            ("", "overdue"): 2,
        }

    # -- all mentions

    def test_mentions_are_the_newest_first_page_after_page(self, store: Store) -> None:
        page = [arrival(str(n), at=ago(hours=n // 2), brand="Acme" if n % 3 else "Other") for n in range(9)]
        store.add_page(page, AT)
        found = store.mentions(ANY)
        times = [item.mention.at or "" for item in found.items]
        assert times == sorted(times, reverse=True) and len(times) == 9 and found.after == ""
        assert all_of(lambda after, limit: store.mentions(ANY, after, limit)) == shown(found)
        assert all_of(lambda after, limit: store.mentions(ANY, after, limit), 3) == shown(found)
        both = Filter(brands=("Acme", "Other"))
        assert all_of(lambda after, limit: store.mentions(both, after, limit)) == shown(found)

    def test_mentions_are_matched_ones_their_posts_standing_or_not(self, store: Store) -> None:
        page = [arrival("1"), arrival("2"), arrival("3")]
        store.add_page([*page, Arrival(post("4"), None)], AT)
        store.add_page([Arrival(page[0].post._replace(text="nothing", fingerprint="f2"), None)], AT)
        store.add_page([Arrival(page[1].post._replace(deleted_at=AT), None)], AT)
        assert sorted(item.post.id for item in store.mentions(ANY).items) == sorted(p.post.id for p in page[1:])

    def test_undated_mentions_stand_where_they_were_found_and_in_no_period(self, store: Store) -> None:
        store.add_page([arrival("1", at=ago(hours=1)), arrival("2", at=None), arrival("3", at=ago(hours=-1))], AT)
        assert listed(store) == ["3", "2", "1"]
        assert listed(store, since=ago(days=1), until=ago(days=-1)) == ["3", "1"]

    def test_mentions_are_narrowed_by_all_that_a_filter_says(self, store: Store) -> None:
        page = [
            flagged("1", handle="ann", state="assigned", assignee="bob", rating=1.0, rating_scale=5.0, at=AT),
            flagged("2", brand="Other", source="forum", text="Acme lost my parcel"),
            flagged("3", at=ago(days=3)),
            arrival("4", label=None, at=ago(days=9), handle="bob", rating=100.0, rating_scale=100.0),
        ]
        page[2] = _in_language(page[2], "de")
        store.add_page(page, AT)
        store.index_posts()
        store.add_reviews([review(page[2], "promoter")])
        for narrowed, expected in _NARROWED:
            assert [one for one in listed(store, **narrowed) if one != "4"] == expected, narrowed
        assert listed(store, labels=("unscored",)) == ["4"] and listed(store, states=("none",)) == ["4"]
        assert listed(store, states=("none", "new")) == ["2", "3", "4"]
        assert listed(store, rating_at_most=5.0) == ["1", "4"] and listed(store, rating_at_most=4.9) == ["1"]

    def test_a_period_is_half_open(self, store: Store) -> None:
        store.add_page([arrival(str(n), at=ago(hours=n)) for n in range(4)], AT)
        assert listed(store, since=ago(hours=2)) == ["0", "1", "2"]
        assert listed(store, since=ago(hours=2), until=ago(hours=1)) == ["2"]
        assert listed(store, until=ago(hours=2)) == ["3"]

    def test_the_label_that_a_person_took_back_counts_no_more(self, store: Store) -> None:
        made = arrival("1")
        store.add_page([made], AT)
        first, second = review(made, "passive", 1), review(made, "detractor", 2)
        store.add_reviews([first, second])
        (item,) = store.mentions(Filter(labels=("detractor",))).items
        assert item.review == second and listed(store, labels=("promoter",)) == []
        store.undo_review(second.id, AT)
        assert listed(store, labels=("passive",)) == ["1"]
        store.undo_review(first.id, AT)
        assert listed(store, labels=("promoter",)) == ["1"]

    def test_a_filter_by_label_tells_nothing_of_what_waits_for_its_audit(self, store: Store) -> None:
        made = arrival("1")
        store.add_page([made, arrival("2")], AT)
        store.add_audit(*audit(made))
        assert listed(store, labels=("detractor",)) == ["1"] == listed(store, labels=("no_opinion",))
        store.add_reviews([review(made, "passive", sampled_by="audit")])
        assert listed(store, labels=("detractor",)) == [] and listed(store, labels=("passive",)) == ["1"]

    def test_a_filter_by_state_does_not_tell_which_of_those_that_wait_for_their_audit_are_flagged(
        self, store: Store
    ) -> None:
        page = [flagged("1"), arrival("2"), flagged("3", state="answered"), flagged("4"), arrival("5")]
        store.add_page(page, AT)
        store.add_audit(*audit(*page[:3]))
        assert listed(store, states=("new",)) == ["4", "2", "1"]
        assert listed(store, states=("none",)) == ["5", "2", "1"]
        assert listed(store, states=("answered",)) == ["3"]

    def test_words_are_found_in_title_text_and_author(self, store: Store) -> None:
        page = [
            flagged("1", title="A parcel"),
            flagged("2", text="Acme: my PARCEL is lost"),
            flagged("3", author="Parcel Man"),
            flagged("4"),
        ]
        store.add_page(page, AT)
        store.index_posts()
        for text in ("parcel", " Parcel  ", "parcel "):
            assert listed(store, text=text) == ["3", "2", "1"]
            assert sorted(shown(store.queue(Filter(text=text), AT))) == ["1", "2", "3"]
        assert listed(store, text="parcel lost") == ["2"] == shown(store.queue(Filter(text="lost parcel"), AT))
        assert listed(store, text="parcel", brands=("Other",)) == []
        assert shown(store.queue(Filter(text="parcel", brands=("Other",)), AT)) == []

    def test_pages_of_words_go_on_where_the_last_one_stopped(self, store: Store) -> None:
        page = [flagged(str(n), hours=n, text="Acme parcel", at=ago(hours=n)) for n in range(7)]
        two = page[3]._replace(mentions=(*page[3].mentions, mention(page[3].post, "Other")))
        store.add_page([*page[:3], two, *page[4:]], AT)
        store.index_posts()
        words = Filter(text="parcel")
        assert all_of(lambda after, limit: store.mentions(words, after, limit)) == [
            "6",
            "5",
            "4",
            "3",
            "3",
            "2",
            "1",
            "0",
        ]
        assert all_of(lambda after, limit: store.queue(words, AT, after, limit)) == [str(n) for n in range(7)]

    def test_words_of_a_period_are_found_in_it_the_newest_first(self, store: Store) -> None:
        store.add_page([flagged(str(n), text="Acme parcel", at=ago(hours=5 - n % 4)) for n in range(8)], AT)
        store.index_posts()
        words = Filter(text="parcel", since=ago(hours=4), until=ago(hours=2), states=("new",))
        expected = ["6", "2", "5", "1"]
        assert all_of(lambda after, limit: store.mentions(words, after, limit), 3) == expected
        assert listed(store, text="Acme", since=ago(hours=3), brands=("Acme",)) == ["7", "3", "6", "2"]
        assert listed(store, text='"', since=ago(hours=3)) == [] == listed(store, text='"')
        assert shown(store.queue(Filter(text='"'), AT)) == []

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(text=st.text(max_size=20), after=st.text(max_size=30))
    def test_any_text_and_any_place_are_valid(self, store: Store, text: str, after: str) -> None:
        store.mentions(Filter(text=text), after)
        store.queue(Filter(text=text), AT, after)
        store.mentions(ANY, after)
        store.queue(ANY, AT, after)

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        posts=st.lists(
            st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.sampled_from(["detractor", "promoter"])),
            max_size=12,
        ),
        source=st.sampled_from(["", "a", "c"]),
        label=st.sampled_from(["", "promoter"]),
        limit=st.integers(1, 5),
    )
    def test_pages_together_are_what_one_counts_by_hand(
        self, store: Store, posts: list[tuple[int, str, str]], source: str, label: str, limit: int
    ) -> None:
        brand = f"brand {len(store.posts(10_000))}"  # each example has its own
        made = [
            flagged(f"{brand}-{n}", hours, brand=brand, source=where, at=ago(hours=hours))
            for n, (hours, where, _) in enumerate(posts)
        ]
        made = [_labelled(one, label) for one, (_, _, label) in zip(made, posts, strict=True)]
        store.add_page(made, AT)
        wanted = Filter(brands=(brand,), sources=(source,) * bool(source), labels=(label,) * bool(label))
        expected = {
            one.post.source_id
            for one in made
            if source in ("", one.post.source) and label in ("", one.mentions[0][0].label)
        }
        for found in (
            all_of(lambda after, limit: store.mentions(wanted, after, limit), limit),
            all_of(lambda after, limit: store.queue(wanted, AT, after, limit), limit),
        ):
            assert len(found) == len(expected) and set(found) == expected

    # -- one mention

    def test_the_whole_of_a_mention_is_all_that_is_known_of_it(self, store: Store) -> None:
        made = flagged("1", handle="ann")
        store.add_page([made], AT)
        edited = flagged("1", handle="ann", text="Acme is bad", fingerprint="f2")
        store.add_page([edited], ago(hours=-1))
        given_label = review(made, "passive")
        store.add_reviews([given_label, review(made, "promoter", 2)])
        store.undo_review(review(made, "promoter", 2).id, AT)
        answer(store, made)
        whole = store.whole(id_of(made))
        assert whole is not None and whole.author is not None
        assert (whole.item.post.text, whole.item.review, whole.author.handle) == ("Acme is bad", given_label, "ann")
        assert whole.revisions == [(ago(hours=-1), "", "Acme is great")]
        assert len(whole.scores) == 2 and [one.undone_at for one in whole.reviews] == [None, AT]
        assert [one.what for one in whole.events] == ["answered"]
        assert store.whole("nobody") is None

    def test_the_whole_of_a_mention_shows_those_around_it_the_newest_first(self, store: Store) -> None:
        page = [
            arrival("1", handle="ann", thread="t"),
            arrival("2", handle="ann", at=ago(hours=5), brand="Other"),
            arrival("3", handle="bob", thread="t", at=ago(hours=4)),
            arrival("4", thread="t", at=ago(hours=3), story=post("1").id),
            arrival("5", at=ago(hours=2), story=post("1").id),
            arrival("6", handle="eve"),
        ]
        page[0] = page[0]._replace(post=page[0].post._replace(story=page[0].post.id))
        store.add_page(page, AT)

        def around(number: int) -> list[list[str]]:
            whole = store.whole(id_of(page[number]))
            assert whole is not None
            return [[i.post.source_id for i in part] for part in (whole.by_author, whole.in_thread, whole.alike)]

        assert around(0) == [["2"], ["4", "3"], ["5", "4"]]
        assert around(4) == [[], [], ["1", "4"]]
        assert around(5) == [[], [], []]

    def test_of_those_around_a_mention_at_most_twenty_are_shown(self, store: Store) -> None:
        page = [arrival(str(n), handle="ann", thread="t", at=ago(hours=n)) for n in range(25)]
        store.add_page(page, AT)
        whole = store.whole(id_of(page[24]))
        assert whole is not None and len(whole.in_thread) == 20
        assert [item.post.source_id for item in whole.by_author] == [str(n) for n in range(20)]

    def test_reach_is_what_was_observed_of_the_author(self, store: Store) -> None:
        made = flagged("1", handle="ann")
        store.add_page([made._replace(author=author("ann", reach=1200))], AT)
        assert [item.reach for item in store.queue(ANY, AT).items] == [1200]

    # -- working

    def test_a_mention_has_one_case(self, store: Store) -> None:
        made = arrival("1")
        store.add_page([made], AT)
        assert store.open_case(case(made)) and not store.open_case(case(made, state="ignored"))
        assert store.case(id_of(made)) == case(made)
        assert not store.open_case(case(made, mention_id="nobody"))

    def test_what_is_done_is_kept_with_who_and_when(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        before = made.cases[0]
        done, given_label = event(before, "labelled"), review(made, "passive")
        after = before._replace(state="assigned", assignee="ann", thanked_at=AT, flagged=0)
        assert store.act(done, after, given_label)
        whole = store.whole(id_of(made))
        assert whole is not None and (whole.events, whole.reviews) == ([done], [given_label])
        assert store.case(id_of(made)) == after == whole.item.case

    def test_what_was_changed_meanwhile_is_not_changed_again(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        before = made.cases[0]
        taken = before._replace(state="assigned", assignee="bob")
        assert store.act(event(before, "assigned", "bob"), taken)
        assert not store.act(event(before, "ignored"), before._replace(state="ignored"), review(made, "passive"))
        whole = store.whole(id_of(made))
        assert whole is not None and whole.item.case == taken and len(whole.events) == 1 and whole.reviews == []

    def test_a_case_that_is_not_there_yet_is_opened_by_what_is_done(self, store: Store) -> None:
        made = arrival("1")
        store.add_page([made], AT)
        opened = case(made, state="answered", flagged=0)
        assert store.act(event(None, "thanked", mention_id=id_of(made)), opened)
        assert store.case(id_of(made)) == opened
        assert not store.act(event(None, "thanked", "bob", mention_id=id_of(made)), opened)
        assert not store.act(event(opened, mention_id="nobody"), opened._replace(mention_id="nobody"))
        assert not store.act(event(None, mention_id="nobody"), opened._replace(mention_id="nobody"))

    def test_two_do_not_work_on_the_same_case(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        until = ago(minutes=-10)
        claimed = store.claim_case(id_of(made), "ann", AT, until)
        assert claimed == made.cases[0]._replace(claimed_by="ann", claimed_until=until)
        assert store.claim_case(id_of(made), "bob", ago(minutes=-5), ago(minutes=-15)) is None
        assert not store.act(event(claimed, "noted", "bob", 5), claimed)
        assert store.act(event(claimed, "noted", "bob", 11), claimed)  # it ended by itself
        longer = store.claim_case(id_of(made), "ann", ago(minutes=-9), ago(minutes=-19))
        assert longer is not None and longer.claimed_until == ago(minutes=-19)
        taken = store.claim_case(id_of(made), "bob", ago(minutes=-19), ago(minutes=-29))
        assert taken is not None and taken.claimed_by == "bob"
        assert store.claim_case("nobody", "ann", AT, until) is None

    def test_a_claim_is_no_change_of_the_case(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        store.claim_case(id_of(made), "ann", AT, ago(minutes=-10))
        after = made.cases[0]._replace(state="answered", answered_at=AT)
        assert store.act(event(made.cases[0], "answered"), after)
        assert store.case(id_of(made)) == after

    def test_an_event_that_is_undone_stays_and_its_label_holds_no_more(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        before = made.cases[0]
        done = event(before, "not_us")
        given_label = review(made, "not_us")._replace(reviewed_at=done.happened_at)
        other = review(made, "passive", 3)
        store.add_reviews([other])
        after = before._replace(state="not_us")
        assert store.act(done, after, given_label)
        assert store.act(event(after, "undone", minute=1), before, undo=done.id)
        whole = store.whole(id_of(made))
        assert whole is not None and whole.item.case == before and whole.item.review == other
        assert whole.events[0] == done._replace(undone_at=ago(minutes=-1))
        assert [one.undone_at for one in whole.reviews] == [ago(minutes=-1), None]

    def test_the_last_event_of_somebody_is_the_newest_that_is_not_undone(self, store: Store) -> None:
        made = flagged("1")
        store.add_page([made], AT)
        before = made.cases[0]
        first, second = event(before, "first", minute=1), event(before, "second", minute=2)
        for one in (first, second, event(before, "third", "bob", 3)):
            assert store.act(one, before)
        assert store.last_event("ann") == second
        taking_back = event(before, "undone", minute=4, undone_at=ago(minutes=-4))
        assert store.act(taking_back, before, undo=second.id)
        assert store.last_event("ann") == first
        assert store.last_event("nobody") is None

    def test_a_snooze_that_has_ended_puts_the_case_back_to_work(self, store: Store) -> None:
        page = [
            flagged("1", state="waiting", snoozed_until=ago(hours=-1)),
            flagged("2", state="waiting", snoozed_until=ago(hours=-1), assignee="bob"),
            flagged("3", state="waiting", snoozed_until=ago(hours=-2)),
            flagged("4", state="waiting"),
        ]
        store.add_page(page, AT)
        assert store.wake(AT) == []
        woken = store.wake(ago(hours=-1))
        assert sorted((one.state, one.assignee, one.snoozed_until) for one in woken) == [
            ("assigned", "bob", None),
            ("new", "", None),
        ]
        assert {store.case(one.mention_id) for one in woken} == set(woken) and store.wake(ago(hours=-1)) == []
        whole = store.whole(id_of(page[0]))
        assert whole is not None and [(one.what, one.who) for one in whole.events] == [("woken", "")]
        assert len(store.wake(ago(hours=-5), limit=1)) == 1

    def test_overdue_are_open_cases_past_their_time_that_are_awake_the_longest_overdue_first(
        self, store: Store
    ) -> None:
        page = [
            flagged("2", 2),
            flagged("1", 1),
            flagged("3", 3),
            flagged("4", 1, state="answered"),
            flagged("5", due_at=None),
            flagged("6", 1, state="waiting", snoozed_until=ago(hours=-5)),
        ]
        store.add_page(page, AT)
        assert overdue(store, 0) == []
        assert overdue(store, -2) == [*page[1].cases, *page[0].cases] == overdue(store, -2)
        assert [item.post for item in store.overdue(ago(hours=-2), limit=1)] == [page[1].post]

    def test_a_case_is_reminded_of_once_for_as_long_as_its_time_is_the_same(self, store: Store) -> None:
        made = flagged("1", 1)
        store.add_page([made], AT)
        (before,) = overdue(store, -2)
        assert store.remind([Reminder(before, (alert(),))], ago(hours=-2)) == 1
        assert overdue(store, -2) == []
        assert store.act(event(before), before._replace(assignee="bob"))
        assert overdue(store, -3) == []
        later = before._replace(assignee="bob", due_at=ago(hours=-4))
        assert store.act(event(before._replace(assignee="bob"), minute=1), later)
        assert overdue(store, -3) == [] and overdue(store, -4) == [later]
        assert [one.alert for one in store.deliveries()] == [alert()[0]]

    def test_nothing_is_told_of_a_case_that_was_dealt_with_meanwhile(self, store: Store) -> None:
        page = [flagged(str(number), 1) for number in range(4)]
        store.add_page(page, AT)
        found = [one.cases[0] for one in page]
        answer(store, page[0])
        snoozed = found[1]._replace(state="waiting", snoozed_until=ago(hours=-9))
        assert store.act(event(found[1], "snoozed"), snoozed)
        assert store.act(event(found[2], "labelled"), found[2]._replace(due_at=ago(hours=-9)))
        assert store.remind([Reminder(found[3], ())], ago(hours=-2)) == 1
        reminders = [Reminder(case, (alert(number),)) for number, case in enumerate(found)]
        assert store.remind(reminders, ago(hours=-2)) == 0 == len(store.deliveries())

    def test_a_post_that_is_taken_away_leaves_nothing_to_answer(self, store: Store) -> None:
        assigned: dict[str, Any] = {"state": "waiting", "assignee": "ann", "snoozed_until": ago(hours=-1)}
        page = [flagged("1", **assigned, claimed_by="ann", claimed_until=ago(hours=-1)), flagged("2"), arrival("3")]
        store.add_page(page, AT)
        answered = answer(store, page[1])
        gone = [post(one.post.source_id, text="", fingerprint="gone", deleted_at=AT) for one in page]
        store.add_page([Arrival(one, None) for one in gone], ago(hours=-3))
        case = store.case(id_of(page[0]))
        assert case is not None
        assert (case.state, case.assignee, case.snoozed_until, case.claimed_by) == ("ignored", "ann", None, "")
        whole = store.whole(id_of(page[0]))
        assert whole is not None
        closed = [(one.what, one.who, one.happened_at, one.undone_at) for one in whole.events]
        assert closed == [("taken away upstream", "", ago(hours=-3), ago(hours=-3))]
        assert store.case(id_of(page[1])) == answered and store.case(id_of(page[2])) is None
        assert store.wake(ago(hours=-4)) == [] == overdue(store, -4)
        assert not any(store.open_counts(AT).values())

    def test_closed_states_and_open_ones_are_all_there_are(self, store: Store) -> None:
        for number, state in enumerate(OPEN):
            store.add_page([flagged(str(number), state=state)], AT)
        assert len(store.queue(ANY, AT).items) == len(OPEN)

    # -- who may come in

    def test_a_name_is_taken_whatever_its_case(self, store: Store) -> None:
        assert store.add_user(user("Änne")) and not store.add_user(user("änne")) and store.add_user(user("bob"))
        assert store.user("ÄNNE") == user("Änne") and store.user("nobody") is None
        assert [one.name for one in store.users()] == ["bob", "Änne"]

    def test_a_user_is_changed_and_keeps_when_they_were_added(self, store: Store) -> None:
        store.add_user(user())
        changed = user(role="admin", password="other", disabled_at=AT)
        assert store.set_user(changed._replace(name="ANN", added_at="never")) and store.user("ann") == changed
        assert not store.set_user(user("nobody"))

    def test_a_session_lasts_until_it_ends(self, store: Store) -> None:
        store.add_user(user())
        store.add_session(session())
        assert store.session(session().id, AT) == (session(), user())
        assert store.session(session().id, session().ends_at) is None and store.session("nobody's", AT) is None
        store.touch_session(session().id, ago(minutes=-5), ago(hours=-2))
        touched = session(seen_at=ago(minutes=-5), ends_at=ago(hours=-2))
        assert store.session(session().id, session().ends_at) == (touched, user())

    def test_who_is_disabled_has_no_session(self, store: Store) -> None:
        store.add_user(user())
        store.add_session(session())
        store.set_user(user(disabled_at=AT))
        assert store.session(session().id, AT) is None

    def test_sessions_are_ended_one_by_one_all_of_somebody_or_the_old_ones(self, store: Store) -> None:
        store.add_user(user())
        store.add_user(user("bob"))
        for number in range(3):
            store.add_session(session(number))
        store.add_session(session(3, user="bob"))
        store.add_session(session(4, user="bob", ends_at=ago(hours=1)))
        assert store.end_sessions() == 0
        assert store.end_sessions(session_id=session(0).id) == 1 == store.end_sessions(before=AT)
        assert store.session(session(0).id, AT) is None and store.session(session(1).id, AT) is not None
        assert store.end_sessions(user="ANN") == 2 and store.session(session(3).id, AT) is not None

    def test_bad_logins_are_counted_by_name_since_the_last_good_one_and_by_address(self, store: Store) -> None:
        for name, address, good in (
            ("ann", "1.1.1.1", False),
            ("Ann", "2.2.2.2", False),
            ("ann", "1.1.1.1", True),
            ("ANN", "1.1.1.1", False),
            ("bob", "1.1.1.1", False),
        ):
            store.note_login(name, address, AT, good=good)
        assert store.bad_logins("ann", "1.1.1.1", ago(minutes=15)) == (1, 3)
        assert store.bad_logins("bob", "2.2.2.2", ago(minutes=15)) == (1, 1)
        assert store.bad_logins("ann", "1.1.1.1", ago(minutes=-1)) == (0, 0)

    def test_logins_are_forgotten_from_before_a_time(self, store: Store) -> None:
        store.note_login("ann", "1.1.1.1", ago(days=31), good=False)
        store.note_login("ann", "1.1.1.1", AT, good=False)
        assert store.forget_logins(AT) == 1 and store.forget_logins(AT) == 0
        assert store.bad_logins("ann", "1.1.1.1", ago(days=400)) == (1, 1)

    # -- saved views

    def test_a_view_is_its_owners_or_everybodys(self, store: Store) -> None:
        mine, ours = View("Mine", "ann", "brand=Acme", AT), View("All", "", "", AT)
        for view in (mine, ours, mine._replace(owner="bob"), mine._replace(query="old"), mine):
            store.save_view(view)
        assert list(store.views("ann")) == [ours, mine] and list(store.views("eve")) == [ours]
        assert store.drop_view("Mine", "ann") and not store.drop_view("Mine", "ann")
        assert list(store.views("ann")) == [ours] and len(store.views("bob")) == 2


_NARROWED: tuple[tuple[dict[str, Any], list[str]], ...] = (
    ({}, ["1", "2", "3"]),
    ({"brands": ("Other",)}, ["2"]),
    ({"brands": ("Acme", "Other")}, ["1", "2", "3"]),
    ({"brands": ("Nobody",)}, []),
    ({"sources": ("forum", "chat")}, ["2"]),
    ({"labels": ("detractor",)}, ["1", "2"]),
    ({"labels": ("promoter",)}, ["3"]),
    ({"languages": ("de",)}, ["3"]),
    ({"states": ("assigned",)}, ["1"]),
    ({"states": ("new", "waiting")}, ["2", "3"]),
    ({"assignee": "bob"}, ["1"]),
    ({"rating_at_most": 2.0}, ["1"]),
    ({"since": ago(days=1)}, ["1", "2"]),
    ({"until": ago(days=1)}, ["3"]),
    ({"text": "parcel"}, ["2"]),
    ({"text": "parcel", "sources": ("blogs",)}, []),
    ({"labels": ("detractor",), "brands": ("Acme",), "states": ("assigned",)}, ["1"]),
)
"""What a filter leaves of three detractors, of which a person calls the third a promoter."""


def _in_language(of: Arrival, language: str) -> Arrival:
    its, score = of.mentions[0]
    return of._replace(mentions=((its._replace(language=language), score),))


def _labelled(of: Arrival, label: str) -> Arrival:
    its, score = of.mentions[0]
    return of._replace(mentions=((its._replace(label=label), score),))
