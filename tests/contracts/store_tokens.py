"""What every store owes to programs that ask at the desk."""

from __future__ import annotations

from storage.contract import Store
from storage.records_tokens import Late, Token
from tests.contracts.store_desk import id_of
from tests.made import AT, ago, alert, arrival, audit, review, run, user, watch

LATE = (("late", 3), ("later", 2), ("closed", 8), ("early", -1))
"""Watches, and how many hours ago each was due."""


def token(number: int = 1, owner: str = "ann") -> Token:
    return Token(f"{number:064x}", owner, f"program {number}", ago(hours=9 - number))


class TokensContract:
    # -- vouching

    def test_a_token_stands_for_its_user_until_it_is_revoked(self, store: Store) -> None:
        ann = user("ann")
        store.add_user(ann)
        store.add_token(token())
        assert store.token(token().id) == (token(), ann)
        assert store.token("0" * 64) is None
        assert store.revoke_token(token().id, AT)
        assert store.token(token().id) is None
        assert not store.revoke_token(token().id, AT) and not store.revoke_token("nobody's", AT)
        assert store.tokens() == [token()._replace(revoked_at=AT)]

    def test_a_token_rests_while_its_user_is_disabled(self, store: Store) -> None:
        store.add_user(user("ann"))
        store.add_token(token())
        store.set_user(user("ann", disabled_at=AT))
        assert store.token(token().id) is None
        store.set_user(user("ann", role="viewer"))
        found = store.token(token().id)
        assert found is not None and found[1].role == "viewer"

    def test_tokens_of_a_user_or_of_all_the_oldest_first(self, store: Store) -> None:
        store.add_user(user("ann"))
        store.add_user(user("bob"))
        for one in (token(2), token(1), token(3, "bob")):
            store.add_token(one)
        assert store.tokens() == [token(1), token(2), token(3, "bob")]
        assert store.tokens("ANN") == [token(1), token(2)] and store.tokens("eve") == []

    def test_the_last_day_of_a_token_never_goes_back(self, store: Store) -> None:
        store.add_user(user("ann"))
        store.add_token(token())
        for day in ("2026-11-21", "2026-11-22", "2026-11-20"):
            store.touch_token(token().id, day)
        assert [one.used_on for one in store.tokens()] == ["2026-11-22"]

    # -- exporting

    def test_reviews_come_the_newest_first_page_by_page(self, store: Store) -> None:
        made = [arrival(str(n), brand="Acme" if n % 2 else "Other") for n in range(5)]
        store.add_page(made, AT)
        given = [review(one, "passive", n, reviewed_at=ago(hours=n // 2)) for n, one in enumerate(made)]
        store.add_reviews(given)
        found, after = [], ""
        while True:
            page = store.reviews((), after, 2)
            found += page.reviews
            after = page.after
            if not after:
                break
            assert len(page.reviews) == 2
        newest = sorted(given, key=lambda one: (one.reviewed_at, one.id), reverse=True)
        assert [one for _, one in found] == newest
        assert {brand for brand, _ in store.reviews(("Other",)).reviews} == {"Other"}
        assert len(store.reviews(("Other", "Acme"), limit=5).reviews) == 5
        assert store.reviews(("Nobody",)).reviews == [] and store.reviews((), "garbage").after == ""

    def test_reviews_of_what_waits_for_a_blind_label_are_not_shown(self, store: Store) -> None:
        made, other = arrival("1"), arrival("2")
        store.add_page([made, other], AT)
        store.add_reviews([review(made, "passive", 1), review(other, "passive", 2)])
        store.add_audit(*audit(made))
        assert [one.mention_id for _, one in store.reviews().reviews] == [id_of(other)]
        blind = review(made, "detractor", 3, sampled_by="audit", inclusion_prob=0.5, audit_id=audit(made)[0].id)
        store.add_reviews([blind])
        assert {one.mention_id for _, one in store.reviews().reviews} == {id_of(other), id_of(made)}

    def test_figures_count_runs_and_deliveries(self, store: Store) -> None:
        empty = store.figures()
        assert (empty.runs, empty.deliveries, empty.raised_at) == ({}, {}, None)
        asked = watch("blogs")
        store.sync_watches([asked])
        for number, outcome in enumerate(("ok", "ok", "failed")):
            store.finish_run(run(asked, number, outcome=outcome), AT)
        store.add_alerts([alert(1), alert(2)])
        (late, (its,)), (early, _) = alert(1), alert(2)
        found = store.figures()
        assert (found.runs, found.deliveries) == ({"ok": 2, "failed": 1}, {"waiting": 2})
        assert found.raised_at == min(late.raised_at, early.raised_at)
        store.record_attempt(its.id, "sent", AT, "", AT)
        assert store.figures().deliveries == {"sent": 1, "waiting": 1}

    def test_figures_count_what_is_stored(self, store: Store) -> None:
        assert store.figures()[3:] == (0, 0, 0)
        store.add_page([arrival("1"), arrival("2")], AT)
        store.add_page([arrival("2"), arrival("3")], AT)
        store.add_alerts([alert(1)])
        assert store.figures()[3:] == (3, 3, 1)

    def test_what_should_have_been_asked_is_told_by_kind(self, store: Store) -> None:
        late, later, closed, early = (watch(name, next_due=ago(hours=hours)) for name, hours in LATE)
        other = watch("forum", kind="discourse", next_due=ago(hours=5))
        store.sync_watches([late, later, closed, early, other, watch("gone", next_due=ago(hours=9))])
        store.sync_watches([late, later, closed, early, other])
        store.finish_run(run(closed), ago(hours=8), closed="gone for good")
        assert store.late_watches(AT) == [Late("discourse", 1, ago(hours=5)), Late("feed", 2, ago(hours=3))]
        assert store.late_watches(ago(hours=5)) == [Late("discourse", 1, ago(hours=5))]
        assert store.late_watches(ago(hours=99)) == []

    def test_a_database_has_a_size(self, store: Store) -> None:
        before = store.size()
        store.add_page([arrival(str(number), text=" ".join(map(str, range(20_000)))) for number in range(10)], AT)
        assert store.size() > before > 10_000
