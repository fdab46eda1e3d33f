"""What every store owes to those who estimate."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.post import short_id
from storage.contract import Store
from storage.records import Arrival, stamp
from storage.records_nps import Ballots, Sketch, StoredReport, Told, Variant
from storage.records_scoring import Rescored
from tests.conftest import NOW
from tests.made import AT, ago, arrival, audit, author, mention, post, review

ALL = ("", "~")
_FAR = (ago(days=400), stamp(NOW + timedelta(days=1)))


def labels(store: Store, window: tuple[str, str] = ALL) -> Counter[str]:
    """The mentions that count, by label, as the tallies have them."""
    counted: Counter[str] = Counter()
    for tally in store.tallies("Acme", *window):
        if not tally.left_out:
            counted[tally.label] += tally.mentions
    return counted


class EstimatingContract:
    # -- counting

    def test_tallies_count_each_mention_once_under_its_facts(self, store: Store) -> None:
        store.add_page(
            [arrival("1"), arrival("2", label=None), arrival("3", genre="news"), arrival("4", brand="Other")], AT
        )
        found = {
            (one.genre, one.left_out, one.label, one.unscored): one.mentions for one in store.tallies("Acme", *ALL)
        }
        assert found == {
            ("post", "", "promoter", ""): 1,
            ("post", "", "", "language"): 1,
            ("news", "news", "promoter", ""): 1,
        }

    def test_tallies_follow_every_change_of_a_mention(self, store: Store) -> None:
        made = arrival("1", handle="ann")
        store.add_page([made], AT)
        edited = made.post._replace(text="Acme is bad", fingerprint="f2")
        store.add_page([Arrival(edited, made.author, (mention(edited, label="detractor", value=-0.5),))], AT)
        assert labels(store) == {"detractor": 1}
        assert [one.value for one in store.tallies("Acme", *ALL)] == [-0.5]
        score = made.mentions[0][1]._replace(label="passive", value=0.0, scorer="test@2")
        store.rescore([Rescored(score, True, "f2")])
        assert [(one.label, one.scorer, one.mentions) for one in store.tallies("Acme", *ALL)] == [
            ("passive", "test@2", 1)
        ]
        gone = edited._replace(text="nothing", fingerprint="f3")
        store.add_page([Arrival(gone, made.author, ())], AT)
        assert store.tallies("Acme", *ALL) == []

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        hours=st.lists(st.integers(0, 96 * 60), max_size=8),
        since=st.integers(0, 96 * 60),
        length=st.integers(1, 96 * 60),
    )
    def test_any_window_counts_as_one_does_by_hand(
        self, store: Store, hours: list[int], since: int, length: int
    ) -> None:
        brand = f"brand {len(store.posts(10_000))}"  # each example has its own
        ats = [ago(minutes=minutes, seconds=minutes % 3) for minutes in hours]
        store.add_page([arrival(f"{brand}-{n}", brand=brand, at=at) for n, at in enumerate(ats)], AT)
        window = (ago(minutes=since + length), ago(minutes=since))
        inside = sum(window[0] <= at < window[1] for at in ats)
        assert sum(one.mentions for one in store.tallies(brand, *window)) == inside
        assert sum(one.mentions for one in store.ballots(brand, *window)) == inside

    def test_a_voice_has_one_vote_the_mean_of_its_own(self, store: Store) -> None:
        page = [
            arrival("1", handle="ann", value=0.5),
            arrival("2", handle="ann", label="detractor", value=-0.7),
            arrival("3", handle="ann", label="no_opinion", value=0.1),
            arrival("4", handle="bob", label="promoter", value=0.9),
            arrival("5", label="detractor", value=-0.4),
            arrival("6", handle="eve", label=None, value=0.0),
        ]
        store.add_page(page, AT)
        (found,) = store.ballots("Acme", *_FAR)
        assert found == Ballots("", 3, 0.0, 2.0, pytest.approx(-0.1 + 0.9 - 0.4), 4, 6, 2, 1)

    @pytest.mark.parametrize(("others", "days"), [(0, 12), (0, 3), (40, 12), (40, 3)])
    def test_a_window_is_counted_the_same_however_much_lies_outside(self, store: Store, others: int, days: int) -> None:
        """Most of all there is, or little of it: a store may look at the two in ways of their own."""
        said = [
            arrival(str(n), handle="abcd"[n % 4], label=("promoter", "detractor", "no_opinion")[n % 3], at=ago(days=n))
            for n in range(12)
        ]
        elsewhere = [
            arrival(f"o{n}", brand="Other", handle="a", label="detractor", at=ago(days=n)) for n in range(others)
        ]
        store.add_page([*said, *elsewhere], AT)
        inside: dict[int, list[int]] = {}
        for n in (n for n in range(days) if n % 3 < 2):
            inside.setdefault(n % 4, []).append(1 if n % 3 == 0 else -1)
        (found,) = store.ballots("Acme", ago(days=days - 0.5), ago(days=-1))
        assert (found.voices, found.mentions) == (len(inside), sum(map(len, inside.values())))
        assert found.total == pytest.approx(sum(sum(votes) / len(votes) for votes in inside.values()))
        assert store.counted("Acme", ago(days=days - 0.5), ago(days=-1))[0] == found

    def test_ballots_by_source_are_those_of_each_source(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann"), arrival("2", handle="ann", source="forum", label="detractor")], AT)
        found = {one.group: (one.voices, one.total) for one in store.ballots("Acme", *_FAR, by="source")}
        assert found == {"blogs": (1, 1.0), "forum": (1, -1.0)}
        assert store.ballots("Nobody", *_FAR) == []

    def test_variants_are_all_ways_to_count(self, store: Store) -> None:
        page = [
            arrival("1", handle="ann"),
            arrival("2", handle="ann", label="no_opinion"),
            arrival("3", handle="ann", genre="news", label="detractor"),
            arrival("4", handle="bob", label="detractor"),
        ]
        store.add_page(page, AT)
        store.set_standing(author("bob").id, "quarantined")
        found = {tuple(one[:4]): tuple(one[4:]) for one in store.counted("Acme", *_FAR)[1]}
        assert len(found) == 16
        plain = {"by_voice": False, "no_opinion": False, "news": False, "quarantined": False}
        for wanted, votes in (
            ({}, (1, 1)),
            ({"no_opinion": True}, (2, 1)),
            ({"news": True}, (2, 0)),
            ({"quarantined": True}, (2, 0)),
            ({"by_voice": True, "news": True, "quarantined": True}, (2, -1.0)),
            ({"by_voice": True, "no_opinion": True}, (1, 0.5)),
        ):
            assert found[tuple((plain | wanted).values())] == votes
        assert [one[4:] for one in store.counted("Nobody", *_FAR)[1]] == [(0, 0)] * 16
        assert isinstance(store.counted("Acme", *_FAR)[1][0], Variant)
        assert [store.counted("Acme", *_FAR)[0]] == store.ballots("Acme", *_FAR) and not store.counted("Nobody", *_FAR)[
            0
        ]

    def test_the_standing_of_an_author_holds_for_past_and_future_mentions(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann"), arrival("2", handle="ann", genre="news")], AT)
        assert store.set_standing(author("ann").id, "staff") == 2
        store.add_page([arrival("3", handle="ann")], AT)
        assert labels(store) == {} and store.findings("Acme", *_FAR) == [] and store.ballots("Acme", *_FAR) == []
        assert {one.left_out for one in store.tallies("Acme", *ALL)} == {"staff"}
        assert store.set_standing(author("ann").id, "") == 3
        assert {(one.left_out, one.mentions) for one in store.tallies("Acme", *ALL)} == {("", 2), ("news", 1)}

    def test_who_turns_out_to_be_staff_is_from_then_on(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann")], AT)
        later = arrival("2", handle="ann")
        store.add_page([later._replace(author=author("ann", standing="staff"))], AT)
        store.add_page([arrival("3", handle="ann")], AT)
        assert [one.author.standing for one in store.authors_named("ann")] == ["staff"]
        assert labels(store) == {"promoter": 1}

    def test_speakers_are_the_loudest_and_are_found_by_name(self, store: Store) -> None:
        store.add_page(
            [arrival("1", handle="ann"), arrival("2", handle="ann", label="detractor"), arrival("3", handle="Bob")], AT
        )
        found = store.speakers("Acme", *_FAR, 10)
        assert [(one.author.handle, one.mentions, one.promoters, one.detractors) for one in found] == [
            ("ann", 2, 1, 1),
            ("Bob", 1, 1, 0),
        ]
        assert [one.author.handle for one in store.speakers("Acme", *_FAR, 1)] == ["ann"]
        assert [one.mentions for one in store.authors_named("BOB")] == [1]
        assert [one.author.handle for one in store.authors_named(author("ann").id)] == ["ann"]
        assert store.authors_named("nobody") == []

    # -- auditing

    def test_the_frame_is_what_an_audit_may_draw(self, store: Store) -> None:
        page = [
            arrival("1", handle="ann"),
            arrival("2", label=None),
            arrival("3", genre="news"),
            arrival("4", brand="Other"),
        ]
        store.add_page(page, AT)
        store.add_page([arrival("5")], AT)
        store.add_page([Arrival(post("5")._replace(deleted_at=AT), None)], AT)
        frame = list(store.frame("Acme", *ALL))
        assert [(one.mention_id, one.label) for one in frame] == [
            (page[0].mentions[0][0].id, "promoter"),
            (page[1].mentions[0][0].id, None),
        ]
        assert list(store.frame("Acme", *ALL, after_seq=frame[0].seq)) == frame[1:]

    def test_an_audit_is_drawn_once_and_told_how_far_it_is(self, store: Store) -> None:
        page = [arrival(str(n), handle=f"h{n}") for n in range(3)]
        store.add_page(page, AT)
        made, draws = audit(*page)
        assert store.add_audit(made, draws) and not store.add_audit(made, draws[:1])
        (progress,) = store.audits("Acme")
        assert (progress.audit, progress.labelled, progress.gone) == (made, 0, 0)
        store.add_reviews([review(page[0], "promoter", sampled_by="audit", audit_id=made.id)])
        store.add_page([Arrival(page[1].post._replace(deleted_at=AT), None)], AT)
        (progress,) = store.audits()
        assert (progress.labelled, progress.gone) == (1, 1)
        assert [one.mention.id for one in store.drawn("Acme")] == [page[2].mentions[0][0].id]
        assert {one.label for one in store.drawn("Acme", made.id, waiting=False)} == {"", "promoter"}
        assert store.audits("Other") == [] and store.drawn("Other") == []

    def test_audited_mentions_carry_what_an_estimate_needs(self, store: Store) -> None:
        page = [
            arrival("1", handle="ann", label="detractor", value=-0.8),
            arrival("2", handle="ann", label="no_opinion"),
            arrival("3", handle="ann", at=ago(days=9)),
            arrival("4", handle="bob", label=None, value=0.0),
            arrival("5", handle="eve"),
        ]
        store.add_page(page, AT)
        made, draws = audit(*page[:1], *page[2:], size=4, population=5)
        store.add_audit(made, draws)
        by_audit = {"sampled_by": "audit", "audit_id": made.id}
        store.add_reviews([review(page[0], "promoter", 1, **by_audit), review(page[0], "passive", 2, **by_audit)])
        store.add_reviews([review(page[2], "promoter", **by_audit), review(page[3], "detractor", **by_audit)])
        store.add_reviews([review(page[4], "detractor")])
        found = {one.mention_id: one for one in store.audited("Acme", ago(days=1), _FAR[1])}
        assert set(found) == {page[0].mentions[0][0].id, page[3].mentions[0][0].id}
        first = found[page[0].mentions[0][0].id]
        assert (first.label, first.machine, first.value, first.inclusion_prob) == ("passive", "detractor", -0.8, 0.8)
        assert (first.mentions, first.opinions, first.audit_id) == (2, 1, made.id)
        assert found[page[3].mentions[0][0].id].machine is None

    def test_flagged_and_free_labels_are_no_audits(self, store: Store) -> None:
        made = arrival("1", handle="ann", label="detractor")
        store.add_page([made], AT)
        store.add_reviews([review(made, "promoter", sampled_by="flag")])
        store.add_audit(*audit(made))
        assert store.audited("Acme", *_FAR) == []
        assert [one.label for one in store.drawn("Acme")] == [""]

    def test_an_undone_review_is_none(self, store: Store) -> None:
        made = arrival("1", label="detractor")
        store.add_page([made], AT)
        drawn = audit(made)
        store.add_audit(*drawn)
        given_label = review(made, "promoter", sampled_by="audit", audit_id=drawn[0].id)
        store.add_reviews([given_label])
        store.undo_review(given_label.id, AT)
        assert store.audited("Acme", *_FAR) == [] and store.audits()[0].labelled == 0

    def test_a_census_is_there_only_when_every_flagged_mention_was_reviewed(self, store: Store) -> None:
        page = [
            arrival("1", label="detractor"),
            arrival("2", label="detractor"),
            arrival("3"),
            arrival("4", label="detractor", genre="news"),
        ]
        store.add_page(page, AT)
        store.add_reviews([review(page[0], "detractor", sampled_by="flag")])
        assert store.census("Acme", *_FAR) == []
        store.add_reviews([review(page[1], "promoter", sampled_by="flag")])
        assert sorted(one.label for one in store.census("Acme", *_FAR)) == ["detractor", "promoter"]
        assert {(one.audit_id, one.inclusion_prob) for one in store.census("Acme", *_FAR)} == {("", 1.0)}

    def test_covered_counts_each_mention_once_however_many_frames_have_it(self, store: Store) -> None:
        store.add_page([arrival(str(n), at=ago(hours=n)) for n in range(4)], AT)
        seqs = [one.seq for one in store.frame("Acme", *ALL)]
        assert store.covered("Acme", *_FAR, []) == 0
        assert store.covered("Acme", *_FAR, [("", "~", 0, seqs[1]), (ago(hours=1), "~", 0, seqs[-1])]) == 2
        assert store.covered("Acme", *_FAR, [("", "~", seqs[0], seqs[-1])]) == 3

    def test_the_history_of_a_mention_s_labels_is_kept_whole(self, store: Store) -> None:
        page = [arrival("1"), arrival("2")]
        store.add_page(page, AT)
        (first, draws), (second, again) = audit(*page, number=1), audit(page[0], number=2)
        store.add_audit(first, draws)
        store.add_audit(second, again)
        mention_id = page[0].mentions[0][0].id
        assert (
            store.draws_of([mention_id]) == [*again, draws[0]]
            and len(store.draws_of([mention_id, page[1].mentions[0][0].id])) == 3
        )
        given = [review(page[0], "passive", 1), review(page[0], "detractor", 2, sampled_by="audit", audit_id=first.id)]
        store.add_reviews(given)
        store.undo_review(given[0].id, AT)
        assert store.reviews_of([mention_id]) == [given[0]._replace(undone_at=AT), given[1]]

    # -- telling stories apart

    def test_who_tells_the_same_story_again_is_an_echo(self, store: Store) -> None:
        page = [arrival("1", handle="ann"), arrival("2", handle="bob"), arrival("3", handle="ann")]
        store.add_page(page, AT)
        ids = [one.post.id for one in page]
        assert [one.post_id for one in store.storyless(10)] == ids and len(store.storyless(2)) == 2
        sketches = [Sketch(ids[0], AT, "abc", (7, -9))]
        assert store.add_stories([Told(ids[0], ids[0]), Told(ids[1], ids[0]), Told(ids[2], ids[0])], sketches) == 1
        assert store.storyless(10) == []
        echo = store.mention(page[2].mentions[0][0].id)
        assert echo is not None and (echo.left_out, echo.repeats) == ("echo", page[0].mentions[0][0].id)
        assert labels(store) == {"promoter": 2}
        assert store.alike([7]) == [(7, ids[0], "abc")] and len(store.alike([7, -9, 1])) == 2
        (story,) = store.stories("Acme", *_FAR)
        assert (story.story, story.mentions, story.voices) == (ids[0], 3, 2)

    def test_posts_that_nobody_signed_are_nobody_s_echoes(self, store: Store) -> None:
        page = [arrival("1"), arrival("2"), arrival("3", source="forum")]
        store.add_page(page, AT)
        assert store.add_stories([Told(one.post.id, page[0].post.id) for one in page], []) == 0
        assert labels(store) == {"promoter": 3}
        assert [(one.mentions, one.voices) for one in store.stories("Acme", *_FAR)] == [(3, 3)]

    def test_the_same_words_a_long_time_later_are_said_anew(self, store: Store) -> None:
        page = [arrival(str(n), handle="ann", at=ago(days=days)) for n, days in enumerate((100, 75, 40, 1))]
        store.add_page(page, AT)
        assert store.add_stories([Told(one.post.id, page[0].post.id) for one in page], []) == 1
        echo = store.mention(page[1].mentions[0][0].id)
        assert echo is not None and echo.repeats == page[0].mentions[0][0].id
        assert labels(store) == {"promoter": 3}

    def test_what_never_counted_has_no_echo(self, store: Store) -> None:
        news, gone, said = (
            arrival("1", handle="ann", genre="news"),
            arrival("2", handle="ann"),
            arrival("3", handle="ann"),
        )
        store.add_page([news, gone, said], AT)
        edited = gone.post._replace(text="of something else", fingerprint="f2")
        store.add_page([Arrival(edited, gone.author, ())], AT)
        assert store.add_stories([Told(one.post.id, news.post.id) for one in (news, gone, said)], []) == 0
        assert labels(store) == {"promoter": 1}

    def test_an_echo_of_staff_stays_an_echo_when_they_are_staff_no_more(self, store: Store) -> None:
        page = [arrival("1", handle="ann"), arrival("2", handle="ann")]
        store.add_page(page, AT)
        store.add_stories([Told(one.post.id, page[0].post.id) for one in page], [])
        store.set_standing(author("ann").id, "staff")
        store.set_standing(author("ann").id, "")
        assert sorted(one.left_out for one in store.tallies("Acme", *ALL)) == ["", "echo"]

    def test_posts_that_are_no_mentions_have_no_story_and_are_passed_over(self, store: Store) -> None:
        store.add_page([Arrival(post(str(n)), None) for n in range(5)], AT)
        assert store.storyless(2) == []
        made = arrival("9")
        store.add_page([made], AT)
        assert [one.post_id for one in store.storyless(2)] == [made.post.id]

    def test_old_sketches_are_forgotten_and_the_stories_stay(self, store: Store) -> None:
        made = arrival("1", handle="ann")
        store.add_page([made], AT)
        store.add_stories([Told(made.post.id, made.post.id)], [Sketch(made.post.id, AT, "abc", (7,))])
        assert store.forget_sketches(AT) == 0
        assert store.forget_sketches(stamp(NOW + timedelta(seconds=1))) == 1
        assert store.alike([7]) == []

    # -- remembering

    def test_what_is_noted_first_is_no_change(self, store: Store) -> None:
        assert store.note("Acme", {"scorer": "a@1", "query": "acme"}, ago(hours=3)) == []
        assert store.note("Acme", {"scorer": "a@1", "query": "acme"}, ago(hours=2)) == []
        (changed,) = store.note("Acme", {"scorer": "a@2", "query": "acme"}, ago(hours=1))
        assert (changed.what, changed.now_is) == ("scorer", "a@2")
        assert store.seams("Acme", *_FAR) == [changed]
        assert store.seams("Acme", ago(minutes=5), _FAR[1]) == [] and store.seams("Other", *_FAR) == []

    def test_a_report_is_kept_as_it_was(self, store: Store) -> None:
        made = StoredReport(short_id("r"), '["Acme"]', *_FAR, "text", AT, "f1", "body\n")
        store.add_report(made)
        store.add_report(made._replace(body="other"))
        assert store.report(made.id) == made and store.report(made.id[:6]) == made
        assert store.report("zz") is None and store.report("") == made
        assert store.reports() == [made._replace(body="")]

    def test_a_report_goes_with_the_words_that_its_source_took_away(self, store: Store) -> None:
        page = [arrival("1"), arrival("2")]
        store.add_page(page, AT)
        quoting, other = (
            StoredReport(short_id(one.post.id), "Acme", *_FAR, "text", AT, "f1", "body", one.post.id) for one in page
        )
        store.add_report(quoting)
        store.add_report(other)
        store.add_page([Arrival(page[0].post._replace(deleted_at=AT), None)], AT)
        assert store.report(quoting.id) == quoting._replace(body="") and store.report(other.id) == other
