"""The obligations of storage.contract.Store, for every database: subclass and provide a fixture `store`."""

from __future__ import annotations

import inspect
import itertools
import json
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.contract import Store
from storage.records import Arrival, Bookmark, DeliveryState, Mention, PageCount, Post, Score, Yield, mention_id, stamp
from storage.records_desk import Filter
from storage.records_scoring import Calibration, Rescored, Review, WordRule
from storage.records_sweep import Sweep
from tests.conftest import NOW
from tests.made import AT, ago, alert, arrival, author, mention, post, run, watch

_NOBODYS = ("a\0b", "\ud800", "x\udfff'\\\\", '%_"?')
_NOT_ASKED = {"place", "side", "claim", "note_login", "told_in_digest", "hold", "set_standing", "volumes"}
"""What takes no text that a reader wrote, only such as the store gave; and one that is asked by itself."""
_FAR = ("2000-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z")


def _taken_away(source_id: str, source: str = "blogs") -> Arrival:
    return Arrival(post(source_id, source=source, text="", fingerprint="gone", deleted_at=AT), None)


def _as_stored(source_id: str) -> tuple[Mention, Post]:
    made = arrival(source_id)
    return made.mentions[0][0], made.post


def _rescored(store: Store, of: Arrival, *, changed: bool = True, **others: Any) -> Score:
    """The arrival's first mention is given another score, which is returned."""
    new = of.mentions[0][1]._replace(scored_at=ago(minutes=-1), **others)
    store.rescore([Rescored(new, changed, of.post.fingerprint)])
    return new


def _review(source_id: str, number: int, *, brand: str = "Acme", label: str = "promoter") -> Review:
    of = mention_id(post(source_id).id, brand)
    return Review(str(number), of, label, "ann", stamp(NOW + timedelta(minutes=number)), "audit", 0.25)


def _asking(name: str, text: str) -> list[Any] | None:
    """Arguments of a method of the Store's with `text` wherever a text goes; None where it takes more than texts."""
    given: list[Any] = []
    for its, parameter in itertools.islice(inspect.signature(getattr(Store, name)).parameters.items(), 1, None):
        kind = str(parameter.annotation)
        if parameter.kind is parameter.KEYWORD_ONLY or (kind != "str" and parameter.default is not parameter.empty):
            break
        if kind not in ("str", "Sequence[str]", "int", "Filter"):
            return None
        if kind == "str" and (its.endswith("day") or its in ("since", "until", "now", "before", "known_by")):
            given.append(AT[:10] if its.endswith("day") else AT)
        elif kind == "Filter":
            given.append(Filter(*[(text,)] * 5, text, None, "", "", text))
        else:
            given.append({"str": text, "Sequence[str]": [text, text], "int": 5}[kind])
    return given


