"""What every store owes to those who look after people."""

from __future__ import annotations

from typing import Any

import pytest

from storage.contract import Store
from storage.records import Arrival
from storage.records_people import AnsweredAt, AuthorNote, People, Permission
from tests.contracts.store_desk import answer, flagged, id_of
from tests.made import AT, ago, arrival, audit, author, review

WINDOW = (ago(days=180), ago(days=-1))


def names(page: People) -> list[str]:
    return [person.author.handle for person in page.people]


def friends(store: Store, **others: Any) -> list[str]:
    return names(store.advocates("Acme", *WINDOW, **others))


def note(handle: str = "ann", what: str = "thanked", number: int = 1, **others: Any) -> AuthorNote:
    its_id = f"{handle}-{what}-{number}"
    return AuthorNote(its_id, author(handle).id, "Acme", what, AT, "bob")._replace(**others)


def twice(handle: str, hours: float = 1, first: int = 0, **others: Any) -> list[Arrival]:
    """Two posts of praise in threads of their own."""
    return [
        arrival(f"{handle}{first + n}", handle=handle, thread=f"{handle}{first + n}", at=ago(hours=hours + n), **others)
        for n in range(2)
    ]


class PeopleContract:
    # -- advocates

    def test_an_advocate_praised_in_two_threads(self, store: Store) -> None:
        one_thread = [arrival(str(n), handle="once", thread="t") for n in range(3)]
        store.add_page([*twice("ann"), *one_thread, arrival("x"), arrival("y")], AT)
        assert friends(store) == ["ann"]
        (ann,) = store.advocates("Acme", *WINDOW).people
        assert (ann.threads, ann.praise, ann.helped, ann.latest_at) == (2, 2, 0, ago(hours=1))
        assert ann.newest.post.source_id == "ann0" and ann.sources == ("blogs",)

    def test_a_post_without_a_thread_is_its_own_and_sources_add_up(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann"), arrival("2", handle="ann", source="forum")], AT)
        (ann,) = store.advocates("Acme", *WINDOW).people
        assert ann.threads == 2 and ann.sources == ("blogs", "forum")

    def test_most_threads_come_first_then_the_newest_praise(self, store: Store) -> None:
        store.add_page([*twice("old", hours=50), *twice("new"), *twice("many", hours=90), *twice("many", 70, 2)], AT)
        assert friends(store) == ["many", "new", "old"]
        found, after = [], ""
        while True:
            page = store.advocates("Acme", *WINDOW, after, 1)
            found += names(page)
            after = page.after
            if not after:
                break
        assert found == ["many", "new", "old"]

    def test_who_praised_most_in_one_thread_does_not_hide_who_praised_in_many(self, store: Store) -> None:
        """Praise is looked at in the order of how much there is: what comes first there need not in the list."""
        one_thread = [arrival(f"{who}{n}", handle=who, thread=who) for who in ("once", "same") for n in range(9)]
        few = [arrival(f"few{n}", handle="few", thread=str(n % 2), at=ago(hours=n)) for n in range(6)]
        many = [arrival(f"many{n}", handle="many", thread=f"many{n}", at=ago(hours=9 + n)) for n in range(4)]
        store.add_page([*one_thread, *few, *many, *twice("ann"), *twice("bob", hours=5)], AT)
        assert friends(store) == ["many", "few", "ann", "bob"]
        assert [friends(store, limit=limit) for limit in (1, 2, 3)] == [
            ["many"],
            ["many", "few"],
            ["many", "few", "ann"],
        ]

    def test_who_says_much_else_is_known_by_their_praise(self, store: Store) -> None:
        else_ = [arrival(str(n), handle="ann", label="no_opinion", at=ago(hours=1)) for n in range(120)]
        store.add_page([*twice("ann", hours=50), *else_], AT)
        (ann,) = store.advocates("Acme", *WINDOW).people
        assert (ann.praise, ann.threads, ann.latest_at) == (2, 2, ago(hours=50))

    def test_praise_that_a_person_labelled_adds_up_with_the_machines(self, store: Store) -> None:
        made = [
            arrival("1", handle="ann", at=ago(hours=9)),
            arrival("2", handle="ann", label="passive", source="forum", at=ago(hours=5)),
        ]
        store.add_page(made, AT)
        assert friends(store) == []
        store.add_reviews([review(made[1], "promoter")])
        (ann,) = store.advocates("Acme", *WINDOW).people
        assert (ann.praise, ann.threads, ann.sources, ann.latest_at) == (2, 2, ("blogs", "forum"), ago(hours=5))

    def test_peoples_labels_override_the_machines(self, store: Store) -> None:
        wrong, unseen = twice("wrong"), twice("unseen", label="passive")
        store.add_page([*wrong, *unseen], AT)
        store.add_reviews([review(wrong[0], "detractor"), *(review(one, "promoter") for one in unseen)])
        assert friends(store) == ["unseen"]

    @pytest.mark.parametrize("standing", ["staff", "quarantined"])
    def test_our_own_people_are_no_advocates(self, store: Store, standing: str) -> None:
        store.add_page(twice("ann"), AT)
        store.set_standing(author("ann").id, standing)
        assert friends(store) == []

    def test_other_brands_other_times_and_what_was_taken_away_do_not_count(self, store: Store) -> None:
        gone = twice("gone")
        store.add_page([*twice("other", brand="Other"), *twice("old", hours=24 * 200), *gone], AT)
        away = gone[0].post._replace(text="", fingerprint="gone", deleted_at=AT)
        store.add_page([Arrival(away, None)], AT)
        assert friends(store) == []

    def test_what_waits_for_a_blind_audit_tells_nothing(self, store: Store) -> None:
        made = twice("ann")
        store.add_page(made, AT)
        store.add_audit(*audit(made[0]))
        assert friends(store) == []
        its = audit(made[0])[0].id
        store.add_reviews([review(made[0], "promoter", sampled_by="audit", audit_id=its, inclusion_prob=1.0)])
        assert friends(store) == ["ann"]

    # -- notes

    def test_what_was_done_is_kept_with_who_and_when_and_can_be_undone(self, store: Store) -> None:
        store.add_page(twice("ann"), AT)
        assert store.add_note(note()) and not store.add_note(note("nobody"))
        assert store.undo_note(note().id, "cat", ago(hours=-1)) and not store.undo_note(note().id, "cat", AT)
        (ann,) = store.advocates("Acme", *WINDOW).people
        assert ann.notes == (note(undone_at=ago(hours=-1), undone_by="cat"),)
        assert store.notes([author("ann").id], "Other") == []

    def test_who_opted_out_is_listed_last_and_once(self, store: Store) -> None:
        store.add_page([*twice("ann"), *twice("ann", first=2), *twice("bob")], AT)
        assert store.add_note(note(what="opted_out")) and not store.add_note(note(what="opted_out", number=2))
        assert friends(store) == ["bob", "ann"] and store.advocates("Acme", *WINDOW).people[1].opted_out
        store.undo_note(note(what="opted_out").id, "bob", AT)
        assert friends(store) == ["ann", "bob"]

    # -- helpers

    def test_helpers_answer_in_threads_that_others_began(self, store: Store) -> None:
        asked = arrival("q", handle="ann", thread="q", genre="question")
        own = arrival("own", handle="ann", thread="q", genre="comment", label="no_opinion")
        helping = arrival("a", handle="bob", thread="q", genre="answer", label="detractor")
        plain = arrival("p", handle="cat", thread="p")
        store.add_page([asked, own, helping, plain], AT)
        page = store.helpers("Acme", *WINDOW)
        assert names(page) == ["bob"] and (page.people[0].helped, page.people[0].threads) == (1, 0)

    # -- turned

    def test_who_speaks_better_after_an_answer_has_turned(self, store: Store) -> None:
        first = flagged("1", handle="ann", at=ago(hours=9))
        store.add_page([first], AT)
        case = answer(store, first)
        assert store.turned("Acme", *WINDOW).people == []
        store.add_page([arrival("2", handle="ann", label="passive", at=ago(hours=-2))], AT)
        (ann,) = store.turned("Acme", *WINDOW).people
        assert (ann.author.handle, ann.case, ann.later) == ("ann", case, 1)
        assert (ann.was.post.source_id, ann.became.post.source_id) == ("1", "2")

    def test_others_have_not_turned(self, store: Store) -> None:
        again, before = flagged("1", handle="ann", at=ago(hours=9)), flagged("3", handle="bob", at=ago(hours=9))
        store.add_page([again, before, arrival("4", handle="bob", at=ago(hours=2))], AT)
        for one in (again, before):
            answer(store, one)
        later = [arrival("2", handle="ann", at=ago(hours=-2)), arrival("5", handle="ann", label="detractor", at=AT)]
        store.add_page([*later, arrival("6", handle="ann", label="detractor", at=ago(hours=-3))], AT)
        assert store.turned("Acme", *WINDOW).people == []

    def test_each_who_turned_is_listed_once_page_by_page(self, store: Store) -> None:
        for name in ("ann", "bob"):
            complaints = [flagged(f"{name}{n}", handle=name, at=ago(hours=9)) for n in range(2)]
            store.add_page([*complaints, arrival(f"{name}9", handle=name, at=ago(hours=-5))], AT)
            for minute, one in enumerate(complaints):
                answer(store, one, minute)
        found, after = [], ""
        while True:
            page = store.turned("Acme", *WINDOW, after, 1)
            found += [one.author.handle for one in page.people]
            after = page.after
            if not after:
                break
        assert sorted(found) == ["ann", "bob"]

    # -- questions and permissions

    def test_asked_is_what_may_be_a_question_newest_first(self, store: Store) -> None:
        page = [
            arrival("1", genre="question", text="export", at=ago(hours=3)),
            arrival("2", text="Acme 何ですか？", at=ago(hours=1)),
            arrival("3", text="Acme is fine"),
            arrival("4", text="Is Acme down?", at=ago(hours=2)),
        ]
        store.add_page(page, AT)
        assert [item.post.source_id for item in store.asked("Acme", *WINDOW)] == ["2", "4", "1"]
        assert store.asked("Other", *WINDOW) == []

    def test_the_last_link_holds_until_it_is_taken_away(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        its = id_of(arrival("1"))
        links = [AnsweredAt(str(n), its, "Acme", url, AT, "ann") for n, url in enumerate(("http://a", "http://b", ""))]
        assert store.set_answered_at(links[0]) and store.set_answered_at(links[1])
        assert [(one, item.mention.id) for one, item in store.answered_at("Acme")] == [(links[1], its)]
        assert store.set_answered_at(links[2]) and store.answered_at("Acme") == []
        assert not store.set_answered_at(links[0]._replace(id="9", brand="Other"))

    def test_the_last_permission_holds(self, store: Store) -> None:
        made = [arrival(str(n)) for n in range(3)]
        store.add_page(made, AT)
        ids = [id_of(one) for one in made]
        for number, (its, state) in enumerate(
            zip((ids[0], ids[1], ids[2], ids[1]), ("granted", "granted", "granted", "refused"), strict=True)
        ):
            assert store.set_permission(Permission(str(number), its, state, AT, "ann"))
        assert not store.set_permission(Permission("9", "nobody", "granted", AT, "ann"))
        assert {its: one.state for its, one in store.permissions(ids).items()} == {
            ids[0]: "granted",
            ids[1]: "refused",
            ids[2]: "granted",
        }
        first = store.permitted("Acme", "granted", "", 1)
        rest = store.permitted("Acme", "granted", first.after, 1)
        assert [item.mention.id for _, item in (*first.items, *rest.items)] == [ids[2], ids[0]] and not rest.after