class StoreContract:
    def test_any_text_may_be_asked_for(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann")], AT)
        asked = set()
        for name in sorted(name for name in dir(Store) if not name.startswith("_") and name not in _NOT_ASKED):
            for text in _NOBODYS:
                given = _asking(name, text)
                if given:
                    asked.add(name)
                    found = getattr(store, name)(*given)
                    assert not inspect.isgenerator(found) or list(found) == [], name
                store.note_login(text, text, AT, good=False)
        assert len(asked) >= 50, asked

    # -- watches

    def test_watches_keep_their_memory_when_the_configuration_is_read_again(self, store: Store) -> None:
        store.sync_watches([watch("a"), watch("b")])
        store.add_page([], AT, watch("a").id, Bookmark(cursor="c1", etag='"x"'))
        store.sync_watches([watch("a"), watch("c")])
        assert [(w.source, w.cursor, w.etag) for w in store.watches()] == [("a", "c1", '"x"'), ("c", "", "")]

    def test_a_watch_taken_out_and_put_back_goes_on_where_it_was(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        store.add_page([], AT, watch("a").id, Bookmark(cursor="c1"))
        store.sync_watches([])
        store.sync_watches([watch("a")])
        assert [w.cursor for w in store.watches()] == ["c1"]

    def test_due_watches_are_those_whose_time_has_come_the_longest_waiting_first(self, store: Store) -> None:
        late, due = watch("late", next_due=ago(hours=2)), watch("due", next_due=ago(hours=1))
        store.sync_watches([due, late, watch("early", next_due=stamp(NOW + timedelta(seconds=1)))])
        assert [w.source for w in store.due_watches(AT)] == ["late", "due"]

    def test_a_finished_run_is_remembered_on_the_watch_and_in_the_coverage(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        store.finish_run(run(watch("a"), 1), stamp(NOW + timedelta(hours=1)))
        store.finish_run(
            run(watch("a"), 2, outcome="failed", new=0, error="no answer"), stamp(NOW + timedelta(hours=2))
        )
        (kept,) = store.watches()
        assert (kept.baseline, kept.failures, kept.last_outcome, kept.last_error) == (0, 1, "failed", "no answer")
        assert (kept.heard_at, kept.news_at) == (run(watch("a"), 1).finished_at,) * 2
        assert [tuple(row) for row in store.coverage("2026-11-22", "2026-11-22")] == [
            ("a", "2026-11-22", "failed", 1),
            ("a", "2026-11-22", "ok", 1),
        ]

    def test_a_first_run_that_fails_leaves_the_baseline_to_come(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        store.finish_run(run(watch("a"), outcome="failed", new=0), AT)
        assert [w.baseline for w in store.watches()] == [1]

    def test_a_closed_watch_is_never_due(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        store.finish_run(run(watch("a"), outcome="failed"), AT, closed="gone")
        assert store.due_watches(stamp(NOW + timedelta(days=9))) == []

    def test_the_beginning_and_kind_of_trouble_are_kept_until_it_ends(self, store: Store) -> None:
        of = watch("a")
        store.sync_watches([of])
        for number in (1, 2):
            store.finish_run(
                run(of, number, outcome="failed", new=0), AT, trouble="refused", moved_to="https://b.example/"
            )
        (kept,) = store.watches()
        assert (kept.trouble, kept.failing_since, kept.failures) == ("refused", run(of, 1).started_at, 2)
        store.finish_run(run(of, 3), AT)
        (kept,) = store.watches()
        assert (kept.trouble, kept.failing_since, kept.moved_to) == ("", None, "https://b.example/")

    def test_a_watch_yields_what_came_after_its_first_run(self, store: Store) -> None:
        of = watch("a")
        store.sync_watches([of])
        for number, new in ((0, 50), (60, 3), (120, 0), (300, 4)):
            store.finish_run(run(of, number, new=new, outcome="ok" if new else "empty"), AT)
        assert store.yields("2026-11-22") == {of.id: Yield(of.id, "2026-11-22", 7, 1.0)}
        assert store.yields("2026-11-23") == {}

    def test_runs_are_forgotten_and_the_coverage_stays(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        for number in range(5):
            store.finish_run(run(watch("a"), number), AT)
        assert store.forget_runs(run(watch("a"), 3).started_at, 2) == 2
        assert store.forget_runs(run(watch("a"), 3).started_at) == 1
        assert [row.runs for row in store.coverage("2026-11-22", "2026-11-22")] == [5]

    # -- pages

    def test_a_page_brings_its_posts_authors_mentions_scores_and_alerts(self, store: Store) -> None:
        raised = alert(1)
        page = [arrival("1", handle="ann")._replace(alerts=(raised,)), arrival("2")]
        assert store.add_page(page, AT) == PageCount(new=2, edited=0, mentions=2)
        found = store.findings("Acme", *_FAR)
        assert {f.post.source_id for f in found} == {"1", "2"}
        assert {f.post.author_id for f in found} == {author("ann").id, None}
        assert store.scores_of(page[0].mentions[0][0].id) == [page[0].mentions[0][1]]
        assert [o.alert for o in store.waiting("chat", AT)] == [raised[0]]

    def test_the_same_page_twice_changes_nothing(self, store: Store) -> None:
        page = [arrival("1")._replace(alerts=(alert(1),))]
        store.add_page(page, AT)
        assert store.add_page(page, AT) == PageCount(0, 0, 0)
        assert dict(store.counts()) == {"posts": 1, "mentions": 1, "alerts": 1}

    def test_one_post_twice_in_a_page_is_stored_once(self, store: Store) -> None:
        assert store.add_page([arrival("1"), arrival("1")], AT) == PageCount(1, 0, 1)

    def test_an_edit_keeps_the_post_its_time_and_a_revision_and_never_alerts(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        edited = arrival("1", text="Acme is awful", fingerprint="f2", label="detractor", at=ago(days=9))
        counted = store.add_page([edited._replace(alerts=(alert(1),))], stamp(NOW + timedelta(minutes=5)))
        assert counted == PageCount(0, 1, 0)
        (found,) = store.findings("Acme", *_FAR)
        assert (found.post.text, found.mention.label, found.mention.at) == ("Acme is awful", "detractor", ago(hours=1))
        assert [s.label for s in store.scores_of(found.mention.id)] == ["promoter", "detractor"]
        assert (store.revisions(found.post.id), store.counts()["alerts"]) == (1, 0)

    def test_what_is_taken_away_loses_its_words_everywhere_and_keeps_its_label(self, store: Store) -> None:
        first = arrival("1", handle="ann", title="Oh", url="https://a.example/1")
        its = first.mentions[0][0]
        store.add_page([first._replace(alerts=(alert(1, mention_id=its.id),))], AT)
        store.add_page([arrival("1", handle="ann", text="Acme, again", fingerprint="f2")], ago(minutes=-1))
        store.index_posts()
        assert store.add_page([_taken_away("1")], ago(minutes=-2)) == PageCount(0, 1, 0)
        ((_, kept),) = store.posts(5)
        assert (kept.text, kept.title, kept.raw, kept.author, kept.url) == ("",) * 5
        assert (kept.deleted_at, kept.at, kept.author_id) == (ago(minutes=-2), first.post.at, author("ann").id)
        assert (store.revisions(kept.id), store.search("again"), store.findings("Acme", *_FAR)) == (0, [], [])
        assert [one.label for one in store.tallies("Acme", *_FAR)] == ["promoter"]
        assert {score.explanation for score in store.scores_of(its.id)} == {"[]"}
        assert store.waiting("chat", AT) == [] and [o.delivery.state for o in store.deliveries()] == ["withdrawn"]
        assert "Acme" not in store.deliveries()[0].alert.notice
        assert store.replay([], AT) == 0

    def test_what_is_taken_away_is_left_out_of_digests_too(self, store: Store) -> None:
        posts = [arrival(str(n), title=f'Oh "{n}"', url=f"https://a.example/{n}") for n in (1, 2)]
        lines = [{"title": one.post.title, "url": one.post.url} for one in posts]
        told = [json.dumps(line) for line in lines]
        raised = [alert(n, mention_id=one.mentions[0][0].id, notice=told[n]) for n, one in enumerate(posts)]
        store.add_page([one._replace(alerts=(its,)) for one, its in zip(posts, raised, strict=True)], AT)
        store.add_alerts([alert(9, notice=json.dumps({"type": "mention.digest", "digest": {"surest": lines}}))])
        store.add_page([_taken_away("1")], AT)
        (digest,) = [one for one in store.deliveries() if one.alert.mention_id is None]
        assert json.loads(digest.alert.notice) == {"type": "mention.digest", "digest": {"surest": [lines[1]]}}
        assert digest.delivery.state == "waiting"

    def test_what_is_taken_away_never_comes_back(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        store.add_page([_taken_away("1")], AT)
        assert store.add_page([arrival("1", fingerprint="f9")], AT) == PageCount(0, 0, 0)
        assert [post.text for _, post in store.posts(5)] == [""]

    def test_an_author_is_named_as_long_as_a_post_of_theirs_stands(self, store: Store) -> None:
        store.add_page([arrival("1", handle="ann"), arrival("2", handle="ann")], AT)
        store.add_page([_taken_away("1")], AT)
        assert [post.author for _, post in store.posts(5)] == ["ann", ""]

    def test_any_source_of_its_kind_may_say_that_a_post_is_gone(self, store: Store) -> None:
        store.add_page([arrival("1", source="search")], AT)
        assert store.add_page([_taken_away("1", source="stream")], AT).edited == 1

    def test_what_was_never_stored_is_not_stored_to_be_deleted(self, store: Store) -> None:
        assert store.add_page([_taken_away("1")], AT) == PageCount(0, 0, 0)
        assert store.counts()["posts"] == 0

    # -- sweeping

    def test_what_stands_is_listed_newest_first_by_kind_and_page(self, store: Store) -> None:
        store.add_page([arrival(str(n), ref=f"r{n}") for n in range(5)], AT)
        store.add_page([_taken_away("3")], AT)
        store.add_page([arrival("9", kind="other")], AT)
        first = store.standing(["feed"], 2**62, ago(days=1), 2)
        assert [(post.source_id, post.ref) for post in first] == [("4", "r4"), ("2", "r2")]
        assert [p.source_id for p in store.standing(["feed", "other"], first[-1].seq, ago(days=1), 9)] == ["1", "0"]
        assert store.standing(["feed"], 2**62, stamp(NOW + timedelta(seconds=1)), 9) == []

    def test_a_sweep_goes_on_where_it_stopped(self, store: Store) -> None:
        assert store.sweep("recheck") == Sweep()
        store.set_sweep("recheck", Sweep(17, AT))
        store.set_sweep("recheck", Sweep(9, AT))
        assert store.sweep("recheck") == Sweep(9, AT)

    def test_a_brand_edited_out_is_counted_no_more_and_comes_back_when_edited_in(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        gone = arrival("1", text="nothing", fingerprint="f2")._replace(mentions=())
        store.add_page([gone], stamp(NOW + timedelta(minutes=1)))
        assert store.findings("Acme", *_FAR) == []
        back = arrival("1", fingerprint="f3")
        store.add_page([back], stamp(NOW + timedelta(minutes=2)))
        assert len(store.findings("Acme", *_FAR)) == 1
        assert store.revisions(back.post.id) == 2

    def test_a_brand_edited_in_is_a_mention_at_the_posts_own_time(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        changed = post("1", fingerprint="f2")
        both = arrival("1", fingerprint="f2")._replace(mentions=(mention(changed), mention(changed, "Rival")))
        store.add_page([both], stamp(NOW + timedelta(minutes=1)))
        assert [f.mention.at for f in store.findings("Rival", *_FAR)] == [ago(hours=1)]

    def test_a_source_cannot_rewrite_what_another_one_brought(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        assert store.add_page([arrival("1", source="evil", fingerprint="f2", text="Acme!")], AT) == PageCount(0, 0, 0)
        assert store.findings("Acme", *_FAR)[0].post.text == "Acme is great"

    def test_a_page_and_its_bookmark_are_one_thing(self, store: Store) -> None:
        store.sync_watches([watch("a")])
        broken = arrival("2")._replace(author=None, post=post("2", author_id="nobody"))
        try:
            store.add_page([arrival("1"), broken], AT, watch("a").id, Bookmark(cursor="c2"))
        except Exception:  # whatever the database says of a missing author
            pass
        assert store.counts()["posts"] == 0
        assert [w.cursor for w in store.watches()] == [""]

    def test_fingerprints_tell_what_is_stored(self, store: Store) -> None:
        store.add_page([arrival(str(n)) for n in range(250)], AT)
        ids = [post(str(n)).id for n in range(300)]
        assert store.fingerprints(ids) == dict.fromkeys(ids[:250], "f1")

    # -- scoring again

    def test_stale_are_the_brands_matched_mentions_of_another_scorer_in_order_of_arrival(self, store: Store) -> None:
        store.add_page([arrival(str(n)) for n in range(6)] + [arrival("9", brand="Rival")], AT)
        store.add_page([arrival("1", fingerprint="f2")._replace(mentions=()), _taken_away("2")], AT)
        _rescored(store, arrival("4"), scorer="test@2")
        found = store.stale("Acme", "test@2", 0, 2)
        assert [one.post.source_id for one in found] == ["0", "3"]
        assert [(one.mention, one.post) for one in found] == [_as_stored("0"), _as_stored("3")]
        assert [one.post.source_id for one in store.stale("Acme", "test@2", found[-1].seq, 9)] == ["5"]
        assert [store.count_stale(brand, "test@2") for brand in ("Acme", "Rival", "Nobody")] == [3, 1, 0]
        assert store.count_stale("Acme", "") == 4, "nobody has no id"

    def test_a_changed_score_is_added_and_holds_an_unchanged_one_only_names_its_scorer(self, store: Store) -> None:
        store.add_page([arrival("1"), arrival("2")], AT)
        its, other = (arrival(n).mentions[0][0] for n in "12")
        new = _rescored(store, arrival("1"), scorer="test@2", label="detractor", value=-0.5, tags="low_confidence")
        _rescored(store, arrival("2"), changed=False, scorer="test@2", label="detractor")
        said = store.mention(its.id)
        assert said == its._replace(label="detractor", value=-0.5, tags="low_confidence", scorer="test@2")
        assert store.scores_of(its.id) == [arrival("1").mentions[0][1], new]
        assert store.mention(other.id) == other._replace(scorer="test@2")
        assert store.scores_of(other.id) == [arrival("2").mentions[0][1]]
        assert [one.label for one in store.tallies("Acme", *_FAR)].count("detractor") == 1

    def test_rescored_are_stored_together_or_not_at_all(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        sound = arrival("1").mentions[0][1]._replace(scorer="test@2", label="detractor")
        try:
            broken = sound._replace(scored_at=None)  # type: ignore[arg-type]
            store.rescore([Rescored(sound, True, "f1"), Rescored(broken, True, "f1")])
        except Exception:  # whatever the database says of a missing time
            pass
        assert store.mention(sound.mention_id) == arrival("1").mentions[0][0]
        assert len(store.scores_of(sound.mention_id)) == 1

    def test_a_score_of_words_that_are_no_longer_there_is_not_stored(self, store: Store) -> None:
        store.add_page([arrival("1"), arrival("2"), arrival("3")], AT)
        store.add_page([arrival("1", fingerprint="f2", label="passive"), _taken_away("2")], AT)
        for source_id, changed in itertools.product("12", (True, False)):
            _rescored(store, arrival(source_id), changed=changed, scorer="test@2", label="detractor")
        edited, buried = (arrival(n).mentions[0][0].id for n in "12")
        assert [score.label for score in store.scores_of(edited)] == ["promoter", "passive"]
        assert [score.explanation for score in store.scores_of(buried)] == ["[]"]
        assert [one.mention.label for one in store.stale("Acme", "test@2", 0, 9)] == ["passive", "promoter"]

    def test_an_edit_after_a_rescore_makes_the_newest_score_hold(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        _rescored(store, arrival("1"), scorer="test@2", label="detractor")
        store.add_page([arrival("1", fingerprint="f2", label="passive")], AT)
        (one,) = store.stale("Acme", "test@2", 0, 9)
        assert (one.mention.label, one.mention.scorer) == ("passive", "test@1")
        assert [score.label for score in store.scores_of(one.mention.id)] == ["promoter", "detractor", "passive"]

    # -- labels that people give

    def test_the_last_label_that_holds_counts_and_an_undone_one_gives_way_to_the_one_before(self, store: Store) -> None:
        store.add_page([arrival("1"), arrival("2", brand="Rival"), arrival("3")], AT)
        first, second = _review("1", 1, label="detractor"), _review("1", 2, label="passive")
        store.add_reviews([second, first, _review("2", 3, brand="Rival")])
        assert [(one.review.id, one.mention.brand) for one in store.labelled()] == [("2", "Acme"), ("3", "Rival")]
        (its,) = store.labelled("Acme")
        assert (its.review, its.mention, its.post) == (second, *_as_stored("1"))
        assert store.undo_review("2", AT)
        assert not store.undo_review("2", ago(days=1)) and not store.undo_review("9", AT)
        assert [one.review for one in store.labelled("Acme")] == [first]
        assert store.undo_review("1", AT)
        assert store.labelled("Acme") == []

    def test_a_label_given_twice_is_one_and_of_two_at_once_one_holds(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        store.add_reviews([_review("1", 1), _review("1", 1, label="passive")])
        assert [one.review.label for one in store.labelled()] == ["promoter"]
        store.add_reviews([_review("1", 2)._replace(reviewed_at=_review("1", 1).reviewed_at)])
        assert [one.review.id for one in store.labelled()] == ["2"]

    def test_what_is_taken_away_is_learnt_from_no_more(self, store: Store) -> None:
        store.add_page([arrival("1")], AT)
        store.add_reviews([_review("1", 1)])
        store.add_page([_taken_away("1")], AT)
        assert store.labelled() == []

    # -- word rules and calibrations

    def test_word_rules_are_listed_oldest_first_and_undone_ones_stay_with_their_time(self, store: Store) -> None:
        new, old = (WordRule(str(n), "Acme", "killer", 0.0, ago(days=n), "ann") for n in (1, 2))
        for rule in (new, old, new):
            store.add_word_rule(rule)
        assert store.word_rules() == [old, new]
        assert store.undo_word_rule(old.id, AT)
        assert not store.undo_word_rule(old.id, ago(days=-1)) and not store.undo_word_rule("9", AT)
        store.add_word_rule(old)
        assert store.word_rules() == [old._replace(undone_at=AT), new]

    def test_undoing_a_calibration_undoes_the_brands_newest_that_holds(self, store: Store) -> None:
        new, old = (Calibration(str(n), "Acme", "test@1", ago(days=n), 60, "{}") for n in (1, 2))
        other = new._replace(id="3", brand="Rival", fitted_at=AT)
        for one in (new, old, other, old):
            store.add_calibration(one)
        assert store.calibrations() == [old, new, other]
        assert store.undo_calibration("Acme", AT)
        assert store.calibrations() == [old, new._replace(undone_at=AT), other]
        assert store.undo_calibration("Acme", AT)
        assert not store.undo_calibration("Acme", AT)
        assert [one.id for one in store.calibrations() if one.undone_at is None] == ["3"]

    # -- reading

    def test_a_window_is_half_open(self, store: Store) -> None:
        store.add_page([arrival(str(n), at=ago(hours=n)) for n in (1, 2, 3)], AT)
        assert [one.mentions for one in store.tallies("Acme", ago(hours=2), ago(hours=1))] == [1]

    def test_a_mention_without_a_believable_date_is_in_no_window_but_counted(self, store: Store) -> None:
        store.add_page([arrival("1", at=None, dated="implausible")], AT)
        assert store.tallies("Acme", *_FAR) == []
        assert store.undated("Acme") == 1

    def test_findings_come_surest_first_and_only_with_the_labels_asked_for(self, store: Store) -> None:
        made = []
        for number, (label, confidence) in enumerate((("detractor", 0.6), ("promoter", 0.9), ("detractor", 0.8))):
            one = post(str(number))
            made.append(arrival(str(number))._replace(mentions=(mention(one, label=label, confidence=confidence),)))
        store.add_page(made, AT)
        found = store.findings("Acme", *_FAR, ("detractor",), limit=5)
        assert [f.mention.confidence for f in found] == [0.8, 0.6]
        assert len(store.findings("Acme", *_FAR, limit=1)) == 1

    def test_posts_page_by_key_newest_first(self, store: Store) -> None:
        store.add_page([arrival(str(n)) for n in range(5)], AT)
        first = store.posts(3)
        rest = store.posts(3, first[-1][0])
        assert [p.source_id for _, p in (*first, *rest)] == ["4", "3", "2", "1", "0"]

    def test_search_finds_all_words_newest_first_in_every_script(self, store: Store) -> None:
        texts = ("Acme crashes daily", "ACME never crashes", "アクメは素晴らしいです", "Führung bei Acme")
        store.add_page([arrival(str(n), text=text) for n, text in enumerate(texts)], AT)
        assert store.index_posts() == 4
        assert [p.source_id for p in store.search("crashes acme")] == ["1", "0"]
        assert [p.source_id for p in store.search("素晴らしい")] == ["2"]
        assert [p.source_id for p in store.search("führung")] == ["3"]
        assert store.index_posts() == 0

    def test_search_follows_an_edit(self, store: Store) -> None:
        store.add_page([arrival("1", text="Acme is great")], AT)
        store.index_posts()
        store.add_page([arrival("1", text="Acme is dreadful", fingerprint="f2")], AT)
        assert (len(store.search("great")), len(store.search("dreadful"))) == (0, 1)

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(st.text(max_size=30))
    def test_any_text_is_a_search_and_none_is_a_statement(self, store: Store, text: str) -> None:
        assert isinstance(store.search(text.encode("utf-8", "replace").decode()), list)

    # -- alerts

    def test_deliveries_wait_oldest_first_and_only_those_due(self, store: Store) -> None:
        store.add_alerts([alert(2), alert(1), alert(3, "other")])
        assert [o.alert for o in store.waiting("chat", AT)] == [alert(1)[0], alert(2)[0]]
        assert store.waiting("chat", ago(seconds=1)) == []
        assert store.next_delivery() == AT

    def test_an_attempt_is_counted_with_what_came_of_it(self, store: Store) -> None:
        store.add_alerts([alert(1)])
        (waiting,) = store.waiting("chat", AT)
        later = stamp(NOW + timedelta(minutes=5))
        store.record_attempt(waiting.delivery.id, "waiting", later, "HTTP 500", None)
        (again,) = store.waiting("chat", later)
        assert (again.delivery.attempts, again.delivery.last_error) == (1, "HTTP 500")
        store.record_attempt(waiting.delivery.id, "sent", later, "", later)
        assert store.waiting("chat", later) == []
        assert [o.delivery.sent_at for o in store.deliveries("sent")] == [later]
        assert store.next_delivery() is None

    def test_dead_deliveries_are_listed_and_can_try_again(self, store: Store) -> None:
        store.add_alerts([alert(1), alert(2)])
        for outgoing in store.waiting("chat", AT):
            store.record_attempt(outgoing.delivery.id, "dead", AT, "HTTP 410", None)
        assert len(store.deliveries("dead")) == 2
        assert store.replay([store.deliveries("dead")[0].delivery.id], AT) == 1
        assert [o.delivery.attempts for o in store.waiting("chat", AT)] == [0]
        assert store.replay([], AT) == 1

    def test_what_is_held_is_due_later_and_has_not_been_tried(self, store: Store) -> None:
        store.add_alerts([alert(1), alert(2)])
        ids, later = [one.delivery.id for one in store.waiting("chat", AT)], ago(hours=-1)
        store.hold(ids, later)
        store.hold(ids, AT)
        assert (store.waiting("chat", AT), store.next_delivery()) == ([], later)
        assert [(o.delivery.attempts, o.delivery.last_error) for o in store.waiting("chat", later)] == [(0, "")] * 2

    def test_what_is_dropped_waits_again_only_when_it_is_named(self, store: Store) -> None:
        store.add_alerts([alert(1), alert(2), alert(3)])
        first, second, third = (one.delivery.id for one in store.waiting("chat", AT))
        store.record_attempt(second, "dead", AT, "HTTP 410", None)
        store.record_attempt(third, "sent", AT, "", AT)
        assert store.drop([first, second, third, "unknown"], "by hand") == 2
        assert store.replay([], AT) == 0
        assert store.replay([first, third], AT) == 1
        named = {one: store.delivery(one) for one in (first, second, third)}
        assert [o and o.delivery.state for o in named.values()] == ["waiting", "dropped", "sent"]
        assert store.delivery("unknown") is None

    def test_what_was_told_in_a_digest_is_sent(self, store: Store) -> None:
        store.add_alerts([alert(1), alert(2)])
        store.told_in_digest([one.delivery.id for one in store.waiting("chat", AT)], AT)
        assert {(o.delivery.state, o.delivery.sent_at, o.delivery.attempts) for o in store.deliveries()} == {
            ("sent", AT, 1)
        }

    def test_deliveries_page_by_key_newest_alert_first(self, store: Store) -> None:
        store.add_alerts([alert(number) for number in range(7)])
        states: tuple[DeliveryState | None, ...] = (None, "waiting", "sent")
        for state in states:
            for one in store.deliveries() if state == "sent" else ():
                store.record_attempt(one.delivery.id, "sent", AT, "", AT)
            pages = [store.delivery_page("chat", state, "", 2)]
            while pages[-1].after:
                pages.append(store.delivery_page("chat", state, pages[-1].after, 2))
            paged = [one for page in pages for one in page.deliveries]
            assert paged == store.deliveries(state) == store.delivery_page("", state, "~garbage").deliveries
            assert [one.alert for one in paged] == [alert(number)[0] for number in reversed(range(7))]
            assert store.delivery_page("other", state).deliveries == []

    def test_deliveries_are_counted_by_channel_and_state(self, store: Store) -> None:
        store.add_alerts([alert(1), alert(2)])
        store.record_attempt(store.deliveries()[0].delivery.id, "dead", AT, "x", None)
        assert store.delivery_counts() == {("chat", "waiting"): 1, ("chat", "dead"): 1}
        assert store.delivery_counts("dead") == {("chat", "dead"): 1}

    def test_nothing_is_due_on_a_channel_that_is_not_open(self, store: Store) -> None:
        store.add_alerts([alert(1)])
        store.set_channel("chat", open_at=ago(hours=-2))
        assert store.next_delivery() == ago(hours=-2)
        store.set_channel("chat", open_at=ago(hours=2))
        assert store.next_delivery() == AT

    def test_an_alert_raised_twice_is_one(self, store: Store) -> None:
        store.add_alerts([alert(1)])
        store.add_alerts([alert(1)])
        assert store.counts()["alerts"] == 1

    def test_a_channel_remembers_that_it_is_closed(self, store: Store) -> None:
        assert store.channel("chat") == ("", "")
        store.set_channel("chat", open_at=AT)
        store.set_channel("chat", stopped="HTTP 410")
        assert store.channel("chat") == ("", "HTTP 410")

    # -- claims

    def test_a_claim_has_one_holder_and_is_free_afterwards(self, store: Store) -> None:
        with store.claim("a") as first, store.claim("a") as second, store.claim("b") as other:
            assert (first, second, other) == (True, False, True)
        with store.claim("a") as again:
            assert again
